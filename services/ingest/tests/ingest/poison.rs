//! What the database refuses for good.

use std::sync::Arc;

use millwright_ingest::intake::AckLine;
use millwright_store::Engine;

use crate::harness::{Site, T0, committed, failed, telemetry};

fn sample(n: i64, value: i64) -> String {
    format!(r#"{{"ts":{},"a":{value}}}"#, T0 / 1000 + n)
}

#[tokio::test]
async fn one_poisonous_message_does_not_keep_the_others_from_being_stored() {
    let mut site = Site::new().await;
    site.db.refuse("points", Some("NEW.value = 666"), "poisonous value").await;
    let outbox = "0198b2c4-7c1e-7000-8000-0000000000aa";
    let messages = (1..=100).map(|n| {
        let value = if n == 42 || n == 77 { 666 } else { n };
        let ts = T0 / 1000 + n;
        telemetry(1, &format!(
            r#"{{"outbox":"{outbox}","seq":{n},"samples":[{{"ts":{ts},"values":{{"a":{value}}}}}]}}"#
        ))
    });
    site.send_all(messages.collect()).await;
    assert_eq!(site.rows("SELECT count(*) FROM points").await, ["98"]);
    let rows = site.rows("SELECT code, reason FROM quarantine").await;
    assert_eq!(rows.len(), 2);
    assert!(rows[0].starts_with("refused_by_database|"), "{rows:?}");
    assert!(rows[0].contains("poisonous value"), "{rows:?}");
    assert_eq!(site.rows("SELECT count(*) FROM gaps").await, ["0"]);
    assert_eq!(site.rows("SELECT last_seq FROM stream_cursors").await, ["100"]);
    assert!(site.ingest.health().stall().is_none());
}

#[tokio::test]
async fn what_can_not_even_be_quarantined_is_left_to_its_machine() {
    let mut site = Site::new().await;
    for table in ["points", "quarantine"] {
        site.db.refuse(table, None, "no").await;
    }
    let line = AckLine::new();
    let mut message = telemetry(1, &sample(0, 1));
    message.acks = Some(Arc::clone(&line));
    site.send(message).await;
    failed(&line).await;
    assert_eq!(line.committed(), 0);
    site.db.accept("points").await;
    let line = AckLine::new();
    let mut message = telemetry(1, &sample(0, 1));
    message.acks = Some(Arc::clone(&line));
    site.send(message).await;
    committed(&line, 1).await;
}

#[tokio::test]
async fn what_the_server_has_no_room_for_holds_up_nobody_else() {
    let mut site = Site::new().await;
    if site.store.engine() != Engine::Postgres {
        eprintln!("SKIPPED: only a server has a table of locks that can be full");
        return;
    }
    site.execute(
        "CREATE FUNCTION full_up() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'out of shared memory' USING ERRCODE = '53200'; END $$; \
         CREATE TRIGGER full_up BEFORE INSERT ON points FOR EACH ROW WHEN (NEW.value = 666) \
         EXECUTE FUNCTION full_up()",
    )
    .await;
    let (large, others) = (AckLine::new(), AckLine::new());
    for n in 1..=40 {
        let (value, line) = if n == 17 { (666, &large) } else { (n, &others) };
        let mut message = telemetry(if n == 17 { 2 } else { 1 }, &sample(n, value));
        message.acks = Some(Arc::clone(line));
        site.send(message).await;
    }
    committed(&others, 39).await;
    failed(&large).await;
    assert_eq!(large.committed(), 0, "nothing of it is acknowledged");
    assert_eq!(site.rows("SELECT count(*) FROM points").await, ["39"]);
    assert_eq!(site.rows("SELECT count(*) FROM quarantine").await, ["0"]);

    // It comes again when there is room.
    site.execute("DROP FUNCTION full_up CASCADE").await;
    let line = AckLine::new();
    let mut message = telemetry(2, &sample(17, 666));
    message.acks = Some(Arc::clone(&line));
    site.send(message).await;
    committed(&line, 1).await;
    assert_eq!(site.rows("SELECT count(*) FROM points").await, ["40"]);
    assert!(site.ingest.health().stall().is_none());
}
