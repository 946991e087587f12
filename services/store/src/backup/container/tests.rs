use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use millwright_schemas::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::backup::{BackupError, DatabaseKind, Manifest, Watch};

fn manifest() -> Manifest {
    Manifest {
        migrations: vec!["m0001_initial".to_owned()],
        last_position: 7,
        tables: [("machines".to_owned(), 3)].into(),
        ..Manifest::begin(DatabaseKind::Sqlite, Timestamp::from_millis(1_763_775_000_000))
    }
}

fn write(path: &Path, parts: &[(&str, Vec<u8>)]) -> Manifest {
    let mut writer = Writer::create(path).unwrap();
    for (name, bytes) in parts {
        let mut part = writer.part(name).unwrap();
        bytes.chunks(1_000).for_each(|chunk| part.write(chunk).unwrap());
        part.finish().unwrap();
    }
    writer.finish(manifest()).unwrap()
}

fn parts() -> Vec<(&'static str, Vec<u8>)> {
    let noise = (0..5_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes());
    vec![("database", noise.collect()), ("keys/ca-1.pem", b"secret".to_vec()), ("keys/e", vec![])]
}

/// Reads all there is, and gives the parts.
fn read(path: &Path) -> Result<Vec<(String, Vec<u8>)>, BackupError> {
    let mut archive = Archive::open(path)?;
    archive.check(&Watch::nobody())?;
    let mut parts = Vec::new();
    for part in &archive.manifest().parts {
        let mut all = Vec::new();
        archive.read_part(part)?.read_all(|bytes| {
            all.extend_from_slice(bytes);
            Ok(())
        })?;
        parts.push((part.name.clone(), all));
    }
    Ok(parts)
}

fn folder_and_file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b");
    (folder, path)
}

#[test]
fn what_is_written_is_read_back() {
    let (folder, path) = folder_and_file();
    let written = write(&path, &parts());
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.manifest(), &written);
    assert_eq!(written.parts.len(), 3);
    assert!(written.has_keys());
    let read: Vec<_> = read(&path).unwrap();
    let wanted: Vec<_> =
        parts().into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
    assert!(read == wanted);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn one_that_is_broken_off_leaves_nothing() {
    let (folder, path) = folder_and_file();
    let mut writer = Writer::create(&path).unwrap();
    writer.part("database").unwrap().write(&[1; 100_000]).unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn no_file_is_overwritten() {
    let (_folder, path) = folder_and_file();
    let early = Writer::create(&path).unwrap();
    fs::write(&path, "something").unwrap();
    assert!(matches!(early.finish(manifest()), Err(BackupError::OutputExists(_))));
    assert!(matches!(Writer::create(&path), Err(BackupError::OutputExists(_))));
    assert_eq!(fs::read(&path).unwrap(), b"something");
}

#[test]
fn other_files_and_newer_forms_are_told_apart() {
    let (_folder, path) = folder_and_file();
    for (content, not_one) in
        [(&b""[..], true), (&[b'x'; 200][..], true), (b"millwright-bak\x01\0", false)]
    {
        fs::write(&path, content).unwrap();
        let error = Archive::open(&path).unwrap_err();
        assert_eq!(matches!(error, BackupError::NotABackup { .. }), not_one, "{error}");
        assert!(error.is_damage());
    }
    fs::write(&path, b"millwright-bak\x02\0 and so on").unwrap();
    let error = Archive::open(&path).unwrap_err().to_string();
    assert!(error.contains("form 2 of backups"), "{error}");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["keys/../ca.pem", "keys/.hidden", "keys/", "../x", "other", "keys/a/b"] {
        let (_folder, path) = folder_and_file();
        write(&path, &[(name, vec![1])]);
        let error = Archive::open(&path).unwrap_err().to_string();
        assert!(error.contains("no name that a part may have"), "{name}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Wherever a byte is changed, and however much of the end is missing, it is found.
    #[test]
    fn changed_and_missing_bytes_are_always_found(
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
        cut in any::<bool>(),
    ) {
        let (_folder, path) = folder_and_file();
        write(&path, &parts());
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= flip;
        }
        fs::write(&path, &bytes).unwrap();
        prop_assert!(read(&path).is_err(), "byte {at} of {}", bytes.len());
    }

    /// What is no backup never breaks the reader, with a right head and end either.
    #[test]
    fn garbage_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), dressed in any::<bool>()) {
        let (_folder, path) = folder_and_file();
        let content =
            if dressed { [&head(FORM_VERSION)[..], &bytes, END].concat() } else { bytes };
        fs::write(&path, content).unwrap();
        prop_assert!(read(&path).is_err());
    }
}
