//! Backtests: a rule tried on what was stored, before it is switched on.
//!
//! The engine is the one that watches live; it hears the stored values in the order of their times.
//! What alarms and tickets become is decided by the rules of alarms and tickets themselves. It changes
//! nothing but its own row, so it leaves neither audit records nor events.
//!
//! | room | does |
//! |---|---|
//! | `create`, `check`, `query` | what people ask for |
//! | `run` | the job: reads piece by piece, tells how far it is, stops when it is to |
//! | `trial` | one rule at one machine |
//! | `tally` | what its transitions come to: alarms, tickets, failures |
//! | `report` | all machines together, and what differs between two rules |

mod check;
mod create;
pub mod limits;
mod query;
mod report;
mod request;
mod run;
pub(crate) mod tally;
pub(crate) mod trial;

pub use create::create;
pub use query::{cancel, get, list};
pub use run::Backtests;
