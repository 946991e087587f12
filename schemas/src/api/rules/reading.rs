//! Reading a condition. Not derived: serde reads an enum with its tag inside as a whole first, and then
//! doesn't know where in it something is wrong.

use std::fmt;

use serde::Deserialize;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Value};

use super::condition::RuleCondition;
use crate::limits::RULE_JSON_LEVELS_MAX;

/// How the error of a condition begins, if it is of a part of it; the part's path and `: ` follow.
const WITHIN: &str = "in ";

/// Where something is wrong, and what. `path` and `message` are those of `serde_path_to_error`, whose path
/// ends at the outermost condition (`.` stands for the whole); where in the condition, the message says.
#[must_use]
pub fn locate<'a>(path: &str, message: &'a str) -> (String, &'a str) {
    let within = message.strip_prefix(WITHIN).and_then(|rest| rest.split_once(": "));
    match within {
        None => (path.to_owned(), message),
        Some((inner, message)) if path == "." => (inner.to_owned(), message),
        Some((inner, message)) => (format!("{path}.{inner}"), message),
    }
}

/// An error of a part of a condition, with its path, by which [`locate`] finds it.
fn within(path: &str, error: &serde_json::Error) -> String {
    let text = error.to_string();
    let (place, message) = locate(path, &text);
    if place == "." { text } else { format!("{WITHIN}{place}: {message}") }
}

impl<'de> Deserialize<'de> for RuleCondition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer.deserialize_map(Fields)?).map_err(D::Error::custom)
    }
}

/// The kinds of [`RuleCondition`].
#[derive(Deserialize)]
#[serde(variant_identifier, rename_all = "snake_case")]
enum Kind {
    Threshold,
    Rate,
    Deviation,
    Count,
    State,
    Missing,
    Sequence,
    Order,
    Schedule,
    All,
    Any,
    While,
    Levels,
    Anomaly,
}

fn read(mut fields: Map<String, Value>) -> Result<RuleCondition, String> {
    let kind = fields.remove("kind").ok_or("missing field `kind`")?;
    let kind = Kind::deserialize(kind).map_err(|error| within("kind", &error))?;
    Ok(match kind {
        Kind::Threshold => RuleCondition::Threshold(rest(fields)?),
        Kind::Rate => RuleCondition::Rate(rest(fields)?),
        Kind::Deviation => RuleCondition::Deviation(rest(fields)?),
        Kind::Count => RuleCondition::Count(rest(fields)?),
        Kind::State => RuleCondition::State(rest(fields)?),
        Kind::Missing => RuleCondition::Missing(rest(fields)?),
        Kind::Sequence => RuleCondition::Sequence(rest(fields)?),
        Kind::Order => RuleCondition::Order(rest(fields)?),
        Kind::Schedule => RuleCondition::Schedule(rest(fields)?),
        Kind::All => RuleCondition::All(rest(fields)?),
        Kind::Any => RuleCondition::Any(rest(fields)?),
        Kind::While => RuleCondition::While(rest(fields)?),
        Kind::Levels => RuleCondition::Levels(rest(fields)?),
        Kind::Anomaly => RuleCondition::Anomaly(rest(fields)?),
    })
}

/// What a condition has beside its kind.
fn rest<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, String> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let path = error.path().to_string();
        within(&path, error.inner())
    })
}

/// The fields of a condition.
struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a condition with its kind")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Map<String, Value>, A::Error> {
        object(map, Sent { levels: RULE_JSON_LEVELS_MAX })
    }
}

/// Whatever was sent, as JSON of at most so many levels. [`Value`] by itself would take the last of two
/// fields with one name.
#[derive(Clone, Copy)]
struct Sent {
    levels: usize,
}

impl Sent {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let levels = self.levels.checked_sub(1).ok_or_else(|| {
            E::custom(format_args!("is nested more than {RULE_JSON_LEVELS_MAX} levels deep"))
        })?;
        Ok(Self { levels })
    }
}

