//! Waiting for conditions instead of sleeping.

use std::time::{Duration, Instant};

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(50);

/// Looks again and again until `probe` succeeds, and gives what it found.
///
/// # Panics
/// When `within` is over; with what was waited for and why the last look failed.
pub async fn eventually<T>(
    what: &str,
    within: Duration,
    mut probe: impl AsyncFnMut() -> anyhow::Result<T>,
) -> T {
    let started = Instant::now();
    loop {
        let error = match tokio::time::timeout(within, probe()).await {
            Ok(Ok(found)) => return found,
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => "the last look itself took too long".to_owned(),
        };
        assert!(
            started.elapsed() < within,
            "waited {:.1} s for: {what}\nlast look: {error}",
            started.elapsed().as_secs_f32()
        );
        tokio::time::sleep(INTERVAL).await;
    }
}
