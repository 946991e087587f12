//! Which blow comes when: follows from the seed alone.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::DatabaseKind;

/// Runs shorter than this have shorter pauses, so that some of each kind fit in.
const SHORT: Duration = Duration::from_secs(30);

/// Something bad that happens to the system.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Blow {
    /// SIGKILL; it is started again after this time.
    KillPlatform { down: Duration },
    /// SIGSTOP, and SIGCONT after this time.
    PausePlatform { pause: Duration },
    /// SIGKILL to the bus's broker; the platform starts it again.
    KillBus,
    /// SIGKILL; it is started again after this time.
    KillAgent { agent: usize, down: Duration },
    /// SIGSTOP, and SIGCONT after this time.
    PauseAgent { agent: usize, pause: Duration },
    /// This share of the machines' connections ends.
    Cut { share: f64 },
    /// This share of the machines' connections ends within the bytes that come next.
    Tear { share: f64 },
    /// Nothing moves on this share of the machines' connections for a time; then all goes on.
    Stall { share: f64, pause: Duration },
    /// No machine reaches the platform for a time.
    NoNetwork { pause: Duration },
    /// PostgreSQL ends at once (`pg_ctl -m immediate`); it is started again after this time.
    KillPostgres { down: Duration },
    /// SIGSTOP to all its processes, and SIGCONT after this time.
    PausePostgres { pause: Duration },
}

/// A blow and when it comes, counted from the beginning.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Planned {
    pub(crate) at: Duration,
    pub(crate) blow: Blow,
}

/// The schedule. All kinds come in turn, each round in another order.
pub(crate) fn plan(
    seed: u64,
    duration: Duration,
    agents: usize,
    database: DatabaseKind,
) -> Vec<Planned> {
    let mut dice = Dice { random: StdRng::seed_from_u64(seed), short: duration < SHORT, agents };
    let kinds = if database == DatabaseKind::Postgres { 11 } else { 9 };
    let mut round: Vec<usize> = Vec::new();
    let mut planned = Vec::new();
    let mut at = Duration::from_millis(500);
    while at < duration {
        if round.is_empty() {
            round = (0..kinds).collect();
            round.shuffle(&mut dice.random);
        }
        let kind = round.pop().expect("it was filled");
        planned.push(Planned { at, blow: dice.blow(kind) });
        at += dice.milliseconds(if dice.short { 200..1_000 } else { 500..6_000 });
    }
    planned
}

struct Dice {
    random: StdRng,
    short: bool,
    agents: usize,
}

impl Dice {
    fn milliseconds(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.random.random_range(range))
    }

    fn pause(&mut self) -> Duration {
        self.milliseconds(if self.short { 300..2_000 } else { 1_000..8_000 })
    }

    fn down(&mut self) -> Duration {
        self.milliseconds(0..2_000)
    }

    fn share(&mut self) -> f64 {
        *[0.1, 0.3, 0.6, 1.0].get(self.random.random_range(0..4)).expect("one of four")
    }

    fn blow(&mut self, kind: usize) -> Blow {
        let agent = self.random.random_range(0..self.agents);
        match kind {
            0 => Blow::KillPlatform { down: self.down() },
            1 => Blow::PausePlatform { pause: self.pause() },
            2 => Blow::KillBus,
            3 => Blow::KillAgent { agent, down: self.down() },
            4 => Blow::PauseAgent { agent, pause: self.pause() },
            5 => Blow::Cut { share: self.share() },
            6 => Blow::Tear { share: self.share() },
            7 => Blow::Stall { share: self.share(), pause: self.pause() },
            8 => Blow::NoNetwork { pause: self.pause() / 2 },
            9 => Blow::KillPostgres { down: self.down() },
            _ => Blow::PausePostgres { pause: self.pause() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn the_schedule_follows_from_the_seed() {
        let first = plan(7, MINUTE, 3, DatabaseKind::Postgres);
        assert_eq!(first, plan(7, MINUTE, 3, DatabaseKind::Postgres));
        assert_ne!(first, plan(8, MINUTE, 3, DatabaseKind::Postgres));
        assert!(first.is_sorted_by_key(|planned| planned.at));
        assert!(first.iter().all(|planned| planned.at < MINUTE));
    }

    #[test]
    fn only_a_server_of_its_own_is_struck() {
        let struck = |database| {
            plan(1, MINUTE, 3, database).iter().any(|planned| {
                matches!(planned.blow, Blow::KillPostgres { .. } | Blow::PausePostgres { .. })
            })
        };
        assert!(struck(DatabaseKind::Postgres));
        assert!(!struck(DatabaseKind::Sqlite));
    }

    #[test]
    fn every_kind_comes_in_two_minutes() {
        let kinds: std::collections::HashSet<_> = plan(3, 2 * MINUTE, 1, DatabaseKind::Postgres)
            .iter()
            .map(|planned| std::mem::discriminant(&planned.blow))
            .collect();
        assert_eq!(kinds.len(), 11);
    }
}
