//! The rules that the platform has given this machine: watched here too, with or without a
//! connection, by the same engine and on the very samples that are sent.
//!
//! The platform's own watching is the record; what is found here is for the people at the machine.
//! Both see the same samples with the same times in the same messages, so they find the same. Where
//! rules and their states are kept, and when they move, is [`crate::outbox`]'s business: it is one
//! transaction with the samples.

mod alarm;
mod given;
mod watching;

pub(crate) use alarm::told;
pub use alarm::{LocalAlarm, RulesShown};
pub(crate) use given::{FailedRule, Given, read};
pub(crate) use watching::{Point, StoredState, Watching};
