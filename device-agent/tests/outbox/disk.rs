//! A disk that can be full and can crash: what wasn't synced is lost, but for a beginning of it.

use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, MutexGuard};

use millwright_agent::outbox::{OpenDatabase, Outbox};
use redb::StorageBackend;

#[derive(Debug)]
enum Change {
    Write { offset: usize, old: Vec<u8> },
    Resize { old_len: usize, cut: Vec<u8> },
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// Undoes what isn't synced, oldest first.
    unsynced: Vec<Change>,
    /// Writes until the disk is full.
    writes_left: Option<u32>,
    /// Counts crashes: handles from before one are dead.
    epoch: u32,
}

/// The disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct Handle {
    disk: Disk,
    epoch: u32,
}

impl Disk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Opens the database on it, as the outbox does.
    pub(crate) fn opener(&self) -> OpenDatabase {
        let disk = self.clone();
        Box::new(move || {
            let epoch = disk.state().epoch;
            Outbox::database_over(Handle { disk: disk.clone(), epoch })
        })
    }

    /// Full after so many more writes; `None`: room again.
    pub(crate) fn fill_after(&self, writes: Option<u32>) {
        self.state().writes_left = writes;
    }

    /// Power fails: of what wasn't synced only the first `kept` changes have reached the disk.
    pub(crate) fn crash(&self, kept: usize) {
        let mut state = self.state();
        while state.unsynced.len() > kept {
            match state.unsynced.pop() {
                Some(Change::Write { offset, old }) => {
                    state.bytes[offset..offset + old.len()].copy_from_slice(&old);
                }
                Some(Change::Resize { old_len, cut }) => {
                    state.bytes.resize(old_len - cut.len(), 0);
                    state.bytes.extend_from_slice(&cut);
                }
                None => {}
            }
        }
        state.unsynced.clear();
        state.writes_left = None;
        state.epoch += 1;
    }
}

impl Handle {
    fn state(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.epoch == self.epoch {
            Ok(state)
        } else {
            Err(Error::other("from before the crash"))
        }
    }
}

impl State {
    fn take_space(&mut self) -> Result<()> {
        match &mut self.writes_left {
            Some(0) => Err(Error::from(ErrorKind::StorageFull)),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> Result<u64> {
        Ok(self.state()?.bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let state = self.state()?;
        let offset = usize::try_from(offset).unwrap();
        let bytes = state.bytes.get(offset..offset + out.len());
        out.copy_from_slice(bytes.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut state = self.state()?;
        let len = usize::try_from(len).unwrap();
        let old_len = state.bytes.len();
        if len > old_len {
            state.take_space()?;
        }
        let cut = state.bytes.get(len..).map(<[u8]>::to_vec).unwrap_or_default();
        state.bytes.resize(len, 0);
        state.unsynced.push(Change::Resize { old_len, cut });
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        self.state()?.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut state = self.state()?;
        state.take_space()?;
        let offset = usize::try_from(offset).unwrap();
        let range = offset..offset + data.len();
        let old = state.bytes[range.clone()].to_vec();
        state.bytes[range].copy_from_slice(data);
        state.unsynced.push(Change::Write { offset, old });
        Ok(())
    }
}
