//! Which days share a partition or a chunk: the older they are, the more of them. So there are never many,
//! whichever days machines bring values of.

/// Days of a partition of about a month.
const MONTH: i64 = 32;
/// Days of a partition of more than a year: a whole number of months.
const YEAR: i64 = 512;
/// Partitions of a table, at most, of values from the year 2000 up to the year 2060: some 60 days, 31
/// months, 45 longer ones. More are there only until old ones are merged.
#[cfg(test)]
pub(crate) const SPANS_MAX: usize = 150;

/// Days, counted from 1970: from one on, up to another that isn't among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DaySpan {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

impl DaySpan {
    /// A day alone.
    pub(crate) const fn of(day: i64) -> Self {
        Self { from: day, to: day + 1 }
    }

    pub(crate) const fn overlaps(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }

    /// Whether all of another one's days are among these.
    pub(crate) const fn holds(self, other: Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }
}

const fn floor(day: i64, width: i64) -> i64 {
    day.div_euclid(width) * width
}

/// From this day on each has a partition of its own: of about the last two months.
pub(crate) const fn recent(newest: i64) -> i64 {
    floor(newest, MONTH) - MONTH
}

/// The days of about a month that this one is among, as a step on the way to more.
pub(crate) const fn month(day: i64) -> DaySpan {
    let from = floor(day, MONTH);
    DaySpan { from, to: from + MONTH }
}

/// The days that share a partition with this one, when the newest of all is `newest`. Those of another
/// `newest` are the same, part of these, or made of these.
pub(crate) const fn cell(day: i64, newest: i64) -> DaySpan {
    let recent = recent(newest);
    let width = if day >= recent {
        1
    } else if day >= floor(recent, YEAR) - YEAR {
        MONTH
    } else {
        YEAR
    };
    let from = floor(day, width);
    DaySpan { from, to: from + width }
}

/// Days that have where to go: spans that don't overlap, in their order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Covered(Vec<DaySpan>);

impl Covered {
    /// By these spans, which don't overlap.
    pub(crate) fn new(mut spans: Vec<DaySpan>) -> Self {
        spans.sort_unstable();
        Self(spans)
    }

    #[cfg(test)]
    pub(crate) fn spans(&self) -> &[DaySpan] {
        &self.0
    }

    pub(crate) fn has(&self, day: i64) -> bool {
        self.before(day).is_some_and(|span| day < span.to)
    }

