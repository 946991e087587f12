//! Commands: each has one final state, and the state is what really happened on the machine.

use chrono::{DateTime, TimeDelta};
use serde_json::Value;

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
            let is_told = match state {
                "failed" => is_late(command) && really == (0, 0),
                _ => is_true(state, really),
            };
            if !is_told {
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

/// Whether an agent found the command's time over when it had noted it as running and was about to begin. It
/// reckons the platform's time from its question on, so that an answer that took seconds makes it that much later:
/// not longer than an answer may take before the end of its time.
fn is_late(command: &Value) -> bool {
    const TOO_LATE: &str = "its time was over before it could begin";
    let time = |name: &str| DateTime::parse_from_rfc3339(command[name].as_str()?).ok();
    let (Some(ended), Some(expires)) = (time("ended_at"), time("expires_at")) else { return false };
    command["error"] == TOO_LATE && expires - ended < TimeDelta::seconds(TIME_ANSWER_S)
}

/// How long an answer to the question for the time may take.
const TIME_ANSWER_S: i64 = 30;

/// Whether a state tells what happened: begun and ended so many times.
fn is_true(state: &str, really: (usize, usize)) -> bool {
    match state {
        "succeeded" => really == (1, 1),
        // Outcome unknown, or stopped at its deadline: anything but twice.
        "interrupted" => really.0 <= 1,
        "timed_out" => really.0 <= 1 && really.1 <= really.0,
        "expired" | "rejected" => really == (0, 0),
        // Nobody cancels them.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_must_tell_what_happened() {
        for (state, really, expected) in [
            ("succeeded", (1, 1), true),
            ("succeeded", (1, 0), false),
            ("succeeded", (2, 2), false),
            ("interrupted", (0, 0), true),
            ("interrupted", (1, 1), true),
            ("interrupted", (2, 1), false),
            ("expired", (0, 0), true),
            ("expired", (1, 0), false),
            ("running", (1, 0), false),
        ] {
            assert_eq!(is_true(state, really), expected, "{state} {really:?}");
        }
    }

    #[test]
    fn a_command_fails_only_when_its_time_was_nearly_over() {
        let failed = |error: &str, ended_at: &str| json!({"error": error, "ended_at": ended_at, "expires_at": "2026-11-28T22:13:01.3Z"});
        let why = "its time was over before it could begin";
        assert!(is_late(&failed(why, "2026-11-28T22:12:59.171Z")));
        assert!(!is_late(&failed(why, "2026-11-28T22:12:30Z")), "half a minute was left");
        assert!(!is_late(&failed("exit code 1", "2026-11-28T22:12:59Z")));
        assert!(!is_late(&json!({"error": why})));
    }
}
