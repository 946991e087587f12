//! Identity: people (passwords, tokens, API tokens) and machines (enrolment, CA, revocation).
