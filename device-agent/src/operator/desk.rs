//! The desk: where orders meet the operator.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use millwright_schemas::CommandId;
use millwright_schemas::wire::events::EventType;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::desk_state::DeskState;
use super::log::{Happening, LocalLog, LogEntry};
use super::order::{Decision, DeskShown, How, OrderShown};
use crate::clock;
use crate::limits::HELP_MESSAGE_CHARS;
use crate::outbox::{OutboxError, OutboxHandle, Taken};

/// Where orders are asked for and shown. Cheap to clone; all clones are the same desk.
#[derive(Clone)]
pub struct Desk(Arc<Shared>);

struct Shared {
    state: Mutex<DeskState>,
    outbox: OutboxHandle,
    log: LocalLog,
}

/// Why the operator's word has no effect.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// It was answered before, expired, or was called off.
    #[error("no question about command {0} is open")]
    NotAsked(CommandId),
    /// It has ended, or waits for consent.
    #[error("command {0} isn't running")]
    NotRunning(CommandId),
    /// There is nothing to stop.
    #[error("nothing is running")]
    NothingRuns,
    /// Asking for help without words, or with too many.
    #[error("message: {0}")]
    Message(String),
    /// The platform won't hear of it.
    #[error("it isn't stored: {0}")]
    Outbox(#[from] OutboxError),
}

impl Desk {
    /// An empty desk, with the local log of a data folder. The join handle ends after the last
    /// clone is dropped and the log is written.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(data_dir: &Path, outbox: OutboxHandle) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (log, thread) = LocalLog::start(data_dir)?;
        let state = Mutex::new(DeskState::default());
        Ok((Self(Arc::new(Shared { state, outbox, log })), thread))
    }

    /// Asks the operator and waits for the answer. Dropping the future withdraws the question.
    /// Refused at once when [`crate::limits::QUESTIONS`] are open, or one about this command is.
    pub async fn ask(&self, order: OrderShown) -> Decision {
        let entry = LogEntry::of(Happening::Asked, &order);
        let Some((number, answered)) = self.state().ask(order.clone(), clock::now()) else {
            tracing::warn!(command.id = %order.id, "refused: too much waits for the operator");
            self.record(Happening::Refused, &order, How::Agent).await;
            self.tell(EventType::ConsentRefused, &order, How::Agent).await;
            return Decision::Refused;
        };
        self.0.log.note(entry);
        let mut open = Open { desk: self.clone(), number, order, answered: false };
        let decision = answered.await;
        open.answered = decision.is_ok();
        decision.unwrap_or(Decision::Refused)
    }

    /// Shows what is being done, until the activity ends or is dropped. What runs orders bounds
    /// how many there are.
    #[must_use]
    pub fn begin(&self, order: OrderShown) -> Activity {
        self.0.log.note(LogEntry::of(Happening::Started, &order));
        let (number, stop) = self.state().begin(order.clone(), clock::now());
        Activity { desk: self.clone(), number, stop, order, outcome: None }
    }

    /// Answers a question. It is in the local log, and told to the platform, before the answer
    /// takes effect. Once begun it is finished, also when the caller goes away.
    ///
    /// # Errors
    /// [`DeskError::NotAsked`] when the question isn't open.
    pub async fn decide(
        &self,
        id: CommandId,
        decision: Decision,
        how: How,
    ) -> Result<(), DeskError> {
        let (order, answer) = self.state().take(id).ok_or(DeskError::NotAsked(id))?;
        let (happening, event) = match decision {
            Decision::Granted => (Happening::Granted, EventType::ConsentGranted),
            Decision::Refused => (Happening::Refused, EventType::ConsentRefused),
        };
        let desk = self.clone();
        let decided = tokio::spawn(async move {
            desk.record(happening, &order, how).await;
            desk.tell(event, &order, how).await;
            answer.send(decision)
        });
        match decided.await {
            Ok(Ok(())) => Ok(()),
            _ => Err(DeskError::NotAsked(id)),
        }
    }

    /// Stops what is being done for a command, or everything; gives the commands that weren't
    /// stopped before. It takes effect at once, whatever happens to the notes about it.
    ///
    /// # Errors
    /// When there is nothing to stop.
    pub async fn stop(&self, id: Option<CommandId>, how: How) -> Result<Vec<CommandId>, DeskError> {
        let (running, stopped) = {
            let mut state = self.state();
            (state.is_running(id), state.stop(id))
        };
        if !running {
            return Err(id.map_or(DeskError::NothingRuns, DeskError::NotRunning));
        }
        let ids = stopped.iter().map(|order| order.id).collect();
        let desk = self.clone();
        let noted = tokio::spawn(async move {
            for order in &stopped {
                desk.record(Happening::Stopped, order, how).await;
                desk.tell(EventType::ConsentWithdrawn, order, how).await;
            }
        });
        if let Err(error) = noted.await {
            tracing::error!(%error, "a stop isn't noted");
        }
        Ok(ids)
    }

    /// Asks the platform's people for help.
    ///
    /// # Errors
    /// When the message breaks a rule, or isn't stored.
    pub async fn request_help(&self, message: &str, how: How) -> Result<Taken, DeskError> {
        let message = help_message(message).map_err(DeskError::Message)?;
        let data = object(json!({ "message": message, "how": how }));
        let taken = self
            .0
            .outbox
            .add(move |outbox| outbox.append_event(EventType::HelpRequested, data, clock::now()))
            .await?;
        self.0.log.record(LogEntry::help(message, how)).await;
        Ok(taken)
    }

    /// What lies on the desk now.
    #[must_use]
    pub fn shown(&self) -> DeskShown {
        let (log_entries, log_problem) = self.0.log.state();
        let state = self.state();
        DeskShown {
            questions: state.questions(),
            activities: state.activities(),
            log_entries,
            log_problem,
        }
    }

    /// The newest entries of the local log, newest first.
    #[must_use]
    pub fn newest_entries(&self) -> Vec<LogEntry> {
        self.0.log.newest()
    }

    async fn record(&self, happening: Happening, order: &OrderShown, how: How) {
        self.0.log.record(LogEntry { how: Some(how), ..LogEntry::of(happening, order) }).await;
    }

    /// Tells the platform. Failing to is no reason to hold back the operator's word.
    async fn tell(&self, event: EventType, order: &OrderShown, how: How) {
        let data = object(json!({ "command_id": order.id, "how": how }));
        let name = event.clone();
        let told =
            self.0.outbox.add(move |outbox| outbox.append_event(event, data, clock::now())).await;
        if let Err(error) = told {
            tracing::warn!(%error, event = name.as_str(), command.id = %order.id, "can't be told");
        }
    }

    fn state(&self) -> MutexGuard<'_, DeskState> {
        // Plain data, changed in single steps: what a panicking caller left is whole.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that is being done, shown to the operator until it ends.
