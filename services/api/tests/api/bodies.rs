//! Bodies that are too large, or too slow.

use std::time::Duration;

use millwright_api::limits::{BODY_MAX_BYTES, OPEN_BODY_MAX_BYTES};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Answer, PASSWORD, TestApi, gzip};

/// Long enough that nothing is refused by chance, short enough to be waited for.
const SHORT: Duration = Duration::from_millis(700);
/// A part of a body with a length, and of one without.
const BYTE: &[u8] = b" ";
const CHUNK: &[u8] = b"1\r\n \r\n";
/// Between two parts of a body that trickles in.
const PAUSE: Duration = Duration::from_millis(40);
/// For what must come to an end: far beyond every limit.
const PATIENCE: Duration = Duration::from_secs(30);

async fn connect(api: &TestApi) -> TcpStream {
    TcpStream::connect(api.url.strip_prefix("http://").unwrap()).await.unwrap()
}

/// Sends a head, then a body in small parts for as long as that goes; what the server says until it
/// closes the connection.
async fn trickle(api: &TestApi, head: &str, part: &'static [u8]) -> String {
    let (mut incoming, mut outgoing) = connect(api).await.into_split();
    outgoing.write_all(head.as_bytes()).await.unwrap();
    let sender = tokio::spawn(async move {
        while outgoing.write_all(part).await.is_ok() {
            tokio::time::sleep(PAUSE).await;
        }
    });
    let mut said = Vec::new();
    let whole = async {
        let mut buffer = [0; 4096];
        // Closed while the sender still sends: that can be told as an error too.
        while let Ok(length @ 1..) = incoming.read(&mut buffer).await {
            said.extend_from_slice(&buffer[..length]);
        }
    };
    let ended = tokio::time::timeout(PATIENCE, whole).await;
    sender.abort();
    let said = String::from_utf8(said).unwrap();
    assert!(ended.is_ok(), "the connection stays open; it said {said:?}");
    said
}

fn problem(said: &str) -> Value {
    let (head, body) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{said:?}"));
    assert!(head.to_lowercase().contains("content-type: application/problem+json"), "{head}");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body:?}"))
}

fn post(path: &str, more: &[String]) -> String {
    let mut head = format!("POST /api/v1{path} HTTP/1.1\r\nhost: x\r\n");
    for line in
        ["content-type: application/json"].into_iter().chain(more.iter().map(|line| &**line))
    {
        head.push_str(line);
        head.push_str("\r\n");
    }
    head + "\r\n"
}

