//! Arguments of commands against the JSON Schema of the catalogue. The platform refuses wrong ones
//! when a command is issued, the agent before it runs; both by this function.

use millwright_schemas::api::problem::FieldProblem;
use millwright_schemas::limits::{ARGUMENT_SCHEMA_MAX_BYTES, COMMAND_ARGS_MAX_BYTES};
use serde_json::{Map, Value};

/// Faults of the arguments that are told; what is beyond isn't.
const FAULTS_MAX: usize = 20;

/// Why a schema can't be one of arguments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchema {
    /// Too large to be kept.
    #[error("the schema has {0} bytes, more than {ARGUMENT_SCHEMA_MAX_BYTES}")]
    TooLarge(usize),
    /// It says nothing that can be checked.
    #[error("not a JSON Schema (2020-12): {0}")]
    NotASchema(String),
}

/// Checks a schema itself. References to other documents are refused: nothing is fetched.
///
/// # Errors
/// See [`InvalidSchema`].
pub fn check_schema(schema: &Value) -> Result<(), InvalidSchema> {
    compile(schema).map(drop)
}

/// Checks arguments against a schema; every fault with the path of its field, such as
/// `args.percent`.
///
/// # Errors
/// What is wrong with the arguments, or with the schema (of field `args`).
pub fn check(schema: &Value, args: &Map<String, Value>) -> Result<(), Vec<FieldProblem>> {
    let fault = |field: String, message: String| FieldProblem { field, message };
    let args = Value::Object(args.clone());
    let bytes = args.to_string().len();
    if bytes > COMMAND_ARGS_MAX_BYTES {
        let message = format!("has {bytes} bytes, at most {COMMAND_ARGS_MAX_BYTES} fit");
        return Err(vec![fault("args".to_owned(), message)]);
    }
    let validator =
        compile(schema).map_err(|error| vec![fault("args".to_owned(), error.to_string())])?;
    let faults: Vec<FieldProblem> = validator
        .iter_errors(&args)
        .take(FAULTS_MAX)
        .map(|error| {
            let path = error.instance_path().to_string().replace('/', ".");
            fault(format!("args{path}"), error.to_string().chars().take(300).collect())
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn compile(schema: &Value) -> Result<jsonschema::Validator, InvalidSchema> {
    let bytes = schema.to_string().len();
    if bytes > ARGUMENT_SCHEMA_MAX_BYTES {
        return Err(InvalidSchema::TooLarge(bytes));
    }
    jsonschema::draft202012::new(schema)
        .map_err(|error| InvalidSchema::NotASchema(error.to_string().chars().take(300).collect()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn args(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn every_fault_is_told_with_its_field() {
        let schema = json!({
            "type": "object",
            "properties": {"percent": {"type": "number", "minimum": 20, "maximum": 110}},
            "required": ["percent"],
            "additionalProperties": false,
        });
        assert_eq!(check(&schema, &args(&json!({"percent": 50}))), Ok(()));
        let faults = check(&schema, &args(&json!({"percent": 500}))).unwrap_err();
        assert_eq!(faults[0].field, "args.percent");
        assert!(faults[0].message.contains("110"), "{faults:?}");
        assert_eq!(check(&schema, &Map::new()).unwrap_err()[0].field, "args");
        assert!(check(&schema, &args(&json!({"percent": 50, "x": 1}))).is_err());
        let large = json!({"percent": "x".repeat(COMMAND_ARGS_MAX_BYTES)});
        assert!(check(&schema, &args(&large)).unwrap_err()[0].message.contains("at most"));
    }

    #[test]
    fn a_schema_that_is_none_is_refused_and_nothing_is_fetched() {
        assert!(check_schema(&json!({"type": "object"})).is_ok());
        for wrong in [json!({"type": "banana"}), json!({"$ref": "https://example.org/s.json"})] {
            assert!(matches!(check_schema(&wrong), Err(InvalidSchema::NotASchema(_))), "{wrong}");
        }
        let large = json!({"description": "x".repeat(ARGUMENT_SCHEMA_MAX_BYTES)});
        assert!(matches!(check_schema(&large), Err(InvalidSchema::TooLarge(_))));
    }
}
