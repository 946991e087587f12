//! The operator on site asks for help: a ticket is opened, reopened or joined.

use millwright_core::access::Actor;
use millwright_core::ticket::{TITLE_MAX, TicketRecord, is_open, priority};
use millwright_schemas::api::tickets::{TicketComment, TicketState};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{CommentId, JobId, Timestamp};
use millwright_store::machines::fleet;
use millwright_store::tickets::comments;
use millwright_store::work::HelpRequested;
use millwright_store::{Scope, Store, StoreError, Tx, tickets};

use super::opening::{self, Again, Opening};
use crate::closing::close_one;
use crate::limits::TEXT_MAX;
use crate::trace::{data, record};

/// As urgent as an alarm of this severity.
const AS_URGENT_AS: Severity = Severity::Major;

pub(crate) async fn requested(
    store: &Store,
    job: JobId,
    work: HelpRequested,
    now: Timestamp,
) -> Result<(), StoreError> {
    let tx = store.begin().await?;
    let ticket = on_ticket(&tx, &work, now).await?.ticket;
    let by = Actor::Machine(work.machine);
    let told = data([("event_id", work.event.to_string().into())]);
    let comment = TicketComment {
        id: CommentId(job.uuid()),
        by: by.into(),
        at: now,
        note: Some("help_requested".to_owned()),
        text: work.message.chars().take(TEXT_MAX).collect(),
        data: told.clone(),
    };
    if !comments::insert(&tx, ticket.organization_id, ticket.id, &comment).await? {
        // It was done before; nothing of this time is kept.
        return tx.rollback().await;
    }
    record(&tx, &ticket, "ticket.commented", told, by, now).await?;
    tx.commit().await
}

async fn on_ticket(
    tx: &Tx,
    work: &HelpRequested,
    now: Timestamp,
) -> Result<TicketRecord, StoreError> {
    let machine = fleet::load(tx, Scope::Platform, work.machine).await?;
    let cause = format!("help:{}", work.machine);
    let priority = priority(AS_URGENT_AS, machine.criticality);
    let by = Actor::Machine(work.machine);
    match tickets::last_of_cause(tx, &cause).await? {
        Some(open) if is_open(open.ticket.state) => return Ok(open),
        Some(last) if last.ticket.state == TicketState::Resolved => {
            if last.close_at.is_some_and(|at| now < at) {
                let again = Again { priority, worst: None, by, began_at: None, data: data([]) };
                return opening::again(tx, &last, again, now).await;
            }
            close_one(tx, &last, now).await?;
        }
        _ => {}
    }
    let opening = Opening {
        machine: work.machine,
        organization: machine.organization_id,
        cause,
        title: title(&work.message),
        description: String::new(),
        priority,
        worst: None,
        by,
        began_at: None,
        data: data([]),
    };
    opening::open(tx, opening, now).await
}

fn title(message: &str) -> String {
    let words = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let printable = words.chars().map(|c| if c.is_control() { ' ' } else { c });
    let title = format!("Help requested: {}", printable.collect::<String>());
    title.trim_end_matches([' ', ':']).chars().take(TITLE_MAX).collect()
}
