//! A machine whose clock is far behind: as one at 1970 it is before all that it has seen signed.

use std::sync::atomic::Ordering;

use millwright_agent::config::Config;
use millwright_agent::outbox::Outbox;
use millwright_schemas::Timestamp;
use serde_json::json;

use crate::site::Site;

const YEAR_S: i64 = 365 * 86_400;

/// A site whose platform is a year ahead of the machine, which has known that once.
fn behind() -> Site {
    let site = Site::new();
    site.ahead_s.store(YEAR_S, Ordering::SeqCst);
    let path = site.data_dir().join("outbox.redb");
    let mut outbox = Outbox::open(&path, Config::default().outbox_settings()).unwrap();
    outbox.keep_time_floor(Timestamp::from_millis((site.now_s() - 3_600) * 1_000)).unwrap();
    drop(outbox);
    site
}

#[test]
fn a_clock_far_behind_runs_commands_once_the_platform_has_answered() {
    let site = behind();
    let _agent = site.run("");
    let id = site.order("ping", json!({}));
    site.until_told(id, &["received", "started", "succeeded"]);
    assert_eq!(site.last(id)["result"]["time_is"], "signed");
    // By the machine's clock it would still hold for a year.
    let mut late = site.claims("ping", json!({}));
    late.exp = site.now_s() - 1;
    site.send(&late);
    site.until_told(late.jti, &["rejected"]);
    assert_eq!(site.last(late.jti)["reason"], "expired");
}

#[test]
fn without_an_answer_nothing_is_done() {
    let site = behind();
    site.answers_time.store(false, Ordering::SeqCst);
    let _agent = site.run("");
    let id = site.order("ping", json!({}));
    site.until_told(id, &["received", "rejected"]);
    assert_eq!(site.last(id)["reason"], "clock_untrusted");
    // The order itself was signed: an old recording can't be the machine's present any more.
    assert_eq!(site.status()["commands"]["time"], "unknown");
    site.answers_time.store(true, Ordering::SeqCst);
    site.mqtt.cut();
    let id = site.order("ping", json!({}));
    site.until_told(id, &["received", "started", "succeeded"]);
}
