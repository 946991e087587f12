//! Work with files, beside the runtime's threads.

use std::path::Path;

use super::BackupError;
use super::error::io;

/// Runs long work; `path` is what an error names.
pub(super) async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(io(path, "worked on")(std::io::Error::other(error))),
    }
}
