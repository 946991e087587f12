//! What becomes of values: stored, refused, doubled.

use crate::harness::{Site, T0, machine, telemetry, uplink};
use millwright_ingest::intake::{AckLine, Generation};
use millwright_schemas::Timestamp;
use millwright_schemas::topics::UpChannel;
use std::sync::Arc;

const QUARANTINE: &str = "SELECT topic, code, reason FROM quarantine ORDER BY id";

#[tokio::test]
async fn a_message_is_stored_value_by_value() {
    let mut site = Site::new().await;
    let ms = T0 / 1000;
    let payload = format!(
        r#"{{"samples":[{{"ts":{ms},"values":{{"t":1.5,"on":true,"program":"O1","none":null}},
        "quality":{{"t":"uncertain"}}}},{{"ts":{},"values":{{"t":2,"on":false}}}}]}}"#,
        ms + 1
    );
    site.telemetry(&[&payload]).await;
    let points = "SELECT s.signal, s.kind, p.ts - 1767225600000000, p.value, p.quality \
                  FROM points p JOIN series s ON s.id = p.series_id ORDER BY s.signal, p.ts";
    assert_eq!(
        site.rows(points).await,
        [
            "none|NULL|0|NULL|0",
            "on|boolean|0|1.0|0",
            "on|boolean|1000|0.0|0",
            "t|number|0|1.5|1",
            "t|number|1000|2.0|0"
        ]
    );
    assert_eq!(site.rows("SELECT value FROM points_text").await, ["O1"]);
    let latest = "SELECT s.signal, l.ts - 1767225600000000, l.value, l.text FROM latest l \
                  JOIN series s ON s.id = l.series_id ORDER BY 1";
    assert_eq!(
        site.rows(latest).await,
        ["none|0|NULL|NULL", "on|1000|0.0|NULL", "program|0|NULL|O1", "t|1000|2.0|NULL"]
    );
    assert_eq!(site.rows(QUARANTINE).await.len(), 0);
}

