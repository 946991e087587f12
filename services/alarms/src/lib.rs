//! Alarms: their life cycle, shelving, suppression, maintenance mode, rules and their backtests,
//! what rules have learned and learning anew, and what late samples show.

mod apply;
pub mod backtests;
mod contact;
pub mod contact_watch;
pub mod ended;
mod error;
pub mod learning;
pub mod limits;
pub mod maintenance;
pub mod manage;
pub mod relearn;
pub mod revisions;
pub mod rules;

pub use apply::{AlarmEvent, apply};
pub use error::AlarmError;
pub use millwright_core::alarm::{Clear, Raise, Snapshot};
pub use millwright_store::alarms::{clear_machine, clear_rule};
