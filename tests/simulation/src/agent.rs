//! The agent's side: a disk that survives, a process that doesn't.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use millwright_agent::orders::{
    Begin, Catalogue, Decision, Entry, EntryState, Happening, LedgerHead, Listed, Local, Outcome,
    Step, begin, decide, step,
};
use millwright_schemas::wire::command::{CatalogueEntry, CommandClaims, CommandClass, Rejection};
use millwright_schemas::{CommandId, LedgerId, MachineId, Timestamp};
use serde_json::json;

use crate::network::{Down, Up, Word};

/// What survives the agent's end.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) head: LedgerHead,
    /// In the order in which they came.
    entries: Vec<Entry>,
    /// Events that the platform hasn't acknowledged.
    pub(crate) outbox: VecDeque<Up>,
}

/// What really happened on the machine, whatever anybody believes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) started: u32,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) ended: Option<Ended>,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Well,
    Badly,
    /// By the deadline.
    Stopped,
    /// By a cancellation.
    Canceled,
    /// With the agent.
    Killed,
}

/// The agent on its machine.
#[derive(Debug)]
pub(crate) struct Agent {
    machine: MachineId,
    pub(crate) disk: Disk,
    /// Whether the process runs.
    pub(crate) up: bool,
    /// Cancellations that were faster than their commands; in memory only.
    early: BTreeSet<CommandId>,
    /// Told on the connection that is open, and lost with it.
    pub(crate) direct: VecDeque<Up>,
    /// Whether no report was waiting when the capabilities were told.
    reported: bool,
    catalogue: Catalogue,
    pub(crate) runs: BTreeMap<CommandId, Run>,
    /// Places in the order of what was started, by ledger.
    pub(crate) begun: Vec<(LedgerId, u64)>,
}

impl Agent {
    pub(crate) fn new(machine: MachineId, ledger: LedgerId) -> Self {
        let mut catalogue = Catalogue::default();
        for (name, needs_consent) in [("act", false), ("move", true)] {
            let entry = CatalogueEntry {
                name: name.to_owned(),
                class: CommandClass::Motion,
                description: BTreeMap::new(),
                arguments: json!({"type": "object", "additionalProperties": false}),
                needs_consent,
                deadline_s: 60,
                remedy_for: Vec::new(),
            };
            assert!(catalogue.add(Listed { entry, allowed: true }), "two commands of one name");
        }
        Self {
            machine,
            disk: Disk::new(ledger),
            up: true,
            early: BTreeSet::new(),
            direct: VecDeque::new(),
            reported: true,
            catalogue,
            runs: BTreeMap::new(),
            begun: Vec::new(),
        }
    }

    /// A wiped disk: another ledger, nothing to tell.
    pub(crate) fn wipe(&mut self, ledger: LedgerId) {
        self.kill();
        self.disk = Disk::new(ledger);
    }

    /// The process ends at once, and what it had started with it.
    pub(crate) fn kill(&mut self) {
        self.up = false;
        self.early.clear();
        for entry in &self.disk.entries {
            if entry.state == EntryState::Running
                && let Some(run) = self.runs.get_mut(&entry.claims.jti)
            {
                run.ended = run.ended.or(Some(Ended::Killed));
            }
        }
    }

    /// The process starts: what was running is over, nobody knows how.
    pub(crate) fn start(&mut self) {
        self.up = true;
        let running: Vec<CommandId> = self
            .disk
            .entries
            .iter()
            .filter(|entry| entry.state == EntryState::Running)
            .map(|entry| entry.claims.jti)
            .collect();
        for id in running {
            self.happen(id, Happening::AgentEnded);
        }
    }

    /// It has connected, or is asked for its ledger.
    pub(crate) fn tell_capabilities(&mut self, ts: Timestamp) {
        let LedgerHead { id: ledger, last_ord } = self.disk.head;
        self.reported = self.disk.outbox.is_empty();
        let reported_ord = self.reported.then_some(last_ord);
        self.direct.push_back(Up::Capabilities { ledger, last_ord, reported_ord, ts });
    }

    /// It tells once more what it had to tell with reports still waiting.
    pub(crate) fn tell_when_reported(&mut self, ts: Timestamp) {
        if !self.reported && self.disk.outbox.is_empty() {
            self.tell_capabilities(ts);
        }
    }

    /// Something arrives. `now` is the time as far as the machine knows it for certain.
    pub(crate) fn receive(&mut self, order: &Down, now: Option<Timestamp>, ts: Timestamp) {
        match order {
            Down::Command(claims) => self.command(claims, now, ts),
            Down::Cancel(id) => {
                let known = self.disk.entry(*id).map(|entry| entry.state);
                if known.is_none() {
                    self.early.insert(*id);
                } else if self.happen(*id, Happening::Canceled) {
                    self.end_program(*id, known, Ended::Canceled);
                }
            }
        }
    }

