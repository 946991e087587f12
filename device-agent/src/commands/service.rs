//! The task that takes orders, keeps the queue and begins one command after the other.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use millwright_schemas::wire::command::{
    CancelClaims, Capabilities, CommandClaims, CommandReport, Rejection, TimeClaims, TimeRequested,
};
use millwright_schemas::wire::events::EventType;
use millwright_schemas::{CommandId, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::attend::{After, Attendance, canceled_by};
use super::builtin::{Diagnostics, Tools};
use super::catalogue::Offer;
use super::intake::{self, Order, Refusals};
use super::leftovers;
use super::notices::{Direct, Inbox, OrderMessage};
use super::report::Reporter;
use crate::certificates;
use crate::clock;
use crate::config::Config;
use crate::drivers::DriverCommands;
use crate::limits::{
    CAPABILITIES_INTERVAL, COMMANDS_STOP, EARLY_CANCELS, ORDERS_LOOK, REPORT_RETRY,
};
use crate::operator::Desk;
use crate::orders::{
    Decision, Entry, EntryState, Happening, LedgerHead, Local, Outcome, Refusal, Signed, decide,
};
use crate::outbox::{OutboxError, OutboxHandle};
use crate::recent_log::RecentLog;
use crate::status::{LastCommand, StatusBoard};
use crate::trusted_time::TimeKeeper;
use crate::upkeep::IdentityWatch;

/// What the service is made of.
pub struct Parts {
    /// Holds the ledger.
    pub outbox: OutboxHandle,
    /// Whose orders are believed, and who is meant.
    pub identity: IdentityWatch,
    /// Shows how it is.
    pub board: StatusBoard,
    /// Where the operator is asked and sees what is done.
    pub desk: Desk,
    /// What can be done to the machines.
    pub drivers: DriverCommands,
    /// What time it is.
    pub time: TimeKeeper,
    /// The agent's last log lines.
    pub log: RecentLog,
    /// Ends it: what runs is ended and reported.
    pub stop: CancellationToken,
    /// Canceled when a command has the agent start again.
    pub restart: CancellationToken,
}

/// Takes orders and carries them out.
pub struct CommandService {
    outbox: OutboxHandle,
    identity: IdentityWatch,
    board: StatusBoard,
    desk: Desk,
    tools: Tools,
    offer: Arc<Offer>,
    reporter: Reporter,
    stop: CancellationToken,
    restart: CancellationToken,
    inbox: Inbox,
    direct: Direct,
    refusals: Refusals,
    /// In the ledger, waiting for their turn.
    queue: VecDeque<Entry>,
    current: Option<Current>,
    /// For commands that haven't come yet.
    early: VecDeque<CancelClaims>,
    told: Option<Instant>,
    /// The connection that the platform was greeted on.
    greeted: Option<u64>,
}

/// The command whose turn it is.
struct Current {
    id: CommandId,
    cancel: watch::Sender<Option<String>>,
    task: JoinHandle<After>,
}

impl CommandService {
    /// Puts it together.
    #[must_use]
    pub fn new(config: &Config, parts: Parts, inbox: Inbox, direct: Direct) -> Self {
        let Parts { outbox, identity, board, desk, drivers, time, log, stop, restart } = parts;
        let offer = Arc::new(Offer::new(&config.commands, &drivers));
        let diagnostics = Diagnostics::new(config, board.clone(), outbox.clone(), log);
        let reporter =
            Reporter { outbox: outbox.clone(), board: board.clone(), stop: stop.clone() };
        board.update(|status| status.commands.offered = offer.catalogue.len());
        Self {
            tools: Tools { time, drivers, diagnostics },
            refusals: Refusals::new(board.clone()),
            outbox,
            identity,
            board,
            desk,
            offer,
            reporter,
            stop,
            restart,
            inbox,
            direct,
            queue: VecDeque::new(),
            current: None,
            early: VecDeque::new(),
            told: None,
            greeted: None,
        }
    }

    /// Runs until the agent stops; then what runs is ended and reported.
    pub async fn run(mut self) {
        self.resume().await;
        let mut looks = interval(ORDERS_LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.begin_next();
            self.show();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                after = ended(&mut self.current) => self.ended(after),
                Ok(()) = self.inbox.connected.changed() => self.greet().await,
                Some(message) = self.inbox.messages.recv() => self.receive(message).await,
                _ = looks.tick() => self.look().await,
            }
        }
        if let Some(current) = self.current.take()
            && timeout(COMMANDS_STOP, current.task).await.is_err()
        {
            tracing::error!(command.id = %current.id, "doesn't end; it is told in the next life");
        }
    }

    /// Takes up what the last life has left: what had begun is interrupted, what waited waits on.
    async fn resume(&mut self) {
        let open = loop {
            match self.outbox.call(|outbox| outbox.open_commands()).await {
                Ok(open) => break open,
                Err(error) => tracing::error!(%error, "the ledger can't be read"),
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = sleep(REPORT_RETRY) => {}
            }
        };
        for entry in open {
            if entry.state != EntryState::Running {
                self.queue.push_back(entry);
                continue;
            }
            let id = entry.claims.jti;
            let _ = tokio::task::spawn_blocking(move || leftovers::end(id)).await;
            let error = Some("the agent ended while it ran; its outcome isn't known".to_owned());
            let report = CommandReport { error, ..CommandReport::new(id) };
            self.reporter.tell(Happening::AgentEnded, report).await;
        }
    }

    fn begin_next(&mut self) {
        if self.current.is_some() || self.stop.is_cancelled() {
            return;
        }
        let Some(entry) = self.queue.pop_front() else { return };
        let id = entry.claims.jti;
        let last = LastCommand {
            id,
            name: entry.claims.name.clone(),
            state: entry.state.as_str().to_owned(),
            received_at: entry.received_at,
        };
        self.board.update(|status| status.commands.last = Some(last));
        let (cancel, canceled) = watch::channel(None);
        let attendance = Attendance {
            entry,
            offer: Arc::clone(&self.offer),
            tools: self.tools.clone(),
            desk: self.desk.clone(),
            reporter: self.reporter.clone(),
            canceled,
            connected: self.inbox.connected.clone(),
            stop: self.stop.clone(),
        };
        self.current = Some(Current { id, cancel, task: tokio::spawn(attendance.run()) });
    }

    fn ended(&mut self, after: After) {
        self.current = None;
        if after == After::Restart {
            tracing::info!("starting again, as ordered");
            self.restart.cancel();
        }
    }

    fn show(&self) {
        let waiting = self.queue.len() + usize::from(self.current.is_some());
        let time = self.tools.time.state();
        self.board.update(|status| {
            status.commands.waiting = waiting;
            status.commands.time = Some(time);
        });
    }

    /// A connection has come or gone. The platform is asked for the time and told what this
    /// machine can do.
    async fn greet(&mut self) {
        self.saw_certificate().await;
        let connected = *self.inbox.connected.borrow_and_update();
        if connected.is_none() || connected != self.greeted {
            self.tools.time.give_up();
        }
        self.greeted = connected;
        if connected.is_some() {
            self.ask_time(true);
            self.tell_capabilities().await;
        }
    }

    /// The machine's certificate was signed by the platform's CA: it can't be earlier now.
    async fn saw_certificate(&self) {
        let Some(identity) = self.identity.borrow().clone() else { return };
        if let Ok(validity) = certificates::validity(&identity.certificate)
            && self.tools.time.saw_signed(validity.from)
        {
            self.keep_floor(validity.from).await;
        }
    }

    fn ask_time(&self, anew: bool) {
        let nonce = if anew { Some(self.tools.time.ask()) } else { self.tools.time.question() };
        if let Some(nonce) = nonce {
            self.direct.tell(EventType::TimeRequested, &TimeRequested { nonce });
        }
    }

    async fn tell_capabilities(&mut self) {
        self.told = Some(Instant::now());
        match self.outbox.call(|outbox| outbox.ledger()).await {
            Ok(ledger) => {
                let capabilities = Capabilities {
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    ledger: ledger.id,
                    last_ord: ledger.last_ord,
                    commands: self.offer.catalogue.offered(),
                };
                self.direct.tell(EventType::AgentCapabilities, &capabilities);
            }
            Err(error) => tracing::error!(%error, "the ledger can't be read"),
        }
    }

    /// Looks at what passes with time: the clock, the expiry of what waits.
    async fn look(&mut self) {
        if self.inbox.connected.borrow().is_some() {
            self.ask_time(false);
        }
        let Some(now) = self.tools.time.now() else { return };
        self.early.retain(|cancel| cancel.exp > now.seconds());
        let late: Vec<CommandId> = self
            .queue
            .iter()
            .filter(|entry| now >= entry.expires_at())
            .map(|entry| entry.claims.jti)
            .collect();
        for id in late {
            let reason = Rejection::Expired;
            let report = CommandReport { reason: Some(reason), ..CommandReport::new(id) };
            self.drop_waiting(Happening::Rejected(reason), report).await;
        }
    }

    /// Ends a command that waits in the queue. What the disk doesn't take now stays there.
    async fn drop_waiting(&mut self, happening: Happening, report: CommandReport) {
        let id = report.command_id;
        let told = self
            .outbox
            .add(move |outbox| outbox.step_command(happening, &report, clock::now()))
            .await;
        match told {
            Ok(_) => self.queue.retain(|entry| entry.claims.jti != id),
            Err(error) => tracing::error!(%error, command.id = %id, "its end can't be stored"),
        }
    }

    async fn receive(&mut self, message: OrderMessage) {
        let Some(identity) = self.identity.borrow().clone() else { return };
        let order = match intake::read(&message, &identity) {
            Ok(order) => order,
            Err(refusal) => return self.refusals.add(&message, &refusal),
        };
        match order {
            Order::Command(claims) => {
                self.saw_signed(&*claims).await;
                self.command(*claims, &message).await;
            }
            Order::Cancel(claims) => {
                self.saw_signed(&claims).await;
                self.cancel(claims).await;
            }
            Order::Time(claims) => self.time(&claims, &message).await,
            Order::Unknown => tracing::debug!("an order that this version doesn't know"),
        }
    }

    async fn saw_signed(&self, order: &impl Signed) {
        let signed = order.signed_at();
        if self.tools.time.saw_signed(signed) {
            self.keep_floor(signed).await;
        }
    }

    async fn keep_floor(&self, signed: Timestamp) {
        if let Err(error) = self.outbox.call(move |outbox| outbox.keep_time_floor(signed)).await {
            tracing::warn!(%error, "the latest signed time isn't kept");
        }
    }

    async fn time(&mut self, claims: &TimeClaims, message: &OrderMessage) {
        match self.tools.time.answer(&claims.nonce, claims.signed_at()) {
            Ok(()) => self.keep_floor(claims.signed_at()).await,
            Err(unasked) => self.refusals.add(message, &Refusal::Form(unasked.to_string())),
        }
    }

    async fn command(&mut self, claims: CommandClaims, message: &OrderMessage) {
        let id = claims.jti;
        let found =
            self.outbox.call(move |outbox| Ok((outbox.ledger()?, outbox.ledger_entry(id)?))).await;
        let (ledger, known) = match found {
            Ok(found) => found,
            // Not taken: the platform sends it again.
            Err(error) => return tracing::error!(%error, "the ledger can't be read"),
        };
        match self.decide(&claims, known.as_ref(), ledger) {
            Decision::Foreign => self.refusals.add(message, &Refusal::Foreign),
            Decision::Duplicate => self.adopt(known),
            Decision::TellCapabilities => {
                if self.told.is_none_or(|told| told.elapsed() >= CAPABILITIES_INTERVAL) {
                    self.tell_capabilities().await;
                }
            }
            Decision::Reject { reason, error, counts } => {
                let state = EntryState::Final(Outcome::Rejected(reason));
                let report =
                    CommandReport { reason: Some(reason), error, ..CommandReport::new(id) };
                let _ = self.enter(claims, state, report, counts).await;
            }
            Decision::Accept => {
                let report = CommandReport::new(id);
                if let Some(entry) = self.enter(claims, EntryState::Received, report, true).await {
                    self.queue.push_back(entry);
                    self.cancel_early(id).await;
                }
            }
        }
    }

    fn decide(
        &self,
        claims: &CommandClaims,
        known: Option<&Entry>,
        ledger: LedgerHead,
    ) -> Decision {
        let Some(identity) = self.identity.borrow().clone() else { return Decision::Foreign };
        let local = Local {
            machine: identity.machine_id,
            ledger,
            waiting: self.queue.len() + usize::from(self.current.is_some()),
            catalogue: &self.offer.catalogue,
            now: self.tools.time.now(),
        };
        decide(claims, known, &local)
    }

    /// A command that is in the ledger but in nobody's hands: the disk took it after all, when
    /// it wasn't known whether it would.
    fn adopt(&mut self, known: Option<Entry>) {
        let Some(entry) = known else { return };
        let id = entry.claims.jti;
        let waits = matches!(entry.state, EntryState::Received | EntryState::AwaitingConsent);
        let held = self.current.as_ref().is_some_and(|current| current.id == id)
            || self.queue.iter().any(|waiting| waiting.claims.jti == id);
        if waits && !held {
            self.queue.push_back(entry);
        }
    }

    async fn enter(
        &self,
        claims: CommandClaims,
        state: EntryState,
        report: CommandReport,
        counts: bool,
    ) -> Option<Entry> {
        let entry = Entry { claims, received_at: clock::now(), state };
        let stored = entry.clone();
        let entered: Result<(), OutboxError> = self
            .outbox
            .add(move |outbox| outbox.enter_command(&stored, &report, counts, clock::now()))
            .await;
        let id = entry.claims.jti;
        match entered {
            Ok(()) => {
                tracing::info!(command.id = %id, command.name = entry.claims.name, command.state = state.as_str(), "command");
                Some(entry)
            }
            Err(error) => {
                tracing::error!(%error, command.id = %id, "isn't taken");
                None
            }
        }
    }

    async fn cancel(&mut self, claims: CancelClaims) {
        if self.tools.time.now().is_some_and(|now| now.seconds() >= claims.exp) {
            return;
        }
        let id = claims.command;
        if let Some(current) = self.current.as_ref().filter(|current| current.id == id) {
            // The first one counts.
            current.cancel.send_if_modified(|by| {
                let first = by.is_none();
                by.get_or_insert(claims.by);
                first
            });
            return;
        }
        if self.queue.iter().any(|entry| entry.claims.jti == id) {
            let error = Some(canceled_by(&claims.by));
            let report = CommandReport { error, ..CommandReport::new(id) };
            self.drop_waiting(Happening::Canceled, report).await;
            return;
        }
        let known = self.outbox.call(move |outbox| outbox.ledger_entry(id)).await;
        if matches!(known, Ok(None)) && self.early.iter().all(|early| early.command != id) {
            self.early.push_back(claims);
            if self.early.len() > EARLY_CANCELS {
                self.early.pop_front();
            }
        }
    }

    /// Its cancellation was faster than the command itself.
    async fn cancel_early(&mut self, id: CommandId) {
        let Some(at) = self.early.iter().position(|early| early.command == id) else { return };
        if let Some(claims) = self.early.remove(at) {
            self.cancel(claims).await;
        }
    }
}

/// Waits for the end of the current command; for ever when there is none.
async fn ended(current: &mut Option<Current>) -> After {
    match current {
        Some(current) => match (&mut current.task).await {
            Ok(after) => after,
            Err(error) => {
                tracing::error!(%error, command.id = %current.id, "attending to it has failed");
                After::Next
            }
        },
        None => std::future::pending().await,
    }
}
