//! Processes of commands that an agent before this one has begun and, killed, couldn't end.

use std::fs;

use millwright_schemas::CommandId;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::program::COMMAND_ID_VARIABLE;

/// Kills what still runs for a command that is reported as interrupted: nobody watches its
/// deadline any more, and the next command must not find it running. A process that has cleared
/// its environment, or is another user's by now, isn't found.
pub(super) fn end(command: CommandId) {
    let variable = format!("{COMMAND_ID_VARIABLE}={command}");
    let Ok(processes) = fs::read_dir("/proc") else { return };
    for process in processes.flatten() {
        let name = process.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Ok(environment) = fs::read(process.path().join("environ")) else { continue };
        let is_own = environment.split(|byte| *byte == 0).any(|row| row == variable.as_bytes());
        if is_own && u32::try_from(id) != Ok(std::process::id()) {
            tracing::warn!(command.id = %command, process = id, "is left from before: killed");
            let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
        }
    }
}
