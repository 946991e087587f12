//! What people say about tickets.

use millwright_core::access::{Caller, Permission};
use millwright_core::fields::Fields;
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_schemas::api::tickets::{TicketComment, WriteComment};
use millwright_schemas::{CommentId, TicketId, Timestamp};
use millwright_store::page::PageRequest;
use millwright_store::tickets::comments as rows;
use millwright_store::{Scope, Store, tickets};
use serde_json::Map;
use uuid::Uuid;

use crate::TicketError;
use crate::limits::TEXT_MAX;
use crate::trace::{data, record};

/// Comments and notes of a ticket that the caller sees, oldest first.
///
/// # Errors
/// Not permitted, not found, no such page, or the database can't.
pub async fn comments(
    store: &Store,
    caller: &Caller,
    id: TicketId,
    page: &PageQuery,
) -> Result<Page<TicketComment>, TicketError> {
    caller.require(Permission::ReadTickets)?;
    let page = PageRequest::<i64>::parse("ticket_comments", page)?;
    let scope = Scope::Organization(caller.organization);
    tickets::get(store, scope, id).await?;
    let rows = rows::list(store, scope, id, &page).await?;
    let Page { items, next_cursor } = page.page(rows, |(seq, _)| *seq);
    Ok(Page { items: items.into_iter().map(|(_, comment)| comment).collect(), next_cursor })
}

/// Writes a comment on a ticket, in whatever state it is.
///
/// # Errors
/// Not permitted, not found, a field can't be accepted, or the database can't.
pub async fn comment(
    store: &Store,
    caller: &Caller,
    id: TicketId,
    input: WriteComment,
    now: Timestamp,
) -> Result<TicketComment, TicketError> {
    caller.require(Permission::CommentTickets)?;
    let mut fields = Fields::default();
    fields.lines("text", &input.text, TEXT_MAX);
    fields.finish()?;
    let tx = store.begin().await?;
    let scope = Scope::Organization(caller.organization);
    let ticket = tickets::load(&tx, scope, id).await?.ticket;
    let written = TicketComment {
        id: CommentId(Uuid::now_v7()),
        by: caller.actor.into(),
        at: now,
        note: None,
        text: input.text,
        data: Map::new(),
    };
    rows::insert(&tx, ticket.organization_id, id, &written).await?;
    let told = data([
        ("comment_id", written.id.to_string().into()),
        ("text", written.text.clone().into()),
    ]);
    record(&tx, &ticket, "ticket.commented", told, caller.actor, now).await?;
    tx.commit().await?;
    Ok(written)
}
