//! Orders of the platform, carried out: verified, entered in the ledger, consented to, run one
//! after the other, reported. The rules are [`crate::orders`]; this is what acts on them.

mod attend;
mod builtin;
mod catalogue;
mod config;
mod ended;
mod intake;
mod leftovers;
mod notices;
mod output;
mod program;
mod report;
mod service;
mod taking;
mod template;

pub use config::{CommandsConfig, Consent, Policy, ProgramConfig, Rule};
pub use notices::{Direct, Inbox, Notice, OrderMessage, OrdersLink, link};
pub use service::{CommandService, Parts};
