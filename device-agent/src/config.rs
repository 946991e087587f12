//! The agent's configuration: a TOML file, the operator's own.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::commands::CommandsConfig;
use crate::connection::{ConnectionSettings, TransportSetting};
use crate::driver::DriverError;
use crate::drivers::DriverConfig;
use crate::drivers::host::HostConfig;
use crate::limits::CONFIG_BYTES;
use crate::outbox::OutboxSettings;
use crate::signals::AllowedSignals;

/// Everything that can be configured. Every key has a default; `agent.example.toml` explains
/// them.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How much is logged: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as
    /// `info,rumqttc=debug`.
    pub log_level: String,
    /// What may leave the machine and how it is packed.
    pub signals: SignalsConfig,
    /// The store on the disk.
    pub outbox: OutboxConfig,
    /// The connection to the platform.
    pub connection: ConnectionConfig,
    /// The socket for programs on the machine.
    pub local: LocalConfig,
    /// What the platform may have done here.
    pub commands: CommandsConfig,
    /// The operator's panel.
    pub panel: PanelConfig,
    /// Where samples and faults come from.
    pub drivers: Vec<DriverConfig>,
}

/// `[signals]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignalsConfig {
    /// Which signals may leave the machine.
    pub allow: Vec<AllowedSignals>,
    /// Longest wait before samples are committed, 50 to 60,000 ms.
    pub flush_interval_ms: u64,
    /// Samples in one message, 1 to 1,000.
    pub samples_per_message: usize,
}

/// `[outbox]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutboxConfig {
    /// Room for waiting messages, 1 to 16,384 MiB.
    pub max_mib: u64,
    /// The part of it that telemetry can't use, less than all of it.
    pub event_reserve_mib: u64,
}

/// `[connection]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionConfig {
    /// Between two signs of life, 5 to 3,600 s.
    pub keep_alive_s: u64,
    /// First wait after a failed connection, 100 to 60,000 ms.
    pub backoff_min_ms: u64,
    /// Longest wait after failed connections, 1 to 3,600 s.
    pub backoff_max_s: u64,
    /// Which ways to the platform may be used.
    pub transport: TransportSetting,
    /// While WebSocket is in use: between two looks whether MQTT over TLS is open again, 1 to
    /// 86,400 s.
    pub mqtt_retry_s: u64,
}

/// `[local]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocalConfig {
    /// The socket's path; without it `agent.sock` in the data folder, which only the agent's own
    /// user can reach.
    pub socket: Option<PathBuf>,
    /// The group whose members may use it besides the agent's own user.
    pub group: Option<String>,
}

/// `[panel]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PanelConfig {
    /// Address and port of this machine itself; empty: there is no panel.
    pub listen: String,
}

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key or a value of the wrong type.
    #[error("{path}: {reason}")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        reason: String,
    },
    /// A value breaks a rule.
    #[error("{key} = {value}: {rule}")]
    Value {
        /// The key's path.
        key: String,
        /// Its value.
        value: String,
        /// The rule.
        rule: String,
    },
    /// A driver's configuration breaks a rule.
    #[error(transparent)]
    Driver(#[from] DriverError),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            log_level: "info".to_owned(),
            signals: SignalsConfig::default(),
            outbox: OutboxConfig::default(),
            connection: ConnectionConfig::default(),
            local: LocalConfig::default(),
            commands: CommandsConfig::default(),
            panel: PanelConfig::default(),
            drivers: vec![DriverConfig::Host(HostConfig::default())],
        }
    }
}

impl Default for SignalsConfig {
    fn default() -> Self {
        let all = AllowedSignals { pattern: "*".to_owned(), purpose: None, personal: false };
        Self { allow: vec![all], flush_interval_ms: 1_000, samples_per_message: 100 }
    }
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self { max_mib: 64, event_reserve_mib: 8 }
    }
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        Self {
            keep_alive_s: 30,
            backoff_min_ms: 500,
            backoff_max_s: 60,
            transport: TransportSetting::Auto,
            mqtt_retry_s: 3_600,
        }
    }
}

impl Default for PanelConfig {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8087".to_owned() }
    }
}

