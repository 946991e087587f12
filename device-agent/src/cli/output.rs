//! What the commands print: the only place that writes to standard output.

use std::fmt::Write;

use millwright_schemas::Timestamp;
use serde::Serialize;

use crate::connection::Way;
use crate::operator::{DeskShown, OrderShown};
use crate::rules::{LocalAlarm, RulesShown};
use crate::status::{CommandsStatus, ConnectionState, DriverState, LastCommand, Status};
use crate::trusted_time::TimeState;

/// One line on standard output.
#[allow(clippy::print_stdout, reason = "this is the command line's answer")]
pub(super) fn print(text: &str) {
    println!("{}", text.trim_end());
}

/// One line on standard error.
#[allow(clippy::print_stderr, reason = "this is the command line's complaint")]
pub(super) fn complain(error: &dyn std::error::Error) {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors say their cause themselves.
        if !text.ends_with(&cause_text) {
            let _ = write!(text, ": {cause_text}");
        }
        source = cause.source();
    }
    eprintln!("millwright-agent: {text}");
}

/// A value as JSON.
pub(super) fn print_json(value: &impl Serialize) {
    print(&serde_json::to_string_pretty(value).unwrap_or_default());
}

/// The status for people.
pub(super) fn describe(status: &Status) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<14} {value}");
    };
    line(
        "Agent",
        match status.started_at {
            Some(since) if status.running => format!("{}, running since {since}", status.version),
            _ => "not running; this is what its files say".to_owned(),
        },
    );
    match &status.machine {
        Some(machine) => {
            let id = machine.id;
            let named = machine.name.as_ref().map(|name| format!("{name} ({id})"));
            line("Machine", named.unwrap_or_else(|| id.to_string()));
            line("Platform", format!("{} (MQTT {})", machine.server_url, machine.mqtt));
            let until = machine
                .certificate_until
                .map_or_else(|| "can't be read".to_owned(), |until| format!("until {until}"));
            line("Certificate", until);
        }
        None => line("Machine", "not enrolled: use millwright-agent enroll".to_owned()),
    }
    if status.running {
        line("Connection", connection(status));
    }
    if status.running {
        line("Commands", commands(&status.commands));
    }
    if let Some(last) = &status.commands.last {
        let LastCommand { id, name, state, received_at } = last;
        line("Last command", format!("{name} {state}, received {received_at} ({id})"));
    }
    for text in status.panel.url.iter().chain(&status.panel.problem) {
        line("Panel", text.clone());
    }
    for question in &status.operator.questions {
        line("Asks", order(&question.order));
    }
    for activity in &status.operator.activities {
        line("Does", order(&activity.order));
    }
    for driver in &status.drivers {
        let state = match driver.state {
            DriverState::Running => "running",
            DriverState::Retrying => "trying again",
            DriverState::Ended => "ended",
            DriverState::Failed => "failed",
        };
        let error = driver.last_error.as_ref().map(|e| format!(": {e}")).unwrap_or_default();
        line("Driver", format!("{} {state}, {} readings{error}", driver.name, driver.readings));
    }
    if let Some(outbox) = &status.outbox {
        let used = (outbox.event_bytes + outbox.telemetry_bytes).div_ceil(1024);
        // The bound is in the configuration, which a stopped agent hasn't read.
        let room = if status.running {
            format!("{used} of {} KiB", outbox.max_bytes / 1024)
        } else {
            format!("{used} KiB")
        };
        let (events, telemetry) = (outbox.events, outbox.telemetry);
        line("Outbox", format!("{events} events and {telemetry} telemetry messages wait ({room})"));
        if outbox.dropped > 0 {
            line("Dropped", format!("{} messages since {}", outbox.dropped, outbox.outbox));
        }
    }
    for (name, count) in [
        ("Unsaved", status.unsaved_samples),
        ("Kept back", status.refused_values),
        ("Faults lost", status.refused_events),
    ] {
        if count > 0 {
            line(name, count.to_string());
        }
    }
    for fault in &status.active_faults {
        let since = fault.since_ts.map(Timestamp::from_millis);
        let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
        let place = if fault.source.is_empty() { "machine" } else { &fault.source };
        let message = &fault.message;
        let severity = fault.severity.as_str();
        line("Fault", format!("{severity} {} at {place}{since} {message}", fault.code));
    }
    if status.rules.version > 0 {
        line("Rules", rules(&status.rules));
    }
    for refused in &status.rules.refused {
        line("Not watched", format!("rule {}: {}", refused.id, refused.problems.join("; ")));
    }
    for alarm in &status.rules.alarms {
        let LocalAlarm { name, source, severity, message, since, .. } = alarm;
        let severity = severity.as_str();
        line("Alarm", format!("{severity} {name} at {source} since {since} {message}"));
    }
    let problems = status.disk_problem.iter().chain(&status.problem);
    for problem in problems.chain(&status.operator.log_problem) {
        line("Problem", problem.clone());
    }
    text
}

