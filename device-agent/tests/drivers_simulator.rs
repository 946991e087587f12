//! The simulated machine: its wear, its fault, its repair, its checkpoint. Pure, seeded.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use millwright_agent::drivers::simulator::{self, Change, Model, OperationError, Simulation, Step};
use millwright_schemas::SignalName;
use millwright_schemas::wire::events::{FaultRaised, check_fault};
use millwright_schemas::wire::telemetry::SampleValue;
use proptest::prelude::*;

const MODELS: [Model; 3] = [Model::CncMill, Model::Compressor, Model::Elevator];

/// What tells of wear, and what tells of the standstill afterwards.
fn telltale(model: Model) -> (&'static str, &'static str) {
    match model {
        Model::CncMill => ("axis.x.vibration", "spindle.speed"),
        Model::Compressor => ("vibration", "motor.current"),
        Model::Elevator => ("door.motor.current", "door.motor.current"),
    }
}

fn number(step: &Step, signal: &str) -> f64 {
    let value = step.values.iter().find(|(name, _)| *name == signal);
    match value {
        Some((_, SampleValue::Number(number))) => *number,
        other => panic!("{signal}: {other:?}"),
    }
}

fn text<'a>(step: &'a Step, signal: &str) -> &'a str {
    match step.values.iter().find(|(name, _)| *name == signal) {
        Some((_, SampleValue::Text(text))) => text,
        other => panic!("{signal}: {other:?}"),
    }
}

fn raised(step: &Step) -> Option<&FaultRaised> {
    step.changes.iter().find_map(|change| match change {
        Change::Raised(fault) => Some(fault),
        Change::Cleared(_) => None,
    })
}

/// Seconds until the fault, in steps of one second.
fn run_to_fault(simulation: &mut Simulation, at_most_s: u32) -> Option<u32> {
    (1..=at_most_s).find(|_| raised(&simulation.advance(1.0)).is_some())
}

fn mean(steps: &[Step], signal: &str) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a few thousand")]
    let count = steps.len() as f64;
    steps.iter().map(|step| number(step, signal)).sum::<f64>() / count
}

#[test]
fn the_fault_comes_within_the_stated_time_and_once() {
    for model in MODELS {
        for seed in 0..40 {
            for time in [10_u32, 60, 600, 3_600] {
                let mut simulation = Simulation::new(model, seed, 1.0 / f64::from(time));
                let at = run_to_fault(&mut simulation, time)
                    .unwrap_or_else(|| panic!("{model:?} seed {seed}: no fault in {time} s"));
                assert!(
                    f64::from(at) >= 0.8 * f64::from(time) - 1.0,
                    "{model:?} {seed} {at}/{time}"
                );
                for _ in 0..300 {
                    assert!(simulation.advance(1.0).changes.is_empty(), "raised again");
                }
            }
        }
    }
}

#[test]
fn the_length_of_steps_doesnt_change_when_the_fault_comes() {
    for model in MODELS {
        for dt_s in [0.1, 1.0, 7.0, 60.0] {
            let mut simulation = Simulation::new(model, 5, 1.0 / 600.0);
            let mut passed_s = 0.0;
            while !simulation.machine.is_faulted() {
                simulation.advance(dt_s);
                passed_s += dt_s;
                assert!(passed_s < 600.0 + dt_s, "{model:?} in steps of {dt_s} s");
            }
            assert!(passed_s > 480.0, "{model:?} in steps of {dt_s} s: {passed_s}");
        }
    }
}

#[test]
fn a_machine_that_doesnt_wear_never_has_its_fault_and_stays_within_plausible_bounds() {
    for model in MODELS {
        let mut simulation = Simulation::new(model, 9, 0.0);
        for _ in 0..20_000 {
            let step = simulation.advance(1.0);
            assert!(step.changes.is_empty());
            for (signal, value) in &step.values {
                if let SampleValue::Number(number) = value {
                    // Only the lift's speed has a sign: it is negative on the way down.
                    let least = if *signal == "car.speed" { -2.0 } else { 0.0 };
                    assert!((least..20_000.0).contains(number), "{signal} = {number}");
                }
                if signal.ends_with("temperature") {
                    assert!((15.0..110.0).contains(&number(&step, signal)), "{model:?} {signal}");
                }
            }
        }
    }
}

#[test]
fn work_gets_done() {
    let last = |model| {
        let mut simulation = Simulation::new(model, 3, 0.0);
        (0..3_600).map(|_| simulation.advance(1.0)).last().unwrap()
    };
    let parts = number(&last(Model::CncMill), "parts_made");
    assert!((20.0..60.0).contains(&parts), "{parts} parts an hour");
    let cycles = number(&last(Model::Compressor), "load_cycles");
    assert!((30.0..240.0).contains(&cycles), "{cycles} load cycles an hour");
    let trips = number(&last(Model::Elevator), "trips");
    assert!((60.0..240.0).contains(&trips), "{trips} trips an hour");
}

