//! Writes the man pages and the shell completions of a command line, for the package. It reads nothing but the
//! command's definition, so they cannot drift from it.

#![expect(clippy::disallowed_methods, reason = "a command has the process to itself")]

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;

/// A file or directory that could not be written.
#[derive(Debug)]
pub(crate) struct AssetError {
    path: PathBuf,
    error: io::Error,
}

impl fmt::Display for AssetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be written: {}", self.path.display(), self.error)
    }
}

impl std::error::Error for AssetError {}

/// Writes `man/NAME.1` with a page for each subcommand (`NAME-SUBCOMMAND.1`), and `completions/` with `NAME.bash`,
/// `_NAME` (zsh) and `NAME.fish`, into `directory`. Hidden subcommands get no page.
///
/// # Errors
/// Names the path that cannot be written.
pub(crate) fn write_assets(mut command: Command, directory: &Path) -> Result<(), AssetError> {
    let man = made(directory.join("man"))?;
    // First: generating completions adds the `help` commands to the definition for good.
    clap_mangen::generate_to(without_help(command.clone()), &man)
        .map_err(|error| AssetError { path: man, error })?;
    let completions = made(directory.join("completions"))?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let name = command.get_name().to_owned();
        clap_complete::generate_to(shell, &mut command, name, &completions)
            .map_err(|error| AssetError { path: completions.clone(), error })?;
    }
    Ok(())
}

fn made(path: PathBuf) -> Result<PathBuf, AssetError> {
    match fs::create_dir_all(&path) {
        Ok(()) => Ok(path),
        Err(error) => Err(AssetError { path, error }),
    }
}

/// Without the generated `help` commands, which would have a page for every other command again.
fn without_help(command: Command) -> Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}

#[cfg(test)]
mod tests;
