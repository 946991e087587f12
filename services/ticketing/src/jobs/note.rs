//! Something happened to a command of a ticket: a note.

use millwright_schemas::api::tickets::TicketComment;
use millwright_schemas::{CommentId, JobId};
use millwright_store::tickets::comments;
use millwright_store::work::TicketNote;
use millwright_store::{Scope, Store, StoreError, tickets};

use crate::trace::record;

/// Adds the note, once.
pub(crate) async fn add(store: &Store, job: JobId, work: TicketNote) -> Result<(), StoreError> {
    let tx = store.begin().await?;
    let ticket = match tickets::load(&tx, Scope::Platform, work.ticket).await {
        Err(StoreError::NotFound(_)) => return Ok(()),
        record => record?.ticket,
    };
    let comment = TicketComment {
        id: CommentId(job.uuid()),
        by: work.by.into(),
        at: work.at,
        note: Some(work.note.clone()),
        text: String::new(),
        data: work.data.clone(),
    };
    if comments::insert(&tx, ticket.organization_id, ticket.id, &comment).await? {
        let mut data = work.data;
        data.insert("note".to_owned(), work.note.into());
        record(&tx, &ticket, "ticket.commented", data, work.by, work.at).await?;
    }
    tx.commit().await
}
