//! The eight machines of the demo.

use super::limits::PANEL_PORT;

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
    /// Signals that say most about it.
    pub(super) telling: &'static [Telling],
}

/// A signal that is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Telling {
    /// The beginning of the signal's name.
    pub(super) signal: &'static str,
    /// What stands before the value.
    pub(super) label: &'static str,
    /// What stands behind it.
    pub(super) unit: &'static str,
}

impl Telling {
    const fn new(signal: &'static str, label: &'static str, unit: &'static str) -> Self {
        Self { signal, label, unit }
    }

    /// A text that says enough by itself.
    const fn state(signal: &'static str) -> Self {
        Self::new(signal, "", "")
    }
}

impl DemoMachine {
    /// The configuration of its agent.
    pub(super) fn configuration(&self) -> String {
        let place = MACHINES.iter().position(|machine| machine.serial_number == self.serial_number);
        let port = PANEL_PORT.saturating_add(place.and_then(|p| p.try_into().ok()).unwrap_or(0));
        format!(
            "# {}: written by `millwright demo` at every start.\n\n# Eight on one computer: each \
             has a port of its own.\n[panel]\nlisten = \"127.0.0.1:{port}\"\n\n[[drivers]]\n{}",
            self.name, self.driver
        )
    }
}

const HOST: &[Telling] = &[
    Telling::new("host.cpu.load", "load", "%"),
    Telling::new("host.memory.used_percent", "memory", "%"),
    Telling::new("host.temperature.", "temperature", "°C"),
    Telling::new("host.load.1m", "1 min", ""),
];
const MILL: &[Telling] = &[
    Telling::state("operating.state"),
    Telling::new("spindle.load", "load", "%"),
    Telling::new("spindle.temperature", "spindle", "°C"),
    Telling::new("axis.x.vibration", "vibration", "mm/s"),
];
const COMPRESSOR: &[Telling] = &[
    Telling::state("operating.state"),
    Telling::new("pressure", "", "bar"),
    Telling::new("oil.temperature", "oil", "°C"),
    Telling::new("vibration", "vibration", "mm/s"),
];
const ELEVATOR: &[Telling] = &[
    Telling::state("operating.state"),
    Telling::new("car.floor", "floor", ""),
    Telling::new("door.closing_time", "closing", "s"),
    Telling::new("motor.temperature", "motor", "°C"),
];

/// All of them. Their wear is too slow to be seen; what goes wrong with them is the director's.
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
        driver: "kind = \"simulator\"\nmodel = \"cnc_mill\"\nseed = 12\n",
        telling: MILL,
    },
    DemoMachine {
        serial_number: "DEMO-MILL-3",
        name: "Mill 3 · Hall B",
        model: "CNC mill",
        driver: "kind = \"simulator\"\nmodel = \"cnc_mill\"\nseed = 13\n",
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
        driver: "kind = \"simulator\"\nmodel = \"compressor\"\nseed = 22\n",
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
        driver: "kind = \"simulator\"\nmodel = \"elevator\"\nseed = 32\n",
        telling: ELEVATOR,
    },
];
