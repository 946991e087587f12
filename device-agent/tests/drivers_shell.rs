//! Drivers from their configuration: what is accepted and refused, what a real one delivers,
//! and that a dropped wait loses nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use millwright_agent::driver::{Driver, DriverError, FaultChange, Reading};
use millwright_agent::drivers::simulator::{Model, Simulation};
use millwright_agent::drivers::{DriverConfig, create};
use millwright_schemas::wire::telemetry::SampleValue;

fn parse(toml: &str) -> Result<DriverConfig, toml::de::Error> {
    toml::from_str(toml)
}

fn refused(toml: &str) -> String {
    match create(&parse(toml).unwrap_or_else(|error| panic!("{toml}: {error}")), None) {
        Err(error @ DriverError::Configuration { .. }) => error.to_string(),
        Err(error) => panic!("{toml}: {error}"),
        Ok(_) => panic!("{toml}: accepted"),
    }
}

async fn next(driver: &mut dyn Driver) -> Reading {
    driver.next().await.unwrap().expect("a reading")
}

#[test]
fn a_kind_is_enough_where_nothing_else_is_needed() {
    let host = parse("kind = \"host\"").unwrap();
    assert_eq!(host.name(), "host");
    let simulator = parse("kind = \"simulator\"\nmodel = \"elevator\"").unwrap();
    assert_eq!(simulator.name(), "simulator");
    let replay = parse("kind = \"replay\"\npath = \"a.csv\"").unwrap();
    assert_eq!(replay.name(), "replay");
    for config in [host, simulator, replay] {
        config.check().unwrap();
        let written = toml::to_string(&config).unwrap();
        assert_eq!(parse(&written).unwrap(), config, "{written}");
    }
}

#[test]
fn unknown_keys_are_refused_by_name() {
    for toml in [
        "kind = \"host\"\ninterval = 5",
        "kind = \"simulator\"\nmodel = \"elevator\"\ninterval = 5",
        "kind = \"replay\"\npath = \"a.csv\"\ninterval = 5",
        "kind = \"replay\"\npath = \"a.csv\"\nfaults = { path = \"b\", code_column = \"c\", interval = 5 }",
    ] {
        let error = parse(toml).unwrap_err().to_string();
        assert!(error.contains("unknown field `interval`"), "{toml}: {error}");
    }
    assert!(parse("kind = \"modbus\"").unwrap_err().to_string().contains("modbus"));
    let error = parse("kind = \"simulator\"\nmodel = \"lathe\"").unwrap_err().to_string();
    assert!(error.contains("lathe") && error.contains("cnc_mill"), "{error}");
}

#[test]
fn a_value_out_of_its_rule_is_named_with_the_rule() {
    let simulator = "kind = \"simulator\"\nname = \"m\"\nmodel = \"cnc_mill\"\n";
    let replay = "kind = \"replay\"\nname = \"m\"\npath = \"a.csv\"\n";
    for (toml, expected) in [
        (
            "kind = \"host\"\nname = \"m\"\ninterval_ms = 5".to_owned(),
            "interval_ms = 5 is not between 500 and 3600000",
        ),
        ("kind = \"host\"\nname = \"\"".to_owned(), "name = \"\" has 0 bytes, not 1 to 64"),
        (format!("{simulator}interval_ms = 0"), "interval_ms = 0 is not between 100 and 60000"),
        (
            format!("{simulator}time_to_fault_s = 1"),
            "time_to_fault_s = 1 is not between 10 and 31536000",
        ),
        (format!("{simulator}wear_per_hour = nan"), "wear_per_hour = NaN is not between 0 and 360"),
        (format!("{simulator}wear_per_hour = 1\ntime_to_fault_s = 60"), "give only one"),
        (format!("{replay}speed = -1"), "speed = -1 is not between 0 and 1000000"),
        (format!("{replay}delimiter = \";;\""), "delimiter = \";;\" is not one ASCII character"),
        (format!("{replay}timestamp_format = \"%Q\""), "timestamp_format = \"%Q\""),
        (format!("{replay}rows_per_reading = 0"), "rows_per_reading = 0 is not between 1 and 1000"),
        (format!("{replay}time = \"now\"\nspeed = 0"), "time = \"now\" with speed = 0"),
        (format!("{replay}columns = {{}}"), "columns names 0 columns"),
        (
            format!("{replay}columns = {{ a = \"x\", b = \"x\" }}"),
            "columns.a and columns.b are both \"x\"",
        ),
        (
            format!("{replay}columns = {{ a = \"\" }}"),
            "columns.a = \"\": a signal name must not be empty",
        ),
        (
            format!("{replay}faults = {{ path = \"b\", code_column = \"c\", clear_after_s = 0 }}"),
            "faults.clear_after_s = 0 is not between",
        ),
    ] {
        let error = refused(&toml);
        assert!(error.contains(expected), "{toml}\n→ {error}\nnot: {expected}");
    }
}

