//! What compressed values take up, and what their charts cost: the same before and after the platform
//! has compressed them by its own work, which begins two minutes after its start.
//!
//! Four signals with a value every ten seconds, written straight into the database while the platform
//! is stopped: a noisy number, one of two decimals as most sensors give it, a boolean, a text. Texts
//! stay as they are.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use uuid::Uuid;

use crate::database::Database;
use crate::history::refresh;
use crate::inside::Inside;
use crate::machine::{Machine, now_ms};
use crate::platform::Platform;
use crate::report::{Report, Section};
use crate::stats::{Times, float, readable};
use crate::storage::{make_room, rfc3339};
use crate::upkeep::{LOOK, until_done};

const DAY_S: i64 = 86_400;
const HOUR_S: i64 = 3_600;
const SECOND_US: i64 = 1_000_000;
/// Between two values.
const PERIOD_S: i64 = 10;
/// Values that are written together.
const BATCH: usize = 10_000;
/// Values of days that ended so long ago are compressed, by the platform's default.
const COMPRESS_AFTER_DAYS: u32 = 7;
/// Charts end so long ago at the latest, and more: in what is compressed.
const CHARTS_BACK_DAYS: i64 = 10;
/// Points of a chart, and charts of each length.
const CHART_POINTS: u32 = 500;
const CHARTS: u32 = 10;
/// What is drawn, in seconds. An hour is drawn of values as received, more of rollups.
const RANGES: [(&str, i64); 4] =
    [("an hour", HOUR_S), ("a day", DAY_S), ("a month", 30 * DAY_S), ("a year", 365 * DAY_S)];
/// How often it is looked how far the platform is.
const PACKING_LOOK: Duration = Duration::from_secs(5);
/// So long the database's size must stay as it is: longer than pauses between the platform's steps.
const SETTLED: Duration = Duration::from_secs(45);
/// Longest wait for the platform.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// What a signal's values look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    Noisy,
    Rounded,
    Boolean,
    Text,
}

const ALL: [Values; 4] = [Values::Noisy, Values::Rounded, Values::Boolean, Values::Text];

impl Values {
    const fn signal(self) -> &'static str {
        match self {
            Self::Noisy => "packed.noisy",
            Self::Rounded => "packed.rounded",
            Self::Boolean => "packed.boolean",
            Self::Text => "packed.text",
        }
    }

    /// For people.
    const fn name(self) -> &'static str {
        match self {
            Self::Noisy => "noisy number",
            Self::Rounded => "number of two decimals",
            Self::Boolean => "boolean",
            Self::Text => "text",
        }
    }

    const fn table(self) -> &'static str {
        match self {
            Self::Noisy | Self::Rounded | Self::Boolean => "points",
            Self::Text => "points_text",
        }
    }

    /// The value of a second, as it stands in a statement.
    fn at(self, second: i64) -> String {
        match self {
            Self::Noisy => format!("{:?}", wave(second) + 2.0 * noise(second)),
            Self::Rounded => format!("{:.2}", wave(second) + 0.2 * noise(second)),
            // Both change every ten minutes.
            Self::Boolean => format!("{}.0", second / 600 % 2),
            Self::Text => format!("'program {}'", second / 600 % 3),
        }
    }
}

/// What is measured.
pub(crate) struct Scenario<'a> {
    pub(crate) programs: &'a Path,
    pub(crate) scratch: &'a Path,
    pub(crate) database: &'a Database,
    /// How far values reach back.
    pub(crate) days: i64,
}

