//! Settings of `serve`: defaults, then the file, then MILLWRIGHT_*, then the command line;
//! checked as a whole before anything is started.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use millwright_store::Location;
use serde::{Deserialize, Serialize};

use crate::cli::ServeArgs;

/// How long a machine may be away before it is an alarm, in seconds.
const CONTACT_LOST_AFTER_S: RangeInclusive<i64> = 5..=86_400;

/// A group of services that can run in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Machines' MQTT endpoint and intake.
    Gateway,
    /// HTTP.
    Api,
    /// Jobs, sequencer, housekeeping.
    Worker,
}

impl Role {
    pub(crate) const ALL: [Self; 3] = [Self::Gateway, Self::Api, Self::Worker];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Api => "api",
            Self::Worker => "worker",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "gateway" => Ok(Self::Gateway),
            "api" => Ok(Self::Api),
            "worker" => Ok(Self::Worker),
            _ => Err(format!("{word:?} is not a role; allowed: gateway, api, worker")),
        }
    }
}

/// As written in file, environment and command line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    data_dir: PathBuf,
    keys_in: Option<PathBuf>,
    database: Option<String>,
    http: String,
    mqtt: String,
    bus: Option<String>,
    #[serde(rename = "role")]
    roles: Vec<Role>,
    public_url: Option<String>,
    public_mqtt: Option<String>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    insecure_http: bool,
    admin_password: Option<String>,
    contact_lost_after_s: i64,
    otlp: Option<String>,
    log: String,
    log_json: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./data"),
            keys_in: None,
            database: None,
            http: "127.0.0.1:8080".to_owned(),
            mqtt: "127.0.0.1:8883".to_owned(),
            bus: None,
            roles: Role::ALL.to_vec(),
            public_url: None,
            public_mqtt: None,
            tls_cert: None,
            tls_key: None,
            insecure_http: false,
            admin_password: None,
            contact_lost_after_s: 60,
            otlp: None,
            log: "info".to_owned(),
            log_json: false,
        }
    }
}

/// A password on its way to being hashed; never printed.
#[derive(Clone)]
pub(crate) struct AdminPassword(pub(crate) String);

impl fmt::Debug for AdminPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminPassword(…)")
    }
}

/// Certificate and key for HTTPS.
#[derive(Debug, Clone)]
pub(crate) struct TlsFiles {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// Checked settings of `serve`.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) data_dir: PathBuf,
    /// The folder that `keys` is in.
    pub(crate) keys_in: PathBuf,
    pub(crate) database: Location,
    pub(crate) roles: BTreeSet<Role>,
    pub(crate) http: SocketAddr,
    pub(crate) mqtt: SocketAddr,
    pub(crate) bus: Option<String>,
    pub(crate) public_url: Option<String>,
    pub(crate) public_mqtt: Option<String>,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) admin_password: Option<AdminPassword>,
    /// 5 to 86,400.
    pub(crate) contact_lost_after_s: i64,
    pub(crate) otlp: Option<String>,
    pub(crate) log: String,
    pub(crate) log_json: bool,
}

