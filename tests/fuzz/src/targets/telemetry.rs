//! Payloads of `up/telemetry`.

use millwright_schemas::limits::SIGNAL_NAME_MAX_BYTES;
use millwright_schemas::wire::telemetry::{SampleValue, decode};

/// Decodes; what is accepted keeps the rules.
pub fn target(data: &[u8]) {
    let Ok(telemetry) = decode(data) else { return };
    let values = telemetry.points.len() + telemetry.rejected.len();
    assert!(values <= data.len(), "{values} values from {} bytes", data.len());
    for point in &telemetry.points {
        let name = &point.signal;
        assert!((1..=SIGNAL_NAME_MAX_BYTES).contains(&name.len()), "{name:?}");
        assert!(!name.chars().any(char::is_control), "{name:?}");
        if let SampleValue::Number(number) = point.value {
            assert!(number.is_finite(), "{number}");
        }
    }
    for rejected in &telemetry.rejected {
        assert!(!rejected.reason.is_empty());
        assert!(rejected.signal.chars().count() <= 256);
    }
}
