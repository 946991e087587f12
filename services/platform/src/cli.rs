//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Role;

/// Millwright keeps a fleet of machines running.
#[derive(Debug, Parser)]
#[command(name = "millwright", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the platform: all services in one process, or some of them.
    Serve(Box<ServeArgs>),
    /// Run the platform with a fleet of real agents on this computer, to see it work.
    Demo(DemoArgs),
    /// Copy the database into one file, while the platform runs or not; or check such a file.
    ///
    /// The file holds everything but the keys: personal data, password hashes, what machines said.
    /// Ends with 0 when the backup is written and checked, 3 when the file is damaged, else 1.
    Backup(BackupArgs),
    /// Put a backup into a data folder; the platform must not run.
    ///
    /// Whole or not at all. Ends with 0 when it is in place, 3 when the file is damaged, else 1.
    Restore(RestoreArgs),
    /// Run a detector or a rule over a CSV file, as it would run live.
    ///
    /// Writes one row for each of the input's, in its order: the time, the columns that were looked
    /// at, `anomaly_score` (0 to 1) and `alarm` (1 when an alarm is due at the shipped threshold). With a
    /// rule `alarm` is 1 while the rule's alarm is active; the score is that of what it has learned, or 1
    /// and 0 with `alarm` for a rule that doesn't learn.
    Detect(DetectArgs),
    /// Help a platform that doesn't run.
    #[command(subcommand)]
    Admin(AdminCommand),
    /// The bus's broker, started by `serve`; reads its settings from standard input.
    #[command(hide = true)]
    Broker,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Give admin@localhost a new random password, print it, and end all their sessions.
    ResetPassword {
        /// Where the platform keeps its data; it must not run.
        #[arg(long, value_name = "DIR", env = "MILLWRIGHT_DATA_DIR", default_value = "./data")]
        data_dir: PathBuf,
        /// Its PostgreSQL, if it has one.
        #[arg(long, value_name = "URL", env = "MILLWRIGHT_DATABASE", hide_env_values = true)]
        database: Option<String>,
    },
    /// Bring a database to the tables of this program, and end.
    ///
    /// `serve` does so by itself at its start; this is for a job of its own before that. Ends with 0
    /// when they are there, also when nothing was to be done.
    Migrate {
        /// Where the platform keeps its data; it must not run.
        #[arg(long, value_name = "DIR", env = "MILLWRIGHT_DATA_DIR", default_value = "./data")]
        data_dir: PathBuf,
        /// Its PostgreSQL, if it has one.
        #[arg(long, value_name = "URL", env = "MILLWRIGHT_DATABASE", hide_env_values = true)]
        database: Option<String>,
    },
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct BackupArgs {
    #[command(subcommand)]
    pub(crate) command: Option<BackupCommand>,
    /// Where the platform keeps its data.
    #[arg(long, value_name = "DIR", env = "MILLWRIGHT_DATA_DIR", default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// Database; without it SQLite in the data folder.
    #[arg(long, value_name = "URL", env = "MILLWRIGHT_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
    /// The file to be written; it must not exist. Beside it there must be room for a copy of the
    /// database meanwhile.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) output: Option<PathBuf>,
    /// Put the platform's private keys into the file as well. Who has the file can then speak as
    /// the platform: sign commands, issue certificates. Without it, back up the folder `keys` apart.
    #[arg(long)]
    pub(crate) with_keys: bool,
    /// Don't check the copy and the written file.
    #[arg(long)]
    pub(crate) no_verify: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Read all of a backup: whether it is as it was written, and its database sound.
    Verify {
        /// The backup.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Where the database is unpacked meanwhile. [default: beside the file]
        #[arg(long, value_name = "DIR")]
        temp_dir: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// Where the platform will keep its data; made if it isn't there.
    #[arg(long, value_name = "DIR", env = "MILLWRIGHT_DATA_DIR", default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// Database; without it SQLite in the data folder.
    #[arg(long, value_name = "URL", env = "MILLWRIGHT_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
    /// Take the place of the database that is there. It is kept aside, as
    /// millwright.db.replaced-TIME.
    #[arg(long)]
    pub(crate) replace: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DetectArgs {
    /// The file to be read: CSV with a line of column names.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// The column with the time: RFC 3339, `2026-11-22 08:30:00` (UTC), or Unix time.
    #[arg(long, value_name = "NAME", default_value = "timestamp")]
    pub(crate) timestamp_column: String,
    /// The one column to look at; a rule's only signal if no column has its name. [default: with a rule
    /// the columns of its signals, else value, else all but the time]
    #[arg(long, value_name = "NAME", conflicts_with = "columns")]
    pub(crate) value_column: Option<String>,
    /// The columns to look at, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) columns: Option<Vec<String>>,
    /// What separates the file's columns: one character, or tab.
    #[arg(long, value_name = "CHAR", default_value = ",")]
    pub(crate) delimiter: String,
    /// Rows in which the machine is known to be healthy, 50 to 10,000,000 and fewer than there are;
    /// nothing is said in them. For a rule that learns it is the length of its commissioning, in place of
    /// its own; any other rule hears them and is quiet. [default: 400 for multivariate; univariate learns
    /// as it goes and begins after 150]
    #[arg(long, value_name = "N")]
    pub(crate) train_rows: Option<usize>,
    /// A rule as JSON, as the API takes it, or its condition only; in place of a detector.
    #[arg(long, value_name = "FILE", conflicts_with = "detector")]
    pub(crate) rule: Option<PathBuf>,
    /// Each column by itself, or all of them together.
    #[arg(long, value_enum, default_value = "univariate")]
    pub(crate) detector: DetectorName,
    /// The file to be written; not one of those that are read.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// A detector that learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DetectorName {
    /// Each column by itself: level, range, season, jumps, spread, shape.
    Univariate,
    /// All columns together: how they depend on each other.
    Multivariate,
}

/// Every option can also be given as MILLWRIGHT_… in the environment or in the configuration
/// file, where it has the same name with underscores. The command line wins over the
/// environment, the environment over the file.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServeArgs {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE", env = "MILLWRIGHT_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Where data and keys are kept. [default: ./data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The folder with the folder `keys`, for processes that share their keys. [default: the data
    /// folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) keys_in: Option<PathBuf>,
    /// PostgreSQL 15 or newer, with TimescaleDB if it is there: postgres://USER@HOST:PORT/DATABASE.
    /// With a password better as MILLWRIGHT_DATABASE: command lines can be seen by others.
    /// [default: SQLite in the data folder]
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Address for HTTP: API, documentation, streams. [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<String>,
    /// Address for machines: MQTT over TLS. [default: 127.0.0.1:8883]
    #[arg(long, value_name = "ADDR")]
    pub(crate) mqtt: Option<String>,
    /// An MQTT broker as bus (mqtts://user:password@host:port); without it one is started.
    #[arg(long, value_name = "URL")]
    pub(crate) bus: Option<String>,
    /// Services that this process runs; may be repeated. [default: all]
    #[arg(long = "role", value_name = "ROLE")]
    pub(crate) roles: Option<Vec<Role>>,
    /// How people and machines reach the API from outside. [default: http://localhost:PORT]
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// How machines reach MQTT from outside, as host or host:port. [default: localhost:PORT]
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) public_mqtt: Option<String>,
    /// Certificate chain for HTTPS (PEM); together with --tls-key.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key for HTTPS (PEM).
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Serve HTTP without TLS although the address can be reached from elsewhere (behind a
    /// proxy that does TLS).
    #[arg(long)]
    pub(crate) insecure_http: bool,
    /// Password of admin@localhost, when it is created. Better as MILLWRIGHT_ADMIN_PASSWORD:
    /// command lines can be seen by others.
    #[arg(skip)]
    pub(crate) admin_password: Option<String>,
    /// Seconds after which a machine that isn't connected is an alarm, 5 to 86400. [default: 60]
    #[arg(long, value_name = "S")]
    pub(crate) contact_lost_after_s: Option<i64>,
    /// Send traces to this OTLP/HTTP endpoint, such as http://127.0.0.1:4318.
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<String>,
    /// What is logged, such as info or millwright_ingest=debug,warn. [default: info]
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// Log as JSON lines.
    #[arg(long)]
    pub(crate) log_json: bool,
    /// Stop when standard input ends: for programs that start the platform and must not leave it
    /// behind.
    #[arg(long, env = "MILLWRIGHT_STOP_ON_EOF")]
    pub(crate) stop_on_eof: bool,
}

/// The platform and eight agents: this computer and seven simulated machines.
#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArgs {
    /// Where platform and agents keep their data; a second start continues with it.
    #[arg(long, value_name = "DIR", env = "MILLWRIGHT_DATA_DIR", default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// Address for HTTP.
    #[arg(long, value_name = "ADDR", env = "MILLWRIGHT_HTTP", default_value = "127.0.0.1:8080")]
    pub(crate) http: String,
    /// Address for machines.
    #[arg(long, value_name = "ADDR", env = "MILLWRIGHT_MQTT", default_value = "127.0.0.1:8883")]
    pub(crate) mqtt: String,
    /// The agent's program. [default: millwright-agent beside this program]
    #[arg(long, value_name = "FILE", env = "MILLWRIGHT_AGENT")]
    pub(crate) agent: Option<PathBuf>,
    /// PostgreSQL to keep the data in. [default: SQLite in the data folder]
    #[arg(long, value_name = "URL", env = "MILLWRIGHT_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
    /// Stop by itself after this many seconds.
    #[arg(long, value_name = "S")]
    pub(crate) for_s: Option<u64>,
    /// Seconds between two troubles, 20 to 86400. The first machine fails after a minute.
    #[arg(
        long,
        value_name = "S",
        default_value_t = 600,
        value_parser = clap::value_parser!(u64).range(20..=86_400)
    )]
    pub(crate) trouble_every_s: u64,
}
