//! Embeds the dashboard anew when it was built anew.

use std::path::Path;

fn main() {
    // The folder is embedded where there is one. Cargo looks at a path that doesn't exist as always
    // changed; its parent always exists, and changes when the folder comes.
    let dashboard = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboard");
    let built = dashboard.join("dist");
    let watched = if built.is_dir() { &built } else { &dashboard };
    println!("cargo:rerun-if-changed={}", watched.display());
}
