//! Believing messages: from the platform or from a stranger.

use std::time::{Duration, Instant};

use millwright_schemas::topics::DownChannel;
use millwright_schemas::wire::command::{CancelClaims, CommandClaims, TimeClaims};
use millwright_schemas::wire::rules::ConfigClaims;

use super::notices::OrderMessage;
use crate::identity::Identity;
use crate::limits::REFUSALS_LOG_INTERVAL;
use crate::orders::{Refusal, verify};
use crate::status::StatusBoard;

/// An order of the platform, for this machine.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Order {
    Command(Box<CommandClaims>),
    Cancel(CancelClaims),
    Time(TimeClaims),
    Config(Box<ConfigClaims>),
}

/// Reads a message, if it is the platform's.
pub(super) fn read(message: &OrderMessage, identity: &Identity) -> Result<Order, Refusal> {
    let keys = &identity.trust.command_keys;
    let machine = identity.machine_id;
    match message.channel {
        DownChannel::Command => {
            verify(&message.payload, keys, machine).map(|claims| Order::Command(Box::new(claims)))
        }
        DownChannel::Cancel => verify(&message.payload, keys, machine).map(Order::Cancel),
        DownChannel::Time => verify(&message.payload, keys, machine).map(Order::Time),
        DownChannel::Config => {
            verify(&message.payload, keys, machine).map(|claims| Order::Config(Box::new(claims)))
        }
    }
}

/// Counts what isn't believed, and logs it now and then: whoever sends it must not fill the log.
/// Nothing of it gets there, and nobody but the operator is told.
pub(super) struct Refusals {
    board: StatusBoard,
    since: u64,
    logged: Option<Instant>,
}

impl Refusals {
    pub(super) const fn new(board: StatusBoard) -> Self {
        Self { board, since: 0, logged: None }
    }

    pub(super) fn add(&mut self, message: &OrderMessage, refusal: &Refusal) {
        self.since += 1;
        self.board.update(|status| status.commands.not_believed += 1);
        let elapsed = self.logged.map_or(Duration::MAX, |logged| logged.elapsed());
        if elapsed >= REFUSALS_LOG_INTERVAL {
            tracing::warn!(
                channel = message.channel.as_str(),
                bytes = message.payload.len(),
                count = self.since,
                %refusal,
                "a message isn't believed"
            );
            self.since = 0;
            self.logged = Some(Instant::now());
        }
    }
}
