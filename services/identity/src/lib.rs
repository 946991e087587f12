//! Identity: people (passwords, tokens, API tokens) and machines (enrolment, CA, revocation), and the
//! networks that they come from.

pub mod machines;
pub mod networks;
pub mod people;
