//! Which blow comes when: follows from the seed and from what there is to be struck.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::DatabaseKind;

/// Runs shorter than this have shorter pauses, so that some of each kind fit in.
const SHORT: Duration = Duration::from_secs(30);
/// Runs shorter than this have no long outage.
const LONG_FROM: Duration = Duration::from_secs(90);
/// From [`LONG_FROM`] on there is one long outage, and one more for each of these.
const LONG_EVERY: Duration = Duration::from_secs(600);
/// How long a long outage lasts, in milliseconds.
const LONG_MS: std::ops::Range<u64> = 30_000..60_001;

/// Something bad that happens to the system.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Blow {
    /// SIGKILL; it is started again after this time.
    KillPlatform { down: Duration },
    /// SIGSTOP, and SIGCONT after this time.
    PausePlatform { pause: Duration },
    /// The same for the second process that machines connect to.
    KillGateway { down: Duration },
    /// The same for the second process that machines connect to.
    PauseGateway { pause: Duration },
    /// SIGKILL to the bus's broker. One of the platform's own is started again by it at once, another
    /// one after this time.
    KillBus { down: Duration },
    /// SIGSTOP to the bus's broker, and SIGCONT after this time. One of the platform's own may have been
    /// killed by it meanwhile.
    PauseBus { pause: Duration },
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
    /// One that lasts, 30 to 60 seconds.
    Long { outage: Outage, lasts: Duration },
}

/// What is away for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    PostgresKilled,
    PostgresPaused,
    BusKilled,
    BusPaused,
}

/// A blow and when it comes, counted from the beginning.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Planned {
    pub(crate) at: Duration,
    pub(crate) blow: Blow,
}

/// What there is to be struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Targets {
    pub(crate) agents: usize,
    pub(crate) database: DatabaseKind,
    /// Processes that machines can connect to: with more than one, the bus is a process of its own.
    pub(crate) gateways: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    KillPlatform,
    PausePlatform,
    KillBus,
    PauseBus,
    KillAgent,
    PauseAgent,
    Cut,
    Tear,
    Stall,
    NoNetwork,
    KillPostgres,
    PausePostgres,
    KillGateway,
    PauseGateway,
}

impl Targets {
    fn kinds(self) -> Vec<Kind> {
        let mut kinds = vec![
            Kind::KillPlatform,
            Kind::PausePlatform,
            Kind::KillBus,
            Kind::PauseBus,
            Kind::KillAgent,
            Kind::PauseAgent,
            Kind::Cut,
            Kind::Tear,
            Kind::Stall,
            Kind::NoNetwork,
        ];
        if self.database.is_server() {
            kinds.extend([Kind::KillPostgres, Kind::PausePostgres]);
        }
        if self.gateways > 1 {
            kinds.extend([Kind::KillGateway, Kind::PauseGateway]);
        }
        kinds
    }

    fn outages(self) -> Vec<Outage> {
        let mut outages = vec![Outage::BusKilled];
        // The platform kills a broker of its own that doesn't answer.
        if self.gateways > 1 {
            outages.push(Outage::BusPaused);
        }
        if self.database.is_server() {
            outages.extend([Outage::PostgresKilled, Outage::PostgresPaused]);
        }
        outages
    }
}

