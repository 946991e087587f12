//! The local log's file: JSON lines, bounded by keeping one older file.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::log::LogEntry;
use crate::limits::LOG_FILE_BYTES;

/// The file, opened when it is needed.
pub(super) struct LogFile {
    path: PathBuf,
    open: Option<(File, u64)>,
}

/// Why an entry isn't kept.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub(super) struct LogError {
    path: PathBuf,
    source: io::Error,
}

impl LogFile {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, open: None }
    }

    /// Adds a line; when the file would become too long it becomes the older one first.
    pub(super) fn append(&mut self, entry: &LogEntry) -> Result<(), LogError> {
        let mut line = serde_json::to_vec(entry).map_err(|error| self.failed(error.into()))?;
        line.push(b'\n');
        let result = self.write(&line);
        if result.is_err() {
            self.open = None;
        }
        result.map_err(|error| self.failed(error))
    }

    /// Waits until all lines are on the disk.
    pub(super) fn sync(&self) -> Result<(), LogError> {
        match &self.open {
            Some((file, _)) => file.sync_data().map_err(|error| self.failed(error)),
            None => Ok(()),
        }
    }

    /// The newest entries, newest first, of both files. Lines that aren't entries are passed over.
    pub(super) fn newest(&self, count: usize) -> Result<VecDeque<LogEntry>, LogError> {
        let mut newest = VecDeque::new();
        for path in [self.older(), self.path.clone()] {
            let text = match read(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(source) => return Err(LogError { path, source }),
            };
            for entry in text
                .split(|byte| *byte == b'\n')
                .filter_map(|line| serde_json::from_slice(line).ok())
            {
                newest.push_front(entry);
                newest.truncate(count);
            }
        }
        Ok(newest)
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let (mut file, mut length) = match self.open.take() {
            Some(open) => open,
            None => self.open()?,
        };
        if length > 0 && length + line.len() as u64 > LOG_FILE_BYTES {
            file.sync_all()?;
            fs::rename(&self.path, self.older())?;
            (file, length) = self.open()?;
        }
        file.write_all(line)?;
        self.open = Some((file, length + line.len() as u64));
        Ok(())
    }

    fn open(&self) -> io::Result<(File, u64)> {
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.path)?;
        let length = file.metadata()?.len();
        let mut last = [b'\n'];
        if length > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        if last != [b'\n'] {
            // A line that a crash cut off must not swallow the next one.
            file.write_all(b"\n")?;
        }
        let length = file.metadata()?.len();
        Ok((file, length))
    }

    fn older(&self) -> PathBuf {
        self.path.with_extension("log.old")
    }

    fn failed(&self, source: io::Error) -> LogError {
        LogError { path: self.path.clone(), source }
    }
}

fn read(path: &PathBuf) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LOG_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
