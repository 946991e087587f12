//! The platform's side: a database that survives, a process that doesn't.

use millwright_core::command::{
    Contact, Event, Next, Report, Standing, State, Told, after_told, cancels, next, step,
};
use millwright_schemas::wire::command::CommandClaims;
use millwright_schemas::{CommandId, LedgerId, MachineId, Timestamp};
use serde_json::Map;

use crate::network::{Down, Up, Word};

/// A row of the table of commands.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) standing: Standing,
    name: &'static str,
}

/// The platform.
#[derive(Debug)]
pub(crate) struct Platform {
    machine: MachineId,
    pub(crate) rows: Vec<Row>,
    last_ord: u64,
    /// What the machine has told, as stored.
    ledger: Option<(LedgerId, Timestamp)>,
    pub(crate) connected_since: Option<Timestamp>,
}

impl Platform {
    pub(crate) fn new(machine: MachineId) -> Self {
        Self { machine, rows: Vec::new(), last_ord: 0, ledger: None, connected_since: None }
    }

    /// A new process on the same database: nothing is remembered of what was handed over.
    pub(crate) fn restart(&mut self) {
        self.connected_since = None;
        for row in &mut self.rows {
            row.standing.handed_over_at = None;
            row.standing.cancel_handed_over_at = None;
        }
    }

    pub(crate) fn issue(&mut self, id: CommandId, name: &'static str, expires_at: Timestamp) {
        self.last_ord += 1;
        let standing = Standing {
            id,
            ord: self.last_ord,
            state: State::Queued,
            expires_at,
            deadline_s: 60,
            handed_over_at: None,
            cancel_handed_over_at: None,
        };
        self.rows.push(Row { standing, name });
    }

    /// Somebody wants it canceled; refused when it is over.
    pub(crate) fn cancel(&mut self, id: CommandId) {
        self.happen(id, Event::CancelRequested);
    }

    /// Does all that is due now. With `cut` the process is killed when the first order is on its
    /// disk and not yet on its way.
    pub(crate) fn work(&mut self, now: Timestamp, cut: bool) -> Vec<Down> {
        let mut sent = Vec::new();
        loop {
            match next(&self.open(), &self.contact(), now) {
                Next::Nothing => break,
                Next::Expire(ids) => {
                    for id in ids {
                        self.happen(id, Event::ExpiryPassed);
                    }
                }
                Next::Send { id, ledger } => {
                    // On the disk first: what is cut off in between counts as sent.
                    self.happen(id, Event::Sent(ledger));
                    if cut {
                        self.restart();
                        return sent;
                    }
                    sent.push(Down::Command(self.claims(id, ledger, now)));
                    self.row(id).standing.handed_over_at = Some(now);
                }
                Next::SendCanceled { id, ledger } => {
                    sent.push(Down::Cancel(id));
                    sent.push(Down::Command(self.claims(id, Some(ledger), now)));
                    let standing = &mut self.row(id).standing;
                    standing.handed_over_at = Some(now);
                    standing.cancel_handed_over_at = Some(now);
                }
            }
        }
        for id in cancels(&self.open(), &self.contact(), now) {
            sent.push(Down::Cancel(id));
            self.row(id).standing.cancel_handed_over_at = Some(now);
        }
        sent
    }

    /// An event that the machine reported, committed.
    pub(crate) fn hear(&mut self, event: Up, now: Timestamp) {
        match event {
            Up::Command(id, word) => {
                self.happen(id, Event::Reported(report(word)));
            }
            Up::Capabilities { ledger, last_ord, reported_ord, ts } => {
                let before = self.ledger.replace((ledger, now)).map(|(before, _)| before);
                let told = Told { ledger, before, last_ord, reported_ord, ts };
                for standing in self.open() {
                    if let Some(event) = after_told(&standing, &told, &self.contact(), now) {
                        self.happen(standing.id, event);
                    }
                }
            }
        }
    }

    /// Commands that aren't over, in their order.
    pub(crate) fn open(&self) -> Vec<Standing> {
        let open = self.rows.iter().filter(|row| !row.standing.state.is_final());
        open.map(|row| row.standing).collect()
    }

    fn contact(&self) -> Contact {
        Contact { connected_since: self.connected_since, ledger: self.ledger }
    }

    fn happen(&mut self, id: CommandId, event: Event) {
        let row = self.row(id);
        if let Ok(step) = step(row.standing.state, event) {
            row.standing.state = step.state;
        }
    }

    fn row(&mut self, id: CommandId) -> &mut Row {
        let row = self.rows.iter_mut().find(|row| row.standing.id == id);
        row.expect("only commands that were issued")
    }

    fn claims(&mut self, id: CommandId, ledger: Option<LedgerId>, now: Timestamp) -> CommandClaims {
        let machine = self.machine;
        let row = self.row(id);
        CommandClaims {
            jti: id,
            aud: machine,
            iat: now.seconds(),
            exp: row.standing.expires_at.seconds(),
            name: row.name.to_owned(),
            args: Map::new(),
            deadline_s: row.standing.deadline_s,
            ord: row.standing.ord,
            ledger,
            by: "Ada".to_owned(),
            ticket: None,
            purpose: None,
        }
    }
}

const fn report(word: Word) -> Report {
    match word {
        Word::Received => Report::Received,
        Word::AwaitingConsent => Report::AwaitingConsent,
        Word::Started => Report::Started,
        Word::Succeeded => Report::Succeeded,
        Word::Failed => Report::Failed,
        Word::TimedOut => Report::TimedOut,
        Word::Canceled => Report::Canceled,
        Word::Interrupted => Report::Interrupted,
        Word::Rejected(reason) => Report::Rejected(Some(reason)),
    }
}
