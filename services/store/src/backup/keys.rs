//! The platform's private keys in a backup: only when they were asked for by name.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use millwright_schemas::Timestamp;

use super::container::{Archive, Writer};
use super::error::io;
use super::limits::{KEY_FILE_MAX_BYTES, KEY_FILES_MAX};
use super::place::aside;
use super::temporary::sync_folder;
use super::{BackupError, Part};

/// Name of the folder within the data folder.
const FOLDER: &str = "keys";
/// What names of parts with keys begin with.
pub(super) const PREFIX: &str = "keys/";

/// The file of a part with a key: a plain name, so that nothing is ever written elsewhere.
pub(super) fn file_name(part: &str) -> Option<&str> {
    let name = part.strip_prefix(PREFIX)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (!name.is_empty() && !name.starts_with('.') && name.bytes().all(plain)).then_some(name)
}

/// Adds all keys of a data folder. After the database: a key is on disk before the database names
/// it, so none is missing.
pub(super) fn add(writer: &mut Writer, data_dir: &Path) -> Result<(), BackupError> {
    for (name, path) in files(data_dir)? {
        let file = File::open(&path).map_err(io(&path, "read"))?;
        let mut key = Vec::new();
        file.take(KEY_FILE_MAX_BYTES + 1).read_to_end(&mut key).map_err(io(&path, "read"))?;
        if key.len() as u64 > KEY_FILE_MAX_BYTES {
            return Err(no_key(&path, "too large for a key"));
        }
        let mut part = writer.part(&format!("{PREFIX}{name}"))?;
        part.write(&key)?;
        part.finish()?;
    }
    Ok(())
}

fn no_key(path: &Path, why: &'static str) -> BackupError {
    io(path, "backed up")(std::io::Error::new(std::io::ErrorKind::InvalidData, why))
}

/// The key files of a data folder, by name. Files that are being written have a dot in front.
fn files(data_dir: &Path) -> Result<Vec<(String, PathBuf)>, BackupError> {
    let folder = data_dir.join(FOLDER);
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).map_err(io(&folder, "read"))? {
        let path = entry.map_err(io(&folder, "read"))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if path.is_file() && file_name(&format!("{PREFIX}{name}")).is_some() {
            files.push((name.to_owned(), path));
        }
        if files.len() > KEY_FILES_MAX {
            return Err(no_key(&folder, "too many files for a folder of keys"));
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a data folder has keys.
pub(super) fn present(data_dir: &Path) -> bool {
    files(data_dir).is_ok_and(|files| !files.is_empty())
}

/// Refuses to replace other keys than the backup's unasked.
pub(super) fn refuse_others(
    archive: &Archive,
    data_dir: &Path,
    replace: bool,
    now: Timestamp,
) -> Result<(), BackupError> {
    if replace || !archive.manifest().has_keys() || !present(data_dir) || same(archive, data_dir)? {
        return Ok(());
    }
    Err(BackupError::NotEmpty {
        place: format!("data folder {}", data_dir.display()),
        loss: "its keys are other ones than the backup's".to_owned(),
        consequence: format!(
            "the backup's take their place, and they are kept as {FOLDER}{}",
            aside(now)
        ),
    })
}

/// Puts the backup's keys in their place, if it has any and they aren't there already.
pub(super) fn restore(archive: &Archive, data_dir: &Path, aside: &str) -> Result<(), BackupError> {
    if !archive.manifest().has_keys() || same(archive, data_dir)? {
        return Ok(());
    }
    let unpacked = unpack(archive, data_dir)?;
    put(&unpacked, data_dir, aside)
}

/// Whether the folder has exactly the keys of the backup.
fn same(archive: &Archive, data_dir: &Path) -> Result<bool, BackupError> {
    if !present(data_dir) {
        return Ok(false);
    }
    let files = files(data_dir)?;
    let parts: Vec<&Part> = archive.manifest().keys().collect();
    if files.len() != parts.len() {
        return Ok(false);
    }
    for part in parts {
        let path = data_dir.join(&part.name);
        match fs::read(&path) {
            Ok(key) if key == read(archive, part)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

fn read(archive: &Archive, part: &Part) -> Result<Vec<u8>, BackupError> {
    if part.bytes > KEY_FILE_MAX_BYTES {
        let rule = format!("part {:?} is too large for a key", part.name);
        return Err(BackupError::damaged(archive.path(), rule));
    }
    let mut key = Vec::new();
    archive.read_part(part)?.read_all(|bytes| {
        key.extend_from_slice(bytes);
        Ok(())
    })?;
    Ok(key)
}

/// Unpacks the keys into a folder of their own beside the final one.
fn unpack(archive: &Archive, data_dir: &Path) -> Result<PathBuf, BackupError> {
    let folder = data_dir.join(format!("{FOLDER}.restoring"));
    // Left by one that was killed.
    let _ = fs::remove_dir_all(&folder);
    DirBuilder::new().mode(0o700).create(&folder).map_err(io(&folder, "created"))?;
    for part in archive.manifest().keys() {
        let Some(name) = file_name(&part.name) else { continue };
        let path = folder.join(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(io(&path, "created"))?;
        file.write_all(&read(archive, part)?).map_err(io(&path, "written"))?;
        file.sync_all().map_err(io(&path, "written"))?;
    }
    sync_folder(&folder.join("."))?;
    Ok(folder)
}

/// Puts unpacked keys in their place; those that were there are kept under another name.
fn put(unpacked: &Path, data_dir: &Path, aside: &str) -> Result<(), BackupError> {
    let place = data_dir.join(FOLDER);
    if place.exists() {
        // An empty folder is no loss.
        if fs::remove_dir(&place).is_err() {
            let kept = data_dir.join(format!("{FOLDER}{aside}"));
            fs::rename(&place, &kept).map_err(io(&kept, "put aside"))?;
        }
    }
    fs::rename(unpacked, &place).map_err(io(&place, "put in its place"))?;
    sync_folder(&place)
}
