//! A command's life, and what a machine is sent next. Pure: no clock, no database, no network.
//!
//! What makes a command run at most once, and what is said of it true:
//! - A command is [`Event::Sent`] *before* its signed form leaves the platform, so that one that
//!   was cut off in between is never told as "not handed over".
//! - It is signed for one ledger only. When the machine comes with another ledger, what was signed
//!   for the old one is [`End::Interrupted`] (outcome unknown); what was never signed goes on. An
//!   order without a ledger is run by no agent, so it may be signed for a ledger afterwards.
//! - Nothing leaves an [`End`]. Only [`Reached::Unconfirmed`] waits for the machine's word.
//! - What the machine reports goes before what the platform thinks, in whatever order it comes.

mod class;
mod next;
mod state;
mod step;
mod told;

pub use class::{assumed_class, covers, permission};
pub use next::{
    CANCEL_GRACE_S, Contact, LEDGER_WAIT_S, Next, RESEND_S, Standing, UNTOLD_WAIT_S, cancel_until,
    cancels, next,
};
pub use state::{End, Out, Reached, State};
pub use step::{Effect, Event, Illegal, Report, Step, step};
pub use told::{Told, after_told};
