//! Both sides, the network between them, time, and chance.

use std::collections::HashMap;

use millwright_agent::orders::EntryState;
use millwright_core::command::{End, State};
use millwright_schemas::{CommandId, LedgerId, MachineId, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use crate::agent::{Agent, Ended, Run};
use crate::network::Down;
use crate::platform::Platform;

/// Orders on their way at once; the network forgets the oldest beyond it.
const ON_THE_WAY_MAX: usize = 60;

/// Everything.
#[derive(Debug)]
pub struct World {
    rng: StdRng,
    now: Timestamp,
    next_id: u128,
    platform: Platform,
    agent: Agent,
    down: Vec<Down>,
    /// Whether the machine knows the time for certain.
    knows_time: bool,
    connected: bool,
    /// How much goes wrong in this world, 0 to 1.
    trouble: f64,
}

impl World {
    /// A world of its own for each seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let machine = MachineId(Uuid::from_u128(1));
        let mut rng = StdRng::seed_from_u64(seed);
        Self {
            trouble: rng.random_range(0.0..1.0),
            rng,
            now: Timestamp::from_millis(1_763_775_000_000),
            next_id: 100,
            platform: Platform::new(machine),
            agent: Agent::new(machine, LedgerId(Uuid::from_u128(2))),
            down: Vec::new(),
            knows_time: true,
            connected: false,
        }
    }

    /// Something happens.
    pub fn step(&mut self) {
        match self.rng.random_range(0..100) {
            0..6 => self.issue(),
            6..8 => self.cancel(),
            8..20 => self.pass_time(0..3_000_000),
            20..36 => self.platform_works(false),
            36..54 => self.deliver(),
            54..74 => self.agent_works(),
            74..90 => self.hear(),
            90..94 => self.connect(),
            _ if self.rng.random_bool(self.trouble) => self.go_wrong(),
            _ => {}
        }
        self.check();
    }

    /// Something goes wrong.
    fn go_wrong(&mut self) {
        match self.rng.random_range(0..10) {
            0 | 1 => self.disconnect(),
            2 | 3 => self.kill_agent(),
            4 => self.wipe_agent(),
            5 => self.kill_platform(),
            // Killed between its disk and the network.
            6 => self.platform_works(true),
            7 => self.pass_time(0..90_000_000),
            _ => self.knows_time = !self.knows_time,
        }
    }

    /// All is well from now on: everything that is on its way arrives, everybody works.
    pub fn heal(&mut self) {
        self.knows_time = true;
        for round in 0..200 {
            if !self.agent.up {
                self.agent.start();
            }
            // Connections end now and then even in the best of worlds.
            if round % 40 == 0 {
                self.disconnect();
            }
            if !self.connected {
                self.connect();
            }
            self.platform_works(false);
            while !self.down.is_empty() {
                self.deliver_at(0);
            }
            for _ in 0..10 {
                self.agent_works_well();
            }
            self.agent.tell_when_reported(self.now);
            while !(self.agent.disk.outbox.is_empty() && self.agent.direct.is_empty()) {
                self.hear();
            }
            self.now = self.now.plus_seconds(5);
            self.check();
        }
        let open = self.platform.open();
        assert!(open.is_empty(), "still open: {open:?}");
    }

    /// How many commands there were, and how many of them ran.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        let ran = self.agent.runs.values().filter(|run| run.started > 0).count();
        (self.platform.rows.len(), ran)
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.rng.random_bool(probability)
    }

    fn issue(&mut self) {
        self.next_id += 1;
        let id = CommandId(Uuid::from_u128(self.next_id));
        let expires_at = self.now.plus_seconds(self.rng.random_range(1..120));
        // As signed: whole seconds.
        let expires_at = Timestamp::from_millis(expires_at.seconds() * 1_000);
        let name = if self.chance(0.3) { "move" } else { "act" };
        self.platform.issue(id, name, expires_at);
    }

    fn cancel(&mut self) {
        let open = self.platform.open();
        if !open.is_empty() {
            let chosen = open[self.rng.random_range(0..open.len())].id;
            self.platform.cancel(chosen);
        }
    }

    fn pass_time(&mut self, us: std::ops::Range<i64>) {
        self.now = self.now.plus_micros(self.rng.random_range(us));
    }

    fn platform_works(&mut self, cut: bool) {
        let sent = self.platform.work(self.now, cut);
        if cut {
            self.disconnect();
        }
        self.down.extend(sent);
        while self.down.len() > ON_THE_WAY_MAX {
            self.down.remove(0);
        }
    }

    /// The network: any order that is on its way arrives now; perhaps it is lost, perhaps it
    /// stays on its way to arrive once more.
    fn deliver(&mut self) {
        if self.down.is_empty() {
            return;
        }
        let index = if self.chance(0.7) { 0 } else { self.rng.random_range(0..self.down.len()) };
        if self.chance(0.1) {
            self.down.remove(index);
            return;
        }
        if self.chance(0.2) {
            let again = self.down[index].clone();
            self.down.push(again);
        }
        self.deliver_at(index);
    }

    fn deliver_at(&mut self, index: usize) {
        let order = self.down.remove(index);
        if self.agent.up {
            self.agent.receive(&order, self.machine_time(), self.now);
        }
    }

    fn machine_time(&self) -> Option<Timestamp> {
        self.knows_time.then_some(self.now)
    }

    fn agent_works(&mut self) {
        if !self.agent.up {
            self.agent.start();
            return;
        }
        if self.connected {
            self.agent.tell_when_reported(self.now);
        }
        let Some((id, state)) = self.agent.turn() else { return };
        let time = self.machine_time();
        match state {
            EntryState::Received if self.chance(0.3) => self.agent.consent(id, None),
            EntryState::AwaitingConsent if self.chance(0.3) => self.agent.consent(id, Some(false)),
            EntryState::Received | EntryState::AwaitingConsent => {
                let killed = self.chance(0.05);
                self.agent.begin(id, time, killed);
                if killed {
                    self.disconnect();
                }
            }
            EntryState::Running => {
                let ended = match self.rng.random_range(0..10) {
                    0..6 => Ended::Well,
                    6 | 7 => Ended::Badly,
                    8 => Ended::Stopped,
                    _ => return,
                };
                self.agent.end(id, ended);
            }
            EntryState::Final(_) => {}
        }
    }

    fn agent_works_well(&mut self) {
        let Some((id, state)) = self.agent.turn() else { return };
        if state == EntryState::Running {
            self.agent.end(id, Ended::Well);
        } else {
            self.agent.begin(id, Some(self.now), false);
        }
    }

    /// Events arrive in their order; one whose acknowledgement is lost comes again, and is
    /// recognised by its id, so that nothing happens a second time.
    fn hear(&mut self) {
        if !self.connected || !self.agent.up {
            return;
        }
        let direct = self.chance(0.5) || self.agent.disk.outbox.is_empty();
        let event = match self.agent.direct.pop_front() {
            Some(event) if direct => Some(event),
            Some(event) => {
                self.agent.direct.push_front(event);
                self.agent.disk.outbox.pop_front()
            }
            None => self.agent.disk.outbox.pop_front(),
        };
        if let Some(event) = event {
            self.platform.hear(event, self.now);
        }
    }

    fn connect(&mut self) {
        if self.agent.up && !self.connected {
            self.connected = true;
            self.platform.connected_since = Some(self.now);
            self.agent.tell_capabilities(self.now);
        }
    }

    fn disconnect(&mut self) {
        self.connected = false;
        self.agent.direct.clear();
        self.platform.connected_since = None;
    }

    fn kill_agent(&mut self) {
        self.agent.kill();
        self.disconnect();
    }

    fn wipe_agent(&mut self) {
        self.next_id += 1;
        self.agent.wipe(LedgerId(Uuid::from_u128(self.next_id)));
        self.disconnect();
    }

    fn kill_platform(&mut self) {
        self.platform.restart();
        self.disconnect();
    }

    /// What must hold at any time.
    fn check(&self) {
        for row in &self.platform.rows {
            let command = &row.standing;
            let run = self.agent.runs.get(&command.id).copied().unwrap_or_default();
            assert!(run.started <= 1, "{command:?} ran {} times", run.started);
            if let Some(at) = run.started_at {
                assert!(at < command.expires_at, "{command:?} was begun late, at {at}");
            }
            if let State::Ended(end) = command.state {
                assert!(is_true(end, run), "{command:?} is told as {end:?}, but: {run:?}");
            }
        }
        let mut last: HashMap<LedgerId, u64> = HashMap::new();
        for (ledger, ord) in &self.agent.begun {
            let before = last.insert(*ledger, *ord);
            assert!(before.is_none_or(|before| before < *ord), "{ord} ran after {before:?}");
        }
    }
}

/// Whether an end that is told is what happened.
fn is_true(end: End, run: Run) -> bool {
    match end {
        End::Succeeded => run.ended == Some(Ended::Well),
        End::Failed => run.ended == Some(Ended::Badly),
        End::TimedOut => run.ended == Some(Ended::Stopped),
        End::Rejected | End::Expired => run.started == 0,
        End::Canceled => run.started == 0 || run.ended == Some(Ended::Canceled),
        // Unknown is what it says.
        End::Interrupted => true,
    }
}
