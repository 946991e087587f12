//! Rules tried on history over HTTP: exactly what would have been raised live.

use std::collections::BTreeSet;

use millwright_alarms::backtests::Backtests;
use millwright_core::access::Role;
use millwright_schemas::api::rules::RuleCondition;
use millwright_schemas::topics::UpChannel;
use millwright_store::jobs::{self, Job, JobHandler as _};
use serde_json::{Value, json};

use crate::harness::{Answer, TestApi};
use crate::machines::customer;
use crate::plant::{id, items};
use crate::telemetry::{Plant, T0};

const OUTBOX: &str = "0198b2c4-7c1e-7000-8000-0000000000bb";

/// A time of the machine, so many seconds after the start.
fn at(s: i64) -> String {
    millwright_schemas::Timestamp::from_millis(T0).plus_seconds(s).to_string()
}

/// Above 80 at this machine, tried on the first 1,000 seconds.
fn hot(machine: impl std::fmt::Display) -> Value {
    json!({"name": "Too hot", "machine_id": machine.to_string(), "severity": "major",
        "condition": {"kind": "threshold", "signal": "t", "above": 80},
        "backtest": {"from": at(0), "to": at(1_000)}})
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body["backtest"][field] = value;
    body
}

async fn values(plant: &Plant, values: &[(i64, f64)]) {
    let samples: Vec<String> =
        values.iter().map(|(s, t)| format!(r#"{{"ts":{},"t":{t}}}"#, T0 + s * 1000)).collect();
    plant.samples(&samples.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

async fn ask(api: &TestApi, token: &str, body: Value) -> Answer {
    api.call(token, "POST", "/rules/backtest", Some(body)).await
}

/// Does all backtests that wait, then all previews.
async fn work(api: &TestApi) {
    let store = &api.state.store;
    let clock = || {
        let clock = api.state.clock.clone();
        move || clock.now()
    };
    let trials = Backtests::new(store.clone(), clock(), || false);
    let previews = Backtests::previews(store.clone(), clock(), || false);
    for worker in [trials, previews] {
        while let Some(job) = take(api, worker.kinds()).await {
            worker.run(&job).await.unwrap();
            assert!(jobs::complete(store, &job).await.unwrap());
        }
    }
}

async fn take(api: &TestApi, kinds: &[&str]) -> Option<Job> {
    let now = api.now();
    jobs::take(&api.state.store, kinds, now, now.plus_seconds(60)).await.unwrap()
}

/// The result of a backtest of this body.
async fn tried(api: &TestApi, token: &str, body: Value) -> Value {
    let asked = ask(api, token, body).await.json(202);
    work(api).await;
    let path = format!("/rules/backtests/{}", id(&asked));
    let done = api.call(token, "GET", &path, None).await.json(200);
    assert_eq!(done["state"], "succeeded", "{done}");
    done["result"].clone()
}

fn fields(answer: &Answer) -> Vec<String> {
    let problem = answer.problem(422, "invalid");
    let errors = problem["errors"].as_array().unwrap();
    errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_rule_is_tried_followed_and_listed() {
    let plant = Plant::start().await;
    let (api, token) = (&plant.api, plant.token.as_str());
    values(&plant, &[(1, 20.0), (2, 85.0), (3, 90.0), (5, 20.0)]).await;
    let key = [("idempotency-key", "k-1")];
    let post = async || {
        let body = Some(hot(plant.machine));
        api.call_with(token, "POST", "/rules/backtest", body, &key).await
    };
    let asked = post().await;
    let body = asked.json(202);
    let path = format!("/rules/backtests/{}", id(&body));
    assert_eq!(asked.header("location"), format!("/api/v1{path}"));
    assert_eq!((&body["state"], &body["progress"]), (&json!("queued"), &json!(0.0)));
    assert_eq!(post().await.json(202), body, "sent twice it is one");
    let waits = api.call(token, "GET", &path, None).await.json(200);
    assert_eq!((&waits["state"], waits.get("result")), (&json!("queued"), None));
    work(api).await;
    let done = api.call(token, "GET", &path, None).await.json(200);
    assert_eq!((&done["state"], &done["progress"]), (&json!("succeeded"), &json!(1.0)));
    let run = &done["result"]["rule"];
    assert_eq!((&run["totals"]["alarms"], &run["totals"]["tickets"]), (&json!(1), &json!(1)));
    let alarm = &run["machines"][0]["alarms"][0];
    assert_eq!((&alarm["from"], &alarm["to"]), (&json!(at(2)), &json!(at(5))));
    assert_eq!(alarm["context"]["value"], 85.0);
    assert_eq!(done["result"]["against"], Value::Null);
    let own = items(api, token, "/rules/backtests").await;
    assert_eq!((own.len(), &own[0]["id"], own[0].get("result")), (1, &body["id"], None));
    assert!(items(api, token, "/rules").await.is_empty(), "nothing else has changed");
    assert!(items(api, token, "/alarms").await.is_empty());

    // Others in the organization may look, those elsewhere see nothing.
    let viewer = api.person(Role::Viewer).await;
    api.call(&viewer, "GET", &path, None).await.json(200);
    assert!(items(api, &viewer, "/rules/backtests").await.is_empty());
    let stranger = customer(api).await;
    for (method, path) in [("GET", path.clone()), ("POST", format!("{path}/cancel"))] {
        api.call(&stranger, method, &path, None).await.problem(404, "not-found");
    }
    // It has ended: it stays as it is.
    let over = api.call(token, "POST", &format!("{path}/cancel"), None).await.json(200);
    assert_eq!(over["state"], "succeeded");
}

#[tokio::test]
async fn a_body_as_for_a_rule_is_enough() {
    let plant = Plant::start().await;
    values(&plant, &[(1, 20.0)]).await;
    let mut body = hot(plant.machine);
    body.as_object_mut().unwrap().remove("backtest");
    let asked = ask(&plant.api, &plant.token, body).await.json(202);
    assert_eq!(asked["machine_ids"], json!([plant.machine]));
    let time = |field: &str| -> millwright_schemas::Timestamp {
        asked[field].as_str().unwrap().parse().unwrap()
    };
    assert_eq!(time("to").micros_since(time("from")), 30 * 86_400 * 1_000_000);
    let path = format!("/rules/backtests/{}/cancel", id(&asked));
    let canceled = plant.api.call(&plant.token, "POST", &path, None).await.json(200);
    assert_eq!(canceled["state"], "canceled");
}

#[tokio::test]
async fn too_many_that_wait_are_refused_for_a_while() {
    let plant = Plant::start().await;
    values(&plant, &[(1, 20.0)]).await;
    for _ in 0..5 {
        ask(&plant.api, &plant.token, hot(plant.machine)).await.json(202);
    }
    let refused = ask(&plant.api, &plant.token, hot(plant.machine)).await;
    refused.problem(429, "too-many");
    assert_eq!(refused.header("retry-after"), "30");
    // Nobody's editor suffers from that.
    let preview = with(hot(plant.machine), "preview", json!(true));
    ask(&plant.api, &plant.token, preview).await.json(202);
    work(&plant.api).await;
    ask(&plant.api, &plant.token, hot(plant.machine)).await.json(202);
}

#[tokio::test]
async fn a_preview_waits_for_no_backtest_of_another_organization() {
    let plant = Plant::start().await;
    let (api, token) = (&plant.api, plant.token.as_str());
    values(&plant, &[(1, 20.0), (2, 85.0), (5, 20.0)]).await;
    let stranger = customer(api).await;
    let new = json!({"name": "Theirs", "serial_number": "9", "model": "M"});
    let theirs = api.call(&stranger, "POST", "/machines", Some(new)).await.json(201);
    let body = json!({"name": "Silent", "machine_id": theirs["id"], "severity": "major",
        "condition": {"kind": "missing", "event": "lift.call", "for_s": 60}});
    let long = ask(api, &stranger, body).await.json(202);
    take(api, &["backtest.due"]).await.unwrap();
    let begun = id(&long).parse().unwrap();
    millwright_store::backtests::begin(&api.state.store, begun, api.now()).await.unwrap();

    let result = tried(api, token, with(hot(plant.machine), "preview", json!(true))).await;
    assert_eq!(result["rule"]["totals"]["alarms"], 1);
    let path = format!("/rules/backtests/{}", id(&long));
    let runs = api.call(&stranger, "GET", &path, None).await.json(200);
    assert_eq!(runs["state"], "running");
}

#[tokio::test]
async fn what_cannot_be_tried_is_refused_with_field_and_reason() {
    let plant = Plant::start().await;
    let (api, token) = (&plant.api, plant.token.as_str());
    values(&plant, &[(1, 20.0)]).await;
    let nobody = "0198b2c4-7c1e-7000-8000-0123456789ab";
    let good = || hot(plant.machine);
    let failure = |machine: &str, s: i64| json!([{"machine_id": machine, "at": at(s)}]);
    let own = plant.machine.to_string();
    let many: Vec<String> =
        (0..51).map(|n| format!("0198b2c4-7c1e-7000-8000-0000000001{n:02}")).collect();
    for (body, expected, reason) in [
        (with(good(), "from", json!(at(1_000))), "backtest.from", "is not before to"),
        (with(good(), "from", json!("2024-11-01T00:00:00Z")), "backtest.from", "more than 400"),
        (with(good(), "lead_s", json!(59)), "backtest.lead_s", "59 is not between"),
        (with(good(), "machine_ids", json!([])), "backtest.machine_ids", "has 0 machines"),
        (with(good(), "machine_ids", json!(many)), "backtest.machine_ids", "has 51 machines"),
        (
            with(good(), "machine_ids", json!([own, nobody])),
            "backtest.machine_ids[1]",
            "doesn't exist",
        ),
        (with(good(), "machine_ids", json!([own, own])), "backtest.machine_ids[1]", "named twice"),
        (
            with(good(), "against_rule_id", json!(nobody)),
            "backtest.against_rule_id",
            "doesn't exist",
        ),
        (with(good(), "against_version", json!(1)), "backtest.against_version", "goes only with"),
        (
            with(good(), "known_failures", failure(nobody, 5)),
            "backtest.known_failures[0].machine_id",
            "not one that the rule is tried on",
        ),
        (
            with(good(), "known_failures", failure(&own, -5)),
            "backtest.known_failures[0].at",
            "is not between",
        ),
    ] {
        let refused = ask(api, token, body.clone()).await;
        assert_eq!(fields(&refused), [expected], "{body}");
        assert!(refused.text.contains(reason), "{}", refused.text);
    }
    let mut unknown = good();
    unknown["condition"]["signal"] = json!("nope");
    assert_eq!(fields(&ask(api, token, unknown).await), ["condition.signal"]);
    let mut against = good();
    against.as_object_mut().unwrap().remove("backtest");
    against["name"] = json!("");
    against["condition"]["below"] = json!(1);
    let all = ["backtest.against.name", "backtest.against.condition.below"];
    assert_eq!(fields(&ask(api, token, with(good(), "against", against)).await), all);
    ask(api, token, with(good(), "form", json!(at(0)))).await.problem(422, "invalid");
    let mut against = good();
    against.as_object_mut().unwrap().remove("backtest");
    against["condition"] = json!({"kind": "all", "conditions": [{"kind": "state", "sygnal": "t"}]});
    let unread = ["backtest.against.condition.conditions[0].sygnal"];
    assert_eq!(fields(&ask(api, token, with(good(), "against", against)).await), unread);

    // What another organization has doesn't exist.
    let stranger = customer(api).await;
    assert_eq!(fields(&ask(api, &stranger, good()).await), ["machine_id"]);
    let new = json!({"name": "Theirs", "serial_number": "9", "model": "M"});
    let theirs = api.call(&stranger, "POST", "/machines", Some(new)).await.json(201);
    let mut body = with(good(), "machine_ids", json!([plant.machine]));
    body["machine_id"] = theirs["id"].clone();
    let refused = fields(&ask(api, &stranger, body).await);
    assert_eq!(refused, ["condition.signal", "backtest.machine_ids[0]"]);
}

#[tokio::test]
async fn it_needs_the_right_to_see_rules_and_telemetry() {
    let plant = Plant::start().await;
    let api = &plant.api;
    values(&plant, &[(1, 20.0)]).await;
    for (scopes, status) in [
        (json!(["rules.read"]), 403),
        (json!(["telemetry.read"]), 403),
        (json!(["rules.read", "telemetry.read"]), 202),
    ] {
        let body = json!({"name": "script", "scopes": scopes});
        let made = api.call(&plant.token, "POST", "/api-tokens", Some(body)).await.json(201);
        let token = made["token"].as_str().unwrap();
        let answer = ask(api, token, hot(plant.machine)).await;
        assert_eq!(answer.status, status, "{scopes}: {}", answer.text);
    }
}

/// Rules of all kinds that watch live, and what they raise; then the same rules over what was stored.
#[tokio::test]
async fn a_backtest_finds_exactly_the_alarms_that_were_raised_live() {
    let plant = Plant::start().await;
    let (api, token) = (&plant.api, plant.token.as_str());
    let mut machine = Machine::default();
    machine.tell(&plant, 0, 1).await;
    let mut rules = Vec::new();
    for condition in conditions() {
        let body = json!({"name": "r", "machine_id": plant.machine, "severity": "major",
            "condition": condition});
        rules.push(api.call(token, "POST", "/rules", Some(body)).await.json(201));
    }
    for block in 0..40 {
        machine.tell(&plant, 1 + block * 10, 10).await;
        if block % 3 == 0 {
            machine.call(&plant, 1 + block * 10 + 9).await;
        }
    }
    for rule in &rules {
        let count = same_as_live(&plant, rule).await;
        assert!(count > 3, "{}: {count}", rule["condition"]);
    }
}

/// One that learns, of a signal by itself, of two together, and only while the machine runs: learned, said
/// and told the same.
#[tokio::test]
async fn a_rule_that_learns_raises_the_same_in_a_backtest_as_live() {
    let plant = Plant::start().await;
    let mut machine = Machine::default();
    machine.turn(&plant, 0, 1).await;
    let mut rules = Vec::new();
    for condition in learning() {
        let body = json!({"name": "r", "machine_id": plant.machine, "severity": "major",
            "condition": condition});
        rules.push(plant.api.call(&plant.token, "POST", "/rules", Some(body)).await.json(201));
    }
    for block in 0..20 {
        machine.turn(&plant, 1 + block * 60, 60).await;
    }
    for rule in &rules {
        let count = same_as_live(&plant, rule).await;
        assert!(count > 1, "{}: {count}", rule["condition"]);
    }
}

/// A backtest of a rule finds what it has raised live; how many alarms that are.
async fn same_as_live(plant: &Plant, rule: &Value) -> usize {
    let (api, token) = (&plant.api, plant.token.as_str());
    let live = raised_live(api, token, plant, rule).await;
    let body = json!({"name": "r", "machine_id": plant.machine, "severity": "major",
        "condition": rule["condition"], "backtest": {"from": at(1), "to": at(2_000)}});
    let result = tried(api, token, body).await;
    let found = &result["rule"]["machines"][0]["alarms"];
    assert_eq!(result["rule"]["totals"]["alarms"], live.len(), "{}", rule["condition"]);
    let found: Vec<Value> = found.as_array().unwrap().iter().map(as_live).collect();
    assert_eq!(found, live, "{}", rule["condition"]);
    live.len()
}

fn learning() -> Vec<Value> {
    let of = |signals: Value| json!({"kind": "anomaly", "signals": signals, "train_rows": 200, "clear_hold_s": 20});
    let both = of(json!(["load", "vibration"]));
    let gated = json!({"kind": "while",
        "while": {"kind": "state", "signal": "running", "is": [true]}, "condition": both});
    vec![of(json!(["vibration"])), both, gated]
}

fn conditions() -> Vec<Value> {
    let threshold = |above: i32| json!({"kind": "threshold", "signal": "t", "above": above});
    vec![
        json!({"kind": "threshold", "signal": "t", "above": 80, "clear_at": 60}),
        json!({"kind": "threshold", "signal": "t", "above": 40, "hold_s": 1.5,
            "clear_hold_s": 0.5}),
        json!({"kind": "levels", "levels": [
            {"severity": "minor", "condition": threshold(75)},
            {"severity": "major", "condition": threshold(90)}]}),
        json!({"kind": "all", "conditions": [
            {"kind": "state", "signal": "mode", "is": ["run"]}, threshold(70)]}),
        json!({"kind": "deviation", "signal": "t", "from": "p", "above": 60}),
        json!({"kind": "count", "signal": "door", "is": [true], "each": "crossing",
            "at_least": 3, "window_s": 12}),
        json!({"kind": "missing", "event": "lift.call", "for_s": 20}),
        json!({"kind": "missing", "signal": "slow", "for_s": 5}),
        json!({"kind": "rate", "signal": "t", "per": "second", "window_s": 1, "above": 60}),
        json!({"kind": "state", "signal": "door", "is": [true], "hold_s": 2}),
        json!({"kind": "sequence", "signal": "mode", "states": ["run", "off", "run"],
            "within_s": 3, "clear_hold_s": 2}),
        json!({"kind": "order", "signal": "mode", "allowed": [{"from": "run", "to": []}],
            "clear_hold_s": 3}),
        json!({"kind": "any", "hold_s": 1, "conditions": [
            threshold(95), {"kind": "state", "signal": "door", "is": [true], "hold_s": 3}]}),
        json!({"kind": "while", "while": {"kind": "state", "signal": "mode", "is": ["run"]},
            "condition": threshold(85)}),
        // By itself it is no cause.
        json!({"kind": "all", "conditions": [threshold(80), {"kind": "schedule",
            "from": clock(1), "to": clock(4), "time_zone": "UTC"}]}),
    ]
}

/// The time of the day so many minutes after the start.
fn clock(minutes: i64) -> String {
    let minute = (T0 / 60_000 + minutes) % 1440;
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// None is forgotten when there is a new one.
#[test]
fn every_kind_of_condition_is_tried() {
    fn kinds(value: &Value, all: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                all.extend(fields.get("kind").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| kinds(value, all));
            }
            Value::Array(values) => values.iter().for_each(|value| kinds(value, all)),
            _ => {}
        }
    }
    let mut tried = BTreeSet::new();
    conditions().iter().chain(&learning()).for_each(|condition| kinds(condition, &mut tried));
    let strange = serde_json::from_value::<RuleCondition>(json!({"kind": "none"})).unwrap_err();
    let told = strange.to_string();
    // "unknown variant `none`, expected one of `threshold`, …".
    let known = told.split('`').skip(1).step_by(2).filter(|it| *it != "none").map(str::to_owned);
    let known: BTreeSet<String> = known.collect();
    assert!(known.contains("threshold"), "{told}");
    assert_eq!(tried, known);
}

/// A machine that says what a small random generator says.
struct Machine {
    seq: i64,
    random: u64,
}

impl Default for Machine {
    fn default() -> Self {
        Self { seq: 0, random: 42 }
    }
}

impl Machine {
    fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) % below
    }

    /// A message with a sample each second from then on; the first two say that all is well.
    async fn tell(&mut self, plant: &Plant, from: i64, seconds: i64) {
        let samples: Vec<Value> = (from..from + seconds)
            .map(|s| {
                let quiet = s < 2;
                let mut number = |below: u64| if quiet { 0 } else { self.random(below) };
                let (t, p, door, run) = (number(100), number(100), number(2), number(3));
                let mut values = json!({"t": t, "p": p, "door": door == 1,
                    "mode": if run > 0 { "run" } else { "off" }});
                // Away for a while again and again.
                if s % 20 < 9 {
                    values["slow"] = json!(s);
                }
                json!({"ts": T0 + s * 1000, "values": values})
            })
            .collect();
        self.send(plant, &samples, from + seconds).await;
    }

    /// A sample each second of a spindle whose vibration follows its load, but for a while each five
    /// minutes from 400 s on. For another while it says that it doesn't run.
    async fn turn(&mut self, plant: &Plant, from: i64, seconds: i64) {
        let samples: Vec<Value> = (from..from + seconds)
            .map(|s| {
                let mut noise = || f64::from(u16::try_from(self.random(1_000)).unwrap());
                let load = 50.0 + noise() / 100.0;
                let loose = s >= 400 && (100..120).contains(&(s % 300));
                let vibration = load / 10.0 + noise() / 2_000.0 + if loose { 3.0 } else { 0.0 };
                let running = !(200..230).contains(&(s % 300));
                let values = json!({"load": load, "vibration": vibration, "running": running});
                json!({"ts": T0 + s * 1000, "values": values})
            })
            .collect();
        self.send(plant, &samples, from + seconds).await;
    }

    /// A message that says so: nothing older than a little before this second will come.
    async fn send(&mut self, plant: &Plant, samples: &[Value], until: i64) {
        self.seq += 1;
        let message = json!({"outbox": OUTBOX, "seq": self.seq, "samples": samples,
            "through_ts": T0 + until * 1000 - 100});
        let at_ms = T0 + until * 1000;
        plant.send_at(at_ms, UpChannel::Telemetry, &[&message.to_string()]).await;
    }

    /// It reports an event a little before that second is over.
    async fn call(&self, plant: &Plant, s: i64) {
        let event = json!({"ts": T0 + s * 1000 + 950, "type": "lift.call", "data": {}});
        plant.send_at(T0 + s * 1000, UpChannel::Events, &[&event.to_string()]).await;
    }
}

/// What a rule has raised, oldest first.
async fn raised_live(api: &TestApi, token: &str, plant: &Plant, rule: &Value) -> Vec<Value> {
    let mut own = Vec::new();
    let mut path = format!("/alarms?machine_id={}&limit=500", plant.machine);
    loop {
        let page = api.call(token, "GET", &path, None).await.json(200);
        own.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/alarms?machine_id={}&limit=500&cursor={next}", plant.machine);
    }
    own.retain(|alarm| alarm["rule_id"] == rule["id"]);
    own.reverse();
    let fields = |alarm: &Value| {
        json!({"from": alarm["raised_at"], "to": alarm["cleared_at"],
            "severity": alarm["severity"], "message": alarm["message"],
            "context": alarm["context"]})
    };
    own.iter().map(fields).collect()
}

/// The same fields of one that a backtest has found.
fn as_live(found: &Value) -> Value {
    let mut alarm = found.clone();
    alarm.as_object_mut().unwrap().remove("worst");
    alarm
}
