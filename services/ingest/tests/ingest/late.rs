//! What comes too late for rules is marked, so that it is looked at later.

use millwright_schemas::api::rules::RuleCondition;
use serde_json::json;

use crate::harness::{Site, T0, above};

/// A value of a signal so many seconds after the start.
fn value(signal: &str, s: i64) -> String {
    format!(r#"{{"ts":{},"values":{{"{signal}":{s}}}}}"#, T0 / 1000 + s * 1000)
}

/// Spans: their ends in seconds after the start, and when they were marked.
const SPANS: &str = "SELECT (from_ts - 1767225600000000) / 1000000, \
                     (to_ts - 1767225600000000) / 1000000, since, marked_at FROM late_spans";

fn span(from: i64, to: i64) -> String {
    format!("{from}|{to}|{T0}|{T0}")
}

#[tokio::test]
async fn late_samples_of_watched_signals_widen_a_span_of_their_machine() {
    let mut site = Site::new().await;
    site.rule(9, above("t", 80.0, 0.0, 0.0)).await;
    site.telemetry(&[&value("t", 50), &value("u", 50)]).await;
    site.telemetry(&[&value("u", 40)]).await;
    assert!(site.rows(SPANS).await.is_empty(), "nobody watches it");
    site.telemetry(&[&value("t", 40)]).await;
    assert_eq!(site.rows(SPANS).await, [span(40, 40)]);
    site.telemetry(&[&value("t", 45), &value("t", 60), &value("t", 30), &value("t", 35)]).await;
    assert_eq!(site.rows(SPANS).await, [span(30, 45)]);
    site.telemetry(&[&value("t", 42)]).await;
    assert_eq!(site.rows(SPANS).await, [span(30, 45)]);
}

#[tokio::test]
async fn what_comes_again_or_in_time_marks_nothing() {
    let mut site = Site::new().await;
    site.rule(9, above("t", 80.0, 0.0, 0.0)).await;
    let first = value("t", 50);
    site.telemetry(&[&first, &value("t", 60)]).await;
    site.telemetry(&[&first, &first, &value("t", 70)]).await;
    assert!(site.rows(SPANS).await.is_empty());
    assert_eq!(site.rows("SELECT late, duplicates FROM machine_counters").await, ["0|2"]);
}

#[tokio::test]
async fn a_rule_that_learns_is_not_asked_again() {
    let mut site = Site::new().await;
    let learns: RuleCondition =
        serde_json::from_value(json!({"kind": "anomaly", "signals": ["t"]})).unwrap();
    site.rule(9, learns).await;
    site.telemetry(&[&value("t", 50)]).await;
    site.telemetry(&[&value("t", 40)]).await;
    assert!(site.rows(SPANS).await.is_empty());
    assert_eq!(site.rows("SELECT late FROM machine_counters").await, ["1"]);
}

/// A span that can't be marked takes its samples with it.
#[tokio::test]
async fn marks_and_samples_commit_together_or_not_at_all() {
    let mut site = Site::new().await;
    site.rule(9, above("t", 80.0, 0.0, 0.0)).await;
    site.telemetry(&[&value("t", 50)]).await;
    site.db.refuse("late_spans", None, "no").await;
    site.telemetry(&[&value("t", 40)]).await;
    assert_eq!(site.rows("SELECT count(*) FROM points").await, ["1"]);
    assert_eq!(site.rows("SELECT code FROM quarantine").await, ["refused_by_database"]);
    site.db.accept("late_spans").await;
}
