//! The screw compressor. What wears is the bearing of the airend: vibration, heat, current.

use millwright_schemas::wire::events::Severity;
use millwright_schemas::wire::telemetry::SampleValue;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::physics::{lag, noise, round, sensor};
use super::plant::{Conditions, FaultKind, Measured};

/// Pressure in bar at which it loads and unloads.
const BAND_BAR: (f64, f64) = (6.5, 7.5);
/// What it adds to the net's pressure at full speed, bar per second.
const DELIVERY_BAR_PER_S: f64 = 0.14;
/// What the consumers take at the nominal pressure, bar per second: mean, least, most.
const DEMAND_BAR_PER_S: (f64, f64, f64) = (0.07, 0.03, 0.11);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Compressor {
    loaded: bool,
    pressure: f64,
    demand: f64,
    motor_current: f64,
    motor_rpm: f64,
    oil_temperature: f64,
    loaded_s: f64,
    load_cycles: u64,
}

impl Compressor {
    pub(super) const UNITS: &[(&str, &str)] = &[
        ("pressure", "bar"),
        ("motor.current", "A"),
        ("motor.speed", "1/min"),
        ("oil.temperature", "°C"),
        ("vibration", "mm/s"),
        ("loaded_hours", "h"),
        ("speed.override", "%"),
    ];
    pub(super) const FAULT: FaultKind = FaultKind {
        code: "E-311",
        source: "airend.bearing",
        severity: Severity::Critical,
        message: "Airend: vibration of the bearing beyond its limit; stopped, pressure is falling",
        context: &["vibration", "oil.temperature", "motor.current", "pressure", "load_state"],
    };

    pub(super) const fn new(ambient: f64) -> Self {
        Self {
            loaded: true,
            pressure: 6.2,
            demand: DEMAND_BAR_PER_S.0,
            motor_current: 0.0,
            motor_rpm: 0.0,
            oil_temperature: ambient,
            loaded_s: 0.0,
            load_cycles: 0,
        }
    }

    pub(super) fn step<R: Rng>(&mut self, on: &Conditions, rng: &mut R) {
        lag(&mut self.motor_rpm, if on.failed { 0.0 } else { 2_950.0 * on.speed }, 1.5, on.dt_s);
        self.switch(on.failed);
        let turning = self.motor_rpm / 2_950.0;
        let loaded = f64::from(u8::from(self.loaded && !on.failed));
        // The demand wanders around its mean; less flows out of an emptier net.
        lag(&mut self.demand, DEMAND_BAR_PER_S.0, 300.0, on.dt_s);
        self.demand = (self.demand + noise(rng, 0.003) * on.dt_s.sqrt())
            .clamp(DEMAND_BAR_PER_S.1, DEMAND_BAR_PER_S.2);
        let out = self.demand * (self.pressure / 7.0).clamp(0.0, 1.2);
        let into = loaded * turning * DELIVERY_BAR_PER_S;
        self.pressure = (self.pressure + (into - out) * on.dt_s).max(0.0);
        let current = turning * (23.0 + loaded * 5.6 * self.pressure + 7.0 * on.drift);
        lag(&mut self.motor_current, current, 0.6, on.dt_s);
        let heat = turning * (20.0 + 32.0 * loaded + 28.0 * on.drift);
        lag(&mut self.oil_temperature, on.ambient + heat, 150.0, on.dt_s);
        self.loaded_s += loaded * on.dt_s;
    }

    pub(super) fn measure<R: Rng>(&self, on: &Conditions, rng: &mut R) -> Vec<Measured> {
        let number = |value: f64| SampleValue::Number(value);
        let turning = self.motor_rpm / 2_950.0;
        let working = if self.loaded && !on.failed { 1.0 } else { 0.7 };
        let vibration = turning * turning * working * on.roughness * (1.8 + 5.5 * on.drift);
        let load_state = match (on.failed, self.loaded) {
            (true, _) => "stopped",
            (false, true) => "loaded",
            (false, false) => "unloaded",
        };
        #[allow(clippy::cast_precision_loss, reason = "never that many cycles")]
        let cycles = self.load_cycles as f64;
        vec![
            ("pressure", number(sensor(rng, self.pressure, 0.01, 2))),
            (
                "motor.current",
                number(sensor(rng, self.motor_current, 0.012 * self.motor_current, 1)),
            ),
            ("motor.speed", number(sensor(rng, self.motor_rpm, 0.001 * self.motor_rpm, 0))),
            ("oil.temperature", number(sensor(rng, self.oil_temperature, 0.1, 1))),
            ("vibration", number(sensor(rng, vibration, 0.05 * vibration, 3))),
            ("load_state", SampleValue::Text(load_state.to_owned())),
            (
                "operating.state",
                SampleValue::Text(if on.failed { "fault" } else { "running" }.to_owned()),
            ),
            ("load_cycles", number(cycles)),
            ("loaded_hours", number(round(self.loaded_s / 3_600.0, 3))),
            ("speed.override", number(round(100.0 * on.speed, 1))),
        ]
    }

    pub(super) const fn stress(&self) -> f64 {
        if self.loaded { 1.0 } else { 0.0 }
    }

    pub(super) const fn restart(&mut self) {
        self.loaded = true;
    }

    fn switch(&mut self, failed: bool) {
        if failed {
            return;
        }
        if self.loaded && self.pressure >= BAND_BAR.1 {
            self.loaded = false;
        } else if !self.loaded && self.pressure <= BAND_BAR.0 {
            self.loaded = true;
            self.load_cycles += 1;
        }
    }
}
