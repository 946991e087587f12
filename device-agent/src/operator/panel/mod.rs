//! The panel: a page on this machine that shows the operator what the platform does here, asks,
//! and stops. The only thing that listens, and only for this machine itself.
//!
//! Whoever can use this computer can use it, as they could a switch beside the machine. What must
//! not: other machines (it listens on the loopback only), pages of other sites in the operator's
//! browser (`Host`, `Origin` and a token that only the page has), and programs that take its
//! connections or send without end (bounds on all of them).

mod api;
mod guard;
mod language;
mod listen;
mod pages;
mod problem;
mod serve;

pub use language::Language;
pub use listen::PanelSocket;
pub use serve::Panel;