#[test]
fn the_compressor_holds_its_pressure_and_the_lift_its_shaft() {
    let mut compressor = Simulation::new(Model::Compressor, 4, 0.0);
    let steps: Vec<Step> = (0..7_200).map(|_| compressor.advance(1.0)).collect();
    for step in &steps[600..] {
        assert!((6.2..7.8).contains(&number(step, "pressure")), "{}", number(step, "pressure"));
    }
    let mut lift = Simulation::new(Model::Elevator, 4, 0.0);
    let mut floors = BTreeSet::new();
    for _ in 0..7_200 {
        let step = lift.advance(1.0);
        assert!((0.0..=12.0).contains(&number(&step, "car.position")));
        if text(&step, "operating.state") == "travelling" {
            assert!(number(&step, "door.position") == 0.0, "travels with an open door");
        } else {
            floors.insert(format!("{:.2}", number(&step, "car.position")));
        }
    }
    assert_eq!(floors.len(), 5, "{floors:?}");
}

#[test]
fn wear_shows_before_the_fault_and_the_standstill_after_it() {
    for model in MODELS {
        let (sign, standstill) = telltale(model);
        let mut simulation = Simulation::new(model, 11, 1.0 / 7_200.0);
        let mut steps = Vec::new();
        while !simulation.machine.is_faulted() {
            steps.push(simulation.advance(1.0));
        }
        let (new, worn) = (mean(&steps[..1_800], sign), mean(&steps[steps.len() - 900..], sign));
        assert!(worn > 1.4 * new, "{model:?}: {sign} {new} → {worn}");
        let fault = raised(steps.last().unwrap()).unwrap();
        check_fault("fault", fault).unwrap();
        assert!(!fault.message.is_empty() && !fault.source.is_empty());
        assert!(fault.context.len() >= 5, "{:?}", fault.context);
        let moment = fault.context.get(sign).and_then(serde_json::Value::as_f64);
        assert!(moment.is_none_or(|value| value > 0.05), "measured after the stop: {moment:?}");
        let after: Vec<Step> = (0..60).map(|_| simulation.advance(1.0)).collect();
        assert!(mean(&after[30..], standstill) < 0.1, "{model:?} still moves");
        assert!(after.iter().all(|step| text(step, "operating.state") == "fault"));
    }
}

#[test]
fn the_lifts_fault_traps_nobody() {
    for seed in 0..50 {
        let mut lift = Simulation::new(Model::Elevator, seed, 1.0 / 300.0);
        run_to_fault(&mut lift, 300).unwrap();
        let step = lift.advance(1.0);
        assert_eq!(number(&step, "car.position") % 3.0, 0.0, "stands between floors");
        assert!(number(&step, "door.position") > 40.0);
    }
}

#[test]
fn a_reset_without_repair_brings_the_fault_back_soon() {
    for model in MODELS {
        let mut simulation = Simulation::new(model, 21, 1.0 / 600.0);
        run_to_fault(&mut simulation, 600).unwrap();
        simulation.machine.reset_fault().unwrap();
        assert_eq!(simulation.machine.reset_fault(), Err(OperationError::NoFault));
        let step = simulation.advance(1.0);
        assert!(matches!(step.changes.as_slice(), [Change::Cleared(_)]));
        assert_ne!(text(&step, "operating.state"), "fault");
        let back = run_to_fault(&mut simulation, 60).expect("comes back");
        assert!(back >= 5, "{model:?} after {back} s");
    }
}

#[test]
fn what_is_told_to_fail_does_so_and_a_reset_is_enough() {
    for model in MODELS {
        let mut simulation = Simulation::new(model, 23, 0.0);
        simulation.advance(1.0);
        simulation.machine.fail().unwrap();
        // A lift reaches its floor first.
        run_to_fault(&mut simulation, 30).expect("fails");
        assert_eq!(simulation.machine.fail(), Err(OperationError::Faulted));
        simulation.machine.reset_fault().unwrap();
        assert_eq!(run_to_fault(&mut simulation, 600), None, "{model:?} wasn't worn");
        simulation.machine.set_wear(100.0).unwrap();
        run_to_fault(&mut simulation, 30).expect("worn out");
        for wrong in [-1.0, 100.5, f64::NAN] {
            assert!(simulation.machine.set_wear(wrong).is_err(), "{wrong}");
        }
    }
}

#[test]
fn lubrication_and_reset_repair_it_for_most_of_its_life() {
    for model in MODELS {
        let (sign, _) = telltale(model);
        let mut simulation = Simulation::new(model, 22, 1.0 / 3_600.0);
        let mut steps = Vec::new();
        while !simulation.machine.is_faulted() {
            steps.push(simulation.advance(1.0));
        }
        let worn = mean(&steps[steps.len() - 600..], sign);
        simulation.machine.lubricate();
        assert!(simulation.machine.is_faulted(), "a latched fault needs its reset");
        assert!(simulation.advance(1.0).changes.is_empty());
        simulation.machine.reset_fault().unwrap();
        let repaired: Vec<Step> = (0..1_200).map(|_| simulation.advance(1.0)).collect();
        assert!(mean(&repaired, sign) < worn / 1.4, "{model:?} measures as before");
        assert_eq!(run_to_fault(&mut simulation, 1_500), None, "{model:?} fails early");
        assert!(run_to_fault(&mut simulation, 900).is_some());
    }
}

