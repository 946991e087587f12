//! Real machine data that isn't part of the project.

use std::path::{Path, PathBuf};

/// Where the data sets are: `MILLWRIGHT_DATASETS`, or `../shared/data` beside the project.
#[must_use]
pub fn folder() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    std::env::var_os("MILLWRIGHT_DATASETS").map_or_else(beside, PathBuf::from)
}

/// A file of the sets, or `None` and a loud word when it isn't there.
#[must_use]
pub fn find(file: &str) -> Option<PathBuf> {
    let path = folder().join(file);
    if path.is_file() {
        eprintln!("on {}", path.display());
        return Some(path);
    }
    eprintln!(
        "*** {} isn't there: the test runs on made data of the same form. \
         Set MILLWRIGHT_DATASETS to the folder with the sets. ***",
        path.display()
    );
    None
}
