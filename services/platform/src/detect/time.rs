//! Times as they stand in files.

use anyhow::Context;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use millwright_schemas::Timestamp;

/// Unix time from here on is in milliseconds: as seconds it would be in the year 5138.
const MILLIS_FROM: u128 = 100_000_000_000;
/// From here on in microseconds.
const MICROS_FROM: u128 = MILLIS_FROM * 1_000;
/// From here on in nanoseconds.
const NANOS_FROM: u128 = MICROS_FROM * 1_000;

/// RFC 3339, the same without a zone (then UTC) or with a space, a date, or Unix time in seconds or,
/// by its size, milliseconds, microseconds or nanoseconds. What is finer than a microsecond is cut off.
///
/// # Errors
/// What is no time, or one that isn't within the years 1 to 9999.
pub(super) fn parse(text: &str) -> anyhow::Result<Timestamp> {
    let text = text.trim();
    let micros = written(text).or_else(|| unix(text)).or_else(|| unix_with_fraction(text));
    let micros =
        micros.with_context(|| format!("{text:?} is not a time such as 2026-11-22T08:30:00Z"))?;
    // What a timestamp can't hold would be another time.
    let time = i64::try_from(micros).ok().map(Timestamp::from_micros);
    let held = time.filter(|time| i128::from(time.micros()) == micros);
    held.with_context(|| format!("{text:?} is not within the years 1 to 9999"))
}

/// A date, with or without a time of the day, in microseconds since 1970.
fn written(text: &str) -> Option<i128> {
    const FORMATS: [&str; 3] = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    let zoned = DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
    let time = zoned.or_else(|| {
        let mut formats = FORMATS.into_iter();
        let time = formats.find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
        let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        time.or_else(|| Some(day()?.and_time(NaiveTime::MIN))).map(|time| time.and_utc())
    });
    time.map(|time| i128::from(time.timestamp_micros()))
}

/// A whole number, in microseconds.
fn unix(text: &str) -> Option<i128> {
    let number: i128 = text.parse().ok()?;
    Some(match number.unsigned_abs() {
        0..MILLIS_FROM => number * 1_000_000,
        MILLIS_FROM..MICROS_FROM => number * 1_000,
        MICROS_FROM..NANOS_FROM => number,
        _ => number.div_euclid(1_000),
    })
}

/// A number with a fraction or an exponent, in microseconds.
fn unix_with_fraction(text: &str) -> Option<i128> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
    #[allow(clippy::cast_precision_loss, reason = "powers of ten")]
    let is_below = |limit: u128| number.abs() < limit as f64;
    let micros = if is_below(MILLIS_FROM) {
        number * 1e6
    } else if is_below(MICROS_FROM) {
        number * 1e3
    } else if is_below(NANOS_FROM) {
        number
    } else {
        number / 1e3
    };
    #[allow(clippy::cast_possible_truncation, reason = "what is beyond is refused")]
    Some(micros.round() as i128)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_their_usual_forms() {
        let time: Timestamp = "2015-09-08T11:39:00Z".parse().unwrap();
        for text in [
            "2015-09-08 11:39:00",
            "2015-09-08T11:39:00",
            "2015-09-08 11:39",
            " 2015-09-08T13:39:00+02:00",
            "1441712340",
            "1441712340.0",
            "1441712340000",
            "1441712340000000",
            "1441712340000000000",
            "1.44171234e18",
        ] {
            assert_eq!(parse(text).unwrap(), time, "{text}");
        }
        let day: Timestamp = "2015-09-08T00:00:00Z".parse().unwrap();
        assert_eq!(parse("2015-09-08").unwrap(), day);
        assert!(parse("yesterday").unwrap_err().to_string().contains("\"yesterday\""));
    }

    #[test]
    fn unix_time_keeps_its_microseconds_in_every_unit() {
        for (text, micros) in [
            ("1763775000.5", 1_763_775_000_500_000),
            ("1763775000123", 1_763_775_000_123_000),
            ("1763775000123.5", 1_763_775_000_123_500),
            ("1763775000123456", 1_763_775_000_123_456),
            ("1763775000123456789", 1_763_775_000_123_456),
            ("99999999999", 99_999_999_999_000_000),
            ("100000000000", 100_000_000_000_000),
            ("99999999999999", 99_999_999_999_999_000),
            ("100000000000000", 100_000_000_000_000),
            ("99999999999999999", 99_999_999_999_999_999),
            ("100000000000000000", 100_000_000_000_000),
            ("-1.5", -1_500_000),
            ("-1763775000123456789", -1_763_775_000_123_457),
        ] {
            assert_eq!(parse(text).unwrap().micros(), micros, "{text}");
        }
    }

    #[test]
    fn what_a_timestamp_cant_hold_is_refused() {
        for text in [
            "253402300800000000000",
            "999999999999999999999999999999999999999999",
            "1e300",
            "-90000000000",
            "0000-12-31",
            "+10000-01-01 00:00:00",
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert_eq!(error, format!("{text:?} is not within the years 1 to 9999"));
        }
        assert!(parse("253402300799999999999").is_ok());
    }
}
