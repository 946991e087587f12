//! Machines: register, find, change, take out of use.

mod alarms;
mod change;
mod create;
mod decommission;
mod placement;
mod query;
mod rules;
mod update;

pub use alarms::count_alarms;
pub use create::create;
pub use decommission::decommission;
pub use query::{get, list};
pub use rules::tell_rules;
pub use update::update;
