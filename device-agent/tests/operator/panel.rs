//! The panel over real HTTP.

use std::net::TcpListener;

use millwright_agent::driver::{Reading, Sample};
use millwright_agent::limits::PANEL_BODY_BYTES;
use millwright_agent::operator::{Decision, Panel, PanelSocket};
use millwright_agent::outbox::{Delivery, Readings};
use millwright_agent::status::{MachineStatus, Status};
use millwright_schemas::wire::rules::ConfigClaims;
use millwright_schemas::wire::telemetry::SampleValue;
use millwright_schemas::{Quality, Timestamp};
use reqwest::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, HOST, ORIGIN, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use super::{Place, asked, order};

/// A running panel and a browser on its page.
struct Browser {
    place: Place,
    url: String,
    client: Client,
    token: String,
}

impl Browser {
    async fn open() -> Self {
        Self::open_with(Status::new(true, Some(Timestamp::from_millis(1)))).await
    }

    async fn open_with(status: Status) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let place = Place::new();
        let socket = PanelSocket::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = socket.url.trim_end_matches('/').to_owned();
        tokio::spawn(Panel::new(place.source_with(status)).run(socket));
        let client = Client::builder().no_proxy().build().unwrap();
        let page = client.get(&url).send().await.unwrap().text().await.unwrap();
        let (_, after) = page.split_once("name=\"panel-token\" content=\"").unwrap();
        let token = after.split('"').next().unwrap().to_owned();
        assert_eq!(token.len(), 64);
        Self { place, url, client, token }
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    /// As the page says it, unless the test changes it.
    fn saying(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client
            .post(format!("{}{path}", self.url))
            .header(ORIGIN, &self.url)
            .header("X-Panel-Token", &self.token)
            .json(body)
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        self.saying(path, body).send().await.unwrap()
    }

    async fn state(&self) -> Value {
        self.get("/api/state").await.json().await.unwrap()
    }
}

