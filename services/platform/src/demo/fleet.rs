//! The eight machines of the demo.

/// The site at which they stand.
pub(super) const SITE: &str = "Demo works";
/// Its time zone.
pub(super) const SITE_TIME_ZONE: &str = "Europe/Vienna";

/// A machine of the demo.
#[derive(Debug)]
pub(super) struct DemoMachine {
    /// By which it is found again at the next start. Also names its folder.
    pub(super) serial_number: &'static str,
    pub(super) name: &'static str,
    pub(super) model: &'static str,
    /// `[[drivers]]` of its agent's configuration.
    driver: &'static str,
    /// Signals that say most about it, by the beginnings of their names.
    pub(super) telling: &'static [&'static str],
}

impl DemoMachine {
    /// The configuration of its agent.
    pub(super) fn configuration(&self) -> String {
        format!(
            "# {}: written by `millwright demo` at every start.\n\n[[drivers]]\n{}",
            self.name, self.driver
        )
    }
}

const HOST: &[&str] = &["host.cpu.load", "host.memory.used_percent", "host.load.1m", "host.temp"];
const MILL: &[&str] =
    &["operating.state", "spindle.load", "spindle.temperature", "axis.x.vibration"];
const COMPRESSOR: &[&str] = &["operating.state", "pressure", "oil.temperature", "vibration"];
const ELEVATOR: &[&str] = &["operating.state", "car.floor", "door.closing_time", "motor.temp"];

/// All of them. The times to the first fault differ, so that there is something to see after
/// one, five, twenty minutes and later.
pub(super) const MACHINES: [DemoMachine; 8] = [
    DemoMachine {
        serial_number: "DEMO-HOST",
        name: "This computer",
        model: "Host",
        driver: "kind = \"host\"\n",
        telling: HOST,
    },
    DemoMachine {
        serial_number: "DEMO-MILL-1",
        name: "Mill 1 · Hall A",
        model: "CNC mill",
        driver: "kind = \"simulator\"\nmodel = \"cnc_mill\"\nseed = 11\n",
        telling: MILL,
    },
    DemoMachine {
        serial_number: "DEMO-MILL-2",
        name: "Mill 2 · Hall A",
        model: "CNC mill",
        driver: "kind = \"simulator\"\nmodel = \"cnc_mill\"\nseed = 12\ntime_to_fault_s = 300.0\n",
        telling: MILL,
    },
    DemoMachine {
        serial_number: "DEMO-MILL-3",
        name: "Mill 3 · Hall B",
        model: "CNC mill",
        driver: "kind = \"simulator\"\nmodel = \"cnc_mill\"\nseed = 13\ntime_to_fault_s = 3600.0\n",
        telling: MILL,
    },
    DemoMachine {
        serial_number: "DEMO-COMPRESSOR-1",
        name: "Compressor 1 · Cellar",
        model: "Screw compressor",
        driver: "kind = \"simulator\"\nmodel = \"compressor\"\nseed = 21\n",
        telling: COMPRESSOR,
    },
    DemoMachine {
        serial_number: "DEMO-COMPRESSOR-2",
        name: "Compressor 2 · Cellar",
        model: "Screw compressor",
        driver: "kind = \"simulator\"\nmodel = \"compressor\"\nseed = 22\ntime_to_fault_s = 1200.0\n",
        telling: COMPRESSOR,
    },
    DemoMachine {
        serial_number: "DEMO-ELEVATOR-1",
        name: "Elevator 1 · Office",
        model: "Elevator",
        driver: "kind = \"simulator\"\nmodel = \"elevator\"\nseed = 31\n",
        telling: ELEVATOR,
    },
    DemoMachine {
        serial_number: "DEMO-ELEVATOR-2",
        name: "Elevator 2 · Warehouse",
        model: "Elevator",
        driver: "kind = \"simulator\"\nmodel = \"elevator\"\nseed = 32\ntime_to_fault_s = 60.0\n",
        telling: ELEVATOR,
    },
];
