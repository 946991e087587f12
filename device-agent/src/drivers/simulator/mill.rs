//! The milling machine. What wears are the guides of axis X: vibration first, then heat.

use millwright_schemas::wire::events::Severity;
use millwright_schemas::wire::telemetry::SampleValue;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::physics::{between, lag, round, sensor};
use super::plant::{Conditions, FaultKind, Measured};

/// Name, spindle speed in rpm, share of the spindle's power while cutting, seconds a part.
const PROGRAMS: [(&str, f64, f64, f64); 3] = [
    ("O1001", 8_000.0, 0.55, 70.0),
    ("O1002", 12_000.0, 0.40, 95.0),
    ("O2040", 4_500.0, 0.75, 120.0),
];
/// Parts after which the next program is chosen.
const PARTS_PER_JOB: u64 = 5;
/// A cutting pass: seconds in the material, seconds above it.
const PASS_S: (f64, f64) = (8.0, 3.0);
/// Coolant level in percent at which it is filled up, and to what.
const COOLANT_FILL: (f64, f64) = (25.0, 95.0);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// Door open, the part is changed.
    Setup,
    Cutting,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Mill {
    phase: Phase,
    /// Seconds left of the phase, at full speed.
    left_s: f64,
    program: usize,
    parts_made: u64,
    spindle_rpm: f64,
    load_percent: f64,
    temperature: f64,
    coolant_flow: f64,
    coolant_level: f64,
}

impl Mill {
    pub(super) const UNITS: &[(&str, &str)] = &[
        ("spindle.speed", "1/min"),
        ("spindle.load", "%"),
        ("spindle.temperature", "°C"),
        ("axis.x.vibration", "mm/s"),
        ("coolant.flow", "l/min"),
        ("coolant.level", "%"),
        ("speed.override", "%"),
    ];
    pub(super) const FAULT: FaultKind = FaultKind {
        code: "E-204",
        source: "axis.x",
        severity: Severity::Major,
        message: "Axis X: following error beyond its limit, guide runs dry; stopped",
        context: &[
            "axis.x.vibration",
            "spindle.temperature",
            "spindle.load",
            "program",
            "parts_made",
        ],
    };

    pub(super) const fn new(ambient: f64) -> Self {
        Self {
            phase: Phase::Setup,
            left_s: 4.0,
            program: 0,
            parts_made: 0,
            spindle_rpm: 0.0,
            load_percent: 0.0,
            temperature: ambient,
            coolant_flow: 0.0,
            coolant_level: 90.0,
        }
    }

    pub(super) fn step<R: Rng>(&mut self, on: &Conditions, rng: &mut R) {
        if !on.failed {
            self.advance(on, rng);
        }
        let cutting = !on.failed && self.phase == Phase::Cutting;
        let (_, rpm, power, _) = self.program();
        let in_material = cutting && self.left_s % (PASS_S.0 + PASS_S.1) > PASS_S.1;
        let rpm = if cutting { rpm * on.speed } else { 0.0 };
        let load = match (cutting, in_material) {
            (true, true) => 100.0 * power * (0.85 + 0.15 * on.speed) + 12.0 * on.drift,
            (true, false) => 9.0 + 4.0 * on.drift,
            _ => 0.0,
        };
        lag(&mut self.spindle_rpm, rpm, 1.5, on.dt_s);
        lag(&mut self.load_percent, load, 0.8, on.dt_s);
        lag(&mut self.coolant_flow, if cutting { 12.0 } else { 0.0 }, 1.0, on.dt_s);
        // Heat comes from load, speed and dry guides; coolant carries a third of it away.
        let heat = 0.35 * self.load_percent
            + self.spindle_rpm / 1_000.0
            + 22.0 * on.drift * f64::from(u8::from(cutting));
        let cooled = 1.0 - 0.35 * self.coolant_flow / 12.0;
        lag(&mut self.temperature, on.ambient + heat * cooled, 90.0, on.dt_s);
        self.coolant_level -= self.coolant_flow * on.dt_s * 0.0006;
        if self.coolant_level < COOLANT_FILL.0 && self.phase == Phase::Setup {
            self.coolant_level = COOLANT_FILL.1;
        }
        self.coolant_level = self.coolant_level.max(0.0);
    }

    pub(super) fn measure<R: Rng>(&self, on: &Conditions, rng: &mut R) -> Vec<Measured> {
        let number = |value: f64| SampleValue::Number(value);
        let turning = self.spindle_rpm / 12_000.0;
        let vibration = 0.05
            + turning
                * (0.5 + 0.9 * self.load_percent / 100.0)
                * on.roughness
                * (1.0 + 4.0 * on.drift);
        let state = match (on.failed, self.phase) {
            (true, _) => "fault",
            (false, Phase::Setup) => "setup",
            (false, Phase::Cutting) => "cutting",
        };
        let door_open = self.phase == Phase::Setup && !on.failed;
        #[allow(clippy::cast_precision_loss, reason = "never that many parts")]
        let parts = self.parts_made as f64;
        vec![
            ("spindle.speed", number(sensor(rng, self.spindle_rpm, self.spindle_rpm * 0.002, 0))),
            ("spindle.load", number(sensor(rng, self.load_percent, self.load_percent * 0.03, 1))),
            ("spindle.temperature", number(sensor(rng, self.temperature, 0.1, 1))),
            ("axis.x.vibration", number(sensor(rng, vibration, 0.03 * (0.2 + vibration), 3))),
            ("coolant.flow", number(sensor(rng, self.coolant_flow, self.coolant_flow * 0.01, 1))),
            ("coolant.level", number(round(self.coolant_level, 1))),
            ("door.open", SampleValue::Boolean(door_open)),
            ("program", SampleValue::Text(self.program().0.to_owned())),
            ("operating.state", SampleValue::Text(state.to_owned())),
            ("parts_made", number(parts)),
            ("speed.override", number(round(100.0 * on.speed, 1))),
        ]
    }

    pub(super) fn stress(&self) -> f64 {
        (self.load_percent / 100.0).clamp(0.0, 1.0)
    }

    pub(super) const fn restart(&mut self) {
        self.phase = Phase::Setup;
        self.left_s = 3.0;
    }

    fn program(&self) -> (&'static str, f64, f64, f64) {
        PROGRAMS[self.program % PROGRAMS.len()]
    }

    fn advance<R: Rng>(&mut self, on: &Conditions, rng: &mut R) {
        let pace = if self.phase == Phase::Cutting { on.speed } else { 1.0 };
        self.left_s -= on.dt_s * pace;
        if self.left_s > 0.0 {
            return;
        }
        if self.phase == Phase::Setup {
            self.phase = Phase::Cutting;
            self.left_s = self.program().3 * between(rng, 0.97, 1.03);
            return;
        }
        self.parts_made += 1;
        self.phase = Phase::Setup;
        self.left_s = between(rng, 8.0, 20.0);
        if self.parts_made.is_multiple_of(PARTS_PER_JOB) {
            self.program = rng.random_range(0..PROGRAMS.len());
        }
    }
}
