//! `addresses.json` in the data folder: where this process listens, for scripts and tests.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;

#[derive(Debug, Serialize)]
struct Addresses {
    http: Option<SocketAddr>,
    mqtt: Option<SocketAddr>,
    pid: u32,
}

/// The file; removed when dropped, so that it isn't taken for a running process.
#[derive(Debug)]
pub(crate) struct AddressFile(PathBuf);

impl AddressFile {
    /// Writes the file whole or not at all.
    pub(crate) fn write(
        folder: &Path,
        http: Option<SocketAddr>,
        mqtt: Option<SocketAddr>,
    ) -> std::io::Result<Self> {
        let addresses = Addresses { http, mqtt, pid: std::process::id() };
        let (path, temporary) = (folder.join("addresses.json"), folder.join("addresses.json.new"));
        let mut file = std::fs::File::create(&temporary)?;
        serde_json::to_writer(&mut file, &addresses)?;
        file.write_all(b"\n")?;
        std::fs::rename(&temporary, &path)?;
        Ok(Self(path))
    }

    /// Removes what a killed process left behind.
    pub(crate) fn remove_stale(folder: &Path) {
        let _ = std::fs::remove_file(folder.join("addresses.json"));
    }
}

impl Drop for AddressFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
