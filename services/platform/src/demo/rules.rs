//! The rules of the demo: what wears out shows before it fails.

use anyhow::Context;
use millwright_schemas::api::rules::{Rule, RuleCondition, RuleInput, ThresholdCondition};
use millwright_schemas::wire::events::Severity;

use super::api::Api;

/// What a rule watches: more than this in a signal of a model.
struct Watched {
    name: &'static str,
    model: &'static str,
    signal: &'static str,
    above: f64,
    clear_at: f64,
    hold_s: f64,
    clear_hold_s: f64,
    severity: Severity,
    message: &'static str,
}

/// By their names they are found again at the next start. Only the first opens tickets: the
/// others warn of faults that do.
const RULES: [Watched; 3] = [
    Watched {
        name: "Vibration of a mill's axis",
        model: "CNC mill",
        signal: "axis.x.vibration",
        above: 2.2,
        clear_at: 1.8,
        hold_s: 5.0,
        // Longer than a pause between two parts.
        clear_hold_s: 45.0,
        severity: Severity::Major,
        message: "Axis X vibrates: its guide runs dry",
    },
    Watched {
        name: "Vibration of an airend",
        model: "Screw compressor",
        signal: "vibration",
        above: 3.8,
        clear_at: 3.0,
        hold_s: 10.0,
        clear_hold_s: 60.0,
        severity: Severity::Minor,
        message: "The airend vibrates: its bearing wears out",
    },
    Watched {
        name: "A lift's door closes slowly",
        model: "Elevator",
        signal: "door.closing_time",
        above: 3.2,
        clear_at: 3.0,
        hold_s: 0.0,
        clear_hold_s: 30.0,
        severity: Severity::Warning,
        message: "The door closes slowly: its rails run dry",
    },
];

/// Makes the rules that aren't there yet. Fails while no machine has told the signals that they
/// watch: then it is to be tried again.
pub(super) async fn make(api: &mut Api) -> anyhow::Result<()> {
    let known: Vec<Rule> = api.rules().await?;
    for watched in &RULES {
        if known.iter().all(|rule| rule.name != watched.name) {
            api.create_rule(&watched.rule()?).await?;
        }
    }
    Ok(())
}

impl Watched {
    fn rule(&self) -> anyhow::Result<RuleInput> {
        let signal = self.signal.parse().with_context(|| self.signal)?;
        Ok(RuleInput {
            name: self.name.to_owned(),
            organization_id: None,
            machine_id: None,
            model: Some(self.model.to_owned()),
            condition: RuleCondition::Threshold(ThresholdCondition {
                clear_at: Some(self.clear_at.into()),
                hold_s: self.hold_s,
                clear_hold_s: self.clear_hold_s,
                ..ThresholdCondition::above(signal, self.above)
            }),
            severity: self.severity,
            message: Some(self.message.to_owned()),
            enabled: true,
        })
    }
}
