//! The command line.

mod arguments;
mod commands;
mod consent;
mod output;
mod simulate;

pub use arguments::{Arguments, default_data_dir};
pub use commands::execute;

/// How a command ended, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what it should.
    Done = 0,
    /// It couldn't.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// It needs a running agent, and none runs.
    NotRunning = 3,
    /// Another agent has the data folder.
    Locked = 4,
}