pub struct Activity {
    desk: Desk,
    number: u64,
    stop: CancellationToken,
    order: OrderShown,
    outcome: Option<String>,
}

impl Activity {
    /// Waits until the operator presses stop.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// It has ended; how goes into the local log.
    pub fn end(mut self, outcome: &str) {
        self.outcome = Some(outcome.to_owned());
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        self.desk.state().end(self.number);
        let text = self.outcome.take();
        self.desk.0.log.note(LogEntry { text, ..LogEntry::of(Happening::Ended, &self.order) });
    }
}

/// A question whose asker waits.
struct Open {
    desk: Desk,
    number: u64,
    order: OrderShown,
    answered: bool,
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.answered {
            self.desk.state().withdraw(self.number);
            self.desk.0.log.note(LogEntry::of(Happening::CalledOff, &self.order));
        }
    }
}

/// A message as it is sent: its ends trimmed, within the bound.
fn help_message(message: &str) -> Result<String, String> {
    let message = message.trim();
    let chars = message.chars().count();
    if !(1..=HELP_MESSAGE_CHARS).contains(&chars) {
        return Err(format!("{chars} characters, not 1 to {HELP_MESSAGE_CHARS}"));
    }
    if message.chars().any(|c| c.is_control() && c != '\n' && c != '\r' && c != '\t') {
        return Err("contains a control character".to_owned());
    }
    Ok(message.to_owned())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