#[test]
fn speed_changes_what_is_measured_and_how_long_it_lasts() {
    // The mill only for so long that it is still at its first program.
    for (model, signal, for_s) in [
        (Model::CncMill, "spindle.speed", 60),
        (Model::Compressor, "motor.speed", 60),
        (Model::Elevator, "car.speed", 600),
    ] {
        let fastest = |percent: f64| {
            let mut simulation = Simulation::new(model, 31, 0.0);
            simulation.machine.set_speed(percent).unwrap();
            (0..for_s).map(|_| number(&simulation.advance(1.0), signal)).fold(0.0, f64::max)
        };
        let (full, half) = (fastest(100.0), fastest(50.0));
        assert!((0.4..0.6).contains(&(half / full)), "{model:?} {half}/{full}");

        let mut slow = Simulation::new(model, 31, 1.0 / 600.0);
        slow.machine.set_speed(50.0).unwrap();
        assert_eq!(run_to_fault(&mut slow, 1_800), None);

        // Slowed down, a worn machine can go on for a while until someone comes.
        let mut worn = Simulation::new(model, 31, 1.0 / 600.0);
        run_to_fault(&mut worn, 600).unwrap();
        worn.machine.set_speed(60.0).unwrap();
        worn.machine.reset_fault().unwrap();
        assert_eq!(run_to_fault(&mut worn, 120), None);

        for percent in [0.0, 19.9, 111.0, -5.0, f64::NAN, f64::INFINITY] {
            assert!(worn.machine.set_speed(percent).is_err(), "{percent}");
        }
    }
}

#[test]
fn signals_are_valid_and_always_the_same() {
    for model in MODELS {
        let mut simulation = Simulation::new(model, 41, 1.0 / 120.0);
        let shape = |step: &Step| -> Vec<_> {
            step.values.iter().map(|(name, value)| (*name, value.kind().unwrap())).collect()
        };
        let first = shape(&simulation.advance(1.0));
        for (name, _) in &first {
            name.parse::<SignalName>().unwrap();
        }
        let names: BTreeSet<_> = first.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), first.len(), "a signal twice");
        let units = first.iter().filter(|(name, _)| simulator::unit(model, name).is_some());
        assert!(units.count() >= 7, "{model:?} measures what its units are for");
        assert_eq!(simulator::unit(model, "speed.override"), Some("%"));
        assert_eq!(simulator::unit(model, "operating.state"), None);
        for _ in 0..300 {
            assert_eq!(shape(&simulation.advance(1.0)), first);
        }
    }
}

#[derive(Debug, Clone)]
enum Act {
    Advance(f64),
    Reset,
    Lubricate,
    Speed(f64),
    Fail,
    Wear(f64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => (0.1_f64..5.0).prop_map(Act::Advance),
        1 => Just(Act::Reset),
        1 => Just(Act::Lubricate),
        1 => (20.0_f64..110.0).prop_map(Act::Speed),
        1 => Just(Act::Fail),
        1 => (0.0_f64..100.0).prop_map(Act::Wear),
    ]
}

fn perform(simulation: &mut Simulation, act: &Act) -> Option<Step> {
    match act {
        Act::Advance(dt_s) => return Some(simulation.advance(*dt_s)),
        Act::Reset => {
            let _ = simulation.machine.reset_fault();
        }
        Act::Lubricate => simulation.machine.lubricate(),
        Act::Speed(percent) => simulation.machine.set_speed(*percent).unwrap(),
        Act::Fail => {
            let _ = simulation.machine.fail();
        }
        Act::Wear(percent) => simulation.machine.set_wear(*percent).unwrap(),
    }
    None
}

proptest! {
    #[test]
    fn a_checkpoint_gives_the_identical_continuation(
        model in prop::sample::select(MODELS.to_vec()),
        seed: u64,
        time_s in 5.0_f64..200.0,
        before in prop::collection::vec(act(), 0..80),
        after in prop::collection::vec(act(), 1..80),
    ) {
        let mut original = Simulation::new(model, seed, 1.0 / time_s);
        for act in &before {
            perform(&mut original, act);
        }
        let checkpoint = serde_json::to_vec(&original).unwrap();
        let mut restored: Simulation = serde_json::from_slice(&checkpoint).unwrap();
        prop_assert_eq!(&restored, &original);
        for act in &after {
            prop_assert_eq!(perform(&mut restored, act), perform(&mut original, act));
        }
        prop_assert_eq!(restored, original);
    }

    #[test]
    fn raised_and_cleared_always_alternate(
        model in prop::sample::select(MODELS.to_vec()),
        seed: u64,
        acts in prop::collection::vec(act(), 1..300),
    ) {
        let mut simulation = Simulation::new(model, seed, 1.0 / 20.0);
        let mut active = false;
        for act in &acts {
            for change in perform(&mut simulation, act).map(|step| step.changes).unwrap_or_default() {
                let raised = matches!(change, Change::Raised(_));
                prop_assert_ne!(raised, active);
                active = raised;
            }
        }
    }
}
