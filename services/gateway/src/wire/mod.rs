//! Bytes to packets and back, for MQTT 3.1.1 and 5 alike.

mod adapter;
mod frame;
mod packet;
mod strict;
mod v3;
mod v5;

pub use adapter::Wire;
pub use packet::{
    AckCode, Connack, Connect, ConnectRefusal, Farewell, Fault, FilterCode, Incoming, Publish,
    Subscribe, Unsubscribe, Version, WillMessage,
};
