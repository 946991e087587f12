//! Somebody who gives commands all the time, and repeats a request until it is answered.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use millwright_tests::Api;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::machine::Progress;
use crate::world::Phase;

/// Between two commands for one machine, in milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 300..1_500;
/// Before a request is repeated.
const REPEAT: Duration = Duration::from_millis(500);
/// Seconds after which a command expires that shouldn't.
const EXPIRES_S: u64 = 60;
/// The same for one that may.
const EXPIRES_SOON_S: u64 = 5;

/// A command as the one who gave it knows it.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// Stands in its arguments, so that its effect on the machine can be told from others'.
    pub(crate) token: String,
    /// From the answer 202; without one nobody promised anything.
    pub(crate) id: Option<String>,
    /// How often the request had to be sent.
    pub(crate) requests: usize,
    /// What refused it for good.
    pub(crate) refused: Option<String>,
}

/// Gives commands until the trouble is over; what is unanswered then is asked for until the end.
pub(crate) async fn give(
    api: Api,
    machine: String,
    seed: u64,
    mut phase: watch::Receiver<Phase>,
    progress: Arc<Progress>,
) -> Vec<Order> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut orders = Vec::new();
    while *phase.borrow() == Phase::Trouble {
        let token = format!("{}-{}", &machine[machine.len() - 6..], orders.len());
        let seconds = random.random_range(0.0..0.4);
        let expires_in_s = if random.random_bool(0.2) { EXPIRES_SOON_S } else { EXPIRES_S };
        let command = json!({
            "name": "mark", "args": { "token": token, "seconds": seconds },
            "expires_in_s": expires_in_s,
        });
        progress.unanswered.fetch_add(1, Ordering::Relaxed);
        orders.push(issue(&api, &machine, token, &command, &phase).await);
        progress.unanswered.fetch_sub(1, Ordering::Relaxed);
        let pause = Duration::from_millis(random.random_range(PAUSE_MS));
        let _ = tokio::time::timeout(pause, phase.wait_for(|phase| *phase != Phase::Trouble)).await;
    }
    orders
}

async fn issue(
    api: &Api,
    machine: &str,
    token: String,
    command: &Value,
    phase: &watch::Receiver<Phase>,
) -> Order {
    let mut order = Order { token, id: None, requests: 0, refused: None };
    let mut key = uuid::Uuid::new_v4().to_string();
    let path = format!("/machines/{machine}/commands");
    while *phase.borrow() != Phase::Over {
        order.requests += 1;
        match api.send_as(Method::POST, &path, Some(command), &key).await {
            Ok((StatusCode::ACCEPTED, answer)) => {
                order.id = answer["id"].as_str().map(str::to_owned);
                return order;
            }
            // The platform ended between the command and the note of its answer: look.
            Ok((StatusCode::CONFLICT, problem)) if problem.to_string().contains("unknown") => {
                match find(api, machine, &order.token).await {
                    Ok(Some(id)) => {
                        order.id = Some(id);
                        return order;
                    }
                    Ok(None) => key = uuid::Uuid::new_v4().to_string(),
                    Err(_) => {}
                }
            }
            Ok((status, problem))
                if status.is_client_error()
                    && status != StatusCode::CONFLICT
                    && status != StatusCode::TOO_MANY_REQUESTS =>
            {
                order.refused = Some(format!("{status}: {problem}"));
                return order;
            }
            Ok(_) | Err(_) => {}
        }
        tokio::time::sleep(REPEAT).await;
    }
    order
}

/// The id of the machine's command with this token.
async fn find(api: &Api, machine: &str, token: &str) -> anyhow::Result<Option<String>> {
    let commands = all(api, machine).await?;
    let found = commands.iter().find(|command| command["args"]["token"] == token);
    found.map(|command| Ok(command["id"].as_str().context("an id")?.to_owned())).transpose()
}

/// All commands of a machine that leave a mark.
pub(crate) async fn all(api: &Api, machine: &str) -> anyhow::Result<Vec<Value>> {
    let commands = api.items(&format!("/commands?machine_id={machine}")).await?;
    Ok(commands.into_iter().filter(|command| command["name"] == "mark").collect())
}

/// Whether nothing more will happen to it.
pub(crate) fn is_final(command: &Value) -> bool {
    let finals =
        ["succeeded", "failed", "timed_out", "rejected", "canceled", "expired", "interrupted"];
    finals.iter().any(|state| command["state"] == *state)
}
