//! Asking the running agent.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::protocol::{Answer, Request};
use crate::limits::{LOCAL_ANSWER, LOCAL_LINE_BYTES};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Nobody listens.
    #[error("no agent runs: nobody listens at {0}")]
    NotRunning(PathBuf),
    /// Talking failed.
    #[error("{path}: {source}")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The answer isn't one of this version.
    #[error("the agent's answer can't be read: {0}; is it another version?")]
    Answer(String),
}

/// The socket in a data folder, or the link to it.
#[must_use]
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("agent.sock")
}

/// Sends a request and waits for its answer.
///
/// # Errors
/// See [`LocalError`].
pub fn ask(socket: &Path, request: &Request) -> Result<Answer, LocalError> {
    let failed = |source| LocalError::Socket { path: socket.to_owned(), source };
    let mut stream = UnixStream::connect(socket).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            LocalError::NotRunning(socket.to_owned())
        }
        _ => failed(error),
    })?;
    stream.set_read_timeout(Some(LOCAL_ANSWER)).map_err(failed)?;
    stream.set_write_timeout(Some(LOCAL_ANSWER)).map_err(failed)?;
    let mut line =
        serde_json::to_vec(request).map_err(|error| LocalError::Answer(error.to_string()))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(failed)?;
    let mut answer = String::new();
    BufReader::new(stream.take(LOCAL_LINE_BYTES as u64 * 8))
        .read_line(&mut answer)
        .map_err(failed)?;
    serde_json::from_str(&answer).map_err(|error| LocalError::Answer(error.to_string()))
}
