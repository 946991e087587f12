//! What the terminal says as the story goes on: each step once, when the API shows that it
//! happened. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use millwright_schemas::api::alarms::{Alarm, AlarmOrigin};
use millwright_schemas::api::commands::{Command, CommandState};
use millwright_schemas::api::tickets::{Ticket, TicketState};
use millwright_schemas::wire::command::Rejection;
use millwright_schemas::{CommandId, MachineId, TicketId};

/// Tells the story.
#[derive(Debug)]
pub(super) struct Story {
    /// Where the dashboard is, without a slash at the end.
    dashboard: String,
    /// The agent's program, as it can be called from where the demo was started.
    agent_program: String,
    /// Tickets that were told and aren't known to be over.
    tickets: BTreeSet<TicketId>,
    /// Commands of which it was told that they wait for the operator.
    asked: BTreeSet<CommandId>,
}

/// What has to be known of a machine.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) name: String,
    /// Where its operator's panel is.
    pub(super) panel: Option<String>,
    /// Folder of its agent.
    pub(super) data: String,
    /// Fault code and the command that remedies it, from the machine's catalogue.
    pub(super) remedies: BTreeMap<String, String>,
}

/// What the API shows.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Those that are open, and those of [`Story::tickets`] however they are.
    pub(super) tickets: Vec<Ticket>,
    /// Those that are open.
    pub(super) alarms: Vec<Alarm>,
    /// Those that aren't over, and those of [`Story::asked`] however they are.
    pub(super) commands: Vec<Command>,
}

impl Story {
    pub(super) const fn new(dashboard: String, agent_program: String) -> Self {
        Self { dashboard, agent_program, tickets: BTreeSet::new(), asked: BTreeSet::new() }
    }

    /// Tickets that were told and aren't known to be over.
    pub(super) const fn tickets(&self) -> &BTreeSet<TicketId> {
        &self.tickets
    }

    /// Commands that were told and aren't known to be over.
    pub(super) const fn asked(&self) -> &BTreeSet<CommandId> {
        &self.asked
    }

    /// What is new, in the order in which it is read best: what the operator did, what ended,
    /// what began, what waits.
    pub(super) fn go_on(
        &mut self,
        seen: &Seen,
        places: &BTreeMap<MachineId, Place>,
        wait: Duration,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        for command in &seen.commands {
            if let Some(place) = places.get(&command.machine_id) {
                lines.extend(self.answered(command, place));
            }
        }
        for ticket in &seen.tickets {
            if let Some(place) = places.get(&ticket.machine_id) {
                lines.extend(self.over(ticket, place, seen, wait));
            }
        }
        for ticket in &seen.tickets {
            if let Some(place) = places.get(&ticket.machine_id) {
                lines.extend(self.trouble(ticket, place, seen));
            }
        }
        for command in &seen.commands {
            if let Some(place) = places.get(&command.machine_id) {
                lines.extend(self.asks(command, place));
            }
        }
        lines
    }

    fn trouble(&mut self, ticket: &Ticket, place: &Place, seen: &Seen) -> Option<String> {
        if is_over(ticket) || self.tickets.contains(&ticket.id) {
            return None;
        }
        let alarm = seen.alarms.iter().find(|alarm| alarm.ticket_id == Some(ticket.id));
        if alarm.is_none() && ticket.active_alarms > 0 {
            // The alarms were asked for a moment earlier; the next look has both.
            return None;
        }
        self.tickets.insert(ticket.id);
        let Place { name, remedies, .. } = place;
        let number = &ticket.number;
        let open = format!("Open {}/tickets/{}", self.dashboard, ticket.id);
        let again = if ticket.reopened > 0 { " again" } else { "" };
        Some(match alarm {
            Some(alarm) if alarm.origin == AlarmOrigin::Contact => {
                format!("{name} is out of reach{again}, ticket {number}. {open}; it may come back.")
            }
            Some(alarm) if alarm.origin == AlarmOrigin::Rule => format!(
                "{name} needs care{again}: {}, ticket {number}. {open}, choose lubricate.",
                alarm.message
            ),
            Some(alarm) => match (remedies.get(&alarm.code), ticket.reopened) {
                (Some(remedy), 0) => format!(
                    "{name} failed: {}, ticket {number}. {open}, choose {remedy}.",
                    alarm.code
                ),
                (Some(remedy), _) => format!(
                    "{name} failed again: {}, ticket {number}. {open}; if it is worn out, choose \
                     lubricate first, then {remedy}.",
                    alarm.code
                ),
                (None, _) => format!(
                    "{name} reports{again}: {} {}, ticket {number}. {open}.",
                    alarm.code, alarm.message
                ),
            },
            None => format!(
                "{name}: {}, ticket {number}{}. {open}, answer and resolve it.",
                ticket.title,
                if again.is_empty() { "" } else { ", open again" }
            ),
        })
    }

