//! Live copies.

use std::time::{Duration, Instant};

use crate::harness::{Site, T0, machine, telemetry};

#[tokio::test]
async fn a_watcher_gets_what_is_committed() {
    let mut site = Site::new().await;
    let mut here = site.live.subscribe(machine(1)).unwrap();
    let mut bus = site.live.forward();
    site.live.watch_elsewhere(machine(2), Instant::now(), Duration::from_secs(60));
    let payload = format!(r#"{{"ts":{},"a":1,"b":"x"}}"#, T0 / 1000);
    site.send_all((1..=3).map(|n| telemetry(n, &payload)).collect()).await;
    let copy = here.recv().await.unwrap();
    let values: Vec<_> =
        copy.samples.iter().map(|s| (s.signal.as_str(), s.value.to_string())).collect();
    assert_eq!(values, [("a", "1.0".to_owned()), ("b", "\"x\"".to_owned())]);
    assert_eq!(bus.recv().await.unwrap().machine, machine(2));
    assert!(bus.try_recv().is_err(), "nobody watches machine 3");
    assert_eq!(site.rows("SELECT count(*) FROM points").await, ["3"]);
}
