//! `millwright admin`: what is done to a platform that doesn't run.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, ensure};
use millwright_identity::people::bootstrap::ADMIN_EMAIL;
use millwright_identity::people::reset::reset_admin_password;
use millwright_store::{DATABASE_FILE, DataFolderLock, Store};

use crate::worker::now;

/// Gives the first administrator a new password and shows it, on standard output.
pub(crate) async fn reset_password(data_dir: &Path) -> anyhow::Result<()> {
    // Neither a folder nor a database is made for a mistyped name.
    let shown = data_dir.display();
    ensure!(data_dir.join(DATABASE_FILE).is_file(), "no database in {shown}; see --data-dir");
    let _lock = DataFolderLock::acquire(data_dir)?;
    let store = Store::open_sqlite(data_dir)
        .await
        .with_context(|| format!("the database in {shown} can't be opened"))?;
    let password = reset_admin_password(&store, now()).await;
    store.close().await;
    let password = password.context("the password is as it was")?;
    let mut out = std::io::stdout();
    writeln!(out, "Sign in as {ADMIN_EMAIL} with password {}", password.expose())?;
    Ok(out.flush()?)
}
