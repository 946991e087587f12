//! Alarms: their life cycle, shelving, suppression, maintenance mode, rules.

mod apply;
mod contact;
pub mod contact_watch;
pub mod rules;

pub use apply::{AlarmEvent, apply};
pub use millwright_core::alarm::{Clear, Raise, Snapshot};
pub use millwright_store::alarms::{clear_machine, clear_rule};
