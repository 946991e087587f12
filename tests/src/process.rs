//! A process that doesn't outlive the test.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::eventually;

/// Lines of the log that are shown when the test fails.
const SHOWN_LINES: usize = 80;

/// A running program. Dropping it kills it; when the test is failing its log is shown.
///
/// Its standard input is a pipe that is held here: a program that is told to stop with its
/// standard input ends even when the test itself is killed.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program; what it writes is appended to `log`. Standard output goes there too,
    /// unless the command says otherwise before.
    pub fn start(name: &str, command: &mut Command, log: PathBuf) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(&log).expect("a log file");
        let child = command
            .stdin(Stdio::piped())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} doesn't start: {error}"));
        Self { name: name.to_owned(), child, log }
    }

    /// Writes a line to its standard input, which stays open.
    pub fn write_line(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("a piped standard input");
        writeln!(input, "{line}").and_then(|()| input.flush()).expect("the program reads");
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written so far.
    #[must_use]
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// How it ended, or `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child's state")
    }

    /// Sends a signal; nothing happens when the process has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.ended().is_none() {
            let id = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
            kill(id, signal).expect("the signal is sent");
        }
    }

    /// Ends it at once (SIGKILL) and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it ends by itself.
    pub async fn end(&mut self, within: Duration) -> ExitStatus {
        let what = format!("{} ends", self.name);
        eventually(&what, within, async || self.ended().context("still running")).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let output = self.output();
            let lines: Vec<&str> = output.lines().collect();
            let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            eprintln!("--- last lines of {} ({}) ---", self.name, self.log.display());
            eprintln!("{}", shown.join("\n"));
        }
    }
}
