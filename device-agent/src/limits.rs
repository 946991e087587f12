//! Named bounds of everything the agent holds or waits for. Each says what happens beyond it.

use std::time::Duration;

/// Cache of the outbox's database, in bytes. Beyond it pages are read again from the disk.
pub const OUTBOX_CACHE_BYTES: usize = 1024 * 1024;
/// Payload of a telemetry message, in bytes. A larger one is split; below the platform's limit of
/// 256 KiB by far, so that few messages in flight stay small in memory.
pub const TELEMETRY_MESSAGE_BYTES: usize = 64 * 1024;
/// Payload of an event, in bytes. A fault with a larger context is refused at its reporter.
pub const EVENT_BYTES: usize = 64 * 1024;
/// Faults that are active at once. One more is refused: so many always fit into one
/// `fault.snapshot`, which tells the platform what is active and so must be complete.
pub const ACTIVE_FAULTS: usize = 400;
/// Signals that the agent sends. Samples of further ones are refused and counted.
pub const SIGNALS: u64 = 2_000;
/// What each stored message costs besides its payload, in bytes (estimate of keys and pages).
pub const MESSAGE_OVERHEAD_BYTES: u64 = 32;
/// How far beyond the outbox's bound the notes about dropped messages may go, in bytes: what is
/// lost is told even when everything is full.
pub const LOSS_NOTE_BYTES: u64 = 4 * 1024;
/// How far the clock may go back, in microseconds, before it counts as set back. Up to here times
/// go on increasing; beyond it they start anew from the clock, and the step is told.
pub const CLOCK_STEP_US: i64 = 5_000_000;
/// Between two looks at the clock.
pub const CLOCK_LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// A machine's name as the platform tells it, in characters. What is longer is cut.
pub const MACHINE_NAME_CHARS: usize = 200;
/// Calls to the outbox that wait for their turn. Further callers wait.
pub const OUTBOX_CALLS: usize = 64;

/// Commands in the ledger that are over. Beyond it the oldest are forgotten; a repeat of one of
/// them is refused all the same, for its place in the order has passed.
pub const LEDGER_ENTRIES: u64 = 1_000;
/// Commands that wait for their turn. Further ones are rejected as `busy`.
pub const ORDERS_WAITING: usize = 64;
/// How far beyond the outbox's bound the reports about commands may go, in bytes: what was done to
/// the machine is told even when everything is full.
pub const COMMAND_REPORT_BEYOND_BYTES: u64 = 512 * 1024;

/// Changes of alarms of this machine's own watching that are told to the platform within the window.
/// Further ones are shown here and not told: the platform finds them itself in the samples.
pub const LOCAL_ALARM_EVENTS: u32 = 60;
/// The window, in microseconds: an hour.
pub const LOCAL_ALARM_WINDOW_US: i64 = 3_600_000_000;

