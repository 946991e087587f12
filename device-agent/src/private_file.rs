//! Files that only the agent's user may read, replaced as a whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// How the names of the agent's files begin.
const OWN_FILES: [&str; 5] = ["agent.", "identity.", "operator.", "outbox", "pending-"];

/// Writes a file of mode 0600: to a temporary file beside it, synced, then renamed over it, so
/// that after a crash either the old or the new content is there, whole.
///
/// # Errors
/// Those of the file system; the old content then stays.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = path.with_file_name(name);
    // What a crash left; its mode may be anything.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Makes a folder of mode 0700, with its parents, when it isn't there. An existing folder that
/// others may enter is closed to them if it holds nothing but the agent's files; somebody's
/// shared folder is left as it is, since each of our files is private by itself.
///
/// # Errors
/// Those of the file system.
pub fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        let ours = OWN_FILES.iter().any(|own| name.as_encoded_bytes().starts_with(own.as_bytes()));
        if !ours {
            tracing::warn!(path = %path.display(), "others may look into the data folder");
            return Ok(());
        }
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn is_private_and_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("a/b");
        make_folder(&folder).unwrap();
        let path = folder.join("secret");
        write(&path, b"one").unwrap();
        fs::write(folder.join("secret.new"), b"left by a crash").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!((mode(&folder), mode(&path)), (0o700, 0o600));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn only_a_folder_of_its_own_is_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), open.clone()).unwrap();
        fs::write(folder.path().join("agent.toml"), "").unwrap();
        make_folder(folder.path()).unwrap();
        assert_eq!(mode(folder.path()), 0o700);
        fs::set_permissions(folder.path(), open).unwrap();
        fs::write(folder.path().join("thesis.txt"), "").unwrap();
        make_folder(folder.path()).unwrap();
        assert_eq!(mode(folder.path()), 0o755);
    }
}
