//! Tokens for scripts and integrations.

use millwright_core::access::Role;
use serde_json::{Value, json};

use crate::harness::{PASSWORD, TestApi};

async fn create(api: &TestApi, by: &str, scopes: &[&str]) -> (String, Value) {
    let body = json!({"name": "script", "scopes": scopes});
    let created = api.call(by, "POST", "/api-tokens", Some(body)).await.json(201);
    let token = created["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("mwt_") && token.len() >= 40, "{token}");
    (token, created)
}

#[tokio::test]
async fn a_token_does_what_its_scopes_say() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let (token, created) = create(&api, &admin, &["users.read"]).await;
    api.call(&token, "GET", "/users", None).await.json(200);
    api.call(&token, "GET", "/audit", None).await.problem(403, "forbidden");
    let me = api.call(&token, "GET", "/auth/me", None).await.json(200);
    assert_eq!(me["kind"], "api_token");
    assert_eq!(me["id"], created["id"]);
    assert_eq!(me["permissions"], json!(["users.read"]));
    assert!(me["email"].is_null(), "a token isn't told about its creator");

    let list = api.call(&admin, "GET", "/api-tokens", None).await;
    assert!(!list.text.contains(&token), "shown once");
    assert!(list.json(200)["items"][0]["last_used_at"].is_string());

    let path = format!("/api-tokens/{}", created["id"].as_str().unwrap());
    api.call(&admin, "DELETE", &path, None).await.json(204);
    api.call(&token, "GET", "/users", None).await.problem(401, "unauthenticated");
    api.call(&admin, "DELETE", &path, None).await.json(204);
}

#[tokio::test]
async fn nobody_gives_a_token_more_than_they_have() {
    let api = TestApi::start().await;
    let manager = api.person(Role::Manager).await;
    let body = json!({"name": "x", "scopes": ["users.write", "machines.read", "root"]});
    let answer = api.call(&manager, "POST", "/api-tokens", Some(body)).await;
    let problem = answer.problem(422, "invalid");
    let fields: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|e| e["field"].clone()).collect();
    assert_eq!(fields, ["scopes[0]", "scopes[2]"]);
    for scopes in [json!([]), json!(["machines.read", "machines.read"])] {
        let body = Some(json!({"name": "x", "scopes": scopes}));
        api.call(&manager, "POST", "/api-tokens", body).await.problem(422, "invalid");
    }
}

#[tokio::test]
async fn a_token_never_does_more_than_its_creator_now_may() {
    let api = TestApi::start().await;
    let (admin, manager) = (api.admin().await, api.person(Role::Manager).await);
    let (token, _) = create(&api, &manager, &["users.read", "machines.read"]).await;
    let me = api.call(&manager, "GET", "/auth/me", None).await.json(200);
    let path = format!("/users/{}", me["id"].as_str().unwrap());
    let change = |body: Value, tag: &'static str| {
        let (api, admin, path) = (&api, &admin, &path);
        async move { api.call_with(admin, "PATCH", path, Some(body), &[("if-match", tag)]).await }
    };
    change(json!({"role": "viewer"}), "\"1\"").await.json(200);
    let me = api.call(&token, "GET", "/auth/me", None).await.json(200);
    assert_eq!(me["permissions"], json!(["machines.read"]));
    change(json!({"disabled": true}), "\"2\"").await.json(200);
    api.call(&token, "GET", "/auth/me", None).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_token_cannot_make_itself_more() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let (token, _) = create(&api, &admin, &["users.write", "users.read", "api_tokens.write"]).await;
    let body = Some(json!({"name": "child", "scopes": ["users.read"]}));
    api.call(&token, "POST", "/api-tokens", body).await.problem(403, "forbidden");
    let body = json!({"email": "x@y", "name": "N", "role": "admin", "password": PASSWORD});
    api.call(&token, "POST", "/users", Some(body)).await.problem(403, "forbidden");
    let me = api.call(&admin, "GET", "/auth/me", None).await.json(200);
    let path = format!("/users/{}", me["id"].as_str().unwrap());
    let steal = Some(json!({"password": "a password that I know"}));
    let answer = api.call_with(&token, "PATCH", &path, steal, &[("if-match", "\"1\"")]).await;
    answer.problem(403, "forbidden");
    let body = json!({"current_password": "x", "new_password": PASSWORD});
    let answer = api.call(&token, "POST", "/auth/password", Some(body)).await;
    answer.problem(403, "forbidden");
}

#[tokio::test]
async fn a_token_ends_when_it_should() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let end = api.now().plus_seconds(60);
    let body = json!({"name": "short", "scopes": ["users.read"], "expires_at": end});
    let created = api.call(&admin, "POST", "/api-tokens", Some(body)).await.json(201);
    let token = created["token"].as_str().unwrap();
    api.call(token, "GET", "/users", None).await.json(200);
    api.pass_seconds(61);
    api.call(token, "GET", "/users", None).await.problem(401, "unauthenticated");
    let past = json!({"name": "p", "scopes": ["users.read"], "expires_at": "2001-01-01T00:00:00Z"});
    let answer = api.call(&admin, "POST", "/api-tokens", Some(past)).await;
    assert_eq!(answer.problem(422, "invalid")["errors"][0]["field"], "expires_at");
}

#[tokio::test]
async fn what_is_not_a_token_is_refused() {
    let api = TestApi::start().await;
    for wrong in ["mwt_", "mwt_AAAA", "x", "a.b.c", "mwr_AAAA"] {
        let answer = api.call(wrong, "GET", "/auth/me", None).await;
        answer.problem(401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    for header in ["", "Bearer", "Basic YTpi", "Bearer "] {
        let answer = api.call_with("", "GET", "/auth/me", None, &[("authorization", header)]).await;
        answer.problem(401, "unauthenticated");
    }
}
