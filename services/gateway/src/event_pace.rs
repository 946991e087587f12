//! How fast each machine may report events, over all its connections: each event that raises or clears
//! something is several rows and a job, and the work on them is others' too.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use millwright_identity::machines::attempts::Rate;
use millwright_schemas::MachineId;
use serde::Deserialize;

use crate::limits::{EVENT_DEBT_MAX, EVENT_MACHINES_MAX, EVENT_SWEEP_INTERVAL, EVENT_WEIGHT_MAX};

/// A bucket for each machine. An event is paid for once it is handed in, so that a bucket can fall below
/// empty; then nothing more is decoded until what is owed has come back.
#[derive(Debug)]
pub(crate) struct EventPace {
    burst: f64,
    per_s: f64,
    buckets: Mutex<Buckets>,
}

#[derive(Debug)]
struct Buckets {
    by_machine: HashMap<MachineId, Bucket>,
    swept_at: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl EventPace {
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        Self {
            burst: f64::from(rate.burst),
            // A rate of nothing would be a pause for ever.
            per_s: 1.0 / rate.every.as_secs_f64().max(1e-6),
            buckets: Mutex::new(Buckets { by_machine: HashMap::new(), swept_at: now }),
        }
    }

    /// An event of this machine with this payload was handed in: how long its connection is to pause, if
    /// it is.
    pub(crate) fn charge(
        &self,
        machine: MachineId,
        payload: &[u8],
        now: Instant,
    ) -> Option<Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.has_room(&mut buckets, machine, now) {
            return None;
        }
        let full = Bucket { left: self.burst, at: now };
        let bucket = buckets.by_machine.entry(machine).or_insert(full);
        self.fill(bucket, now);
        bucket.left = (bucket.left - f64::from(weight(payload))).max(-f64::from(EVENT_DEBT_MAX));
        let owed = -bucket.left;
        drop(buckets);
        (owed > 0.0).then(|| Duration::from_secs_f64(owed / self.per_s))
    }

    /// Forgets full buckets when there are too many. Where that doesn't help the machine isn't held back:
    /// as many can't be connected.
    fn has_room(&self, buckets: &mut Buckets, machine: MachineId, now: Instant) -> bool {
        let is_full = |buckets: &Buckets| buckets.by_machine.len() >= EVENT_MACHINES_MAX;
        let since = now.saturating_duration_since(buckets.swept_at);
        if is_full(buckets) && since >= EVENT_SWEEP_INTERVAL {
            buckets.swept_at = now;
            buckets.by_machine.retain(|_, bucket| {
                self.fill(bucket, now);
                bucket.left < self.burst
            });
        }
        !is_full(buckets) || buckets.by_machine.contains_key(&machine)
    }

    fn fill(&self, bucket: &mut Bucket, now: Instant) {
        let passed_s = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.left = (bucket.left + passed_s * self.per_s).min(self.burst);
        bucket.at = now;
    }
}

/// What an event is, of all that it tells.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

/// How many faults an event can tell of: in a snapshot each is an object. All others are one event, however
/// much they tell.
fn weight(payload: &[u8]) -> u32 {
    let told = serde_json::from_slice::<Told<'_>>(payload);
    if !told.is_ok_and(|told| told.kind == "fault.snapshot") {
        return 1;
    }
    let objects = payload.iter().filter(|byte| **byte == b'{').count();
    u32::try_from(objects.saturating_sub(2)).unwrap_or(u32::MAX).clamp(1, EVENT_WEIGHT_MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const FAULT: &[u8] = br#"{"type":"fault.raised","data":{"code":"E1","context":{}}}"#;

    fn machine(number: usize) -> MachineId {
        MachineId(Uuid::from_u128(number as u128))
    }

    /// Two a second after a burst of three.
    fn pace(now: Instant) -> EventPace {
        EventPace::new(Rate { burst: 3, every: SECOND / 2 }, now)
    }

    #[test]
    fn a_machine_is_held_back_beyond_its_burst_and_others_are_not() {
        let start = Instant::now();
        let pace = pace(start);
        for _ in 0..3 {
            assert_eq!(pace.charge(machine(1), FAULT, start), None);
        }
        assert_eq!(pace.charge(machine(1), FAULT, start), Some(SECOND / 2));
        assert_eq!(pace.charge(machine(2), FAULT, start), None, "another has its own");
        // On a new connection it owes what it owed.
        assert_eq!(pace.charge(machine(1), FAULT, start + SECOND / 2), Some(SECOND / 2));
        for _ in 0..3 {
            assert_eq!(pace.charge(machine(1), FAULT, start + 10 * SECOND), None, "it has rested");
        }
    }

    #[test]
    fn a_snapshot_counts_as_its_faults_and_nothing_is_owed_for_ever() {
        let start = Instant::now();
        let pace = EventPace::new(Rate { burst: 100, every: SECOND / 10 }, start);
        let faults = vec![r#"{"code":"E"}"#; 150].join(",");
        let snapshot =
            format!(r#"{{"type":"fault.snapshot","data":{{"faults":[{faults}]}}}}"#).into_bytes();
        assert_eq!(weight(&snapshot), 150);
        assert_eq!(pace.charge(machine(1), &snapshot, start), Some(5 * SECOND));
        let faults = vec![r#"{"code":"E"}"#; 10_000].join(",");
        let larger = format!(r#"{{"type":"fault.snapshot","data":{{"faults":[{faults}]}}}}"#);
        let most = SECOND / 10 * EVENT_DEBT_MAX;
        for _ in 0..10 {
            assert_eq!(pace.charge(machine(1), larger.as_bytes(), start), Some(most));
        }
        // A list of something else is one event.
        let signals = vec![r#"{"name":"t"}"#; 1_000].join(",");
        let told = format!(r#"{{"type":"agent.capabilities","data":{{"signals":[{signals}]}}}}"#);
        assert_eq!((weight(larger.as_bytes()), weight(told.as_bytes())), (EVENT_WEIGHT_MAX, 1));
        assert_eq!((weight(FAULT), weight(b""), weight(b"{}")), (1, 1, 1));
    }

    #[test]
    fn as_many_machines_as_may_be_are_remembered_and_who_has_rested_is_forgotten() {
        let start = Instant::now();
        let pace = pace(start);
        for number in 0..EVENT_MACHINES_MAX {
            assert_eq!(pace.charge(machine(number), FAULT, start), None);
        }
        let count = || pace.buckets.lock().unwrap().by_machine.len();
        for _ in 0..10 {
            assert_eq!(pace.charge(machine(EVENT_MACHINES_MAX), FAULT, start), None, "no room");
        }
        assert_eq!(count(), EVENT_MACHINES_MAX);
        let later = start + EVENT_SWEEP_INTERVAL;
        assert_eq!(pace.charge(machine(EVENT_MACHINES_MAX), FAULT, later), None);
        assert_eq!(count(), 1, "the others have rested");
    }
}
