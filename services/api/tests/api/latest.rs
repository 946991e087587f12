//! Newest values of the machines that are named.

use millwright_schemas::api::telemetry::LATEST_MACHINES_MAX;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::TestApi;
use crate::telemetry::{Plant, T0, stranger};

async fn machine(api: &TestApi, token: &str, serial_number: &str) -> String {
    let new = json!({"name": "Press", "serial_number": serial_number});
    let made = api.call(token, "POST", "/machines", Some(new)).await.json(201);
    made["id"].as_str().unwrap().to_owned()
}

fn path_of(machines: &[&str], more: &str) -> String {
    let ids: String = machines.iter().map(|id| format!("&machine_id={id}")).collect();
    format!("/telemetry/latest?signal=load{ids}{more}")
}

/// The machines of a page.
fn machines(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["machine_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn newest_values_are_of_the_machines_that_are_named() {
    let plant = Plant::start().await;
    let (api, token) = (&plant.api, plant.token.as_str());
    plant.samples(&[&format!(r#"{{"ts":{T0},"load":7}}"#)]).await;
    let own = plant.machine.to_string();
    let silent = machine(api, token, "2").await;
    let left_out = machine(api, token, "3").await;
    let gone = machine(api, token, "4").await;
    api.call(token, "POST", &format!("/machines/{gone}/decommission"), None).await.json(200);
    let get = async |path: &str| api.call(token, "GET", path, None).await.json(200);

    let everything = get("/telemetry/latest?signal=load").await;
    assert!(machines(&everything).contains(&left_out.as_str()), "{everything}");

    // Named twice it counts once; what isn't there or is out of use gives nothing.
    let unknown = Uuid::now_v7().to_string();
    let page = get(&path_of(&[&silent, &own, &own, &unknown, &gone], "")).await;
    let mut expected = [own.as_str(), silent.as_str()];
    expected.sort_unstable();
    assert_eq!(machines(&page), expected, "{page}");
    assert_eq!(page["next_cursor"], Value::Null);
    let of = |id: &str| {
        let items = page["items"].as_array().unwrap();
        items.iter().find(|item| item["machine_id"] == id).unwrap()["signals"].clone()
    };
    assert_eq!(of(&own)[0]["value"], 7.0);
    assert_eq!(of(&silent), json!([]));
    let none = get(&path_of(&[&unknown], "")).await;
    assert_eq!(none["items"], json!([]));
}

#[tokio::test]
async fn named_machines_come_in_pages_too() {
    let plant = Plant::start().await;
    let (api, token) = (&plant.api, plant.token.as_str());
    let mut named = vec![plant.machine.to_string()];
    for number in 2..=5 {
        named.push(machine(api, token, &number.to_string()).await);
    }
    named.sort_unstable();
    // Between the others in the order of registration.
    let left_out = named.remove(2);
    let backwards: Vec<&str> = named.iter().rev().map(String::as_str).collect();

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for expected in [3, 1] {
        let path = path_of(&backwards, &format!("&limit=3{cursor}"));
        let page = api.call(token, "GET", &path, None).await.json(200);
        assert_eq!(machines(&page).len(), expected, "{page}");
        seen.extend(machines(&page).into_iter().map(str::to_owned));
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap_or("none"));
    }
    assert_eq!(seen, named);
    assert!(!seen.contains(&left_out));
    assert_eq!(cursor, "&cursor=none", "nothing follows");
}

#[tokio::test]
async fn another_organizations_machines_give_no_values_by_name() {
    let plant = Plant::start().await;
    let (api, token) = (&plant.api, plant.token.as_str());
    plant.samples(&[&format!(r#"{{"ts":{T0},"load":7}}"#)]).await;
    let own = plant.machine.to_string();
    let other = stranger(api).await;
    let new = json!({"name": "Theirs", "serial_number": "9"});
    let made = api.call(&other, "POST", "/machines", Some(new)).await.json(201);
    let theirs = made["id"].as_str().unwrap();
    let get = async |token: &str, path: &str| api.call(token, "GET", path, None).await.json(200);

    let page = get(&other, &path_of(&[&own, theirs], "")).await;
    assert_eq!(machines(&page), [theirs], "{page}");
    let page = get(&other, &path_of(&[&own], "")).await;
    assert_eq!(page, json!({"items": [], "next_cursor": null}));

    // Who sees both may narrow it by the organization as well.
    let both = get(token, &path_of(&[&own, theirs], "")).await;
    assert_eq!(machines(&both).len(), 2, "{both}");
    let within = format!("&organization_id={}", made["organization_id"].as_str().unwrap());
    let page = get(token, &path_of(&[&own, theirs], &within)).await;
    assert_eq!(machines(&page), [theirs], "{page}");
    let above = format!("&organization_id={}", api.organization);
    let page = get(&other, &path_of(&[&own, theirs], &above)).await;
    assert_eq!(machines(&page), [theirs], "{page}");
}

#[tokio::test]
async fn what_can_not_be_named_is_refused_with_its_field() {
    let plant = Plant::start().await;
    let (api, token) = (&plant.api, plant.token.as_str());
    let refused = async |path: String| {
        let problem = api.call(token, "GET", &path, None).await.problem(422, "invalid");
        let error = problem["errors"][0].clone();
        assert_eq!(error["field"], "machine_id", "{problem}");
        error["message"].as_str().unwrap().to_owned()
    };
    let own = plant.machine.to_string();
    let wrong = refused(path_of(&[&own, "mill-7"], "")).await;
    assert!(wrong.contains("mill-7"), "{wrong}");
    refused(path_of(&[""], "")).await;
    let list = [own.as_str(), own.as_str()].join(",");
    refused(path_of(&[&list], "")).await;

    let many: Vec<String> = (0..=LATEST_MACHINES_MAX).map(|_| Uuid::now_v7().to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let too_many = refused(path_of(&many, "")).await;
    assert_eq!(too_many, format!("201 machines, more than {LATEST_MACHINES_MAX}"));
    let most = [&many[1..], &many[1..2]].concat();
    let page = api.call(token, "GET", &path_of(&most, "&limit=500"), None).await.json(200);
    assert_eq!(page["items"], json!([]), "as many as may be named, one of them twice");
}
