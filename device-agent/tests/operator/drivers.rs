//! What is done to machines through their drivers, and what they measure afterwards.

use std::time::Duration;

use millwright_agent::collector::FromDriver;
use millwright_agent::driver::{FaultChange, Reading};
use millwright_agent::drivers::simulator::{Model, Simulation};
use millwright_agent::drivers::{DriverCommands, DriverConfig, DriverOrders, Simulated, create};
use millwright_agent::outbox::{Delivery, Readings};
use millwright_agent::status::{Status, StatusBoard};
use millwright_agent::supervise::Supervisor;
use millwright_schemas::wire::command::CommandClass;
use millwright_schemas::wire::telemetry::SampleValue;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Place, object, until};

const PATIENCE: Duration = Duration::from_secs(30);

/// Drivers that run, and what they deliver.
struct Machines {
    commands: DriverCommands,
    readings: mpsc::Receiver<FromDriver>,
    place: Place,
    stop: CancellationToken,
}

impl Drop for Machines {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn configs(toml: &str) -> Vec<DriverConfig> {
    let mut table: toml::Table = toml::from_str(toml).unwrap();
    table.remove("drivers").unwrap().try_into().unwrap()
}

fn simulators(names: &[&str]) -> Vec<DriverConfig> {
    let drivers = names.iter().map(|name| {
        format!(
            "[[drivers]]\nkind = 'simulator'\nname = '{name}'\nmodel = 'compressor'\n\
             interval_ms = 100\n"
        )
    });
    configs(&drivers.collect::<String>())
}

impl Machines {
    fn start(configs: Vec<DriverConfig>, place: Place) -> Self {
        let (commands, orders) = DriverCommands::of(&configs);
        Self::run(configs, place, commands, orders)
    }

    fn run(
        configs: Vec<DriverConfig>,
        place: Place,
        commands: DriverCommands,
        orders: Vec<DriverOrders>,
    ) -> Self {
        let (sender, readings) = mpsc::channel(64);
        let stop = CancellationToken::new();
        for (config, orders) in configs.into_iter().zip(orders) {
            let supervisor = Supervisor {
                config,
                outbox: place.outbox.clone(),
                readings: sender.clone(),
                board: StatusBoard::new(Status::new(true, None)),
                orders,
                stop: stop.clone(),
            };
            tokio::spawn(supervisor.run());
        }
        Self { commands, readings, place, stop }
    }

    async fn run_command(&self, name: &str, args: Value) -> Result<Value, String> {
        timeout(PATIENCE, self.commands.run(name, object(args))).await.unwrap()
    }

    async fn next(&mut self) -> (String, Reading) {
        match timeout(PATIENCE, self.readings.recv()).await.unwrap() {
            Some(FromDriver::Reading(Delivery { driver, reading })) => (driver, reading),
            other => panic!("{other:?}"),
        }
    }

