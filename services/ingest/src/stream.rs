//! One counted stream of messages: how far it has come, and what is missing. Pure.

use std::collections::{BTreeMap, BTreeSet};

use millwright_store::telemetry::streams::{CursorRow, GapRow, StreamKey};

/// Where a stream stands. Nothing is discarded by these numbers; they make loss visible.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stream {
    last_seq: i64,
    /// Nothing older will come.
    pub(crate) through_ts: Option<i64>,
    /// Receive time of its newest message.
    pub(crate) updated_at: i64,
    /// First missing number → what else is known of the gap.
    gaps: BTreeMap<i64, Gap>,
    /// First numbers of gaps that differ from what is stored.
    edited: BTreeSet<i64>,
    changed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gap {
    to: i64,
    detected_at: i64,
}

/// What has to be written of a stream.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    pub(crate) cursors: Vec<CursorRow>,
    pub(crate) gaps: Vec<GapRow>,
    pub(crate) closed: Vec<(StreamKey, i64)>,
}

impl Stream {
    /// As it was stored.
    pub(crate) fn stored(row: &CursorRow) -> Self {
        Self {
            last_seq: row.last_seq,
            through_ts: row.through_ts,
            updated_at: row.updated_at,
            ..Self::default()
        }
    }

    /// A gap as it was stored.
    pub(crate) fn add_stored_gap(&mut self, row: &GapRow) {
        self.gaps.insert(row.from_seq, Gap { to: row.to_seq, detected_at: row.detected_at });
    }

    /// A message with this number has arrived. What lies between it and the highest before is
    /// missing from now on; if it was missing itself, it no longer is.
    pub(crate) fn observe(&mut self, seq: i64, through_ts: Option<i64>, received_at: i64) {
        self.changed = true;
        self.updated_at = self.updated_at.max(received_at);
        self.through_ts = self.through_ts.max(through_ts);
        if seq > self.last_seq {
            if seq > self.last_seq + 1 {
                self.put(self.last_seq + 1, Gap { to: seq - 1, detected_at: received_at });
            }
            self.last_seq = seq;
        } else {
            self.fill(seq);
        }
    }

    /// What it has said of the time that has passed was by a clock that isn't gone by any more.
    pub(crate) fn set_back(&mut self, to: i64) {
        if self.through_ts > Some(to) {
            (self.through_ts, self.changed) = (Some(to), true);
        }
    }

    fn fill(&mut self, seq: i64) {
        let Some((&from, &gap)) = self.gaps.range(..=seq).next_back() else { return };
        if gap.to < seq {
            return;
        }
        self.gaps.remove(&from);
        self.edited.insert(from);
        if from < seq {
            self.put(from, Gap { to: seq - 1, ..gap });
        }
        if seq < gap.to {
            self.put(seq + 1, gap);
        }
    }

    fn put(&mut self, from: i64, gap: Gap) {
        self.gaps.insert(from, gap);
        self.edited.insert(from);
    }

    /// How many gaps it has.
    pub(crate) fn gap_count(&self) -> usize {
        self.gaps.len()
    }

    /// Makes one of the two gaps that have the least between them. Whether it had two.
    pub(crate) fn merge_closest(&mut self) -> bool {
        let closest = self
            .gaps
            .iter()
            .zip(self.gaps.iter().skip(1))
            .min_by_key(|((_, first), (from, _))| *from - first.to)
            .map(|((&first, a), (&second, b))| {
                (first, second, Gap { to: b.to, detected_at: a.detected_at.min(b.detected_at) })
            });
        let Some((first, second, merged)) = closest else { return false };
        self.gaps.remove(&second);
        self.edited.insert(second);
        self.put(first, merged);
        true
    }

