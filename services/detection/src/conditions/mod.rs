//! Conditions: a tree, compiled to a list of nodes with a small state each.
//!
//! Children stand before their parents, so that one pass over the list judges the whole tree at a
//! moment. A leaf turns samples into a verdict, a group turns its children's states into one; both
//! hand it to a [hold](crate::hold). Time passes from due moment to due moment, in order, so that
//! every change has the time at which it happened, whenever it is learned.
//!
//! | room | judges |
//! |---|---|
//! | `rate`, `deviation`, `count`, `states`, `missing`, `sequence`, `schedule` | one kind of leaf each |
//! | `compile` | conditions as people write them |
//! | `check`, `rise` | what is wrong with leaves, and with the order of levels |
//! | `leaf` | what a leaf hears, and what time does to it |
//! | `tree` | the list of nodes |
//! | `step` | what an event makes of a tree's state |
//! | `words` | conditions in words, and what an alarm tells of its cause |
//! | `needs` | which signals, of which kinds, a condition watches |

mod check;
pub(crate) mod compile;
mod count;
mod deviation;
mod leaf;
mod missing;
pub mod needs;
mod rate;
mod rise;
mod schedule;
mod sequence;
mod states;
mod step;
mod tree;
pub mod value;
pub(crate) mod words;

pub(crate) use step::{Happening, Update};
pub use step::{Moved, OverBudget, WORK_MAX};
pub(crate) use tree::Heard;
pub use tree::{Tree, TreeState};