impl Scenario<'_> {
    pub(crate) async fn measure(&self, report: &Report) -> Result<()> {
        let mut section = report.section("packed", self.database.name());
        let (programs, output) = (self.programs, report.folder());
        let platform = Platform::start(programs, self.scratch, output, self.database).await?;
        let machines = platform.enrol(1).await?;
        let machine = machines.first().context("a machine")?;
        // Not before all is there.
        platform.compress_after(machine.id(), 0).await?;
        first_values(machine).await?;
        // Whole days, up to midnight.
        let to = now_ms() / 1_000 / DAY_S * DAY_S;
        let from = to - self.days * DAY_S;
        let days: Vec<i64> = (0..self.days).map(|day| from + day * DAY_S).collect();
        make_room(machine, &days).await?;
        until_done(&platform, LOOK).await?;
        let inside = Inside::open(self.database, platform.folder()).await?;
        let paused = platform.pause().await?;
        let empty = inside.size().await?;
        let mut points = 0;
        for values in ALL {
            points += fill(&mut section, &inside, values, (from, to)).await?;
        }

        let platform = paused.go_on(programs, output, self.database).await?;
        eprintln!("{}: the platform makes rollups", self.database.name());
        until_done(&platform, LOOK).await?;
        refresh(&inside).await?;
        self.charts(&mut section, &platform, machine, "fresh").await?;
        let fresh = inside.size().await?.saturating_sub(empty);
        platform.compress_after(machine.id(), COMPRESS_AFTER_DAYS).await?;

        let platform = platform.pause().await?.go_on(programs, output, self.database).await?;
        self.until_packed(&inside, to - (i64::from(COMPRESS_AFTER_DAYS) + 1) * DAY_S).await?;
        let packed = inside.size().await?.saturating_sub(empty);
        for (what, bytes) in [("fresh", fresh), ("packed", packed)] {
            let mib = float(bytes) / 1_048_576.0;
            section.figure(format!("{what}: all signals with rollups"), mib, "MiB");
            let each = float(bytes) / float(points);
            let what = format!("{what}: bytes of a point, all signals with rollups");
            section.figure(what, each, "B");
        }
        blocks(&mut section, &inside).await?;
        self.charts(&mut section, &platform, machine, "packed").await?;
        inside.close().await;
        platform.stop().await?;
        section.end()
    }

    /// Charts of all signals that end at different times, none twice.
    async fn charts(
        &self,
        section: &mut Section,
        platform: &Platform,
        machine: &Machine,
        state: &str,
    ) -> Result<()> {
        let room = (self.days - CHARTS_BACK_DAYS) * DAY_S;
        for (range, length) in RANGES.into_iter().filter(|(_, length)| *length <= room) {
            for values in ALL {
                let what = format!("{state}: {}, chart of {range}", values.name());
                let mut times = Times::new();
                for number in 0..CHARTS {
                    let midnight = now_ms() / 1_000 / DAY_S * DAY_S;
                    let to = midnight - CHARTS_BACK_DAYS * DAY_S - i64::from(number) * 3_661;
                    let path = format!(
                        "/machines/{}/telemetry?signal={}&from={}&to={}&points={CHART_POINTS}",
                        machine.id(),
                        values.signal(),
                        rfc3339(to - length)?,
                        rfc3339(to)?,
                    );
                    let start = Instant::now();
                    let answer = platform.get(&path).await?;
                    times.push(start.elapsed());
                    let points = answer["series"][0]["points"].as_array().map_or(0, Vec::len);
                    ensure!(points > 1, "{what}: {points} points");
                }
                section.percentiles(&what, times.p50_p99_ms());
            }
        }
        Ok(())
    }

    /// Waits until the platform has compressed all that is older than this time, in seconds, and the
    /// database has got as small as it gets.
    async fn until_packed(&self, inside: &Inside, before: i64) -> Result<()> {
        let before = before * SECOND_US;
        let left = match inside {
            Inside::Timescale(_) => format!(
                "SELECT count(*) FROM timescaledb_information.chunks \
                 WHERE hypertable_name IN ('points', 'points_text') AND NOT is_compressed \
                 AND range_end_integer <= {before}"
            ),
            Inside::Sqlite(_) | Inside::Postgres(_) => format!(
                "SELECT count(*) FROM series s WHERE s.signal LIKE 'packed.%' \
                 AND s.kind <> 'text' AND EXISTS \
                 (SELECT 1 FROM points p WHERE p.series_id = s.id AND p.ts < {before})"
            ),
        };
        let start = Instant::now();
        let (mut size, mut since) = (0, start);
        loop {
            let (left, now) = (inside.number(&left).await?, inside.size().await?);
            if left > 0 || now.abs_diff(size) > size / 1_000 {
                (size, since) = (now, Instant::now());
            }
            if since.elapsed() >= SETTLED {
                return Ok(());
            }
            ensure!(start.elapsed() < PATIENCE, "the platform doesn't compress: {left} are left");
            eprint!(
                "\r{}: the platform compresses, {left} signals or chunks are left, {} MiB ",
                self.database.name(),
                readable(float(now / 1_048_576)),
            );
            tokio::time::sleep(PACKING_LOOK).await;
        }
    }
}

