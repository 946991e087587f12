//! A simulated machine: wear, its fault, and what can be done about it. Pure.

use millwright_schemas::wire::events::{FaultCleared, FaultRaised};
use millwright_schemas::wire::telemetry::SampleValue;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::physics::{between, round};
use super::plant::{Conditions, Measured, Model, Plant};

/// Longest piece that a step is cut into, so that doors and cycles don't jump.
const PIECE_S: f64 = 0.25;
/// Wear at which the fault comes at full speed. Sums of small pieces may miss 1 by rounding.
const FAULT_WEAR: f64 = 1.0 - 1e-9;
/// How much more wear a machine bears when it runs at half of its speed.
const SLOW_RELIEF: f64 = 0.5;
/// Wear beyond which nothing gets worse.
const WEAR_MAX: f64 = 1.5;
/// Wear from which it shows in the signals.
const VISIBLE_WEAR: f64 = 0.4;
/// What lubrication can't take away.
const LUBRICATED_WEAR: f64 = 0.05;
/// How much faster wear grows under full stress.
const STRESS_WEAR: f64 = 0.15;
/// After a reset without repair the fault comes back this much running time later.
const BACK_AFTER_S: f64 = 10.0;
/// Speeds that can be set, in percent of the nominal speed.
pub(super) const SPEED_PERCENT: std::ops::RangeInclusive<f64> = 20.0..=110.0;

/// A simulated machine; its JSON is its checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    plant: Plant,
    /// 0 new, 1 at the fault.
    wear: f64,
    /// Growth of wear per second of running at full speed.
    wear_per_s: f64,
    speed_percent: f64,
    /// This machine's roughness beside others of its model, around 1.
    roughness: f64,
    /// Mean temperature of its hall, °C.
    hall: f64,
    /// Seconds that it has been switched on.
    on_s: f64,
    /// Seconds for which a worn machine holds after a reset.
    grace_s: f64,
    faulted: bool,
    /// It is to fail as soon as it can, whatever its wear.
    #[serde(default)]
    failing: bool,
    /// A reset whose clear is not delivered yet.
    cleared: bool,
}

/// What a machine shows after a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Signal and value, always the same signals in the same order.
    pub values: Vec<(&'static str, SampleValue)>,
    /// Changes of faults since the last step, in order.
    pub changes: Vec<Change>,
}

/// A change of a fault, without its time: the machine knows no clock.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Active from now on.
    Raised(FaultRaised),
    /// Over.
    Cleared(FaultCleared),
}

/// Why something can't be done to a machine.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OperationError {
    /// There is nothing to reset.
    #[error("no fault is active")]
    NoFault,
    /// It stands still already.
    #[error("a fault is active already")]
    Faulted,
    /// More than worn out, or less than new.
    #[error("wear {0} % is not between 0 and 100 %")]
    WearOutOfRange(f64),
    /// Beyond what the drive can do.
    #[error("speed {0} % is not between {start} and {end} %", start = SPEED_PERCENT.start(), end = SPEED_PERCENT.end())]
    SpeedOutOfRange(f64),
}

impl Machine {
    /// A new machine; `rng` gives it a character of its own.
    #[must_use]
    pub fn new<R: Rng>(model: Model, wear_per_s: f64, rng: &mut R) -> Self {
        let hall = between(rng, 19.0, 24.0);
        Self {
            plant: Plant::new(model, hall),
            wear: 0.0,
            wear_per_s,
            speed_percent: 100.0,
            roughness: between(rng, 0.9, 1.1),
            hall,
            on_s: 0.0,
            grace_s: 0.0,
            faulted: false,
            failing: false,
            cleared: false,
        }
    }

    /// Lets `dt_s` seconds pass.
    pub fn step<R: Rng>(&mut self, dt_s: f64, rng: &mut R) -> Step {
        let mut changes = Vec::new();
        if std::mem::take(&mut self.cleared) {
            changes.push(Change::Cleared(self.fault_cleared()));
        }
        let mut left_s = dt_s;
        let mut fault = None;
        while left_s > 0.0 {
            let piece_s = left_s.min(PIECE_S);
            left_s -= piece_s;
            fault = self.piece(piece_s, rng).or(fault);
        }
        changes.extend(fault.map(Change::Raised));
        let values = self.plant.measure(&self.conditions(dt_s), rng);
        Step { values, changes }
    }

    /// Acknowledges the fault and starts the machine again. Without repair the fault comes back
    /// within seconds.
    ///
    /// # Errors
    /// [`OperationError::NoFault`] when none is active.
    pub fn reset_fault(&mut self) -> Result<(), OperationError> {
        if !self.faulted {
            return Err(OperationError::NoFault);
        }
        self.faulted = false;
        self.cleared = true;
        self.grace_s = BACK_AFTER_S;
        self.plant.restart();
        Ok(())
    }

    /// Lubricates what wears (guides, bearing, door rails): wear is taken back but for a rest.
    /// An active fault stays until it is reset.
    pub fn lubricate(&mut self) {
        self.wear = self.wear.min(LUBRICATED_WEAR);
    }

