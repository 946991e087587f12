//! The local socket: other programs on the machine report faults and ask for the status, and the
//! operator answers on the command line.
//!
//! A Unix socket, by default in the data folder and for the agent's own user, else where the
//! configuration says and for its group too; JSON, one line a request, one line an answer.

mod client;
mod listener;
mod protocol;
mod server;

pub use client::{LocalError, ask, socket_path};
pub use listener::{BindError, LocalSocket, bind};
pub use protocol::{Answer, Request};
pub use server::LocalServer;
