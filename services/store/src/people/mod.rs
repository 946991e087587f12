//! People: users, refresh tokens, API tokens, idempotency keys.
