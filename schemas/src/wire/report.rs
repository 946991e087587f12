//! Reported events that ask something of the platform: commands, what an agent can do, the time,
//! help.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::WireError;
use super::command::{
    Capabilities, CommandReport, Rejection, SignalInfo, TimeRequested, is_command_name, is_unit,
};
use super::events::EventType;
use super::fault::{check_key, cut};
use super::rules::{RefusedRule, RulesApplied};
use crate::limits::{
    ARGUMENT_SCHEMA_MAX_BYTES, CATALOGUE_COMMANDS_MAX, INTEGER_MAX, NONCE_CHARS, REMEDIES_MAX,
    REPORT_ERROR_MAX_BYTES, RULES_ON_MACHINE_MAX, SIGNAL_INFOS_MAX, UNIT_MAX_CHARS,
};

/// What such an event says, checked.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// `command.*`.
    Command(CommandReport),
    /// `agent.capabilities`.
    Capabilities(Capabilities),
    /// `time.requested`.
    TimeRequested(TimeRequested),
    /// `help.requested`.
    HelpRequested {
        /// The operator's words; may be empty.
        message: String,
    },
    /// `rules.applied`.
    RulesApplied(RulesApplied),
}

/// Reads the data of an event of one of these types; `None` for every other.
pub(super) fn decode(
    event_type: &EventType,
    data: &Map<String, Value>,
) -> Result<Option<Report>, WireError> {
    use EventType as T;
    let report = match event_type {
        T::CommandReceived
        | T::CommandRejected
        | T::CommandAwaitingConsent
        | T::CommandStarted
        | T::CommandProgress
        | T::CommandSucceeded
        | T::CommandFailed
        | T::CommandTimedOut
        | T::CommandCanceled
        | T::CommandInterrupted => Report::Command(command(data.clone())?),
        T::AgentCapabilities => Report::Capabilities(capabilities(data.clone())?),
        T::TimeRequested => Report::TimeRequested(time_requested(data.clone())?),
        T::HelpRequested => Report::HelpRequested { message: message(data) },
        T::RulesApplied => Report::RulesApplied(rules_applied(data.clone())?),
        _ => return Ok(None),
    };
    Ok(Some(report))
}

fn form<T: serde::de::DeserializeOwned>(data: Map<String, Value>) -> Result<T, WireError> {
    serde_json::from_value(Value::Object(data))
        .map_err(|error| WireError::field("data", error.to_string()))
}

/// A reason that a newer agent knows must not cost the report: the command is over all the same.
fn command(mut data: Map<String, Value>) -> Result<CommandReport, WireError> {
    if let Some(reason) = data.get("reason")
        && reason.as_str().is_none_or(|word| word.parse::<Rejection>().is_err())
    {
        let reason = data.remove("reason").unwrap_or_default();
        if !reason.is_null() {
            data.entry("error").or_insert_with(|| format!("reason: {reason}").into());
        }
    }
    let mut report: CommandReport = form(data)?;
    if let Some(error) = &mut report.error {
        error.truncate(error.floor_char_boundary(REPORT_ERROR_MAX_BYTES));
    }
    Ok(report)
}

fn capabilities(data: Map<String, Value>) -> Result<Capabilities, WireError> {
    let told: Capabilities = form(data)?;
    check_version("data.rules_version", told.rules_version.unwrap_or(0))?;
    if told.last_ord > INTEGER_MAX || told.reported_ord.is_some_and(|ord| ord > told.last_ord) {
        let message = format!("{} is beyond 2^53, or below reported_ord", told.last_ord);
        return Err(WireError::field("data.last_ord", message));
    }
    if told.commands.len() > CATALOGUE_COMMANDS_MAX {
        let message =
            format!("{} commands, more than {CATALOGUE_COMMANDS_MAX}", told.commands.len());
        return Err(WireError::field("data.commands", message));
    }
    for (index, entry) in told.commands.iter().enumerate() {
        let field = |name: &str| format!("data.commands[{index}].{name}");
        if !is_command_name(&entry.name) {
            let shown: String = entry.name.chars().take(80).collect();
            let message = format!("{shown:?} is not 1 to 64 of a-z 0-9 _ .");
            return Err(WireError::field(field("name"), message));
        }
        let size = entry.arguments.to_string().len();
        if size > ARGUMENT_SCHEMA_MAX_BYTES {
            let message = format!("{size} bytes, more than {ARGUMENT_SCHEMA_MAX_BYTES}");
            return Err(WireError::field(field("arguments"), message));
        }
        check_remedies(&field("remedy_for"), &entry.remedy_for)?;
    }
    check_signals(&told.signals)?;
    Ok(told)
}

