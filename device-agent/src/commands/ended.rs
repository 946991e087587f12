//! How a command ended, and what is told of it.

use millwright_schemas::CommandId;
use millwright_schemas::limits::{COMMAND_RESULT_MAX_BYTES, COMMAND_TEXT_MAX_CHARS};
use millwright_schemas::wire::command::CommandReport;
use serde_json::Value;

use crate::orders::{EntryState, Happening, Step, step};

/// Why a command is ended before it ends by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// It has run for as long as it may.
    Deadline,
    /// The platform calls it off, for somebody.
    Canceled(String),
    /// The operator stops it.
    Operator,
    /// The agent ends.
    AgentEnds,
}

/// How a command ended, or was ended.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Ended {
    pub(super) cause: Option<Cause>,
    pub(super) exit_code: Option<i32>,
    pub(super) result: Option<Value>,
    pub(super) error: Option<String>,
    pub(crate) output: Option<String>,
    pub(super) output_cut: bool,
}

impl Ended {
    /// It did what it should.
    pub(crate) fn well(result: Value) -> Self {
        Self { result: (!result.is_null()).then_some(result), ..Self::default() }
    }

    pub(super) fn badly(error: String) -> Self {
        Self { error: Some(error), ..Self::default() }
    }

    pub(super) fn caused(cause: Cause) -> Self {
        Self { cause: Some(cause), ..Self::default() }
    }
}

impl From<Result<Value, String>> for Ended {
    fn from(result: Result<Value, String>) -> Self {
        result.map_or_else(Self::badly, Self::well)
    }
}

impl Ended {
    /// Whether it did what it should.
    pub(super) const fn is_well(&self) -> bool {
        self.cause.is_none() && self.error.is_none()
    }

    /// What that is to the ledger.
    pub(super) const fn happening(&self) -> Happening {
        match self.cause {
            None => Happening::Ended { well: self.is_well() },
            Some(Cause::Deadline) => Happening::TimedOut,
            Some(Cause::Canceled(_) | Cause::Operator) => Happening::Canceled,
            Some(Cause::AgentEnds) => Happening::AgentEnded,
        }
    }

    /// What is told of it.
    pub(super) fn report(self, id: CommandId) -> CommandReport {
        let error = match &self.cause {
            None => self.error,
            Some(Cause::Deadline) => Some("it was stopped at its deadline".to_owned()),
            Some(Cause::Canceled(by)) => Some(canceled_by(by)),
            Some(Cause::Operator) => Some("stopped by the operator".to_owned()),
            Some(Cause::AgentEnds) => Some("the agent was ended while it ran".to_owned()),
        };
        let mut report = CommandReport {
            exit_code: self.exit_code,
            result: self.result,
            error,
            output: self.output,
            output_cut: self.output_cut,
            ..CommandReport::new(id)
        };
        let bytes = report.result.as_ref().map_or(0, |result| result.to_string().len());
        if bytes > COMMAND_RESULT_MAX_BYTES {
            report.result = None;
            let max = COMMAND_RESULT_MAX_BYTES;
            report.error = Some(format!("its result has {bytes} bytes, more than {max}"));
        }
        report
    }
}

/// The word for the local log.
pub(super) fn outcome_word(happening: Happening) -> &'static str {
    match step(EntryState::Running, happening) {
        Ok(Step::To(state)) => state.as_str(),
        _ => "ended",
    }
}

/// What somebody else wrote, within bounds.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(COMMAND_TEXT_MAX_CHARS).collect()
}

pub(super) fn canceled_by(by: &str) -> String {
    format!("canceled by {}", shorten(by))
}
