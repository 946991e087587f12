//! The file of a backup.
//!
//! ```text
//! head      16 bytes  "millwright-bak" and the form's version, u16
//! parts               one zstd frame each, one after the other
//! manifest            JSON: what the parts are (see [`Manifest`])
//! tail      64 bytes  manifest's offset, u64; its length, u64; SHA-256 of all before;
//!                     "millwright-end\n\0"
//! ```
//! Numbers are little-endian. The manifest comes last, so that a backup is written in one go; a file
//! that was cut off has no tail, and one with any byte changed has another digest. The digest shows
//! accidents, not forgery: who can write the file can write its digest.

mod read;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod write;

use aws_lc_rs::digest::{Context, SHA256};

pub use read::{Archive, PartReader};
pub use write::{PartWriter, Writer};

/// Version of this form. A reader refuses a higher one.
pub const FORM_VERSION: u16 = 1;

const HEAD: &[u8; 14] = b"millwright-bak";
const HEAD_BYTES: u64 = 16;
const END: &[u8; 16] = b"millwright-end\n\0";
const TAIL_BYTES: u64 = 64;
const DIGEST_BYTES: usize = 32;

fn head(version: u16) -> [u8; 16] {
    let mut head = [0; 16];
    head[..14].copy_from_slice(HEAD);
    head[14..].copy_from_slice(&version.to_le_bytes());
    head
}

fn sha256() -> Context {
    Context::new(&SHA256)
}
