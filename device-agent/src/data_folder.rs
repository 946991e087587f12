//! The data folder: one agent at a time has it, and the outbox in it.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tokio::time::{Instant, sleep};

use crate::config::Config;
use crate::limits::{LOCK_PATIENCE, LOCK_RETRY};
use crate::outbox::{self, Outbox};
use crate::run::RunError;
use crate::{clock, private_file};

/// The outbox in a data folder.
#[must_use]
pub fn outbox_path(data_dir: &Path) -> PathBuf {
    data_dir.join("outbox.redb")
}

/// Held while an agent uses a data folder; let go by the system when the process ends.
#[derive(Debug)]
pub struct DataDirLock(#[expect(dead_code, reason = "the open file is the lock")] File);

/// Takes the data folder, making it when it isn't there.
///
/// # Errors
/// [`RunError::Locked`] when another process has it.
pub fn lock(data_dir: &Path) -> Result<DataDirLock, RunError> {
    private_file::make_folder(data_dir)
        .map_err(|source| RunError::File { path: data_dir.to_owned(), source })?;
    let path = data_dir.join("agent.lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|source| RunError::File { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(DataDirLock(file)),
        Err(TryLockError::WouldBlock) => Err(RunError::Locked(data_dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(RunError::File { path, source }),
    }
}

/// The same, but `status` and `enroll` may have it for a moment: that must not keep a service from
/// starting, for good as the case may be.
pub(crate) async fn lock_patiently(data_dir: &Path) -> Result<DataDirLock, RunError> {
    let patience = Instant::now() + LOCK_PATIENCE;
    let mut told = false;
    loop {
        match lock(data_dir) {
            Err(RunError::Locked(_)) if Instant::now() < patience => {
                if !std::mem::replace(&mut told, true) {
                    tracing::info!("waiting for the data folder, which another program uses");
                }
                sleep(LOCK_RETRY).await;
            }
            result => return result,
        }
    }
}

/// Opens the outbox. A broken file is set aside and a new one begun: a machine that stays silent
/// for ever would be worse.
pub(crate) fn open_outbox(
    config: &Config,
    data_dir: &Path,
) -> Result<(Outbox, Option<String>), RunError> {
    let path = outbox_path(data_dir);
    let failed = |source| RunError::Outbox { path: path.clone(), source };
    let emptied = outbox::is_emptied(&path);
    let error = match Outbox::open(&path, config.outbox_settings()) {
        Ok(outbox) => {
            let problem = emptied.then(|| {
                format!("{} was empty (0 bytes): what waited in it is lost", path.display())
            });
            if let Some(problem) = &problem {
                tracing::warn!("{problem}");
            }
            return Ok((outbox, problem));
        }
        Err(error) if error.is_lasting() => error,
        Err(error) => return Err(failed(error)),
    };
    let aside = data_dir.join(format!("outbox-broken-{}.redb", clock::now().seconds()));
    std::fs::rename(&path, &aside)
        .map_err(|source| RunError::File { path: path.clone(), source })?;
    let problem =
        format!("the outbox was broken ({error}); it is set aside as {}", aside.display());
    tracing::error!("{problem}");
    let outbox = Outbox::open(&path, config.outbox_settings()).map_err(failed)?;
    Ok((outbox, Some(problem)))
}
