//! Tickets: opened and resolved by alarms, worked on by people.

pub mod closing;
pub mod desk;
mod error;
mod evidence;
mod jobs;
pub mod limits;
mod roots;
mod trace;

pub use error::TicketError;
pub use jobs::Ticketing;
