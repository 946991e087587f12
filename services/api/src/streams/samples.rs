//! A machine's samples as they come in.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::{HttpResponse, web};
use millwright_ingest::live::LiveCopy;
use millwright_schemas::Timestamp;
use millwright_schemas::api::telemetry::LiveSample;
use millwright_store::sequencer::Positions;
use millwright_store::telemetry::reads::signals::{self, SignalState};
use millwright_store::{Store, StoreError};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval};

use super::places::Place;
use super::right::Right;
use super::sse::{self, Gone, Out};
use crate::error::ApiError;
use crate::limits::{STREAM_CHECK, STREAM_POLL};
use crate::query::LiveQuery;
use crate::state::AppState;

type Copies = broadcast::Receiver<Arc<LiveCopy>>;

/// Starts a stream of samples.
///
/// # Errors
/// When the machine is outside the caller's scope.
pub(crate) async fn start(
    state: &web::Data<AppState>,
    right: Right,
    place: Place,
    query: LiveQuery,
) -> Result<HttpResponse, ApiError> {
    // Copies first: what is committed between the two reads comes twice, not never.
    let copies = state.live.subscribe(query.machine).ok();
    let latest = signals::all(&state.store, right.scope(), query.machine).await?;
    let (out, response) = sse::open();
    let (store, positions) = (state.store.clone(), state.positions.clone());
    let mut follower =
        Follower { store, right, positions, query, copies, sent: HashMap::new(), out };
    actix_web::rt::spawn(async move {
        let _place = place;
        let _ = follower.run(latest).await;
    });
    Ok(response)
}

struct Follower {
    store: Store,
    right: Right,
    /// Ends when the platform stops.
    positions: Positions,
    query: LiveQuery,
    /// `None`: too many machines are watched; the stored values have to do.
    copies: Option<Copies>,
    /// Time of the newest value that was written, by signal.
    sent: HashMap<String, Timestamp>,
    out: Out,
}

impl Follower {
    async fn run(&mut self, latest: Vec<SignalState>) -> Result<(), Gone> {
        self.out.greet().await?;
        self.write_latest(latest).await?;
        let mut check = interval(STREAM_CHECK);
        let mut poll = interval(STREAM_POLL);
        for timer in [&mut check, &mut poll] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            timer.reset();
        }
        loop {
            tokio::select! {
                copy = next_copy(&mut self.copies) => match copy {
                    Some(copy) => {
                        self.write_copy(&copy).await?;
                        poll.reset();
                    }
                    // Some were missed.
                    None => self.poll().await?,
                },
                // No copies for a while: perhaps they get lost.
                _ = poll.tick() => self.poll().await?,
                _ = check.tick() => {
                    if !self.right.holds().await {
                        return Ok(());
                    }
                    self.out.heartbeat().await?;
                }
                () = self.positions.ended() => return Ok(()),
                () = self.out.gone() => return Err(Gone),
            }
        }
    }

    async fn write_copy(&mut self, copy: &LiveCopy) -> Result<(), Gone> {
        for sample in &copy.samples {
            self.write(sample).await?;
        }
        Ok(())
    }

    async fn poll(&mut self) -> Result<(), Gone> {
        match signals::all(&self.store, self.right.scope(), self.query.machine).await {
            Ok(latest) => self.write_latest(latest).await,
            // Full or locked for a moment: the next poll will do.
            Err(error) if error.is_transient() => Ok(()),
            // The machine has left the caller's scope.
            Err(StoreError::NotFound(_)) => Err(Gone),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "sample stream ends");
                Err(Gone)
            }
        }
    }

    async fn write_latest(&mut self, latest: Vec<SignalState>) -> Result<(), Gone> {
        for state in latest {
            let Some(latest) = state.latest else { continue };
            let sample = LiveSample {
                machine_id: self.query.machine,
                signal: state.signal,
                ts: latest.ts,
                value: latest.value.to_json(),
                quality: latest.quality,
                received_at: latest.received_at,
            };
            self.write(&sample).await?;
        }
        Ok(())
    }

    /// Writes what is wanted and newer than what was written.
    async fn write(&mut self, sample: &LiveSample) -> Result<(), Gone> {
        let wanted = &self.query.signals;
        if !wanted.is_empty() && !wanted.contains(&sample.signal) {
            return Ok(());
        }
        match self.sent.get_mut(&sample.signal) {
            Some(sent) if *sent >= sample.ts => return Ok(()),
            Some(sent) => *sent = sample.ts,
            None => {
                self.sent.insert(sample.signal.clone(), sample.ts);
            }
        }
        self.out.event(None, "sample", sample).await
    }
}

/// The next copy; `None` when some were missed.
async fn next_copy(copies: &mut Option<Copies>) -> Option<Arc<LiveCopy>> {
    if let Some(receiver) = copies {
        match receiver.recv().await {
            Ok(copy) => return Some(copy),
            Err(RecvError::Lagged(_)) => return None,
            Err(RecvError::Closed) => *copies = None,
        }
    }
    std::future::pending().await
}