impl Config {
    /// Reads and checks a file; without one, the defaults: this computer is measured and
    /// everything measured is sent.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let file_error = |source| ConfigError::File { path: path.to_owned(), source };
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(CONFIG_BYTES + 1).read_to_string(&mut text))
            .map_err(file_error)?;
        if text.len() as u64 > CONFIG_BYTES {
            let reason = format!("more than {CONFIG_BYTES} bytes");
            return Err(file_error(std::io::Error::new(ErrorKind::FileTooLarge, reason)));
        }
        let config: Self = toml::from_str(&text).map_err(|error| ConfigError::Form {
            path: path.to_owned(),
            reason: error.to_string().trim_end().to_owned(),
        })?;
        config.check()?;
        Ok(config)
    }

    /// Checks all values.
    ///
    /// # Errors
    /// The first value that breaks a rule, with the rule.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !is_log_filter(&self.log_level) {
            let rule = "must be error, warn, info, debug, trace, off, or a filter of them such as \
                        info,rumqttc=debug";
            return Err(broken("log_level", &format!("{:?}", self.log_level), rule));
        }
        let signals = &self.signals;
        range("signals.flush_interval_ms", signals.flush_interval_ms, 50, 60_000)?;
        range("signals.samples_per_message", signals.samples_per_message as u64, 1, 1_000)?;
        if signals.allow.iter().any(|entry| entry.pattern.is_empty()) {
            return Err(broken("signals.allow", &"\"\"", "a pattern must not be empty"));
        }
        range("outbox.max_mib", self.outbox.max_mib, 1, 16_384)?;
        if self.outbox.event_reserve_mib >= self.outbox.max_mib {
            let rule = format!("must be less than outbox.max_mib, {}", self.outbox.max_mib);
            return Err(broken("outbox.event_reserve_mib", &self.outbox.event_reserve_mib, rule));
        }
        let connection = &self.connection;
        range("connection.keep_alive_s", connection.keep_alive_s, 5, 3_600)?;
        range("connection.backoff_min_ms", connection.backoff_min_ms, 100, 60_000)?;
        range("connection.backoff_max_s", connection.backoff_max_s, 1, 3_600)?;
        range("connection.mqtt_retry_s", connection.mqtt_retry_s, 1, 86_400)?;
        if connection.backoff_max_s * 1_000 < connection.backoff_min_ms {
            let rule = format!("must be at least backoff_min_ms, {} ms", connection.backoff_min_ms);
            return Err(broken("connection.backoff_max_s", &connection.backoff_max_s, rule));
        }
        self.local.check()?;
        self.commands.check()?;
        self.panel.check()?;
        let mut names = BTreeSet::new();
        for driver in &self.drivers {
            driver.check()?;
            if !names.insert(driver.name()) {
                let rule = "each driver needs its own name";
                return Err(broken("drivers.name", &format!("{:?}", driver.name()), rule));
            }
        }
        Ok(())
    }

    /// The outbox's settings.
    #[must_use]
    pub const fn outbox_settings(&self) -> OutboxSettings {
        OutboxSettings {
            max_bytes: self.outbox.max_mib * 1024 * 1024,
            event_reserve_bytes: self.outbox.event_reserve_mib * 1024 * 1024,
            samples_per_message: self.signals.samples_per_message,
        }
    }

    /// The connection's settings.
    #[must_use]
    pub const fn connection_settings(&self) -> ConnectionSettings {
        ConnectionSettings {
            keep_alive: Duration::from_secs(self.connection.keep_alive_s),
            backoff_min: Duration::from_millis(self.connection.backoff_min_ms),
            backoff_max: Duration::from_secs(self.connection.backoff_max_s),
            transport: self.connection.transport,
            mqtt_retry: Duration::from_secs(self.connection.mqtt_retry_s),
        }
    }
}

impl LocalConfig {
    fn check(&self) -> Result<(), ConfigError> {
        if let Some(socket) = self.socket.as_ref().filter(|socket| !socket.is_absolute()) {
            return Err(broken("local.socket", &format!("{socket:?}"), "must be an absolute path"));
        }
        let Some(group) = &self.group else { return Ok(()) };
        if group.is_empty() {
            return Err(broken("local.group", &"\"\"", "must be the name of a group"));
        }
        if self.socket.is_none() {
            let rule = "needs local.socket: nobody but the agent may enter its data folder";
            return Err(broken("local.group", &format!("{group:?}"), rule));
        }
        Ok(())
    }
}

