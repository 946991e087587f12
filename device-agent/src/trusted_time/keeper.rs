//! The reckoning with real clocks, shared by all who need the time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use millwright_schemas::Timestamp;
use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;

use super::reckoning::{Clocks, Reckoning, TimeState, Unasked};
use crate::clock;

/// The time as this machine knows it. Cheap to clone; all clones know the same.
#[derive(Debug, Clone)]
pub struct TimeKeeper {
    begin: Instant,
    reckoning: Arc<Mutex<Reckoning>>,
}

impl TimeKeeper {
    /// Begins with the latest signed time of earlier lives.
    #[must_use]
    pub fn new(floor: Option<Timestamp>) -> Self {
        let clocks = Clocks { wall: clock::now(), monotonic: Duration::ZERO };
        let floor = floor.unwrap_or_else(|| Timestamp::from_micros(0));
        let reckoning = Arc::new(Mutex::new(Reckoning::new(floor, clocks)));
        Self { begin: Instant::now(), reckoning }
    }

    /// The time, when it is known for certain.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        self.with(Reckoning::now)
    }

    /// How the time is known.
    #[must_use]
    pub fn state(&self) -> TimeState {
        self.with(Reckoning::state)
    }

    /// See [`Reckoning::best_guess`].
    #[must_use]
    pub fn best_guess(&self) -> Timestamp {
        self.with(Reckoning::best_guess)
    }

    /// See [`Reckoning::saw_signed`].
    #[must_use]
    pub fn saw_signed(&self, signed: Timestamp) -> bool {
        self.with(|reckoning, clocks| reckoning.saw_signed(signed, clocks))
    }

    /// A nonce to ask with now, whatever is known.
    #[must_use]
    pub fn ask(&self) -> String {
        self.with(ask)
    }

    /// A nonce to ask with, when the platform should be asked now.
    #[must_use]
    pub fn question(&self) -> Option<String> {
        self.with(|reckoning, clocks| {
            reckoning.look(clocks);
            reckoning.wants_answer(clocks).then(|| ask(reckoning, clocks))
        })
    }

    /// The connection is gone: see [`Reckoning::give_up`].
    pub fn give_up(&self) {
        self.with(|reckoning, _| reckoning.give_up());
    }

    /// See [`Reckoning::answer`].
    ///
    /// # Errors
    /// When it isn't the answer to the last question.
    pub fn answer(&self, nonce: &str, signed: Timestamp) -> Result<(), Unasked> {
        self.with(|reckoning, clocks| reckoning.answer(nonce, signed, clocks))
    }

    fn with<R>(&self, work: impl FnOnce(&mut Reckoning, Clocks) -> R) -> R {
        let clocks = Clocks { wall: clock::now(), monotonic: self.begin.elapsed() };
        // Plain data, whole after every step.
        work(&mut self.reckoning.lock().unwrap_or_else(PoisonError::into_inner), clocks)
    }
}

fn ask(reckoning: &mut Reckoning, clocks: Clocks) -> String {
    let nonce = hex::encode(rand::random::<[u8; 16]>());
    reckoning.look(clocks);
    reckoning.ask(nonce.clone(), clocks);
    nonce
}

/// Certificates are checked at the time that is known, else at the machine's, but never before the
/// floor: a machine whose clock is at 1970 still connects, and no certificate that ended before the
/// floor counts.
impl TimeProvider for TimeKeeper {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.best_guess().seconds()).unwrap_or_default();
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}