/// Orders of the platform between the connection and what carries them out. Beyond it they are
/// dropped; the platform sends them again.
pub const ORDERS_QUEUED: usize = 32;
/// What the agent tells of itself outside of the outbox, waiting for the connection. Beyond it it
/// isn't told now.
pub const NOTICES_QUEUED: usize = 8;
/// Cancellations of commands that haven't come yet. Beyond it the oldest are forgotten.
pub const EARLY_CANCELS: usize = 64;
/// Between two looks at what waits: its expiry, the clock.
pub const ORDERS_LOOK: Duration = Duration::from_secs(1);
/// Between two tellings of the capabilities that an order without a ledger asks for.
pub const CAPABILITIES_INTERVAL: Duration = Duration::from_secs(1);
/// Between two lines in the log about messages that aren't believed.
pub const REFUSALS_LOG_INTERVAL: Duration = Duration::from_secs(10);
/// How long a command waits for the time while the platform can be asked; then it is rejected.
pub const TIME_PATIENCE: Duration = Duration::from_secs(15);
/// Between two attempts to store what happened to a command.
pub const REPORT_RETRY: Duration = Duration::from_secs(1);
/// What went wrong with a command, in characters. What is beyond is cut.
pub const COMMAND_ERROR_CHARS: usize = 1_000;
/// Arguments of a configured program.
pub const COMMAND_ARGUMENTS: usize = 64;
/// Variables of the environment that a configured program sees.
pub const COMMAND_ENVIRONMENT: usize = 32;
/// Description of a configured program, in characters.
pub const COMMAND_DESCRIPTION_CHARS: usize = 200;
/// All configured programs in the catalogue, in bytes of JSON; a larger configuration is refused.
pub const COMMAND_PROGRAMS_BYTES: usize = 192 * 1024;
/// Between two pieces of a program's output.
pub const COMMAND_PROGRESS_INTERVAL: Duration = Duration::from_millis(500);
/// Output of one command that is told while it runs, in bytes; the rest is told at its end.
pub const COMMAND_PROGRESS_TOTAL_BYTES: usize = 256 * 1024;
/// How long a program has to end when it is asked to; then it is killed.
pub const COMMAND_KILL_AFTER: Duration = Duration::from_secs(3);
/// How long output is awaited after a program's end, from processes that it has left behind.
pub const COMMAND_OUTPUT_AFTER_END: Duration = Duration::from_millis(500);
/// How long a stopping agent waits for its running command to end and to be reported.
pub const COMMANDS_STOP: Duration = Duration::from_secs(8);
/// Lines of the agent's own log in memory, for `collect_diagnostics`. Beyond it the oldest go.
pub const RECENT_LOG_LINES: usize = 400;
/// The same in bytes.
pub const RECENT_LOG_BYTES: usize = 48 * 1024;
/// The configuration in diagnostics, in bytes of JSON. A larger one is left out.
pub const DIAGNOSTICS_CONFIG_BYTES: usize = 12 * 1024;

/// How long an answer about the time is awaited before the machine's clock counts.
pub const TIME_WAIT: Duration = Duration::from_secs(5);
/// The oldest question whose answer still says what time it is; a later one is refused.
pub const TIME_ANSWER: Duration = Duration::from_secs(30);
/// First wait before the platform is asked for the time again; it doubles up to 64 times that.
pub const TIME_ASK_AGAIN: Duration = Duration::from_secs(10);
/// A signed time older than this is asked for anew: no clock counts exactly.
pub const TIME_REFRESH: Duration = Duration::from_secs(6 * 3_600);

/// Readings between the drivers and the collector. Beyond it drivers wait.
pub const READINGS_QUEUED: usize = 64;
/// Samples in memory that the disk didn't take. Beyond it the oldest of drivers that can't go
/// back are dropped and told; drivers with checkpoints wait.
pub const UNSAVED_SAMPLES: usize = 5_000;
/// Faults in memory that the disk didn't take. Beyond it drivers wait.
pub const UNSAVED_FAULTS: usize = 1_000;
/// Between two attempts to write while the disk is full.
pub const UNSAVED_RETRY: Duration = Duration::from_secs(2);

/// Back-off of a driver whose reading fails: first and longest wait.
pub const DRIVER_RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Messages that are sent and not yet acknowledged. Beyond it messages wait in the outbox.
pub const IN_FLIGHT_MESSAGES: usize = 64;
/// The same in bytes of payload; at least one message is always sent.
pub const IN_FLIGHT_BYTES: usize = 256 * 1024;
/// Besides them, messages that aren't in the outbox. Beyond it they wait.
pub const NOTICES_IN_FLIGHT: usize = 8;
/// Largest MQTT packet, both ways, in bytes. A larger one ends the connection.
pub const PACKET_BYTES: usize = 300 * 1024;
/// Events of the MQTT client that wait for the agent. Beyond it the client waits.
pub const MQTT_EVENTS: usize = 256;
/// From the first byte to the answer to CONNECT; longer counts as a failed attempt.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Attempts by MQTT over TLS in a row that don't reach the platform before WebSocket is tried.
pub const FALLBACK_AFTER: u32 = 3;
/// The same when WebSocket is known to work.
pub const FALLBACK_AFTER_KNOWN: u32 = 1;
/// How long looking whether MQTT over TLS is open again may take.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for an acknowledgement before the connection is made anew.
pub const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(120);
/// Acknowledged messages are removed from the disk at the latest after so long…
pub const REMOVE_AFTER: Duration = Duration::from_secs(1);
/// …or when so many have gathered.
pub const REMOVE_AT: usize = 32;
/// A connection that held so long starts again with the shortest back-off.
pub const STABLE_AFTER: Duration = Duration::from_secs(30);
/// Between two notes about dropped messages while connected.
pub const LOSS_REPORT_INTERVAL: Duration = Duration::from_secs(60);
/// How long the agent tries to empty its outbox when it is told to stop.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a starting agent waits for a data folder that another program uses; then it says so
/// and ends.
pub const LOCK_PATIENCE: Duration = Duration::from_secs(3);
/// Between two attempts to have the data folder.
pub const LOCK_RETRY: Duration = Duration::from_millis(50);

