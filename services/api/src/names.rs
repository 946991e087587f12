//! Names beside the ids of an answer: looked up when it is sent, so that they are what things are
//! called now, and never stored.

use std::collections::HashSet;

use millwright_core::access::{Caller, Permission};
use millwright_schemas::api::alarms::{Alarm, Maintenance};
use millwright_schemas::api::audit::{ActorRef, AuditItem};
use millwright_schemas::api::backtests::Backtest;
use millwright_schemas::api::commands::Command;
use millwright_schemas::api::events::DomainEvent;
use millwright_schemas::api::revisions::AlarmRevision;
use millwright_schemas::api::telemetry::MachineGrowth;
use millwright_schemas::api::tickets::{Ticket, TicketComment};
use millwright_store::names::{self, Named};
use millwright_store::{Scope, Store};

/// Takes a thing that is mentioned and the place for its name.
pub(crate) type Visit<'a> = dyn FnMut(Named, &mut Option<String>) + 'a;

/// An answer that mentions things by their ids.
pub(crate) trait Mentions {
    /// Shows all of them.
    fn mentions(&mut self, visit: &mut Visit<'_>);
}

/// Names what one answer mentions. See [`all`].
pub(crate) async fn one<T: Mentions>(store: &Store, caller: &Caller, mut item: T) -> T {
    all(store, caller, std::slice::from_mut(&mut item)).await;
    item
}

/// Names what the items of an answer mention, as far as it is within the caller's organization and
/// machines, tickets and rules may be seen. Never fails, because what the answer tells has happened
/// already: without the database the names are left out.
pub(crate) async fn all<T: Mentions>(store: &Store, caller: &Caller, items: &mut [T]) {
    let mut wanted = HashSet::new();
    for item in items.iter_mut() {
        item.mentions(&mut |what, _| {
            wanted.insert(what);
        });
    }
    wanted.retain(|what| may_see(caller, *what));
    let names = match names::find(store, Scope::Organization(caller.organization), &wanted).await {
        Ok(names) => names,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            return tracing::warn!(error, "names are left out of an answer");
        }
    };
    for item in items {
        item.mentions(&mut |what, name| *name = names.get(&what).cloned());
    }
}

/// Who did something belongs to what they did.
fn may_see(caller: &Caller, what: Named) -> bool {
    let needs = match what {
        Named::User(_) | Named::ApiToken(_) => return true,
        Named::Machine(_) => Permission::ReadMachines,
        Named::Ticket(_) => Permission::ReadTickets,
        Named::Rule(_) => Permission::ReadRules,
    };
    caller.require(needs).is_ok()
}

fn actor(by: &mut ActorRef, visit: &mut Visit<'_>) {
    let Some(id) = by.id else { return };
    let what = match by.kind.as_str() {
        "user" => Named::User(id.into()),
        "api_token" => Named::ApiToken(id.into()),
        "machine" => Named::Machine(id.into()),
        _ => return,
    };
    visit(what, &mut by.name);
}

impl Mentions for Alarm {
    fn mentions(&mut self, visit: &mut Visit<'_>) {
        visit(Named::Machine(self.machine_id), &mut self.machine_name);
        if let Some(ticket) = self.ticket_id {
            visit(Named::Ticket(ticket), &mut self.ticket_number);
        }
        if let Some(rule) = self.rule_id {
            visit(Named::Rule(rule), &mut self.rule_name);
        }
        if let Some(by) = &mut self.acknowledged_by {
            actor(by, visit);
        }
        if let Some(said) = &mut self.feedback {
            actor(&mut said.by, visit);
        }
    }
}

impl Mentions for AlarmRevision {
    fn mentions(&mut self, visit: &mut Visit<'_>) {
        if let Some(rule) = self.rule_id {
            visit(Named::Rule(rule), &mut self.rule_name);
        }
    }
}

impl Mentions for Ticket {
    fn mentions(&mut self, visit: &mut Visit<'_>) {
        visit(Named::Machine(self.machine_id), &mut self.machine_name);
        if let Some(assignee) = self.assignee_id {
            visit(Named::User(assignee), &mut self.assignee_name);
        }
        for alarm in self.alarm_list.iter_mut().flatten() {
            visit(Named::Machine(alarm.machine_id), &mut alarm.machine_name);
        }
        actor(&mut self.opened_by, visit);
    }
}

impl Mentions for TicketComment {
    fn mentions(&mut self, visit: &mut Visit<'_>) {
        actor(&mut self.by, visit);
    }
}

impl Mentions for Command {
    fn mentions(&mut self, visit: &mut Visit<'_>) {
        visit(Named::Machine(self.machine_id), &mut self.machine_name);
        if let Some(ticket) = self.ticket_id {
            visit(Named::Ticket(ticket), &mut self.ticket_number);
        }
        actor(&mut self.issued_by, visit);
        if let Some(by) = &mut self.approved_by {
            actor(by, visit);
        }
    }
}

impl Mentions for Backtest {
    fn mentions(&mut self, visit: &mut Visit<'_>) {
        actor(&mut self.created_by, visit);
    }
}

impl Mentions for MachineGrowth {
    fn mentions(&mut self, visit: &mut Visit<'_>) {
        visit(Named::Machine(self.machine_id), &mut self.machine_name);
    }
}

impl Mentions for Maintenance {
    fn mentions(&mut self, visit: &mut Visit<'_>) {
        if let Some(by) = &mut self.by {
            actor(by, visit);
        }
    }
}

impl Mentions for AuditItem {
    fn mentions(&mut self, visit: &mut Visit<'_>) {
        actor(&mut self.actor, visit);
    }
}

impl Mentions for DomainEvent {
    fn mentions(&mut self, visit: &mut Visit<'_>) {
        actor(&mut self.actor, visit);
    }
}
