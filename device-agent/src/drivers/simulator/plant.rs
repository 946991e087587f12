//! What the three models have in common, as the machine sees them.

use millwright_schemas::wire::events::Severity;
use millwright_schemas::wire::telemetry::SampleValue;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::compressor::Compressor;
use super::elevator::Elevator;
use super::mill::Mill;

/// A model of machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// A milling machine: spindle, three axes, coolant, a program that makes parts.
    CncMill,
    /// A screw compressor that holds the pressure of a net.
    Compressor,
    /// A lift with five floors.
    Elevator,
}

impl Model {
    /// The fault that it ends in.
    pub(super) const fn fault(self) -> FaultKind {
        match self {
            Self::CncMill => Mill::FAULT,
            Self::Compressor => Compressor::FAULT,
            Self::Elevator => Elevator::FAULT,
        }
    }

    /// Its signals that have a unit, with it.
    pub(super) const fn units(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::CncMill => Mill::UNITS,
            Self::Compressor => Compressor::UNITS,
            Self::Elevator => Elevator::UNITS,
        }
    }
}

/// What acts on a plant in one step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conditions {
    /// Length of the step.
    pub(super) dt_s: f64,
    /// Share of the nominal speed, 0.2 to 1.1.
    pub(super) speed: f64,
    /// How much wear shows: 0 not at all, 1 just before the fault.
    pub(super) drift: f64,
    /// A fault has stopped it.
    pub(super) failed: bool,
    /// Air around it, °C.
    pub(super) ambient: f64,
    /// This machine's own roughness beside others of its model, around 1.
    pub(super) roughness: f64,
    /// Seconds until the fault at the earliest.
    pub(super) holds_s: f64,
}

/// Signal and value.
pub(super) type Measured = (&'static str, SampleValue);

/// The fault that a model ends in.
#[derive(Debug, Clone, Copy)]
pub(super) struct FaultKind {
    pub(super) code: &'static str,
    pub(super) source: &'static str,
    pub(super) severity: Severity,
    pub(super) message: &'static str,
    /// Signals whose values go with the fault.
    pub(super) context: &'static [&'static str],
}

/// The part of a machine that differs by model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case")]
pub(super) enum Plant {
    CncMill(Mill),
    Compressor(Compressor),
    Elevator(Elevator),
}

impl Plant {
    pub(super) fn new(model: Model, ambient: f64) -> Self {
        match model {
            Model::CncMill => Self::CncMill(Mill::new(ambient)),
            Model::Compressor => Self::Compressor(Compressor::new(ambient)),
            Model::Elevator => Self::Elevator(Elevator::new(ambient)),
        }
    }

    pub(super) const fn model(&self) -> Model {
        match self {
            Self::CncMill(_) => Model::CncMill,
            Self::Compressor(_) => Model::Compressor,
            Self::Elevator(_) => Model::Elevator,
        }
    }

    pub(super) fn step<R: Rng>(&mut self, on: &Conditions, rng: &mut R) {
        match self {
            Self::CncMill(mill) => mill.step(on, rng),
            Self::Compressor(compressor) => compressor.step(on, rng),
            Self::Elevator(elevator) => elevator.step(on, rng),
        }
    }

    pub(super) fn measure<R: Rng>(&self, on: &Conditions, rng: &mut R) -> Vec<Measured> {
        match self {
            Self::CncMill(mill) => mill.measure(on, rng),
            Self::Compressor(compressor) => compressor.measure(on, rng),
            Self::Elevator(elevator) => elevator.measure(on, rng),
        }
    }

    /// How hard it works, 0 to 1; wears a little faster then.
    pub(super) fn stress(&self) -> f64 {
        match self {
            Self::CncMill(mill) => mill.stress(),
            Self::Compressor(compressor) => compressor.stress(),
            Self::Elevator(elevator) => elevator.stress(),
        }
    }

    /// Whether the fault can come now.
    pub(super) const fn may_fail(&self) -> bool {
        match self {
            Self::CncMill(_) | Self::Compressor(_) => true,
            Self::Elevator(elevator) => elevator.is_at_floor(),
        }
    }

    /// The fault stops it.
    pub(super) fn fail(&mut self) {
        if let Self::Elevator(elevator) = self {
            elevator.fail();
        }
    }

    /// Starts again after the fault was reset.
    pub(super) fn restart(&mut self) {
        match self {
            Self::CncMill(mill) => mill.restart(),
            Self::Compressor(compressor) => compressor.restart(),
            Self::Elevator(elevator) => elevator.restart(),
        }
    }

    pub(super) const fn fault(&self) -> FaultKind {
        self.model().fault()
    }
}
