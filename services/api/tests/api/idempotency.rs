//! Requests that are sent again.

use aws_lc_rs::digest::{SHA256, digest};
use millwright_core::access::Role;
use millwright_store::Engine;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN_PASSWORD, Answer, PASSWORD, TestApi, gzip};

fn user(name: &str) -> Value {
    json!({"email": "a@example.org", "name": name, "role": "viewer", "password": PASSWORD})
}

async fn post(api: &TestApi, token: &str, path: &str, key: &str, body: Value) -> Answer {
    api.call_with(token, "POST", path, Some(body), &[("idempotency-key", key)]).await
}

#[tokio::test]
async fn a_repeat_is_answered_alike_and_not_done_again() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let first = post(&api, &admin, "/users", "k1", user("A")).await;
    let again = post(&api, &admin, "/users", "k1", user("A")).await;
    assert_eq!(first.json(201), again.json(201));
    assert_eq!(first.header("idempotency-replayed"), "");
    assert_eq!(again.header("idempotency-replayed"), "true");
    for name in ["location", "etag", "content-type"] {
        assert_eq!(first.header(name), again.header(name), "{name}");
    }
    let users = api.call(&admin, "GET", "/users", None).await.json(200);
    assert_eq!(users["items"].as_array().unwrap().len(), 2);

    let other = post(&api, &admin, "/users", "k1", user("B")).await;
    other.problem(422, "invalid");
    let elsewhere = json!({"name": "x", "scopes": ["users.read"]});
    post(&api, &admin, "/api-tokens", "k1", elsewhere).await.problem(422, "invalid");
    // After a day the key is forgotten.
    api.pass_seconds(86_401);
    let admin = api.admin().await;
    post(&api, &admin, "/users", "k1", user("A")).await.problem(409, "conflict");
}

#[tokio::test]
async fn a_packed_body_is_unpacked_once_and_counts_as_what_is_in_it() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let text = user("A").to_string();
    let send = async |body: Vec<u8>| {
        let request = api.request(Method::POST, "/api/v1/users").bearer_auth(&admin);
        let request = request.header("content-type", "application/json");
        let request = request.header("content-encoding", "gzip").header("idempotency-key", "k1");
        Answer::read(request.body(body).send().await.unwrap()).await
    };
    let first = send(gzip(text.as_bytes())).await;
    let again = send(gzip(text.as_bytes())).await;
    assert_eq!(first.json(201), again.json(201));
    assert_eq!(again.header("idempotency-replayed"), "true");
    // The same, not packed.
    let plain = post(&api, &admin, "/users", "k1", user("A")).await;
    assert_eq!(plain.header("idempotency-replayed"), "true");
    send(gzip(user("B").to_string().as_bytes())).await.problem(422, "invalid");
    // What says that it is packed, and isn't.
    assert_eq!(send(text.into_bytes()).await.status, 400);
}

#[tokio::test]
async fn what_failed_may_be_tried_again_with_its_key() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let mut wrong = user("A");
    wrong["role"] = "king".into();
    post(&api, &admin, "/users", "k1", wrong).await.problem(422, "invalid");
    post(&api, &admin, "/users", "k1", user("A")).await.json(201);
}

#[tokio::test]
async fn a_secret_is_not_kept_for_a_repeat() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let body = json!({"name": "x", "scopes": ["users.read"]});
    let first = post(&api, &admin, "/api-tokens", "k1", body.clone()).await.json(201);
    let again = post(&api, &admin, "/api-tokens", "k1", body).await;
    again.problem(409, "conflict");
    let secret = first["token"].as_str().unwrap();
    assert!(!again.text.contains(secret));
    let list = api.call(&admin, "GET", "/api-tokens", None).await.json(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    // Signing in again with the header doesn't leave a token behind either.
    let login = json!({"email": "admin@localhost", "password": ADMIN_PASSWORD});
    let login = post(&api, &admin, "/auth/login", "k2", login).await.json(200);
    let access = login["access_token"].as_str().unwrap();
    // Nowhere in the database, write-ahead log included. Only the embedded one has files to look into.
    let embedded = api.state.store.engine() == Engine::Sqlite;
    for name in ["millwright.db", "millwright.db-wal"].into_iter().filter(|_| embedded) {
        let bytes = std::fs::read(api.folder().join(name)).unwrap();
        for secret in [secret, access] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{name} holds a token");
        }
    }
}

#[tokio::test]
async fn repeats_at_the_same_time_are_done_once() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let posts = (0..8).map(|_| post(&api, &admin, "/users", "k1", user("A")));
    let answers = futures_util::future::join_all(posts).await;
    let done = answers.iter().filter(|answer| answer.status == 201).count();
    assert!(done >= 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.problem(409, "conflict");
    }
    let users = api.call(&admin, "GET", "/users", None).await.json(200);
    assert_eq!(users["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_key_belongs_to_its_caller() {
    let api = TestApi::start().await;
    let (admin, other) = (api.admin().await, api.person(Role::Admin).await);
    post(&api, &admin, "/users", "k1", user("A")).await.json(201);
    let theirs = post(&api, &other, "/users", "k1", user("A")).await;
    let problem = theirs.problem(409, "conflict");
    assert!(problem["detail"].as_str().unwrap().contains("exists"), "done, and refused: {problem}");
}

#[tokio::test]
async fn what_was_interrupted_is_not_done_again() {
    use millwright_store::people::idempotency::{Claim, Key, claim};
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let me = api.call(&admin, "GET", "/auth/me", None).await.json(200);
    let (body, caller) = (user("A"), format!("user:{}", me["id"].as_str().unwrap()));
    // What a platform leaves that ends before it has noted its answer.
    let request = format!("/api/v1/users\n\n{body}");
    let hash = digest(&SHA256, request.as_bytes());
    let key = Key { caller, key: "k1".to_owned() };
    let begun = claim(&api.state.store, &key, hash.as_ref(), api.now()).await.unwrap();
    assert_eq!(begun, Claim::Granted);

    for (seconds, told) in [(0, "still running"), (61, "outcome is unknown"), (80_000, "unknown")] {
        api.pass_seconds(seconds);
        let admin = api.admin().await;
        let problem =
            post(&api, &admin, "/users", "k1", body.clone()).await.problem(409, "conflict");
        assert!(problem["detail"].as_str().unwrap().contains(told), "{problem}");
    }
    let admin = api.admin().await;
    let users = api.call(&admin, "GET", "/users", None).await.json(200);
    assert_eq!(users["items"].as_array().unwrap().len(), 1, "only the administrator");
    post(&api, &admin, "/users", "k2", body).await.json(201);
}

#[tokio::test]
async fn keys_are_short_and_visible() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    for wrong in ["", "a b", "ä", &"x".repeat(129)] {
        let answer = post(&api, &admin, "/users", wrong, user("A")).await;
        answer.problem(400, "malformed");
    }
    post(&api, &admin, "/users", &"x".repeat(128), user("A")).await.json(201);
    // Without sign-in a key gives nothing away.
    let answer = post(&api, "nonsense", "/users", "k", user("A")).await;
    answer.problem(401, "unauthenticated");
}
