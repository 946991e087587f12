//! Metrics of commands, `millwright_commands_*`.

use millwright_schemas::Timestamp;
use millwright_schemas::api::commands::{Command, CommandState};
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry};

use crate::change::Moved;

/// The metrics; register them once a process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CommandMetrics {
    ended: IntCounterVec,
    received_seconds: Histogram,
    ended_seconds: Histogram,
    pub(crate) not_taken: IntCounter,
}

impl CommandMetrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// When they are registered already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let ended = Opts::new("millwright_commands_ended_total", "Commands that ended, by state");
        let histogram = |name: &str, help: &str| {
            let options = HistogramOpts::new(format!("millwright_commands_{name}"), help);
            // 2 ms to about 9 minutes.
            let buckets = prometheus::exponential_buckets(0.002, 2.0, 19)?;
            Histogram::with_opts(options.buckets(buckets))
        };
        let metrics = Self {
            ended: IntCounterVec::new(ended, &["state"])?,
            received_seconds: histogram(
                "received_seconds",
                "Time from a command's issue until its machine had it",
            )?,
            ended_seconds: histogram("ended_seconds", "Time from a command's issue to its end")?,
            not_taken: IntCounter::new(
                "millwright_commands_not_taken_total",
                "Messages to machines that couldn't be handed over; they are sent again",
            )?,
        };
        for state in CommandState::ALL.iter().filter(|state| state.is_final()) {
            // Shown from the start: a rate needs a zero.
            metrics.ended.with_label_values(&[state.as_str()]);
        }
        registry.register(Box::new(metrics.ended.clone()))?;
        registry.register(Box::new(metrics.received_seconds.clone()))?;
        registry.register(Box::new(metrics.ended_seconds.clone()))?;
        registry.register(Box::new(metrics.not_taken.clone()))?;
        Ok(metrics)
    }

    /// Counts a committed change.
    pub(crate) fn count(&self, command: &Command, moved: &Moved, now: Timestamp) {
        use CommandState as S;
        #[expect(clippy::cast_precision_loss, reason = "a duration for a histogram")]
        let seconds = now.micros_since(command.created_at) as f64 / 1e6;
        let had = matches!(moved.before, S::Received | S::AwaitingConsent | S::Running);
        let has = matches!(moved.after, S::Received | S::AwaitingConsent | S::Running);
        if has && !had {
            self.received_seconds.observe(seconds);
        }
        if moved.after.is_final() && !moved.before.is_final() {
            self.ended.with_label_values(&[moved.after.as_str()]).inc();
            self.ended_seconds.observe(seconds);
        }
    }
}
