//! Identity: people (passwords, tokens, API tokens) and machines (enrolment, CA, revocation).

pub mod machines;
pub mod people;