/// Status and detail of an error.
async fn problem(response: Response) -> (StatusCode, String) {
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let status = response.status();
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status.as_u16());
    (status, problem["detail"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn the_machine_is_called_by_its_name_where_that_is_known() {
    let id = "0198b2c4-7c1e-7000-8000-0123456789ab";
    let mut machine = MachineStatus {
        id: id.parse().unwrap(),
        name: None,
        server_url: "https://millwright.example".to_owned(),
        mqtt: "millwright.example:8883".to_owned(),
        certificate_until: None,
        trust_version: 1,
    };
    for name in [Some("Lift 7"), None] {
        machine.name = name.map(ToOwned::to_owned);
        let mut status = Status::new(true, Some(Timestamp::from_millis(1)));
        status.machine = Some(machine.clone());
        let state = Browser::open_with(status).await.state().await;
        assert_eq!((&state["machine"], &state["machine_name"]), (&json!(id), &json!(name)));
    }
    let state = Browser::open().await.state().await;
    assert_eq!((&state["machine"], &state["machine_name"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn the_operator_sees_a_question_and_answers_it() {
    let browser = Browser::open().await;
    for (word, decision) in [("granted", Decision::Granted), ("refused", Decision::Refused)] {
        let order = order("set_speed");
        let asking = asked(&browser.place.desk, &order).await;
        let question = browser.state().await["questions"][0].clone();
        assert_eq!(question["id"], json!(order.id));
        for (key, value) in [
            ("by", "Ada Lovelace"),
            ("ticket", "T-1042"),
            ("purpose", "less vibration"),
            ("class", "motion"),
            ("name", "set_speed"),
        ] {
            assert_eq!(question[key], value, "{key}");
        }
        assert_eq!(question["args"]["percent"], 80);
        let said = json!({ "command_id": order.id, "decision": word });
        let answer = browser.post("/api/decide", &said).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert_eq!(asking.await.unwrap(), decision);
        assert!(browser.state().await["questions"].as_array().unwrap().is_empty());
        let (status, detail) = problem(browser.post("/api/decide", &said).await).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(detail.starts_with("no question about command"), "{detail}");
    }
    let log: Value = browser.get("/api/log").await.json().await.unwrap();
    let told: Vec<&str> =
        log["entries"].as_array().unwrap().iter().map(|e| e["what"].as_str().unwrap()).collect();
    assert_eq!(told, ["refused", "asked", "granted", "asked"]);
    assert_eq!(log["entries"][0]["how"], "panel");
}

#[tokio::test]
async fn the_operator_sees_what_is_done_and_stops_it() {
    let browser = Browser::open().await;
    let order = order("set_speed");
    let activity = browser.place.desk.begin(order.clone());
    let state = browser.state().await;
    assert_eq!(state["activities"][0]["id"], json!(order.id));
    assert_eq!(state["activities"][0]["stopping"], false);
    let stop = browser.post("/api/stop", &json!({ "command_id": order.id })).await;
    assert_eq!(stop.json::<Value>().await.unwrap(), json!({ "stopped": [order.id] }));
    activity.stopped().await;
    assert_eq!(browser.state().await["activities"][0]["stopping"], true);
    activity.end("canceled");
    let (status, detail) = problem(browser.post("/api/stop", &json!({})).await).await;
    assert_eq!((status, detail.as_str()), (StatusCode::CONFLICT, "nothing is running"));
    let events = browser.place.events().await;
    assert_eq!(events[0].0, "consent.withdrawn");
}

#[tokio::test]
async fn the_operator_sees_what_the_rules_of_the_machine_have_found() {
    let browser = Browser::open().await;
    assert_eq!(browser.state().await["alarms"], json!([]));
    let condition = json!({"kind": "threshold", "signal": "t", "above": 80});
    let rule = json!({
        "id": "0198b2c4-7c1e-7000-8000-000000000011", "version": 1, "name": "Too hot",
        "severity": "critical", "condition": condition,
    });
    let claims = ConfigClaims {
        aud: "0198b2c4-7c1e-7000-8000-0123456789ab".parse().unwrap(),
        iat: 0,
        version: 1,
        rules: vec![rule],
        parameters: Default::default(),
        time_zone: None,
    };
    let measured = |ts: i64, value: f64| {
        let values = vec![("t".parse().unwrap(), SampleValue::Number(value), Quality::Good)];
        let sample = Sample { ts: Timestamp::from_millis(ts), values };
        let reading = Reading { samples: vec![sample], ..Reading::default() };
        Readings::new(vec![Delivery { driver: "d".to_owned(), reading }])
    };
    let (hot, cool) = (measured(1_000, 90.0), measured(2_000, 20.0));
    let outbox = &browser.place.outbox;
    let now = Timestamp::from_millis(0);
    assert!(outbox.add(move |outbox| outbox.take_rules(&claims, now)).await.unwrap());
    outbox.add(move |outbox| outbox.append(&hot)).await.unwrap();
    let state = browser.state().await;
    let alarm = &state["alarms"][0];
    assert_eq!((&alarm["name"], &alarm["severity"]), (&json!("Too hot"), &json!("critical")));
    assert_eq!((&alarm["source"], &alarm["since"]), (&json!("t"), &json!("1970-01-01T00:00:01Z")));
    outbox.add(move |outbox| outbox.append(&cool)).await.unwrap();
    assert_eq!(browser.state().await["alarms"], json!([]));
}

#[tokio::test]
async fn a_request_for_help_is_on_its_way_once_it_is_stored() {
    let browser = Browser::open().await;
    let taken = browser.post("/api/help", &json!({ "message": "It smells of oil" })).await;
    assert_eq!(taken.json::<Value>().await.unwrap()["seq"], 1);
    let data = json!({ "message": "It smells of oil", "how": "panel" });
    assert_eq!(browser.place.events().await, [("help.requested".to_owned(), data)]);
    let (status, detail) =
        problem(browser.post("/api/help", &json!({ "message": " " })).await).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(detail, "message: 0 characters, not 1 to 1000");
}

#[tokio::test]
async fn the_page_speaks_the_operators_language() {
    let browser = Browser::open().await;
    let page = async |path: &str, name, value: &str| {
        let request = browser.client.get(format!("{}{path}", browser.url)).header(name, value);
        request.send().await.unwrap()
    };
    let german = page("/", ACCEPT_LANGUAGE, "de-DE,de;q=0.9,en;q=0.8").await;
    assert!(!german.headers().contains_key(SET_COOKIE));
    let german = german.text().await.unwrap();
    assert!(german.contains("<html lang=\"de\">") && german.contains("Hilfe anfordern"));
    assert!(german.contains("Bewegt die Maschine"), "texts of the script");
    let english = page("/", ACCEPT_LANGUAGE, "fr").await.text().await.unwrap();
    assert!(english.contains("<html lang=\"en\">") && english.contains("Ask for help"));
    let chosen = page("/?lang=de", ACCEPT_LANGUAGE, "en").await;
    let cookie = chosen.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("panel_lang=de;") && cookie.contains("SameSite=Strict"));
    assert!(chosen.text().await.unwrap().contains("<html lang=\"de\">"));
    let later = page("/", COOKIE, "panel_lang=de").await.text().await.unwrap();
    assert!(later.contains("<html lang=\"de\">"));
}

#[tokio::test]
async fn every_answer_forbids_what_the_page_does_not_need() {
    let browser = Browser::open().await;
    for path in ["/", "/panel.js", "/panel.css", "/icon.svg", "/api/state", "/nowhere"] {
        let response = browser.get(path).await;
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert!(header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert!(!header("content-security-policy").contains("unsafe"), "{path}");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cache-control"), "no-store");
        assert!(!response.headers().contains_key("access-control-allow-origin"));
    }
    assert_eq!(problem(browser.get("/nowhere").await).await.0, StatusCode::NOT_FOUND);
    let wrong = browser.get("/api/stop").await;
    assert_eq!(problem(wrong).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn other_sites_names_do_not_lead_here() {
    let browser = Browser::open().await;
    for host in ["evil.example", "evil.example:8087", "10.0.0.1", ""] {
        let request = browser.client.get(format!("{}/api/state", browser.url)).header(HOST, host);
        let (status, detail) = problem(request.send().await.unwrap()).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{host}");
        assert!(detail.contains(&format!("{host:?}")), "{detail}");
    }
    let local = browser.client.get(&browser.url).header(HOST, "localhost:9").send().await.unwrap();
    assert_eq!(local.status(), StatusCode::OK);
}

#[tokio::test]
async fn only_the_panels_own_page_may_speak_for_the_operator() {
    let browser = Browser::open().await;
    let order = order("set_speed");
    let asking = asked(&browser.place.desk, &order).await;
    let said = json!({ "command_id": order.id, "decision": "granted" });
    let url = format!("{}/api/decide", browser.url);
    let post = || browser.client.post(&url).header("X-Panel-Token", &browser.token);
    let forbidden = StatusCode::FORBIDDEN;
    for (request, expected, words) in [
        (post().header(ORIGIN, "http://evil.example").json(&said), forbidden, "Origin"),
        (post().header(ORIGIN, "null").json(&said), forbidden, "Origin"),
        (post().header(ORIGIN, "http://127.0.0.1:1").json(&said), forbidden, "Origin"),
        (post().header("Sec-Fetch-Site", "cross-site").json(&said), forbidden, "cross-site"),
        (post().header("Sec-Fetch-Site", "same-site").json(&said), forbidden, "same-site"),
        (post().header(HOST, "evil.example").json(&said), forbidden, "Host"),
        (browser.client.post(&url).json(&said), forbidden, "x-panel-token"),
        (
            browser.client.post(&url).header("X-Panel-Token", "0".repeat(64)).json(&said),
            forbidden,
            "x-panel-token",
        ),
        (
            post().header(CONTENT_TYPE, "text/plain").body(said.to_string()),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "text/plain",
        ),
        (
            post().header(CONTENT_TYPE, "application/x-www-form-urlencoded").body("a=b"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not application/json",
        ),
    ] {
        let (status, detail) = problem(request.send().await.unwrap()).await;
        assert_eq!(status, expected, "{detail}");
        assert!(detail.contains(words), "{detail}");
    }
    assert_eq!(browser.place.desk.shown().questions.len(), 1, "nothing of it counted");
    // A program without Origin, such as curl, that has read the page.
    let answer = post().json(&said).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(asking.await.unwrap(), Decision::Granted);
}

#[tokio::test]
async fn bodies_are_bounded_and_must_be_what_they_should() {
    let browser = Browser::open().await;
    let large = json!({ "message": "x".repeat(PANEL_BODY_BYTES) });
    let (status, _) = problem(browser.post("/api/help", &large).await).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    for (path, body, expected) in [
        ("/api/help", json!({ "message": 1 }), "message: invalid type"),
        ("/api/help", json!({ "message": "a", "to": "b" }), "unknown field `to`"),
        ("/api/decide", json!({ "decision": "granted" }), "missing field `command_id`"),
        ("/api/stop", json!({ "command_id": "x" }), "command_id"),
    ] {
        let (status, detail) = problem(browser.post(path, &body).await).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{detail}");
        assert!(detail.contains(expected), "{detail}");
    }
    let id = order("set_speed").id;
    let perhaps = json!({ "command_id": id, "decision": "perhaps" });
    let (_, detail) = problem(browser.post("/api/decide", &perhaps).await).await;
    assert!(detail.contains("unknown variant `perhaps`"), "{detail}");
    let request = browser.saying("/api/stop", &json!({})).body("{");
    let (status, _) = problem(request.send().await.unwrap()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(browser.place.events().await.is_empty());
}

#[tokio::test]
async fn a_taken_port_is_told_and_another_one_serves() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let socket = PanelSocket::bind(address).await.unwrap();
    let problem = socket.problem.as_deref().unwrap();
    assert!(problem.contains(&format!("panel.listen = {address}: Address already in use")));
    assert!(
        socket.url.starts_with("http://127.0.0.1:") && !socket.url.contains(&address.to_string())
    );
}
