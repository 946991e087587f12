//! A document of rules, read: what can watch on this machine, and what can't.

use std::collections::BTreeSet;
use std::sync::Arc;

use millwright_detection::conditions::needs::{learns, needs};
use millwright_detection::rules::CompiledRule;
use millwright_schemas::limits::RULES_ON_MACHINE_MAX;
use millwright_schemas::wire::rules::{ConfigClaims, GivenRule, RefusedRule};
use millwright_schemas::{MachineId, RuleId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::signals::{AllowedSignals, matches};

/// A version of a rule that has failed here; it isn't tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FailedRule {
    pub(crate) id: RuleId,
    pub(crate) version: i64,
    pub(crate) reason: String,
}

/// The rules of a document.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) rules: Vec<Arc<CompiledRule>>,
    pub(crate) refused: Vec<RefusedRule>,
}

impl Given {
    /// Reads a document. `allowed`: which signals may leave the machine; all, if it isn't said.
    pub(crate) fn read(
        claims: &ConfigClaims,
        failed: &[FailedRule],
        allowed: Option<&[AllowedSignals]>,
    ) -> Self {
        let mut given = Self::default();
        let mut seen = BTreeSet::new();
        for value in claims.rules.iter().take(RULES_ON_MACHINE_MAX) {
            let id = id_of(value);
            let read = if seen.insert(id) {
                rule(value, claims.aud, failed, allowed)
            } else {
                Err(vec!["it is there twice".to_owned()])
            };
            match read {
                Ok(rule) => given.rules.push(Arc::new(rule)),
                Err(problems) => given.refused.push(RefusedRule::new(id, problems)),
            }
        }
        given.rules.sort_by_key(|rule| rule.rule().id);
        given
    }
}

/// The rules of a document as they are written, as far as they can be read.
pub(crate) fn read(claims: &ConfigClaims) -> Vec<GivenRule> {
    let rules = claims.rules.iter().take(RULES_ON_MACHINE_MAX);
    rules.filter_map(|rule| GivenRule::read(rule).ok()).collect()
}

/// Of a rule that can't be read too.
fn id_of(value: &Value) -> RuleId {
    let id = value.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
    id.unwrap_or(RuleId(Uuid::nil()))
}

fn rule(
    value: &Value,
    machine: MachineId,
    failed: &[FailedRule],
    allowed: Option<&[AllowedSignals]>,
) -> Result<CompiledRule, Vec<String>> {
    let rule = GivenRule::read(value).map_err(|error| vec![error])?;
    if let Some(failed) = failed.iter().find(|it| (it.id, it.version) == (rule.id, rule.version)) {
        return Err(vec![format!("it has failed here: {}", failed.reason)]);
    }
    if learns(&rule.condition) {
        // It would learn something else than the platform, which has what was stored before.
        return Err(vec!["it learns, which only the platform does".to_owned()]);
    }
    let kept = needs(&rule.condition).into_iter().filter(|need| {
        allowed.is_some_and(|list| !list.iter().any(|it| matches(&it.pattern, &need.signal)))
    });
    let kept: Vec<String> = kept
        .map(|need| format!("{}: {:?} doesn't leave the machine", need.field, need.signal))
        .collect();
    if !kept.is_empty() {
        return Err(kept);
    }
    CompiledRule::compile(rule.into_rule(machine)).map_err(|problems| {
        let words = problems.into_iter();
        words.map(|problem| format!("{}: {}", problem.field, problem.message)).collect()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id(n: u8) -> String {
        format!("0198b2c4-7c1e-7000-8000-0000000000{n:02x}")
    }

    #[allow(clippy::needless_pass_by_value, reason = "reads better where it is called")]
    fn given(n: u8, condition: Value) -> Value {
        json!({"id": id(n), "version": 1, "name": "r", "severity": "major", "condition": condition})
    }

    fn limit(signal: &str) -> Value {
        json!({"kind": "threshold", "signal": signal, "above": 80})
    }

    fn claims(rules: Vec<Value>) -> ConfigClaims {
        ConfigClaims {
            aud: id(1).parse().unwrap(),
            iat: 0,
            version: 1,
            rules,
            parameters: Default::default(),
            time_zone: None,
        }
    }

    #[test]
    fn what_cannot_watch_is_refused_by_itself() {
        let both = json!({"kind": "threshold", "signal": "t", "above": 80, "below": 3});
        let rules = vec![
            given(15, limit("t")),
            given(11, json!({"kind": "telepathy"})),
            given(12, both),
            given(13, limit("door.open")),
            given(14, limit("t")),
            given(15, limit("t")),
            json!(7),
            given(16, json!({"kind": "anomaly", "signals": ["t"]})),
            given(
                17,
                json!({"kind": "while", "while": limit("t"),
                "condition": {"kind": "anomaly", "signals": ["t"]}}),
            ),
        ];
        let failed =
            [FailedRule { id: id(14).parse().unwrap(), version: 1, reason: "too much".to_owned() }];
        let allowed = [AllowedSignals { pattern: "t*".to_owned(), purpose: None, personal: false }];
        let read = Given::read(&claims(rules), &failed, Some(&allowed));
        assert_eq!(read.rules.len(), 1);
        let refused: Vec<(String, &str)> =
            read.refused.iter().map(|it| (it.id.to_string(), it.problems[0].as_str())).collect();
        for (place, (n, words)) in [
            (Some(11), "telepathy"),
            (Some(12), "condition"),
            (Some(13), "\"door.open\" doesn't leave the machine"),
            (Some(14), "it has failed here: too much"),
            (Some(15), "it is there twice"),
            (None, "invalid type"),
            (Some(16), "only the platform"),
            (Some(17), "only the platform"),
        ]
        .into_iter()
        .enumerate()
        {
            let (of, problem) = &refused[place];
            assert_eq!(*of, n.map_or(Uuid::nil().to_string(), id), "{refused:?}");
            assert!(problem.contains(words), "{refused:?}");
        }
        assert_eq!(refused.len(), 8);
    }

    #[test]
    fn another_version_of_a_rule_that_has_failed_is_tried() {
        let failed =
            [FailedRule { id: id(11).parse().unwrap(), version: 2, reason: String::new() }];
        let read = Given::read(&claims(vec![given(11, limit("t"))]), &failed, None);
        assert_eq!((read.rules.len(), read.refused), (1, Vec::new()));
    }
}