impl PanelConfig {
    /// Where it listens, if there is one.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listen.parse().ok()
    }

    fn check(&self) -> Result<(), ConfigError> {
        let loopback = self.address().is_some_and(|address| address.ip().is_loopback());
        if loopback || self.listen.is_empty() {
            return Ok(());
        }
        let rule = "must be an address of this machine itself with a port, such as \
                    127.0.0.1:8087, or empty for no panel: other machines must not reach it";
        Err(broken("panel.listen", &format!("{:?}", self.listen), rule))
    }
}

/// Whether it says how much is logged. A bare word that is no level would be taken for the name of
/// a program part, and everything else would fall silent.
fn is_log_filter(text: &str) -> bool {
    let is_level = |part: &str| !part.is_empty() && part.parse::<LevelFilter>().is_ok();
    let says_level = |part: &str| is_level(part) || part.contains(['=', '[']);
    text.split(',').all(says_level) && text.parse::<EnvFilter>().is_ok()
}

fn range(key: &str, value: u64, min: u64, max: u64) -> Result<(), ConfigError> {
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        Err(broken(key, &value, format!("must be between {min} and {max}")))
    }
}

pub(crate) fn broken(
    key: &str,
    value: &dyn std::fmt::Display,
    rule: impl Into<String>,
) -> ConfigError {
    ConfigError::Value { key: key.to_owned(), value: value.to_string(), rule: rule.into() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../agent.example.toml");

    fn parse(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
        config.check().map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn the_example_shows_the_defaults_and_every_key() {
        assert_eq!(parse(EXAMPLE).unwrap(), Config::default());
        assert_eq!(parse("").unwrap(), Config::default());
        let value = toml::Value::try_from(Config::default()).unwrap();
        for (section, keys) in value.as_table().unwrap() {
            assert!(EXAMPLE.contains(section), "{section}");
            for key in keys.as_table().into_iter().flat_map(|table| table.keys()) {
                let heading = format!("[{section}.{key}]");
                let documented = EXAMPLE
                    .lines()
                    .any(|line| line.starts_with(&format!("{key} =")) || line.contains(&heading));
                assert!(documented, "{section}.{key}");
            }
        }
    }

    #[test]
    fn the_commented_drivers_of_the_example_work_too() {
        // Comments with "## " are text, with "# " TOML to try.
        let commented: Vec<&str> =
            EXAMPLE.lines().filter_map(|line| line.strip_prefix("# ")).collect();
        let config = parse(&commented.join("\n")).unwrap();
        assert!(config.drivers.len() >= 2 && config.signals.allow[1].personal);
        assert!(config.local.socket.is_some() && config.local.group.is_some());
        assert_eq!(config.commands.programs.len(), 1);
    }

    #[test]
    fn a_wrong_value_is_named_with_its_rule() {
        for (text, expected) in [
            ("log_level = 'loud,='", "log_level = \"loud,=\": must be error, warn"),
            ("log_level = 'banana'", "log_level = \"banana\": must be error, warn"),
            ("log_level = 'info,banana'", "log_level = \"info,banana\": must be error, warn"),
            ("log_level = ''", "log_level = \"\": must be error, warn"),
            ("[outbox]\nmax_mib = 0", "outbox.max_mib = 0: must be between 1 and 16384"),
            ("[outbox]\nmax_mib = 8", "outbox.event_reserve_mib = 8: must be less than"),
            ("[outbox]\nmax_mb = 8", "unknown field `max_mb`"),
            ("[signals]\nallow = [1]", "a pattern such as"),
            ("[signals]\nallow = [{pattern='a', why='b'}]", "unknown field `why`"),
            ("[signals]\nflush_interval_ms = 1", "between 50 and 60000"),
            ("[connection]\nkeep_alive_s = 0", "connection.keep_alive_s = 0: must be between"),
            ("[connection]\nbackoff_min_ms = 2000\nbackoff_max_s = 1", "must be at least"),
            (
                "[local]\nsocket = 'agent.sock'",
                "local.socket = \"agent.sock\": must be an absolute",
            ),
            ("[local]\ngroup = 'line'", "local.group = \"line\": needs local.socket"),
            ("[local]\nsocket = '/run/a'\ngroup = ''", "must be the name of a group"),
            ("[panel]\nlisten = '0.0.0.0:8087'", "panel.listen = \"0.0.0.0:8087\": must be an"),
            ("[panel]\nlisten = '192.168.1.5:8087'", "other machines must not reach it"),
            ("[panel]\nlisten = '127.0.0.1'", "with a port, such as 127.0.0.1:8087"),
            ("[panel]\nlisten = 'localhost:8087'", "must be an address"),
            ("[panel]\nport = 1", "unknown field `port`"),
            ("[[drivers]]\nkind = 'host'\n[[drivers]]\nkind = 'host'", "its own name"),
            ("[[drivers]]\nkind = 'toaster'", "toaster"),
            ("colour = 'red'", "unknown field `colour`"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_wrong_program_is_named_with_its_rule() {
        let program = |keys: &str| {
            let name = if keys.contains("name =") { "" } else { "name = 'p'\n" };
            let path = if keys.contains("program =") { "" } else { "program = '/bin/p'\n" };
            let class = if keys.contains("class =") { "" } else { "class = 'read'\n" };
            format!("[[commands.programs]]\n{name}{path}{class}{keys}")
        };
        let schema = "schema = '{\"type\": \"object\", \"properties\": {\"a\": {}}}'";
        assert!(parse(&program(&format!("arguments = ['{{a}}', '{{{{x}}}}']\n{schema}"))).is_ok());
        for (keys, expected) in [
            ("name = 'P'", "commands.programs.name = \"P\": must be 1 to 64"),
            (
                "remedy_for = ['']",
                "commands.programs.remedy_for (of p) = \"\": must be fault codes",
            ),
            ("name = 'ping'", "commands.programs.name = \"ping\": each command needs"),
            ("program = 'p'", "commands.programs.program (of p) = \"p\": must be an absolute"),
            ("working_dir = 'p'", "working_dir (of p) = \"p\": must be an absolute path"),
            ("class = 'any'", "any"),
            ("deadline_s = 0", "deadline_s (of p) = 0: must be between 1 and 3600"),
            ("arguments = ['{a}']", "{a} isn't among the properties of the schema"),
            ("arguments = ['{a']", "a { must be closed"),
            ("schema = '{'", "schema is not JSON"),
            ("schema = { type = 'banana' }", "schema (of p) = …: not a JSON Schema"),
            ("schema = { type = 'array' }", "type must be \"object\""),
            ("description = { fr = 'x' }", "the languages are en and de"),
            ("environment = ['A=1']", "must be the name of a variable"),
            ("shell = true", "unknown field `shell`"),
            ("consent = 'maybe'", "maybe"),
        ] {
            let error = parse(&program(keys)).unwrap_err();
            assert!(error.contains(expected), "{keys}: {error}");
        }
        let twice = program("").repeat(2);
        assert!(parse(&twice).unwrap_err().contains("needs a name of its own"));
        for wrong in ["read = { allow = true }", "drive = { consent = 'none' }"] {
            assert!(parse(&format!("[commands.policy]\n{wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn levels_and_filters_are_known() {
        for level in ["off", "error", "WARN", "trace", "info,rumqttc=debug", "rumqttc=debug"] {
            assert!(parse(&format!("log_level = '{level}'")).is_ok(), "{level}");
        }
    }

    #[test]
    fn no_panel_is_a_choice() {
        let address = |text| parse(text).unwrap().panel.address();
        assert_eq!(address("[panel]\nlisten = ''"), None);
        assert_eq!(address(""), Some("127.0.0.1:8087".parse().unwrap()));
        assert_eq!(address("[panel]\nlisten = '[::1]:0'"), Some("[::1]:0".parse().unwrap()));
    }

    #[test]
    fn no_drivers_is_a_choice() {
        assert!(parse("drivers = []").unwrap().drivers.is_empty());
    }
}