    fn command(&mut self, claims: &CommandClaims, now: Option<Timestamp>, ts: Timestamp) {
        let waiting = self.disk.entries.iter().filter(|entry| !entry.state.is_final()).count();
        let local = Local {
            machine: self.machine,
            ledger: self.disk.head,
            waiting,
            catalogue: &self.catalogue,
            now,
        };
        let id = claims.jti;
        match decide(claims, self.disk.entry(id), &local) {
            Decision::Foreign | Decision::Duplicate => {}
            Decision::TellCapabilities => self.tell_capabilities(ts),
            Decision::Reject { reason, counts, .. } => {
                let state = EntryState::Final(Outcome::Rejected(reason));
                self.disk.enter(claims, state, counts, ts);
                self.disk.outbox.push_back(Up::Command(id, Word::Rejected(reason)));
            }
            Decision::Accept => {
                self.disk.enter(claims, EntryState::Received, true, ts);
                self.disk.outbox.push_back(Up::Command(id, Word::Received));
                if self.early.remove(&id) {
                    self.happen(id, Happening::Canceled);
                }
            }
        }
    }

    /// The command whose turn it is: the one that runs, else the first that waits.
    pub(crate) fn turn(&self) -> Option<(CommandId, EntryState)> {
        let open = || self.disk.entries.iter().filter(|entry| !entry.state.is_final());
        let running = open().find(|entry| entry.state == EntryState::Running);
        running.or_else(|| open().next()).map(|entry| (entry.claims.jti, entry.state))
    }

    /// The operator is asked, or answers.
    pub(crate) fn consent(&mut self, id: CommandId, agreed: Option<bool>) {
        match agreed {
            None => self.happen(id, Happening::Asked),
            Some(true) => false,
            Some(false) => self.happen(id, Happening::Rejected(Rejection::ConsentRefused)),
        };
    }

    /// A command begins, if it may: first on the disk, then, unless the agent is killed in
    /// between, in truth.
    pub(crate) fn begin(&mut self, id: CommandId, now: Option<Timestamp>, killed: bool) {
        let claims = self.disk.entry(id).expect("it waits").claims.clone();
        match begin(&claims, now) {
            Begin::Never(reason) => {
                self.happen(id, Happening::Rejected(reason));
            }
            Begin::Now => {
                if !self.happen(id, Happening::Started) {
                    return;
                }
                if killed {
                    self.kill();
                    return;
                }
                let run = self.runs.entry(id).or_default();
                run.started += 1;
                run.started_at = now;
                self.begun.push((self.disk.head.id, claims.ord));
            }
        }
    }

    /// The program that runs ends.
    pub(crate) fn end(&mut self, id: CommandId, ended: Ended) {
        let happening = match ended {
            Ended::Well => Happening::Ended { well: true },
            Ended::Badly => Happening::Ended { well: false },
            Ended::Stopped => Happening::TimedOut,
            Ended::Canceled => Happening::Canceled,
            Ended::Killed => Happening::AgentEnded,
        };
        self.end_program(id, Some(EntryState::Running), ended);
        self.happen(id, happening);
    }

    fn end_program(&mut self, id: CommandId, state: Option<EntryState>, ended: Ended) {
        if state == Some(EntryState::Running)
            && let Some(run) = self.runs.get_mut(&id)
        {
            run.ended = run.ended.or(Some(ended));
        }
    }

    /// One transaction: the ledger's entry and its event.
    fn happen(&mut self, id: CommandId, happening: Happening) -> bool {
        let entry = self.disk.entry_mut(id).expect("only known commands");
        let Ok(Step::To(state)) = step(entry.state, happening) else { return false };
        entry.state = state;
        self.disk.outbox.push_back(Up::Command(id, word(state)));
        true
    }
}

const fn word(state: EntryState) -> Word {
    match state {
        EntryState::Received => Word::Received,
        EntryState::AwaitingConsent => Word::AwaitingConsent,
        EntryState::Running => Word::Started,
        EntryState::Final(outcome) => match outcome {
            Outcome::Succeeded => Word::Succeeded,
            Outcome::Failed => Word::Failed,
            Outcome::TimedOut => Word::TimedOut,
            Outcome::Canceled => Word::Canceled,
            Outcome::Interrupted => Word::Interrupted,
            Outcome::Rejected(reason) => Word::Rejected(reason),
        },
    }
}

impl Disk {
    fn new(ledger: LedgerId) -> Self {
        let head = LedgerHead { id: ledger, last_ord: 0 };
        Self { head, entries: Vec::new(), outbox: VecDeque::new() }
    }

    fn entry(&self, id: CommandId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.claims.jti == id)
    }

    fn entry_mut(&mut self, id: CommandId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.claims.jti == id)
    }

    fn enter(&mut self, claims: &CommandClaims, state: EntryState, counts: bool, ts: Timestamp) {
        self.entries.push(Entry { claims: claims.clone(), received_at: ts, state });
        if counts {
            self.head.last_ord = self.head.last_ord.max(claims.ord);
        }
    }
}
