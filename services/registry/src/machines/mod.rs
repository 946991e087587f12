//! Machines: register, find, change, take out of use.

mod alarms;
mod change;
mod create;
mod decommission;
mod placement;
mod query;
mod update;

pub use alarms::count_alarms;
pub use create::create;
pub use decommission::decommission;
pub use query::{get, list};
pub use update::update;
