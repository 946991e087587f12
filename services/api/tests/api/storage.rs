//! Values over long times: rollups behind charts, what values take up, how long they are kept; and
//! newest values over a fleet.

use millwright_core::access::Role;
use millwright_schemas::Timestamp;
use millwright_store::upkeep::{self, Steps, retention, rollups, timescale};
use serde_json::{Value, json};

use crate::harness::TestApi;
use crate::telemetry::{Plant, T0, stranger};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Three hours with a value of each signal every ten seconds, ending at a whole hour.
const START: i64 = T0 - T0 % HOUR_MS - 3 * HOUR_MS;
const VALUES: i64 = 1_080;

async fn three_hours(plant: &Plant) {
    let payloads: Vec<String> = (0..VALUES / 120)
        .map(|part| {
            let samples: Vec<Value> = (part * 120..(part + 1) * 120)
                .map(|n| {
                    let load = (n * 37) % 101;
                    let door = (n / 400) % 2 == 1;
                    json!({"ts": START + n * 10_000, "values": {"load": load, "door": door}})
                })
                .collect();
            json!({ "samples": samples }).to_string()
        })
        .collect();
    plant.samples(&payloads.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

async fn roll_up(plant: &Plant) {
    let store = &plant.api.state.store;
    if timescale::is_there(store) {
        timescale::refresh(store, None, (T0 + DAY_MS) * 1_000).await.unwrap();
        return;
    }
    let turn = upkeep::take_turn(store).await.unwrap().unwrap();
    let go_on = || true;
    let steps = Steps::new(&turn, &go_on);
    let mut round = rollups::Round::default();
    assert!(rollups::run(store, &mut round, &steps).await.unwrap().finished);
    turn.end().await.unwrap();
}

fn chart_path(signal: &str, from: i64, to: i64, points: u32) -> String {
    format!("telemetry?signal={signal}&from={from}&to={to}&points={points}")
}

#[tokio::test]
async fn charts_are_the_same_before_and_after_values_are_rolled_up() {
    let plant = Plant::start().await;
    three_hours(&plant).await;
    let paths = [
        chart_path("load", START, START + 3 * HOUR_MS, 10),
        chart_path("load", START, START + 3 * HOUR_MS, 3),
        chart_path("load", START, START + 30 * DAY_MS, 30),
        chart_path("load", START, START + 3 * HOUR_MS, 2_000),
        chart_path("door", START, START + HOUR_MS, 500),
    ];
    let mut before = Vec::new();
    for path in &paths {
        before.push(plant.get(path).await);
    }
    roll_up(&plant).await;
    for (path, before) in paths.iter().zip(before) {
        assert_eq!(plant.get(path).await, before, "{path}");
    }
    let hours = plant.get(&paths[1]).await["series"][0].clone();
    assert_eq!(hours["resolution"], 3_600.0);
    let means: Vec<i64> = (0..3)
        .map(|hour| (hour * 360..(hour + 1) * 360).map(|n| (n * 37) % 101).sum::<i64>())
        .collect();
    for (hour, sum) in means.iter().enumerate() {
        let mean = hours["points"][hour][1].as_f64().unwrap();
        assert!((mean - f64::from(i32::try_from(*sum).unwrap()) / 360.0).abs() < 1e-9);
        assert_eq!(hours["points"][hour][2], 0.0);
        assert_eq!(hours["points"][hour][3], 100.0);
    }

    // By hours a door shows in which of them it moved.
    let path = chart_path("door", START, START + 30 * DAY_MS, 30);
    let door = plant.get(&path).await["series"][0].clone();
    assert_eq!(door["resolution"], 3_600.0);
    let values: Vec<&Value> = door["points"].as_array().unwrap().iter().map(|p| &p[1]).collect();
    assert_eq!(values, [&json!(false), &json!(true), &json!(false)], "{door}");
}

#[tokio::test]
async fn what_is_kept_how_long_is_an_organizations_decision() {
    let plant = Plant::start().await;
    three_hours(&plant).await;
    plant.samples(&[&format!(r#"{{"ts":{START},"program":"O1"}}"#)]).await;
    roll_up(&plant).await;
    let storage = plant.get("storage").await;
    let of = |storage: &Value, signal: &str| {
        let signals = storage["signals"].as_array().unwrap();
        signals.iter().find(|found| found["signal"] == signal).unwrap().clone()
    };
    assert_eq!(of(&storage, "load")["points"], VALUES);
    assert_eq!(of(&storage, "door")["points"], VALUES);
    assert_eq!(of(&storage, "program")["points"], 1);
    assert!(of(&storage, "load")["rollups"].as_i64().unwrap() >= 180, "{storage}");
    assert!(storage["bytes"].as_i64().unwrap() > 30_000, "{storage}");

    let path = format!("/machines/{}", plant.machine);
    let machine = plant.api.call(&plant.token, "GET", &path, None).await;
    let machine = machine.json(200);
    let policy = format!("/organizations/{}/policy", machine["organization_id"].as_str().unwrap());
    let put = async |policy_text: Value| {
        let version = plant.api.call(&plant.token, "GET", &policy, None).await.json(200);
        let tag = format!("\"{}\"", version["version"]);
        let header = [("if-match", tag.as_str())];
        plant.api.call_with(&plant.token, "PUT", &policy, Some(policy_text), &header).await
    };
    for wrong in [
        json!({"raw_days": 0}),
        json!({"hour_days": 36_501}),
        json!({"signals": [{"signal": "a*b", "raw_days": 1}, {"signal": "", "raw_days": 1}]}),
        json!({"compress_after_days": 3_651}),
        json!({"compress_after_days": -1}),
        json!({"raw_days": 5, "compress_after_days": 5}),
    ] {
        put(json!({ "retention": wrong })).await.problem(422, "invalid");
    }
    let kept = json!({"raw_days": 2, "event_days": 2, "signals": [{"signal": "doo*"}]});
    let put_answer = put(json!({ "retention": kept })).await.json(200);
    assert_eq!(put_answer["retention"]["raw_days"], 2);

    let store = &plant.api.state.store;
    let later = Timestamp::from_millis(START + 3 * DAY_MS);
    let wanted = retention::Wanted::read(store, later).await.unwrap();
    let turn = upkeep::take_turn(store).await.unwrap().unwrap();
    let go_on = || true;
    let steps = Steps::new(&turn, &go_on);
    let removed = retention::apply(store, &wanted, &steps).await.unwrap();
    assert!(removed >= 1_081, "{removed}");
    assert_eq!(retention::apply(store, &wanted, &steps).await.unwrap(), 0, "nothing is left");

    let storage = plant.get("storage").await;
    assert_eq!(of(&storage, "load")["points"], 0);
    assert_eq!(of(&storage, "program")["points"], 0);
    assert_eq!(of(&storage, "door")["points"], VALUES, "another rule");
    // What is gone stays visible by minute and hour, and its newest value too.
    let path = chart_path("load", START, START + 3 * HOUR_MS, 3);
    let chart = plant.get(&path).await["series"][0].clone();
    assert_eq!(chart["points"].as_array().unwrap().len(), 3, "{chart}");
    let path = chart_path("load", START, START + HOUR_MS, 5_000);
    let chart = plant.get(&path).await["series"][0].clone();
    assert_eq!(
        (chart["resolution"].as_f64(), chart["points"].as_array().unwrap().len()),
        (Some(60.0), 60)
    );
    assert_eq!(plant.get("signals").await["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn how_the_work_on_stored_values_goes_is_told_to_who_decides_on_it() {
    let plant = Plant::start().await;
    let store = &plant.api.state.store;
    let status = async || plant.api.call(&plant.token, "GET", "/storage", None).await.json(200);
    let fresh = status().await;
    assert_eq!(fresh["tasks"], json!([]), "nothing has run");
    assert!(fresh["bytes_per_point"].as_f64().unwrap() > 0.0, "{fresh}");

    three_hours(&plant).await;
    let waits = status().await["waiting"].clone();
    if timescale::is_there(store) {
        assert_eq!(waits, Value::Null);
    } else {
        assert_eq!(waits["signals"], 2, "{waits}");
        let oldest: Timestamp = serde_json::from_value(waits["oldest"].clone()).unwrap();
        assert_eq!(oldest, Timestamp::from_millis(START));
        roll_up(&plant).await;
        let waits = status().await["waiting"].clone();
        assert_eq!(waits, json!({"signals": 0, "hours": 0, "oldest": null}));
    }

    let at = Timestamp::from_millis;
    upkeep::note(store, "rollups", at(T0), Err("disk full")).await.unwrap();
    upkeep::note(store, "retention", at(T0), Ok(4)).await.unwrap();
    let never = status().await["tasks"].clone();
    assert_eq!(never[0]["task"], "retention");
    assert_eq!(never[1]["error"], "disk full");
    assert_eq!((&never[1]["succeeded_at"], &never[1]["due_at"]), (&Value::Null, &Value::Null));
    upkeep::note(store, "rollups", at(T0 + 1_000), Ok(2)).await.unwrap();
    let rollups = status().await["tasks"][1].clone();
    assert_eq!(rollups["error"], Value::Null, "it goes well again");
    assert_eq!(rollups["failure"], "disk full", "the last failure stays known");
    let time =
        |field: &str| -> Timestamp { serde_json::from_value(rollups[field].clone()).unwrap() };
    assert_eq!((time("failed_at"), time("succeeded_at")), (at(T0), at(T0 + 1_000)));
    assert!(time("due_at") > time("succeeded_at"));

    for wrong in ["limit=0", "limit=101", "limit=-1", "limit=x", "colour=red"] {
        let path = format!("/storage/machines?{wrong}");
        let status = plant.api.call(&plant.token, "GET", &path, None).await.status;
        assert!(matches!(status.as_u16(), 400 | 422), "{wrong}: {status}");
    }
    let path = "/storage/machines?limit=100";
    let growth = plant.api.call(&plant.token, "GET", path, None).await.json(200);
    let time =
        |field: &str| -> Timestamp { serde_json::from_value(growth[field].clone()).unwrap() };
    let counted_s = time("to").seconds() - time("from").seconds();
    assert!((24 * 3_600..25 * 3_600).contains(&counted_s), "{growth}");
    assert_eq!(growth["items"], json!([]), "these values are older");

    let viewer = plant.api.person(Role::Viewer).await;
    plant.api.call(&viewer, "GET", "/storage", None).await.problem(403, "forbidden");
    // The database holds all organizations: only the one that runs the platform looks at it.
    let other = stranger(&plant.api).await;
    plant.api.call(&other, "GET", "/storage", None).await.problem(403, "forbidden");
    plant.api.call(&other, "GET", "/storage/machines", None).await.json(200);
}

#[tokio::test]
async fn newest_values_of_a_fleet() {
    let plant = Plant::start().await;
    plant.samples(&[&format!(r#"{{"ts":{T0},"load":7,"door":true,"flow":1.5}}"#)]).await;
    let api: &TestApi = &plant.api;
    let path = "/telemetry/latest?signal=load&signal=door&signal=unknown";
    let page = api.call(&plant.token, "GET", path, None).await.json(200);
    let items = page["items"].as_array().unwrap();
    let own = items.iter().find(|item| item["machine_id"] == plant.machine.to_string()).unwrap();
    let values: Vec<(&Value, &Value)> = own["signals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|signal| (&signal["signal"], &signal["value"]))
        .collect();
    assert_eq!(values, [(&json!("door"), &json!(true)), (&json!("load"), &json!(7.0))]);

    let other = stranger(api).await;
    let page = api.call(&other, "GET", path, None).await.json(200);
    assert_eq!(page["items"], json!([]));
    for wrong in [
        "/telemetry/latest",
        "/telemetry/latest?signal=",
        "/telemetry/latest?signal=a&limit=0",
        "/telemetry/latest?signal=a&limit=x",
        "/telemetry/latest?signal=a&organization_id=x",
        "/telemetry/latest?signal=a&colour=red",
    ] {
        api.call(&plant.token, "GET", wrong, None).await.problem(422, "invalid");
    }
    let status = api.call(&plant.token, "GET", "/storage", None).await.json(200);
    assert!(status["bytes"].as_i64().unwrap() > 0, "{status}");
}
