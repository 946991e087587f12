//! What the fleet view costs: the newest values of all machines (`GET /telemetry/latest`), and the
//! list of machines beside it.

use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::database::{Database, Kind};
use crate::inside::Inside;
use crate::machine::now_ms;
use crate::platform::Platform;
use crate::report::{Report, Section};
use crate::stats::{Times, float, readable};

/// Signals of each machine that have a value.
const SIGNALS: usize = 10;
/// So many of them are read.
const READ: [usize; 2] = [1, SIGNALS];
/// Machines of a page.
const PAGE: usize = 500;
/// Reads of one page, from the first on, and of the whole fleet.
const PAGE_READS: u32 = 40;
const FLEET_READS: u32 = 10;

/// Fills up to this many machines with newest values, and reads them.
pub(crate) async fn measure(
    report: &Report,
    database: &Database,
    platform: &Platform,
    machines: usize,
) -> Result<()> {
    let mut section = report.section("latest", database.name());
    let inside = Inside::open(database, platform.folder()).await?;
    fill(&inside, database.kind(), machines).await?;
    inside.close().await;
    for signals in READ {
        let names: Vec<String> =
            (0..signals).map(|number| format!("signal={}", name(number))).collect();
        let list = List { path: format!("/telemetry/latest?{}&", names.join("&")), signals };
        let what = format!("newest values of {signals} signals");
        list.measure(&mut section, platform, &what, machines).await?;
    }
    let list = List { path: "/machines?".to_owned(), signals: 0 };
    list.measure(&mut section, platform, "list of machines", machines).await?;
    section.end()
}

/// A list that is read page by page.
struct List {
    /// With its conditions, and what parts them from more.
    path: String,
    /// Values that every machine must have in it.
    signals: usize,
}

impl List {
    async fn measure(
        &self,
        section: &mut Section,
        platform: &Platform,
        what: &str,
        machines: usize,
    ) -> Result<()> {
        let mut times = Times::new();
        for _ in 0..PAGE_READS {
            let start = Instant::now();
            self.page(platform, "").await?;
            times.push(start.elapsed());
        }
        section.percentiles(&format!("{what}, one page of {PAGE}"), times.p50_p99_ms());
        let (mut times, mut found) = (Times::new(), 0);
        for _ in 0..FLEET_READS {
            let start = Instant::now();
            found = self.all(platform).await?;
            times.push(start.elapsed());
        }
        ensure!(found >= machines, "{what}: {found} machines, not {machines}");
        let found = readable(float(found as u64));
        section.percentiles(&format!("{what}, {found} machines by pages"), times.p50_p99_ms());
        Ok(())
    }

    /// How many machines there are on all pages.
    async fn all(&self, platform: &Platform) -> Result<usize> {
        let (mut found, mut cursor) = (0, String::new());
        loop {
            let (machines, next) = self.page(platform, &cursor).await?;
            found += machines;
            let Some(next) = next else { return Ok(found) };
            cursor = format!("&cursor={next}");
        }
    }

    /// The machines of a page, and where the next one is.
    async fn page(&self, platform: &Platform, cursor: &str) -> Result<(usize, Option<String>)> {
        let page = platform.get(&format!("{}limit={PAGE}{cursor}", self.path)).await?;
        let items = page["items"].as_array().context("items")?;
        for item in items {
            let signals = item["signals"].as_array().map_or(0, Vec::len);
            ensure!(signals == self.signals, "{signals} values: {item}");
        }
        Ok((items.len(), page["next_cursor"].as_str().map(str::to_owned)))
    }
}

fn name(number: usize) -> String {
    format!("view.{number}")
}

/// Makes machines until there are so many, and values of all of them.
async fn fill(inside: &Inside, kind: Kind, machines: usize) -> Result<()> {
    let now = now_ms() * 1_000;
    let count = "SELECT count(*) FROM machines WHERE state <> 'decommissioned'";
    let there = usize::try_from(inside.number(count).await?)?;
    let organization = "(SELECT id FROM organizations ORDER BY created_at, id LIMIT 1)";
    let rows: Vec<String> = (there..machines)
        .map(|number| {
            let id = inside.literal(uuid::Uuid::now_v7());
            format!(
                "({id},{organization},'View {number}','V-{number}','commissioned',1,{now},{now},{now})"
            )
        })
        .collect();
    let into = "machines (id, organization_id, name, serial_number, state, version, created_at, \
                updated_at, commissioned_at)";
    inside.insert(into, &rows).await?;
    let names: Vec<String> =
        (0..SIGNALS).map(|number| format!("SELECT '{}' AS signal", name(number))).collect();
    let mut statements = vec![
        "INSERT INTO machine_status (machine_id) SELECT m.id FROM machines m \
         WHERE NOT EXISTS (SELECT 1 FROM machine_status s WHERE s.machine_id = m.id)"
            .to_owned(),
        format!(
            "INSERT INTO series (machine_id, signal, kind, created_at) \
             SELECT m.id, w.signal, 'number', {now} FROM machines m CROSS JOIN ({}) w \
             WHERE m.state <> 'decommissioned' AND NOT EXISTS \
             (SELECT 1 FROM series s WHERE s.machine_id = m.id AND s.signal = w.signal) \
             ORDER BY m.id, w.signal",
            names.join(" UNION ALL ")
        ),
    ];
    // There is nothing to be rolled up of them.
    if kind != Kind::Timescale {
        statements.push(format!(
            "INSERT INTO rollup_cursors (series_id, through) SELECT s.id, {now} FROM series s \
             WHERE s.signal LIKE 'view.%' AND NOT EXISTS \
             (SELECT 1 FROM rollup_cursors c WHERE c.series_id = s.id)"
        ));
    }
    statements.push(format!(
        "INSERT INTO latest (series_id, ts, value, quality, received_at) \
         SELECT s.id, {now}, 20.5 + s.id % 1000, 0, {now} FROM series s \
         WHERE s.signal LIKE 'view.%' AND NOT EXISTS \
         (SELECT 1 FROM latest l WHERE l.series_id = s.id)"
    ));
    if kind != Kind::Sqlite {
        // As the server would by itself within a minute.
        statements.push("ANALYZE machines, machine_status, series, latest".to_owned());
    }
    inside.execute(statements.join("; ")).await
}
