//! One MQTT session: bytes, times and counts in; bytes, messages and questions out.
//!
//! Knows no socket, clock, database or task. The shell feeds it ([`Session::receive`],
//! [`Session::committed`], [`Session::deliver`], [`Session::advance`]) and does what it asks for
//! ([`Session::output`], [`Session::take_message`], [`Session::take_question`]).

mod clock;
mod connect;
mod core;
mod downlink;
mod end;
mod handle;
mod publish;
mod subscribe;
mod throttle;

pub use connect::{Admission, Claim, Peer, Presented, Question, Refused};
pub use core::Session;
pub use downlink::{Delivery, Down};
pub use end::End;
pub use publish::{LastWords, Message};
pub use subscribe::{ChildSet, Subscription};