#[tokio::test]
async fn this_computer_is_measured() {
    let config = parse("kind = \"host\"\ninterval_ms = 500").unwrap();
    let mut driver = create(&config, None).unwrap();
    let first = next(driver.as_mut()).await;
    let second = next(driver.as_mut()).await;
    assert!(second.samples[0].ts > first.samples[0].ts);
    assert!(second.checkpoint.is_none() && second.faults.is_empty());
    let value = |signal: &str| {
        let found = second.samples[0].values.iter().find(|(name, ..)| name.as_str() == signal);
        match found {
            Some((_, SampleValue::Number(number), _)) => *number,
            other => panic!("{signal}: {other:?}"),
        }
    };
    assert!(value("host.memory.used") > 1e6);
    assert!((0.1..100.0).contains(&value("host.memory.used_percent")));
    assert!((0.0..=100.0).contains(&value("host.cpu.load")));
    assert!(value("host.load.1m") >= 0.0);
    assert!(value("host.uptime") > 0.0);
}

#[tokio::test]
async fn a_dropped_wait_loses_no_step_of_the_machine() {
    let config =
        parse("kind = \"simulator\"\nmodel = \"compressor\"\nseed = 7\ninterval_ms = 100").unwrap();
    let mut driver = create(&config, None).unwrap();
    let mut alone = Simulation::new(Model::Compressor, 7, 0.002 / 3_600.0);
    let mut last = None;
    for _ in 0..5 {
        let reading = loop {
            // Drops most waits before their end.
            if let Ok(reading) = tokio::time::timeout(Duration::from_millis(7), driver.next()).await
            {
                break reading.unwrap().unwrap();
            }
        };
        let expected = alone.advance(0.1).values;
        let sample = &reading.samples[0];
        let delivered: Vec<_> =
            sample.values.iter().map(|(name, value, _)| (name.as_str(), value.clone())).collect();
        assert_eq!(delivered, expected);
        assert!(Some(sample.ts) > last, "time went backwards");
        last = Some(sample.ts);
        assert_eq!(reading.checkpoint, Some(serde_json::to_vec(&alone).unwrap()));
    }
}

#[tokio::test]
async fn a_restart_goes_on_with_the_fault_without_raising_it_again() {
    let text =
        "kind = \"simulator\"\nmodel = \"cnc_mill\"\ninterval_ms = 100\ntime_to_fault_s = 60";
    let config = parse(text).unwrap();
    let mut simulation = Simulation::new(Model::CncMill, 1, 1.0 / 60.0);
    while !simulation.machine.is_faulted() {
        simulation.advance(1.0);
    }
    let checkpoint = serde_json::to_vec(&simulation).unwrap();
    let mut driver = create(&config, Some(checkpoint.clone())).unwrap();
    for _ in 0..3 {
        assert!(next(driver.as_mut()).await.faults.is_empty());
    }

    // Another model: the old machine's fault must not stay active for ever.
    let config = parse(&text.replace("cnc_mill", "elevator")).unwrap();
    let mut driver = create(&config, Some(checkpoint)).unwrap();
    let first = next(driver.as_mut()).await;
    let [FaultChange::Cleared(_, cleared)] = first.faults.as_slice() else {
        panic!("{:?}", first.faults)
    };
    assert_eq!(cleared.code, "E-204");
    assert!(next(driver.as_mut()).await.faults.is_empty());
}

#[test]
fn a_broken_checkpoint_is_told() {
    let config = parse("kind = \"simulator\"\nname = \"m\"\nmodel = \"cnc_mill\"").unwrap();
    let error = create(&config, Some(b"{\"machine\":1}".to_vec())).err().unwrap().to_string();
    assert!(error.starts_with("driver m: its checkpoint can't be read: "), "{error}");
}
