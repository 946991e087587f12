//! Orders to running drivers: what can be done to the machines behind them, and doing it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use millwright_schemas::limits::REMEDIES_MAX;
use millwright_schemas::wire::command::CatalogueEntry;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot};

use super::DriverConfig;
use super::check::range;
use super::simulator::{SIMULATE_FAIL, SIMULATE_WEAR};
use crate::driver::OperateError;
use crate::limits::DRIVER_ORDERS;

/// The operation that sets how often a driver measures. Drivers of machines that are measured take
/// it; it is in no driver's catalogue, for the agent offers it itself, for all drivers at once.
pub const SET_SAMPLING: &str = "set_sampling";
/// The argument that says which driver is meant.
const DRIVER: &str = "driver";

/// An order on its way to a driver.
#[derive(Debug)]
pub struct DriverOrder {
    /// The operation's name.
    pub name: String,
    /// Its arguments, without which driver is meant.
    pub args: Map<String, Value>,
    /// Takes what became of it. Closed: nobody waits any more, and it must not be begun.
    pub answer: oneshot::Sender<Result<Value, OperateError>>,
}

/// Orders to one driver, at its end.
pub type DriverOrders = mpsc::Receiver<DriverOrder>;

/// Gives orders to the running drivers. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct DriverCommands(Arc<Vec<Running>>);

#[derive(Debug)]
struct Running {
    name: String,
    commands: Vec<CatalogueEntry>,
    sampling_ms: Option<RangeInclusive<u64>>,
    simulated: bool,
    orders: mpsc::Sender<DriverOrder>,
}

/// What can be made to happen to a simulated machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "happening", rename_all = "snake_case")]
pub enum Simulated {
    /// It fails as soon as it can.
    Fail,
    /// It is as worn as this from now on.
    Wear {
        /// 0 to 100; at 100 its fault comes.
        percent: f64,
    },
}

/// Why an order isn't carried out.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("no driver offers {0:?}")]
    Unknown(String),
    #[error("no driver is a simulator: only simulated machines can be told to fail")]
    NotSimulated,
    #[error("driver: {value} is not a driver that offers {name:?}; those are {known}")]
    NoSuchDriver { name: String, value: String, known: String },
    #[error("driver: several drivers offer {name:?}, say which: {known}")]
    WhichDriver { name: String, known: String },
    #[error("interval_ms: {0} is not a whole number of milliseconds")]
    Interval(Value),
    #[error("{0}")]
    Range(String),
    #[error(transparent)]
    Operate(#[from] OperateError),
    #[error("driver {0} has ended")]
    Ended(String),
}

impl DriverCommands {
    /// A handle to drivers that are about to be started, and the other end for each, in their
    /// order.
    #[must_use]
    pub fn of(drivers: &[DriverConfig]) -> (Self, Vec<DriverOrders>) {
        let (running, orders) = drivers
            .iter()
            .map(|driver| {
                let (orders, received) = mpsc::channel(DRIVER_ORDERS);
                let name = driver.name().to_owned();
                let (commands, sampling_ms) = (driver.commands(), driver.sampling_ms());
                let simulated = matches!(driver, DriverConfig::Simulator(_));
                (Running { name, commands, sampling_ms, simulated, orders }, received)
            })
            .unzip();
        (Self(Arc::new(running)), orders)
    }

    /// What can be done to the machines behind the drivers. What several drivers offer is there
    /// once, with an argument that says which one is meant.
    #[must_use]
    pub fn catalogue(&self) -> Vec<CatalogueEntry> {
        let mut entries: BTreeMap<&str, (CatalogueEntry, Vec<&str>)> = BTreeMap::new();
        for driver in self.0.iter() {
            for entry in &driver.commands {
                let (known, drivers) = entries
                    .entry(entry.name.as_str())
                    .or_insert_with(|| (entry.clone(), Vec::new()));
                drivers.push(&driver.name);
                for code in &entry.remedy_for {
                    if !known.remedy_for.contains(code) && known.remedy_for.len() < REMEDIES_MAX {
                        known.remedy_for.push(code.clone());
                    }
                }
            }
        }
        entries.into_values().map(|(entry, drivers)| with_driver(entry, &drivers)).collect()
    }

    /// Carries out an operation and gives its result. Dropping the future calls off what isn't
    /// begun.
    ///
    /// # Errors
    /// Why it isn't done, for people.
    pub async fn run(&self, name: &str, args: Map<String, Value>) -> Result<Value, String> {
        let result = if name == SET_SAMPLING {
            self.set_sampling(args).await
        } else {
            self.operate(name, args).await
        };
        result.map_err(|error| error.to_string())
    }

