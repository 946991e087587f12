//! Sign-in, sessions, passwords.

use std::time::Duration;

use millwright_core::access::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN_PASSWORD, Answer, PASSWORD, TestApi};

const NEW_PASSWORD: &str = "quite another password";

async fn refresh(api: &TestApi, cookie: &str) -> Answer {
    let request = api.request(Method::POST, "/api/v1/auth/refresh").header("cookie", cookie);
    Answer::read(request.send().await.unwrap()).await
}

fn token(answer: &Answer) -> String {
    answer.json(200)["access_token"].as_str().unwrap().to_owned()
}

async fn actions(api: &TestApi, admin: &str) -> Vec<String> {
    let page = api.call(admin, "GET", "/audit", None).await.json(200);
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["action"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_administrator_signs_in_and_is_told_who_they_are() {
    let api = TestApi::start().await;
    let answer = api.login("Admin@LOCALHOST", ADMIN_PASSWORD).await;
    let body = answer.json(200);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 900);
    let cookie = answer.header("set-cookie");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/api/v1/auth"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "the public URL is http");

    let me = api.call(&token(&answer), "GET", "/auth/me", None).await.json(200);
    assert_eq!(me["kind"], "user");
    assert_eq!(me["email"], "admin@localhost");
    assert_eq!(me["role"], "admin");
    assert_eq!(me["organization_id"], json!(api.organization));
    let actions = actions(&api, &token(&answer)).await;
    let first = ["session.started", "trust.created", "user.created", "organization.created"];
    assert_eq!(actions, first);
}

#[tokio::test]
async fn a_cookie_is_secure_behind_https() {
    let api = TestApi::start_with(|state| {
        state.public_url = "https://millwright.example".to_owned();
    })
    .await;
    let answer = api.login("admin@localhost", ADMIN_PASSWORD).await;
    assert!(answer.header("set-cookie").contains("; Secure"));
    assert!(answer.header("strict-transport-security").starts_with("max-age="));
}

#[tokio::test]
async fn wrong_and_unknown_are_answered_alike() {
    let api = TestApi::start().await;
    let wrong = api.login("admin@localhost", "not the password").await;
    let unknown = api.login("nobody@localhost", "not the password").await;
    assert_eq!(wrong.problem(401, "unauthenticated"), unknown.problem(401, "unauthenticated"));
    assert_eq!(wrong.header("www-authenticate"), "Bearer");
    let long = api.login("admin@localhost", &"x".repeat(10_000)).await;
    long.problem(401, "unauthenticated");
    let metrics = api.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("\nmillwright_sign_in_failures_total 3\n"), "{metrics}");
}

#[tokio::test]
async fn failed_attempts_run_out_and_come_back() {
    let api = TestApi::start().await;
    let fresh = api.login("admin@localhost", ADMIN_PASSWORD).await;
    assert_eq!(fresh.header("ratelimit-limit"), "10");
    assert_eq!(fresh.header("ratelimit-remaining"), "10");
    let mut failed = 0;
    let answer = loop {
        let answer = api.login("admin@localhost", "wrong").await;
        if answer.status != 401 {
            break answer;
        }
        failed += 1;
        assert!(failed < 20, "no end of attempts");
    };
    answer.problem(429, "too-many");
    let wait: i64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    assert_eq!(answer.header("ratelimit-remaining"), "0");
    api.login("admin@localhost", ADMIN_PASSWORD).await.problem(429, "too-many");
    // Another account isn't held up.
    api.login("nobody@localhost", "wrong").await.problem(401, "unauthenticated");
    api.pass_seconds(wait);
    api.login("admin@localhost", ADMIN_PASSWORD).await.json(200);
}

#[tokio::test]
async fn wrong_sign_ins_from_one_address_keep_no_other_address_out() {
    let api = TestApi::start().await;
    let elsewhere = reqwest::Client::builder()
        .no_proxy()
        .local_address("127.0.0.2".parse::<std::net::IpAddr>().unwrap())
        .build()
        .unwrap();
    let url = format!("{}/api/v1/auth/login", api.url);
    let wrong = json!({"email": "admin@localhost", "password": "wrong"});
    for _ in 0..30 {
        elsewhere.post(&url).json(&wrong).send().await.unwrap();
    }
    assert_eq!(elsewhere.post(&url).json(&wrong).send().await.unwrap().status(), 429);
    let here = api.login("admin@localhost", ADMIN_PASSWORD).await;
    here.json(200);
    assert_eq!(here.header("ratelimit-remaining"), "10");
}

#[tokio::test]
async fn right_sign_ins_do_not_use_up_attempts() {
    let api = TestApi::start().await;
    for _ in 0..12 {
        api.login("admin@localhost", ADMIN_PASSWORD).await.json(200);
    }
}

#[tokio::test]
async fn one_address_cannot_try_many_accounts() {
    let api = TestApi::start().await;
    let mut statuses = Vec::new();
    for n in 0..60 {
        statuses.push(api.login(&format!("user{n}@localhost"), "wrong").await.status.as_u16());
    }
    assert_eq!(statuses[0], 401);
    // Of the last ones, too, one may pass: an attempt comes back every two seconds.
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert!(refused >= 10, "{statuses:?}");
}

