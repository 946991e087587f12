//! By which way the platform is reached: MQTT over TLS, or over WebSocket where nothing but HTTPS
//! gets through. Pure.

use serde::{Deserialize, Serialize};

use crate::limits::{FALLBACK_AFTER, FALLBACK_AFTER_KNOWN};

/// A way to the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// MQTT over TLS, on a port of its own. The better one: less in between, and the certificate is
    /// shown by TLS itself.
    Mqtt,
    /// MQTT over WebSocket, at the platform's URL.
    #[serde(rename = "websocket")]
    WebSocket,
}

/// Which ways may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransportSetting {
    /// Whichever works, MQTT over TLS first.
    #[default]
    Auto,
    /// Only MQTT over TLS.
    Mqtt,
    /// Only WebSocket.
    #[serde(rename = "websocket")]
    WebSocket,
}

/// Which way is next.
#[derive(Debug)]
pub(super) struct Ways {
    is_free: bool,
    next: Way,
    /// Attempts by MQTT in a row that didn't reach the platform.
    failures: u32,
    /// After so many of them the other way is tried.
    patience: u32,
}

impl Ways {
    /// Begins with the better way; `remembered` is the one that worked last, in an earlier life.
    pub(super) const fn new(setting: TransportSetting, remembered: Option<Way>) -> Self {
        let next = match setting {
            TransportSetting::Auto | TransportSetting::Mqtt => Way::Mqtt,
            TransportSetting::WebSocket => Way::WebSocket,
        };
        let patience = match remembered {
            Some(Way::WebSocket) => FALLBACK_AFTER_KNOWN,
            Some(Way::Mqtt) | None => FALLBACK_AFTER,
        };
        Self { is_free: matches!(setting, TransportSetting::Auto), next, failures: 0, patience }
    }

    pub(super) const fn next(&self) -> Way {
        self.next
    }

    /// Whether a better way than this should be looked for while it works.
    pub(super) const fn may_improve(&self) -> bool {
        self.is_free && matches!(self.next, Way::WebSocket)
    }

    /// The platform has let us in by the way that was next.
    pub(super) const fn worked(&mut self) {
        self.failures = 0;
        self.patience = match self.next {
            Way::Mqtt => FALLBACK_AFTER,
            Way::WebSocket => FALLBACK_AFTER_KNOWN,
        };
    }

    /// The platform wasn't reached by the way that was next.
    pub(super) const fn unreachable(&mut self) {
        if !self.is_free {
            return;
        }
        match self.next {
            Way::Mqtt => {
                self.failures += 1;
                if self.failures >= self.patience {
                    self.next = Way::WebSocket;
                }
            }
            Way::WebSocket => {
                // Neither works: in turns from now on.
                self.next = Way::Mqtt;
                self.failures = 0;
                self.patience = FALLBACK_AFTER_KNOWN;
            }
        }
    }

    /// The better way is open again.
    pub(super) const fn improved(&mut self) {
        self.next = Way::Mqtt;
        self.failures = 0;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn falls_back_after_some_tries_and_then_takes_turns() {
        let mut ways = Ways::new(TransportSetting::Auto, None);
        for _ in 0..FALLBACK_AFTER {
            assert_eq!(ways.next(), Way::Mqtt);
            ways.unreachable();
        }
        for _ in 0..3 {
            assert_eq!(ways.next(), Way::WebSocket);
            ways.unreachable();
            assert_eq!(ways.next(), Way::Mqtt);
            ways.unreachable();
        }
    }

    #[test]
    fn what_worked_is_kept_until_the_better_way_is_open_again() {
        let mut ways = Ways::new(TransportSetting::Auto, Some(Way::WebSocket));
        assert!(!ways.may_improve());
        ways.unreachable();
        assert_eq!(ways.next(), Way::WebSocket, "one try after a start suffices");
        ways.worked();
        assert!(ways.may_improve());
        ways.improved();
        assert_eq!(ways.next(), Way::Mqtt);
        ways.unreachable();
        assert_eq!(ways.next(), Way::WebSocket);
        ways.improved();
        ways.worked();
        ways.unreachable();
        assert_eq!(ways.next(), Way::Mqtt, "it worked: a single failure means nothing");
    }

    #[test]
    fn a_forced_way_stays() {
        for (setting, way) in
            [(TransportSetting::Mqtt, Way::Mqtt), (TransportSetting::WebSocket, Way::WebSocket)]
        {
            let mut ways = Ways::new(setting, Some(Way::WebSocket));
            for _ in 0..10 {
                assert_eq!(ways.next(), way);
                assert!(!ways.may_improve());
                ways.unreachable();
            }
        }
    }
}
