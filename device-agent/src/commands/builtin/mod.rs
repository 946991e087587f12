//! What the agent itself can be told to do.

mod diagnostics;

use std::collections::BTreeMap;

use millwright_schemas::wire::command::{CatalogueEntry, CommandClass};
use serde_json::{Map, Value, json};

pub(super) use diagnostics::Diagnostics;

use super::ended::Ended;
use crate::clock;
use crate::drivers::{DriverCommands, SET_SAMPLING};
use crate::trusted_time::TimeKeeper;

/// Names that no program can have.
pub(super) const NAMES: [&str; 4] = ["ping", "collect_diagnostics", SET_SAMPLING, "restart_agent"];

/// A command of the agent itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Builtin {
    Ping,
    CollectDiagnostics,
    SetSampling,
    RestartAgent,
}

/// What they need.
#[derive(Clone)]
pub(super) struct Tools {
    pub(super) time: TimeKeeper,
    pub(super) drivers: DriverCommands,
    pub(super) diagnostics: Diagnostics,
}

impl Builtin {
    pub(super) const ALL: [Self; 4] =
        [Self::Ping, Self::CollectDiagnostics, Self::SetSampling, Self::RestartAgent];

    /// Its place in the catalogue.
    pub(super) fn entry(self) -> CatalogueEntry {
        let none = json!({});
        let (class, english, german, properties, deadline_s) = match self {
            Self::Ping => (
                CommandClass::Read,
                "Answer, with version and time",
                "Antworten, mit Version und Uhrzeit",
                none,
                10,
            ),
            Self::CollectDiagnostics => (
                CommandClass::Read,
                "Collect what helps to find a fault: state, configuration, log",
                "Sammeln, was bei der Fehlersuche hilft: Zustand, Konfiguration, Protokoll",
                none,
                60,
            ),
            Self::SetSampling => (
                CommandClass::Configure,
                "Set how often is measured, until the agent is started again",
                "Messintervall setzen, bis der Agent neu gestartet wird",
                json!({
                    "interval_ms": {
                        "type": "integer", "minimum": 500, "maximum": 3_600_000,
                        "description": "milliseconds between two measurements",
                    },
                    "driver": {
                        "type": "string", "maxLength": 64,
                        "description": "one driver only; without it all that have an interval",
                    },
                }),
                30,
            ),
            Self::RestartAgent => (
                CommandClass::Software,
                "Start the agent again; the machine goes on",
                "Den Agenten neu starten; die Maschine läuft weiter",
                none,
                30,
            ),
        };
        let required: &[&str] = if self == Self::SetSampling { &["interval_ms"] } else { &[] };
        CatalogueEntry {
            name: self.name().to_owned(),
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
            deadline_s,
            remedy_for: Vec::new(),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ping => NAMES[0],
            Self::CollectDiagnostics => NAMES[1],
            Self::SetSampling => NAMES[2],
            Self::RestartAgent => NAMES[3],
        }
    }

    /// Does it. Dropping the future calls it off.
    pub(super) async fn run(self, tools: &Tools, args: Map<String, Value>) -> Ended {
        match self {
            Self::Ping => Ended::well(json!({
                "version": env!("CARGO_PKG_VERSION"),
                "clock": clock::now(),
                "time": tools.time.now(),
                "time_is": tools.time.state(),
            })),
            Self::CollectDiagnostics => tools.diagnostics.collect(&tools.time).await,
            Self::SetSampling => tools.drivers.run(SET_SAMPLING, args).await.into(),
            // Reported first; whoever attends to it does it then.
            Self::RestartAgent => Ended::well(Value::Null),
        }
    }
}
