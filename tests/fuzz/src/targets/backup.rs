//! Files of backups. With an even first byte the rest is a whole file; with an odd one the next two say
//! how long its parts are, and what follows them is the manifest of a file whose head, end and digest
//! are right: without that, nothing behind the digest would ever be reached.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use millwright_store::backup::container::{Archive, FORM_VERSION};
use millwright_store::backup::{BackupError, Watch};

/// Unpacked bytes of a part that are looked at: a few bytes may say that they are many.
const LOOKED_AT: u64 = 1024 * 1024;

/// A file with these parts and this manifest.
fn dress(parts: &[u8], manifest: &[u8]) -> Vec<u8> {
    let mut file = b"millwright-bak".to_vec();
    file.extend(FORM_VERSION.to_le_bytes());
    file.extend(parts);
    let offset = file.len() as u64;
    file.extend(manifest);
    file.extend(offset.to_le_bytes());
    file.extend((manifest.len() as u64).to_le_bytes());
    let digest = digest(&SHA256, &file);
    file.extend(digest.as_ref());
    file.extend(b"millwright-end\n\0");
    file
}

/// See the module.
pub fn target(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    let is_dressed = kind & 1 == 1;
    let file = if is_dressed {
        let Some((&[low, high], rest)) = rest.split_first_chunk() else { return };
        let parts = usize::from(u16::from_le_bytes([low, high])).min(rest.len());
        let (parts, manifest) = rest.split_at(parts);
        dress(parts, manifest)
    } else {
        rest.to_vec()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("backup.mwb");
    std::fs::write(&path, &file).expect("a file");
    read(&path, is_dressed);
}

fn read(path: &Path, is_dressed: bool) {
    let Ok(mut archive) = Archive::open(path) else { return };
    let checked = archive.check(&Watch::nobody());
    assert!(checked.is_ok() || !is_dressed, "{checked:?}");
    for part in archive.manifest().parts.clone() {
        assert!(part.offset + part.stored_bytes <= archive.length(), "{part:?}");
        let Ok(reader) = archive.read_part(&part) else { continue };
        let mut seen = 0;
        let whole = reader.read_all(|bytes| {
            seen += bytes.len() as u64;
            if seen > LOOKED_AT { Err(BackupError::Stopped(path.to_owned())) } else { Ok(()) }
        });
        assert!(seen <= part.bytes, "{seen} bytes of {part:?}");
        assert!(whole.is_err() || seen == part.bytes, "{seen} bytes of {part:?}");
    }
}
