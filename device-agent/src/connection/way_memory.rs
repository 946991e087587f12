//! Which way worked last, over restarts. Only a hint: without it, or with nonsense in it, some
//! attempts more are made.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ways::Way;
use crate::private_file;

const FILE: &str = "agent.way.json";

#[derive(Serialize, Deserialize)]
struct Content {
    way: Way,
}

/// The hint on the disk.
#[derive(Debug)]
pub(super) struct WayMemory {
    path: PathBuf,
    known: Option<Way>,
}

impl WayMemory {
    pub(super) fn open(data_dir: &Path) -> Self {
        let path = data_dir.join(FILE);
        let content = fs::read(&path).ok();
        let known = content.and_then(|content| serde_json::from_slice::<Content>(&content).ok());
        Self { path, known: known.map(|content| content.way) }
    }

    pub(super) const fn known(&self) -> Option<Way> {
        self.known
    }

    /// Without the file the better way counts: the usual case leaves nothing behind.
    pub(super) fn remember(&mut self, way: Way) {
        if self.known == Some(way) {
            return;
        }
        let written = match way {
            Way::Mqtt => match fs::remove_file(&self.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
            Way::WebSocket => serde_json::to_vec(&Content { way })
                .map_err(Into::into)
                .and_then(|content| private_file::write(&self.path, &content)),
        };
        match written {
            Ok(()) => self.known = Some(way),
            Err(error) => tracing::debug!(%error, "which way worked isn't remembered"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_way_is_known_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut memory = WayMemory::open(folder.path());
        assert_eq!(memory.known(), None);
        memory.remember(Way::WebSocket);
        assert_eq!(WayMemory::open(folder.path()).known(), Some(Way::WebSocket));
        memory.remember(Way::Mqtt);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        fs::write(folder.path().join(FILE), "nonsense").unwrap();
        assert_eq!(WayMemory::open(folder.path()).known(), None);
    }
}
