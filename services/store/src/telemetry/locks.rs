//! Whether the server's table of locks has room for the partitions or chunks that there are.
//!
//! A statement that isn't bound to a time takes a place for each partition and each of its indexes; so do a
//! backup and a restore, for both tables, until their end. What finds no place fails ("out of shared
//! memory").

use crate::StoreError;
use crate::engine::Pools;
use crate::engine::postgres::{READERS, WRITERS};
use crate::telemetry::Layout;

/// What the server has, and what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Room {
    /// `max_locks_per_transaction`.
    each: i64,
    /// `max_connections` and `max_prepared_transactions`: as many times that.
    times: i64,
    /// Partitions or chunks of numbers and booleans.
    points: i64,
    /// Those of texts.
    texts: i64,
    /// Places that one of numbers takes, and one of texts: a partition and its index, or a chunk, the one with its
    /// compressed rows, and their indexes.
    places: (i64, i64),
}

impl Room {
    /// Places that are wanted: all connections of one process look at everything, beside a backup.
    fn wanted(self) -> i64 {
        let connections = i64::from(WRITERS + READERS);
        let (of_points, of_texts) = self.places;
        (connections * self.points + self.points) * of_points + 2 * self.texts * of_texts
    }

    /// What `max_locks_per_transaction` would have to be at least; `None`: it is enough.
    fn lacking(self) -> Option<i64> {
        let (wanted, times) = (self.wanted(), self.times.max(1));
        (wanted > self.each * times).then(|| wanted.div_euclid(times) + 1)
    }
}

/// Warns when there is little room.
///
/// # Errors
/// When the database can't be used.
pub(crate) async fn check(pools: &Pools, layout: &Layout) -> Result<(), StoreError> {
    let Some(room) = room(pools, layout).await? else { return Ok(()) };
    if let Some(wanted) = room.lacking() {
        tracing::warn!(
            partitions = room.points + room.texts,
            max_locks_per_transaction = room.each,
            wanted,
            "the server's table of locks is small for so many partitions: queries and backups may fail \
             with \"out of shared memory\"; set max_locks_per_transaction of PostgreSQL to what is wanted, \
             times the number of processes of the platform, and restart it"
        );
    }
    Ok(())
}

/// `None`: it isn't a server.
async fn room(pools: &Pools, layout: &Layout) -> Result<Option<Room>, StoreError> {
    let Pools::Postgres(pools) = pools else { return Ok(None) };
    let (each, times, points, texts): (i64, i64, i64, i64) = sqlx::query_as(
        "SELECT current_setting('max_locks_per_transaction')::bigint, \
         current_setting('max_connections')::bigint \
             + current_setting('max_prepared_transactions')::bigint, \
         (SELECT count(*) FROM pg_inherits WHERE inhparent = 'points'::regclass), \
         (SELECT count(*) FROM pg_inherits WHERE inhparent = 'points_text'::regclass)",
    )
    .fetch_one(&pools.readers)
    .await?;
    // A chunk of numbers has an index by time too.
    let places = if matches!(layout, Layout::Hypertables) { (5, 4) } else { (2, 2) };
    Ok(Some(Room { each, times, points, texts, places }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr)]
mod tests {
    use super::*;
    use crate::engine::postgres::PostgresPools;
    use crate::telemetry::spans::SPANS_MAX;
    use crate::testing::{now, store};

    const DEFAULT: Room = Room { each: 64, times: 100, points: 0, texts: 0, places: (2, 2) };

    #[test]
    fn the_servers_default_is_enough_for_all_partitions_that_there_should_be() {
        let most = i64::try_from(SPANS_MAX).unwrap();
        assert_eq!(Room { points: most, texts: most, ..DEFAULT }.lacking(), None);
    }

    #[test]
    fn years_of_days_want_more_and_it_is_said_how_much() {
        for (points, texts, places) in [(1_300, 1_300, (2, 2)), (400, 0, (5, 4))] {
            let room = Room { points, texts, places, ..DEFAULT };
            let wanted = room.lacking().unwrap();
            assert!(wanted > 64, "{wanted}");
            assert_eq!(Room { each: wanted, ..room }.lacking(), None);
            assert!(Room { each: wanted - 2, ..room }.lacking().is_some());
        }
    }

    #[tokio::test]
    async fn partitions_are_counted_and_the_server_is_asked() {
        let (store, folder) = store().await;
        let Some(url) = folder.url() else {
            eprintln!("SKIPPED: SQLite has no table of locks");
            return;
        };
        crate::upkeep::make_room(&store, now()).await.unwrap();
        let pools = Pools::Postgres(PostgresPools::open(url).await.unwrap());
        let room = room(&pools, store.layout()).await.unwrap().unwrap();
        assert!(room.each >= 10 && room.times >= 10, "{room:?}");
        let made = if matches!(store.layout(), Layout::Hypertables) { 0 } else { 2 };
        assert_eq!((room.points, room.texts), (made, made));
        check(&pools, store.layout()).await.unwrap();
        pools.close().await;
    }
}
