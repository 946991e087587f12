//! Rules over HTTP, and what they do to what machines send afterwards.

use millwright_core::access::Role;
use serde_json::{Value, json};

use crate::harness::Answer;
use crate::machines::customer;
use crate::telemetry::{Plant, T0};

/// Above 80 for this machine, in a body for `POST` and `PUT`.
fn hot(machine: impl std::fmt::Display) -> Value {
    json!({"name": "Too hot", "machine_id": machine.to_string(), "severity": "major",
        "condition": {"kind": "threshold", "signal": "t", "above": 80.0, "clear_at": 75.0}})
}

/// A body with something changed.
fn with(mut body: Value, path: &str, value: Value) -> Value {
    let target = body.pointer_mut(path);
    match target {
        Some(target) => *target = value,
        None => {
            let (parent, field) = path.rsplit_once('/').unwrap();
            body.pointer_mut(parent).unwrap()[field] = value;
        }
    }
    body
}

fn fields(answer: &Answer) -> Vec<String> {
    let problem = answer.problem(422, "invalid");
    let errors = problem["errors"].as_array().unwrap();
    errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}

impl Plant {
    async fn value(&self, s: i64, value: f64) {
        self.samples(&[&format!(r#"{{"ts":{},"t":{value}}}"#, T0 + s * 1000)]).await;
    }

    async fn with_signal() -> Self {
        let plant = Self::start().await;
        plant.samples(&[&format!(r#"{{"ts":{T0},"t":20,"program":"O1","none":null}}"#)]).await;
        plant
    }

    async fn create(&self, body: Value) -> Answer {
        self.api.call(&self.token, "POST", "/rules", Some(body)).await
    }

    async fn put(&self, rule: &Value, body: Value) -> Answer {
        let path = format!("/rules/{}", rule["id"].as_str().unwrap());
        let tag = format!("\"{}\"", rule["version"]);
        self.api.call_with(&self.token, "PUT", &path, Some(body), &[("if-match", &tag)]).await
    }

    /// Names of the domain events that are told of alarms.
    async fn alarm_events(&self) -> Vec<String> {
        let seen = async || -> Vec<String> {
            let path = "/events?after=0&limit=500";
            let page = self.api.call(&self.token, "GET", path, None).await.json(200);
            let types = page["items"].as_array().unwrap().iter();
            let types = types.map(|event| event["type"].as_str().unwrap().to_owned());
            types.filter(|word| word.starts_with("alarm.")).collect()
        };
        // The sequencer gives them their positions after the commit.
        let (mut before, mut now) = (vec![String::new()], seen().await);
        while before != now {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            before = now;
            now = seen().await;
        }
        now
    }
}

#[tokio::test]
async fn a_rule_is_written_read_changed_and_deleted() {
    let plant = Plant::with_signal().await;
    let (api, token) = (&plant.api, &plant.token);
    let created = plant.create(hot(plant.machine)).await;
    let rule = created.json(201);
    let path = format!("/rules/{}", rule["id"].as_str().unwrap());
    assert_eq!(created.header("location"), format!("/api/v1{path}"));
    assert_eq!(created.header("etag"), "\"1\"");
    assert_eq!(rule["organization_id"], api.organization.to_string());
    assert_eq!((&rule["enabled"], &rule["message"]), (&json!(true), &Value::Null));
    let condition = json!({"kind": "threshold", "signal": "t", "above": 80.0, "clear_at": 75.0,
        "hold_s": 0.0, "clear_hold_s": 0.0});
    assert_eq!(rule["condition"], condition);
    assert_eq!(api.call(token, "GET", &path, None).await.json(200), rule);

    let changed = with(hot(plant.machine), "/name", json!("Hot"));
    api.call(token, "PUT", &path, Some(changed.clone())).await.problem(428, "version-missing");
    let second = plant.put(&rule, changed.clone()).await;
    assert_eq!(second.header("etag"), "\"2\"");
    let body = second.json(200);
    assert_eq!((&body["name"], &body["version"]), (&json!("Hot"), &json!(2)));
    plant.put(&rule, changed).await.problem(412, "version-mismatch");

    let audit = api.call(token, "GET", "/audit?limit=2", None).await.json(200);
    assert_eq!(audit["items"][0]["action"], "rule.updated", "{audit}");
    api.call(token, "DELETE", &path, None).await.json(204);
    api.call(token, "GET", &path, None).await.problem(404, "not-found");
    api.call(token, "DELETE", &path, None).await.problem(404, "not-found");
    plant.put(&body, hot(plant.machine)).await.problem(404, "not-found");
    assert_eq!(api.call(token, "GET", "/rules", None).await.json(200)["items"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_watched_is_refused_with_field_and_reason() {
    let plant = Plant::with_signal().await;
    let good = || hot(plant.machine);
    let id = "0198b2c4-7c1e-7000-8000-0123456789ab";
    let model =
        |model: &str| with(with(good(), "/machine_id", Value::Null), "/model", json!(model));
    for (body, expected, reason) in [
        (
            with(good(), "/condition/signal", json!("nope")),
            "condition.signal",
            "has no signal \"nope\"",
        ),
        (
            with(good(), "/condition/signal", json!("program")),
            "condition.signal",
            "is a text, not a number",
        ),
        (
            with(good(), "/condition/signal", json!("none")),
            "condition.signal",
            "has had no value so far",
        ),
        (
            with(good(), "/condition/clear_at", json!(80.5)),
            "condition.clear_at",
            "80.5 is above the limit 80",
        ),
        (with(good(), "/condition/below", json!(1)), "condition.below", "not both"),
        (with(good(), "/condition/above", Value::Null), "condition.above", "give above or below"),
        (
            with(good(), "/condition/hold_s", json!(604_801)),
            "condition.hold_s",
            "not between 0 and 604800",
        ),
        (
            with(good(), "/condition/clear_hold_s", json!(-1)),
            "condition.clear_hold_s",
            "-1 is not between",
        ),
        (with(good(), "/machine_id", json!(id)), "machine_id", "doesn't exist"),
        (with(good(), "/machine_id", Value::Null), "machine_id", "give machine_id or model"),
        (with(good(), "/model", json!("M")), "model", "not both"),
        (model("unknown"), "model", "no machine of model \"unknown\""),
        (with(good(), "/severity", json!("indeterminate")), "severity", "allowed: critical"),
        (with(good(), "/name", json!("x".repeat(201))), "name", "at most 200"),
        (with(good(), "/message", json!("x".repeat(501))), "message", "at most 500"),
        (with(good(), "/message", json!("")), "message", "is empty"),
    ] {
        let refused = plant.create(body.clone()).await;
        assert_eq!(fields(&refused), [expected], "{body}");
        assert!(refused.text.contains(&reason.replace('"', "\\\"")), "{}", refused.text);
    }
    for body in [
        with(good(), "/colour", json!("red")),
        with(good(), "/condition/window_s", json!(5)),
        with(good(), "/condition/kind", json!("trend")),
        with(good(), "/severity", json!("bad")),
    ] {
        plant.create(body).await.problem(422, "invalid");
    }
    let deep = json!({"kind": "levels", "levels": [
        {"severity": "minor", "condition": {"kind": "threshold", "signal": "t", "above": 80}},
        {"severity": "major", "condition": {"kind": "any", "conditions": [
            {"kind": "rate", "signal": "program", "per": "minute", "window_s": 60, "above": 1},
            {"kind": "count", "signal": "t", "above": 1, "at_least": 101, "window_s": 604_801}
        ]}}
    ]});
    let at = "condition.levels[1].condition.conditions";
    let all = [format!("{at}[1].window_s"), format!("{at}[1].at_least"), format!("{at}[0].signal")];
    assert_eq!(fields(&plant.create(with(good(), "/condition", deep)).await), all);
    // What can't be read is told with its place as well, the first of it.
    let group = |kind: &str, inner: Value| json!({"kind": kind, "conditions": [inner]});
    let levels = |higher: Value| {
        json!({"kind": "levels", "levels": [
        {"severity": "minor", "condition": {"kind": "threshold", "signal": "t", "above": 80}},
        {"severity": "major", "condition": higher}]})
    };
    let (own, first) = (json!({"parameter": "Max Temp", "default": 80}), "conditions[0]");
    let limit = |above: Value| json!({"kind": "threshold", "signal": "t", "above": above});
    for (condition, expected, reason) in [
        (
            group("all", with(limit(json!(1)), "/hold", json!(3))),
            format!("condition.{first}.hold"),
            "unknown field `hold`",
        ),
        (
            levels(json!({"kind": "rate", "signal": "t", "per": "minute", "above": 1})),
            "condition.levels[1].condition.window_s".to_owned(),
            "missing field `window_s`",
        ),
        (
            group("any", group("all", limit(json!("80")))),
            format!("condition.{first}.{first}.above"),
            "expected a number or",
        ),
        (limit(own), "condition.above.parameter".to_owned(), "is not the name of a parameter"),
        (
            group("all", json!({"kind": "schedule", "from": "8:00"})),
            format!("condition.{first}.from"),
            "is not a time of the day such as 08:00, from 00:00 to 24:00\"",
        ),
        (
            group("all", json!({"kind": "trend"})),
            format!("condition.{first}.kind"),
            "unknown variant",
        ),
        (group("all", json!({"signal": "t"})), format!("condition.{first}.kind"), "missing field"),
        (json!("hot"), "condition".to_owned(), "expected a condition with its kind"),
    ] {
        let refused = plant.create(with(good(), "/condition", condition.clone())).await;
        assert_eq!(fields(&refused), [expected], "{condition}");
        assert!(refused.text.contains(reason), "{}", refused.text);
    }
    // All at once.
    let body = json!({"name": "", "severity": "indeterminate",
        "condition": {"kind": "threshold", "signal": "t", "hold_s": -1}});
    let all = ["name", "machine_id", "severity", "condition.above", "condition.hold_s"];
    assert_eq!(fields(&plant.create(body).await), all);
    // Changing is checked alike, and the organization can't be changed.
    let rule = plant.create(good()).await.json(201);
    let wrong =
        with(with(good(), "/condition/signal", json!("nope")), "/organization_id", json!(id));
    assert_eq!(fields(&plant.put(&rule, wrong).await), ["organization_id", "condition.signal"]);
    // Also when it is switched off, behind a part that is as it was.
    let second = group("any", limit(json!(1)));
    let mut both = with(second, "/conditions/0/signal", json!("nope"));
    both["conditions"].as_array_mut().unwrap().insert(0, good()["condition"].clone());
    let wrong = with(with(good(), "/condition", both), "/enabled", json!(false));
    assert_eq!(fields(&plant.put(&rule, wrong).await), ["condition.conditions[1].signal"]);
    let off = plant.put(&rule, with(good(), "/enabled", json!(false))).await.json(200);
    assert_eq!((&off["enabled"], &off["condition"]), (&json!(false), &rule["condition"]));
}

#[tokio::test]
async fn a_rule_watches_without_a_restart_and_its_alarm_ends_with_it() {
    let plant = Plant::with_signal().await;
    plant.value(1, 90.0).await;
    let rule = plant.create(hot(plant.machine)).await.json(201);
    assert_eq!(plant.alarm_events().await, [""; 0]);
    plant.value(2, 90.0).await;
    assert_eq!(plant.alarm_events().await, ["alarm.raised"]);
    // A higher limit keeps the alarm until the next good value.
    let higher = with(
        with(hot(plant.machine), "/condition/above", json!(95)),
        "/condition/clear_at",
        json!(95),
    );
    let second = plant.put(&rule, higher).await.json(200);
    assert_eq!(plant.alarm_events().await.len(), 1);
    plant.value(3, 90.0).await;
    assert_eq!(plant.alarm_events().await, ["alarm.raised", "alarm.cleared"]);
    plant.value(4, 96.0).await;
    let off = with(hot(plant.machine), "/enabled", json!(false));
    let third = plant.put(&second, off).await.json(200);
    assert_eq!(plant.alarm_events().await.len(), 4);
    plant.put(&third, hot(plant.machine)).await.json(200);
    plant.value(5, 96.0).await;
    let path = format!("/rules/{}", rule["id"].as_str().unwrap());
    plant.api.call(&plant.token, "DELETE", &path, None).await.json(204);
    plant.value(6, 70.0).await;
    plant.value(7, 96.0).await;
    let told = plant.alarm_events().await;
    assert_eq!(told, ["alarm.raised", "alarm.cleared"].repeat(3));
}

#[tokio::test]
async fn rules_are_listed_by_machine_and_model() {
    let plant = Plant::with_signal().await;
    let (api, token) = (&plant.api, &plant.token);
    let machine = format!("/machines/{}", plant.machine);
    let mill = Some(json!({"model": "mill"}));
    api.call_with(token, "PATCH", &machine, mill, &[("if-match", "\"1\"")]).await.json(200);
    let own = plant.create(hot(plant.machine)).await.json(201);
    let of_model = with(with(hot(""), "/machine_id", Value::Null), "/model", json!("mill"));
    let of_model = plant.create(of_model).await.json(201);
    let other = json!({"name": "Other", "serial_number": "2", "model": "lathe"});
    let other = api.call(token, "POST", "/machines", Some(other)).await.json(201);
    let ids = async |query: &str| -> Vec<Value> {
        let page = api.call(token, "GET", &format!("/rules{query}"), None).await.json(200);
        page["items"].as_array().unwrap().iter().map(|rule| rule["id"].clone()).collect()
    };
    let both = [own["id"].clone(), of_model["id"].clone()];
    assert_eq!(ids("").await, both);
    assert_eq!(ids(&format!("?machine_id={}", plant.machine)).await, both);
    assert_eq!(ids("?model=mill").await, both[1..]);
    let other = other["id"].as_str().unwrap();
    assert_eq!(ids(&format!("?machine_id={other}")).await, [Value::Null; 0]);
    let page = api.call(token, "GET", "/rules?limit=1", None).await.json(200);
    let next = format!("?limit=1&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(ids(&next).await, both[1..]);
    api.call(token, "GET", "/rules?colour=red", None).await.problem(422, "invalid");
}

#[tokio::test]
async fn another_organizations_rules_and_machines_do_not_exist() {
    let plant = Plant::with_signal().await;
    let api = &plant.api;
    let stranger = customer(api).await;
    let rule = plant.create(hot(plant.machine)).await.json(201);
    let path = format!("/rules/{}", rule["id"].as_str().unwrap());
    for (method, body) in [("GET", None), ("PUT", Some(hot(plant.machine))), ("DELETE", None)] {
        let answer = api.call_with(&stranger, method, &path, body, &[("if-match", "\"1\"")]).await;
        assert_eq!(answer.status, 404, "{method}: {}", answer.text);
    }
    let refused = api.call(&stranger, "POST", "/rules", Some(hot(plant.machine))).await;
    assert_eq!(fields(&refused), ["machine_id"]);
    let theirs = with(hot(plant.machine), "/organization_id", json!(api.organization));
    api.call(&stranger, "POST", "/rules", Some(theirs)).await.problem(404, "not-found");
    assert_eq!(api.call(&stranger, "GET", "/rules", None).await.json(200)["items"], json!([]));
    // A rule of an organization below can't watch a machine above it.
    let below = api.child_organization("Below").await;
    let wrong = with(hot(plant.machine), "/organization_id", json!(below));
    assert_eq!(fields(&plant.create(wrong).await), ["machine_id"]);
}

#[tokio::test]
async fn a_creation_sent_twice_is_one_rule() {
    let plant = Plant::with_signal().await;
    let (api, body) = (&plant.api, hot(plant.machine));
    let key = [("idempotency-key", "k-1")];
    let first = api.call_with(&plant.token, "POST", "/rules", Some(body.clone()), &key).await;
    let again = api.call_with(&plant.token, "POST", "/rules", Some(body), &key).await;
    assert_eq!(again.json(201), first.json(201));
}

#[tokio::test]
async fn a_technician_reads_rules_and_writes_none() {
    let plant = Plant::with_signal().await;
    let technician = plant.api.person(Role::Technician).await;
    plant.api.call(&technician, "GET", "/rules", None).await.json(200);
    let refused = plant.api.call(&technician, "POST", "/rules", Some(hot(plant.machine))).await;
    refused.problem(403, "forbidden");
}

/// Levels, a machine's own limits, and what the alarm tells.
#[tokio::test]
async fn one_alarm_of_several_severities_with_the_machines_own_limit() {
    let plant = Plant::with_signal().await;
    let (api, token) = (&plant.api, &plant.token);
    let level = |severity: &str, above: Value| json!({"severity": severity, "condition": {"kind": "threshold", "signal": "t", "above": above}});
    let own = json!({"parameter": "max_temperature", "default": 80});
    let condition = json!({"kind": "levels",
        "levels": [level("minor", json!(70)), level("major", own)]});
    plant.create(with(hot(plant.machine), "/condition", condition)).await.json(201);
    let machine = format!("/machines/{}", plant.machine);
    let set = async |body: Value, version: &str| {
        api.call_with(token, "PATCH", &machine, Some(body), &[("if-match", version)]).await
    };
    let wrong = json!({"parameters": {"Max": 1}});
    set(wrong, "\"1\"").await.problem(422, "invalid");
    let many: serde_json::Map<String, Value> =
        (0..201).map(|n| (format!("p{n}"), json!(n))).collect();
    assert_eq!(fields(&set(json!({"parameters": many}), "\"1\"").await), ["parameters"]);
    let changed = set(json!({"parameters": {"max_temperature": 90.5}}), "\"1\"").await.json(200);
    assert_eq!(changed["parameters"], json!({"max_temperature": 90.5}));
    let audit = api.call(token, "GET", "/audit?limit=1", None).await.json(200);
    let details = &audit["items"][0]["details"]["parameters"];
    assert_eq!(details, &json!({"from": "{}", "to": "{\"max_temperature\":90.5}"}), "{audit}");

    plant.value(1, 85.0).await;
    plant.value(2, 91.0).await;
    let page = api.call(token, "GET", "/alarms?state=open", None).await.json(200);
    let alarm = &page["items"][0];
    assert_eq!((&alarm["severity"], &alarm["count"]), (&json!("major"), &json!(1)), "{page}");
    assert_eq!(alarm["message"], "t above its max_temperature");
    plant.value(3, 85.0).await;
    plant.value(4, 60.0).await;
    let told = plant.alarm_events().await;
    assert_eq!(told, ["alarm.raised", "alarm.changed", "alarm.changed", "alarm.cleared"]);
}

#[tokio::test]
async fn a_rules_precision_is_what_people_say_of_its_alarms() {
    let plant = Plant::with_signal().await;
    let (api, token) = (&plant.api, &plant.token);
    let rule = plant.create(hot(plant.machine)).await.json(201);
    for n in 1..=5 {
        plant.value(n * 10, 90.0).await;
        plant.value(n * 10 + 5, 70.0).await;
    }
    let path = format!("/rules/{}/precision", rule["id"].as_str().unwrap());
    let range = "?from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:50Z";
    let precision =
        async |query: &str| api.call(token, "GET", &format!("{path}{query}"), None).await.json(200);
    let nothing = precision(range).await;
    assert_eq!((&nothing["alarms"], &nothing["precision"]), (&json!(4), &Value::Null));
    let page = api.call(token, "GET", "/alarms", None).await.json(200);
    let alarms = page["items"].as_array().unwrap().iter().rev();
    // The last one is raised when the range is over.
    let said = ["real", "nuisance", "real", "expected", "nuisance"];
    for (alarm, verdict) in alarms.zip(said) {
        let judge = format!("/alarms/{}/feedback", alarm["id"].as_str().unwrap());
        let body = Some(json!({"verdict": verdict}));
        api.call(token, "POST", &judge, body).await.json(200);
    }
    let judged = precision(range).await;
    let counts = ["alarms", "real", "nuisance", "expected"].map(|field| judged[field].clone());
    assert_eq!(counts, [json!(4), json!(2), json!(1), json!(1)]);
    assert!((judged["precision"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-9);
    let all = precision("?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z").await;
    assert_eq!((&all["alarms"], &all["precision"]), (&json!(5), &json!(0.5)));
    assert_eq!(all["versions"].as_array().unwrap().len(), 1);
    assert_eq!(all["versions"][0]["version"], rule["version"]);

    // Changed, it counts anew: what the new version has raised stands by itself.
    let changed = with(hot(plant.machine), "/condition/above", json!(85));
    let rule_path = format!("/rules/{}", rule["id"].as_str().unwrap());
    let if_match = [("if-match", "\"1\"")];
    api.call_with(token, "PUT", &rule_path, Some(changed), &if_match).await.json(200);
    for n in [61, 63] {
        plant.value(n, 90.0).await;
        plant.value(n + 1, 70.0).await;
    }
    let page = api.call(token, "GET", "/alarms?limit=1", None).await.json(200);
    let judge = format!("/alarms/{}/feedback", page["items"][0]["id"].as_str().unwrap());
    let body = Some(json!({"verdict": "real"}));
    api.call(token, "POST", &judge, body).await.json(200);
    let all = precision("?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z").await;
    assert_eq!((&all["alarms"], &all["precision"]), (&json!(7), &json!(0.6)));
    let versions = json!([
        {"version": 2, "alarms": 2, "real": 1, "nuisance": 0, "expected": 0, "precision": 1.0},
        {"version": 1, "alarms": 5, "real": 2, "nuisance": 2, "expected": 1, "precision": 0.5}]);
    assert_eq!(all["versions"], versions);
    let wrong = format!("{path}?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z");
    assert_eq!(fields(&api.call(token, "GET", &wrong, None).await), ["from"]);
    let stranger = customer(api).await;
    api.call(&stranger, "GET", &path, None).await.problem(404, "not-found");
}
