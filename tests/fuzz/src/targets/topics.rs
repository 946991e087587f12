//! Topics and filters of machines, and those of the bus.

use millwright_bus::topics::BusTopic;
use millwright_schemas::enrollment::EnrollmentCode;
use millwright_schemas::topics::{self, UpChannel};

use super::machine;

/// Parses the bytes as each of them; what is accepted must be written the same way again.
pub fn target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(topic) = topics::parse_up(text, machine()) {
        let again = topics::up(topic.machine, topic.channel.clone());
        assert!(again == text || text.starts_with("mw/v1/me/"), "{text:?} is written {again:?}");
        let read = topics::parse_up(&again, machine()).expect("its own spelling");
        assert_eq!((read.machine, &read.channel), (topic.machine, &topic.channel));
        if let UpChannel::Other(name) = &topic.channel {
            assert!(!name.is_empty() && !name.contains(['#', '+']), "{name:?}");
        }
    }
    if let Ok((to, channel)) = topics::parse_down(text) {
        assert_eq!(topics::down(to, channel), text);
    }
    if let Ok(filter) = topics::parse_down_filter(text, machine()) {
        assert!(!filter.alias || filter.machine == machine(), "the alias is one's own");
        assert!(text.contains("/down/"), "{text:?}");
    }
    let _ = text.parse::<BusTopic>();
    if let Ok(code) = text.parse::<EnrollmentCode>() {
        assert_eq!(code.to_string(), text);
    }
}
