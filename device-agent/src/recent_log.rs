//! The agent's last log lines, in memory.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

use crate::limits::{RECENT_LOG_BYTES, RECENT_LOG_LINES};

/// Keeps the last lines. Cheap to clone; all clones are the same.
#[derive(Debug, Clone, Default)]
pub struct RecentLog(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    lines: VecDeque<String>,
    bytes: usize,
}

impl RecentLog {
    /// All lines that are kept, oldest first.
    #[must_use]
    pub fn text(&self) -> String {
        let lines = self.lock();
        lines.lines.iter().map(String::as_str).collect()
    }

    fn add(&self, line: &str) {
        let mut kept = self.lock();
        // A line that alone is too long keeps its beginning.
        let line = &line[..line.floor_char_boundary(RECENT_LOG_BYTES)];
        kept.bytes += line.len();
        kept.lines.push_back(line.to_owned());
        while kept.bytes > RECENT_LOG_BYTES || kept.lines.len() > RECENT_LOG_LINES {
            let Some(oldest) = kept.lines.pop_front() else { break };
            kept.bytes -= oldest.len();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        // Only text: what a panicking writer left is still worth reading.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One line on its way: it is kept when it is whole.
#[derive(Debug)]
pub struct LineWriter {
    log: RecentLog,
    line: Vec<u8>,
}

impl io::Write for LineWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.log.add(&String::from_utf8_lossy(&self.line));
        }
    }
}

impl<'a> MakeWriter<'a> for RecentLog {
    type Writer = LineWriter;

    fn make_writer(&'a self) -> LineWriter {
        LineWriter { log: self.clone(), line: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_kept() {
        let log = RecentLog::default();
        for number in 0..10_000 {
            log.add(&format!("line {number}\n"));
        }
        let text = log.text();
        assert!(text.ends_with("line 9999\n") && text.len() <= RECENT_LOG_BYTES);
        assert_eq!(text.lines().count(), RECENT_LOG_LINES);
        log.add(&"ä".repeat(RECENT_LOG_BYTES));
        assert!(log.text().len() <= RECENT_LOG_BYTES);
    }
}
