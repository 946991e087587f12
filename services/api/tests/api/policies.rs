//! Policies of organizations over HTTP.

use serde_json::{Value, json};

use crate::harness::TestApi;
use crate::machines::customer;

#[tokio::test]
async fn the_nearest_policy_above_holds() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let child = format!("/organizations/{}/policy", api.child_organization("Child").await);
    let top = format!("/organizations/{}/policy", api.organization);
    let found = api.call(&admin, "GET", &child, None).await;
    assert_eq!(found.header("etag"), "\"0\"");
    let policy = found.json(200);
    assert_eq!(policy["from_organization_id"], Value::Null);
    assert_eq!(policy["tickets"]["open_from"], "major");
    assert_eq!(policy["tickets"]["reopen_within_s"], 86_400);

    let first = json!({"tickets": {"open_from": "minor"}, "commands": {"forbidden": ["motion"]}});
    let none = [("if-match", "\"0\"")];
    api.call(&admin, "PUT", &top, Some(first.clone())).await.problem(428, "version-missing");
    let made = api.call_with(&admin, "PUT", &top, Some(first.clone()), &none).await;
    assert_eq!(made.header("etag"), "\"1\"");
    let policy = made.json(200);
    assert_eq!(policy["tickets"]["resolve_when_cleared"], true, "what is left out is the default");
    api.call_with(&admin, "PUT", &top, Some(first), &none).await.problem(412, "version-mismatch");

    let seen = api.call(&admin, "GET", &child, None).await.json(200);
    assert_eq!(seen["tickets"]["open_from"], "minor");
    assert_eq!(seen["commands"]["forbidden"], json!(["motion"]));
    assert_eq!(seen["from_organization_id"], api.organization.to_string());
    assert_eq!(seen["version"], 0, "none of its own");
    let own = json!({"tickets": {"open_from": "critical", "reopen_within_s": 0}});
    api.call_with(&admin, "PUT", &child, Some(own), &none).await.json(200);
    let seen = api.call(&admin, "GET", &child, None).await.json(200);
    assert_eq!((&seen["tickets"]["open_from"], &seen["version"]), (&json!("critical"), &json!(1)));
    assert_eq!(seen["commands"]["forbidden"], json!(["motion"]), "it is forbidden above");
}

#[tokio::test]
async fn what_is_forbidden_above_cannot_be_allowed_below() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let child = api.child_organization("Below").await;
    let put = async |organization: String, body: Value| {
        let path = format!("/organizations/{organization}/policy");
        api.call_with(&admin, "PUT", &path, Some(body), &[("if-match", "\"0\"")]).await.json(200)
    };
    let above = json!({"commands": {"forbidden": ["motion"], "approval_required": ["software"]}});
    put(api.organization.to_string(), above).await;
    put(child.to_string(), json!({"commands": {"forbidden": ["configure"]}})).await;
    let path = format!("/organizations/{child}/policy");
    let policy = api.call(&admin, "GET", &path, None).await.json(200);
    assert_eq!(policy["commands"]["forbidden"], json!(["configure", "motion"]));
    assert_eq!(policy["commands"]["approval_required"], json!(["software"]));
}

#[tokio::test]
async fn what_breaks_rules_is_told_by_field() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let path = format!("/organizations/{}/policy", api.organization);
    let wrong = json!({
        "tickets": {"open_from": "indeterminate", "reopen_within_s": 2_592_001},
        "commands": {"forbidden": ["motion", "motion"]},
    });
    let none = [("if-match", "\"0\"")];
    let problem = api.call_with(&admin, "PUT", &path, Some(wrong), &none).await;
    let problem = problem.problem(422, "invalid");
    let fields: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|e| &e["field"]).collect();
    assert_eq!(fields, ["tickets.open_from", "tickets.reopen_within_s", "commands.forbidden"]);
    for wrong in [
        json!({"tickets": {"open_from": "terrible"}}),
        json!({"tickets": {"colour": "red"}}),
        json!({"commands": {"forbidden": ["dance"]}}),
    ] {
        let refused = api.call_with(&admin, "PUT", &path, Some(wrong), &none).await;
        refused.problem(422, "invalid");
    }
}

#[tokio::test]
async fn another_organizations_policy_does_not_exist() {
    let api = TestApi::start().await;
    let stranger = customer(&api).await;
    let path = format!("/organizations/{}/policy", api.organization);
    let none = [("if-match", "\"0\"")];
    for (method, body) in [("GET", None), ("PUT", Some(json!({})))] {
        let answer = api.call_with(&stranger, method, &path, body, &none).await;
        assert_eq!(answer.status, 404, "{method}: {}", answer.text);
    }
}