    /// Readings until one is as it should be, which is given.
    async fn until(&mut self, what: &str, right: impl Fn(&Reading) -> bool) -> Reading {
        for _ in 0..200 {
            let (_, reading) = self.next().await;
            if right(&reading) {
                return reading;
            }
        }
        panic!("waited in vain until {what}");
    }
}

fn number(reading: &Reading, signal: &str) -> f64 {
    let values = &reading.samples[0].values;
    let value = values.iter().find(|(name, ..)| name.as_str() == signal);
    match value {
        Some((_, SampleValue::Number(number), _)) => *number,
        other => panic!("{signal}: {other:?}"),
    }
}

/// A compressor in its fault, as a checkpoint, and what vibrated just before.
fn worn_out() -> (Vec<u8>, f64) {
    let mut simulation = Simulation::new(Model::Compressor, 1, 1.0 / 600.0);
    let mut vibration = 0.0;
    while !simulation.machine.is_faulted() {
        let step = simulation.advance(1.0);
        let (_, value) = step.values.into_iter().find(|(name, _)| *name == "vibration").unwrap();
        if let SampleValue::Number(number) = value
            && !simulation.machine.is_faulted()
        {
            vibration = number;
        }
    }
    (serde_json::to_vec(&simulation).unwrap(), vibration)
}

/// A place where a driver's checkpoint is stored.
async fn place_with(driver: &str, checkpoint: Vec<u8>) -> Place {
    let place = Place::new();
    let reading = Reading { checkpoint: Some(checkpoint), ..Reading::default() };
    let readings = Readings::new(vec![Delivery { driver: driver.to_owned(), reading }]);
    place.outbox.call(move |outbox| outbox.append(&readings)).await.unwrap();
    place
}

#[tokio::test]
async fn lubricated_and_reset_the_fault_clears_and_it_vibrates_less() {
    let (checkpoint, worn) = worn_out();
    let place = place_with("press", checkpoint).await;
    let mut machines = Machines::start(simulators(&["press"]), place);
    machines.until("it stands", |reading| number(reading, "motor.speed") < 1.0).await;
    machines.run_command("lubricate", json!({})).await.unwrap();
    let reset = machines.run_command("reset_fault", json!({ "driver": "press" })).await.unwrap();
    assert_eq!(reset, json!({ "code": "E-311", "source": "airend.bearing" }));
    let cleared = machines.until("the fault clears", |reading| !reading.faults.is_empty()).await;
    let [FaultChange::Cleared(_, fault)] = cleared.faults.as_slice() else { panic!("{cleared:?}") };
    assert_eq!(fault.code, "E-311");
    let again = machines.run_command("reset_fault", json!({})).await.unwrap_err();
    assert_eq!(again, "no fault is active");
    // At its full speed again, and loaded as it was.
    let running =
        machines.until("it runs", |reading| number(reading, "motor.speed") > 2_850.0).await;
    assert!(number(&running, "vibration") < 0.5 * worn, "{running:?}, before: {worn}");
    assert!(running.faults.is_empty());
    // What was done to the machine is in its checkpoint.
    let restored = create(&simulators(&["press"])[0], running.checkpoint).unwrap();
    drop(restored);
}

#[tokio::test]
async fn a_set_speed_shows_in_what_is_measured_and_after_a_restart() {
    let place = Place::new();
    let mut machines = Machines::start(simulators(&["press"]), place);
    machines.next().await;
    let set = machines.run_command("set_speed", json!({ "percent": 40 })).await.unwrap();
    assert_eq!(set, json!({ "percent": 40.0 }));
    let slow =
        machines.until("it is slow", |reading| number(reading, "speed.override") == 40.0).await;
    let checkpoint = slow.checkpoint.unwrap();
    let slower = |reading: &Reading| (1_100.0..1_260.0).contains(&number(reading, "motor.speed"));
    machines.until("the motor turns slower", slower).await;

    let place = place_with("press", checkpoint).await;
    let mut machines = Machines::start(simulators(&["press"]), place);
    let (_, reading) = machines.next().await;
    assert_eq!(number(&reading, "speed.override"), 40.0);
    for (percent, expected) in [
        (json!(19), "speed 19 % is not between 20 and 110 %"),
        (json!(111), "speed 111 % is not between 20 and 110 %"),
        (json!("fast"), "percent: \"fast\" is not a number"),
        (Value::Null, "percent: null is not a number"),
    ] {
        let error = machines.run_command("set_speed", json!({ "percent": percent })).await;
        assert_eq!(error.unwrap_err(), expected);
    }
}

#[tokio::test]
async fn which_driver_is_meant_must_be_said_when_there_are_several() {
    let one = DriverCommands::of(&simulators(&["a"])).0.catalogue();
    let speed = one.iter().find(|entry| entry.name == "set_speed").unwrap();
    assert_eq!(speed.arguments["required"], json!(["percent"]));
    assert_eq!(speed.arguments["properties"]["driver"]["enum"], json!(["a"]));
    let classes: Vec<_> = one.iter().map(|entry| (entry.name.as_str(), entry.class)).collect();
    assert_eq!(
        classes,
        [
            ("lubricate", CommandClass::Configure),
            ("reset_fault", CommandClass::Motion),
            ("set_speed", CommandClass::Motion),
        ]
    );
    assert!(one.iter().all(|entry| entry.needs_consent && entry.description.contains_key("de")));

    let mut machines = Machines::start(simulators(&["a", "b"]), Place::new());
    let two = machines.commands.catalogue();
    assert_eq!(two.len(), 3);
    let speed = two.iter().find(|entry| entry.name == "set_speed").unwrap();
    assert_eq!(speed.arguments["required"], json!(["percent", "driver"]));
    let error = machines.run_command("lubricate", json!({})).await.unwrap_err();
    assert_eq!(error, "driver: several drivers offer \"lubricate\", say which: a, b");
    let error = machines.run_command("lubricate", json!({ "driver": "c" })).await.unwrap_err();
    assert!(
        error.ends_with("is not a driver that offers \"lubricate\"; those are a, b"),
        "{error}"
    );
    let error = machines.run_command("explode", json!({})).await.unwrap_err();
    assert_eq!(error, "no driver offers \"explode\"");
    let args = json!({ "percent": 50, "driver": "b" });
    machines.run_command("set_speed", args).await.unwrap();
    let slow = machines.until("b is slow", |r| number(r, "speed.override") == 50.0).await;
    drop(slow);
    let (mut a, mut b) = (None, None);
    while a.is_none() || b.is_none() {
        let (driver, reading) = machines.next().await;
        let seen = if driver == "a" { &mut a } else { &mut b };
        *seen = Some(number(&reading, "speed.override"));
    }
    assert_eq!((a, b), (Some(100.0), Some(50.0)));
}

#[tokio::test]
async fn sampling_changes_while_it_runs_for_one_or_for_all() {
    let drivers = "[[drivers]]\nkind = 'host'\nname = 'pc'\ninterval_ms = 3600000\n\
                   [[drivers]]\nkind = 'simulator'\nname = 'press'\nmodel = 'compressor'\n\
                   interval_ms = 60000\n";
    let mut machines = Machines::start(configs(drivers), Place::new());
    assert!(machines.commands.catalogue().iter().all(|entry| entry.name != "set_sampling"));
    // The first readings come at once; the next ones would take a minute and an hour.
    let mut first = [machines.next().await.0, machines.next().await.0];
    first.sort();
    assert_eq!(first, ["pc", "press"]);
    let all = machines.run_command("set_sampling", json!({ "interval_ms": 500 })).await.unwrap();
    let each = json!({ "interval_ms": 500 });
    assert_eq!(all, json!({ "drivers": { "pc": each, "press": each } }));
    let mut seen = [false, false];
    while seen != [true, true] {
        seen[usize::from(machines.next().await.0 == "press")] = true;
    }
    // 100 ms is for the simulator only: nothing changes for either of them.
    let error = machines.run_command("set_sampling", json!({ "interval_ms": 100 })).await;
    let expected = "driver pc: interval_ms = 100 is not between 500 and 3600000";
    assert_eq!(error.unwrap_err(), expected);
    let one = json!({ "interval_ms": 100, "driver": "press" });
    let result = machines.run_command("set_sampling", one).await.unwrap();
    assert_eq!(result, json!({ "drivers": { "press": { "interval_ms": 100 } } }));
    for interval in [json!("fast"), json!(-1), json!(1.5), Value::Null] {
        let error = machines.run_command("set_sampling", json!({ "interval_ms": interval })).await;
        assert!(error.unwrap_err().ends_with("is not a whole number of milliseconds"));
    }
}

#[tokio::test]
async fn a_recording_has_no_sampling_and_no_commands() {
    let drivers = "[[drivers]]\nkind = 'replay'\nname = 'r'\npath = 'nowhere.csv'\n";
    let (commands, _orders) = DriverCommands::of(&configs(drivers));
    assert!(commands.catalogue().is_empty());
    let args = object(json!({ "interval_ms": 500 }));
    let error = commands.run("set_sampling", args).await.unwrap_err();
    assert_eq!(error, "no driver offers \"set_sampling\"");
}

#[tokio::test]
async fn only_simulated_machines_are_told_to_fail_and_never_by_the_platform() {
    let (commands, _orders) = DriverCommands::of(&configs("[[drivers]]\nkind = 'host'\n"));
    let error = commands.simulate(None, Simulated::Fail).await.unwrap_err();
    assert!(error.starts_with("no driver is a simulator"), "{error}");
    let several = Machines::start(simulators(&["a", "b"]), Place::new());
    let error = several.commands.simulate(None, Simulated::Fail).await.unwrap_err();
    assert!(error.contains("say which: a, b"), "{error}");

    let mut one = Machines::start(simulators(&["press"]), Place::new());
    assert!(one.commands.catalogue().iter().all(|entry| !entry.name.contains("simulate")));
    let error = one.run_command("simulate_fail", json!({})).await.unwrap_err();
    assert_eq!(error, "no driver offers \"simulate_fail\"");
    let error = one.commands.simulate(None, Simulated::Wear { percent: 101.0 }).await.unwrap_err();
    assert_eq!(error, "wear 101 % is not between 0 and 100 %");
    one.commands.simulate(Some("press".to_owned()), Simulated::Fail).await.unwrap();
    loop {
        let (_, reading) = one.next().await;
        if matches!(reading.faults.as_slice(), [FaultChange::Raised(..)]) {
            break;
        }
    }
    let again = one.commands.simulate(None, Simulated::Fail).await.unwrap_err();
    assert_eq!(again, "a fault is active already");
}

#[tokio::test]
async fn an_order_that_nobody_waits_for_any_more_is_not_carried_out() {
    let configs = simulators(&["press"]);
    let (commands, orders) = DriverCommands::of(&configs);
    let given = tokio::spawn({
        let commands = commands.clone();
        async move { commands.run("set_speed", object(json!({ "percent": 40 }))).await }
    });
    until("it waits", || async { !orders[0].is_empty() }).await;
    given.abort();
    assert!(given.await.unwrap_err().is_cancelled());
    let mut machines = Machines::run(configs, Place::new(), commands, orders);
    machines.run_command("lubricate", json!({})).await.unwrap();
    let (_, reading) = machines.next().await;
    assert_eq!(number(&reading, "speed.override"), 100.0);
}

#[tokio::test]
async fn a_driver_that_has_ended_says_so() {
    let mut simulators = simulators(&["press"]);
    let DriverConfig::Simulator(config) = &mut simulators[0] else { panic!("a simulator") };
    config.interval_ms = 1;
    let machines = Machines::start(simulators, Place::new());
    let error = machines.run_command("lubricate", Map::new().into()).await.unwrap_err();
    assert_eq!(error, "driver press has ended");
    assert!(machines.place.events().await.is_empty());
}
