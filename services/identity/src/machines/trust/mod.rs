//! What machines trust: command keys and CAs, their rotation and their retirement.
//!
//! A rotation adds a key beside the ones that are trusted, as a new version of the signed bundle.
//! From then on
//! - the newest command key signs commands. A machine on an older version doesn't know it, asks
//!   for `GET /trust?after=n` and follows the chain, each version signed by a key of the one
//!   before;
//! - the newest CA issues machines' certificates (they are answered with the new bundle), while
//!   the MQTT server goes on showing a certificate of the oldest CA that isn't retired, so that a
//!   machine that was offline connects without knowing the newer one.
//!
//! A retirement ends the trust in an old key. Machines that only know a retired CA fail in TLS,
//! ask for `GET /trust?after=n` over HTTP, and come back. The last of a kind can't be retired.
//!
//! A key file is on disk before the bundle that names it is committed. What a crash leaves
//! between the two is set aside at a start an hour later: before that it may be a rotation of another
//! process that shares the keys, which is just being committed.

mod bundle;
mod error;
mod keeper;
mod state;

pub use error::TrustError;
pub use keeper::Trust;
pub use state::TrustState;
