//! The dashboard's page and files. Whether they are in the program depends on how it was built, so
//! only what holds in both cases is asked here; the browser tests see the rest.

use reqwest::Method;
use reqwest::header::{ACCEPT, IF_NONE_MATCH};

use crate::harness::{Answer, TestApi};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn open(api: &TestApi, path: &str) -> Answer {
    let request = api.request(Method::GET, path).header(ACCEPT, BROWSER);
    Answer::read(request.send().await.unwrap()).await
}

fn nonce(policy: &str) -> &str {
    policy.split_once("'nonce-").unwrap().1.split_once('\'').unwrap().0
}

#[tokio::test]
async fn every_address_of_a_page_is_the_page_under_a_strict_policy() {
    let api = TestApi::start().await;
    for path in ["/", "/fleet", "/machines/01a21295-12cd-7221-a143-c5b3e63b3f9c/timeline"] {
        let answer = open(&api, path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(!answer.text.contains("__CSP_NONCE__"), "{}", answer.text);
        assert_eq!(answer.header("x-frame-options"), "DENY");
    }
    let [first, second] = [open(&api, "/").await, open(&api, "/").await];
    let policies = [&first, &second].map(|answer| answer.header("content-security-policy"));
    assert_ne!(nonce(policies[0]), nonce(policies[1]));
}

#[tokio::test]
async fn pages_take_nothing_from_the_api() {
    let api = TestApi::start().await;
    for path in ["/api/v1/nothing", "/assets/nothing.js", "/metrics/nothing"] {
        open(&api, path).await.problem(404, "not-found");
    }
    assert_eq!(open(&api, "/healthz").await.text, "ok\n");
    let post = api.request(Method::POST, "/fleet").header(ACCEPT, BROWSER);
    Answer::read(post.send().await.unwrap()).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_file_that_is_known_is_not_sent_again() {
    let api = TestApi::start().await;
    let icon = Answer::read(api.request(Method::GET, "/icon.svg").send().await.unwrap()).await;
    if icon.status == 404 {
        assert!(open(&api, "/").await.text.contains("without its dashboard"));
        return;
    }
    assert_eq!(icon.header("content-type"), "image/svg+xml");
    assert_eq!(icon.header("cache-control"), "no-cache");
    let tag = icon.header("etag").to_owned();
    let again = api.request(Method::GET, "/icon.svg").header(IF_NONE_MATCH, &tag);
    let again = Answer::read(again.send().await.unwrap()).await;
    assert_eq!(again.status, 304);
    assert_eq!(again.text, "");
}
