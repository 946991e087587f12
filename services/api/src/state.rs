//! What handlers work with.

use std::sync::Arc;

use millwright_dispatch::CommandMetrics;
use millwright_identity::machines::Enrollment;
use millwright_identity::people::People;
use millwright_ingest::live::Live;
use millwright_schemas::Timestamp;
use millwright_store::Store;
use millwright_store::sequencer::Positions;

use crate::clock::Clock;
use crate::health::Health;
use crate::machine_socket::Machines;

/// Everything that handlers need. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    /// The database.
    pub store: Store,
    /// Sign-in.
    pub people: Arc<People>,
    /// Machines' identity: enrolment, renewal, what machines trust.
    pub enrollment: Enrollment,
    /// Where machines' WebSockets go.
    pub machines: Machines,
    /// Live copies of samples.
    pub live: Live,
    /// How far domain events have got.
    pub positions: Positions,
    /// Where ends of commands are counted.
    pub commands: CommandMetrics,
    /// The time.
    pub clock: Clock,
    /// Where people and machines reach the API, without a trailing slash, such as
    /// `https://millwright.example`. Cookies are `Secure` when it is https.
    pub public_url: String,
    /// What `/metrics` tells.
    pub metrics: prometheus::Registry,
    /// What `/readyz` asks.
    pub health: Health,
}

impl AppState {
    /// The time of this request.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether people reach the API by https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}