    /// Sets the speed, in percent of the nominal one. Slower wears less and bears more wear.
    ///
    /// # Errors
    /// [`OperationError::SpeedOutOfRange`] outside of 20 to 110 %.
    pub fn set_speed(&mut self, percent: f64) -> Result<(), OperationError> {
        if !SPEED_PERCENT.contains(&percent) {
            return Err(OperationError::SpeedOutOfRange(percent));
        }
        self.speed_percent = percent;
        Ok(())
    }

    /// Has its fault come as soon as it can, whatever its wear: a lift first reaches a floor. A
    /// reset is then all that it needs.
    ///
    /// # Errors
    /// [`OperationError::Faulted`] when its fault is active already.
    pub const fn fail(&mut self) -> Result<(), OperationError> {
        if self.faulted {
            return Err(OperationError::Faulted);
        }
        self.failing = true;
        Ok(())
    }

    /// Makes it as worn as this, in percent: at 100 the fault comes, and comes back after a reset
    /// until it is lubricated.
    ///
    /// # Errors
    /// [`OperationError::WearOutOfRange`] outside of 0 to 100 %.
    pub fn set_wear(&mut self, percent: f64) -> Result<(), OperationError> {
        if !(0.0..=100.0).contains(&percent) {
            return Err(OperationError::WearOutOfRange(percent));
        }
        self.wear = percent / 100.0;
        Ok(())
    }

    /// Changes how fast it wears from now on.
    pub const fn set_wear_per_s(&mut self, wear_per_s: f64) {
        self.wear_per_s = wear_per_s;
    }

    /// The machine's model.
    #[must_use]
    pub const fn model(&self) -> Model {
        self.plant.model()
    }

    /// Whether a fault has stopped it.
    #[must_use]
    pub const fn is_faulted(&self) -> bool {
        self.faulted
    }

    /// Whether a fault was raised whose clear is not delivered yet.
    #[must_use]
    pub const fn has_reported_fault(&self) -> bool {
        self.faulted || self.cleared
    }

    /// The clear of its fault, for when the machine is replaced by another.
    #[must_use]
    pub fn fault_cleared(&self) -> FaultCleared {
        let fault = self.plant.fault();
        FaultCleared { code: fault.code.to_owned(), source: fault.source.to_owned() }
    }

    /// One short piece of time; the fault that came in it.
    fn piece<R: Rng>(&mut self, dt_s: f64, rng: &mut R) -> Option<FaultRaised> {
        self.on_s += dt_s;
        if !self.faulted {
            self.wear = (self.wear + dt_s * self.wear_rate(self.plant.stress())).min(WEAR_MAX);
            self.grace_s = (self.grace_s - dt_s).max(0.0);
        }
        self.plant.step(&self.conditions(dt_s), rng);
        let worn_out = self.wear >= self.fault_wear() && self.grace_s <= 0.0;
        if self.faulted || !(worn_out || self.failing) || !self.plant.may_fail() {
            return None;
        }
        self.failing = false;
        // What goes with the fault is measured before the machine stops.
        let values = self.plant.measure(&self.conditions(dt_s), rng);
        self.faulted = true;
        self.plant.fail();
        Some(self.fault_raised(&values))
    }

    fn wear_rate(&self, stress: f64) -> f64 {
        let speed = self.speed_percent / 100.0;
        self.wear_per_s * speed * speed * (1.0 + STRESS_WEAR * stress)
    }

    fn fault_wear(&self) -> f64 {
        FAULT_WEAR + SLOW_RELIEF * (1.0 - self.speed_percent / 100.0).max(0.0)
    }

    fn conditions(&self, dt_s: f64) -> Conditions {
        let visible = (self.wear - VISIBLE_WEAR).max(0.0) / (1.0 - VISIBLE_WEAR);
        let day = std::f64::consts::TAU * self.on_s / 86_400.0;
        let rate = self.wear_rate(1.0);
        let left = (self.fault_wear() - self.wear).max(0.0);
        let worn_in_s = if rate > 0.0 { left / rate } else { f64::INFINITY };
        Conditions {
            dt_s,
            speed: self.speed_percent / 100.0,
            drift: visible * visible,
            failed: self.faulted,
            ambient: self.hall + 2.0 * day.sin(),
            roughness: self.roughness,
            holds_s: if self.failing { 0.0 } else { worn_in_s.max(self.grace_s) },
        }
    }

    fn fault_raised(&self, values: &[Measured]) -> FaultRaised {
        let fault = self.plant.fault();
        let mut context: serde_json::Map<String, serde_json::Value> = values
            .iter()
            .filter(|(name, _)| fault.context.contains(name))
            .map(|(name, value)| ((*name).to_owned(), value.to_json()))
            .collect();
        context.insert("running_hours".to_owned(), round(self.on_s / 3_600.0, 3).into());
        FaultRaised {
            code: fault.code.to_owned(),
            source: fault.source.to_owned(),
            severity: fault.severity,
            message: fault.message.to_owned(),
            context,
            since_ts: None,
        }
    }
}