/// A value of each signal, now: the platform knows a signal and its kind from its first value.
async fn first_values(machine: &Machine) -> Result<()> {
    let values: Vec<String> = ALL
        .into_iter()
        .map(|values| {
            let value = match values {
                Values::Noisy | Values::Rounded => "60.25",
                Values::Boolean => "true",
                Values::Text => "\"program 0\"",
            };
            format!("\"{}\":{value}", values.signal())
        })
        .collect();
    let message = format!(
        r#"{{"outbox":"{}","seq":1,"samples":[{{"ts":{},"values":{{{}}}}}]}}"#,
        Uuid::now_v7(),
        now_ms(),
        values.join(","),
    );
    let mut connection = machine.connect().await?;
    connection.writer.publish(&machine.topic, message.as_bytes()).await?;
    connection.reader.next().await?;
    Ok(())
}

/// Writes a signal's values, and tells the platform to sum them up; how many.
async fn fill(
    section: &mut Section,
    inside: &Inside,
    values: Values,
    (from, to): (i64, i64),
) -> Result<u64> {
    let series = format!("SELECT id FROM series WHERE signal = '{}'", values.signal());
    let series = inside.number(&series).await?;
    let before = inside.size().await?;
    let into = format!("{} (series_id, ts, value, quality)", values.table());
    let (mut rows, mut points) = (Vec::with_capacity(BATCH), 0);
    let mut second = from;
    while second < to {
        rows.push(format!("({series},{},{},0)", second * SECOND_US, values.at(second)));
        second += PERIOD_S;
        if rows.len() == BATCH || second >= to {
            inside.insert(&into, &rows).await?;
            points += rows.len() as u64;
            rows.clear();
        }
    }
    let bytes = float(inside.size().await?.saturating_sub(before));
    let what = format!("fresh: bytes of a point, {}", values.name());
    section.figure(what, bytes / float(points), "B");
    // TimescaleDB notices by itself, and of texts there are none.
    if !matches!(inside, Inside::Timescale(_)) && values != Values::Text {
        let hours: Vec<String> = (from / HOUR_S..to / HOUR_S)
            .map(|hour| format!("({series},{})", hour * HOUR_S * SECOND_US))
            .collect();
        inside.insert("rollup_dirty (series_id, hour)", &hours).await?;
    }
    Ok(points)
}

/// Bytes that the platform's blocks hold; TimescaleDB has its own.
async fn blocks(section: &mut Section, inside: &Inside) -> Result<()> {
    if matches!(inside, Inside::Timescale(_)) {
        return Ok(());
    }
    for values in ALL.into_iter().filter(|values| *values != Values::Text) {
        let of = |what: &str| {
            format!(
                "SELECT CAST(coalesce(sum({what}), 0) AS BIGINT) FROM packed_points p \
                 JOIN series s ON s.id = p.series_id WHERE s.signal = '{}'",
                values.signal()
            )
        };
        let points = inside.number(&of("p.count")).await?;
        let bytes = inside.number(&of("length(p.data)")).await?;
        ensure!(points > 0, "nothing of {} is packed", values.signal());
        let each = float(bytes.unsigned_abs()) / float(points.unsigned_abs());
        section.figure(format!("packed: bytes of a point, {}", values.name()), each, "B");
    }
    Ok(())
}

/// A slow wave.
fn wave(second: i64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "seconds since 1970")]
    let phase = second as f64 / 4_000.0;
    60.0 + 40.0 * phase.sin()
}

/// From 0 to 1, the same for the same second in each run (the mixer of splitmix64).
fn noise(second: i64) -> f64 {
    let mut x = second.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    #[allow(clippy::cast_precision_loss, reason = "53 bits")]
    let upper = (x >> 11) as f64;
    upper / 9_007_199_254_740_992.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_statements_as_what_they_are() {
        assert_eq!(Values::Boolean.at(0), "0.0");
        assert_eq!(Values::Boolean.at(600), "1.0");
        assert_eq!(Values::Text.at(1_200), "'program 2'");
        let rounded = Values::Rounded.at(1_000_000_000);
        assert_eq!(rounded.split_once('.').map(|(_, decimals)| decimals.len()), Some(2));
        let noisy: Vec<String> = (0..100).map(|second| Values::Noisy.at(second)).collect();
        assert!(noisy.iter().all(|value| value.contains('.')), "{noisy:?}");
        assert!(noisy.iter().filter(|value| value.len() > 10).count() > 90, "{noisy:?}");
    }

    #[test]
    fn noise_is_spread_and_repeats() {
        let all: Vec<f64> = (0..1_000).map(noise).collect();
        assert!(all.iter().all(|value| (0.0..1.0).contains(value)));
        let mean = all.iter().sum::<f64>() / 1_000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
        assert_eq!(noise(7).to_bits(), noise(7).to_bits());
    }
}
