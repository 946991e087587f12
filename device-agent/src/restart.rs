//! Starting again in place: the same process runs the program anew, so that whoever watches it (a
//! service manager, a shell) sees nothing but the agent's own words.

use std::convert::Infallible;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// Where Linux keeps the program that runs.
const SELF: &str = "/proc/self/exe";
/// What it says behind the path of a file that was replaced.
const DELETED: &str = " (deleted)";

/// Runs the agent's program anew, with the same arguments and environment. When its file was
/// replaced, the new one.
///
/// # Errors
/// When it can't be; this process then goes on.
pub fn restart() -> Result<Infallible, std::io::Error> {
    let mut arguments = std::env::args_os();
    let name = arguments.next();
    let mut command = Command::new(program());
    command.args(arguments);
    if let Some(name) = name {
        command.arg0(name);
    }
    Err(command.exec())
}

fn program() -> PathBuf {
    let Ok(path) = std::fs::read_link(SELF) else { return PathBuf::from(SELF) };
    let newer = path.to_str().and_then(|path| path.strip_suffix(DELETED)).map(PathBuf::from);
    let path = newer.unwrap_or(path);
    if path.is_file() { path } else { PathBuf::from(SELF) }
}
