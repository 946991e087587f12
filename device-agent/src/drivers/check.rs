//! Checks of configuration values that several drivers share.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::limits::DRIVER_NAME_MAX_BYTES;
use crate::driver::DriverError;

/// A configuration at fault.
pub(super) fn wrong(driver: &str, reason: impl Into<String>) -> DriverError {
    DriverError::Configuration { driver: driver.to_owned(), reason: reason.into() }
}

/// A driver's name: short, visible, so that it can be a key and a word in a log.
pub(super) fn name(name: &str) -> Result<(), DriverError> {
    if name.is_empty() || name.len() > DRIVER_NAME_MAX_BYTES {
        let bytes = name.len();
        return Err(wrong(
            name,
            format!("name = {name:?} has {bytes} bytes, not 1 to {DRIVER_NAME_MAX_BYTES}"),
        ));
    }
    if name.chars().any(char::is_control) {
        return Err(wrong(name, format!("name = {name:?} contains a control character")));
    }
    Ok(())
}

/// A number within its range, both ends included. NaN is in no range.
pub(super) fn range<T: PartialOrd + Display + Copy>(
    driver: &str,
    key: &str,
    value: T,
    range: &RangeInclusive<T>,
) -> Result<(), DriverError> {
    if range.contains(&value) {
        return Ok(());
    }
    let (start, end) = (range.start(), range.end());
    Err(wrong(driver, format!("{key} = {value} is not between {start} and {end}")))
}
