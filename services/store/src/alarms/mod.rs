//! Alarms: rows, and the trace that every change of one leaves.

mod attention;
mod clearing;
mod reads;
mod row;
mod transition;
mod wanted;

pub use attention::wanting_attention;
pub use clearing::{clear_machine, clear_rule};
pub use reads::{
    Filter, any_calm, any_shelving_over, any_suppressed_by_maintained_parent,
    any_suppressed_by_parent, count_active, get, list,
};
pub use transition::{carry_out, carry_out_for, hand_over, insert, tell_flapping};
pub use wanted::{
    active, active_between, active_contact_of_children, active_of_machine, active_of_origin,
    active_of_rule, calm, last, last_on_ticket, last_raised, load, orphans, parent_maintained,
    shelving_over,
};