    fn over(
        &mut self,
        ticket: &Ticket,
        place: &Place,
        seen: &Seen,
        wait: Duration,
    ) -> Option<String> {
        if !is_over(ticket) || !self.tickets.remove(&ticket.id) {
            return None;
        }
        let Place { name, .. } = place;
        let (number, state) = (&ticket.number, ticket.state);
        let troubled = seen.alarms.iter().any(|alarm| {
            alarm.machine_id == ticket.machine_id && alarm.origin != AlarmOrigin::Rule
        });
        let after = about(wait);
        Some(if ticket.state != TicketState::Resolved || troubled || ticket.alarms == 0 {
            format!("{name}: ticket {number} is {state}. Next trouble in about {after}.")
        } else {
            format!(
                "{name} runs again; ticket {number} is resolved. Next trouble in about {after}."
            )
        })
    }

    fn asks(&mut self, command: &Command, place: &Place) -> Option<String> {
        if command.state != CommandState::AwaitingConsent || !self.asked.insert(command.id) {
            return None;
        }
        let by_command = format!(
            "{} consent accept {} --data-dir \'{}\'",
            self.agent_program, command.id, place.data
        );
        let (name, machine) = (&command.name, &place.name);
        Some(match &place.panel {
            Some(panel) => format!(
                "The operator of {machine} must agree to {name}: open {panel} and accept, or: \
                 {by_command}"
            ),
            None => format!("The operator of {machine} must agree to {name}: {by_command}"),
        })
    }

    fn answered(&mut self, command: &Command, place: &Place) -> Option<String> {
        if !command.state.is_final() || !self.asked.remove(&command.id) {
            return None;
        }
        let (name, machine) = (&command.name, &place.name);
        Some(match (command.state, command.reason) {
            (CommandState::Succeeded, _) => format!("{name} is done on {machine}."),
            (_, Some(Rejection::ConsentRefused)) => {
                format!("The operator of {machine} refused {name}: nothing was done.")
            }
            (state, _) => format!(
                "{name} on {machine}: {state}{}.",
                command.error.as_ref().map_or_else(String::new, |error| format!(", {error}"))
            ),
        })
    }
}

/// Whether nothing is to be done about it any more.
pub(super) const fn is_over(ticket: &Ticket) -> bool {
    matches!(ticket.state, TicketState::Resolved | TicketState::Closed | TicketState::Canceled)
}

