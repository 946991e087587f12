//! The lift. What wears are the rails of the door: it closes slower and its motor draws more.
//! The door's fault comes only while the car stands at a floor, so that it traps nobody.

use millwright_schemas::wire::events::Severity;
use millwright_schemas::wire::telemetry::SampleValue;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::physics::{between, lag, round, sensor};
use super::plant::{Conditions, FaultKind, Measured};

const FLOORS: u32 = 5;
const FLOOR_HEIGHT_M: f64 = 3.0;
const NOMINAL_M_PER_S: f64 = 1.6;
const ACCELERATION_M_PER_S2: f64 = 0.9;
/// Seconds that a smooth door takes to open or close.
const DOOR_S: f64 = 2.6;
/// How long it is known to hold before the car leaves a floor, beyond the trip itself.
const TRIP_RESERVE_S: f64 = 1.0;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
enum Phase {
    Standing { left_s: f64 },
    Travelling { target: u32 },
    Opening,
    Open { left_s: f64 },
    Closing,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Elevator {
    phase: Phase,
    position_m: f64,
    speed_m_per_s: f64,
    /// 0 closed, 1 open.
    door: f64,
    door_cycles: u64,
    door_current: f64,
    /// Seconds since it began to close, and how long it took the last time.
    closing_s: f64,
    closing_time_s: f64,
    motor_temperature: f64,
    brake_wear_percent: f64,
    trips: u64,
}

impl Elevator {
    pub(super) const UNITS: &[(&str, &str)] = &[
        ("car.position", "m"),
        ("car.speed", "m/s"),
        ("door.position", "%"),
        ("door.motor.current", "A"),
        ("door.closing_time", "s"),
        ("motor.temperature", "°C"),
        ("brake.wear", "%"),
        ("speed.override", "%"),
    ];
    pub(super) const FAULT: FaultKind = FaultKind {
        code: "E-117",
        source: "door.drive",
        severity: Severity::Major,
        message: "Door drive: torque limit reached, door blocked; car stands at its floor",
        context: &[
            "car.floor",
            "door.position",
            "door.motor.current",
            "door.cycles",
            "door.closing_time",
            "motor.temperature",
        ],
    };

    pub(super) const fn new(ambient: f64) -> Self {
        Self {
            phase: Phase::Standing { left_s: 2.0 },
            position_m: 0.0,
            speed_m_per_s: 0.0,
            door: 0.0,
            door_cycles: 0,
            door_current: 0.0,
            closing_s: 0.0,
            closing_time_s: DOOR_S,
            motor_temperature: ambient,
            brake_wear_percent: 12.0,
            trips: 0,
        }
    }

    pub(super) fn step<R: Rng>(&mut self, on: &Conditions, rng: &mut R) {
        if !on.failed {
            self.advance(on, rng);
        }
        let travelling = !on.failed && matches!(self.phase, Phase::Travelling { .. });
        let door_moving = !on.failed && matches!(self.phase, Phase::Opening | Phase::Closing);
        let current = if door_moving { 2.1 * (1.0 + 1.6 * on.drift) } else { 0.1 };
        lag(&mut self.door_current, if on.failed { 0.0 } else { current }, 0.4, on.dt_s);
        let heat = if travelling { 42.0 * (0.4 + 0.6 * on.speed) } else { 3.0 };
        lag(&mut self.motor_temperature, on.ambient + heat, 240.0, on.dt_s);
    }

    pub(super) fn measure<R: Rng>(&self, on: &Conditions, rng: &mut R) -> Vec<Measured> {
        let number = |value: f64| SampleValue::Number(value);
        let text = |value: &str| SampleValue::Text(value.to_owned());
        let (state, door) = match self.phase {
            _ if on.failed => ("fault", "blocked"),
            Phase::Standing { .. } => ("standing", "closed"),
            Phase::Travelling { .. } => ("travelling", "closed"),
            Phase::Opening => ("door", "opening"),
            Phase::Open { .. } => ("door", "open"),
            Phase::Closing => ("door", "closing"),
        };
        #[allow(clippy::cast_precision_loss, reason = "never that many trips")]
        let (cycles, trips) = (self.door_cycles as f64, self.trips as f64);
        let current = self.door_current * on.roughness;
        vec![
            ("car.position", number(round(self.position_m, 2))),
            ("car.floor", number((self.position_m / FLOOR_HEIGHT_M).round())),
            ("car.speed", number(round(self.speed_m_per_s, 2))),
            ("door.state", text(door)),
            ("door.position", number(round(100.0 * self.door, 0))),
            ("door.cycles", number(cycles)),
            ("door.motor.current", number(sensor(rng, current, 0.03 * current, 2))),
            ("door.closing_time", number(sensor(rng, self.closing_time_s, 0.03, 2))),
            ("motor.temperature", number(sensor(rng, self.motor_temperature, 0.1, 1))),
            ("brake.wear", number(round(self.brake_wear_percent, 2))),
            ("trips", number(trips)),
            ("passenger.trapped", SampleValue::Boolean(false)),
            ("operating.state", text(state)),
            ("speed.override", number(round(100.0 * on.speed, 1))),
        ]
    }

