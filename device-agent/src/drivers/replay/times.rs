//! Times in a CSV file.

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use millwright_schemas::Timestamp;

/// How a column writes times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TimeFormat {
    Rfc3339,
    UnixS,
    UnixMs,
    /// A pattern with an offset from UTC.
    WithOffset(String),
    /// A pattern of date and time, in UTC.
    DateAndTime(String),
    /// A pattern of a date: its midnight in UTC.
    Date(String),
}

impl TimeFormat {
    /// From the configuration's word or pattern; finds out what the pattern holds.
    pub(super) fn new(format: &str) -> Result<Self, String> {
        match format {
            "rfc3339" => return Ok(Self::Rfc3339),
            "unix_s" => return Ok(Self::UnixS),
            "unix_ms" => return Ok(Self::UnixMs),
            _ => {}
        }
        if StrftimeItems::new(format).any(|item| item == Item::Error) {
            return Err(format!(
                "timestamp_format = {format:?} is neither rfc3339, unix_s, unix_ms nor a pattern \
                 such as \"%Y-%m-%d %H:%M:%S\""
            ));
        }
        let example = DateTime::UNIX_EPOCH.format(format).to_string();
        let pattern = format.to_owned();
        if DateTime::parse_from_str(&example, format).is_ok() {
            Ok(Self::WithOffset(pattern))
        } else if NaiveDateTime::parse_from_str(&example, format).is_ok() {
            Ok(Self::DateAndTime(pattern))
        } else if NaiveDate::parse_from_str(&example, format).is_ok() {
            Ok(Self::Date(pattern))
        } else {
            Err(format!("timestamp_format = {format:?} doesn't say a whole date, or not alone"))
        }
    }

    pub(super) fn parse(&self, text: &str) -> Result<Timestamp, String> {
        let bad = |why: chrono::ParseError| format!("{text:?} is not a time of the form: {why}");
        let time = match self {
            Self::Rfc3339 => DateTime::parse_from_rfc3339(text).map_err(bad)?.to_utc(),
            Self::WithOffset(pattern) => {
                DateTime::parse_from_str(text, pattern).map_err(bad)?.to_utc()
            }
            Self::DateAndTime(pattern) => {
                NaiveDateTime::parse_from_str(text, pattern).map_err(bad)?.and_utc()
            }
            Self::Date(pattern) => NaiveDate::parse_from_str(text, pattern)
                .map_err(bad)?
                .and_time(NaiveTime::MIN)
                .and_utc(),
            Self::UnixS => return unix(text, 1_000_000),
            Self::UnixMs => return unix(text, 1_000),
        };
        Ok(Timestamp::from_chrono(time))
    }
}

fn unix(text: &str, unit_us: i64) -> Result<Timestamp, String> {
    let us = match text.parse::<i64>() {
        Ok(whole) => whole.checked_mul(unit_us),
        Err(_) => text.parse::<f64>().ok().filter(|time| time.is_finite()).map(|time| {
            #[allow(clippy::cast_precision_loss, reason = "the unit is at most a million")]
            let us = (time * unit_us as f64).round();
            #[allow(clippy::cast_possible_truncation, reason = "a cast saturates; checked below")]
            let us = us as i64;
            us
        }),
    };
    us.map(Timestamp::from_micros)
        .filter(|time| Some(time.micros()) == us)
        .ok_or_else(|| format!("{text:?} is not a Unix time"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_form_gives_the_same_time() {
        for (format, text) in [
            ("rfc3339", "2015-01-01T06:00:00Z"),
            ("rfc3339", "2015-01-01T07:00:00.000+01:00"),
            ("unix_s", "1420092000"),
            ("unix_s", "1420092000.000"),
            ("unix_ms", "1420092000000"),
            ("%Y-%m-%d %H:%M:%S", "2015-01-01 06:00:00"),
            ("%Y-%m-%d %H:%M:%S%.f", "2015-01-01 06:00:00.000"),
            ("%d.%m.%Y %H:%M", "01.01.2015 06:00"),
            ("%Y-%m-%d %H:%M:%S %z", "2015-01-01 08:00:00 +0200"),
            ("%s", "1420092000"),
        ] {
            let time = TimeFormat::new(format).unwrap().parse(text).unwrap();
            assert_eq!(time.to_string(), "2015-01-01T06:00:00Z", "{format} {text}");
        }
        let day = TimeFormat::new("%Y-%m-%d").unwrap().parse("2015-01-01").unwrap();
        assert_eq!(day.to_string(), "2015-01-01T00:00:00Z");
    }

    #[test]
    fn what_is_no_time_is_named() {
        for format in ["%Q", "%H:%M", "", "iso", "%Y"] {
            let error = TimeFormat::new(format).unwrap_err();
            assert!(error.contains(&format!("{format:?}")), "{error}");
        }
        for (format, text) in [
            ("rfc3339", "2015-01-01"),
            ("unix_s", "NaN"),
            ("unix_s", "9e99"),
            ("unix_ms", "99999999999999999999"),
            ("%Y-%m-%d %H:%M:%S", "2015-02-30 06:00:00"),
            ("%Y-%m-%d %H:%M:%S", "2015-01-01 06:00:00 and more"),
        ] {
            let error = TimeFormat::new(format).unwrap().parse(text).unwrap_err();
            assert!(error.contains(text), "{error}");
        }
    }
}
