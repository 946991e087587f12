//! The local socket: other programs on the machine report faults and ask for the status.
//!
//! A Unix socket in the data folder, for the agent's own user; JSON, one line a request, one
//! line an answer.

mod client;
mod protocol;
mod server;

pub use client::{LocalError, ask, socket_path};
pub use protocol::{Answer, Request};
pub use server::{LocalServer, bind};
