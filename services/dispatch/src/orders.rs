//! Orders to machines: signed and handed over.

use bytes::Bytes;
use millwright_core::command::cancel_until;
use millwright_schemas::topics::DownChannel;
use millwright_schemas::wire::command::{
    CANCEL_TYP, COMMAND_TYP, CONFIG_TYP, CancelClaims, CommandClaims, TIME_TYP, TimeClaims,
};
use millwright_schemas::wire::rules::ConfigClaims;
use millwright_schemas::{LedgerId, MachineId, Timestamp};
use millwright_store::commands::StoredCommand;
use serde::Serialize;

use crate::{Dispatch, WorkError};

/// A signed order.
pub(crate) struct Order {
    machine: MachineId,
    channel: DownChannel,
    jws: String,
}

impl Dispatch {
    /// Signs a command for a ledger, with the newest key.
    pub(crate) fn sign_command(
        &self,
        stored: &StoredCommand,
        ledger: Option<LedgerId>,
        ticket: Option<String>,
        now: Timestamp,
    ) -> Result<Order, WorkError> {
        let command = &stored.command;
        let claims = CommandClaims {
            jti: command.id,
            aud: command.machine_id,
            iat: now.seconds(),
            exp: command.expires_at.seconds(),
            name: command.name.clone(),
            args: command.args.clone(),
            deadline_s: command.deadline_s,
            ord: u64::try_from(command.ord).unwrap_or(0),
            ledger,
            by: stored.issued_by_name.clone(),
            ticket,
            purpose: command.purpose.clone(),
        };
        self.sign(command.machine_id, DownChannel::Command, COMMAND_TYP, &claims)
    }

    /// Signs the cancellation of a command.
    pub(crate) fn sign_cancel(
        &self,
        stored: &StoredCommand,
        now: Timestamp,
    ) -> Result<Order, WorkError> {
        let command = &stored.command;
        let claims = CancelClaims {
            aud: command.machine_id,
            iat: now.seconds(),
            exp: cancel_until(command.expires_at, command.deadline_s).seconds(),
            command: command.id,
            by: stored.cancel_by_name.clone().unwrap_or_default(),
        };
        self.sign(command.machine_id, DownChannel::Cancel, CANCEL_TYP, &claims)
    }

    /// Signs the time for a machine.
    pub(crate) fn sign_time(
        &self,
        machine: MachineId,
        nonce: String,
        now: Timestamp,
    ) -> Result<Order, WorkError> {
        let claims = TimeClaims { aud: machine, ts: now.millis(), nonce };
        self.sign(machine, DownChannel::Time, TIME_TYP, &claims)
    }

    /// Signs a machine's rules.
    pub(crate) fn sign_config(&self, claims: &ConfigClaims) -> Result<Order, WorkError> {
        self.sign(claims.aud, DownChannel::Config, CONFIG_TYP, claims)
    }

    fn sign(
        &self,
        machine: MachineId,
        channel: DownChannel,
        typ: &str,
        claims: &impl Serialize,
    ) -> Result<Order, WorkError> {
        let jws = self.trust().current().sign(typ, claims)?;
        Ok(Order { machine, channel, jws })
    }

    /// Hands an order over, and whether it was taken. What isn't is sent again later.
    pub(crate) fn hand_over(&self, order: Order) -> bool {
        let Order { machine, channel, jws } = order;
        let taken = self.delivery().deliver(machine, channel, Bytes::from(jws));
        if let Err(error) = &taken {
            self.metrics().not_taken.inc();
            tracing::debug!(machine.id = %machine, channel = channel.as_str(), %error, "not handed over");
        }
        taken.is_ok()
    }
}
