//! The task that takes orders, keeps the queue and begins one command after the other.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use millwright_schemas::CommandId;
use millwright_schemas::wire::command::{
    CancelClaims, Capabilities, CommandReport, Rejection, TimeRequested,
};
use millwright_schemas::wire::events::EventType;
use millwright_schemas::wire::rules::RulesApplied;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::attend::{After, Attendance};
use super::builtin::{Diagnostics, Tools};
use super::catalogue::Offer;
use super::intake::Refusals;
use super::leftovers;
use super::notices::{Direct, Inbox};
use super::report::Reporter;
use crate::certificates;
use crate::clock;
use crate::config::Config;
use crate::drivers::DriverCommands;
use crate::known_signals::KnownSignals;
use crate::limits::{COMMANDS_STOP, ORDERS_LOOK, REPORT_RETRY};
use crate::operator::Desk;
use crate::orders::{Entry, EntryState, Happening};
use crate::outbox::OutboxHandle;
use crate::recent_log::RecentLog;
use crate::rules::RulesShown;
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
    /// What they have delivered.
    pub signals: KnownSignals,
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
    pub(super) outbox: OutboxHandle,
    pub(super) identity: IdentityWatch,
    board: StatusBoard,
    desk: Desk,
    pub(super) tools: Tools,
    pub(super) offer: Arc<Offer>,
    reporter: Reporter,
    stop: CancellationToken,
    restart: CancellationToken,
    inbox: Inbox,
    direct: Direct,
    pub(super) refusals: Refusals,
    /// In the ledger, waiting for their turn.
    pub(super) queue: VecDeque<Entry>,
    pub(super) current: Option<Current>,
    /// For commands that haven't come yet.
    pub(super) early: VecDeque<CancelClaims>,
    pub(super) told: Option<Instant>,
    signals: KnownSignals,
    /// How many signals were known then.
    signals_told: usize,
    /// Whether no report was waiting then.
    reported: bool,
    /// The connection that the platform was greeted on.
    greeted: Option<u64>,
}

/// The command whose turn it is.
pub(super) struct Current {
    pub(super) id: CommandId,
    pub(super) cancel: watch::Sender<Option<String>>,
    task: JoinHandle<After>,
}

impl CommandService {
    /// Puts it together.
    #[must_use]
    pub fn new(config: &Config, parts: Parts, inbox: Inbox, direct: Direct) -> Self {
        let Parts { outbox, identity, board, desk, drivers, signals, time, log, stop, restart } =
            parts;
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
            signals,
            signals_told: 0,
            reported: true,
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
                // Before the messages: a flood of them must not stop the time.
                _ = looks.tick() => self.look().await,
                Some(message) = self.inbox.messages.recv() => self.receive(message).await,
            }
        }
        let Some(mut current) = self.current.take() else { return };
        if timeout(COMMANDS_STOP, &mut current.task).await.is_err() {
            tracing::error!(command.id = %current.id, "doesn't end; it is told in the next life");
            // It holds the outbox, which could never be closed.
            current.task.abort();
            let _ = current.task.await;
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

    pub(super) async fn tell_capabilities(&mut self) {
        self.told = Some(Instant::now());
        let known = self.outbox.call(|outbox| {
            Ok((outbox.ledger()?, outbox.status()?.events, outbox.rules_version()?))
        });
        match known.await {
            Ok((ledger, waiting, rules_version)) => {
                self.reported = waiting == 0;
                self.signals_told = self.signals.len();
                let capabilities = Capabilities {
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    ledger: ledger.id,
                    last_ord: ledger.last_ord,
                    reported_ord: self.reported.then_some(ledger.last_ord),
                    commands: self.offer.catalogue.offered(),
                    signals: self.signals.told(self.offer.room_bytes),
                    rules_version: Some(rules_version),
                };
                self.direct.tell(EventType::AgentCapabilities, &capabilities);
            }
            Err(error) => tracing::error!(%error, "the ledger can't be read"),
        }
    }

    /// Says once more by which rules this machine watches.
    pub(super) fn tell_rules(&self, shown: RulesShown) {
        let RulesShown { version, watching, refused, .. } = shown;
        let applied = RulesApplied { version, watching, refused };
        self.direct.tell(EventType::RulesApplied, &applied);
    }

    /// Once all reports are acknowledged the platform can know what never came. Signals that were
    /// not known yet are told too.
    async fn tell_what_is_new(&mut self) {
        if self.told.is_some() && self.signals.len() > self.signals_told {
            return self.tell_capabilities().await;
        }
        if self.reported {
            return;
        }
        let waiting = self.outbox.call(|outbox| Ok(outbox.status()?.events)).await;
        if matches!(waiting, Ok(0)) {
            self.tell_capabilities().await;
        }
    }

    /// Looks at what passes with time: the clock, the expiry of what waits.
    async fn look(&mut self) {
        if self.inbox.connected.borrow().is_some() {
            self.ask_time(false);
            self.tell_what_is_new().await;
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
    pub(super) async fn drop_waiting(&mut self, happening: Happening, report: CommandReport) {
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