/// The schedule. All kinds come in turn, each round in another order; long outages beside them.
pub(crate) fn plan(seed: u64, duration: Duration, targets: Targets) -> Vec<Planned> {
    let mut dice = Dice {
        random: StdRng::seed_from_u64(seed),
        short: duration < SHORT,
        agents: targets.agents,
    };
    let mut round: Vec<Kind> = Vec::new();
    let mut planned = Vec::new();
    let mut at = Duration::from_millis(500);
    while at < duration {
        if round.is_empty() {
            round = targets.kinds();
            round.shuffle(&mut dice.random);
        }
        let kind = round.pop().expect("it was filled");
        planned.push(Planned { at, blow: dice.blow(kind) });
        at += dice.milliseconds(if dice.short { 200..1_000 } else { 500..6_000 });
    }
    planned.extend(dice.long_outages(duration, &targets.outages()));
    planned.sort_by_key(|planned| planned.at);
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

    fn blow(&mut self, kind: Kind) -> Blow {
        let agent = self.random.random_range(0..self.agents);
        match kind {
            Kind::KillPlatform => Blow::KillPlatform { down: self.down() },
            Kind::PausePlatform => Blow::PausePlatform { pause: self.pause() },
            Kind::KillBus => Blow::KillBus { down: self.down() },
            Kind::PauseBus => Blow::PauseBus { pause: self.pause() },
            Kind::KillAgent => Blow::KillAgent { agent, down: self.down() },
            Kind::PauseAgent => Blow::PauseAgent { agent, pause: self.pause() },
            Kind::Cut => Blow::Cut { share: self.share() },
            Kind::Tear => Blow::Tear { share: self.share() },
            Kind::Stall => Blow::Stall { share: self.share(), pause: self.pause() },
            Kind::NoNetwork => Blow::NoNetwork { pause: self.pause() / 2 },
            Kind::KillPostgres => Blow::KillPostgres { down: self.down() },
            Kind::PausePostgres => Blow::PausePostgres { pause: self.pause() },
            Kind::KillGateway => Blow::KillGateway { down: self.down() },
            Kind::PauseGateway => Blow::PauseGateway { pause: self.pause() },
        }
    }

    /// One in each stretch of the run, and over by its end.
    fn long_outages(&mut self, duration: Duration, outages: &[Outage]) -> Vec<Planned> {
        if duration < LONG_FROM {
            return Vec::new();
        }
        let count = 1 + u32::try_from(duration.as_secs() / LONG_EVERY.as_secs()).expect("few");
        let stretch = duration / count;
        (0..count)
            .map(|number| {
                let lasts = self.milliseconds(LONG_MS);
                let room = u64::try_from((stretch - lasts).as_millis()).expect("not for long");
                let at = stretch * number + self.milliseconds(0..room);
                let outage = outages[self.random.random_range(0..outages.len())];
                Planned { at, blow: Blow::Long { outage, lasts } }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::mem::discriminant;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const SQLITE: Targets = Targets { agents: 3, database: DatabaseKind::Sqlite, gateways: 1 };
    const ALONE: Targets = Targets { agents: 3, database: DatabaseKind::Postgres, gateways: 1 };
    const CLUSTER: Targets = Targets { agents: 3, database: DatabaseKind::Postgres, gateways: 2 };

    fn kinds(planned: &[Planned]) -> usize {
        planned.iter().map(|planned| discriminant(&planned.blow)).collect::<HashSet<_>>().len()
    }

    fn outages(planned: &[Planned]) -> Vec<(Duration, Outage, Duration)> {
        planned
            .iter()
            .filter_map(|planned| match planned.blow {
                Blow::Long { outage, lasts } => Some((planned.at, outage, lasts)),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn the_schedule_follows_from_the_seed() {
        let first = plan(7, 2 * MINUTE, CLUSTER);
        assert_eq!(first, plan(7, 2 * MINUTE, CLUSTER));
        assert_ne!(first, plan(8, 2 * MINUTE, CLUSTER));
        assert!(first.is_sorted_by_key(|planned| planned.at));
        assert!(first.iter().all(|planned| planned.at < 2 * MINUTE));
    }

    #[test]
    fn only_what_there_is_is_struck() {
        let strikes = |targets, what: fn(&Blow) -> bool| {
            plan(1, 2 * MINUTE, targets).iter().any(|planned| what(&planned.blow))
        };
        let postgres: fn(&Blow) -> bool =
            |blow| matches!(blow, Blow::KillPostgres { .. } | Blow::PausePostgres { .. });
        let gateway: fn(&Blow) -> bool =
            |blow| matches!(blow, Blow::KillGateway { .. } | Blow::PauseGateway { .. });
        assert!(!strikes(SQLITE, postgres) && !strikes(SQLITE, gateway));
        assert!(strikes(ALONE, postgres) && !strikes(ALONE, gateway));
        assert!(strikes(CLUSTER, postgres) && strikes(CLUSTER, gateway));
    }

    #[test]
    fn every_kind_comes_in_two_minutes() {
        for (targets, wanted) in [(SQLITE, 10), (ALONE, 12), (CLUSTER, 14)] {
            // And the long one.
            assert_eq!(kinds(&plan(3, 2 * MINUTE, targets)), wanted + 1, "{targets:?}");
        }
    }

    #[test]
    fn a_short_run_has_one_long_outage_at_most_and_all_are_over_in_time() {
        for seed in 0..50 {
            assert!(outages(&plan(seed, MINUTE, CLUSTER)).is_empty());
            for (minutes, count) in [(2, 1), (9, 1), (10, 2), (60, 7)] {
                let duration = minutes * MINUTE;
                let found = outages(&plan(seed, duration, CLUSTER));
                assert_eq!(found.len(), count, "{minutes} minutes");
                let mut end = Duration::ZERO;
                for (at, _, lasts) in found {
                    assert!(at >= end, "one after the other");
                    assert!((MINUTE / 2..=MINUTE).contains(&lasts), "{lasts:?}");
                    end = at + lasts;
                }
                assert!(end <= duration, "{end:?} of {duration:?}");
            }
        }
    }

    #[test]
    fn a_long_outage_is_one_of_what_can_be_away_so_long() {
        let of = |targets| -> HashSet<String> {
            let plans = (0..50).flat_map(|seed| outages(&plan(seed, 2 * MINUTE, targets)));
            plans.map(|(_, outage, _)| format!("{outage:?}")).collect()
        };
        assert_eq!(of(SQLITE), HashSet::from(["BusKilled".to_owned()]));
        assert_eq!(of(ALONE).len(), 3);
        assert_eq!(of(CLUSTER).len(), 4);
    }
}
