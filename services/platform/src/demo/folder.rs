//! Where the demo keeps what it needs at the next start.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::fleet::DemoMachine;

/// The demo's data folder, in use by this process alone.
#[derive(Debug)]
pub(super) struct Folder {
    /// As given, for people.
    pub(super) shown: PathBuf,
    root: PathBuf,
    /// Let go by the system when the process ends.
    _lock: File,
}

impl Folder {
    /// Creates it if needed (mode 0700).
    pub(super) fn open(given: &Path) -> anyhow::Result<Self> {
        create(given)?;
        let usable = || format!("data folder {} can't be used", given.display());
        let root = given.canonicalize().with_context(usable)?;
        let lock = File::create(root.join("demo.lock")).with_context(usable)?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            bail!("a demo runs with the data in {} already: give --data-dir", given.display());
        }
        Ok(Self { shown: given.to_owned(), root, _lock: lock })
    }

    pub(super) fn platform(&self) -> PathBuf {
        self.root.join("platform")
    }

    pub(super) fn platform_log(&self) -> PathBuf {
        self.root.join("platform.log")
    }

    /// The folder of a machine's agent.
    pub(super) fn agent(&self, machine: &DemoMachine) -> anyhow::Result<AgentFolder> {
        let root = self.root.join("agents").join(machine.serial_number.to_lowercase());
        create(&root)?;
        Ok(AgentFolder { root })
    }

    /// The administrator's password: from the environment, or that of the first start, or a new
    /// random one.
    pub(super) fn admin_password(&self) -> anyhow::Result<String> {
        if let Ok(password) = std::env::var("MILLWRIGHT_ADMIN_PASSWORD") {
            return Ok(password);
        }
        let file = self.password_file();
        if file.is_file() {
            let password = std::fs::read_to_string(&file)
                .with_context(|| format!("{} can't be read", file.display()))?;
            return Ok(password.trim().to_owned());
        }
        let password = random_password();
        self.remember_password(&password)?;
        Ok(password)
    }

    /// Keeps a password for the next start; one that was given, once it has been accepted.
    pub(super) fn remember_password(&self, password: &str) -> anyhow::Result<()> {
        write_private(&self.password_file(), password)
    }

    fn password_file(&self) -> PathBuf {
        self.root.join("demo-admin-password")
    }
}

/// What belongs to one agent.
#[derive(Debug, Clone)]
pub(super) struct AgentFolder {
    root: PathBuf,
}

impl AgentFolder {
    pub(super) fn configuration(&self) -> PathBuf {
        self.root.join("agent.toml")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("agent.log")
    }
}

/// A new log; the last start's is gone, so that logs don't grow for ever.
pub(super) fn new_log(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("{} can't be written", path.display()))
}

/// The log again, to go on at its end.
pub(super) fn append_log(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.with_context(|| format!("{} can't be written", path.display()))
}

/// The last lines of a log.
pub(super) fn tail(path: &Path, lines: usize) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn create(folder: &Path) -> anyhow::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("folder {} can't be created", folder.display()))
}

fn write_private(file: &Path, text: &str) -> anyhow::Result<()> {
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(file)?;
        writeln!(file, "{text}")
    };
    write().with_context(|| format!("{} can't be written", file.display()))
}

/// 80 random bits in groups that can be typed.
fn random_password() -> String {
    let digits = uuid::Uuid::new_v4().simple().to_string();
    // The version and variant digits of a UUID are fixed: neither is within these.
    [&digits[0..4], &digits[4..8], &digits[8..12], &digits[20..24], &digits[24..28]].join("-")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_kept_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let password = folder.admin_password().unwrap();
        assert_eq!(folder.admin_password().unwrap(), password);
        assert!(password.len() >= 12);
        let mode = folder.root.join("demo-admin-password").metadata().unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }

    #[test]
    fn two_demos_dont_share_their_data() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Folder::open(folder.path()).unwrap();
        let error = Folder::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("--data-dir"), "{error}");
    }
}
