//! Everything that crosses a process boundary: ids, topics, MQTT payloads, REST types.
//!
//! Nothing here does I/O, reads a clock or draws random numbers. What comes from outside is
//! parsed here once; behind this crate the types are trusted.

pub mod api;
pub mod enrollment;
pub mod ids;
pub mod limits;
pub mod secret;
pub mod signal;
pub mod time;
pub mod topics;
pub mod wire;
mod words;

pub use ids::{
    AlarmId, AlarmRevisionId, ApiTokenId, BacktestId, CertificateSerial, CommandId, CommentId,
    DeviceTokenId, EventId, JobId, LedgerId, MachineId, OrganizationId, OutboxId, RuleId, SiteId,
    TicketId, UserId,
};
pub use secret::Secret;
pub use signal::{Quality, SignalKind, SignalName};
pub use time::Timestamp;
pub use words::UnknownWord;
