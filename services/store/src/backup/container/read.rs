//! Reads a backup and checks it.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::Context;
use zstd::stream::read::Decoder;

use super::super::error::io;
use super::super::limits::{CHUNK_BYTES, MANIFEST_MAX_BYTES, WINDOW_LOG_MAX};
use super::super::{BackupError, Manifest, Part, Watch, keys};
use super::{DIGEST_BYTES, END, FORM_VERSION, HEAD, HEAD_BYTES, TAIL_BYTES, sha256};

/// An opened backup.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: File,
    length: u64,
    digest: [u8; DIGEST_BYTES],
    manifest: Manifest,
}

/// The last bytes of a backup.
struct Tail {
    offset: u64,
    length: u64,
    digest: [u8; DIGEST_BYTES],
}

impl Archive {
    /// Opens a backup and reads its manifest. Nothing in it can be relied on before
    /// [`Archive::check`].
    ///
    /// # Errors
    /// When it isn't a backup, was cut off, or is newer than this program.
    pub fn open(path: &Path) -> Result<Self, BackupError> {
        let mut file = File::open(path).map_err(io(path, "opened"))?;
        let length = file.metadata().map_err(io(path, "read"))?.len();
        check_head(path, &mut file, length)?;
        let tail = read_tail(path, &mut file, length)?;
        let manifest = read_manifest(path, &mut file, length, &tail)?;
        check_parts(path, &manifest, tail.offset)?;
        Ok(Self { path: path.to_owned(), file, length, digest: tail.digest, manifest })
    }

    /// What it says about itself.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its length in bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads all of it and compares its digest: it is as it was written.
    ///
    /// # Errors
    /// When it isn't, or can't be read.
    pub fn check(&mut self, watch: &Watch) -> Result<(), BackupError> {
        let covered = self.length - TAIL_BYTES + 16;
        self.file.seek(SeekFrom::Start(0)).map_err(io(&self.path, "read"))?;
        let mut input = (&mut self.file).take(covered);
        let (mut digest, mut done) = (sha256(), 0);
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let read = input.read(&mut buffer).map_err(io(&self.path, "read"))?;
            if read == 0 {
                break;
            }
            digest.update(&buffer[..read]);
            done += read as u64;
            watch.tell("checking the file", done, covered, &self.path)?;
        }
        if digest.finish().as_ref() == self.digest {
            Ok(())
        } else {
            Err(BackupError::damaged(&self.path, "its digest (SHA-256) is another one"))
        }
    }

    /// Unpacks a part.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn read_part(&self, part: &Part) -> Result<PartReader, BackupError> {
        // Its own place in the file: parts are read one after the other, and the digest before.
        let mut file = File::open(&self.path).map_err(io(&self.path, "opened"))?;
        file.seek(SeekFrom::Start(part.offset)).map_err(io(&self.path, "read"))?;
        let frame = BufReader::with_capacity(CHUNK_BYTES, file.take(part.stored_bytes));
        let mut decoder = Decoder::with_buffer(frame).map_err(io(&self.path, "unpacked"))?;
        decoder.window_log_max(WINDOW_LOG_MAX).map_err(io(&self.path, "unpacked"))?;
        let (path, part) = (self.path.clone(), part.clone());
        Ok(PartReader { decoder, path, part, digest: Some(sha256()), bytes: 0 })
    }
}

fn check_head(path: &Path, file: &mut File, length: u64) -> Result<(), BackupError> {
    let not = |rule| Err(BackupError::NotABackup { path: path.to_owned(), rule });
    if length < HEAD_BYTES {
        return not("it is too short");
    }
    let mut head = [0; HEAD_BYTES as usize];
    file.read_exact(&mut head).map_err(io(path, "read"))?;
    if &head[..HEAD.len()] != HEAD {
        return not("it doesn't begin like one");
    }
    let version = u16::from_le_bytes([head[14], head[15]]);
    if version != FORM_VERSION {
        let rule = format!("form {version} of backups; this program knows {FORM_VERSION}");
        return Err(BackupError::Newer { path: path.to_owned(), rule });
    }
    Ok(())
}

