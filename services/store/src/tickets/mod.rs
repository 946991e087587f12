//! Tickets, what was said about them, and the evidence that was copied for them.

pub mod around;
pub mod comments;
pub mod evidence;
mod reads;
mod row;
mod write;

pub use reads::{Filter, any_to_close, get, last_of_cause, list, load, to_close};
pub use write::{insert, next_number, put_alarm_on, save};
