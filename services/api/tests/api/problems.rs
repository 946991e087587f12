//! What can't be read or found, and what every answer carries.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, PASSWORD, TestApi};

async fn post_raw(api: &TestApi, token: &str, content_type: &str, body: Vec<u8>) -> Answer {
    let request = api.request(Method::POST, "/api/v1/users").bearer_auth(token);
    let request = request.header("content-type", content_type).body(body);
    Answer::read(request.send().await.unwrap()).await
}

fn detail(problem: &Value) -> &str {
    problem["detail"].as_str().unwrap()
}

#[tokio::test]
async fn bodies_that_cannot_be_read() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let json = "application/json";
    let broken = post_raw(&api, &admin, json, b"{\"email\": }".to_vec()).await;
    let problem = broken.problem(400, "malformed");
    assert!(detail(&problem).contains("line 1 column 11"), "{problem}");
    post_raw(&api, &admin, json, Vec::new()).await.problem(400, "malformed");
    post_raw(&api, &admin, json, b"\xff\xfe".to_vec()).await.problem(400, "malformed");
    let deep = [b"{\"email\": ".to_vec(), b"[".repeat(100_000)].concat();
    post_raw(&api, &admin, json, deep).await.problem(422, "invalid");

    let wrong_type = post_raw(&api, &admin, json, b"{\"email\": 7}".to_vec()).await;
    assert!(detail(&wrong_type.problem(422, "invalid")).contains("expected a string"));
    let mut body = json!({"email": "a@b", "name": "N", "role": "viewer", "password": PASSWORD});
    body["shoe_size"] = 44.into();
    let unknown = post_raw(&api, &admin, json, body.to_string().into_bytes()).await;
    assert_eq!(unknown.problem(422, "invalid")["errors"][0]["field"], "shoe_size");
    let missing = post_raw(&api, &admin, json, b"{\"email\": \"a@b\"}".to_vec()).await;
    assert_eq!(missing.problem(422, "invalid")["errors"][0]["field"], "name");

    assert_eq!(wrong_type.problem(422, "invalid")["errors"][0]["field"], "email");
    // Within the body, and within a list.
    let nested =
        json!({"retention": {"signals": [{"signal": "a"}, {"signal": "b", "raw_days": -1}]}});
    let path = format!("/organizations/{}/policy", api.organization);
    let match_any = [("if-match", "\"1\"")];
    let nested = api.call_with(&admin, "PUT", &path, Some(nested), &match_any).await;
    let problem = nested.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["field"], "retention.signals[1].raw_days", "{problem}");
    let trailing = post_raw(&api, &admin, json, b"{\"email\": \"a@b\", \"name\": \"N\", \"role\": \"viewer\", \"password\": \"correct horse battery\"} x".to_vec()).await;
    trailing.problem(400, "malformed");
    let vendor =
        post_raw(&api, &admin, "application/merge-patch+json; charset=utf-8", b"{}".to_vec());
    vendor.await.problem(422, "invalid");

    let text = post_raw(&api, &admin, "text/plain", b"{}".to_vec()).await;
    text.problem(415, "unsupported-media-type");
    let large = post_raw(&api, &admin, json, vec![b' '; 2 * 1024 * 1024]).await;
    large.problem(413, "too-large");
    let id = "/users/not-an-id";
    api.call(&admin, "GET", id, None).await.problem(404, "not-found");
    api.call(&admin, "GET", "/users?limit=x", None).await.problem(400, "malformed");
}

#[tokio::test]
async fn invented_methods_are_counted_as_one() {
    let api = TestApi::start().await;
    for n in 0..50 {
        let method = Method::from_bytes(format!("INVENTED{n}").as_bytes()).unwrap();
        let answer = api.request(method, "/api/v1/users").send().await.unwrap();
        assert_eq!(answer.status(), 405);
    }
    let metrics = api.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(!metrics.contains("INVENTED"), "{metrics}");
    let count = metrics.lines().find(|line| {
        line.starts_with("millwright_http_request_duration_seconds_count{method=\"other\"")
    });
    assert!(count.is_some_and(|line| line.ends_with(" 50")), "{metrics}");
}