/// A request or answer on the local socket, in bytes. A longer line ends the connection.
pub const LOCAL_LINE_BYTES: usize = 128 * 1024;
/// Connections to the local socket at once. Further ones wait.
pub const LOCAL_CONNECTIONS: usize = 16;
/// A local connection that says nothing for so long is closed.
pub const LOCAL_IDLE: Duration = Duration::from_secs(30);
/// How long a local program waits for the agent's answer.
pub const LOCAL_ANSWER: Duration = Duration::from_secs(10);

/// An HTTP call, from connecting to the last byte.
pub const HTTP_TIMEOUT: Duration = Duration::from_secs(30);
/// An HTTP answer, in bytes. A longer one is refused.
pub const HTTP_ANSWER_BYTES: usize = 1024 * 1024;
/// Trust bundles in one answer. More are followed in the next call.
pub const TRUST_BUNDLES: usize = 1_000;
/// Between two looks for new trust bundles.
pub const TRUST_INTERVAL: Duration = Duration::from_secs(86_400);
/// The same after failed connections.
pub const TRUST_INTERVAL_FAILING: Duration = Duration::from_secs(600);
/// Between two looks at the certificate's age, and after a failed renewal: well within the
/// 15 minutes in which the platform answers a repeated request the same.
pub const RENEWAL_INTERVAL: Duration = Duration::from_secs(600);
/// How often a running agent that isn't enrolled looks whether it is.
pub const ENROLMENT_POLL: Duration = Duration::from_secs(2);

/// Configuration file, in bytes. A larger one is refused.
pub const CONFIG_BYTES: u64 = 1024 * 1024;

/// Questions that wait for the operator at once. One more is refused.
pub const QUESTIONS: usize = 16;
/// A message by which the operator asks for help, in characters. A longer one is refused.
pub const HELP_MESSAGE_CHARS: usize = 1_000;
/// The local log's file, in bytes. Beyond it the file becomes the older one, of which one is kept.
pub const LOG_FILE_BYTES: u64 = 1024 * 1024;
/// Arguments of an order in the local log, in bytes of JSON. What is beyond is cut, with a "…".
pub const LOG_ARGS_BYTES: usize = 2 * 1024;
/// Entries of the local log that are shown.
pub const LOG_ENTRIES_SHOWN: usize = 50;
/// Entries of the local log that wait for the disk. Decisions wait for room; further other entries
/// are missing in the file, which tells how many.
pub const LOG_ENTRIES_QUEUED: usize = 64;

/// Connections to the panel at once. Further ones wait.
pub const PANEL_CONNECTIONS: usize = 16;
/// How long the panel waits for a request on an open connection before it closes it.
pub const PANEL_IDLE: Duration = Duration::from_secs(30);
/// A request to the panel, from its last header to the answer. A later one is answered 408.
pub const PANEL_REQUEST: Duration = Duration::from_secs(10);
/// Head of a request to the panel, in bytes. A larger one is refused.
pub const PANEL_BUFFER_BYTES: usize = 16 * 1024;
/// Body of a request to the panel, in bytes. A larger one is refused.
pub const PANEL_BODY_BYTES: usize = 16 * 1024;
/// Between two attempts to accept a connection when the system gives none.
pub const PANEL_RETRY: Duration = Duration::from_millis(100);

/// Orders to one driver that wait for their turn. Further ones wait at whoever gives them.
pub const DRIVER_ORDERS: usize = 8;
