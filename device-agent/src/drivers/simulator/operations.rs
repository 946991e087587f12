//! What can be done to a simulated machine from afar.

use std::collections::BTreeMap;

use millwright_schemas::wire::command::{CatalogueEntry, CommandClass};
use serde_json::{Map, Value, json};

use super::machine::{Machine, SPEED_PERCENT};
use super::plant::Model;
use crate::driver::OperateError;

/// Has the machine fail: for this computer's own user, in no catalogue.
pub(crate) const SIMULATE_FAIL: &str = "simulate_fail";
/// Sets the machine's wear: likewise.
pub(crate) const SIMULATE_WEAR: &str = "simulate_wear";

/// How long an operation may take, in seconds. It is done between two readings.
const DEADLINE_S: i64 = 30;

/// The operations, as they stand in the machine's catalogue.
#[must_use]
pub fn commands(model: Model) -> Vec<CatalogueEntry> {
    let (slowest, fastest) = (SPEED_PERCENT.start(), SPEED_PERCENT.end());
    let reset = CatalogueEntry {
        remedy_for: vec![model.fault().code.to_owned()],
        ..entry(
            "reset_fault",
            CommandClass::Motion,
            [
                "Acknowledge the fault and start the machine",
                "Störung quittieren und Maschine anlassen",
            ],
            &json!({}),
            &[],
        )
    };
    vec![
        reset,
        // Takes wear back, which prevents a fault and ends none.
        entry(
            "lubricate",
            CommandClass::Configure,
            ["Lubricate what wears", "Verschleißteile schmieren"],
            &json!({}),
            &[],
        ),
        entry(
            "set_speed",
            CommandClass::Motion,
            [
                "Set the speed, in percent of the nominal speed",
                "Geschwindigkeit setzen, in Prozent der Nenngeschwindigkeit",
            ],
            &json!({ "percent": { "type": "number", "minimum": slowest, "maximum": fastest } }),
            &["percent"],
        ),
    ]
}

fn entry(
    name: &str,
    class: CommandClass,
    [english, german]: [&str; 2],
    properties: &Value,
    required: &[&str],
) -> CatalogueEntry {
    CatalogueEntry {
        name: name.to_owned(),
        class,
        description: BTreeMap::from([
            ("de".to_owned(), german.to_owned()),
            ("en".to_owned(), english.to_owned()),
        ]),
        arguments: json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        }),
        needs_consent: true,
        deadline_s: DEADLINE_S,
        remedy_for: Vec::new(),
    }
}

/// Does it.
pub(super) fn operate(
    driver: &str,
    machine: &mut Machine,
    name: &str,
    args: &Map<String, Value>,
) -> Result<Value, OperateError> {
    let refused = |error: super::OperationError| OperateError::Refused(error.to_string());
    match name {
        "reset_fault" => {
            machine.reset_fault().map_err(refused)?;
            let fault = machine.fault_cleared();
            Ok(json!({ "code": fault.code, "source": fault.source }))
        }
        "lubricate" => {
            machine.lubricate();
            Ok(Value::Null)
        }
        "set_speed" => {
            let percent = percent(args)?;
            machine.set_speed(percent).map_err(refused)?;
            Ok(json!({ "percent": percent }))
        }
        SIMULATE_FAIL => {
            machine.fail().map_err(refused)?;
            Ok(Value::Null)
        }
        SIMULATE_WEAR => {
            machine.set_wear(percent(args)?).map_err(refused)?;
            Ok(Value::Null)
        }
        _ => Err(OperateError::Unknown { driver: driver.to_owned(), operation: name.to_owned() }),
    }
}

fn percent(args: &Map<String, Value>) -> Result<f64, OperateError> {
    let value = args.get("percent").unwrap_or(&Value::Null);
    value.as_f64().ok_or_else(|| OperateError::Argument {
        argument: "percent",
        rule: format!("{value} is not a number"),
    })
}
