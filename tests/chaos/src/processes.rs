//! Looking for processes and sending them signals.

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Direct children of a process, with their command lines.
pub(crate) fn children(parent: u32) -> Vec<(u32, String)> {
    let Ok(folder) = std::fs::read_dir("/proc") else { return Vec::new() };
    folder
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|id| parent_of(*id) == Some(parent))
        .map(|id| {
            let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            (id, String::from_utf8_lossy(&line).replace('\0', " "))
        })
        .collect()
}

fn parent_of(id: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // After the name in brackets, which may have anything in it: state, then the parent.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// A process that is stopped. It goes on when this is dropped, also when the run is given up.
#[derive(Debug)]
pub(crate) struct Stopped(u32);

impl Stopped {
    /// SIGSTOP.
    pub(crate) fn stop(id: u32) -> anyhow::Result<Self> {
        signal(id, Signal::SIGSTOP)?;
        Ok(Self(id))
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = signal(self.0, Signal::SIGCONT);
    }
}

/// Sends a signal; a process that has ended meanwhile is no error.
pub(crate) fn signal(id: u32, signal: Signal) -> anyhow::Result<()> {
    match kill(Pid::from_raw(i32::try_from(id)?), signal) {
        Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("{signal} to process {id}")),
    }
}