fn check_remedies(field: &str, codes: &[String]) -> Result<(), WireError> {
    if codes.len() > REMEDIES_MAX {
        let message = format!("{} codes, more than {REMEDIES_MAX}", codes.len());
        return Err(WireError::field(field, message));
    }
    codes
        .iter()
        .enumerate()
        .try_for_each(|(index, code)| check_key(&format!("{field}[{index}]"), code, 1))
}

fn check_signals(signals: &[SignalInfo]) -> Result<(), WireError> {
    if signals.len() > SIGNAL_INFOS_MAX {
        let message = format!("{} signals, more than {SIGNAL_INFOS_MAX}", signals.len());
        return Err(WireError::field("data.signals", message));
    }
    let mut seen = BTreeSet::new();
    for (index, info) in signals.iter().enumerate() {
        let field = |name: &str| format!("data.signals[{index}].{name}");
        if !seen.insert(&info.signal) {
            let message = format!("{:?} is there twice", info.signal.as_str());
            return Err(WireError::field(field("signal"), message));
        }
        if let Some(unit) = info.unit.as_deref().filter(|unit| !is_unit(unit)) {
            let shown: String = unit.chars().take(80).collect();
            let message = format!("{shown:?} is not 1 to {UNIT_MAX_CHARS} printable characters");
            return Err(WireError::field(field("unit"), message));
        }
    }
    Ok(())
}

fn time_requested(data: Map<String, Value>) -> Result<TimeRequested, WireError> {
    let asked: TimeRequested = form(data)?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if NONCE_CHARS.contains(&asked.nonce.len()) && asked.nonce.bytes().all(allowed) {
        return Ok(asked);
    }
    let shown: String = asked.nonce.chars().take(80).collect();
    let message = format!("{shown:?} is not 16 to 64 of A-Z a-z 0-9 _ -");
    Err(WireError::field("data.nonce", message))
}

fn rules_applied(data: Map<String, Value>) -> Result<RulesApplied, WireError> {
    let mut applied: RulesApplied = form(data)?;
    check_version("data.version", applied.version)?;
    if applied.refused.len() > RULES_ON_MACHINE_MAX {
        let message = format!("{} rules, more than {RULES_ON_MACHINE_MAX}", applied.refused.len());
        return Err(WireError::field("data.refused", message));
    }
    applied.refused.iter_mut().for_each(RefusedRule::cut);
    Ok(applied)
}

fn check_version(field: &str, version: u64) -> Result<(), WireError> {
    if version <= INTEGER_MAX {
        return Ok(());
    }
    Err(WireError::field(field, format!("{version} is beyond 2^53")))
}

