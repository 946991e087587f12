//! Whether a machine counts as lost. By the platform's clock: a lost machine tells no time.
//!
//! - Time counts only while the platform has been watching: after its restart, or a pause of its
//!   own, every machine gets the whole timeout again, so that a restart raises no storm.
//! - A machine that speaks through its parent is there while its parent is, connection or not.
//! - A machine with a parent that has a connection of its own gets twice the timeout: when both are
//!   lost by one cause, the parent is told first. While the parent is away, or has just come back,
//!   nothing is said of the child: a lost parent is one alarm.

use millwright_schemas::Timestamp;

/// The machine that connects another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// There is none, it never had a connection, or it is out of use.
    None,
    /// It is connected.
    Connected {
        /// Since when.
        since: Timestamp,
    },
    /// It isn't: lost already, or about to be.
    Away,
}

/// What is known of a machine's contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contact {
    /// Whether it has a connection of its own now.
    pub connected: bool,
    /// When its last connection ended.
    pub disconnected_at: Option<Timestamp>,
    /// When it was last heard, on its own connection or its parent's.
    pub last_seen_at: Option<Timestamp>,
    /// The machine that connects it.
    pub parent: Parent,
}

/// What is to be thought of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is there, or never was.
    Present,
    /// It isn't, but not for long enough.
    Waiting,
    /// Its parent is away.
    Covered,
    /// It is lost.
    Lost {
        /// Since when it counts as lost: the end of its timeout.
        at: Timestamp,
    },
}

/// Judges a machine's contact.
#[must_use]
pub fn judge(
    contact: &Contact,
    watching_since: Timestamp,
    timeout_s: i64,
    now: Timestamp,
) -> Verdict {
    if contact.connected {
        return Verdict::Present;
    }
    let Some(disconnected_at) = contact.disconnected_at else { return Verdict::Present };
    let from = disconnected_at.max(watching_since);
    let due = match contact.parent {
        Parent::None => from.plus_seconds(timeout_s),
        Parent::Away => return Verdict::Covered,
        Parent::Connected { .. } if contact.last_seen_at > Some(disconnected_at) => {
            return Verdict::Present;
        }
        Parent::Connected { since } => from.max(since).plus_seconds(timeout_s.saturating_mul(2)),
    };
    if now >= due { Verdict::Lost { at: due } } else { Verdict::Waiting }
}

/// Since when the platform has been watching without a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watching {
    since: Timestamp,
    last: Timestamp,
    pause_max_s: i64,
}

impl Watching {
    /// Begins now. More than `pause_max_s` seconds between two ticks is a pause.
    #[must_use]
    pub const fn begin(now: Timestamp, pause_max_s: i64) -> Self {
        Self { since: now, last: now, pause_max_s }
    }

    /// The platform looks. Since when it has been watching: it begins anew after a pause, and when
    /// its clock was set back.
    pub fn tick(&mut self, now: Timestamp) -> Timestamp {
        if now < self.last || now > self.last.plus_seconds(self.pause_max_s) {
            self.since = now;
        }
        self.last = now;
        self.since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_micros(s * 1_000_000)
    }

    const GONE: Contact = Contact {
        connected: false,
        disconnected_at: None,
        last_seen_at: None,
        parent: Parent::None,
    };

    fn gone_at(s: i64, parent: Parent) -> Contact {
        Contact { disconnected_at: Some(at(s)), parent, ..GONE }
    }

    fn below(since: i64) -> Parent {
        Parent::Connected { since: at(since) }
    }

    #[test]
    fn every_verdict() {
        let connected = Contact { connected: true, ..gone_at(0, Parent::Away) };
        let heard = Contact { last_seen_at: Some(at(101)), ..gone_at(100, below(0)) };
        let heard_before = Contact { last_seen_at: Some(at(100)), ..gone_at(100, below(0)) };
        let lost = |s| Verdict::Lost { at: at(s) };
        let rows = [
            // contact, watching since, now, verdict (timeout 60)
            (connected, 0, 9_999, Verdict::Present),
            (GONE, 0, 9_999, Verdict::Present),
            (gone_at(100, Parent::None), 0, 159, Verdict::Waiting),
            (gone_at(100, Parent::None), 0, 160, lost(160)),
            (gone_at(100, Parent::None), 0, 999, lost(160)),
            (gone_at(100, Parent::None), 900, 959, Verdict::Waiting),
            (gone_at(100, Parent::None), 900, 960, lost(960)),
            (gone_at(100, Parent::Away), 0, 9_999, Verdict::Covered),
            (heard, 0, 9_999, Verdict::Present),
            (heard_before, 0, 219, Verdict::Waiting),
            (heard_before, 0, 220, lost(220)),
            (gone_at(100, below(500)), 0, 619, Verdict::Waiting),
            (gone_at(100, below(500)), 0, 620, lost(620)),
            (gone_at(100, below(500)), 700, 819, Verdict::Waiting),
        ];
        for (contact, since, now, verdict) in rows {
            assert_eq!(judge(&contact, at(since), 60, at(now)), verdict, "{contact:?} at {now}");
        }
    }

    #[test]
    fn watching_begins_anew_after_a_pause() {
        let mut watching = Watching::begin(at(10), 5);
        assert_eq!(watching.tick(at(15)), at(10));
        assert_eq!(watching.tick(at(20)), at(10));
        assert_eq!(watching.tick(at(26)), at(26));
        assert_eq!(watching.tick(at(27)), at(26));
        assert_eq!(watching.tick(at(3)), at(3));
        assert_eq!(watching.tick(at(4)), at(3));
    }
}
