//! Rules of fields that only the registry has.

use millwright_core::fields::Fields;

pub(crate) fn check_time_zone(fields: &mut Fields, field: &str, value: &str) {
    if value.parse::<chrono_tz::Tz>().is_err() {
        let shown: String = value.chars().take(64).collect();
        fields.refuse(field, format!("{shown:?} is not an IANA time zone such as Europe/Vienna"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_zone_that_is_none_is_told_with_its_value() {
        let mut fields = Fields::default();
        check_time_zone(&mut fields, "time_zone", "Europe/Vienna");
        check_time_zone(&mut fields, "time_zone", "Mars/Olympus");
        let problems = fields.finish().map_err(|error| error.0).err().unwrap_or_default();
        assert_eq!(problems.len(), 1);
        assert!(problems[0].message.contains("\"Mars/Olympus\""));
    }
}
