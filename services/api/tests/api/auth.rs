//! Sign-in, sessions, passwords.

use serde_json::json;

use crate::harness::{ADMIN_PASSWORD, TestApi};

#[tokio::test]
async fn the_administrator_signs_in_and_is_told_who_they_are() {
    let api = TestApi::start().await;
    let answer = api.login("admin@localhost", ADMIN_PASSWORD).await;
    let body = answer.json(200);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 900);
    let cookie = answer.header("set-cookie");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/api/v1/auth"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "the public URL is http");

    let token = body["access_token"].as_str().unwrap();
    let me = api.call(token, "GET", "/auth/me", None).await.json(200);
    assert_eq!(me["email"], "admin@localhost");
    assert_eq!(me["role"], "admin");
    assert_eq!(me["organization_id"], json!(api.organization));
}
