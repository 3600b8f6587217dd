//! `new-vendor`: the folder of a new profile, to be filled.

use std::path::Path;

use super::{Exit, say};
use crate::app;

#[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
pub(super) fn run(config: Option<&Path>, vendor: &str, vendors: Option<&Path>) -> Exit {
    let vendors = match vendors {
        Some(vendors) => vendors.to_owned(),
        None => match super::load_settings(config) {
            Ok(settings) => settings.mappings.join("vendors"),
            Err(Exit::Usage(why)) => {
                return Exit::Usage(format!("{why}\nor name a folder by --dir"));
            }
            Err(exit) => return exit,
        },
    };
    match app::new_vendor::write(&vendors, vendor) {
        Err(why) => Exit::Usage(why),
        Ok((folder, files)) => {
            files.iter().for_each(|file| say(&file.display().to_string()));
            say(&format!(
                "It is a working profile of an invented vendor. Fill it as {} says; `awa-bridge check` names what is still to do.",
                folder.join("README.md").display()
            ));
            Exit::Done
        }
    }
}