fn read_tail(path: &Path, file: &mut File, length: u64) -> Result<Tail, BackupError> {
    let cut_off = || BackupError::damaged(path, "it was cut off: its end is missing");
    let start =
        length.checked_sub(TAIL_BYTES).filter(|at| *at >= HEAD_BYTES).ok_or_else(cut_off)?;
    let mut tail = [0; TAIL_BYTES as usize];
    file.seek(SeekFrom::Start(start)).map_err(io(path, "read"))?;
    file.read_exact(&mut tail).map_err(io(path, "read"))?;
    if &tail[48..] != END {
        return Err(cut_off());
    }
    let number = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&tail[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    let mut digest = [0; DIGEST_BYTES];
    digest.copy_from_slice(&tail[16..48]);
    Ok(Tail { offset: number(0), length: number(8), digest })
}

fn read_manifest(
    path: &Path,
    file: &mut File,
    length: u64,
    tail: &Tail,
) -> Result<Manifest, BackupError> {
    let damaged = |rule: String| BackupError::damaged(path, rule);
    let fits = tail.length <= MANIFEST_MAX_BYTES
        && tail.offset >= HEAD_BYTES
        && tail.offset.checked_add(tail.length) == Some(length - TAIL_BYTES);
    if !fits {
        let Tail { offset, length, .. } = tail;
        return Err(damaged(format!("its manifest can't be {length} bytes at {offset}")));
    }
    file.seek(SeekFrom::Start(tail.offset)).map_err(io(path, "read"))?;
    let mut json = Vec::new();
    file.take(tail.length).read_to_end(&mut json).map_err(io(path, "read"))?;
    serde_json::from_slice(&json)
        .map_err(|error| damaged(format!("its manifest isn't understood: {error}")))
}

/// Parts follow each other without a gap, have the names they may have, and each only once.
fn check_parts(path: &Path, manifest: &Manifest, end: u64) -> Result<(), BackupError> {
    let mut next = HEAD_BYTES;
    let mut names = std::collections::BTreeSet::new();
    for part in &manifest.parts {
        let damaged =
            |rule| Err(BackupError::damaged(path, format!("part {:?} {rule}", part.name)));
        if part.offset != next {
            return damaged("isn't where it should be");
        }
        let known = part.name == "database"
            || part.name.starts_with("table/")
            || keys::file_name(&part.name).is_some();
        if !known || !names.insert(&part.name) {
            return damaged("has no name that a part may have");
        }
        next = match next.checked_add(part.stored_bytes) {
            Some(next) if next <= end => next,
            _ => return damaged("is longer than the file"),
        };
    }
    if next == end {
        Ok(())
    } else {
        Err(BackupError::damaged(path, format!("nothing tells what is at {next}")))
    }
}

/// A part that is being unpacked. Its end is reached only when all of it is as it was written.
pub struct PartReader {
    decoder: Decoder<'static, BufReader<Take<File>>>,
    path: PathBuf,
    part: Part,
    /// `None`: compared already.
    digest: Option<Context>,
    bytes: u64,
}

impl PartReader {
    /// The next bytes; 0 at the end.
    ///
    /// # Errors
    /// When it can't be unpacked, or isn't what the manifest says.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BackupError> {
        let damaged = |rule: String| {
            BackupError::damaged(&self.path, format!("part {:?} {rule}", self.part.name))
        };
        let Some(digest) = &mut self.digest else { return Ok(0) };
        // What zstd reports about a frame has no kind of its own; the disk's errors have.
        let read = self.decoder.read(buffer).map_err(|error| match error.raw_os_error() {
            Some(_) => io(&self.path, "read")(error),
            None => damaged(format!("can't be unpacked: {error}")),
        })?;
        self.bytes += read as u64;
        digest.update(&buffer[..read]);
        if self.bytes > self.part.bytes || (read == 0 && self.bytes < self.part.bytes) {
            return Err(damaged(format!("doesn't have {} bytes", self.part.bytes)));
        }
        if read == 0
            && let Some(digest) = self.digest.take()
            && hex::encode(digest.finish()) != self.part.sha256
        {
            return Err(damaged("has another digest (SHA-256)".to_owned()));
        }
        Ok(read)
    }

    /// Unpacks all that is left.
    ///
    /// # Errors
    /// As [`PartReader::read`], and what `take` returns.
    pub fn read_all(
        mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), BackupError>,
    ) -> Result<(), BackupError> {
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            match self.read(&mut buffer)? {
                0 => return Ok(()),
                read => take(&buffer[..read])?,
            }
        }
    }
}