#[tokio::test]
async fn a_body_that_trickles_in_is_given_up() {
    let api = TestApi::start_waiting(SHORT, |_| ()).await;
    let length = "content-length: 30000".to_owned();
    let chunked = "transfer-encoding: chunked".to_owned();
    let signed_in = format!("authorization: Bearer {}", api.admin().await);
    let key = "idempotency-key: slow-1".to_owned();
    for (path, more, part) in [
        ("/auth/login", vec![length.clone()], BYTE),
        ("/auth/login", vec![chunked.clone()], CHUNK),
        ("/users", vec![signed_in.clone(), length.clone()], BYTE),
        ("/users", vec![signed_in.clone(), length, key.clone()], BYTE),
        ("/users", vec![signed_in, chunked, key], CHUNK),
    ] {
        let said = trickle(&api, &post(path, &more), part).await;
        assert!(said.starts_with("HTTP/1.1 408 "), "{path} {more:?}: {said}");
        let problem = problem(&said);
        assert_eq!(problem["type"], "urn:millwright:problem:too-slow", "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("700ms"), "{problem}");
    }
    // It wasn't done, and its key is free.
    let admin = api.admin().await;
    let users = api.call(&admin, "GET", "/users", None).await.json(200);
    assert_eq!(users["items"].as_array().unwrap().len(), 1, "{users}");
    let new =
        json!({"email": "a@example.org", "name": "A", "role": "viewer", "password": PASSWORD});
    let key = [("idempotency-key", "slow-1")];
    api.call_with(&admin, "POST", "/users", Some(new), &key).await.json(201);
}

/// What isn't read of a request doesn't keep its connection.
#[tokio::test]
async fn a_body_that_nobody_wants_is_not_waited_for() {
    let api = TestApi::start_waiting(SHORT, |_| ()).await;
    let chunked = "transfer-encoding: chunked".to_owned();
    let refused = trickle(&api, &post("/users", std::slice::from_ref(&chunked)), CHUNK).await;
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
    let none = trickle(&api, &post("/nothing", std::slice::from_ref(&chunked)), CHUNK).await;
    assert!(none.starts_with("HTTP/1.1 404 "), "{none}");
    // An answer without a body of its own.
    let out = trickle(&api, &post("/auth/logout", &[chunked]), CHUNK).await;
    assert!(out.starts_with("HTTP/1.1 204 "), "{out}");
}

#[tokio::test]
async fn a_body_may_pause_and_its_connection_goes_on() {
    let api = TestApi::start().await;
    let body = json!({"email": "nobody@example.org", "password": "not a password"}).to_string();
    let (first, rest) = body.split_at(10);
    let mut stream = connect(&api).await;
    for _ in 0..2 {
        let head = post("/auth/login", &[format!("content-length: {}", body.len())]);
        stream.write_all(format!("{head}{first}").as_bytes()).await.unwrap();
        tokio::time::sleep(PAUSE).await;
        stream.write_all(rest.as_bytes()).await.unwrap();
        let mut said = String::new();
        let answer = async {
            let mut buffer = [0; 4096];
            while !said.ends_with('}') {
                let length = stream.read(&mut buffer).await.unwrap();
                assert!(length > 0, "closed after {said:?}");
                said.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
            }
        };
        tokio::time::timeout(PATIENCE, answer).await.unwrap();
        assert!(said.starts_with("HTTP/1.1 401 "), "{said}");
    }
}

async fn send(api: &TestApi, token: &str, path: &str, body: Value) -> Answer {
    api.call(token, "POST", path, Some(body)).await
}

#[tokio::test]
async fn who_has_not_signed_in_may_send_less() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    // The largest fields that are ever read; text in PEM form has line ends, which JSON doubles.
    let line = "x".repeat(64) + "\n";
    let pem = line.repeat(16 * 1024 / line.len());
    let renewal =
        json!({"certificate": pem, "csr": pem, "signed_at": 0, "signature": "x".repeat(700)});
    let answer = send(&api, "", "/enroll/renew", renewal).await;
    assert!([403, 422].contains(&answer.status.as_u16()), "{answer:?}");
    let large = "x".repeat(OPEN_BODY_MAX_BYTES);
    for (path, body) in [
        ("/auth/login", json!({"email": large, "password": "x"})),
        ("/enroll", json!({"code": large, "csr": "x"})),
        (
            "/enroll/renew",
            json!({"certificate": large, "csr": "x", "signed_at": 0, "signature": "x"}),
        ),
    ] {
        let problem = send(&api, "", path, body).await.problem(413, "too-large");
        let most = OPEN_BODY_MAX_BYTES.to_string();
        assert!(problem["detail"].as_str().unwrap().contains(&most), "{path}: {problem}");
    }
    // A word in its head signs nobody in.
    let written = api.request(Method::POST, "/api/v1/%61uth/login").bearer_auth("x");
    let written = written.json(&json!({"email": large, "password": "x"})).send().await.unwrap();
    assert!([404, 413].contains(&written.status().as_u16()), "{}", written.status());

    let name = json!({"email": "a@example.org", "name": large, "role": "viewer", "password": "x"});
    let answer = send(&api, &admin, "/users", name).await;
    assert!(answer.problem(422, "invalid")["errors"].to_string().contains("name"), "{answer:?}");
    let huge = json!({"email": "x".repeat(BODY_MAX_BYTES)});
    let problem = send(&api, &admin, "/users", huge).await.problem(413, "too-large");
    let most = BODY_MAX_BYTES.to_string();
    assert!(problem["detail"].as_str().unwrap().contains(&most), "{problem}");
}

/// Spaces beyond this many bytes, packed by deflate's fixed codes: one, then copies of it, 258 in each.
/// What should come after them is missing.
fn squeezed_spaces(beyond: usize) -> Vec<u8> {
    let mut bits = vec![true, true, false];
    let mut put = |code: u32, length: u32| {
        bits.extend((0..length).rev().map(|place| (code >> place) & 1 == 1));
    };
    put(0b0101_0000, 8);
    for _ in 0..beyond / 258 + 1 {
        // A length of 258, a distance of one.
        put(0b1100_0101, 8);
        put(0, 5);
    }
    put(0, 7);
    let byte = |bits: &[bool]| {
        bits.iter().enumerate().map(|(place, bit)| u8::from(*bit) << place).sum::<u8>()
    };
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    head.into_iter().chain(bits.chunks(8).map(byte)).collect()
}

#[tokio::test]
async fn what_counts_is_how_large_a_body_is_unpacked() {
    let api = TestApi::start().await;
    let spaces = squeezed_spaces(OPEN_BODY_MAX_BYTES);
    assert!(spaces.len() < 1_000, "{}", spaces.len());
    let request = api.request(Method::POST, "/api/v1/auth/login").body(spaces);
    let request =
        request.header("content-type", "application/json").header("content-encoding", "gzip");
    Answer::read(request.send().await.unwrap()).await.problem(413, "too-large");
    let body = json!({"email": "nobody@example.org", "password": "x"}).to_string();
    let request = api.request(Method::POST, "/api/v1/auth/login").body(gzip(body.as_bytes()));
    let request =
        request.header("content-type", "application/json").header("content-encoding", "gzip");
    Answer::read(request.send().await.unwrap()).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_body_without_a_length_is_bounded_too() {
    let api = TestApi::start().await;
    let head = post("/auth/login", &["transfer-encoding: chunked".to_owned()]);
    let mut stream = connect(&api).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    for _ in 0..OPEN_BODY_MAX_BYTES / 0x1000 + 1 {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    let mut said = Vec::new();
    let answer = async { while let Ok(1..) = stream.read_buf(&mut said).await {} };
    tokio::time::timeout(PATIENCE, answer).await.unwrap();
    let said = String::from_utf8(said).unwrap();
    assert!(said.starts_with("HTTP/1.1 413 "), "{said}");
    assert_eq!(problem(&said)["type"], "urn:millwright:problem:too-large");
}
