//! Orders to this machine: what is believed, what is done with it, and how far it is. Pure: no
//! clock, no disk, no process; time, ledger and catalogue are arguments.

mod catalogue;
mod decide;
mod entry;
mod signed;

pub use catalogue::{Catalogue, Listed, NotListed};
pub use decide::{Begin, Decision, LedgerHead, Local, begin, decide};
pub use entry::{Entry, EntryState, Happening, Illegal, Outcome, Step, step};
pub use signed::{Refusal, Signed, verify, verify_payload};
