//! Commands: issued, signed, delivered, followed up.
