//! What sends commands to machines and follows them up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millwright_core::command::{Event, Next, Standing, cancels, next};
use millwright_identity::machines::Trust;
use millwright_schemas::{CommandId, LedgerId, MachineId, Timestamp};
use millwright_store::commands::{self, StoredCommand, contact};
use millwright_store::work::TimeAsked;
use millwright_store::{Scope, Store, Tx, tickets};

use crate::change::{Move, Moved, apply};
use crate::limits::ROUNDS_MAX;
use crate::look_up::look_up;
use crate::rules::RulesDesk;
use crate::{CommandMetrics, Delivery, WorkError};

/// What dispatch is made of.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The keys that sign orders.
    pub trust: Trust,
    /// The way to machines.
    pub delivery: Arc<dyn Delivery>,
    /// Where it is counted.
    pub metrics: CommandMetrics,
    /// The time.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// Sends commands to machines and follows them up. Cheap to clone.
#[derive(Clone)]
pub struct Dispatch(Arc<Inner>);

/// When something was last handed over.
#[derive(Debug, Clone, Copy, Default)]
struct HandedOver {
    command: Option<Timestamp>,
    cancel: Option<Timestamp>,
}

struct Inner {
    parts: Parts,
    /// When orders about open commands were last handed over; forgotten when they end.
    handed_over: Mutex<HashMap<CommandId, HandedOver>>,
    rules: RulesDesk,
}

