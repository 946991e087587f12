//! The local log: what was asked, decided, done and stopped on this machine. The operator's own.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::log_file::LogFile;
use super::order::{How, LoggedOrder, OrderShown};
use crate::clock;
use crate::limits::{LOG_ENTRIES_QUEUED, LOG_ENTRIES_SHOWN};

/// What an entry tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// The operator was asked.
    Asked,
    /// The operator agreed.
    Granted,
    /// The operator refused.
    Refused,
    /// The question went away: the order was canceled or its time was over.
    CalledOff,
    /// Something began to be done.
    Started,
    /// The operator pressed stop.
    Stopped,
    /// It has ended; the text says how.
    Ended,
    /// The operator asked for help; the text is the message.
    HelpRequested,
    /// Entries before this one are missing; the text says how many.
    EntriesLost,
}

/// An entry: one line of JSON in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When, by the machine's clock.
    pub ts: Timestamp,
    /// What happened.
    pub what: Happening,
    /// To which order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<LoggedOrder>,
    /// How the operator's word came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<How>,
    /// How it ended, or what was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl LogEntry {
    /// Something about an order, now.
    #[must_use]
    pub fn of(what: Happening, order: &OrderShown) -> Self {
        Self { ts: clock::now(), what, order: Some(order.into()), how: None, text: None }
    }

    /// A request for help, now.
    #[must_use]
    pub fn help(message: String, how: How) -> Self {
        let what = Happening::HelpRequested;
        Self { ts: clock::now(), what, order: None, how: Some(how), text: Some(message) }
    }

    fn lost(count: u64) -> Self {
        let (what, text) = (Happening::EntriesLost, Some(count.to_string()));
        Self { ts: clock::now(), what, order: None, how: None, text }
    }
}

/// The log's file in a data folder.
#[must_use]
pub fn log_path(data_dir: &Path) -> PathBuf {
    data_dir.join("operator.log")
}

/// The log on a thread of its own, so that waiting for the disk stops nothing else. The thread
/// ends with the last clone.
#[derive(Clone)]
pub struct LocalLog {
    writes: mpsc::Sender<Write>,
    shared: Arc<Mutex<Shared>>,
}

struct Write {
    entry: LogEntry,
    /// Told once the entry is on the disk, or can't be.
    written: Option<oneshot::Sender<()>>,
}

#[derive(Default)]
struct Shared {
    newest: VecDeque<LogEntry>,
    entries: u64,
    lost: u64,
    problem: Option<String>,
}

impl Shared {
    fn show(&mut self, entry: LogEntry) {
        self.newest.push_front(entry);
        self.newest.truncate(LOG_ENTRIES_SHOWN);
        self.entries += 1;
    }
}

impl LocalLog {
    /// Opens the log of a data folder. When that fails it is tried again with each entry, and told
    /// in [`Self::state`].
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(data_dir: &Path) -> io::Result<(Self, JoinHandle<()>)> {
        let (writes, received) = mpsc::channel(LOG_ENTRIES_QUEUED);
        let mut file = LogFile::new(log_path(data_dir));
        let mut shared = Shared::default();
        match file.newest(LOG_ENTRIES_SHOWN) {
            Ok(newest) => shared.newest = newest,
            Err(error) => shared.problem = Some(error.to_string()),
        }
        let shared = Arc::new(Mutex::new(shared));
        let writer = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("operator-log".to_owned())
            .spawn(move || write_all(&mut file, received, &writer))?;
        Ok((Self { writes, shared }, thread))
    }

    /// Adds an entry, without waiting for the disk.
    pub fn note(&self, entry: LogEntry) {
        lock(&self.shared).show(entry.clone());
        if self.writes.try_send(Write { entry, written: None }).is_err() {
            lock(&self.shared).lost += 1;
        }
    }

    /// Adds an entry and waits until it is on the disk, or can't be.
    pub async fn record(&self, entry: LogEntry) {
        lock(&self.shared).show(entry.clone());
        let (written, waits) = oneshot::channel();
        if self.writes.send(Write { entry, written: Some(written) }).await.is_ok() {
            let _ = waits.await;
        }
    }

    /// The newest entries, newest first.
    #[must_use]
    pub fn newest(&self) -> Vec<LogEntry> {
        lock(&self.shared).newest.iter().cloned().collect()
    }

    /// How many entries came since the start, and why they aren't on the disk when they aren't.
    #[must_use]
    pub fn state(&self) -> (u64, Option<String>) {
        let shared = lock(&self.shared);
        (shared.entries, shared.problem.clone())
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    // Plain data: what a panicking writer left is still worth showing.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_all(file: &mut LogFile, mut received: mpsc::Receiver<Write>, shared: &Mutex<Shared>) {
    while let Some(Write { entry, written }) = received.blocking_recv() {
        let lost = lock(shared).lost;
        let note = (lost > 0).then(|| LogEntry::lost(lost));
        let result = note
            .iter()
            .chain([&entry])
            .try_for_each(|entry| file.append(entry))
            .and_then(|()| if written.is_some() { file.sync() } else { Ok(()) });
        let mut shared = lock(shared);
        match result {
            Ok(()) => {
                shared.lost -= lost;
                shared.problem = None;
            }
            Err(error) => {
                tracing::error!(%error, "the local log can't be written");
                shared.lost += 1;
                shared.problem = Some(error.to_string());
            }
        }
        drop(shared);
        if let Some(written) = written {
            let _ = written.send(());
        }
    }
}
