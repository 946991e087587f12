//! The one place that changes a command: by the rules, with its traces, in one transaction.

use millwright_core::access::Actor;
use millwright_core::audit::Subject;
use millwright_core::command::{Effect, Event, Illegal, Reached, State, step};
use millwright_schemas::Timestamp;
use millwright_schemas::api::commands::{Command, CommandState};
use millwright_schemas::limits::{COMMAND_PROGRESS_MAX_BYTES, COMMAND_RESULT_MAX_BYTES};
use millwright_schemas::wire::command::CommandReport;
use millwright_store::changes::{self, Change};
use millwright_store::commands::{self, StoredCommand};
use millwright_store::events::{self, NewEvent};
use millwright_store::work::{self, CancelDue, CommandsDue, TicketNote};
use millwright_store::{StoreError, Tx};
use serde_json::{Map, Value};

use crate::limits::ERROR_MAX_CHARS;
use crate::output;

/// Something that happens to a command.
pub(crate) struct Move<'a> {
    pub(crate) event: Event,
    pub(crate) by: Actor,
    /// What is said about it, and when, by the clock of who says it.
    pub(crate) report: Option<(&'a CommandReport, Timestamp)>,
    pub(crate) now: Timestamp,
}

impl Move<'_> {
    /// What the platform does by itself.
    pub(crate) const fn of_platform(event: Event, now: Timestamp) -> Self {
        Self { event, by: Actor::Platform, report: None, now }
    }
}

/// What has become of a command. Without effects nothing was changed.
#[derive(Debug, PartialEq)]
pub(crate) struct Moved {
    pub(crate) before: CommandState,
    pub(crate) after: CommandState,
    pub(crate) effects: Vec<Effect>,
}

impl Moved {
    pub(crate) fn asks_for(&self, effect: Effect) -> bool {
        self.effects.contains(&effect)
    }
}

/// A change is refused, or can't be saved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    #[error(transparent)]
    Illegal(#[from] Illegal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ChangeError> for crate::DispatchError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Illegal(error) => error.into(),
            ChangeError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeError> for crate::WorkError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Illegal(error) => error.into(),
            ChangeError::Store(error) => error.into(),
        }
    }
}

/// Moves a command as the rules say: its row, its audit record, its events, the notes on its
/// ticket. What is to be sent is left to the caller.
pub(crate) async fn apply(
    tx: &Tx,
    stored: &mut StoredCommand,
    happening: &Move<'_>,
) -> Result<Moved, ChangeError> {
    let before = stored.command.state;
    let done = step(stored.state(), happening.event)?;
    let mut effects = done.effects;
    if effects.contains(&Effect::AppendOutput)
        && !happening.report.is_some_and(|(report, _)| output::append(stored, report))
    {
        effects.retain(|effect| !matches!(effect, Effect::AppendOutput | Effect::Tell(_)));
    }
    if effects.is_empty() {
        return Ok(Moved { before, after: before, effects });
    }
    if effects.contains(&Effect::TakePlace) {
        stored.command.ord = commands::next_ord(tx, stored.command.machine_id).await?;
    }
    take_state(stored, done.state, happening);
    if effects.contains(&Effect::KeepResult) {
        keep_result(stored, happening);
    }
    stored.command.version += 1;
    stored.command.updated_at = happening.now;
    commands::save(tx, stored).await?;
    for effect in &effects {
        match effect {
            Effect::Record(name) => record(tx, stored, name, happening).await?,
            Effect::Tell(name) => tell(tx, stored, name, happening).await?,
            _ => {}
        }
    }
    if done.state.is_final() {
        note(tx, &stored.command, "command_ended", happening.by, happening.now).await?;
    }
    Ok(Moved { before, after: stored.command.state, effects })
}

fn take_state(stored: &mut StoredCommand, state: State, happening: &Move<'_>) {
    let now = happening.now;
    let command = &mut stored.command;
    command.state = state.word();
    if let State::Out(out) = state {
        stored.ledger = out.ledger.or(stored.ledger);
        if matches!(happening.event, Event::Sent(_)) {
            command.sent_at.get_or_insert(now);
        }
        if out.reached == Reached::Running {
            command.started_at.get_or_insert(happening.report.map_or(now, |(_, at)| at));
        }
        if out.cancel {
            stored.cancel_requested_at.get_or_insert(now);
        }
        command.cancel_requested = out.cancel;
    } else {
        command.cancel_requested = false;
    }
    if state.is_final() {
        command.ended_at = Some(happening.report.map_or(now, |(_, at)| at));
    }
}