/// A time as people say it.
fn about(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..100 => format!("{} s", seconds.next_multiple_of(10)),
        seconds => format!("{} min", (seconds + 30) / 60),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    const MACHINE: &str = "0198b2c4-7c1e-7000-8000-000000000001";
    const TICKET: &str = "0198b2c4-7c1e-7000-8000-000000000002";
    const COMMAND: &str = "0198b2c4-7c1e-7000-8000-000000000003";
    const OTHER: &str = "0198b2c4-7c1e-7000-8000-000000000004";
    const NOW: &str = "2025-11-22T01:33:20Z";

    fn ticket(state: &str, reopened: i64, active_alarms: i64) -> Ticket {
        serde_json::from_value(json!({
            "id": TICKET, "number": "T-1001", "organization_id": OTHER, "machine_id": MACHINE,
            "title": "Help is asked for", "description": "", "state": state, "hold_reason": null,
            "resolution_code": null, "resolution": null, "priority": "P2", "assignee_id": null,
            "opened_by": {"kind": "system"}, "reopened": reopened, "alarms": 1,
            "active_alarms": active_alarms, "next_states": [], "external_ids": {}, "version": 1,
            "created_at": NOW, "updated_at": NOW, "resolved_at": null, "closed_at": null,
        }))
        .unwrap()
    }

    fn alarm(origin: &str, code: &str) -> Alarm {
        serde_json::from_value(json!({
            "id": OTHER, "organization_id": OTHER, "machine_id": MACHINE, "origin": origin,
            "source": "", "code": code, "rule_id": null, "rule_version": null,
            "severity": "major", "message": "It hums", "context": {}, "active": true,
            "acknowledged": false, "acknowledged_by": null, "acknowledged_at": null,
            "shelved_until": null, "suppressed_by": null, "out_of_service": false, "count": 1,
            "raised_at": NOW, "changed_at": NOW, "cleared_at": null, "clear_reason": null,
            "received_at": NOW, "ticket_id": TICKET, "version": 1,
        }))
        .unwrap()
    }

    fn command(state: &str, reason: Option<&str>) -> Command {
        serde_json::from_value(json!({
            "id": COMMAND, "organization_id": OTHER, "machine_id": MACHINE, "name": "reset_fault",
            "args": {}, "class": "motion", "state": state, "ticket_id": TICKET, "purpose": null,
            "issued_by": {"kind": "system"}, "approved_by": null, "expires_at": NOW,
            "deadline_s": 30, "ord": 1, "reason": reason, "exit_code": null, "result": null,
            "error": null, "output": null, "output_cut": false, "cancel_requested": false,
            "version": 1, "created_at": NOW, "updated_at": NOW, "sent_at": null,
            "started_at": null, "ended_at": null,
        }))
        .unwrap()
    }

    struct Told(Story);

    impl Told {
        fn new() -> Self {
            Self(Story::new("http://here".to_owned(), "agent".to_owned()))
        }

        fn at(
            &mut self,
            tickets: Vec<Ticket>,
            alarms: Vec<Alarm>,
            commands: Vec<Command>,
        ) -> String {
            let place = Place {
                name: "Lift".to_owned(),
                panel: Some("http://panel/".to_owned()),
                data: "/data".to_owned(),
                remedies: BTreeMap::from([("E-117".to_owned(), "reset_fault".to_owned())]),
            };
            let places = BTreeMap::from([(MACHINE.parse().unwrap(), place)]);
            let seen = Seen { tickets, alarms, commands };
            let told = self.0.go_on(&seen, &places, Duration::from_secs(570)).join("\n");
            assert_eq!(self.0.go_on(&seen, &places, Duration::ZERO).join("\n"), "", "once only");
            told
        }
    }

    #[test]
    fn a_repair_is_told_step_by_step_and_each_step_once() {
        let mut told = Told::new();
        let fault = || vec![alarm("fault", "E-117")];
        assert_eq!(told.at(vec![ticket("new", 0, 1)], Vec::new(), Vec::new()), "", "alarm to come");
        assert_eq!(
            told.at(vec![ticket("new", 0, 1)], fault(), Vec::new()),
            format!(
                "Lift failed: E-117, ticket T-1001. Open http://here/tickets/{TICKET}, choose \
                 reset_fault."
            )
        );
        assert_eq!(
            told.at(Vec::new(), fault(), vec![command("awaiting_consent", None)]),
            format!(
                "The operator of Lift must agree to reset_fault: open http://panel/ and accept, \
                 or: agent consent accept {COMMAND} --data-dir '/data'"
            )
        );
        assert_eq!(
            told.at(Vec::new(), fault(), vec![command("rejected", Some("consent_refused"))]),
            "The operator of Lift refused reset_fault: nothing was done."
        );
        told.at(Vec::new(), fault(), vec![command("awaiting_consent", None)]);
        assert_eq!(
            told.at(vec![ticket("resolved", 0, 0)], Vec::new(), vec![command("succeeded", None)]),
            "reset_fault is done on Lift.\nLift runs again; ticket T-1001 is resolved. Next trouble \
             in about 10 min."
        );
        let again = told.at(vec![ticket("in_progress", 1, 1)], fault(), Vec::new());
        assert!(again.contains("failed again") && again.contains("lubricate first"), "{again}");
    }

    #[test]
    fn each_kind_of_trouble_has_its_words() {
        for (alarms, words) in [
            (vec![alarm("contact", "contact_lost")], "Lift is out of reach, ticket T-1001."),
            (vec![alarm("rule", OTHER)], "Lift needs care: It hums, ticket T-1001."),
            (vec![alarm("fault", "E-9")], "Lift reports: E-9 It hums, ticket T-1001."),
            (Vec::new(), "Lift: Help is asked for, ticket T-1001."),
        ] {
            let active = i64::try_from(alarms.len()).unwrap();
            let said = Told::new().at(vec![ticket("new", 0, active)], alarms, Vec::new());
            assert!(said.starts_with(words), "{said}");
        }
        let mut told = Told::new();
        told.at(vec![ticket("new", 0, 0)], Vec::new(), Vec::new());
        let said = told.at(vec![ticket("canceled", 0, 0)], Vec::new(), Vec::new());
        assert!(said.starts_with("Lift: ticket T-1001 is canceled."), "{said}");
        assert_eq!(about(Duration::from_secs(41)), "50 s");
        assert_eq!(about(Duration::from_secs(599)), "10 min");
    }
}
