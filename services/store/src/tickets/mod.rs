//! Tickets, what was said about them, and the evidence that was copied for them.

pub mod around;
pub mod comments;
pub mod evidence;
mod members;
mod neighbours;
mod reads;
mod row;
mod write;

pub use members::{
    Member, Place, alarm_list, any_flapping, count_causes, has_alarm_of, has_alarms, members,
    move_cause, move_evidence, move_places, place, put_alarm_on,
};
pub use neighbours::{Near, Neighbour, near};
pub use reads::{Filter, any_to_close, get, last_of_alarm, last_of_cause, list, load, to_close};
pub use write::{insert, next_number, save};
