//! People: adding, changing, erasing, and who may.

use millwright_core::access::Role;
use serde_json::{Value, json};

use crate::harness::{PASSWORD, TestApi};

fn new_user(email: &str, role: &str) -> Option<Value> {
    Some(json!({"email": email, "name": "N", "role": role, "password": PASSWORD}))
}

#[tokio::test]
async fn a_person_is_added_read_changed_and_erased() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let created = api.call(&admin, "POST", "/users", new_user("a@example.org", "viewer")).await;
    let user = created.json(201);
    assert_eq!(created.header("etag"), "\"1\"");
    assert!(!created.text.contains("password"), "{}", created.text);
    let path = created.header("location").strip_prefix("/api/v1").unwrap().to_owned();
    assert_eq!(api.call(&admin, "GET", &path, None).await.json(200), user);

    let again = api.call(&admin, "POST", "/users", new_user("A@EXAMPLE.org", "viewer")).await;
    again.problem(409, "conflict");

    let change = Some(json!({"name": "New name", "role": "technician"}));
    let patch = |tag: &'static str, body: Option<Value>| {
        let (api, admin, path) = (&api, &admin, &path);
        async move { api.call_with(admin, "PATCH", path, body, &[("if-match", tag)]).await }
    };
    api.call(&admin, "PATCH", &path, change.clone()).await.problem(428, "version-missing");
    patch("nonsense", change.clone()).await.problem(400, "malformed");
    let changed = patch("\"1\"", change.clone()).await;
    assert_eq!(changed.json(200)["role"], "technician");
    assert_eq!(changed.header("etag"), "\"2\"");
    let late = patch("\"1\"", change.clone()).await;
    late.problem(412, "version-mismatch");
    assert_eq!(late.header("etag"), "\"2\"");
    // What changes nothing makes no version.
    assert_eq!(patch("\"2\"", change).await.header("etag"), "\"2\"");

    let person = api.sign_in("a@example.org", PASSWORD).await;
    let gone = api.call_with(&admin, "DELETE", &path, None, &[("if-match", "\"2\"")]).await;
    gone.json(204);
    api.call(&admin, "GET", &path, None).await.problem(404, "not-found");
    api.call(&person, "GET", "/auth/me", None).await.problem(401, "unauthenticated");
    api.login("a@example.org", PASSWORD).await.problem(401, "unauthenticated");
    let list = api.call(&admin, "GET", "/users", None).await;
    assert!(!list.text.contains("a@example.org"), "{}", list.text);
    // The address is free again.
    api.call(&admin, "POST", "/users", new_user("a@example.org", "viewer")).await.json(201);

    let audit = api.call(&admin, "GET", "/audit", None).await;
    for action in ["user.created", "user.updated", "user.deleted"] {
        assert!(audit.text.contains(action), "{action}");
    }
    assert!(!audit.text.contains("example.org"), "records outlive erasure: {}", audit.text);
}

#[tokio::test]
async fn all_fields_at_fault_are_told_at_once() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let body = json!({"email": "x", "name": " ", "role": "king", "password": "short"});
    let problem = api.call(&admin, "POST", "/users", Some(body)).await.problem(422, "invalid");
    let errors = problem["errors"].as_array().unwrap();
    let fields: Vec<_> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["email", "name", "password", "role"]);
    assert!(!problem.to_string().contains("short"), "a password is not quoted");
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let me = api.call(&admin, "GET", "/auth/me", None).await.json(200);
    let path = format!("/users/{}", me["id"].as_str().unwrap());
    let tag = [("if-match", "\"1\"")];
    for body in [json!({"role": "viewer"}), json!({"disabled": true})] {
        let answer = api.call_with(&admin, "PATCH", &path, Some(body), &tag).await;
        answer.problem(409, "conflict");
    }
    let delete = api.call_with(&admin, "DELETE", &path, None, &tag).await;
    delete.problem(409, "conflict");
    // With a second one the first may go.
    let second = api.person(Role::Admin).await;
    api.call_with(&second, "DELETE", &path, None, &tag).await.json(204);
    api.call(&admin, "GET", "/auth/me", None).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn people_come_in_pages() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    for n in 0..4 {
        let email = format!("p{n}@example.org");
        api.call(&admin, "POST", "/users", new_user(&email, "viewer")).await.json(201);
    }
    let mut emails = Vec::new();
    let mut path = "/users?limit=2".to_owned();
    loop {
        let page = api.call(&admin, "GET", &path, None).await.json(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        emails.extend(items.iter().map(|user| user["email"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/users?limit=2&cursor={cursor}");
    }
    let expected =
        ["admin@localhost", "p0@example.org", "p1@example.org", "p2@example.org", "p3@example.org"];
    assert_eq!(emails, expected);
    for wrong in ["limit=0", "limit=501", "cursor=x"] {
        let answer = api.call(&admin, "GET", &format!("/users?{wrong}"), None).await;
        answer.problem(422, "invalid");
    }
}

#[tokio::test]
async fn a_person_of_a_part_sees_only_that_part() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let (root, part) = (api.organization, api.child_organization("Part").await);
    let mut body = new_user("part@example.org", "admin").unwrap();
    body["organization_id"] = json!(part);
    api.call(&admin, "POST", "/users", Some(body)).await.json(201);
    let theirs = api.sign_in("part@example.org", PASSWORD).await;

    let list = api.call(&theirs, "GET", "/users", None).await.json(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let me = api.call(&admin, "GET", "/auth/me", None).await.json(200);
    let path = format!("/users/{}", me["id"].as_str().unwrap());
    api.call(&theirs, "GET", &path, None).await.problem(404, "not-found");
    let tag = [("if-match", "\"1\"")];
    let off = Some(json!({"disabled": true}));
    let patch = api.call_with(&theirs, "PATCH", &path, off, &tag).await;
    patch.problem(404, "not-found");
    let mut above = new_user("up@example.org", "viewer").unwrap();
    above["organization_id"] = json!(root);
    let answer = api.call(&theirs, "POST", "/users", Some(above)).await;
    answer.problem(404, "not-found");
    let audit = api.call(&theirs, "GET", "/audit", None).await.json(200);
    for item in audit["items"].as_array().unwrap() {
        assert_eq!(item["organization_id"], json!(part));
    }
}
