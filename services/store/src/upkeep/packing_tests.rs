use std::collections::BTreeMap;

use millwright_schemas::api::policies::{PolicyInput, RetentionPolicy};
use millwright_schemas::{MachineId, SignalKind, Timestamp};
use millwright_test_database::TestDatabase;

use super::*;
use crate::telemetry::detector_states::{self, Stretch};
use crate::telemetry::points::{self, PointRow};
use crate::telemetry::reads::chart::{self, Chart, ChartPoints, Range};
use crate::telemetry::reads::history::{History, Wanted as WantedHistory};
use crate::telemetry::reads::storage;
use crate::telemetry::series::{self, NewSeries};
use crate::testing::{NOW, machine, now, organization, store};
use crate::tickets::around;
use crate::upkeep::retention;
use crate::upkeep::rollups::tests::{Bucket, SECOND, expected, settle, write};
use crate::upkeep::rollups::{HOUR_US, MINUTE_US, floor};
use crate::upkeep::take_turn;
use crate::{Scope, policies};

/// Twenty days before now, at midnight.
const OLD: i64 = NOW - NOW % DAY_US - 20 * DAY_US;
/// After all else: in the hour before now.
const LAST: i64 = NOW - NOW % HOUR_US;

type Values = BTreeMap<i64, Option<f64>>;

struct Site {
    store: Store,
    folder: TestDatabase,
    top: OrganizationId,
    machine: MachineId,
    /// A number `load`, a boolean `door`.
    series: [i64; 2],
}

async fn site() -> Site {
    let (store, folder) = store().await;
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let of = |(signal, kind): (&str, SignalKind)| NewSeries {
        machine,
        signal: signal.to_owned(),
        kind: Some(kind),
        created_at: NOW,
    };
    let rows = [("load", SignalKind::Number), ("door", SignalKind::Boolean)].map(of);
    let mut tx = store.begin_batch().await.unwrap();
    let ids = series::create(&mut tx, &rows).await.unwrap();
    tx.commit().await.unwrap();
    Site { store, folder, top, machine, series: [ids[0], ids[1]] }
}

impl Site {
    fn hypertables(&self) -> bool {
        matches!(self.store.layout(), Layout::Hypertables)
    }

    /// So many days of a value every ten seconds, and one of now; rolled up.
    async fn fill(&self, days: i64) -> [Values; 2] {
        let number = |n: i64| (n % 17 != 0).then(|| f64::from(i32::try_from(n * 31 % 97).unwrap()));
        let boolean = |n: i64| Some(f64::from(u8::from(n / 100 % 2 == 1)));
        let steps = 0..days * DAY_US / (10 * SECOND);
        let at = |n: i64| OLD + n * 10 * SECOND;
        let mut all: [Values; 2] = [
            steps.clone().map(|n| (at(n), number(n))).collect(),
            steps.map(|n| (at(n), boolean(n))).collect(),
        ];
        for (values, series) in all.iter_mut().zip(self.series) {
            values.insert(LAST, Some(1.0));
            let rows: Vec<_> = values.iter().map(|(ts, value)| (*ts, *value)).collect();
            write(&self.store, series, &rows, true).await;
        }
        settle(&self.store).await;
        all
    }