fn object<'de, A: MapAccess<'de>>(
    mut map: A,
    values: Sent,
) -> Result<Map<String, Value>, A::Error> {
    let mut fields = Map::new();
    while let Some(name) = map.next_key::<String>()? {
        if fields.contains_key(&name) {
            return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
        }
        let value = map.next_value_seed(values)?;
        fields.insert(name, value);
    }
    Ok(fields)
}

impl<'de> DeserializeSeed<'de> for Sent {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Sent {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let values = self.deeper::<A::Error>()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(values)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        object(map, self.deeper::<A::Error>()?).map(Value::Object)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;
    use utoipa::PartialSchema as _;

    use super::*;

    fn limit() -> Value {
        json!({"kind": "threshold", "signal": "t", "above": 80.5})
    }

    /// One of each kind, as it is written.
    fn conditions() -> Vec<Value> {
        let held = |mut condition: Value, holds: &[&str]| {
            for field in holds {
                condition[field] = json!(0.0);
            }
            condition
        };
        let both = ["hold_s", "clear_hold_s"];
        let (limit, clear) = (held(limit(), &both), &both[1..]);
        let level = |severity: &str| json!({"severity": severity, "condition": limit});
        vec![
            limit.clone(),
            held(
                json!({"kind": "rate", "signal": "t", "per": "minute", "window_s": 60.0,
                    "below": {"parameter": "least", "default": -1.5}, "wraps_at": 65536.0}),
                &both,
            ),
            held(
                json!({"kind": "deviation", "signal": "a", "from": "b", "measure": "percent",
                    "above": 1.0}),
                &both,
            ),
            held(
                json!({"kind": "count", "signal": "t", "is": [true, "on", 1.0], "each": "crossing",
                    "at_least": 3, "window_s": 1.5}),
                clear,
            ),
            held(json!({"kind": "state", "signal": "t", "is_not": [false]}), &both),
            json!({"kind": "missing", "event": "lift.test_call", "of": "value", "for_s": 60.0}),
            held(
                json!({"kind": "sequence", "signal": "t", "states": ["a", "b"], "within_s": 3.0}),
                clear,
            ),
            held(
                json!({"kind": "order", "signal": "t", "allowed": [{"from": "a", "to": ["b"]}]}),
                clear,
            ),
            json!({"kind": "schedule", "weekdays": ["mon"], "from": "08:00", "outside": true}),
            held(json!({"kind": "all", "conditions": [limit]}), &both),
            held(json!({"kind": "any", "conditions": [limit, limit]}), &both),
            json!({"kind": "while", "while": limit, "condition": limit}),
            json!({"kind": "levels", "levels": [level("minor"), level("major")]}),
            held(json!({"kind": "anomaly", "signals": ["t"], "train_rows": 200}), clear),
        ]
    }

    fn refused(condition: Value) -> String {
        serde_json::from_value::<RuleCondition>(condition).unwrap_err().to_string()
    }