    pub(super) const fn stress(&self) -> f64 {
        match self.phase {
            Phase::Opening | Phase::Closing => 1.0,
            _ => 0.2,
        }
    }

    pub(super) const fn is_at_floor(&self) -> bool {
        !matches!(self.phase, Phase::Travelling { .. })
    }

    /// The door stops half-way, so that who is inside can leave.
    pub(super) const fn fail(&mut self) {
        self.speed_m_per_s = 0.0;
        self.door = 0.55;
        self.phase = Phase::Opening;
    }

    pub(super) const fn restart(&mut self) {
        self.phase = Phase::Opening;
    }

    fn advance<R: Rng>(&mut self, on: &Conditions, rng: &mut R) {
        let door_step = on.dt_s / (DOOR_S * (1.0 + 0.9 * on.drift));
        match &mut self.phase {
            Phase::Standing { left_s } => {
                *left_s -= on.dt_s;
                if *left_s <= 0.0 {
                    self.depart(on, rng);
                }
            }
            Phase::Travelling { target } => {
                let target = *target;
                self.travel(target, on);
            }
            Phase::Opening => {
                self.door = (self.door + door_step).min(1.0);
                if self.door >= 1.0 {
                    self.phase = Phase::Open { left_s: between(rng, 3.0, 7.0) };
                }
            }
            Phase::Open { left_s } => {
                *left_s -= on.dt_s;
                if *left_s <= 0.0 {
                    self.closing_s = 0.0;
                    self.phase = Phase::Closing;
                }
            }
            Phase::Closing => {
                self.closing_s += on.dt_s;
                self.door = (self.door - door_step).max(0.0);
                if self.door <= 0.0 {
                    self.door_cycles += 1;
                    self.closing_time_s = self.closing_s;
                    self.phase = Phase::Standing { left_s: between(rng, 1.0, 12.0) };
                }
            }
        }
    }

    /// Chooses a floor; stays and opens the door again when the door won't hold that long.
    fn depart<R: Rng>(&mut self, on: &Conditions, rng: &mut R) {
        let target = rng.random_range(0..FLOORS);
        let way_m = (f64::from(target) * FLOOR_HEIGHT_M - self.position_m).abs();
        let top = NOMINAL_M_PER_S * on.speed;
        let trip_s = way_m / top + 2.0 * top / ACCELERATION_M_PER_S2 + TRIP_RESERVE_S;
        let stays = way_m < 0.1 || trip_s >= on.holds_s;
        self.phase = if stays { Phase::Opening } else { Phase::Travelling { target } };
    }

    fn travel(&mut self, target: u32, on: &Conditions) {
        let way_m = f64::from(target) * FLOOR_HEIGHT_M - self.position_m;
        let left_m = way_m.abs();
        let top = (NOMINAL_M_PER_S * on.speed).min((2.0 * ACCELERATION_M_PER_S2 * left_m).sqrt());
        let change = ACCELERATION_M_PER_S2 * on.dt_s;
        let speed = self.speed_m_per_s.abs();
        let speed = if top > speed { (speed + change).min(top) } else { top };
        if speed * on.dt_s >= left_m - 0.02 {
            self.position_m = f64::from(target) * FLOOR_HEIGHT_M;
            self.speed_m_per_s = 0.0;
            self.trips += 1;
            self.brake_wear_percent = (self.brake_wear_percent + 0.004).min(100.0);
            self.phase = Phase::Opening;
            return;
        }
        self.position_m += way_m.signum() * speed * on.dt_s;
        self.speed_m_per_s = way_m.signum() * speed;
    }
}
