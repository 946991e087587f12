//! Compressed days of a series. The first byte says which day they are said to be of, and whether the
//! rest is a whole block or what is compressed in one; the next two say how many points there are.

use millwright_store::telemetry::packed_blocks::{Row, block_of, decode, encode};

/// A usual day, the first ones, and such as no time has.
const DAYS: [i64; 4] = [20_414, 0, -1, i64::MAX];
const DAY_US: i64 = 86_400_000_000;

/// Values by their bits: NaN is not equal to itself.
fn bits(rows: &[Row]) -> Vec<(i64, Option<u64>, i64)> {
    rows.iter().map(|(ts, value, quality)| (*ts, value.map(f64::to_bits), *quality)).collect()
}

/// See the module.
pub fn target(data: &[u8]) {
    let Some((&[kind, low, high], rest)) = data.split_first_chunk() else { return };
    let count = usize::from(u16::from_le_bytes([low, high]));
    let day = DAYS[usize::from(kind >> 1) % DAYS.len()];
    let block = if kind & 1 == 0 { rest.to_vec() } else { block_of(rest).expect("compresses") };
    let Ok(rows) = decode(day, count, &block) else { return };

    assert!(rows.len() == count && count > 0, "{} points", rows.len());
    let start = day.checked_mul(DAY_US).expect("a day that there is");
    let mut before = start - 1;
    for (ts, _, _) in &rows {
        assert!(*ts > before && *ts < start + DAY_US, "{ts} after {before}");
        before = *ts;
    }
    let again = encode(day, &rows).expect("what was read can be written");
    let again = decode(day, count, &again).expect("what was written can be read");
    assert_eq!(bits(&again), bits(&rows));
}
