//! Other people's MQTT clients, as `scripts/test-clients.sh` sets them up.

use std::path::{Path, PathBuf};
use std::process::Command;

/// `mosquitto_pub`, `mosquitto_sub`; `None`, said loudly, where they aren't installed.
#[must_use]
pub fn mosquitto(program: &str) -> Option<Command> {
    let found = Command::new(program).arg("--help").output().is_ok();
    if !found {
        eprintln!(
            "*** SKIPPED: {program} is not installed (Debian: apt install mosquitto-clients)"
        );
    }
    found.then(|| Command::new(program))
}

/// The Paho client of the tests; `None`, said loudly, where Paho isn't installed.
#[must_use]
pub fn paho() -> Option<Command> {
    let test = std::env::current_exe().expect("the test's own path");
    // target/<profile>/deps/<test>
    let target = test.ancestors().nth(3).expect("a target folder");
    let python: PathBuf = target.join("test-clients/bin/python");
    if !python.is_file() {
        eprintln!("*** SKIPPED: no Paho for Python (scripts/test-clients.sh installs it)");
        return None;
    }
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/paho_client.py"));
    Some(command)
}
