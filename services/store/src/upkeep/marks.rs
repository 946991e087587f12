//! How far retention has ever gone, whatever the policies say today: what was removed isn't there again
//! when somebody wants it longer.

use crate::{Store, StoreError};

/// Before this time some values as received may have been removed.
pub(crate) const RAW_REMOVED: &str = "raw_removed_before";
/// Before this time values as received of every series may have been removed.
pub(crate) const RAW_DROPPED: &str = "raw_dropped_before";
/// Before this time some values by minute may have been removed.
pub(crate) const MINUTES_REMOVED: &str = "minutes_removed_before";

/// A mark, in microseconds; `None`: it was never set.
///
/// # Errors
/// When the database can't be used.
pub(crate) async fn get(store: &Store, name: &str) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT value FROM upkeep_marks WHERE name = ?";
    let row = store.reader_pool().first(sql, &[name.into()]).await?;
    row.map(|row| row.get(0)).transpose()
}

/// Raises a mark to this time, in microseconds; it is never lowered.
///
/// # Errors
/// When the database can't be used.
pub(crate) async fn raise(store: &Store, name: &str, to: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO upkeep_marks (name, value) VALUES (?, ?) ON CONFLICT (name) \
               DO UPDATE SET value = excluded.value WHERE excluded.value > upkeep_marks.value";
    store.writer_pool().execute(sql, &[name.into(), to.into()]).await?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::store;

    #[tokio::test]
    async fn a_mark_is_never_lowered() {
        let (store, _folder) = store().await;
        assert_eq!(get(&store, RAW_REMOVED).await.unwrap(), None);
        for (to, then) in [(-5, -5), (7, 7), (3, 7)] {
            raise(&store, RAW_REMOVED, to).await.unwrap();
            assert_eq!(get(&store, RAW_REMOVED).await.unwrap(), Some(then));
        }
        assert_eq!(get(&store, MINUTES_REMOVED).await.unwrap(), None);
    }
}
