//! Domain events as they happen.

use actix_web::{HttpResponse, web};
use millwright_store::sequencer::Positions;
use millwright_store::{Store, events};
use tokio::time::{MissedTickBehavior, interval};

use super::places::Place;
use super::right::Right;
use super::sse::{self, Gone, Out};
use crate::limits::{STREAM_BATCH, STREAM_CHECK};
use crate::names;
use crate::routes::events::view;
use crate::state::AppState;

/// Starts a stream of events after a position.
pub(crate) fn start(
    state: &web::Data<AppState>,
    right: Right,
    place: Place,
    after: i64,
    types: Vec<String>,
) -> HttpResponse {
    let (out, response) = sse::open();
    let (store, positions) = (state.store.clone(), state.positions.clone());
    let mut follower = Follower { store, right, positions, types, position: after, out };
    actix_web::rt::spawn(async move {
        let _place = place;
        // Whoever reads comes back and goes on after the last event it had.
        let _ = follower.run().await;
    });
    response
}

struct Follower {
    store: Store,
    right: Right,
    positions: Positions,
    types: Vec<String>,
    position: i64,
    out: Out,
}

impl Follower {
    async fn run(&mut self) -> Result<(), Gone> {
        self.out.greet().await?;
        let mut check = interval(STREAM_CHECK);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        check.reset();
        loop {
            self.catch_up().await?;
            tokio::select! {
                more = self.positions.beyond(self.position) => if !more { return Ok(()) },
                // Also the poll: another process may have given positions.
                _ = check.tick() => {
                    if !self.right.holds().await {
                        return Ok(());
                    }
                    self.out.heartbeat().await?;
                }
                () = self.out.gone() => return Err(Gone),
            }
        }
    }

    /// Writes all that has happened since.
    async fn catch_up(&mut self) -> Result<(), Gone> {
        loop {
            let last = self.positions.last();
            let (scope, types) = (self.right.scope(), &self.types);
            let found = events::after(&self.store, scope, self.position, types, STREAM_BATCH).await;
            let found = found.map_err(|error| {
                tracing::warn!(error = &error as &dyn std::error::Error, "event stream ends");
                Gone
            })?;
            let all = (found.len() as u64) < STREAM_BATCH;
            let mut found: Vec<_> = found.into_iter().map(view).collect();
            names::all(&self.store, self.right.caller(), &mut found).await;
            for event in found {
                self.position = event.position;
                self.out.event(Some(event.position), &event.event_type, &event).await?;
            }
            if all {
                // Past those that were filtered out.
                self.position = self.position.max(last);
                return Ok(());
            }
        }
    }
}