    #[test]
    fn every_kind_of_the_api_is_read_as_it_was_written() {
        let kind = |value: &Value| value["kind"].as_str().unwrap().to_owned();
        for condition in conditions() {
            let read: RuleCondition = serde_json::from_value(condition.clone()).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), condition);
            let text = condition.to_string();
            assert_eq!(serde_json::from_str::<RuleCondition>(&text).unwrap(), read, "{text}");
        }
        let schema = serde_json::to_value(RuleCondition::schema()).unwrap();
        let known = schema["oneOf"].as_array().unwrap().iter().map(|one| {
            let tag = &one["allOf"][1]["properties"]["kind"]["enum"][0];
            tag.as_str().unwrap().to_owned()
        });
        let read: BTreeSet<String> = conditions().iter().map(kind).collect();
        assert_eq!(read, known.collect::<BTreeSet<_>>());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_path_within_the_condition() {
        let with = |field: &str, value: Value| {
            let mut condition = limit();
            condition[field] = value;
            condition
        };
        let all = |inner: Value| json!({"kind": "all", "conditions": [limit(), inner]});
        let gate = |inner: Value| json!({"kind": "while", "while": inner, "condition": limit()});
        let levels = |inner: Value| {
            json!({"kind": "levels", "levels": [
                {"severity": "minor", "condition": limit()},
                {"severity": "major", "condition": inner}]})
        };
        let rate = json!({"kind": "rate", "signal": "t", "per": "minute", "above": 1});
        for (condition, path, message) in [
            (with("hold", json!(3)), "hold", "unknown field `hold`"),
            (all(with("hold", json!(3))), "conditions[1].hold", "unknown field `hold`"),
            (with("above", json!("80")), "above", "invalid type: string \"80\""),
            (gate(with("above", json!("80"))), "while.above", "invalid type: string \"80\""),
            (with("hold_s", Value::Null), "hold_s", "invalid type: null"),
            (
                all(with("above", json!({"parameter": "Max Temp", "default": 1}))),
                "conditions[1].above.parameter",
                "\"Max Temp\" is not the name of a parameter",
            ),
            // serde names what is missing in its message only.
            (rate.clone(), ".", "missing field `window_s`"),
            (levels(rate.clone()), "levels[1].condition", "missing field `window_s`"),
            (levels(all(rate)), "levels[1].condition.conditions[1]", "missing field `window_s`"),
            (json!({"signal": "t"}), ".", "missing field `kind`"),
            (all(json!({"signal": "t"})), "conditions[1]", "missing field `kind`"),
            (with("kind", json!("trend")), "kind", "unknown variant `trend`, expected one of"),
            (gate(with("kind", json!(0))), "while.kind", "invalid type: integer `0`"),
            (with("kind", json!({"threshold": null})), "kind", "invalid type: map"),
            (json!({"kind": "any", "conditions": 5}), "conditions", "invalid type: integer `5`"),
            (all(json!([limit()])), "conditions[1]", "invalid type: sequence"),
            (json!("threshold"), ".", "expected a condition with its kind"),
            (
                all(json!({"kind": "schedule", "from": "8:00"})),
                "conditions[1].from",
                "\"8:00\" is not a time of the day",
            ),
        ] {
            let text = refused(condition.clone());
            let (place, told) = locate(".", &text);
            assert_eq!(place, path, "{condition}: {text}");
            assert!(told.contains(message), "{condition}: {text}");
            let (place, _) = locate("against.condition", &text);
            let expected = if path == "." { String::new() } else { format!(".{path}") };
            assert_eq!(place, format!("against.condition{expected}"));
        }
    }

    #[test]
    fn a_field_that_is_there_twice_is_refused() {
        for (text, name) in [
            (r#"{"kind": "threshold", "signal": "t", "above": 1, "above": 2}"#, "above"),
            (r#"{"kind": "all", "kind": "any", "conditions": []}"#, "kind"),
            (
                r#"{"kind": "any", "conditions": [{"kind": "state", "signal": "t", "is": [1], "is": []}]}"#,
                "is",
            ),
        ] {
            let error = serde_json::from_str::<RuleCondition>(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("duplicate field `{name}`")), "{error}");
        }
    }

    #[test]
    fn what_is_nested_beyond_all_use_is_refused() {
        let nested = |groups: usize| {
            (0..groups).fold(limit(), |inner, _| json!({"kind": "any", "conditions": [inner]}))
        };
        // A group is two levels.
        let most = RULE_JSON_LEVELS_MAX / 2;
        assert!(serde_json::from_value::<RuleCondition>(nested(most)).is_ok());
        let told = format!("is nested more than {RULE_JSON_LEVELS_MAX} levels deep");
        assert_eq!(refused(nested(most + 1)), told);
    }
}
