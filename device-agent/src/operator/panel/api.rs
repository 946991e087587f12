//! What the page asks for and says. JSON.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use millwright_schemas::wire::events::FaultRaised;
use millwright_schemas::{CommandId, MachineId, Timestamp};
use serde::{Deserialize, Serialize};

use super::Panel;
use super::problem::PanelError;
use crate::clock;
use crate::operator::{Decision, Desk, DeskShown, How, LogEntry};
use crate::outbox::Taken;
use crate::rules::LocalAlarm;
use crate::status::ConnectionStatus;

/// A body in the expected form, or where it isn't.
type Body<T> = Result<Json<T>, JsonRejection>;

/// All that the page shows, but for the log.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    /// When the agent was started: at another time the page's token is of the past.
    started_at: Option<Timestamp>,
    now: Timestamp,
    machine: Option<MachineId>,
    /// What people call it, as far as the agent was told.
    machine_name: Option<String>,
    connection: ConnectionStatus,
    faults: Vec<FaultRaised>,
    /// Alarms of the rules that this machine watches by itself.
    alarms: Vec<LocalAlarm>,
    #[serde(flatten)]
    desk: DeskShown,
    /// Why the disk takes nothing, when it doesn't.
    disk_problem: Option<String>,
}

/// The newest entries of the local log.
#[derive(Debug, Serialize)]
pub(super) struct Entries {
    entries: Vec<LogEntry>,
}

/// The answer to a question.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decided {
    command_id: CommandId,
    decision: Decision,
}

/// What is to be stopped; without a command, everything.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stop {
    command_id: Option<CommandId>,
}

/// What was stopped by this and not before.
#[derive(Debug, Serialize)]
pub(super) struct Stopped {
    stopped: Vec<CommandId>,
}

/// A message to the platform's people.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Help {
    message: String,
}

impl Panel {
    fn desk(&self) -> &Desk {
        &self.0.source.desk
    }
}

pub(super) async fn state(State(panel): State<Panel>) -> Json<Shown> {
    let status = panel.0.source.read().await;
    let machine = status.machine.as_ref();
    Json(Shown {
        started_at: status.started_at,
        now: clock::now(),
        machine: machine.map(|machine| machine.id),
        machine_name: machine.and_then(|machine| machine.name.clone()),
        connection: status.connection,
        faults: status.active_faults,
        alarms: status.rules.alarms,
        desk: status.operator,
        disk_problem: status.disk_problem,
    })
}

pub(super) async fn log(State(panel): State<Panel>) -> Json<Entries> {
    Json(Entries { entries: panel.desk().newest_entries() })
}

pub(super) async fn decide(
    State(panel): State<Panel>,
    body: Body<Decided>,
) -> Result<StatusCode, PanelError> {
    let Json(Decided { command_id, decision }) = body?;
    panel.desk().decide(command_id, decision, How::Panel).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn stop(
    State(panel): State<Panel>,
    body: Body<Stop>,
) -> Result<Json<Stopped>, PanelError> {
    let Json(Stop { command_id }) = body?;
    let stopped = panel.desk().stop(command_id, How::Panel).await?;
    Ok(Json(Stopped { stopped }))
}

pub(super) async fn help(
    State(panel): State<Panel>,
    body: Body<Help>,
) -> Result<Json<Taken>, PanelError> {
    let Json(Help { message }) = body?;
    Ok(Json(panel.desk().request_help(&message, How::Panel).await?))
}

pub(super) async fn not_found() -> PanelError {
    PanelError::new("not_found", StatusCode::NOT_FOUND, "the panel has no such page")
}

pub(super) async fn not_allowed() -> PanelError {
    let detail = "pages are read with GET, changes are made with POST";
    PanelError::new("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED, detail)
}

impl From<JsonRejection> for PanelError {
    fn from(rejection: JsonRejection) -> Self {
        Self::new("validation", rejection.status(), rejection.body_text())
    }
}