    async fn keep(&self, retention: RetentionPolicy) {
        let tx = self.store.begin().await.unwrap();
        let policy = PolicyInput { retention, ..PolicyInput::default() };
        policies::put(&tx, self.top, &policy, 1, now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn wanted(&self) -> Wanted {
        Wanted::read(&self.store, now()).await.unwrap()
    }

    async fn pack(&self) -> u64 {
        let mut round = Round::default();
        let done = self.run(&mut round, &|| true).await.unwrap();
        assert!(done.finished);
        done.points
    }

    async fn run(
        &self,
        round: &mut Round,
        go_on: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<Done, StoreError> {
        let turn = take_turn(&self.store).await.unwrap().unwrap();
        let done = run(&self.store, &self.wanted().await, round, &Steps::new(&turn, go_on)).await;
        turn.end().await.unwrap();
        done
    }

    /// Removes what is too old; how much.
    async fn remove(&self) -> u64 {
        let turn = take_turn(&self.store).await.unwrap().unwrap();
        let go_on = || true;
        let steps = Steps::new(&turn, &go_on);
        let removed = retention::apply(&self.store, &self.wanted().await, &steps).await.unwrap();
        turn.end().await.unwrap();
        removed
    }

    async fn number(&self, sql: &str) -> i64 {
        self.store.reader_pool().fetch(sql, &[]).await.unwrap()[0].get(0).unwrap()
    }

    /// A series' rollups.
    async fn rolled(&self, table: &str, series: i64) -> BTreeMap<i64, Bucket> {
        let sql = format!(
            "SELECT bucket, count, min, max, sum, last FROM {table} WHERE series_id = {series}"
        );
        let rows = self.store.reader_pool().fetch(&sql, &[]).await.unwrap();
        rows.iter()
            .map(|row| {
                let bucket = (
                    row.get(1).unwrap(),
                    row.get(2).unwrap(),
                    row.get(3).unwrap(),
                    row.get(4).unwrap(),
                    row.get(5).unwrap(),
                );
                (row.get(0).unwrap(), bucket)
            })
            .collect()
    }

    /// Rows, and packed days.
    async fn counts(&self) -> (i64, i64) {
        let rows = self.number("SELECT count(*) FROM points").await;
        (rows, self.number("SELECT count(*) FROM packed_points").await)
    }

    async fn charts(&self, from: i64, to: i64, points: u32) -> Result<Vec<Chart>, StoreError> {
        let [from, to] = [from, to].map(Timestamp::from_micros);
        let names = ["load", "door"].map(str::to_owned);
        let range = Range { from, to, points };
        chart::read(&self.store, Scope::Platform, self.machine, &names, range).await
    }

    /// All kinds of charts: as received, in narrow buckets, by rollups.
    async fn all_charts(&self) -> Vec<Vec<Chart>> {
        let noon = OLD + DAY_US / 2;
        let midnight = OLD + DAY_US;
        let mut all = Vec::new();
        for (from, to, points) in [
            (noon, noon + HOUR_US, 5_000),
            (midnight - HOUR_US, midnight + HOUR_US, 5_000),
            (OLD - HOUR_US, OLD + HOUR_US, 5_000),
            (noon, noon + HOUR_US, 200),
            (midnight - HOUR_US / 2, midnight + HOUR_US / 2, 200),
            (OLD, OLD + 3 * DAY_US, 500),
            (OLD, NOW, 20),
        ] {
            all.push(self.charts(from, to, points).await.unwrap());
        }
        all
    }
}

fn numbers(chart: &Chart) -> Values {
    let ChartPoints::Numbers(points) = &chart.points else { return Values::new() };
    assert_eq!(chart.resolution_us, 0, "as received");
    points.iter().map(|point| (point.ts, point.avg)).collect()
}

#[tokio::test]
async fn what_is_packed_reads_as_before() {
    let site = site().await;
    let all = site.fill(2).await;
    let about = around::Span {
        from: Timestamp::from_micros(OLD + HOUR_US),
        center: Timestamp::from_micros(OLD + HOUR_US + 30 * SECOND),
        to: Timestamp::from_micros(OLD + 2 * HOUR_US),
    };
    let bounds = around::Bounds { signals: 5, points: 20, text_chars: 5 };
    let evidence =
        async || around::samples(&site.store, site.machine, about, &[], bounds).await.unwrap();
    let sizes =
        async || storage::of_machine(&site.store, Scope::Platform, site.machine).await.unwrap().0;
    let before = (site.all_charts().await, evidence().await, sizes().await);
    assert_eq!(before.1[0].points.len(), 20);
    let packed = site.pack().await;
    if site.hypertables() {
        assert_eq!((packed, site.counts().await.1), (0, 0), "TimescaleDB compresses itself");
    } else {
        assert_eq!((packed, site.counts().await), (4 * 8_640, (2, 4)));
    }
    assert_eq!(site.all_charts().await, before.0);
    assert_eq!(evidence().await, before.1);
    let after = sizes().await;
    for old in &before.2 {
        let new = after.iter().find(|new| new.signal == old.signal).unwrap();
        assert_eq!(
            (new.points, new.rollups, new.oldest, new.newest),
            (old.points, old.rollups, old.oldest, old.newest)
        );
        assert!(site.hypertables() || new.bytes < old.bytes, "{new:?}, {old:?}");
    }
    let day = site.charts(OLD, OLD + DAY_US / 4, 5_000).await.unwrap();
    let expected: Values =
        all[0].range(..OLD + DAY_US / 4).map(|(ts, value)| (*ts, *value)).collect();
    assert_eq!(numbers(&day[0]), expected);
    assert_eq!(site.pack().await, 0, "nothing is left");
}

#[tokio::test]
async fn what_comes_late_into_a_packed_day_is_seen_and_added() {
    let site = site().await;
    if site.hypertables() {
        eprintln!("SKIPPED: TimescaleDB compresses itself");
        return;
    }
    let mut all = site.fill(2).await[0].clone();
    site.pack().await;
    let late = (OLD + 5 * SECOND, Some(-5.0));
    let again = (OLD + 20 * SECOND, all[&(OLD + 20 * SECOND)]);
    let other = (OLD + 30 * SECOND, Some(77.0));
    all.insert(late.0, late.1);
    write(&site.store, site.series[0], &[late, again, other], false).await;
    // In the day, after its block's last point too.
    let end = (OLD + DAY_US - SECOND, Some(3.0));
    all.insert(end.0, end.1);
    write(&site.store, site.series[0], &[end], false).await;

    let shown: Values = all.range(..OLD + HOUR_US).map(|(ts, value)| (*ts, *value)).collect();
    let chart = site.charts(OLD, OLD + HOUR_US, 5_000).await.unwrap();
    assert_eq!(numbers(&chart[0]), shown);
    assert_eq!(site.pack().await, 0, "not before it is rolled up");
    settle(&site.store).await;
    let load = site.series[0];
    for (table, width) in [("rollups_1m", MINUTE_US), ("rollups_1h", HOUR_US)] {
        assert_eq!(site.rolled(table, load).await, expected(&all, width, LAST), "{table}");
    }
    assert_eq!(site.pack().await, 4, "two that are new, two that were there");
    assert_eq!(site.counts().await, (2, 4));
    let chart = site.charts(OLD, OLD + HOUR_US, 5_000).await.unwrap();
    assert_eq!(numbers(&chart[0]), shown);
    let day = OLD / DAY_US;
    let sql = format!("SELECT count FROM packed_points WHERE day = {day} AND series_id = {load}");
    assert_eq!(site.number(&sql).await, 8_642);
    settle(&site.store).await;
    for (table, width) in [("rollups_1m", MINUTE_US), ("rollups_1h", HOUR_US)] {
        assert_eq!(site.rolled(table, load).await, expected(&all, width, LAST), "{table}");
    }
}

#[tokio::test]
async fn days_of_few_values_stay_as_they_are_where_a_block_is_no_smaller() {
    let site = site().await;
    if site.hypertables() {
        eprintln!("SKIPPED: TimescaleDB compresses itself");
        return;
    }
    let load = site.series[0];
    // Seven values on each of a hundred days, more than are looked at at once; then eight on one.
    let few = (-100..0).flat_map(|day| (0..7).map(move |n| OLD + day * DAY_US + n * HOUR_US));
    let rows: Vec<_> =
        few.chain((0..8).map(|n| OLD + n * HOUR_US)).map(|ts| (ts, Some(1.0))).collect();
    write(&site.store, load, &rows, true).await;
    write(&site.store, load, &[(LAST, None)], true).await;
    settle(&site.store).await;
    let packed = site.pack().await;
    if site.folder.url().is_some() {
        assert_eq!((packed, site.counts().await), (708, (1, 101)));
        return;
    }
    assert_eq!((packed, site.counts().await), (8, (701, 1)));
    assert_eq!(site.pack().await, 0, "they aren't looked at as if they were new");
    // What comes late for a block is added, however little it is; another value makes a day worth it.
    for late in [OLD + SECOND, OLD - DAY_US + SECOND] {
        write(&site.store, load, &[(late, Some(2.0))], false).await;
    }
    settle(&site.store).await;
    assert_eq!((site.pack().await, site.counts().await), (9, (694, 2)));
}

#[tokio::test]
async fn a_step_of_repair_unpacks_few_blocks() {
    let site = site().await;
    if site.hypertables() {
        eprintln!("SKIPPED: TimescaleDB compresses itself");
        return;
    }
    site.fill(3).await;
    site.pack().await;
    let late: Vec<_> = (0..3).map(|day| (OLD + day * DAY_US + SECOND, Some(1.0))).collect();
    write(&site.store, site.series[0], &late, false).await;
    // A block of 8,640 counts as 540, so that two of them with what came late are too many.
    for left in [2, 1, 0] {
        assert_eq!(rollups::repair_within(&site.store, 1_000).await.unwrap(), 1);
        assert_eq!(site.number("SELECT count(*) FROM rollup_dirty").await, left);
    }
    // However large a block is, it is unpacked: for the minute with two values beside it, and the rest.
    write(&site.store, site.series[0], &[(OLD + 2 * SECOND, None)], false).await;
    for left in [1, 1, 0] {
        assert_eq!(rollups::repair_within(&site.store, 1).await.unwrap(), left);
    }
}

#[tokio::test]
async fn a_machine_that_goes_on_in_a_packed_day_is_rolled_up_with_it() {
    let site = site().await;
    if site.hypertables() {
        eprintln!("SKIPPED: TimescaleDB does this by itself");
        return;
    }
    // Its newest value is old: it was switched off since.
    let value = |n: i32| (OLD + i64::from(n) * 10 * SECOND, Some(f64::from(n)));
    let first: Vec<_> = (0..15).map(value).collect();
    write(&site.store, site.series[0], &first, true).await;
    settle(&site.store).await;
    assert_eq!(site.pack().await, 15);
    let more: Vec<_> = (15..400).map(value).collect();
    write(&site.store, site.series[0], &more, true).await;
    settle(&site.store).await;
    let all: Values = first.into_iter().chain(more).collect();
    let until = floor(*all.keys().next_back().unwrap(), MINUTE_US);
    let minutes = site.rolled("rollups_1m", site.series[0]).await;
    assert_eq!(minutes, expected(&all, MINUTE_US, until));
    assert_eq!(site.pack().await, 385);
    assert_eq!(site.counts().await, (0, 1));
}

#[tokio::test]
async fn a_late_value_of_a_packed_day_doesnt_take_the_place_of_one_that_is_gone() {
    let site = site().await;
    if site.hypertables() {
        eprintln!("SKIPPED: TimescaleDB does this by itself");
        return;
    }
    let load = site.series[0];
    // One a minute.
    let mut rows: Vec<_> = (0..20).map(|n| (OLD + n * MINUTE_US, Some(1.0))).collect();
    rows.push((LAST, Some(2.0)));
    write(&site.store, load, &rows, true).await;
    settle(&site.store).await;
    // Retention has taken the first one; then more was wanted, and the rest is packed.
    let gone = format!("DELETE FROM points WHERE ts < {}", OLD + MINUTE_US);
    site.folder.peer().await.execute(&gone).await;
    assert_eq!(site.pack().await, 19);
    let rolled =
        async || (site.rolled("rollups_1m", load).await, site.rolled("rollups_1h", load).await);
    let before = rolled().await;
    write(&site.store, load, &[(OLD + SECOND, Some(-7.0))], false).await;
    settle(&site.store).await;
    assert_eq!(rolled().await, before);
    assert_eq!(before.0[&OLD], (1, Some(1.0), Some(1.0), Some(1.0), Some(1.0)));
}

#[tokio::test]
async fn readers_see_every_point_once_while_days_are_packed() {
    let site = site().await;
    let all = site.fill(2).await;
    let midnight = OLD + DAY_US;
    let range = midnight - HOUR_US..midnight + HOUR_US;
    let expected: Values = all[0].range(range.clone()).map(|(ts, v)| (*ts, *v)).collect();
    let (sums, packed) = {
        let reads = async {
            let mut sums = Vec::new();
            for _ in 0..15 {
                let chart = site.charts(range.start, range.end, 5_000).await.unwrap();
                assert_eq!(numbers(&chart[0]), expected);
                sums.push(site.charts(range.start, range.start + HOUR_US, 200).await.unwrap());
            }
            sums
        };
        tokio::join!(reads, site.pack())
    };
    assert!(packed > 0 || site.hypertables());
    let after = site.charts(range.start, range.start + HOUR_US, 200).await.unwrap();
    assert!(sums.iter().all(|seen| *seen == after));
}

#[tokio::test]
async fn packed_days_are_removed_when_all_of_them_is_old() {
    let site = site().await;
    if site.hypertables() {
        eprintln!("SKIPPED: TimescaleDB compresses itself");
        return;
    }
    site.fill(3).await;
    assert_eq!(site.pack().await, 6 * 8_640);
    let minutes = site.rolled("rollups_1m", site.series[0]).await;
    // Now is within an hour of the night: a part of the second day is too old.
    for (days, left, removed) in [(19, 4, 2 * 8_640), (18, 2, 2 * 8_640), (17, 0, 2 * 8_640)] {
        site.keep(RetentionPolicy { raw_days: Some(days), ..RetentionPolicy::default() }).await;
        assert_eq!((site.remove().await, site.counts().await), (removed, (2, left)), "{days} days");
    }
    assert_eq!(site.rolled("rollups_1m", site.series[0]).await, minutes);
}

#[tokio::test]
async fn what_is_removed_soon_or_not_rolled_up_yet_is_not_packed() {
    let site = site().await;
    if site.hypertables() {
        eprintln!("SKIPPED: TimescaleDB compresses itself");
        return;
    }
    let rows: Vec<_> =
        (0..100_i32).map(|n| (OLD + i64::from(n) * MINUTE_US, Some(f64::from(n)))).collect();
    write(&site.store, site.series[0], &rows, true).await;
    assert_eq!(site.pack().await, 0, "not rolled up");
    settle(&site.store).await;
    site.keep(RetentionPolicy { raw_days: Some(20), ..RetentionPolicy::default() }).await;
    assert_eq!(site.pack().await, 0, "a part of the day is too old");
    site.keep(RetentionPolicy { raw_days: Some(21), ..RetentionPolicy::default() }).await;
    assert_eq!(site.pack().await, 100);
}

#[tokio::test]
async fn each_signal_is_packed_when_its_organization_says() {
    let site = site().await;
    if site.hypertables() {
        eprintln!("SKIPPED: TimescaleDB compresses itself");
        return;
    }
    site.fill(1).await;
    let policy = |json: &str| -> RetentionPolicy { serde_json::from_str(json).unwrap() };
    site.keep(policy(r#"{"compress_after_days": 0}"#)).await;
    assert_eq!((site.pack().await, site.counts().await.1), (0, 0));
    assert_eq!(site.wanted().await.oldest_packing(), None);
    site.keep(policy(r#"{"compress_after_days": 20}"#)).await;
    assert_eq!(site.pack().await, 0, "its day has ended 19 days ago");
    let own = r#"{"compress_after_days": 20, "signals": [
        {"signal": "do*", "compress_after_days": 19}, {"signal": "door"}]}"#;
    site.keep(policy(own)).await;
    assert_eq!(site.wanted().await.oldest_packing(), Some(NOW - 20 * DAY_US));
    assert_eq!((site.pack().await, site.counts().await.1), (8_640, 1));
    let door = format!("SELECT count(*) FROM packed_points WHERE series_id = {}", site.series[1]);
    assert_eq!(site.number(&door).await, 1);
    site.keep(RetentionPolicy::default()).await;
    assert_eq!((site.pack().await, site.counts().await.1), (8_640, 2));
}

#[tokio::test]
async fn a_damaged_block_is_told_and_holds_up_no_other() {
    let site = site().await;
    if site.hypertables() {
        eprintln!("SKIPPED: TimescaleDB compresses itself");
        return;
    }
    site.fill(2).await;
    site.pack().await;
    let [damaged, other] = site.series;
    let data = if site.folder.url().is_some() { r"'\x0102'::bytea" } else { "x'0102'" };
    let day = OLD / DAY_US;
    let sql = format!(
        "UPDATE packed_points SET data = {data} WHERE series_id = {damaged} AND day = {day}"
    );
    site.folder.peer().await.execute(&sql).await;
    let error = site.charts(OLD, OLD + HOUR_US, 5_000).await.unwrap_err().to_string();
    assert!(error.contains(&format!("series {damaged}, day {day} (")), "{error}");
    // Another day, and what needs no blocks.
    site.charts(OLD + DAY_US, OLD + DAY_US + HOUR_US, 5_000).await.unwrap();
    site.charts(OLD, NOW, 20).await.unwrap();

    let late: Vec<PointRow> = [damaged, other]
        .map(|series| PointRow { series, ts: OLD + SECOND, value: Some(1.0), quality: 0 })
        .to_vec();
    let mut tx = site.store.begin_batch().await.unwrap();
    points::insert_any(&mut tx, &late).await.unwrap();
    tx.commit().await.unwrap();
    // Its hour stays as it is, the other's is made anew.
    let hour = async |series: i64| site.rolled("rollups_1h", series).await[&OLD];
    let before = (hour(damaged).await, hour(other).await);
    settle(&site.store).await;
    assert_eq!(hour(damaged).await, before.0);
    assert_eq!(hour(other).await.0, before.1.0 + 1);
    let mut round = Round::default();
    let error = site.run(&mut round, &|| true).await.unwrap_err().to_string();
    assert!(error.contains(&format!("series {damaged}, day {day} (")), "{error}");
    assert_eq!(site.counts().await, (3, 4), "the other one's late value is in its block");
}

#[tokio::test]
async fn a_round_that_was_broken_off_goes_on() {
    let site = site().await;
    if site.hypertables() {
        eprintln!("SKIPPED: TimescaleDB compresses itself");
        return;
    }
    site.fill(2).await;
    let mut round = Round::default();
    let (mut points, mut days, mut calls) = (0, 0, 0);
    loop {
        // A day in each.
        let asked = std::sync::atomic::AtomicU32::new(0);
        let go_on = || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 1;
        let done = site.run(&mut round, &go_on).await.unwrap();
        points += done.points;
        days += done.days;
        calls += 1;
        assert!(calls < 20, "it never ends");
        if done.finished {
            break;
        }
    }
    assert!(calls > 2, "{calls}");
    assert_eq!((points, days, site.counts().await), (4 * 8_640, 4, (2, 4)));
}

#[tokio::test]
async fn what_cant_be_packed_doesnt_hold_up_a_round_that_is_broken_off() {
    let site = site().await;
    if site.hypertables() {
        eprintln!("SKIPPED: TimescaleDB compresses itself");
        return;
    }
    site.fill(2).await;
    site.pack().await;
    let damaged = site.series[0];
    let data = if site.folder.url().is_some() { r"'\x0102'::bytea" } else { "x'0102'" };
    let sql = format!("UPDATE packed_points SET data = {data} WHERE series_id = {damaged}");
    site.folder.peer().await.execute(&sql).await;
    for series in site.series {
        let late = [OLD + SECOND, OLD + DAY_US + SECOND].map(|ts| (ts, Some(1.0)));
        write(&site.store, series, &late, false).await;
    }
    settle(&site.store).await;
    let mut round = Round::default();
    for call in 0.. {
        assert!(call < 20, "it never ends");
        // A day in each.
        let asked = std::sync::atomic::AtomicU32::new(0);
        let go_on = || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 1;
        match site.run(&mut round, &go_on).await {
            Ok(done) => assert!(!done.finished),
            Err(error) => {
                assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
                break;
            }
        }
    }
    // The other series was packed.
    assert_eq!(site.counts().await, (4, 4));
}

#[tokio::test]
async fn very_much_beside_a_block_is_read_with_it_piece_by_piece() {
    let site = site().await;
    if site.hypertables() {
        eprintln!("SKIPPED: TimescaleDB compresses itself");
        return;
    }
    let mut all = site.fill(2).await[0].clone();
    site.pack().await;
    // More than is read in one go, between the packed ones and up to the end of the day.
    let late: Vec<_> = (0..21_000_i32)
        .map(|n| (OLD + DAY_US - SECOND - i64::from(n) * 4 * SECOND, Some(f64::from(n % 7))))
        .collect();
    write(&site.store, site.series[0], &late, false).await;
    for (ts, value) in late {
        all.entry(ts).or_insert(value);
    }
    let (from, to) = (OLD + HOUR_US + 1, OLD + DAY_US + HOUR_US);
    let chart = site.charts(from, to, 200_000).await.unwrap();
    let expected: Values = all.range(from..to).map(|(ts, value)| (*ts, *value)).collect();
    assert!(expected.len() > 25_000, "{}", expected.len());
    assert_eq!(numbers(&chart[0]), expected);
}

#[tokio::test]
async fn a_large_day_is_packed_in_steps_and_what_comes_meanwhile_stays() {
    let site = site().await;
    if site.hypertables() {
        eprintln!("SKIPPED: TimescaleDB compresses itself");
        return;
    }
    let load = site.series[0];
    let value = |n: i32| (OLD + i64::from(n) * 3 * SECOND, Some(f64::from(n % 11)));
    let mut all: Values = (0..28_800).map(value).collect();
    let rows: Vec<_> = all.iter().map(|(ts, value)| (*ts, *value)).collect();
    write(&site.store, load, &rows, true).await;
    settle(&site.store).await;
    let (day, span) = (OLD / DAY_US, Span { from: OLD, to: OLD + DAY_US });
    let prepared = prepare(&site.store, load, day, span).await.unwrap().unwrap();
    let rows: Vec<u64> = prepared.slices.iter().map(|slice| slice.rows).collect();
    assert_eq!(rows, [20_000, 8_800]);
    // Into the second step.
    let late = (OLD + DAY_US - SECOND, Some(-1.0));
    all.insert(late.0, late.1);
    write(&site.store, load, &[late], false).await;
    assert!(!super::write(&site.store, std::slice::from_ref(&prepared)).await.unwrap());
    assert_eq!(site.counts().await, (8_801, 1), "the block, and what isn't as it was read");
    let seen = async || numbers(&site.charts(OLD, OLD + DAY_US, 100_000).await.unwrap()[0]);
    assert!(seen().await == all);
    assert!(!super::write(&site.store, &[prepared]).await.unwrap(), "there is another block");
    settle(&site.store).await;
    for (table, width) in [("rollups_1m", MINUTE_US), ("rollups_1h", HOUR_US)] {
        let until = floor(late.0, width);
        let rolled = site.rolled(table, load).await.into_iter().filter(|(at, _)| *at < until);
        assert_eq!(rolled.collect::<BTreeMap<_, _>>(), expected(&all, width, until), "{table}");
    }
    site.pack().await;
    assert_eq!(site.counts().await, (0, 1));
    assert!(seen().await == all);
}

#[tokio::test]
async fn a_signal_without_a_kind_stays_unpacked_until_it_has_one() {
    let site = site().await;
    if site.hypertables() {
        eprintln!("SKIPPED: TimescaleDB compresses itself");
        return;
    }
    let mut tx = site.store.begin_batch().await.unwrap();
    let row = NewSeries {
        machine: site.machine,
        signal: "program".to_owned(),
        kind: None,
        created_at: NOW,
    };
    let program = series::create(&mut tx, &[row]).await.unwrap()[0];
    tx.commit().await.unwrap();
    write(&site.store, program, &[(OLD, None), (LAST, None)], true).await;
    settle(&site.store).await;
    assert_eq!(site.pack().await, 0);
    let mut tx = site.store.begin_batch().await.unwrap();
    series::fix_kind(&mut tx, program, SignalKind::Text).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(site.number("SELECT count(*) FROM points_text").await, 2);
}

#[tokio::test]
async fn partitions_of_packed_days_give_their_room_back() {
    let site = site().await;
    if !matches!(site.store.layout(), Layout::Days { .. }) {
        eprintln!("SKIPPED: only PostgreSQL without TimescaleDB has partitions");
        return;
    }
    site.fill(1).await;
    let name = crate::telemetry::layout::partition("points", OLD / DAY_US);
    let size = format!("SELECT pg_total_relation_size('{name}')");
    let before = site.number(&size).await;
    assert!(before > 500_000, "{before}");
    let turn = take_turn(&site.store).await.unwrap().unwrap();
    let (mut partition, mut looked, never) = (String::new(), shrink::Looked::new(), || false);
    let steps = Steps::new(&turn, &never);
    let at = (&mut partition, &mut looked);
    let gone = shrink::Gone::read(&site.store, Some(NOW)).await.unwrap();
    let ended = shrink::partitions(&site.store, gone, at, &steps).await.unwrap();
    assert!(!ended && partition.is_empty(), "there is one, and no time for it");
    turn.end().await.unwrap();
    site.pack().await;
    let mut after = site.number(&size).await;
    // Somebody may still have looked at it just then.
    for _ in 0..100 {
        if after < 100_000 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        site.pack().await;
        after = site.number(&size).await;
    }
    assert!(after < 100_000, "{before} to {after}");
}

#[tokio::test]
async fn a_signal_that_isnt_packed_keeps_no_others_room() {
    let site = site().await;
    if !matches!(site.store.layout(), Layout::Days { .. }) {
        eprintln!("SKIPPED: only PostgreSQL without TimescaleDB has partitions");
        return;
    }
    site.fill(1).await;
    // Always null, and behind all else, so that the file can't be cut.
    let mut tx = site.store.begin_batch().await.unwrap();
    let row = NewSeries {
        machine: site.machine,
        signal: "program".to_owned(),
        kind: None,
        created_at: NOW,
    };
    let program = series::create(&mut tx, &[row]).await.unwrap()[0];
    tx.commit().await.unwrap();
    let nulls: Vec<_> = (0..1_500).map(|n| (OLD + n * 10 * SECOND, None)).collect();
    write(&site.store, program, &nulls, true).await;
    settle(&site.store).await;
    let name = crate::telemetry::layout::partition("points", OLD / DAY_US);
    let size = format!("SELECT pg_total_relation_size('{name}')");
    let before = site.number(&size).await;
    site.pack().await;
    let mut after = site.number(&size).await;
    // Somebody may still have looked at it just then.
    for _ in 0..100 {
        if after < before / 4 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        site.pack().await;
        after = site.number(&size).await;
    }
    assert!(after < before / 4, "{before} to {after}");
    assert_eq!(site.number(&format!("SELECT count(*) FROM {name}")).await, 1_500);
}

#[tokio::test]
async fn what_comes_late_for_a_day_of_long_ago_is_packed_some_rounds_later() {
    let site = site().await;
    if site.hypertables() {
        eprintln!("SKIPPED: TimescaleDB compresses itself");
        return;
    }
    site.fill(1).await;
    let mut round = Round::default();
    let packed = async |round: &mut Round| {
        let done = site.run(round, &|| true).await.unwrap();
        assert!(done.finished);
        done.points
    };
    assert_eq!(packed(&mut round).await, 2 * 8_640);
    write(&site.store, site.series[0], &[(OLD + SECOND, Some(1.5))], false).await;
    settle(&site.store).await;
    let mut rounds = 1;
    while packed(&mut round).await == 0 {
        rounds += 1;
        assert!(rounds <= ALL_EVERY, "never");
    }
    // With partitions it isn't looked at all of them each time.
    let days = matches!(site.store.layout(), Layout::Days { .. });
    assert_eq!(rounds, if days { ALL_EVERY } else { 1 });
}

#[tokio::test]
async fn rules_that_learn_are_given_what_is_packed() {
    let site = site().await;
    site.fill(3).await;
    let load = site.series[0];
    let given = async || {
        let mut tx = site.store.begin_batch().await.unwrap();
        let after = OLD + DAY_US - HOUR_US;
        let samples = detector_states::samples_after(&mut tx, load, after, 1_000).await.unwrap();
        let mut starts = Vec::new();
        // None of them packed, of the last day, of the one before, and more than there are.
        for newest in [0, 5_000, 10_000, 40_000] {
            let start = detector_states::start_of_newest(&mut tx, load, OLD + SECOND, newest);
            starts.push(start.await.unwrap());
        }
        tx.commit().await.unwrap();
        (samples, starts)
    };
    let before = given().await;
    assert_eq!((before.0.len(), before.0[0].ts), (1_000, OLD + DAY_US - HOUR_US + 10 * SECOND));
    let third = OLD + 3 * DAY_US - 5_000 * 10 * SECOND;
    let second = OLD + 3 * DAY_US - 10_000 * 10 * SECOND;
    assert_eq!(before.1, [Some(LAST), Some(third), Some(second), None]);
    site.pack().await;
    assert_eq!(given().await, before);
    if site.hypertables() {
        return;
    }
    // A damaged block doesn't keep a machine's messages from being stored.
    let data = if site.folder.url().is_some() { r"'\x0102'::bytea" } else { "x'0102'" };
    let sql = format!("UPDATE packed_points SET data = {data} WHERE series_id = {load}");
    site.folder.peer().await.execute(&sql).await;
    let (samples, starts) = given().await;
    assert_eq!(samples.iter().map(|sample| sample.ts).collect::<Vec<_>>(), [LAST]);
    assert_eq!(starts, [Some(LAST), None, None, None]);
}

/// What rules relive of months, in no batch.
#[tokio::test]
async fn packed_days_are_given_as_a_whole_and_counted_without_being_looked_into() {
    let site = site().await;
    site.fill(3).await;
    let load = site.series[0];
    let all = async |packed: usize| {
        let mut times: Vec<(i64, Option<f64>, i64)> = Vec::new();
        let (mut after, mut pages) = (OLD - 1, 0);
        loop {
            let page = detector_states::committed_after(&site.store, load, after, (2_000, packed));
            let page = page.await.unwrap();
            pages += 1;
            let whole = page.len() < 2_000;
            times.extend(page.iter().map(|sample| (sample.ts, sample.value, sample.quality)));
            after = times.last().map_or(after, |(ts, ..)| *ts);
            if whole {
                return (times, pages);
            }
        }
    };
    let starts = async || {
        let stretch = Stretch { series: load, texts: false, after: OLD - 1, to: LAST };
        let mut starts = Vec::new();
        for most in [25_921, 25_920, 10_000, 1] {
            starts.push(detector_states::start_within(&site.store, stretch, most).await.unwrap());
        }
        starts
    };
    let (before, pages) = all(0).await;
    assert_eq!((before.len(), pages), (25_921, 13));
    let found = starts().await;
    let third = OLD + 2 * DAY_US - 1;
    assert_eq!(found[0], OLD - 1);
    let behind = |start: i64| before.iter().filter(|(ts, ..)| *ts > start).count();
    assert!((25_900..=25_920).contains(&behind(found[1])), "{found:?}");
    assert!((9_980..=10_000).contains(&behind(found[2])), "{found:?}");
    assert_eq!(behind(found[3]), 1);
    site.pack().await;
    assert_eq!(all(0).await.0, before);
    if site.hypertables() {
        return;
    }
    let (packed, fewer) = all(9_000).await;
    assert!(packed == before && fewer < 6, "{fewer} pages");
    let found = starts().await;
    assert_eq!(found[..3], [OLD - 1, OLD + DAY_US - 1, third]);
    assert_eq!(behind(found[3]), 1);
}

#[tokio::test]
async fn history_in_order_of_time_is_the_same_packed_or_not() {
    let site = site().await;
    site.fill(3).await;
    let signals = ["load", "door"].map(str::to_owned);
    let [from, to] = [OLD + HOUR_US, LAST + 1].map(Timestamp::from_micros);
    let wanted = WantedHistory { signals: &signals, events: &[], from, to };
    let all = async || {
        let (store, machine) = (&site.store, site.machine);
        let mut history = History::open(store, Scope::Platform, machine, wanted).await.unwrap();
        let mut all = Vec::new();
        while let Some(mut piece) = history.next(store).await.unwrap() {
            all.append(&mut piece);
        }
        all
    };
    let before = all().await;
    // Three days without an hour, the one before it, and the last one; of both.
    assert_eq!(before.len(), 2 * (3 * 8_640 - 360 + 1 + 1));
    let packed = site.pack().await;
    assert!(site.hypertables() || packed > 0);
    assert!(all().await == before);
}
