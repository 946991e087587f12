//! Samples: each exactly once, with its value.

use std::collections::HashMap;

use millwright_tests::{Database, replay};

use crate::agents::{self, RealAgent};
use crate::machine::Machine;
use crate::outcome::{Count, Outcome};

/// Time and value, as made.
type Made = Vec<(i64, f64)>;
/// Time and value, as stored.
type Stored = [(i64, Option<f64>)];

pub(super) async fn machines(
    database: &Database,
    machines: &[Machine],
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let mut count = Count::default();
    for machine in machines {
        let id = machine.identity.machine.to_string();
        let points = database.points(&id).await?;
        let samples = &machine.record.samples;
        let acknowledged = machine.record.acknowledged_samples;
        let counts: Made = samples.iter().map(|sample| (sample.ts, sample.count)).collect();
        let loads: Made = samples.iter().map(|sample| (sample.ts, sample.load)).collect();
        for (signal, made) in [("count", counts), ("load", loads)] {
            let stored = points.get(signal).map_or(&[][..], Vec::as_slice);
            compare(
                &format!("machine {id}, {signal}"),
                &made,
                acknowledged,
                stored,
                &mut count,
                outcome,
            );
        }
    }
    outcome.counts.push(("values of simulated machines", count));
    Ok(())
}

pub(super) async fn agents(
    database: &Database,
    agents: &[RealAgent],
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let mut count = Count::default();
    for (number, agent) in agents.iter().enumerate() {
        let points = database.points(&agent.machine).await?;
        let rows: Vec<_> =
            (0..agent.rows).map(|row| replay::row_of(agents::start(), row)).collect();
        let rising: Made = rows.iter().map(|(ts, rising, _)| (*ts, *rising)).collect();
        let waving: Made = rows.iter().map(|(ts, _, waving)| (*ts, *waving)).collect();
        for (signal, made) in [("rising", rising), ("waving", waving)] {
            let stored = points.get(signal).map_or(&[][..], Vec::as_slice);
            compare(
                &format!("agent {number}, {signal}"),
                &made,
                made.len(),
                stored,
                &mut count,
                outcome,
            );
        }
    }
    outcome.counts.push(("values of agents", count));
    Ok(())
}

/// The first `acknowledged` of those made must be there.
fn compare(
    whose: &str,
    made: &Made,
    acknowledged: usize,
    stored: &Stored,
    count: &mut Count,
    outcome: &mut Outcome,
) {
    let mut found: HashMap<i64, Vec<Option<f64>>> = HashMap::new();
    for (ts, value) in stored {
        found.entry(*ts).or_default().push(*value);
    }
    let (mut lost, mut wrong, mut doubled) = (Vec::new(), Vec::new(), Vec::new());
    for (place, (ts, value)) in made.iter().enumerate() {
        match found.remove(ts).as_deref() {
            None if place < acknowledged => lost.push(*ts),
            None => {}
            Some([one]) if *one == Some(*value) => count.stored += 1,
            Some([_]) => wrong.push(*ts),
            Some(_) => doubled.push(*ts),
        }
    }
    // Made by nobody.
    doubled.extend(found.into_keys());
    count.made += made.len();
    count.promised += acknowledged;
    count.lost += lost.len();
    count.doubled += doubled.len();
    count.wrong += wrong.len();
    for (what, times) in [("lost", lost), ("doubled", doubled), ("wrong", wrong)] {
        if let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) {
            let number = times.len();
            outcome.findings.push(format!("{whose}: {number} {what}, {first} to {last} µs"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(acknowledged: usize, stored: &Stored) -> (usize, usize, usize, usize) {
        let (mut count, mut outcome) = (Count::default(), Outcome::default());
        let made = vec![(1, 0.1), (2, 0.2), (3, 0.3)];
        compare("a machine", &made, acknowledged, stored, &mut count, &mut outcome);
        assert_eq!(outcome.findings.is_empty(), count.lost + count.doubled + count.wrong == 0);
        (count.stored, count.lost, count.doubled, count.wrong)
    }

    #[test]
    fn each_value_is_there_once_and_right() {
        let all = [(1, Some(0.1)), (2, Some(0.2)), (3, Some(0.3))];
        assert_eq!(counted(3, &all), (3, 0, 0, 0));
        assert_eq!(counted(2, &all), (3, 0, 0, 0));
        assert_eq!(counted(3, &all[..2]), (2, 1, 0, 0));
        // Not acknowledged: still with the machine.
        assert_eq!(counted(2, &all[..2]), (2, 0, 0, 0));
        assert_eq!(counted(1, &[(1, Some(0.1)), (1, Some(0.1))]), (0, 0, 1, 0));
        assert_eq!(counted(1, &[(1, Some(0.1)), (9, Some(0.1))]), (1, 0, 1, 0));
        assert_eq!(counted(1, &[(1, Some(0.4))]), (0, 0, 0, 1));
        assert_eq!(counted(1, &[(1, None)]), (0, 0, 0, 1));
    }
}
