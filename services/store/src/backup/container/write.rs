//! Writes a backup: under a temporary name until it is whole and on disk.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::Context;
use zstd::stream::write::Encoder;

use super::super::error::io;
use super::super::limits::{CHUNK_BYTES, COMPRESSION_LEVEL};
use super::super::temporary::{Temporary, beside};
use super::super::{BackupError, Manifest, Part};
use super::{END, FORM_VERSION, HEAD_BYTES, head, sha256};

/// A file that is hashed and counted as it is written.
struct Spool {
    file: BufWriter<File>,
    digest: Context,
    written: u64,
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// A backup that is being written. Dropped before [`Writer::finish`], it leaves nothing behind.
pub struct Writer {
    temporary: Temporary,
    output: PathBuf,
    spool: Spool,
    parts: Vec<Part>,
}

impl Writer {
    /// Begins a backup that will be `output`, readable for this user only.
    ///
    /// # Errors
    /// When `output` exists or can't be written.
    pub fn create(output: &Path) -> Result<Self, BackupError> {
        if output.symlink_metadata().is_ok() {
            return Err(BackupError::OutputExists(output.to_owned()));
        }
        let name = beside(output, &format!(".{}.part", std::process::id()));
        let (temporary, file) = Temporary::create(name)?;
        let mut spool = Spool {
            file: BufWriter::with_capacity(CHUNK_BYTES, file),
            digest: sha256(),
            written: 0,
        };
        spool.write_all(&head(FORM_VERSION)).map_err(io(temporary.path(), "written"))?;
        debug_assert_eq!(spool.written, HEAD_BYTES);
        Ok(Self { temporary, output: output.to_owned(), spool, parts: Vec::new() })
    }

    /// Begins the next part.
    ///
    /// # Errors
    /// When there is no memory for the compressor.
    pub fn part(&mut self, name: &str) -> Result<PartWriter<'_>, BackupError> {
        let path = self.temporary.path().to_owned();
        let offset = self.spool.written;
        let encoder = Encoder::new(&mut self.spool, COMPRESSION_LEVEL);
        let encoder = encoder.map_err(io(&path, "written"))?;
        let name = name.to_owned();
        Ok(PartWriter {
            encoder,
            parts: &mut self.parts,
            path,
            name,
            offset,
            digest: sha256(),
            bytes: 0,
        })
    }

    /// Adds the manifest, with the parts that were written, and gives the file its name.
    ///
    /// # Errors
    /// When it can't be written; nothing is left behind then.
    pub fn finish(mut self, manifest: Manifest) -> Result<Manifest, BackupError> {
        let manifest = Manifest { parts: self.parts, ..manifest };
        let path = self.temporary.path().to_owned();
        let written = (|| {
            let offset = self.spool.written;
            serde_json::to_writer(&mut self.spool, &manifest)?;
            let length = self.spool.written - offset;
            self.spool.write_all(&offset.to_le_bytes())?;
            self.spool.write_all(&length.to_le_bytes())?;
            let digest = self.spool.digest.finish();
            self.spool.file.write_all(digest.as_ref())?;
            self.spool.file.write_all(END)?;
            self.spool.file.flush()?;
            self.spool.file.get_ref().sync_all()
        })();
        written.map_err(io(&path, "written"))?;
        // Once more: it may have come meanwhile.
        if self.output.symlink_metadata().is_ok() {
            return Err(BackupError::OutputExists(self.output));
        }
        self.temporary.keep_as(&self.output)?;
        Ok(manifest)
    }
}

/// A part that is being written.
pub struct PartWriter<'a> {
    encoder: Encoder<'static, &'a mut Spool>,
    parts: &'a mut Vec<Part>,
    path: PathBuf,
    name: String,
    offset: u64,
    digest: Context,
    bytes: u64,
}

impl PartWriter<'_> {
    /// Adds to the part.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.encoder.write_all(bytes).map_err(io(&self.path, "written"))?;
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Bytes so far, unpacked.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Ends the part.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn finish(self) -> Result<(), BackupError> {
        let spool = self.encoder.finish().map_err(io(&self.path, "written"))?;
        self.parts.push(Part {
            name: self.name,
            offset: self.offset,
            stored_bytes: spool.written - self.offset,
            bytes: self.bytes,
            sha256: hex::encode(self.digest.finish()),
        });
        Ok(())
    }
}
