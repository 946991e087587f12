//! Resolved tickets are closed when nothing has reopened them in time. The worker asks again and
//! again; each call is one short transaction, and safe to repeat.

use millwright_core::access::Actor;
use millwright_core::ticket::close;
use millwright_schemas::Timestamp;
use millwright_schemas::api::tickets::TicketState;
use millwright_store::{Scope, Store, StoreError, Tx, tickets};

use crate::limits::CLOSED_BATCH;
use crate::trace::{Happening, data, tell};

/// Closes resolved tickets whose time to be reopened is over. Returns how many; as many as
/// [`CLOSED_BATCH`] when there may be more.
///
/// # Errors
/// When the database can't.
pub async fn close_resolved(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    if !tickets::any_to_close(store, now).await? {
        return Ok(0);
    }
    let tx = store.begin().await?;
    let mut count = 0;
    for record in tickets::to_close(&tx, now, CLOSED_BATCH).await? {
        if record.ticket.state == TicketState::Resolved {
            close_one(&tx, &record, now).await?;
        }
        count += 1;
    }
    tx.commit().await?;
    Ok(count)
}

/// Closes a resolved ticket that nothing reopens any more.
pub(crate) async fn close_one(
    tx: &Tx,
    record: &millwright_core::ticket::TicketRecord,
    now: Timestamp,
) -> Result<(), StoreError> {
    let closed = close(record, now);
    tickets::save(tx, Scope::Platform, &closed, record.ticket.version).await?;
    let what = Happening {
        action: "ticket.moved",
        note: "state_changed",
        text: String::new(),
        data: data([("from", "resolved".into()), ("to", "closed".into())]),
        by: Actor::Platform,
        at: now,
    };
    tell(tx, &closed.ticket, what).await
}