fn keep_result(stored: &mut StoredCommand, happening: &Move<'_>) {
    let Some((report, _)) = happening.report else { return };
    let command = &mut stored.command;
    command.reason = report.reason;
    command.exit_code = report.exit_code;
    command.error =
        report.error.as_deref().map(|text| text.chars().take(ERROR_MAX_CHARS).collect());
    if let Some(result) = &report.result {
        let bytes = result.to_string().len();
        if bytes <= COMMAND_RESULT_MAX_BYTES {
            command.result = Some(result.clone());
        } else {
            let why = format!("the result has {bytes} bytes, more than {COMMAND_RESULT_MAX_BYTES}");
            command.error.get_or_insert(why);
        }
    }
    if let Some(text) = &report.output {
        // All of it, in place of the parts.
        let (text, cut) = output::bounded(text.clone());
        command.output = Some(text);
        command.output_cut = cut;
    }
    command.output_cut |= report.output_cut;
}

/// Records that a command was issued.
pub(crate) async fn record_issue(
    tx: &Tx,
    stored: &StoredCommand,
    by: Actor,
) -> Result<(), StoreError> {
    let command = &stored.command;
    let mut details = details(command);
    // As text: numbers of audit records are integers, those of arguments needn't be.
    let args = serde_json::to_string(&command.args)
        .map_err(|error| StoreError::corrupt("commands", error))?;
    details.insert("args".to_owned(), args.into());
    details.insert("expires_at".to_owned(), command.expires_at.to_string().into());
    details.insert("deadline_s".to_owned(), command.deadline_s.into());
    details.insert("purpose".to_owned(), command.purpose.clone().into());
    let change = change(command, "command.issued", by, details, command.created_at);
    changes::record(tx, change).await?;
    note(tx, command, "command_issued", by, command.created_at).await
}

async fn record(
    tx: &Tx,
    stored: &StoredCommand,
    name: &'static str,
    happening: &Move<'_>,
) -> Result<(), StoreError> {
    let mut details = details(&stored.command);
    if let Some((_, at)) = happening.report {
        details.insert("reported_at".to_owned(), at.to_string().into());
    }
    if let Some(ledger) = stored.ledger {
        details.insert("ledger".to_owned(), ledger.to_string().into());
    }
    let change = change(&stored.command, name, happening.by, details, happening.now);
    changes::record(tx, change).await
}

/// What is too much for the audit log: output as it comes.
async fn tell(
    tx: &Tx,
    stored: &StoredCommand,
    name: &'static str,
    happening: &Move<'_>,
) -> Result<(), StoreError> {
    let command = &stored.command;
    let mut data = details(command);
    if let Some((report, _)) = happening.report {
        data.insert("part".to_owned(), report.part.into());
        let output = report.output.as_deref().unwrap_or_default();
        let end = output.floor_char_boundary(COMMAND_PROGRESS_MAX_BYTES);
        data.insert("output".to_owned(), output[..end].into());
    }
    let event = NewEvent {
        organization: command.organization_id,
        event_type: name,
        subject: Subject::new("command", command.id),
        version: Some(command.version),
        actor: happening.by,
        origin: None,
        data,
        occurred_at: happening.now,
    };
    events::append(tx, event).await
}

fn change(
    command: &Command,
    action: &'static str,
    actor: Actor,
    details: Map<String, Value>,
    at: Timestamp,
) -> Change {
    Change {
        organization: command.organization_id,
        actor,
        action,
        subject: Subject::new("command", command.id),
        version: Some(command.version),
        details,
        at,
    }
}

fn details(command: &Command) -> Map<String, Value> {
    let mut details = Map::from_iter([
        ("machine_id".to_owned(), command.machine_id.to_string().into()),
        ("name".to_owned(), command.name.as_str().into()),
        ("state".to_owned(), command.state.as_str().into()),
        ("ord".to_owned(), command.ord.into()),
    ]);
    let mut add = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            details.insert(field.to_owned(), value);
        }
    };
    add("class", command.class.map(|class| class.as_str().into()));
    add("ticket_id", command.ticket_id.map(|ticket| ticket.to_string().into()));
    add("reason", command.reason.map(|reason| reason.as_str().into()));
    add("exit_code", command.exit_code.map(Into::into));
    add("error", command.error.as_deref().map(Into::into));
    details
}

/// A note on the command's ticket, if it has one.
async fn note(
    tx: &Tx,
    command: &Command,
    note: &str,
    by: Actor,
    at: Timestamp,
) -> Result<(), StoreError> {
    let Some(ticket) = command.ticket_id else { return Ok(()) };
    let mut data = details(command);
    data.insert("command_id".to_owned(), command.id.to_string().into());
    let machine = command.machine_id;
    let note = TicketNote { ticket, machine, note: note.to_owned(), data, by, at };
    work::enqueue(tx, command.organization_id, &note, at).await
}

/// Leaves to the worker what is to be sent.
pub(crate) async fn enqueue_sends(
    tx: &Tx,
    command: &Command,
    moved: &Moved,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (organization, machine) = (command.organization_id, command.machine_id);
    if moved.asks_for(Effect::SendCancel) {
        let due = CancelDue { machine, command: command.id };
        work::enqueue(tx, organization, &due, now).await?;
    }
    if moved.asks_for(Effect::SendNext) {
        work::enqueue(tx, organization, &CommandsDue { machine }, now).await?;
    }
    Ok(())
}
