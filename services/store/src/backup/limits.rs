//! Bounds of back-up and restore: memory doesn't grow with the database.

use std::time::Duration;

/// Bytes that are read and written at once.
pub const CHUNK_BYTES: usize = 256 * 1024;
/// How hard it is compressed: where zstd is still as fast as a disk.
pub const COMPRESSION_LEVEL: i32 = 3;
/// Memory that a reader grants the decompressor, as a power of two; more than level
/// [`COMPRESSION_LEVEL`] ever asks for. A file that wants more is refused.
pub const WINDOW_LOG_MAX: u32 = 24;
/// Largest manifest. The tables' list is its largest part; a file with a larger one is refused.
pub const MANIFEST_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Largest file in the folder of keys; a larger one isn't a key, and the backup is refused.
pub const KEY_FILE_MAX_BYTES: u64 = 1024 * 1024;
/// Most files in the folder of keys; with more the backup is refused.
pub const KEY_FILES_MAX: usize = 1_000;
/// How often it is looked how far the database's copy is.
pub const LOOK_EVERY: Duration = Duration::from_millis(250);
