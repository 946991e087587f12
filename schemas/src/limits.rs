//! Named bounds of everything a machine can send. Beyond a bound a payload, or the one value
//! at fault, is quarantined with the reason; nothing is cut silently.

/// Longest signal name, in bytes of UTF-8.
pub const SIGNAL_NAME_MAX_BYTES: usize = 256;
/// Largest magnitude of an integer that a 64-bit float keeps exactly: 2^53.
pub const INTEGER_MAX: u64 = 1 << 53;
/// Largest MQTT payload of a machine, in bytes.
pub const PAYLOAD_MAX_BYTES: usize = 256 * 1024;
/// Longest MQTT topic or filter of a machine, in bytes.
pub const TOPIC_MAX_BYTES: usize = 256;
/// Longest text value, in bytes of UTF-8.
pub const TEXT_VALUE_MAX_BYTES: usize = 4 * 1024;
/// Samples in one message.
pub const SAMPLES_PER_MESSAGE_MAX: usize = 10_000;
/// Longest event type, in bytes.
pub const EVENT_TYPE_MAX_BYTES: usize = 64;
/// Longest fault code and fault source, in bytes.
pub const FAULT_KEY_MAX_BYTES: usize = 128;
/// Longest fault message, in bytes.
pub const FAULT_MESSAGE_MAX_BYTES: usize = 2 * 1024;
/// Faults in one `fault.snapshot`.
pub const SNAPSHOT_FAULTS_MAX: usize = 1_000;
/// Earliest device time that is believed: 2000-01-01T00:00:00Z, in microseconds.
pub const EARLIEST_DEVICE_TIME_US: i64 = 946_684_800_000_000;
/// How far ahead of the receive time a device time may be, in microseconds: one day.
pub const FUTURE_TOLERANCE_US: i64 = 86_400_000_000;
/// How far ahead of the receive time a device time may be for rules to go by it, in microseconds: ten
/// minutes, beyond what the machine's clock is known to be ahead. What is further ahead is stored and shown,
/// and no rule sees it live.
pub const AHEAD_TOLERANCE_US: i64 = 600_000_000;

/// Longest command name, in bytes: `a-z 0-9 _ .`.
pub const COMMAND_NAME_MAX_BYTES: usize = 64;
/// Arguments of a command as JSON, in bytes.
pub const COMMAND_ARGS_MAX_BYTES: usize = 16 * 1024;
/// Result of a command as JSON, in bytes. A larger one is told as an error.
pub const COMMAND_RESULT_MAX_BYTES: usize = 32 * 1024;
/// Output of a command that is kept, in bytes; what is beyond is cut in the middle and told.
pub const COMMAND_OUTPUT_MAX_BYTES: usize = 64 * 1024;
/// Output in one `command.progress`, in bytes.
pub const COMMAND_PROGRESS_MAX_BYTES: usize = 8 * 1024;
/// Longest text of person, ticket and purpose in a command, in characters.
pub const COMMAND_TEXT_MAX_CHARS: usize = 200;
/// Shortest and longest validity of a command, in seconds.
pub const COMMAND_EXPIRES_IN_S: std::ops::RangeInclusive<i64> = 5..=7 * 86_400;
/// Validity of a command when nobody says, in seconds.
pub const COMMAND_EXPIRES_IN_S_DEFAULT: i64 = 300;
/// Shortest and longest run of a command, in seconds.
pub const COMMAND_DEADLINE_S: std::ops::RangeInclusive<i64> = 1..=3_600;
/// Run of a command when the catalogue doesn't say, in seconds.
pub const COMMAND_DEADLINE_S_DEFAULT: i64 = 60;
/// Largest signed message to a machine, in bytes.
pub const DOWN_MESSAGE_MAX_BYTES: usize = 64 * 1024;
/// Commands in a machine's catalogue.
pub const CATALOGUE_COMMANDS_MAX: usize = 200;
/// JSON Schema of a command's arguments, in bytes.
pub const ARGUMENT_SCHEMA_MAX_BYTES: usize = 16 * 1024;
/// Fault codes that one command of a catalogue remedies.
pub const REMEDIES_MAX: usize = 32;
/// Signals that an agent describes; as many as a machine may have.
pub const SIGNAL_INFOS_MAX: usize = 2_000;
/// Longest unit of a signal, in characters.
pub const UNIT_MAX_CHARS: usize = 32;
/// Longest hold time of a rule, in seconds: a week.
pub const RULE_HOLD_S_MAX: f64 = 604_800.0;
/// Shortest window of a rule's condition, in seconds.
pub const RULE_WINDOW_S_MIN: f64 = 0.1;
/// Longest window of a rule's condition, in seconds: a week.
pub const RULE_WINDOW_S_MAX: f64 = 604_800.0;
/// Shortest time after which something is missing, in seconds.
pub const RULE_MISSING_S_MIN: f64 = 1.0;
/// Longest time after which something is missing, in seconds: 366 days.
pub const RULE_MISSING_S_MAX: f64 = 31_622_400.0;
/// Conditions in a rule, groups counted.
pub const RULE_CONDITIONS_MAX: usize = 32;
/// How deep conditions of a rule may be nested; a single one is 1 deep.
pub const RULE_DEPTH_MAX: usize = 5;
/// Objects and lists within each other in a condition as it is sent. A rule as deep as it may be has 12;
/// beyond this bound it isn't read: what is within is moved once for each condition around it.
pub const RULE_JSON_LEVELS_MAX: usize = 32;
/// Levels of a rule: there are four severities.
pub const RULE_LEVELS_MAX: usize = 4;
/// Largest number that a condition counts up to; so many times are remembered.
pub const RULE_COUNT_MAX: u32 = 100;
/// Values that a condition lists in one place.
pub const RULE_STATES_MAX: usize = 32;
/// Values that follow each other in a condition.
pub const RULE_SEQUENCE_MAX: usize = 8;
/// Signals of which one condition learns what is normal.
pub const RULE_ANOMALY_SIGNALS_MAX: usize = 20;
/// Longest text value that a condition names, in bytes.
pub const STATE_TEXT_MAX_BYTES: usize = 256;
/// Longest name of a machine's parameter, in bytes.
pub const PARAMETER_NAME_MAX_BYTES: usize = 64;
/// Parameters of a machine.
pub const PARAMETERS_MAX: usize = 200;
/// Rules that are given to one machine.
pub const RULES_ON_MACHINE_MAX: usize = 100;
/// Claims of a machine's rules as JSON, in bytes; signed they stay below
/// [`DOWN_MESSAGE_MAX_BYTES`]. Rules that don't fit stay with the platform, and that is told.
pub const CONFIG_CLAIMS_MAX_BYTES: usize = 40 * 1024;
/// Reasons that are told of a rule that doesn't watch on the machine.
pub const RULE_PROBLEMS_TOLD_MAX: usize = 3;
/// The longest of them, in bytes; what is beyond is cut.
pub const RULE_PROBLEM_MAX_BYTES: usize = 120;
/// Error of a command's report, in bytes; what is beyond is cut by the receiver.
pub const REPORT_ERROR_MAX_BYTES: usize = 4 * 1024;
/// Length of the nonce of `time.requested`, in characters.
pub const NONCE_CHARS: std::ops::RangeInclusive<usize> = 16..=64;