fn rules(rules: &RulesShown) -> String {
    let RulesShown { version, watching, alarms, .. } = rules;
    let alarms = alarms.len();
    format!("version {version}, {watching} watched on this machine, {alarms} alarms active")
}

fn commands(commands: &CommandsStatus) -> String {
    let time = match commands.time {
        Some(TimeState::Signed) => "the platform has signed it",
        Some(TimeState::Clock) => "as this computer's clock says",
        Some(TimeState::Asked) => "the platform is asked",
        Some(TimeState::Unknown) => "not known for certain, so that nothing is done",
        None => "not looked at",
    };
    let CommandsStatus { offered, waiting, not_believed, .. } = commands;
    let strangers = match not_believed {
        0 => String::new(),
        count => format!("; {count} messages weren't believed"),
    };
    format!("{offered} offered, {waiting} not over; time: {time}{strangers}")
}

fn connection(status: &Status) -> String {
    let connection = &status.connection;
    let state = match connection.state {
        ConnectionState::Stopped => "stopped",
        ConnectionState::NotEnrolled => "waits for enrolment",
        ConnectionState::Connecting => "connecting",
        ConnectionState::Connected => match connection.way {
            Some(Way::WebSocket) => "connected by WebSocket, at the platform's address",
            Some(Way::Mqtt) => "connected by MQTT over TLS",
            None => "connected",
        },
        ConnectionState::Waiting => "not connected",
    };
    let since = connection.since.map(|since| format!(" since {since}")).unwrap_or_default();
    let error = connection.last_error.as_ref().map(|e| format!("; {e}")).unwrap_or_default();
    format!("{state}{since}, {} messages acknowledged{error}", connection.acknowledged)
}

/// What is asked and what is being done, for people.
pub(super) fn describe_desk(desk: &DeskShown) -> String {
    let mut text = String::new();
    for question in &desk.questions {
        let until = question.order.expires_at;
        let _ = writeln!(text, "Asks, until {until}: {}", order(&question.order));
    }
    for activity in &desk.activities {
        let stopping = if activity.stopping { ", is being stopped" } else { "" };
        let since = activity.since;
        let _ = writeln!(text, "Does, since {since}{stopping}: {}", order(&activity.order));
    }
    if text.is_empty() {
        text.push_str("Nothing is asked, and nothing is being done.");
    }
    text
}

/// An order on one line.
fn order(order: &OrderShown) -> String {
    let OrderShown { id, name, class, by, .. } = order;
    let mut text = format!("{id} {name} ({class})");
    for (name, value) in &order.args {
        let _ = write!(text, " {name}={value}");
    }
    let _ = write!(text, " by {by}");
    for (word, value) in [(" for ", &order.ticket), (": ", &order.purpose)] {
        if let Some(value) = value {
            let _ = write!(text, "{word}{value}");
        }
    }
    text
}