    /// Has something happen to a simulated machine, for this computer's own user: the platform
    /// can't ask for it.
    ///
    /// # Errors
    /// Why it doesn't happen, for people.
    pub async fn simulate(
        &self,
        driver: Option<String>,
        happening: Simulated,
    ) -> Result<(), String> {
        let (name, mut args) = match happening {
            Simulated::Fail => (SIMULATE_FAIL, Map::new()),
            Simulated::Wear { percent } => {
                (SIMULATE_WEAR, Map::from_iter([("percent".to_owned(), json!(percent))]))
            }
        };
        args.extend(driver.map(|driver| (DRIVER.to_owned(), driver.into())));
        self.give_simulated(name, args).await.map_err(|error| error.to_string())
    }

    async fn give_simulated(
        &self,
        name: &str,
        mut args: Map<String, Value>,
    ) -> Result<(), RunError> {
        if !self.0.iter().any(|driver| driver.simulated) {
            return Err(RunError::NotSimulated);
        }
        let drivers = self.meant(name, &mut args, |driver| driver.simulated)?;
        let [driver] = drivers.as_slice() else {
            return Err(RunError::WhichDriver { name: name.to_owned(), known: names(&drivers) });
        };
        driver.give(name, args).await.map(drop)
    }

    async fn operate(&self, name: &str, mut args: Map<String, Value>) -> Result<Value, RunError> {
        let offers = |driver: &&Running| driver.commands.iter().any(|entry| entry.name == name);
        let drivers = self.meant(name, &mut args, offers)?;
        let [driver] = drivers.as_slice() else {
            return Err(RunError::WhichDriver { name: name.to_owned(), known: names(&drivers) });
        };
        driver.give(name, args).await
    }

    /// Sets the interval of one driver or of all that have one. Whether all of them take it is
    /// known before the first one gets it.
    async fn set_sampling(&self, mut args: Map<String, Value>) -> Result<Value, RunError> {
        let drivers = self.meant(SET_SAMPLING, &mut args, |driver| driver.sampling_ms.is_some())?;
        let interval = args.get("interval_ms").cloned().unwrap_or_default();
        let interval_ms = interval.as_u64().ok_or(RunError::Interval(interval))?;
        for driver in &drivers {
            if let Some(allowed) = &driver.sampling_ms {
                range(&driver.name, "interval_ms", interval_ms, allowed)
                    .map_err(|error| RunError::Range(error.to_string()))?;
            }
        }
        let mut results = Map::new();
        for driver in drivers {
            let result = driver.give(SET_SAMPLING, args.clone()).await?;
            results.insert(driver.name.clone(), result);
        }
        Ok(json!({ "drivers": results }))
    }

    /// The drivers that an order is for: the one it names, else all that offer it.
    fn meant(
        &self,
        name: &str,
        args: &mut Map<String, Value>,
        offers: impl Fn(&&Running) -> bool,
    ) -> Result<Vec<&Running>, RunError> {
        let mut drivers: Vec<&Running> = self.0.iter().filter(offers).collect();
        if drivers.is_empty() {
            return Err(RunError::Unknown(name.to_owned()));
        }
        if let Some(value) = args.remove(DRIVER) {
            let known = names(&drivers);
            drivers.retain(|driver| value.as_str() == Some(driver.name.as_str()));
            if drivers.is_empty() {
                let name = name.to_owned();
                return Err(RunError::NoSuchDriver { name, value: value.to_string(), known });
            }
        }
        Ok(drivers)
    }
}

impl Running {
    async fn give(&self, name: &str, args: Map<String, Value>) -> Result<Value, RunError> {
        let ended = || RunError::Ended(self.name.clone());
        let (answer, answered) = oneshot::channel();
        let order = DriverOrder { name: name.to_owned(), args, answer };
        self.orders.send(order).await.map_err(|_| ended())?;
        Ok(answered.await.map_err(|_| ended())??)
    }
}

fn names(drivers: &[&Running]) -> String {
    drivers.iter().map(|driver| driver.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Adds the argument that says which driver is meant; with one driver it isn't needed.
fn with_driver(mut entry: CatalogueEntry, drivers: &[&str]) -> CatalogueEntry {
    let Some(schema) = entry.arguments.as_object_mut() else { return entry };
    if let Some(properties) =
        schema.entry("properties").or_insert_with(|| json!({})).as_object_mut()
    {
        properties.insert(DRIVER.to_owned(), json!({ "type": "string", "enum": drivers }));
    }
    if drivers.len() > 1
        && let Some(required) = schema.entry("required").or_insert_with(|| json!([])).as_array_mut()
    {
        required.push(DRIVER.into());
    }
    entry
}
