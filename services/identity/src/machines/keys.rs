//! The folder of private keys: files that only the platform's own user can read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use millwright_schemas::Timestamp;

/// Name of the folder within the data folder.
const FOLDER: &str = "keys";
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;
/// Ending of a key file that no bundle trusts (any more).
const SET_ASIDE: &str = "unused";

/// A key file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It can't be read or written.
    #[error("key file {}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others can read it.
    #[error("key file {} can be read by others (mode {mode:o}); set it to 600", path.display())]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct KeyFolder(PathBuf);

impl KeyFolder {
    /// Opens the folder within the data folder, creates it if needed.
    pub(super) fn open(data: &Path) -> Result<Self, KeyFileError> {
        let path = data.join(FOLDER);
        let made = fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&path);
        made.map_err(|source| KeyFileError::Io { path: path.clone(), source })?;
        Ok(Self(path))
    }

    /// Writes a new key file; it is on disk when this returns.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), KeyFileError> {
        let path = self.0.join(name);
        let written = (|| {
            // Complete or not there at all: written aside first.
            let aside = self.0.join(format!(".{name}.new"));
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(FILE_MODE)
                .open(&aside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&aside, &path)?;
            File::open(&self.0)?.sync_all()
        })();
        written.map_err(|source| KeyFileError::Io { path, source })
    }

    /// Reads a key file.
    pub(super) fn read(&self, name: &str) -> Result<String, KeyFileError> {
        let path = self.0.join(name);
        let failed = |source| KeyFileError::Io { path: path.clone(), source };
        let mode = fs::metadata(&path).map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Exposed { path, mode });
        }
        fs::read_to_string(&path).map_err(failed)
    }

    /// Renames the key files of these kinds that aren't among `used` and were written before this time:
    /// left by a rotation that was broken off, or retired. Returns which. Newer ones may be those of a
    /// rotation that is just being committed by a process that shares the folder.
    pub(super) fn set_aside_unused(
        &self,
        prefixes: &[&str],
        used: &[String],
        before: Timestamp,
    ) -> Result<Vec<String>, KeyFileError> {
        let failed = |source| KeyFileError::Io { path: self.0.clone(), source };
        let mut unused = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let ours = name.ends_with(".pem") && prefixes.iter().any(|p| name.starts_with(p));
            if ours && !used.contains(&name) && written(&entry).is_some_and(|at| at < before) {
                let from = self.0.join(&name);
                let renamed = fs::rename(&from, self.0.join(format!("{name}.{SET_ASIDE}")));
                renamed.map_err(|source| KeyFileError::Io { path: from, source })?;
                unused.push(name);
            }
        }
        Ok(unused)
    }
}

/// When a file was last written; `None`: its file system doesn't say.
fn written(entry: &fs::DirEntry) -> Option<Timestamp> {
    let at = entry.metadata().ok()?.modified().ok()?;
    // Before 1970 there were none.
    let since_1970 = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(Timestamp::from_micros(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_can_read_a_key_file() {
        let data = tempfile::tempdir().unwrap();
        let folder = KeyFolder::open(data.path()).unwrap();
        folder.write("ca-1.pem", "secret").unwrap();
        let path = data.path().join("keys/ca-1.pem");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            fs::metadata(data.path().join("keys")).unwrap().permissions().mode() & 0o777,
            0o700
        );
        assert_eq!(folder.read("ca-1.pem").unwrap(), "secret");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = folder.read("ca-1.pem").unwrap_err();
        assert!(error.to_string().contains("can be read by others (mode 644)"), "{error}");
    }

    #[test]
    fn what_nobody_trusts_is_set_aside() {
        let data = tempfile::tempdir().unwrap();
        let folder = KeyFolder::open(data.path()).unwrap();
        for name in ["ca-1.pem", "ca-2.pem", "audit-1.pem"] {
            folder.write(name, "secret").unwrap();
        }
        let used = ["ca-1.pem".to_owned()];
        let at = fs::metadata(data.path().join("keys/ca-2.pem")).unwrap().modified().unwrap();
        let at = i64::try_from(at.duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap();
        let set_aside = |before| {
            folder.set_aside_unused(&["ca-"], &used, Timestamp::from_micros(before)).unwrap()
        };
        assert!(set_aside(at).is_empty(), "it was written just then");
        assert!(data.path().join("keys/ca-2.pem").exists());
        assert_eq!(set_aside(at + 1), ["ca-2.pem"]);
        assert!(data.path().join("keys/ca-2.pem.unused").exists());
        assert!(data.path().join("keys/audit-1.pem").exists());
    }
}