    /// The last day.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.0.last().map(|span| span.to - 1)
    }

    /// Of these days the one given, which isn't covered, and those beside it, as far as nothing is there.
    pub(crate) fn free_around(&self, day: i64, within: DaySpan) -> DaySpan {
        let after = self.0.get(self.place(day));
        DaySpan {
            from: self.before(day).map_or(within.from, |span| span.to.max(within.from)),
            to: after.map_or(within.to, |span| span.from.min(within.to)),
        }
    }

    /// Adds a span that overlaps none.
    pub(crate) fn add(&mut self, span: DaySpan) {
        self.0.insert(self.place(span.from), span);
    }

    /// Forgets what has any of these days.
    pub(crate) fn forget(&mut self, days: DaySpan) {
        self.0.retain(|span| !span.overlaps(days));
    }

    /// Takes these days out; what a span has beside them stays.
    pub(crate) fn cut(&mut self, days: DaySpan) {
        let beside = |span: &DaySpan| {
            let before = DaySpan { to: span.to.min(days.from), ..*span };
            [before, DaySpan { from: span.from.max(days.to), ..*span }]
        };
        let left = self.0.iter().flat_map(beside).filter(|span| span.from < span.to);
        self.0 = left.collect();
    }

    /// What both cover.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let (mut both, mut mine, mut others) = (Vec::new(), 0, 0);
        while let (Some(a), Some(b)) = (self.0.get(mine), other.0.get(others)) {
            let span = DaySpan { from: a.from.max(b.from), to: a.to.min(b.to) };
            if span.from < span.to {
                both.push(span);
            }
            if a.to <= b.to {
                mine += 1;
            } else {
                others += 1;
            }
        }
        Self(both)
    }

    /// How many spans begin on this day or before it.
    fn place(&self, day: i64) -> usize {
        self.0.partition_point(|span| span.from <= day)
    }

    fn before(&self, day: i64) -> Option<&DaySpan> {
        self.0.get(self.place(day).checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2000-01-01, before which no value is believed.
    const FIRST: i64 = 10_957;

    fn all_cells(newest: i64) -> Vec<DaySpan> {
        let mut cells = vec![cell(FIRST, newest)];
        while cells[cells.len() - 1].to <= newest + 1 {
            cells.push(cell(cells[cells.len() - 1].to, newest));
        }
        cells
    }

    proptest! {
        #[test]
        fn there_are_few_spans_whatever_day_it_is(newest in FIRST..32_873) {
            let cells = all_cells(newest);
            prop_assert!(cells.len() <= SPANS_MAX, "{}", cells.len());
            for pair in cells.windows(2) {
                prop_assert_eq!(pair[0].to, pair[1].from);
            }
            // What is new goes by day, also as long as it isn't packed.
            for day in newest - 31..=newest + 1 {
                prop_assert_eq!(cell(day, newest), DaySpan::of(day));
            }
        }

        #[test]
        fn spans_only_grow_into_whole_ones(
            day in FIRST..30_000_i64, newest in FIRST..30_000_i64, later in 0..5_000_i64,
        ) {
            let (now, then) = (cell(day, newest), cell(day, newest + later));
            prop_assert!(now.from <= day && day < now.to);
            prop_assert!(then.holds(now), "{now:?} {then:?}");
        }

        #[test]
        fn what_is_made_for_any_days_never_overlaps(
            days in proptest::collection::vec(10_957..20_800_i64, 1..200),
            newest in proptest::collection::vec(10_957..20_800_i64, 1..5),
        ) {
            let mut covered = Covered::default();
            for (n, day) in days.iter().enumerate() {
                if !covered.has(*day) {
                    let newest = newest[n % newest.len()];
                    let span = covered.free_around(*day, cell(*day, newest));
                    prop_assert!(span.from <= *day && *day < span.to);
                    covered.add(span);
                }
                prop_assert!(covered.has(*day));
            }
            for pair in covered.spans().windows(2) {
                prop_assert!(pair[0].to <= pair[1].from, "{pair:?}");
            }
            prop_assert_eq!(&covered.and(&covered), &covered);
        }

        #[test]
        fn only_the_days_that_are_cut_out_are_gone(
            days in proptest::collection::vec(0..3_000_i64, 1..60),
            newest in 0..3_000_i64, from in -100..3_000_i64, width in 1..700_i64,
        ) {
            let mut covered = Covered::default();
            for day in days {
                if !covered.has(day) {
                    covered.add(covered.free_around(day, cell(day, newest)));
                }
            }
            let out = DaySpan { from, to: from + width };
            let mut left = covered.clone();
            left.cut(out);
            for day in -700..4_000 {
                let stays = covered.has(day) && !out.overlaps(DaySpan::of(day));
                prop_assert_eq!(left.has(day), stays, "{}", day);
            }
            left.add(out);
            for pair in left.spans().windows(2) {
                prop_assert!(pair[0].to <= pair[1].from, "{pair:?}");
            }
        }
    }

    #[test]
    fn both_cover_what_each_covers() {
        let span = |(from, to)| DaySpan { from, to };
        let covered =
            |spans: &[(i64, i64)]| Covered::new(spans.iter().copied().map(span).collect());
        let (wide, days) = (covered(&[(0, 32), (40, 41)]), covered(&[(30, 31), (3, 4), (31, 40)]));
        let both = covered(&[(3, 4), (30, 31), (31, 32)]);
        assert_eq!(wide.and(&days), both);
        assert_eq!(days.and(&wide), both);
        assert_eq!(wide.and(&Covered::default()), Covered::default());
        assert!(both.has(3) && !both.has(4) && both.has(31) && !both.has(32) && !both.has(-1));
        assert_eq!((both.newest(), Covered::default().newest()), (Some(31), None));
        assert_eq!(days.free_around(10, span((0, 32))), span((4, 30)));
        let mut left = wide;
        let mut cut = left.clone();
        left.forget(DaySpan::of(31));
        assert_eq!(left, covered(&[(40, 41)]));
        cut.cut(DaySpan::of(20));
        assert_eq!(cut, covered(&[(0, 20), (21, 32), (40, 41)]));
    }
}
