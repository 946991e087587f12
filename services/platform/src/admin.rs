//! `millwright admin`: what is done to a platform that doesn't run.

use std::io::Write;

use anyhow::{Context, ensure};
use millwright_identity::people::bootstrap::ADMIN_EMAIL;
use millwright_identity::people::reset::reset_admin_password;
use millwright_store::{DATABASE_FILE, DataFolderLock, Location, Store};

use crate::worker::now;

/// Gives the first administrator a new password and shows it, on standard output.
pub(crate) async fn reset_password(database: Location) -> anyhow::Result<()> {
    let (store, _lock) = open(&database).await?;
    let password = reset_admin_password(&store, now()).await;
    store.close().await;
    let password = password.context("the password is as it was")?;
    let mut out = std::io::stdout();
    writeln!(out, "Sign in as {ADMIN_EMAIL} with password {}", password.expose())?;
    Ok(out.flush()?)
}

/// Brings the database to this program's tables.
pub(crate) async fn migrate(database: Location) -> anyhow::Result<()> {
    let (store, _lock) = open(&database).await?;
    store.close().await;
    let mut out = std::io::stdout();
    writeln!(out, "{database} has the tables of millwright {}", env!("CARGO_PKG_VERSION"))?;
    Ok(out.flush()?)
}

/// Opens a database that is there, and migrates it.
async fn open(database: &Location) -> anyhow::Result<(Store, Option<DataFolderLock>)> {
    let lock = match database {
        Location::Folder(folder) => {
            // Neither a folder nor a database is made for a mistyped name.
            let shown = folder.display();
            ensure!(folder.join(DATABASE_FILE).is_file(), "no database in {shown}; see --data-dir");
            Some(DataFolderLock::acquire(folder)?)
        }
        Location::Postgres(_) => None,
    };
    let store =
        Store::open(database).await.with_context(|| format!("{database} can't be opened"))?;
    Ok((store, lock))
}
