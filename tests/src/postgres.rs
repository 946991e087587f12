//! A PostgreSQL server of the test's own, to be ended and started again.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A server on a private port; gone with the test.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    url: String,
}

impl Postgres {
    /// Starts it; `None`, said loudly, when its programs aren't on this computer.
    #[must_use]
    pub fn start() -> Option<Self> {
        if !script(&["find"]).status.success() {
            eprintln!("SKIPPED: there is no PostgreSQL on this computer");
            return None;
        }
        // The server may belong to another user, who must get there.
        let folder = tempfile::Builder::new()
            .prefix("millwright-postgres.")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()
            .expect("a temporary folder");
        let server = folder.path().join("server");
        let output = script(&["start", &server.display().to_string()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let url = String::from_utf8(output.stdout).expect("a URL").trim().to_owned();
        Some(Self { folder, url })
    }

    /// The URL of its database `postgres`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends it at once, as a crash does.
    pub fn halt(&self) {
        self.run("halt");
    }

    /// Starts it again.
    pub fn resume(&self) {
        self.run("resume");
    }

    fn run(&self, what: &str) {
        let output = script(&[what, &self.server().display().to_string()]);
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn server(&self) -> PathBuf {
        self.folder.path().join("server")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        script(&["stop", &self.server().display().to_string()]);
    }
}

fn script(arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/postgres.sh");
    Command::new(script).args(arguments).output().expect("the script runs")
}
