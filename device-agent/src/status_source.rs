//! Where the whole status comes from: the board, the disk, the operator's desk.

use crate::operator::Desk;
use crate::outbox::OutboxHandle;
use crate::status::{Status, StatusBoard};

/// Puts the status together. Cheap to clone.
#[derive(Clone)]
pub struct StatusSource {
    /// Knows what waits, and which faults and alarms are active.
    pub outbox: OutboxHandle,
    /// Knows how the parts are doing.
    pub board: StatusBoard,
    /// Knows what is asked and done.
    pub desk: Desk,
}

impl StatusSource {
    /// How it is going now.
    pub async fn read(&self) -> Status {
        let mut status = self.board.read();
        status.operator = self.desk.shown();
        let stored = self
            .outbox
            .call(|outbox| Ok((outbox.status()?, outbox.active_faults()?, outbox.rules_shown()?)));
        match stored.await {
            Ok((outbox, faults, rules)) => {
                status.outbox = Some(outbox);
                status.active_faults = faults;
                status.rules = rules;
            }
            Err(error) => status.disk_problem = Some(error.to_string()),
        }
        status
    }
}