    /// Adds what has changed since the last call, and counts it as written.
    pub(crate) fn take_edits(&mut self, key: StreamKey, edits: &mut Edits) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        edits.cursors.push(CursorRow {
            key,
            last_seq: self.last_seq,
            through_ts: self.through_ts,
            updated_at: self.updated_at,
        });
        for from_seq in std::mem::take(&mut self.edited) {
            match self.gaps.get(&from_seq) {
                Some(gap) => edits.gaps.push(GapRow {
                    key,
                    from_seq,
                    to_seq: gap.to,
                    detected_at: gap.detected_at,
                }),
                None => edits.closed.push((key, from_seq)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gaps(stream: &Stream) -> Vec<(i64, i64)> {
        stream.gaps.iter().map(|(from, gap)| (*from, gap.to)).collect()
    }

    fn after(seqs: &[i64]) -> Stream {
        let mut stream = Stream::default();
        for (at, seq) in (0..).zip(seqs) {
            stream.observe(*seq, None, at);
        }
        stream
    }

    #[test]
    fn a_gap_has_bounds_and_is_filled_from_any_side() {
        assert_eq!(gaps(&after(&[1, 2, 3])), []);
        assert_eq!(gaps(&after(&[4])), [(1, 3)]);
        assert_eq!(gaps(&after(&[1, 6])), [(2, 5)]);
        assert_eq!(gaps(&after(&[1, 6, 2])), [(3, 5)]);
        assert_eq!(gaps(&after(&[1, 6, 5])), [(2, 4)]);
        assert_eq!(gaps(&after(&[1, 6, 4])), [(2, 3), (5, 5)]);
        assert_eq!(gaps(&after(&[1, 3, 2, 2, 1, 3])), []);
    }

    #[test]
    fn the_closest_gaps_are_merged() {
        let mut stream = after(&[1, 3, 9, 10, 12]);
        assert_eq!(gaps(&stream), [(2, 2), (4, 8), (11, 11)]);
        assert!(stream.merge_closest());
        assert_eq!(gaps(&stream), [(2, 8), (11, 11)]);
        assert!(stream.merge_closest() && !stream.merge_closest());
        assert_eq!(gaps(&stream), [(2, 11)]);
    }

    /// What is stored when all edits are applied as they come.
    fn apply(stored: &mut BTreeMap<i64, i64>, stream: &mut Stream) {
        let key = StreamKey {
            machine: uuid::Uuid::nil().into(),
            outbox: uuid::Uuid::nil().into(),
            topic: millwright_store::telemetry::streams::StreamTopic::Events,
        };
        let mut edits = Edits::default();
        stream.take_edits(key, &mut edits);
        for (_, from) in edits.closed {
            stored.remove(&from);
        }
        for row in edits.gaps {
            stored.insert(row.from_seq, row.to_seq);
        }
    }

    proptest! {
        #[test]
        fn gaps_are_what_has_not_arrived(
            seqs in proptest::collection::vec((1i64..60, any::<bool>()), 1..120),
        ) {
            let mut stream = Stream::default();
            let mut arrived = BTreeSet::new();
            let mut stored = BTreeMap::new();
            for (seq, write) in seqs {
                stream.observe(seq, None, 0);
                arrived.insert(seq);
                if write {
                    apply(&mut stored, &mut stream);
                }
            }
            apply(&mut stored, &mut stream);
            let last = arrived.last().copied().unwrap_or(0);
            let missing: Vec<i64> = (1..=last).filter(|seq| !arrived.contains(seq)).collect();
            let shown: Vec<i64> = stored.iter().flat_map(|(from, to)| *from..=*to).collect();
            prop_assert_eq!(shown, missing);
        }

        #[test]
        fn merging_never_hides_what_is_missing(
            seqs in proptest::collection::vec(1i64..60, 1..120),
        ) {
            let mut stream = Stream::default();
            let mut arrived = BTreeSet::new();
            for seq in seqs {
                stream.observe(seq, None, 0);
                arrived.insert(seq);
                while stream.gap_count() > 3 {
                    prop_assert!(stream.merge_closest());
                }
                let last = arrived.last().copied().unwrap_or(0);
                for seq in (1..=last).filter(|seq| !arrived.contains(seq)) {
                    prop_assert!(gaps(&stream).iter().any(|(from, to)| (*from..=*to).contains(&seq)));
                }
            }
        }
    }
}