/// Whoever asks for help must be heard, whatever the form.
fn message(data: &Map<String, Value>) -> String {
    let mut message = match data.get("message") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    cut(&mut message);
    message
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::super::events;
    use super::*;

    fn decoded(event_type: &str, data: &str) -> Result<Option<Report>, String> {
        let payload = format!(r#"{{"type":"{event_type}","data":{data}}}"#);
        let event = events::decode(payload.as_bytes()).map_err(|error| error.to_string())?;
        Ok(event.report)
    }

    const ID: &str = r#""command_id":"0198b2c4-7c1e-7000-8000-000000000009""#;

    #[test]
    fn a_reason_of_a_newer_agent_does_not_cost_the_report() {
        for (reason, read, error) in [
            (r#""expired""#, Some(Rejection::Expired), None),
            (r#""battery_low""#, None, Some(r#"reason: "battery_low""#)),
            ("7", None, Some("reason: 7")),
            ("null", None, None),
        ] {
            let data = format!(r#"{{{ID},"reason":{reason},"new":true}}"#);
            let Ok(Some(Report::Command(report))) = decoded("command.rejected", &data) else {
                panic!("a report");
            };
            assert_eq!((report.reason, report.error.as_deref()), (read, error), "{reason}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_field() {
        let entry = |name: &str| {
            format!(
                r#"{{"version":"1","ledger":"0198b2c4-7c1e-7000-8000-000000000001","last_ord":0,
                    "commands":[{{"name":"{name}","class":"read","arguments":{{}},
                    "needs_consent":false,"deadline_s":5}}]}}"#
            )
        };
        assert!(matches!(
            decoded("agent.capabilities", &entry("ping")),
            Ok(Some(Report::Capabilities(_)))
        ));
        for (event_type, data, told) in [
            ("command.started", "{}".to_owned(), "data: missing field `command_id`"),
            ("command.failed", r#"{"command_id":7}"#.to_owned(), "data: invalid type"),
            ("time.requested", r#"{"nonce":"short"}"#.to_owned(), "data.nonce: \"short\" is not"),
            ("time.requested", r#"{"nonce":"0123456789abcde!"}"#.to_owned(), "data.nonce: "),
            ("agent.capabilities", "{}".to_owned(), "data: missing field `version`"),
            ("agent.capabilities", entry("Rm -rf"), "data.commands[0].name: \"Rm -rf\" is not"),
        ] {
            let error = decoded(event_type, &data).unwrap_err();
            assert!(error.starts_with(told), "{error}");
        }
    }

    #[test]
    fn remedies_and_units_have_bounds() {
        let told = |remedies: Value, signals: Value| {
            serde_json::json!({
                "version": "1", "ledger": "0198b2c4-7c1e-7000-8000-000000000001", "last_ord": 0,
                "commands": [{
                    "name": "ping", "class": "read", "arguments": {}, "needs_consent": false,
                    "deadline_s": 5, "remedy_for": remedies,
                }],
                "signals": signals,
            })
            .to_string()
        };
        let (none, codes) = (serde_json::json!([]), |count| vec!["E-1"; count]);
        let signals = serde_json::json!([{"signal": "t", "unit": "°C"}, {"signal": "n"}]);
        let good = decoded("agent.capabilities", &told(codes(REMEDIES_MAX).into(), signals));
        let Ok(Some(Report::Capabilities(good))) = good else { panic!("{good:?}") };
        assert_eq!(good.commands[0].remedy_for.len(), REMEDIES_MAX);
        assert_eq!(good.signals[0].unit.as_deref(), Some("°C"));
        let signal =
            |unit: &str| serde_json::json!([{"signal": "a"}, {"signal": "b", "unit": unit}]);
        let many: Vec<Value> =
            (0..=SIGNAL_INFOS_MAX).map(|n| serde_json::json!({"signal": n.to_string()})).collect();
        for (remedies, signals, error) in [
            (codes(33).into(), none.clone(), "data.commands[0].remedy_for: 33 codes, more than 32"),
            (vec!["E-1", ""].into(), none.clone(), "data.commands[0].remedy_for[1]: 0 bytes"),
            (none.clone(), signal(""), "data.signals[1].unit: \"\" is not 1 to 32"),
            (none.clone(), signal(&"x".repeat(33)), "data.signals[1].unit: "),
            (
                none.clone(),
                serde_json::json!([{"signal": "a"}, {"signal": "a"}]),
                "data.signals[1]",
            ),
            (none.clone(), serde_json::json!([{"signal": ""}]), "data: a signal name must not be"),
            (none, many.into(), "data.signals: 2001 signals, more than 2000"),
        ] {
            let told = decoded("agent.capabilities", &told(remedies, signals)).unwrap_err();
            assert!(told.starts_with(error), "{told}");
        }
    }

    #[test]
    fn a_call_for_help_is_heard_whatever_its_form() {
        for (data, expected) in
            [("{}", ""), (r#"{"message":"hot"}"#, "hot"), (r#"{"message":[1]}"#, "[1]")]
        {
            let expected = Report::HelpRequested { message: expected.to_owned() };
            assert_eq!(decoded("help.requested", data), Ok(Some(expected)));
        }
    }

    #[test]
    fn what_an_agent_says_of_its_rules_has_bounds() {
        let refused = |count: usize| {
            let id = "0198b2c4-7c1e-7000-8000-000000000011";
            vec![serde_json::json!({"id": id, "problems": ["x".repeat(500)]}); count]
        };
        let told = |version: u64, refused: Vec<Value>| {
            serde_json::json!({"version": version, "watching": 2, "refused": refused}).to_string()
        };
        let good = decoded("rules.applied", &told(7, refused(RULES_ON_MACHINE_MAX)));
        let Ok(Some(Report::RulesApplied(good))) = good else { panic!("{good:?}") };
        assert_eq!((good.version, good.refused.len()), (7, RULES_ON_MACHINE_MAX));
        assert_eq!(good.refused[0].problems[0].len(), 120);
        for (data, error) in [
            (told(7, refused(RULES_ON_MACHINE_MAX + 1)), "data.refused: 101 rules, more than 100"),
            (told(1 << 60, Vec::new()), "data.version: 1152921504606846976 is beyond 2^53"),
            ("{}".to_owned(), "data: missing field `version`"),
            (r#"{"version":-1,"watching":0}"#.to_owned(), "data: invalid value"),
        ] {
            let told = decoded("rules.applied", &data).unwrap_err();
            assert!(told.starts_with(error), "{told}");
        }
    }

    #[test]
    fn other_events_ask_nothing() {
        assert_eq!(decoded("agent.started", "{}"), Ok(None));
        assert_eq!(decoded("alarm.local", "{}"), Ok(None));
        assert_eq!(decoded("command.invented", "{}"), Ok(None));
    }
}
