//! Asking the running agent.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::protocol::{Answer, Request};
use crate::limits::{LOCAL_ANSWER, LOCAL_LINE_BYTES};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Nobody listens.
    #[error("no agent runs: nobody listens at {0}")]
    NotRunning(PathBuf),
    /// It didn't get the request.
    #[error("the agent at {path} can't be reached")]
    Unsent {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It got the request and said nothing in time: it may still do it.
    #[error("the agent at {path} hasn't answered within {} s", LOCAL_ANSWER.as_secs())]
    Late {
        /// The socket.
        path: PathBuf,
    },
    /// It got the request, then the connection failed.
    #[error("the agent at {path} gave no answer")]
    Unanswered {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The answer isn't one of this version.
    #[error("the agent's answer can't be read: {0}; is it another version?")]
    Answer(String),
}

impl LocalError {
    /// Whether it is certain that the agent hasn't done what it was asked for.
    #[must_use]
    pub const fn is_undone(&self) -> bool {
        matches!(self, Self::NotRunning(_) | Self::Unsent { .. })
    }
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
    ask_within(socket, request, LOCAL_ANSWER)
}

fn ask_within(socket: &Path, request: &Request, patience: Duration) -> Result<Answer, LocalError> {
    let unsent = |source: io::Error| {
        // The system's own words for this are about a resource, not about time.
        let source = if is_late(&source) {
            io::Error::new(ErrorKind::TimedOut, "it takes nothing")
        } else {
            source
        };
        LocalError::Unsent { path: socket.to_owned(), source }
    };
    let unanswered = |source: io::Error| {
        let path = socket.to_owned();
        if is_late(&source) {
            LocalError::Late { path }
        } else {
            LocalError::Unanswered { path, source }
        }
    };
    let mut stream = UnixStream::connect(socket).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            LocalError::NotRunning(socket.to_owned())
        }
        _ => unsent(error),
    })?;
    stream.set_read_timeout(Some(patience)).map_err(unsent)?;
    stream.set_write_timeout(Some(patience)).map_err(unsent)?;
    let mut line =
        serde_json::to_vec(request).map_err(|error| LocalError::Answer(error.to_string()))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(unsent)?;
    let mut answer = String::new();
    let read = BufReader::new(stream.take(LOCAL_LINE_BYTES as u64 * 8))
        .read_line(&mut answer)
        .map_err(unanswered)?;
    if read == 0 {
        let closed = io::Error::new(ErrorKind::UnexpectedEof, "it closed the connection");
        return Err(unanswered(closed));
    }
    serde_json::from_str(&answer).map_err(|error| LocalError::Answer(error.to_string()))
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::os::unix::net::UnixListener;

    use millwright_schemas::wire::events::FaultCleared;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    fn asked(text: &str) -> LocalError {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent.sock");
        // Connections are made by the system; nobody ever reads or answers.
        let _listener = UnixListener::bind(&socket).unwrap();
        let fault = FaultCleared { code: text.to_owned(), source: String::new() };
        ask_within(&socket, &Request::FaultClear { fault }, SHORT).unwrap_err()
    }

    #[test]
    fn an_agent_that_does_not_answer_in_time_may_still_do_it() {
        let error = asked("E-1");
        assert!(matches!(error, LocalError::Late { .. }) && !error.is_undone(), "{error:?}");
        assert!(error.to_string().ends_with("hasn't answered within 10 s"), "{error}");
    }

    #[test]
    fn an_agent_that_does_not_take_the_request_has_not_done_it() {
        let error = asked(&"x".repeat(8 * 1024 * 1024));
        let LocalError::Unsent { source, .. } = &error else { panic!("{error:?}") };
        assert_eq!(source.to_string(), "it takes nothing");
        assert!(error.is_undone());
    }
}
