//! The socket itself: where it is and who may use it.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::unistd::Group;
use tokio::net::UnixListener;

use super::socket_path;
use crate::config::LocalConfig;

/// Why the agent can't listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// It can't be made, such as for a path of more than about 100 bytes.
    #[error("{path}: {source}")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another file would be lost.
    #[error("{0} is there and isn't a socket; local.socket needs a path of its own")]
    Occupied(PathBuf),
    /// An agent with another data folder.
    #[error("another agent listens at {0}; give this one another local.socket")]
    InUse(PathBuf),
    /// The system knows no such group.
    #[error("local.group = {0:?}: there is no such group on this machine")]
    NoGroup(String),
    /// Only root and members may give a file to a group.
    #[error("local.group = {group:?}: {source}; the agent's user must be a member of it")]
    Group {
        /// The group.
        group: String,
        /// What the system says.
        source: io::Error,
    },
}

/// The open socket. Dropping it removes its files.
#[derive(Debug)]
pub struct LocalSocket {
    /// Accepts connections.
    pub listener: UnixListener,
    _files: Files,
}

#[derive(Debug)]
struct Files(Vec<PathBuf>);

impl Drop for Files {
    fn drop(&mut self) {
        for path in &self.0 {
            if let Err(error) = fs::remove_file(path) {
                tracing::debug!(%error, path = %path.display(), "local socket");
            }
        }
    }
}

/// Opens the socket: for the agent's user only, or for a group too. The caller holds the data
/// folder's lock. A socket that a killed agent left is replaced.
///
/// When the socket is elsewhere, a link in the data folder leads to it, so that whoever knows the
/// data folder needn't know more.
///
/// # Errors
/// See [`BindError`].
pub fn bind(data_dir: &Path, config: &LocalConfig) -> Result<LocalSocket, BindError> {
    let own = socket_path(data_dir);
    let path = config.socket.as_ref().unwrap_or(&own);
    let failed = |path: &Path, source| BindError::Socket { path: path.to_owned(), source };
    let group = config.group.as_deref().map(find_group).transpose()?;
    make_room(path)?;
    let mut files = Files(Vec::new());
    let listener = UnixListener::bind(path).map_err(|source| failed(path, source))?;
    files.0.push(path.clone());
    let mut mode = 0o600;
    if let Some(group) = group {
        chown(path, None, Some(group.gid.as_raw()))
            .map_err(|source| BindError::Group { group: group.name, source })?;
        mode = 0o660;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|source| failed(path, source))?;
    if *path != own {
        make_room(&own)?;
        symlink(path, &own).map_err(|source| failed(&own, source))?;
        files.0.push(own);
    }
    Ok(LocalSocket { listener, _files: files })
}

fn find_group(name: &str) -> Result<Group, BindError> {
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(group),
        Ok(None) => Err(BindError::NoGroup(name.to_owned())),
        Err(error) => Err(BindError::Group { group: name.to_owned(), source: error.into() }),
    }
}

/// Removes what a killed agent has left, and nothing else.
fn make_room(path: &Path) -> Result<(), BindError> {
    let failed = |source| BindError::Socket { path: path.to_owned(), source };
    let kind = match fs::symlink_metadata(path) {
        Ok(found) => found.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if kind.is_socket() {
        match UnixStream::connect(path) {
            Ok(_) => return Err(BindError::InUse(path.to_owned())),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(failed(error)),
        }
    } else if !kind.is_symlink() {
        return Err(BindError::Occupied(path.to_owned()));
    }
    fs::remove_file(path).map_err(failed)
}
