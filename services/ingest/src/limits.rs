//! Named bounds of the intake. Beyond them connections stop reading: back-pressure, not loss.

/// Messages that wait for their batch, over all connections.
pub const INTAKE_MESSAGES: usize = 8_192;
/// Payload that waits for its batch or its commit, over all connections, in KiB.
pub const INTAKE_KIB: usize = 64 * 1024;
