//! What intake makes of a payload: times, ids, quarantine. The first byte chooses the channel.

use bytes::Bytes;
use millwright_ingest::intake::{Generation, Uplink};
use millwright_schemas::Timestamp;
use millwright_schemas::topics::UpChannel;

use super::machine;

/// See the module.
pub fn target(data: &[u8]) {
    let Some((&channel, payload)) = data.split_first() else { return };
    let channel = match channel % 4 {
        0 => UpChannel::Other("diagnostics".to_owned()),
        1 | 2 => UpChannel::Telemetry,
        _ => UpChannel::Events,
    };
    let uplink = Uplink {
        sender: machine(),
        generation: Generation(1),
        machine: machine(),
        channel,
        payload: Bytes::copy_from_slice(payload),
        received_at: Timestamp::from_millis(1_763_775_000_000),
        acks: None,
    };
    millwright_ingest::decode_only(&uplink);
}
