//! The gateway from its bytes to its sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod bytes_v3;
mod bytes_v5;
mod clients;
mod downlink;
mod identity;
mod illegal;
mod packets;
mod random;
mod site;
mod sockets;
mod timing;
mod topics_and_wills;
mod wills;
