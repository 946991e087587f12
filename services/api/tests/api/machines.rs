//! Organizations, sites and machines over HTTP.

use serde_json::{Value, json};

use crate::harness::{PASSWORD, TestApi};

async fn machine(api: &TestApi, token: &str, serial_number: &str) -> Value {
    let new = json!({"name": "Lift", "serial_number": serial_number});
    api.call(token, "POST", "/machines", Some(new)).await.json(201)
}

/// An administrator of a customer: an organization below the top.
pub async fn customer(api: &TestApi) -> String {
    let admin = api.admin().await;
    let new = json!({"name": "Customer"});
    let organization = api.call(&admin, "POST", "/organizations", Some(new)).await.json(201);
    let person = json!({"email": "c@example.org", "name": "C", "role": "admin",
        "password": PASSWORD, "organization_id": organization["id"]});
    api.call(&admin, "POST", "/users", Some(person)).await.json(201);
    api.sign_in("c@example.org", PASSWORD).await
}

#[tokio::test]
async fn a_machine_is_registered_read_and_changed() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let site = json!({"name": "Plant", "time_zone": "Europe/Vienna"});
    let site = api.call(&admin, "POST", "/sites", Some(site)).await.json(201);
    let new = json!({"name": "Lift", "serial_number": "S-1", "model": "M", "site_id": site["id"],
        "external_ids": {"crm": "4711"}});
    let created = api.call(&admin, "POST", "/machines", Some(new)).await;
    let machine = created.json(201);
    let path = format!("/machines/{}", machine["id"].as_str().unwrap());
    assert_eq!(created.header("location"), format!("/api/v1{path}"));
    assert_eq!(created.header("etag"), "\"1\"");
    assert_eq!(machine["state"], "registered");
    assert_eq!(machine["organization_id"], api.organization.to_string());
    assert_eq!(machine["commissioned_at"], Value::Null);
    assert_eq!(machine["connection"]["connected"], false);
    assert_eq!(machine["external_ids"], json!({"crm": "4711"}));

    let found = api.call(&admin, "GET", &path, None).await;
    assert_eq!(found.json(200), machine);
    let change = json!({"name": "Press", "model": null});
    let missing = api.call(&admin, "PATCH", &path, Some(change.clone())).await;
    missing.problem(428, "version-missing");
    let if_match = [("if-match", found.header("etag"))];
    let changed = api.call_with(&admin, "PATCH", &path, Some(change.clone()), &if_match).await;
    assert_eq!(changed.header("etag"), "\"2\"");
    let body = changed.json(200);
    assert_eq!(
        (&body["name"], &body["model"], &body["version"]),
        (&json!("Press"), &Value::Null, &json!(2))
    );
    let late = api.call_with(&admin, "PATCH", &path, Some(change), &if_match).await;
    late.problem(412, "version-mismatch");
}

#[tokio::test]
async fn what_breaks_rules_is_told_by_field() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let wrong = json!({"name": " ", "serial_number": "x".repeat(101)});
    let problem = api.call(&admin, "POST", "/machines", Some(wrong)).await.problem(422, "invalid");
    let fields: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|e| &e["field"]).collect();
    assert_eq!(fields, ["name", "serial_number"]);
    let unknown = json!({"name": "a", "serial_number": "b", "colour": "red"});
    api.call(&admin, "POST", "/machines", Some(unknown)).await.problem(422, "invalid");
    machine(&api, &admin, "S-1").await;
    let again = json!({"name": "Lift", "serial_number": "S-1"});
    api.call(&admin, "POST", "/machines", Some(again)).await.problem(409, "conflict");
    api.call(&admin, "GET", "/machines?external_id=x", None).await.problem(422, "invalid");
    api.call(&admin, "GET", "/machines?state=new", None).await.problem(400, "malformed");
    api.call(&admin, "GET", "/machines/x", None).await.problem(404, "not-found");
}

#[tokio::test]
async fn machines_are_listed_in_pages_and_filtered() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    for number in 0..5 {
        machine(&api, &admin, &format!("S-{number}")).await;
    }
    let mut path = "/machines?limit=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = api.call(&admin, "GET", &path, None).await.json(200);
        for item in page["items"].as_array().unwrap() {
            seen.push(item["serial_number"].as_str().unwrap().to_owned());
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/machines?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, ["S-0", "S-1", "S-2", "S-3", "S-4"]);
    let found = api.call(&admin, "GET", "/machines?q=s-3&state=registered", None).await.json(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_creation_sent_twice_is_done_once() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let new = json!({"name": "Lift", "serial_number": "S-1"});
    let key = [("idempotency-key", "k-1")];
    let first = api.call_with(&admin, "POST", "/machines", Some(new.clone()), &key).await;
    let again = api.call_with(&admin, "POST", "/machines", Some(new), &key).await;
    assert_eq!(again.json(201), first.json(201));
}

/// Every call about a machine, of somebody who doesn't see it: as if there were none.
#[tokio::test]
async fn another_organizations_machines_do_not_exist() {
    let api = TestApi::start().await;
    let (admin, stranger) = (api.admin().await, customer(&api).await);
    let id = machine(&api, &admin, "S-1").await["id"].as_str().unwrap().to_owned();
    let id = id.as_str();
    let top = api.organization;
    let token = api.call(&admin, "POST", &format!("/machines/{id}/device-tokens"), None).await;
    let token = token.json(201)["id"].as_str().unwrap().to_owned();
    let calls = [
        ("GET", format!("/machines/{id}"), None),
        ("PATCH", format!("/machines/{id}"), Some(json!({"name": "x"}))),
        ("POST", format!("/machines/{id}/decommission"), None),
        ("POST", format!("/machines/{id}/enrollment-codes"), None),
        ("GET", format!("/machines/{id}/certificates"), None),
        ("POST", format!("/machines/{id}/certificates/ab/revoke"), Some(json!({"reason": "x"}))),
        ("GET", format!("/machines/{id}/device-tokens"), None),
        ("POST", format!("/machines/{id}/device-tokens"), None),
        ("DELETE", format!("/machines/{id}/device-tokens/{token}"), None),
        ("GET", format!("/organizations/{top}"), None),
        ("PATCH", format!("/organizations/{top}"), Some(json!({"name": "x"}))),
    ];
    for (method, path, body) in calls {
        let if_match = [("if-match", "\"1\"")];
        let answer = api.call_with(&stranger, method, &path, body, &if_match).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
    }
    let list = api.call(&stranger, "GET", "/machines", None).await.json(200);
    assert_eq!(list["items"], json!([]));
    let query = format!("/machines?organization_id={top}");
    assert_eq!(api.call(&stranger, "GET", &query, None).await.json(200)["items"], json!([]));
    let theirs = json!({"name": "x", "serial_number": "x", "organization_id": top});
    api.call(&stranger, "POST", "/machines", Some(theirs)).await.problem(404, "not-found");
    let child = json!({"name": "x", "serial_number": "x", "parent_id": id});
    let refused = api.call(&stranger, "POST", "/machines", Some(child)).await;
    assert_eq!(refused.problem(422, "invalid")["errors"][0]["field"], "parent_id");
}