#[tokio::test]
async fn an_access_token_ends_after_15_minutes_and_the_cookie_brings_the_next() {
    let api = TestApi::start().await;
    let first = api.login("admin@localhost", ADMIN_PASSWORD).await;
    api.pass_seconds(15 * 60 + 1);
    let answer = api.call(&token(&first), "GET", "/auth/me", None).await;
    assert!(answer.problem(401, "unauthenticated")["detail"].as_str().unwrap().contains("expired"));
    let second = refresh(&api, &first.cookie()).await;
    api.call(&token(&second), "GET", "/auth/me", None).await.json(200);
    assert_ne!(first.cookie(), second.cookie());
    // Two weeks without use end it.
    api.pass_seconds(14 * 86_400 + 1);
    refresh(&api, &second.cookie()).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_its_session() {
    let api = TestApi::start().await;
    let other = api.admin().await;
    let first = api.login("admin@localhost", ADMIN_PASSWORD).await;
    let second = refresh(&api, &first.cookie()).await;
    second.json(200);
    // A second tab at the same moment.
    refresh(&api, &first.cookie()).await.json(200);

    api.pass_seconds(11);
    refresh(&api, &first.cookie()).await.problem(401, "unauthenticated");
    refresh(&api, &second.cookie()).await.problem(401, "unauthenticated");
    let answer = api.call(&token(&second), "GET", "/auth/me", None).await;
    answer.problem(401, "unauthenticated");
    assert!(actions(&api, &other).await.contains(&"session.token_reused".to_owned()));
}

#[tokio::test]
async fn without_or_with_a_foreign_cookie_nothing_is_refreshed() {
    let api = TestApi::start().await;
    for cookie in ["x=y", "mw_refresh=", "mw_refresh=mwr_AAAA"] {
        refresh(&api, cookie).await.problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn pages_of_other_origins_cannot_use_the_cookie() {
    let api = TestApi::start().await;
    let cookie = api.login("admin@localhost", ADMIN_PASSWORD).await.cookie();
    for path in ["/api/v1/auth/refresh", "/api/v1/auth/logout"] {
        let request = api.request(Method::POST, path).header("cookie", &cookie);
        let request = request.header("sec-fetch-site", "same-site");
        Answer::read(request.send().await.unwrap()).await.problem(403, "forbidden");
    }
}

#[tokio::test]
async fn signing_out_ends_the_session_at_once() {
    let api = TestApi::start().await;
    let answer = api.login("admin@localhost", ADMIN_PASSWORD).await;
    let request = api.request(Method::POST, "/api/v1/auth/logout");
    let out = Answer::read(request.header("cookie", answer.cookie()).send().await.unwrap()).await;
    out.json(204);
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{out:?}");
    refresh(&api, &answer.cookie()).await.problem(401, "unauthenticated");
    let me = api.call(&token(&answer), "GET", "/auth/me", None).await;
    me.problem(401, "unauthenticated");
    // Without a cookie there is nothing to do.
    api.call("", "POST", "/auth/logout", None).await.json(204);
}

#[tokio::test]
async fn a_disabled_person_and_a_changed_role_take_effect_at_the_next_request() {
    let api = TestApi::start().await;
    let (admin, person) = (api.admin().await, api.person(Role::Auditor).await);
    let me = api.call(&person, "GET", "/auth/me", None).await.json(200);
    api.call(&person, "GET", "/audit", None).await.json(200);
    let path = format!("/users/{}", me["id"].as_str().unwrap());

    let viewer = Some(json!({"role": "viewer"}));
    api.call_with(&admin, "PATCH", &path, viewer, &[("if-match", "\"1\"")]).await.json(200);
    api.call(&person, "GET", "/audit", None).await.problem(403, "forbidden");

    let off = Some(json!({"disabled": true}));
    let changed = api.call_with(&admin, "PATCH", &path, off, &[("if-match", "\"2\"")]).await;
    assert_eq!(changed.json(200)["disabled"], true);
    api.call(&person, "GET", "/auth/me", None).await.problem(401, "unauthenticated");
    let login = api.login("auditor@example.org", PASSWORD).await;
    login.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_new_password_ends_other_sessions() {
    let api = TestApi::start().await;
    let (one, other) =
        (api.person(Role::Viewer).await, { api.sign_in("viewer@example.org", PASSWORD).await });
    let change = |current: &str, new: &str| -> Option<Value> {
        Some(json!({"current_password": current, "new_password": new}))
    };
    let post = |body| api.call(&one, "POST", "/auth/password", body);
    let wrong = post(change("wrong", NEW_PASSWORD)).await.problem(422, "invalid");
    assert_eq!(wrong["errors"][0]["field"], "current_password");
    let short = post(change(PASSWORD, "short")).await.problem(422, "invalid");
    assert_eq!(short["errors"][0]["field"], "new_password");

    post(change(PASSWORD, NEW_PASSWORD)).await.json(204);
    api.call(&one, "GET", "/auth/me", None).await.json(200);
    api.call(&other, "GET", "/auth/me", None).await.problem(401, "unauthenticated");
    api.login("viewer@example.org", PASSWORD).await.problem(401, "unauthenticated");
    api.login("viewer@example.org", NEW_PASSWORD).await.json(200);
}

#[tokio::test]
async fn many_sign_ins_at_once_are_all_answered() {
    let api = TestApi::start().await;
    let logins = (0..16).map(|_| api.login("admin@localhost", ADMIN_PASSWORD));
    let answers =
        tokio::time::timeout(Duration::from_secs(30), futures_util::future::join_all(logins));
    for answer in answers.await.unwrap() {
        // Each takes an attempt while it runs; who finds none is told when to come back.
        assert!([200, 429].contains(&answer.status.as_u16()), "{}", answer.text);
    }
}