impl Dispatch {
    /// Puts it together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner { parts, handed_over: Mutex::default(), rules: RulesDesk::default() }))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.parts.store
    }

    pub(crate) fn trust(&self) -> &Trust {
        &self.0.parts.trust
    }

    pub(crate) fn delivery(&self) -> &dyn Delivery {
        self.0.parts.delivery.as_ref()
    }

    pub(crate) fn metrics(&self) -> &CommandMetrics {
        &self.0.parts.metrics
    }

    pub(crate) fn rules_desk(&self) -> &RulesDesk {
        &self.0.rules
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0.parts.now)()
    }

    /// Does what is due for a machine: ends what is over, hands over what comes next and what
    /// isn't confirmed, asks once more for what is to be canceled. It may be called at any time.
    ///
    /// # Errors
    /// When the database can't be used or nothing can be signed.
    pub async fn send_due(&self, machine: MachineId, now: Timestamp) -> Result<(), WorkError> {
        for _ in 0..ROUNDS_MAX {
            let mut open = commands::open_of(self.store(), machine).await?;
            if open.is_empty() {
                return Ok(());
            }
            self.recall(&mut open);
            let contact = contact::of(self.store(), machine).await?;
            match next(&open, &contact, now) {
                Next::Expire(over) => self.expire(&over, now).await?,
                Next::Send { .. } | Next::SendCanceled { .. } => {
                    self.send_next(machine, now).await?;
                }
                Next::Nothing => {
                    for id in cancels(&open, &contact, now) {
                        self.send_cancel(id, now).await?;
                    }
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn expire(&self, over: &[CommandId], now: Timestamp) -> Result<(), WorkError> {
        let tx = self.store().begin().await?;
        let mut done = Vec::new();
        for id in over {
            let mut stored = commands::load(&tx, Scope::Platform, *id).await?;
            if stored.command.expires_at <= now {
                let happening = Move::of_platform(Event::ExpiryPassed, now);
                let moved = apply(&tx, &mut stored, &happening).await?;
                done.push((stored, moved));
            }
        }
        tx.commit().await?;
        for (stored, moved) in &done {
            self.settle(stored, moved, now);
        }
        Ok(())
    }

    /// The machine is out of use: nothing more will be heard of its commands.
    pub(crate) async fn end_all(
        &self,
        machine: MachineId,
        now: Timestamp,
    ) -> Result<(), WorkError> {
        let tx = self.store().begin().await?;
        let mut done = Vec::new();
        for open in commands::load_open(&tx, machine).await? {
            let mut stored = commands::load(&tx, Scope::Platform, open.id).await?;
            let happening = Move::of_platform(Event::OutOfUse, now);
            let moved = apply(&tx, &mut stored, &happening).await?;
            done.push((stored, moved));
        }
        tx.commit().await?;
        for (stored, moved) in &done {
            self.settle(stored, moved, now);
        }
        Ok(())
    }

    /// Decides once more within the transaction, and hands over what it has recorded.
    async fn send_next(&self, machine: MachineId, now: Timestamp) -> Result<(), WorkError> {
        let tx = self.store().begin().await?;
        let mut open = commands::load_open(&tx, machine).await?;
        self.recall(&mut open);
        let contact = contact::load(&tx, machine).await?;
        let (id, ledger) = match next(&open, &contact, now) {
            Next::Send { id, ledger } => (id, ledger),
            Next::SendCanceled { id, ledger } => {
                let stored = commands::load(&tx, Scope::Platform, id).await?;
                let cancellation = self.sign_cancel(&stored, now)?;
                let handed_over = self.hand_over(cancellation);
                self.lock().entry(id).or_default().cancel = Some(now);
                if handed_over {
                    self.send(tx, stored, Some(ledger), now).await?;
                } else {
                    self.lock().entry(id).or_default().command = Some(now);
                }
                return Ok(());
            }
            Next::Expire(_) | Next::Nothing => return Ok(()),
        };
        let mut stored = commands::load(&tx, Scope::Platform, id).await?;
        if let Some(unfit) = look_up(&tx, &mut stored).await? {
            let happening =
                Move { report: Some((&unfit, now)), ..Move::of_platform(Event::Unfit, now) };
            let moved = apply(&tx, &mut stored, &happening).await?;
            tx.commit().await?;
            self.settle(&stored, &moved, now);
            return Ok(());
        }
        self.send(tx, stored, ledger, now).await
    }

    /// What is handed over is on record before: a platform that ends in between must not say
    /// that the command never left it.
    async fn send(
        &self,
        tx: Tx,
        mut stored: StoredCommand,
        ledger: Option<LedgerId>,
        now: Timestamp,
    ) -> Result<(), WorkError> {
        let ticket = match stored.command.ticket_id {
            None => None,
            Some(id) => Some(tickets::load(&tx, Scope::Platform, id).await?.ticket.number),
        };
        let order = self.sign_command(&stored, ledger, ticket, now)?;
        let moved = apply(&tx, &mut stored, &Move::of_platform(Event::Sent(ledger), now)).await?;
        if moved.effects.is_empty() {
            // The same once more: nothing to be recorded.
            tx.rollback().await?;
        } else {
            tx.commit().await?;
        }
        self.lock().entry(stored.command.id).or_default().command = Some(now);
        self.hand_over(order);
        Ok(())
    }

    pub(crate) async fn send_cancel(&self, id: CommandId, now: Timestamp) -> Result<(), WorkError> {
        let stored = commands::get(self.store(), Scope::Platform, id).await?;
        if stored.command.cancel_requested {
            let order = self.sign_cancel(&stored, now)?;
            self.lock().entry(id).or_default().cancel = Some(now);
            self.hand_over(order);
        }
        Ok(())
    }

    pub(crate) fn tell_time(&self, asked: TimeAsked, now: Timestamp) -> Result<(), WorkError> {
        let TimeAsked { machine, nonce } = asked;
        let is_nonce = (16..=64).contains(&nonce.len())
            && nonce.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if is_nonce {
            // Late is no use: it asks again.
            let order = self.sign_time(machine, nonce, now)?;
            self.hand_over(order);
        }
        Ok(())
    }

    /// After a commit: counts it, and forgets what has ended.
    pub(crate) fn settle(&self, stored: &StoredCommand, moved: &Moved, now: Timestamp) {
        self.metrics().count(&stored.command, moved, now);
        if moved.after.is_final() {
            self.lock().remove(&stored.command.id);
        }
    }

    /// When commands and their cancellations were last handed over, where this process has done it.
    pub(crate) fn recall(&self, open: &mut [Standing]) {
        let handed_over = self.lock();
        for command in open {
            let last = handed_over.get(&command.id).copied().unwrap_or_default();
            command.handed_over_at = last.command.or(command.handed_over_at);
            command.cancel_handed_over_at = last.cancel;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CommandId, HandedOver>> {
        // Nothing panics while it is held.
        self.0.handed_over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
