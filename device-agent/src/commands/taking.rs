//! Taking orders: what each of them does to the ledger and to the queue.

use millwright_schemas::wire::command::{CancelClaims, CommandClaims, CommandReport, TimeClaims};
use millwright_schemas::wire::rules::ConfigClaims;
use millwright_schemas::{CommandId, Timestamp};

use super::ended::canceled_by;
use super::intake::{self, Order};
use super::notices::OrderMessage;
use super::service::CommandService;
use crate::clock;
use crate::limits::{CAPABILITIES_INTERVAL, EARLY_CANCELS};
use crate::orders::{
    Decision, Entry, EntryState, Happening, LedgerHead, Local, Outcome, Refusal, Signed, decide,
};
use crate::outbox::OutboxError;

impl CommandService {
    /// A message has come.
    pub(super) async fn receive(&mut self, message: OrderMessage) {
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
            Order::Time(claims) => self.time(&claims).await,
            Order::Config(claims) => {
                self.saw_signed(&*claims).await;
                self.rules(*claims).await;
            }
        }
    }

    async fn saw_signed(&self, order: &impl Signed) {
        let signed = order.signed_at();
        if self.tools.time.saw_signed(signed) {
            self.keep_floor(signed).await;
        }
    }

    pub(super) async fn keep_floor(&self, signed: Timestamp) {
        if let Err(error) = self.outbox.call(move |outbox| outbox.keep_time_floor(signed)).await {
            tracing::warn!(%error, "the latest signed time isn't kept");
        }
    }

    async fn time(&self, claims: &TimeClaims) {
        match self.tools.time.answer(&claims.nonce, claims.signed_at()) {
            Ok(()) => self.keep_floor(claims.signed_at()).await,
            // Late or a recording: it still says what time it can't be before.
            Err(unasked) => {
                tracing::debug!(%unasked, "a signed time");
                self.saw_signed(claims).await;
            }
        }
    }

    /// The rules that the machine is to watch by itself.
    async fn rules(&self, claims: ConfigClaims) {
        let version = claims.version;
        let taken = self.outbox.add(move |outbox| {
            let is_new = outbox.take_rules(&claims, clock::now())?;
            Ok((is_new, outbox.rules_shown()?))
        });
        match taken.await {
            Ok((true, _)) => tracing::info!(version, "watching by new rules"),
            // The platform hasn't heard that they are here.
            Ok((false, shown)) if shown.version == version => self.tell_rules(shown),
            Ok((false, _)) => tracing::debug!(version, "rules that are older"),
            // Not taken: the platform sends them again.
            Err(error) => tracing::error!(%error, version, "rules aren't taken"),
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
