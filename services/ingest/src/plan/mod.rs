//! What a batch writes. Pure: from the machines as they are remembered and the batch's messages
//! to rows; the machines advance with it.

mod consequence;
mod counts;
mod detect;
mod event;
mod planner;
mod samples;

pub(crate) use consequence::{Asked, Consequence, Meaning, Source, of_rule};
pub(crate) use counts::Counts;
pub(crate) use planner::{Known, Plan, Planned, mark_row, plan};