#[tokio::test]
async fn points_that_could_not_be_there_are_looked_up() {
    let mut site = Site::new().await;
    let ms = T0 / 1000;
    site.telemetry(&[&format!(r#"{{"ts":{ms},"values":{{"a":0}}}}"#)]).await;
    // More than the newest value says, as after a repair by hand: one the same, one different.
    site.execute(&format!(
        "INSERT INTO points SELECT id, {}, 6.0, 0 FROM series; \
         INSERT INTO points SELECT id, {}, 70.0, 0 FROM series",
        T0 + 6_000,
        T0 + 7_000
    ))
    .await;
    let samples: Vec<String> =
        (1..=300).map(|n| format!(r#"{{"ts":{},"values":{{"a":{n}}}}}"#, ms + n)).collect();
    site.telemetry(&[&format!(r#"{{"samples":[{}]}}"#, samples.join(","))]).await;
    let points = site.rows("SELECT ts - 1767225600000000, value FROM points ORDER BY ts").await;
    let value = |n| if n == 7 { 70 } else { n };
    let expected: Vec<String> =
        (0..=300).map(|n| format!("{}|{}.0", n * 1_000, value(n))).collect();
    assert_eq!(points, expected);
    let counts = "SELECT duplicates, conflicts FROM machine_counters";
    assert_eq!(site.rows(counts).await, ["1|1"]);
    // From now on they are remembered.
    site.telemetry(&[&format!(r#"{{"ts":{},"values":{{"a":1}}}}"#, ms + 301)]).await;
    assert_eq!(site.rows("SELECT count(*) FROM points").await, ["302"]);
}

#[tokio::test]
async fn a_value_at_fault_is_quarantined_and_the_others_are_stored() {
    let mut site = Site::new().await;
    site.telemetry(&[
        r#"{"a":1,"b":"x"}"#,
        r#"{"a":"text","b":true,"c":[1],"":5,"d":9007199254740993,"e":2}"#,
    ])
    .await;
    let reasons = site.rows(QUARANTINE).await;
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert!(reasons[0].starts_with("telemetry|invalid_value|c: a list"), "{reasons:?}");
    for part in [
        "a: a text for a signal of kind number",
        "b: a boolean for a signal of kind text",
        "d: integer 9007199254740993 is beyond 2^53",
        "must not be empty",
    ] {
        assert!(reasons[0].contains(part), "{part}: {reasons:?}");
    }
    assert_eq!(site.rows("SELECT signal FROM series ORDER BY 1").await, ["a", "b", "e"]);
    assert_eq!(site.rows("SELECT quarantined FROM machine_counters").await, ["1"]);
}

#[tokio::test]
async fn a_payload_at_fault_is_quarantined_as_it_came() {
    let mut site = Site::new().await;
    let messages = [b"{\"a\":NaN}".as_slice(), b"{\"a\":1e999}", b"\xff\xfe", b"[1]", b""];
    site.send_all(messages.iter().map(|p| uplink(1, UpChannel::Telemetry, p)).collect()).await;
    site.send_all(vec![uplink(1, UpChannel::Other("vendor/x".to_owned()), b"{}")]).await;
    site.send_all(vec![uplink(1, UpChannel::Events, b"{\"type\":\"No\"}")]).await;
    let rows = site.rows("SELECT topic, code, hex(payload) FROM quarantine ORDER BY id").await;
    assert_eq!(
        rows,
        [
            "telemetry|broken_json|7B2261223A4E614E7D",
            "telemetry|broken_json|7B2261223A31653939397D",
            "telemetry|broken_json|FFFE",
            "telemetry|unknown_form|5B315D",
            "telemetry|broken_json|",
            "vendor/x|unknown_channel|7B7D",
            "events|unknown_form|7B2274797065223A224E6F227D"
        ]
    );
}

#[tokio::test]
async fn absurd_times_are_refused_value_by_value_and_the_clock_is_shown() {
    let mut site = Site::new().await;
    let (now, ahead) = (T0 / 1000, T0 / 1000 + 86_400_001);
    site.telemetry(&[&format!(
        r#"{{"samples":[{{"ts":5000,"values":{{"a":1}}}},{{"ts":{ahead},"values":{{"a":2}}}},
        {{"ts":{now},"values":{{"a":3}}}}]}}"#
    )])
    .await;
    assert_eq!(site.rows("SELECT value FROM points").await, ["3.0"]);
    let rows = site.rows(QUARANTINE).await;
    assert!(rows[0].starts_with("telemetry|time_out_of_range|a: time 1970"), "{rows:?}");
    assert!(rows[0].contains("more than a day ahead"), "{rows:?}");
    assert_eq!(
        site.rows("SELECT clock_offset_us FROM machine_status").await,
        [(86_400_001_000_i64).to_string()]
    );
}

#[tokio::test]
async fn without_a_time_the_receive_time_counts_and_nothing_falls_together() {
    let mut site = Site::new().await;
    site.telemetry(&[
        r#"{"a":1}"#,
        r#"{"a":2}"#,
        r#"{"samples":[{"values":{"a":3,"b":1}},{"values":{"a":4,"b":2}}]}"#,
    ])
    .await;
    let points = "SELECT s.signal, p.ts - 1767225600000000, p.value FROM points p \
                  JOIN series s ON s.id = p.series_id ORDER BY 1, 2";
    assert_eq!(
        site.rows(points).await,
        ["a|0|1.0", "a|1|2.0", "a|2|3.0", "a|3|4.0", "b|2|1.0", "b|3|2.0"]
    );
}

#[tokio::test]
async fn repetitions_are_counted_and_the_first_content_stays() {
    let mut site = Site::new().await;
    let sample = |value: &str| format!(r#"{{"ts":{},"a":{value}}}"#, T0 / 1000);
    site.telemetry(&[&sample("1"), &sample("1"), &sample("2")]).await;
    site.telemetry(&[&sample("3"), &sample("1")]).await;
    let text = |value: &str| format!(r#"{{"ts":{},"t":{value}}}"#, T0 / 1000);
    site.telemetry(&[&text("\"x\""), &text("\"x\""), &text("\"y\""), &text("null")]).await;
    assert_eq!(site.rows("SELECT value FROM points").await, ["1.0"]);
    assert_eq!(site.rows("SELECT value FROM points_text").await, ["x"]);
    assert_eq!(site.rows("SELECT duplicates, conflicts FROM machine_counters").await, ["3|4"]);
}

#[tokio::test]
async fn a_signal_that_was_only_null_takes_its_kind_from_its_first_value() {
    let site = Site::new().await;
    let at = |ms: i64, value: &str| format!(r#"{{"ts":{},"a":{value}}}"#, T0 / 1000 + ms);
    site.telemetry(&[&at(0, "null")]).await;
    site.telemetry(&[&at(0, "null")]).await;
    site.telemetry(&[&at(1, "null"), &at(2, "\"x\""), &at(3, "null")]).await;
    let mut site = site.restart().await;
    site.telemetry(&[&at(0, "null"), &at(3, "null")]).await;
    assert_eq!(site.rows("SELECT kind FROM series").await, ["text"]);
    assert_eq!(site.rows("SELECT count(*) FROM points").await, ["0"]);
    let texts = "SELECT ts - 1767225600000000, value FROM points_text";
    assert_eq!(site.rows(texts).await, ["0|NULL", "1000|NULL", "2000|x", "3000|NULL"]);
    assert_eq!(site.rows("SELECT duplicates, conflicts FROM machine_counters").await, ["3|0"]);
}

#[tokio::test]
async fn data_of_a_child_is_the_childs_and_the_clock_is_the_senders() {
    let mut site = Site::new().await;
    site.make_child(2, 1).await;
    let mut message = telemetry(2, &format!(r#"{{"ts":{},"a":1}}"#, T0 / 1000 - 7));
    message.sender = machine(1);
    site.send_all(vec![message]).await;
    let sql = "SELECT substr(hex(machine_id), 32), last_seen_at - 1767225600000000, \
               clock_offset_us FROM machine_status ORDER BY 1";
    assert_eq!(site.rows(sql).await, ["1|0|-7000", "2|0|NULL"]);
    assert_eq!(site.rows("SELECT substr(hex(machine_id), 32) FROM series").await, ["2"]);
}

#[tokio::test]
async fn who_no_longer_is_the_parent_stores_nothing_for_a_former_child() {
    let mut site = Site::new().await;
    let for_child = |line: &Arc<AckLine>, payload: &str| {
        let mut message = telemetry(2, payload);
        message.sender = machine(1);
        message.acks = Some(Arc::clone(line));
        message
    };
    site.make_child(2, 1).await;
    let line = AckLine::new();
    site.send(for_child(&line, r#"{"before":1}"#)).await;
    crate::harness::committed(&line, 1).await;

    // What follows on the same connection is stored when it comes again, not twice.
    site.make_child(2, 3).await;
    let mut own = telemetry(1, r#"{"own":1}"#);
    own.acks = Some(Arc::clone(&line));
    for message in [for_child(&line, r#"{"moved":1}"#), own] {
        site.send(message).await;
    }
    crate::harness::failed(&line).await;
    until_refused(&site, 2.0).await;
    assert_eq!(line.committed(), 1);

    site.make_child(2, 1).await;
    site.execute("UPDATE machines SET state = 'decommissioned' WHERE serial_number = '2'").await;
    let line = AckLine::new();
    site.send(for_child(&line, r#"{"decommissioned":1}"#)).await;
    crate::harness::failed(&line).await;
    // QoS 0, by a machine that never was its parent.
    let mut message = telemetry(3, r#"{"stranger":1}"#);
    message.sender = machine(1);
    site.send(message).await;
    until_refused(&site, 4.0).await;
    assert_eq!(site.rows("SELECT signal FROM series").await, ["before"]);
    assert_eq!(site.rows("SELECT count(*) FROM quarantine").await, ["0"]);
}

async fn until_refused(site: &Site, messages: f64) {
    crate::harness::until("refused", || site.metric("refused_total") >= messages).await;
    assert!((site.metric("refused_total") - messages).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_superseded_connection_stores_nothing() {
    let mut site = Site::new().await;
    site.execute(
        "INSERT INTO machine_status (machine_id, generation) \
         SELECT id, 5 FROM machines WHERE serial_number = '1'",
    )
    .await;
    let (old, new) = (AckLine::new(), AckLine::new());
    for (generation, line, payload) in
        [(4, &old, "{\"a\":1}"), (5, &new, "{\"b\":1}"), (4, &old, "{\"a\":2}")]
    {
        let mut message = telemetry(1, payload);
        message.generation = Generation(generation);
        message.acks = Some(Arc::clone(line));
        site.send(message).await;
    }
    crate::harness::failed(&old).await;
    crate::harness::committed(&new, 1).await;
    assert_eq!(old.committed(), 0);
    assert_eq!(site.rows("SELECT signal FROM series").await, ["b"]);
    let unknown = AckLine::new();
    let mut message = telemetry(77, "{\"a\":1}");
    message.acks = Some(Arc::clone(&unknown));
    site.send(message).await;
    crate::harness::failed(&unknown).await;
}

#[tokio::test]
async fn what_was_accepted_is_committed_before_the_end() {
    let mut site = Site::new().await;
    let line = AckLine::new();
    for n in 0..3_000 {
        let mut message = telemetry(1, &format!(r#"{{"ts":{},"a":1}}"#, T0 / 1000 + n));
        message.acks = Some(Arc::clone(&line));
        message.received_at = Timestamp::from_micros(T0 + 1_000_000 * n);
        site.send(message).await;
    }
    // A connection that has reserved a place but sends nothing doesn't keep it from ending.
    let intake = site.ingest.intake();
    let mut slot = intake.slot();
    std::future::poll_fn(|cx| slot.poll_reserve(cx, 10)).await.unwrap();
    site = site.restart().await;
    assert_eq!(line.committed(), 3_000);
    assert!(intake.send(telemetry(1, "{}")).await.is_err());
    assert_eq!(site.rows("SELECT count(*) FROM points").await, ["3000"]);
}

#[tokio::test]
async fn a_text_or_fault_with_a_nul_is_stored_without_it() {
    let mut site = Site::new().await;
    let t = T0 / 1000;
    site.telemetry(&[&format!(r#"{{"ts":{t},"program":"a\u0000b"}}"#)]).await;
    let fault = r#""data":{"code":"E-1","message":"x\u0000y"}"#;
    site.events(&[&format!(r#"{{"ts":{t},"type":"fault.raised",{fault}}}"#)]).await;
    assert_eq!(site.rows("SELECT value FROM points_text").await, ["a\u{fffd}b"]);
    assert_eq!(site.rows("SELECT message FROM alarms").await, ["x\u{fffd}y"]);
    assert_eq!(site.rows("SELECT count(*) FROM quarantine").await, ["0"]);
}
