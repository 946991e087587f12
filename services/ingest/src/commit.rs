//! The committer: one batch after the other, until each is settled.

use std::time::Instant;

use millwright_schemas::Timestamp;
use millwright_store::StoreError;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::collect::Batch;
use crate::decode::Message;
use crate::health::Health;
use crate::limits::{EXHAUSTED_TRIES, RETRY_MAX, RETRY_MIN};
use crate::live::{Live, LiveCopy};
use crate::metrics::IngestMetrics;
use crate::write::{Writer, Written};

/// Messages that are written at once.
#[derive(Debug)]
struct Part {
    messages: Vec<Message>,
    /// An attempt at them, on their own or with others, may have been committed without anyone knowing.
    again: bool,
}

impl Part {
    /// Leaves the first half in place; the other one.
    fn halve(&mut self) -> Self {
        let messages = self.messages.split_off(self.messages.len() / 2);
        Self { messages, again: self.again }
    }
}

/// Settles batches: committed and acknowledged, or left to their machines.
#[derive(Debug)]
pub(crate) struct Committer {
    pub(crate) writer: Writer,
    pub(crate) live: Live,
    pub(crate) health: Health,
    pub(crate) metrics: IngestMetrics,
    /// The platform's clock, for the health flag only.
    pub(crate) now: fn() -> Timestamp,
}

impl Committer {
    /// Runs until the collector has ended and its last batch is settled.
    pub(crate) async fn run(mut self, mut batches: mpsc::Receiver<Batch>) {
        while let Some(batch) = batches.recv().await {
            Box::pin(self.settle(batch.messages)).await;
        }
    }

    /// A lasting error halves the batch until the message at fault is alone; so does too little room for
    /// all of it at once.
    async fn settle(&mut self, messages: Vec<Message>) {
        let mut waiting = vec![Part { messages, again: false }];
        while let Some(mut part) = waiting.pop() {
            let messages = part.messages.len();
            match self.write(&mut part).await {
                Ok(written) => self.publish(written, messages),
                Err(error) if messages > 1 => {
                    tracing::warn!(messages, error = chain(&error), "batch is halved");
                    let rest = part.halve();
                    waiting.push(rest);
                    waiting.push(part);
                }
                Err(error) if error.is_exhausted() => leave(&part.messages, &error),
                Err(error) => self.refuse(part, &error).await,
            }
        }
    }

    /// Writes until it is committed or lastingly refused, or the server has had no room for all of it a few
    /// times running.
    async fn write(&mut self, part: &mut Part) -> Result<Written, StoreError> {
        let mut pause = RETRY_MIN;
        let mut exhausted = 0;
        loop {
            let started = Instant::now();
            match self.writer.write(&part.messages, part.again).await {
                // Also when nobody knows whether it will get better: what is quarantined is
                // acknowledged, and the machine deletes it.
                Err(error) if !error.blames_data() => {
                    // Nor whether it was committed.
                    part.again = true;
                    self.health.set_stalled((self.now)(), chain(&error));
                    self.metrics.stalled.set(1);
                    self.metrics.retries.inc();
                    tracing::warn!(
                        messages = part.messages.len(),
                        error = chain(&error),
                        "commit failed; machines wait"
                    );
                    exhausted = if error.is_exhausted() { exhausted + 1 } else { 0 };
                    if exhausted >= EXHAUSTED_TRIES {
                        return Err(error);
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                }
                settled => {
                    // A lasting error is about the batch; the database itself works.
                    self.health.set_well();
                    self.metrics.stalled.set(0);
                    self.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
                    return settled;
                }
            }
        }
    }

    /// One message that the database refuses: to quarantine, so that it doesn't come for ever.
    async fn refuse(&mut self, mut part: Part, error: &StoreError) {
        let reason = chain(error);
        for message in &mut part.messages {
            let machine = message.uplink().machine;
            tracing::error!(machine.id = %machine, error = reason, "a message can't be stored");
            message.refuse("refused_by_database", reason.clone());
        }
        match self.write(&mut part).await {
            Ok(written) => self.publish(written, part.messages.len()),
            Err(error) => leave(&part.messages, &error),
        }
    }

    /// What follows a commit: acknowledgements first.
    fn publish(&self, written: Written, messages: usize) {
        let Written { planned, counts, caught_up } = written;
        // Failures before counts: a count of what came after a refused message must not be read
        // as if it were of that one.
        for line in planned.refused {
            line.fail();
        }
        for (line, count) in planned.done {
            line.advance(count);
        }
        for (machine, samples) in planned.live {
            self.live.publish(LiveCopy { machine, samples });
        }
        let metrics = &self.metrics;
        let totals = counts.totals();
        let count = |counter: &prometheus::IntCounter, n: i64| {
            counter.inc_by(u64::try_from(n).unwrap_or(0));
        };
        let plan = &planned.plan;
        let values = plan.new_points.len() + plan.other_points.len() + plan.texts.len();
        metrics.messages.inc_by((messages as u64).saturating_sub(planned.refused_messages));
        metrics.refused.inc_by(planned.refused_messages);
        metrics.points.inc_by(values as u64);
        metrics.events.inc_by(plan.reported.len() as u64);
        count(&metrics.duplicates, totals.duplicates);
        count(&metrics.conflicts, totals.conflicts);
        count(&metrics.quarantined, totals.quarantined);
        count(&metrics.late, totals.late);
        count(&metrics.ahead, totals.ahead);
        metrics.relived.inc_by(caught_up.samples);
        metrics.learning_begun.inc_by(caught_up.begun);
        metrics.learning_left_out.inc_by(caught_up.left_out);
        metrics.checkpoints.inc_by(plan.learned.len() as u64);
        metrics.set_rebuilds_waiting(self.writer.rebuilds_waiting());
        metrics.batches.inc();
        metrics.batch_messages.observe(messages as f64);
    }
}

/// Messages that can't be stored, nor quarantined: what they are of is acknowledged no further, so that
/// their machines send it again.
fn leave(messages: &[Message], error: &StoreError) {
    for message in messages {
        let uplink = message.uplink();
        tracing::error!(
            machine.id = %uplink.machine,
            error = chain(error),
            "a message can't be stored nor quarantined; its connection is closed"
        );
        if let Some(line) = &uplink.acks {
            line.fail();
        }
    }
}

/// An error with its causes, in one line.
fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
