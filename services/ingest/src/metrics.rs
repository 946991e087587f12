//! Metrics of ingest, `millwright_ingest_*`.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Registry};

/// The metrics; register them once a process.
#[derive(Debug, Clone)]
pub struct IngestMetrics {
    pub(crate) messages: IntCounter,
    pub(crate) points: IntCounter,
    pub(crate) events: IntCounter,
    pub(crate) duplicates: IntCounter,
    pub(crate) conflicts: IntCounter,
    pub(crate) quarantined: IntCounter,
    pub(crate) late: IntCounter,
    pub(crate) ahead: IntCounter,
    pub(crate) refused: IntCounter,
    pub(crate) batches: IntCounter,
    pub(crate) retries: IntCounter,
    pub(crate) relived: IntCounter,
    pub(crate) learning_begun: IntCounter,
    pub(crate) learning_left_out: IntCounter,
    pub(crate) checkpoints: IntCounter,
    pub(crate) rebuild_retries: IntCounter,
    pub(crate) stalled: IntGauge,
    rebuilds_waiting: IntGauge,
    pub(crate) batch_messages: Histogram,
    pub(crate) commit_seconds: Histogram,
}

impl IngestMetrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// When they are registered already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(format!("millwright_ingest_{name}"), help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let histogram = |name: &str, help: &str, buckets: Vec<f64>| {
            let options = HistogramOpts::new(format!("millwright_ingest_{name}"), help);
            let histogram = Histogram::with_opts(options.buckets(buckets))?;
            registry.register(Box::new(histogram.clone()))?;
            Ok::<_, prometheus::Error>(histogram)
        };
        let stalled =
            IntGauge::new("millwright_ingest_stalled", "1 while the database can't be written to")?;
        registry.register(Box::new(stalled.clone()))?;
        let rebuilds_waiting = IntGauge::new(
            "millwright_ingest_rebuilds_waiting",
            "Rules with a machine that wait until what they would have learned is rebuilt",
        )?;
        registry.register(Box::new(rebuilds_waiting.clone()))?;
        Ok(Self {
            messages: counter("messages_total", "Messages committed")?,
            points: counter("points_total", "Values handed to the database")?,
            events: counter("events_total", "Reported events handed to the database")?,
            duplicates: counter("duplicates_total", "Values and events that were there already")?,
            conflicts: counter(
                "conflicts_total",
                "Values and events that were there with another content",
            )?,
            quarantined: counter("quarantined_total", "Messages put into quarantine")?,
            late: counter(
                "late_total",
                "Values that came too late for rules, or ahead of their time",
            )?,
            ahead: counter("ahead_total", "Values whose time hadn't come")?,
            refused: counter(
                "refused_total",
                "Messages left to their machine: of a superseded connection, of a machine that is unknown or no longer the sender's",
            )?,
            batches: counter("batches_total", "Transactions committed")?,
            retries: counter("retries_total", "Batches written again after an error")?,
            relived: counter(
                "relived_total",
                "Stored values that rules have taken again to catch up",
            )?,
            learning_begun: counter(
                "learning_begun_total",
                "Times that a rule that learns has begun with a machine",
            )?,
            learning_left_out: counter(
                "learning_left_out_total",
                "Times that there was no room for what a rule would learn of a machine",
            )?,
            checkpoints: counter("checkpoints_total", "Times that what was learned was stored")?,
            rebuild_retries: counter(
                "rebuild_retries_total",
                "Times that rebuilding what a rule would have learned was tried again after an error",
            )?,
            stalled,
            rebuilds_waiting,
            batch_messages: histogram(
                "batch_messages",
                "Messages in a batch",
                prometheus::exponential_buckets(1.0, 2.0, 12)?,
            )?,
            commit_seconds: histogram(
                "commit_seconds",
                "Time to write and commit a batch",
                prometheus::exponential_buckets(0.000_5, 2.0, 14)?,
            )?,
        })
    }

    pub(crate) fn set_rebuilds_waiting(&self, waiting: usize) {
        self.rebuilds_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }
}