/// A setting that can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file, the environment or a flag can't be read as settings.
    #[error("configuration: {0}")]
    Read(#[from] Box<figment::Error>),
    /// A setting breaks a rule.
    #[error("--{option} {value}: {rule}")]
    Setting { option: &'static str, value: String, rule: String },
}

#[allow(clippy::needless_pass_by_value, reason = "callers hand over what they made for it")]
fn refuse(
    option: &'static str,
    value: impl std::fmt::Display,
    rule: impl Into<String>,
) -> ConfigError {
    ConfigError::Setting { option, value: value.to_string(), rule: rule.into() }
}

impl Config {
    /// Reads and checks all settings.
    pub(crate) fn load(args: &ServeArgs) -> Result<Self, ConfigError> {
        let mut figment = Figment::from(Serialized::defaults(Settings::default()));
        if let Some(file) = &args.config {
            if !file.is_file() {
                return Err(refuse("config", file.display(), "no such file"));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        figment = figment.merge(Environment);
        figment = figment.merge(Serialized::defaults(Flags::from(args)));
        let settings: Settings = figment.extract().map_err(Box::new)?;
        settings.check()
    }
}

/// The settings in the environment, as text: a password may look like a number.
struct Environment;

impl Environment {
    const PREFIX: &str = "MILLWRIGHT_";
    /// Of the command line alone, of other programs of the project, and of the demo.
    const NOT_OURS: [&str; 5] = ["config", "stop_on_eof", "agent", "datasets", "test_seed"];
    /// Settings of tests and of helper scripts start so.
    const NOT_OURS_EITHER: [&str; 3] = ["agent_", "test_", "postgres_"];
    /// Several words, with commas between them.
    const LISTS: [&str; 1] = ["role"];
    const SWITCHES: [&str; 2] = ["insecure_http", "log_json"];
    const NUMBERS: [&str; 1] = ["contact_lost_after_s"];

    fn value(key: &str, text: String) -> Value {
        if Self::LISTS.contains(&key) {
            return Value::from(text.split(',').map(str::trim).collect::<Vec<_>>());
        }
        if Self::NUMBERS.contains(&key)
            && let Ok(number) = text.trim().parse::<i64>()
        {
            return Value::from(number);
        }
        match text.parse::<bool>() {
            Ok(switch) if Self::SWITCHES.contains(&key) => Value::from(switch),
            _ => Value::from(text),
        }
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("MILLWRIGHT_* in the environment")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let values = std::env::vars_os().filter_map(|(key, text)| {
            let key = key.to_str()?.strip_prefix(Self::PREFIX)?.to_ascii_lowercase();
            let start = |word: &&str| key.starts_with(*word);
            if Self::NOT_OURS.contains(&key.as_str()) || Self::NOT_OURS_EITHER.iter().any(start) {
                return None;
            }
            let value = Self::value(&key, text.to_string_lossy().into_owned());
            Some((key, value))
        });
        Ok(Map::from([(Profile::Default, values.collect())]))
    }
}

/// Only the flags that were given, so that the rest keeps its value.
#[derive(Serialize)]
struct Flags {
    #[serde(skip_serializing_if = "Option::is_none")]
    data_dir: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys_in: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mqtt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bus: Option<String>,
    #[serde(rename = "role", skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<Role>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_mqtt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_cert: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_key: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    insecure_http: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_password: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_lost_after_s: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    otlp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_json: Option<bool>,
}

impl From<&ServeArgs> for Flags {
    fn from(args: &ServeArgs) -> Self {
        let args = args.clone();
        Self {
            data_dir: args.data_dir,
            keys_in: args.keys_in,
            database: args.database,
            http: args.http,
            mqtt: args.mqtt,
            bus: args.bus,
            roles: args.roles,
            public_url: args.public_url,
            public_mqtt: args.public_mqtt,
            tls_cert: args.tls_cert,
            tls_key: args.tls_key,
            insecure_http: args.insecure_http.then_some(true),
            admin_password: args.admin_password,
            contact_lost_after_s: args.contact_lost_after_s,
            otlp: args.otlp,
            log: args.log,
            log_json: args.log_json.then_some(true),
        }
    }
}

impl Settings {
    fn check(self) -> Result<Config, ConfigError> {
        let database = location(&self.data_dir, self.database.as_deref())?;
        let roles: BTreeSet<Role> = self.roles.iter().copied().collect();
        check_roles(&roles, &database, self.bus.is_some())?;
        let http = address("http", &self.http)?;
        let mqtt = address("mqtt", &self.mqtt)?;
        let tls = match (self.tls_cert, self.tls_key) {
            (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
            (None, None) => None,
            (Some(cert), None) => {
                return Err(refuse("tls-cert", cert.display(), "needs --tls-key"));
            }
            (None, Some(key)) => return Err(refuse("tls-key", key.display(), "needs --tls-cert")),
        };
        if !is_loopback(http.ip()) && tls.is_none() && !self.insecure_http {
            return Err(refuse(
                "http",
                http,
                "can be reached from elsewhere without TLS: give --tls-cert and --tls-key, or \
                 --insecure-http when a proxy in front does TLS",
            ));
        }
        if !CONTACT_LOST_AFTER_S.contains(&self.contact_lost_after_s) {
            let (least, most) = CONTACT_LOST_AFTER_S.into_inner();
            let rule = format!("is not between {least} and {most} seconds");
            return Err(refuse("contact-lost-after-s", self.contact_lost_after_s, rule));
        }
        check_url("public-url", self.public_url.as_deref())?;
        check_url("otlp", self.otlp.as_deref())?;
        Ok(Config {
            keys_in: self.keys_in.unwrap_or_else(|| self.data_dir.clone()),
            database,
            roles,
            data_dir: self.data_dir,
            http,
            mqtt,
            bus: self.bus,
            public_url: self.public_url.map(|url| url.trim_end_matches('/').to_owned()),
            public_mqtt: self.public_mqtt,
            tls,
            admin_password: self.admin_password.map(AdminPassword),
            contact_lost_after_s: self.contact_lost_after_s,
            otlp: self.otlp,
            log: self.log,
            log_json: self.log_json,
        })
    }
}

/// Where the data are: in the data folder, or on a server. What may be a password isn't repeated.
pub(crate) fn location(data_dir: &Path, url: Option<&str>) -> Result<Location, ConfigError> {
    let Some(url) = url else { return Ok(Location::Folder(data_dir.to_owned())) };
    let scheme = url.split_once("://").map_or("…", |(scheme, _)| scheme);
    if !["postgres", "postgresql"].contains(&scheme) {
        let rule = "is not postgres://USER:PASSWORD@HOST:PORT/DATABASE; without the option data are \
                    kept in SQLite in the data folder";
        return Err(refuse("database", format!("{scheme}://…"), rule));
    }
    Ok(Location::Postgres(url.to_owned()))
}

fn check_roles(
    roles: &BTreeSet<Role>,
    database: &Location,
    has_bus: bool,
) -> Result<(), ConfigError> {
    let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    let refuse = |rule| Err(refuse("role", names.join(","), rule));
    if roles.is_empty() {
        return refuse("is empty; allowed: gateway, api, worker");
    }
    if roles.len() == Role::ALL.len() {
        return Ok(());
    }
    match database {
        Location::Folder(_) => refuse(
            "on SQLite one process runs all roles; some of them need --database postgres://…",
        ),
        Location::Postgres(_) if !has_bus => {
            refuse("processes that share the work need one bus that all of them reach: --bus URL")
        }
        Location::Postgres(_) => Ok(()),
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

fn address(option: &'static str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .ok_or_else(|| refuse(option, text, "is not an address such as 127.0.0.1:8080"))
}

fn check_url(option: &'static str, url: Option<&str>) -> Result<(), ConfigError> {
    match url {
        Some(url) if !(url.starts_with("http://") || url.starts_with("https://")) => {
            Err(refuse(option, url, "is not a URL that starts with http:// or https://"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::result_large_err)]
mod tests {
    use super::*;

    fn refused(args: &ServeArgs) -> String {
        Config::load(args).unwrap_err().to_string()
    }

    #[test]
    fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
        figment::Jail::expect_with(|jail| {
            jail.create_file("m.toml", "http = '127.0.0.1:1'\nmqtt = '127.0.0.1:1'\nlog = 'warn'")?;
            jail.set_env("MILLWRIGHT_HTTP", "127.0.0.1:2");
            jail.set_env("MILLWRIGHT_MQTT", "127.0.0.1:2");
            jail.set_env("MILLWRIGHT_AGENT_DATA_DIR", "/elsewhere");
            let args = ServeArgs {
                config: Some("m.toml".into()),
                mqtt: Some("127.0.0.1:3".to_owned()),
                ..ServeArgs::default()
            };
            let config = Config::load(&args).unwrap();
            assert_eq!((config.http.port(), config.mqtt.port()), (2, 3));
            assert_eq!(config.log, "warn");
            Ok(())
        });
    }

    #[test]
    fn the_environment_is_taken_as_it_is_written() {
        figment::Jail::expect_with(|jail| {
            jail.set_env("MILLWRIGHT_ADMIN_PASSWORD", "0123456789");
            jail.set_env("MILLWRIGHT_ROLE", "gateway, api,worker");
            jail.set_env("MILLWRIGHT_LOG_JSON", "true");
            let config = Config::load(&ServeArgs::default()).unwrap();
            assert_eq!(config.admin_password.unwrap().0, "0123456789");
            assert!(config.log_json);
            assert_eq!(config.contact_lost_after_s, 60);
            jail.set_env("MILLWRIGHT_CONTACT_LOST_AFTER_S", "30");
            assert_eq!(Config::load(&ServeArgs::default()).unwrap().contact_lost_after_s, 30);
            jail.set_env("MILLWRIGHT_CONTACT_LOST_AFTER_S", "soon");
            assert!(refused(&ServeArgs::default()).contains("contact_lost_after_s"));
            jail.set_env("MILLWRIGHT_CONTACT_LOST_AFTER_S", "30");
            jail.set_env("MILLWRIGHT_ROLE", "api");
            assert!(refused(&ServeArgs::default()).contains("one process runs all roles"));
            Ok(())
        });
    }

    #[test]
    fn a_misspelt_setting_is_named() {
        figment::Jail::expect_with(|jail| {
            jail.set_env("MILLWRIGHT_HTPP", "127.0.0.1:2");
            assert!(refused(&ServeArgs::default()).contains("htpp"));
            Ok(())
        });
    }

    #[test]
    fn what_is_unsafe_or_impossible_is_refused_with_option_and_value() {
        let http = |addr: &str| ServeArgs { http: Some(addr.to_owned()), ..ServeArgs::default() };
        assert!(refused(&http("0.0.0.0:8080")).starts_with("--http 0.0.0.0:8080:"));
        assert!(refused(&http("nonsense")).contains("is not an address"));
        let open = ServeArgs { insecure_http: true, ..http("0.0.0.0:8080") };
        assert!(Config::load(&open).is_ok());
        let roles = ServeArgs { roles: Some(vec![Role::Api]), ..ServeArgs::default() };
        assert!(refused(&roles).contains("one process runs all roles"));
        let database =
            |url: &str| ServeArgs { database: Some(url.to_owned()), ..ServeArgs::default() };
        let other = refused(&database("mysql://u:secret@x"));
        assert!(other.starts_with("--database mysql://…: is not postgres://"), "{other}");
        let server = Config::load(&database("postgres://u:secret@x/m")).unwrap();
        assert!(matches!(server.database, Location::Postgres(_)));
        let alone = ServeArgs { roles: Some(vec![Role::Api]), ..database("postgres://x/m") };
        assert!(refused(&alone).contains("--bus"));
        let shared = ServeArgs { bus: Some("mqtt://b".to_owned()), ..alone };
        assert!(Config::load(&shared).is_ok());
        for seconds in [4, 86_401] {
            let away = ServeArgs { contact_lost_after_s: Some(seconds), ..ServeArgs::default() };
            let told = format!("--contact-lost-after-s {seconds}: is not between 5 and 86400");
            assert!(refused(&away).starts_with(&told));
        }
        let tls = ServeArgs { tls_cert: Some("c.pem".into()), ..ServeArgs::default() };
        assert!(refused(&tls).contains("needs --tls-key"));
    }
}
