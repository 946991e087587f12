//! How many streams there may be.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millwright_core::access::Actor;

use crate::error::ApiError;
use crate::limits::{STREAM_RETRY_AFTER_S, STREAMS_MAX, STREAMS_PER_CALLER};

/// Counts the streams that run. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Streams(Arc<Mutex<HashMap<Actor, usize>>>);

/// One stream's place; free again when dropped.
#[derive(Debug)]
pub struct Place {
    streams: Streams,
    actor: Actor,
}

impl Streams {
    /// Takes a place for one more stream of this caller.
    ///
    /// # Errors
    /// [`ApiError::TooMany`] beyond the bounds.
    pub fn take_place(&self, actor: Actor) -> Result<Place, ApiError> {
        let mut running = self.lock();
        let own = running.get(&actor).copied().unwrap_or(0);
        if own >= STREAMS_PER_CALLER || running.values().sum::<usize>() >= STREAMS_MAX {
            return Err(ApiError::TooMany { retry_after_s: STREAM_RETRY_AFTER_S });
        }
        running.insert(actor, own + 1);
        Ok(Place { streams: self.clone(), actor })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Actor, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self.streams.lock();
        match running.get_mut(&self.actor) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                running.remove(&self.actor);
            }
        }
    }
}
