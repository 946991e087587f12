//! Commands: each has one final state, and the state is what really happened on the machine.

use crate::orders::{self, Order};
use crate::outcome::{Count, Outcome};
use crate::world::World;

pub(super) async fn count(
    world: &World,
    given: &[Vec<Order>],
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let mut count = Count::default();
    let mut repeated = 0;
    for (agent, given) in world.agents().iter().zip(given) {
        let commands = orders::all(world.api(), &agent.machine).await?;
        let runs = agent.marks.read();
        for order in given {
            let Order { token, id, requests, refused } = order;
            count.made += 1;
            count.promised += usize::from(id.is_some());
            repeated += requests - 1;
            let found: Vec<_> =
                commands.iter().filter(|command| command["args"]["token"] == **token).collect();
            let run = runs.get(token).copied().unwrap_or_default();
            let really = (run.started, run.ended);
            count.stored += found.len().min(1);
            let mut say = |what: String| outcome.findings.push(format!("command {token}: {what}"));
            if run.started > 1 {
                count.doubled += 1;
                say(format!("it ran {} times", run.started));
            }
            if found.len() > 1 {
                count.doubled += found.len() - 1;
                say(format!("it is there {} times", found.len()));
            }
            if let Some(refused) = refused {
                count.wrong += 1;
                say(format!("it was refused: {refused}"));
            }
            let Some(command) = found.first() else {
                if id.is_some() {
                    count.lost += 1;
                    say(format!("it was issued as {id:?} and is gone"));
                }
                if run.started > 0 {
                    count.wrong += 1;
                    say("it ran though the platform doesn't know it".to_owned());
                }
                continue;
            };
            if id.is_some() && command["id"].as_str() != id.as_deref() {
                count.wrong += 1;
                say(format!("it was issued as {id:?} and is {}", command["id"]));
            }
            let state = command["state"].as_str().unwrap_or_default();
            if !is_true(state, really) {
                count.wrong += 1;
                say(format!("begun and ended {really:?}, and it is {command}"));
            }
            *outcome.commands.entry(state.to_owned()).or_default() += 1;
        }
    }
    outcome.counts.push(("commands", count));
    outcome.figures.push(("requests for commands repeated", i64::try_from(repeated)?));
    Ok(())
}

/// Whether a state tells what happened: begun and ended so many times.
fn is_true(state: &str, really: (usize, usize)) -> bool {
    match state {
        "succeeded" => really == (1, 1),
        // Outcome unknown, or stopped at its deadline: anything but twice.
        "interrupted" => really.0 <= 1,
        "timed_out" => really.0 <= 1 && really.1 <= really.0,
        "expired" | "rejected" => really == (0, 0),
        // Nobody cancels them, and they don't fail.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_must_tell_what_happened() {
        assert!(is_true("succeeded", (1, 1)));
        assert!(!is_true("succeeded", (1, 0)));
        assert!(!is_true("succeeded", (2, 2)));
        assert!(is_true("interrupted", (0, 0)) && is_true("interrupted", (1, 1)));
        assert!(!is_true("interrupted", (2, 1)));
        assert!(is_true("expired", (0, 0)) && !is_true("expired", (1, 0)));
        assert!(!is_true("running", (1, 0)));
    }
}
