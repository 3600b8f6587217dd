//! Whether the daemon can use the places that the configuration names: the store's folder, the addresses. It
//! looks, and makes nothing.

#![expect(
    clippy::disallowed_methods,
    reason = "runs at the start, in `check`, and in a reload beside the runtime"
)]

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::net::{AddressFamily, SocketType, bind, socket, sockopt};

use crate::config::{Engine, Settings};
use crate::store;

/// What cannot be had: a sentence each, which starts with its key.
pub(super) fn problems(settings: &Settings) -> Vec<String> {
    let mut problems = Vec::new();
    let path = &settings.store.path;
    let others = || (settings.store.engine == Engine::Sled).then(|| store::of_others(path))?;
    let others = || others().map(|why| format!("{} {why}", path.display()));
    problems.extend(folder(path).or_else(others).map(|problem| format!("store.path: {problem}")));
    if settings.admin.token.is_none() {
        problems.extend(
            token_file(&settings.admin_token_file())
                .map(|problem| format!("admin.token_file: {problem}")),
        );
    }
    for (key, address) in
        [("intake.listen", settings.intake.listen), ("admin.listen", settings.admin.listen)]
    {
        problems.extend(not_bindable(address).map(|problem| format!("{key}: {problem}")));
    }
    problems
}

/// Why no token can be kept there.
fn token_file(path: &Path) -> Option<String> {
    if path.is_dir() {
        return Some(format!("{} is a folder, not a file", path.display()));
    }
    let above = path.parent()?;
    folder(if above == Path::new("") { Path::new(".") } else { above })
}

/// Why the folder can neither be written to nor be made.
fn folder(path: &Path) -> Option<String> {
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(found) if !found.is_dir() => return Some(format!("{shown} is a file, not a folder")),
        Ok(_) => return not_writable(path),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Some(format!("{shown} cannot be used: {error}")),
    }
    let above = path.ancestors().skip(1);
    let mut above = above.map(|one| if one == Path::new("") { Path::new(".") } else { one });
    let nearest = above.find(|one| one.symlink_metadata().is_ok())?;
    match std::fs::metadata(nearest) {
        Ok(found) if found.is_dir() => not_writable(nearest),
        Ok(_) => Some(format!("{shown} cannot be created: {} is a file", nearest.display())),
        Err(error) => Some(format!("{shown} cannot be created: {}: {error}", nearest.display())),
    }
}

fn not_writable(folder: &Path) -> Option<String> {
    let error = access(folder, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).err()?;
    let error = io::Error::from(error);
    Some(format!(
        "this user cannot write to {} ({error}); check as the user that the daemon runs as",
        folder.display()
    ))
}

/// Why the address cannot be listened on. One that is in use may be the daemon's own.
fn not_bindable(address: SocketAddr) -> Option<String> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let tried = socket(family, SocketType::STREAM, None).and_then(|socket| {
        sockopt::set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &address)
    });
    let error = io::Error::from(tried.err()?);
    match error.kind() {
        ErrorKind::AddrInUse => None,
        ErrorKind::PermissionDenied => Some(format!(
            "{address} needs a privilege ({error}); use a port from 1024 up, or have systemd pass the socket"
        )),
        ErrorKind::AddrNotAvailable => {
            Some(format!("{address} is not an address of this machine ({error})"))
        }
        _ => Some(format!("{address} cannot be listened on: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_below_a_file_and_a_foreign_address_cannot_be_had() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert!(folder(&file).unwrap().contains("is a file"));
        assert!(folder(&file.join("a/b")).is_some());
        assert_eq!(folder(&home.path().join("a/b")), None);
        assert_eq!(folder(home.path()), None);
        assert!(not_bindable("192.0.2.1:0".parse().unwrap()).unwrap().contains("not an address"));
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(not_bindable(taken.local_addr().unwrap()), None);
        assert_eq!(not_bindable("[::1]:0".parse().unwrap()), None);
    }
}
