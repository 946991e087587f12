//! The operator has the last word.

use millwright_schemas::CommandId;
use serde_json::json;

use crate::site::{Site, configured, until};

fn asking(site: &Site) -> String {
    let path = site.program("move.sh", &format!("echo moved >>{:?}; sleep 30", site.record()));
    configured("move", &path, &[]).replace("consent = \"none\"\n", "")
}

fn consent(site: &Site, word: &str, id: CommandId) {
    let output = site.agent(&["consent", word, &id.to_string()]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn without_consent_nothing_moves() {
    let site = Site::new();
    let _agent = site.run(&asking(&site));
    let refused = site.order("move", json!({}));
    site.until_told(refused, &["received", "awaiting_consent"]);
    consent(&site, "refuse", refused);
    site.until_told(refused, &["received", "awaiting_consent", "rejected"]);
    assert_eq!(site.last(refused)["reason"], "consent_refused");
    let canceled = site.order("move", json!({}));
    site.until_told(canceled, &["received", "awaiting_consent"]);
    site.cancel(canceled);
    site.until_told(canceled, &["received", "awaiting_consent", "canceled"]);
    let mut expiring = site.claims("move", json!({}));
    expiring.exp = site.now_s() + 3;
    site.send(&expiring);
    site.until_told(expiring.jti, &["received", "awaiting_consent", "rejected"]);
    assert_eq!(site.last(expiring.jti)["reason"], "expired");
    assert!(!site.agent(&["consent", "accept", &expiring.jti.to_string()]).status.success());
    assert!(site.recorded().is_empty());
}

#[test]
fn what_was_agreed_to_runs_and_can_be_stopped_on_site() {
    let site = Site::new();
    let _agent = site.run(&asking(&site));
    let id = site.order("move", json!({}));
    site.until_told(id, &["received", "awaiting_consent"]);
    consent(&site, "accept", id);
    site.until_told(id, &["received", "awaiting_consent", "started"]);
    until("it moves", || site.recorded() == ["moved"]);
    consent(&site, "stop", id);
    site.until_told(id, &["received", "awaiting_consent", "started", "canceled"]);
    assert_eq!(site.last(id)["error"], "stopped by the operator");
    assert_eq!(site.recorded(), ["moved"]);
}

#[test]
fn nothing_at_all_is_done_when_it_is_switched_off() {
    let site = Site::new();
    let path = site.program("move.sh", &format!("echo moved >>{:?}", site.record()));
    let config = format!("[commands]\nenabled = false\n{}", configured("move", &path, &[]));
    let _agent = site.run(&config);
    for name in ["move", "ping"] {
        let id = site.order(name, json!({}));
        site.until_told(id, &["rejected"]);
        assert_eq!(site.last(id)["reason"], "forbidden");
    }
    assert!(site.recorded().is_empty());
}
