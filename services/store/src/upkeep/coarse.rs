//! Old days share partitions: those that have their own, because they weren't old when they were made, become
//! one.

use std::collections::BTreeSet;

use super::Steps;
use super::shrink::TOO_LONG;
use crate::engine::Pool;
use crate::telemetry::Layout;
use crate::telemetry::merging::{self, Group};
use crate::{Store, StoreError};

/// Merges old partitions until there is nothing left to merge, or `steps`, which are asked before each, say
/// no; whether it got to the end. What can't be merged now, because somebody looks at it, is left for the
/// next time.
///
/// `tried` are those that this round has been at: it goes on behind them.
pub(super) async fn partitions(
    store: &Store,
    tried: &mut BTreeSet<Group>,
    steps: &Steps<'_>,
) -> Result<bool, StoreError> {
    let (Layout::Days { .. }, Pool::Postgres(pool)) = (store.layout(), store.writer_pool()) else {
        return Ok(true);
    };
    let mut failed = None;
    while let Some(group) = merging::next(pool, tried).await? {
        if !steps.go_on().await? {
            return Ok(false);
        }
        match merging::merge(pool, &group).await {
            Ok(_) => {}
            // Too much to be counted in a moment: as what is too large.
            Err(error) if error.sqlstate().as_deref() == Some(TOO_LONG) => {}
            // Whoever looks at an old state of the database, such as a backup, does so for long.
            Err(error) if error.is_transient() => break,
            Err(error) => {
                failed.get_or_insert(error);
            }
        }
        tried.insert(group);
    }
    failed.map_or(Ok(true), Err)
}