#[tokio::test]
async fn paths_that_are_not_there() {
    let api = TestApi::start().await;
    for path in ["/", "/nothing", "/api/v1", "/api/v1/nothing", "/api/v2/users"] {
        let answer = Answer::read(api.request(Method::GET, path).send().await.unwrap()).await;
        answer.problem(404, "not-found");
    }
    let put = api.call("", "PUT", "/users", None).await;
    put.problem(405, "method-not-allowed");
    assert_eq!(put.header("allow"), "GET, POST");
    let get = api.call("", "GET", "/auth/login", None).await;
    get.problem(405, "method-not-allowed");
    assert_eq!(get.header("allow"), "POST");
}

#[tokio::test]
async fn every_answer_is_guarded() {
    let api = TestApi::start().await;
    for path in ["/healthz", "/docs/", "/api/v1/auth/me", "/nothing"] {
        let answer = Answer::read(api.request(Method::GET, path).send().await.unwrap()).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
    let me = api.call("", "GET", "/auth/me", None).await;
    assert_eq!(me.header("cache-control"), "no-store");
}

#[tokio::test]
async fn health_readiness_and_metrics() {
    let api = TestApi::start().await;
    let get = |path: &'static str| {
        let request = api.request(Method::GET, path);
        async move { Answer::read(request.send().await.unwrap()).await }
    };
    get("/healthz").await.json(200);
    let head = api.request(Method::HEAD, "/healthz").send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()["content-length"], "3");
    let ready = get("/readyz").await.json(200);
    assert_eq!(ready, json!({"ready": true, "checks": {"database": {"ok": true}}}));
    // Work goes on without the bus.
    api.state.health.register_informational("bus", || async { Err("no broker".to_owned()) });
    let bus = json!({"ok": false, "reason": "no broker"});
    let ready = get("/readyz").await.json(200);
    assert_eq!((&ready["checks"]["bus"], &ready["ready"]), (&bus, &json!(true)));
    api.state.health.register("intake", || async { Err("disk full".to_owned()) });
    let ready = get("/readyz").await.json(503);
    assert_eq!((&ready["checks"]["bus"], &ready["ready"]), (&bus, &json!(false)));
    assert_eq!(ready["checks"]["intake"], json!({"ok": false, "reason": "disk full"}));

    api.call("", "GET", "/users/0198b2c4-7c1e-7000-8000-0123456789ab", None).await;
    let metrics = get("/metrics").await;
    let expected = r#"route="/api/v1/users/{id}",status="401""#;
    assert!(metrics.text.contains(expected), "{}", metrics.text);
    assert!(metrics.header("content-type").starts_with("text/plain"));

    // What the database says isn't for everybody's eyes.
    api.state.store.close().await;
    let ready = get("/readyz").await.json(503);
    let reason = "the database doesn't answer; the platform's log says why";
    assert_eq!(ready["checks"]["database"], json!({"ok": false, "reason": reason}));
}

#[tokio::test]
async fn the_documentation_works_offline() {
    let api = TestApi::start().await;
    let page = Answer::read(api.request(Method::GET, "/docs/").send().await.unwrap()).await;
    assert_eq!(page.status, 200);
    let moved = api.request(Method::GET, "/docs").send().await.unwrap();
    assert_eq!(moved.url().path(), "/docs/");
    let mut loaded = 0;
    for part in
        page.text.split(['"', '\'']).filter(|part| part.contains(".js") || part.contains(".css"))
    {
        assert!(part.starts_with("./") || !part.contains("//"), "loads {part} from elsewhere");
        let path = format!("/docs/{}", part.trim_start_matches("./"));
        let asset = api.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(asset.status(), 200, "{path}");
        loaded += 1;
    }
    assert!(loaded >= 3, "{}", page.text);
    assert!(!page.text.contains("https://") && !page.text.contains("<script>"), "{}", page.text);
    let script = api.request(Method::GET, "/docs/swagger-initializer.js").send().await.unwrap();
    let script = script.text().await.unwrap();
    assert!(script.contains("/openapi.json") && !script.contains("https://"), "{script}");
}
