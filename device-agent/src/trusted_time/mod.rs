//! What time it is for certain, on a machine whose clock may be anything.
//!
//! The platform signs times: in every order, and in the answer to a question with a nonce. The
//! latest of them is the floor, kept on the disk. An answer counts on by the monotonic clock until
//! the clock of the machine makes a step, or the machine sleeps; then it is asked for anew. Without
//! an answer the machine's clock is believed, unless it is before the floor.

mod keeper;
mod reckoning;

pub use keeper::TimeKeeper;
pub use reckoning::{Clocks, Reckoning, TimeState, Unasked};
