//! Writes JSON values as YAML in block form. Texts and keys stay JSON strings, which YAML 1.2
//! reads as they are, so nothing can be misread as a number, a date or "no".

use serde_json::Value;

/// The value as a YAML document.
pub(crate) fn document(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

fn block(value: &Value, depth: usize, text: &mut String) {
    let entries: Vec<(String, &Value)> = match value {
        Value::Object(map) if !map.is_empty() => map
            .iter()
            .map(|(key, value)| (format!("{}:", Value::from(key.as_str())), value))
            .collect(),
        Value::Array(items) if !items.is_empty() => {
            items.iter().map(|value| ("-".to_owned(), value)).collect()
        }
        scalar => {
            text.push_str(&scalar.to_string());
            text.push('\n');
            return;
        }
    };
    for (start, value) in entries {
        text.push_str(&"  ".repeat(depth));
        text.push_str(&start);
        let nested = matches!(value, Value::Object(map) if !map.is_empty())
            || matches!(value, Value::Array(items) if !items.is_empty());
        text.push(if nested { '\n' } else { ' ' });
        block(value, depth + 1, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_types() {
        let value =
            serde_json::json!({"a": {"no": "1.0", "n": 1}, "list": ["x", {"y": []}], "e": {}});
        let expected = "\"a\":\n  \"n\": 1\n  \"no\": \"1.0\"\n\"e\": {}\n\"list\":\n  - \"x\"\n  -\n    \"y\": []\n";
        assert_eq!(document(&value), expected);
    }
}
