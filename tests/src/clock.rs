//! A wrong clock for one program, by libfaketime.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where distributions put the library.
const PLACES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

/// The clock of a program: it can be set while the program runs.
#[derive(Debug, Clone)]
pub struct WrongClock {
    library: &'static str,
    file: PathBuf,
}

impl WrongClock {
    /// A clock that is right so far; `None`, said loudly, where libfaketime isn't installed.
    #[must_use]
    pub fn new(folder: &Path) -> Option<Self> {
        let Some(library) = PLACES.into_iter().find(|place| Path::new(place).exists()) else {
            eprintln!("*** SKIPPED: libfaketime is not installed, so no clock can be wrong here");
            return None;
        };
        let clock = Self { library, file: folder.join("clock.txt") };
        clock.set("+0");
        Some(clock)
    }

    /// Sets it: an offset such as `-3d` or `+1y`, or a time such as `@1970-01-02 00:00:00`.
    pub fn set(&self, time: &str) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{time}\n")).expect("the clock's file");
        std::fs::rename(&new, &self.file).expect("the clock is set");
    }

    /// The program goes by this clock. Its monotonic clock stays right, as a real machine's does.
    pub fn give_to(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
}
