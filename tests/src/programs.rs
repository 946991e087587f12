//! Where the programs under test are.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

/// A call of `millwright`, without settings of the surroundings.
#[must_use]
pub fn millwright() -> Command {
    command(find("millwright"))
}

/// A call of `millwright-agent`, without settings of the surroundings.
#[must_use]
pub fn millwright_agent() -> Command {
    command(find("millwright-agent"))
}

/// A test runs as `target/<profile>/deps/<test>`, a program as `target/<profile>/<program>`.
fn find(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the own path");
    let mut folder = own.parent().expect("a folder");
    if folder.ends_with("deps") {
        folder = folder.parent().expect("a target folder");
    }
    let program = folder.join(name);
    assert!(
        program.is_file(),
        "{} isn't built: run `cargo build --workspace --bins` first (make test does)",
        program.display()
    );
    program
}

fn command(program: PathBuf) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_setting(name)) {
        command.env_remove(name);
    }
    command
}

fn is_setting(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with("MILLWRIGHT_")
}
