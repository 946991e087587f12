//! The operator's side: who is asked before something is done to the machine, who sees what is
//! being done, who can end it, and what remains on the machine as a record of it.
//!
//! The [`Desk`] is the one place where orders meet the operator: what runs an order asks there and
//! shows there what it does; the panel, the command line and `status` show what lies on it and
//! bring the operator's word back.

mod desk;
mod desk_state;
mod log;
mod log_file;
mod order;
mod panel;
mod texts;

pub use desk::{Activity, Desk, DeskError};
pub use log::{Happening, LocalLog, LogEntry, log_path};
pub use order::{ActivityShown, Decision, DeskShown, How, LoggedOrder, OrderShown, QuestionShown};
pub use panel::{Language, Panel, PanelSocket};
