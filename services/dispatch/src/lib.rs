//! Dispatch: commands are issued, approved, signed, handed over and followed up to their end.
//! Machines that ask are told the time, and machines whose agents watch by rules are given them.
//!
//! What people do are functions on the store ([`issue`], [`cancel`], [`decide`]); what machines say
//! and what time brings is done by [`Dispatch`]: its jobs make it certain, its notices make it
//! fast, its worker catches what both have missed. The rules are in `millwright_core::command`.

mod cancel;
mod change;
mod decide;
mod delivery;
mod dispatch;
mod draft;
mod error;
mod issue;
mod jobs;
pub mod limits;
mod look_up;
mod metrics;
mod orders;
mod output;
mod people;
mod query;
mod reports;
mod rules;
mod told;
mod wanted;
mod worker;

pub use cancel::cancel;
pub use decide::decide;
pub use delivery::{Delivery, NotTaken};
pub use dispatch::{Dispatch, Parts};
pub use error::{DispatchError, WorkError};
pub use issue::issue;
pub use metrics::CommandMetrics;
pub use query::{catalogue, get, list, list_of_machine};
pub use rules::RuleRounds;
pub use worker::run;
