//! Whether a command is taken, and whether one that was taken may begin now.

use millwright_schemas::wire::command::{CommandClaims, Rejection};
use millwright_schemas::{LedgerId, MachineId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Catalogue, Entry};
use crate::limits::ORDERS_WAITING;

/// What the ledger says as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerHead {
    /// Names this ledger; commands for another one aren't done.
    pub id: LedgerId,
    /// `ord` of the last command in it, 0 at first. Never goes back.
    pub last_ord: u64,
}

/// What a decision is based on.
#[derive(Debug, Clone, Copy)]
pub struct Local<'a> {
    /// This machine.
    pub machine: MachineId,
    /// Its ledger.
    pub ledger: LedgerHead,
    /// Commands in it that aren't over.
    pub waiting: usize,
    /// What may be done here.
    pub catalogue: &'a Catalogue,
    /// The time, when it is known for certain.
    pub now: Option<Timestamp>,
}

/// What is done with a command that is signed by the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is for another machine: as if it hadn't come.
    Foreign,
    /// It is in the ledger: it came before, and what is to be told of it is told.
    Duplicate,
    /// The platform doesn't know the ledger: tell it.
    TellCapabilities,
    /// It is refused, for good: it goes into the ledger as such.
    Reject {
        /// For programs.
        reason: Rejection,
        /// For people.
        error: Option<String>,
        /// Whether it takes its place in the order, so that none before it can come any more.
        counts: bool,
    },
    /// It goes into the ledger and waits for its turn.
    Accept,
}

/// Decides on a command; `known` is what the ledger holds under its id.
#[must_use]
pub fn decide(claims: &CommandClaims, known: Option<&Entry>, local: &Local<'_>) -> Decision {
    if claims.aud != local.machine {
        return Decision::Foreign;
    }
    if known.is_some() {
        return Decision::Duplicate;
    }
    let reject = |reason, error| Decision::Reject { reason, error, counts: true };
    match claims.ledger {
        None => return Decision::TellCapabilities,
        Some(ledger) if ledger != local.ledger.id => {
            let error = Some(format!("this machine's ledger is {}", local.ledger.id));
            return Decision::Reject { reason: Rejection::OtherLedger, error, counts: false };
        }
        Some(_) => {}
    }
    if claims.ord <= local.ledger.last_ord {
        let error = Some(format!("order {} came before it", local.ledger.last_ord));
        return Decision::Reject { reason: Rejection::OutOfOrder, error, counts: false };
    }
    if local.now.is_some_and(|now| now >= expiry(claims)) {
        return reject(Rejection::Expired, None);
    }
    if let Err(not) = local.catalogue.find(&claims.name, &claims.args) {
        return reject(not.reason, Some(not.error));
    }
    if local.waiting >= ORDERS_WAITING {
        let error = format!("{ORDERS_WAITING} commands wait already");
        return reject(Rejection::Busy, Some(error));
    }
    Decision::Accept
}

/// Whether a command may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// It may.
    Now,
    /// It may not any more.
    Never(Rejection),
}

/// Looks at the time before a command begins; `now` is `None` when it isn't known for certain,
/// although it was waited for.
#[must_use]
pub fn begin(claims: &CommandClaims, now: Option<Timestamp>) -> Begin {
    match now {
        None => Begin::Never(Rejection::ClockUntrusted),
        Some(now) if now >= expiry(claims) => Begin::Never(Rejection::Expired),
        Some(_) => Begin::Now,
    }
}

fn expiry(claims: &CommandClaims) -> Timestamp {
    Timestamp::from_micros(claims.exp.saturating_mul(1_000_000))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use millwright_schemas::wire::command::{CatalogueEntry, CommandClass};
    use millwright_schemas::{CommandId, LedgerId};
    use serde_json::{Map, json};
    use uuid::Uuid;

    use super::*;
    use crate::orders::{EntryState, Listed};

    const NOW: i64 = 1_763_775_000;

    fn machine() -> MachineId {
        MachineId(Uuid::from_u128(1))
    }

    fn ledger() -> LedgerId {
        LedgerId(Uuid::from_u128(2))
    }

    fn claims() -> CommandClaims {
        CommandClaims {
            jti: CommandId(Uuid::from_u128(3)),
            aud: machine(),
            iat: NOW - 1,
            exp: NOW + 60,
            name: "set_speed".to_owned(),
            args: json!({"percent": 50}).as_object().unwrap().clone(),
            deadline_s: 10,
            ord: 8,
            ledger: Some(ledger()),
            by: "Ada".to_owned(),
            ticket: None,
            purpose: None,
        }
    }

    fn catalogue() -> Catalogue {
        let mut catalogue = Catalogue::default();
        for (name, allowed) in [("set_speed", true), ("home", false)] {
            let arguments = json!({
                "type": "object",
                "properties": {"percent": {"type": "number", "maximum": 110}},
                "additionalProperties": false,
            });
            let entry = CatalogueEntry {
                name: name.to_owned(),
                class: CommandClass::Motion,
                description: std::collections::BTreeMap::new(),
                arguments,
                needs_consent: true,
                deadline_s: 60,
                remedy_for: Vec::new(),
            };
            assert!(catalogue.add(Listed { entry, allowed }));
        }
        catalogue
    }

    fn decided(claims: &CommandClaims, change: impl FnOnce(&mut Local<'_>)) -> Decision {
        let catalogue = catalogue();
        let mut local = Local {
            machine: machine(),
            ledger: LedgerHead { id: ledger(), last_ord: 7 },
            waiting: 0,
            catalogue: &catalogue,
            now: Some(Timestamp::from_millis(NOW * 1_000)),
        };
        change(&mut local);
        decide(claims, None, &local)
    }

    fn reason(decision: &Decision) -> Option<(Rejection, bool)> {
        match decision {
            Decision::Reject { reason, counts, .. } => Some((*reason, *counts)),
            _ => None,
        }
    }

    #[test]
    fn what_is_in_order_is_accepted_also_without_the_time() {
        assert_eq!(decided(&claims(), |_| {}), Decision::Accept);
        assert_eq!(decided(&claims(), |local| local.now = None), Decision::Accept);
        let far = CommandClaims { ord: u64::MAX, exp: i64::MAX, ..claims() };
        assert_eq!(decided(&far, |_| {}), Decision::Accept);
    }

    #[test]
    fn each_reason_to_refuse() {
        let other = Some(LedgerId(Uuid::from_u128(9)));
        let wrong = json!({"percent": 500}).as_object().unwrap().clone();
        let unknown = json!({"speed": 5}).as_object().unwrap().clone();
        for (claims, expected) in [
            (CommandClaims { ledger: other, ..claims() }, (Rejection::OtherLedger, false)),
            (CommandClaims { ord: 7, ..claims() }, (Rejection::OutOfOrder, false)),
            (CommandClaims { ord: 0, ..claims() }, (Rejection::OutOfOrder, false)),
            (CommandClaims { exp: NOW, ..claims() }, (Rejection::Expired, true)),
            (CommandClaims { exp: i64::MIN, ..claims() }, (Rejection::Expired, true)),
            (CommandClaims { name: "fly".into(), ..claims() }, (Rejection::UnknownCommand, true)),
            (CommandClaims { name: "home".into(), ..claims() }, (Rejection::Forbidden, true)),
            (CommandClaims { args: wrong, ..claims() }, (Rejection::InvalidArguments, true)),
            (CommandClaims { args: unknown, ..claims() }, (Rejection::InvalidArguments, true)),
        ] {
            assert_eq!(reason(&decided(&claims, |_| {})), Some(expected), "{claims:?}");
        }
        let busy = decided(&claims(), |local| local.waiting = ORDERS_WAITING);
        assert_eq!(reason(&busy), Some((Rejection::Busy, true)));
    }

    #[test]
    fn without_a_ledger_nothing_is_done_but_told() {
        let unknown = CommandClaims { ledger: None, ord: 1, exp: 0, ..claims() };
        assert_eq!(decided(&unknown, |_| {}), Decision::TellCapabilities);
    }

    #[test]
    fn for_another_machine_it_never_came() {
        let foreign = CommandClaims { aud: MachineId(Uuid::from_u128(5)), ..claims() };
        assert_eq!(decided(&foreign, |_| {}), Decision::Foreign);
    }

    #[test]
    fn what_is_in_the_ledger_is_a_duplicate_whatever_it_says_now() {
        let claims = claims();
        let entry = Entry {
            claims: CommandClaims { args: Map::new(), ..claims.clone() },
            received_at: Timestamp::from_millis(NOW * 1_000),
            state: EntryState::Running,
        };
        let catalogue = Catalogue::default();
        let local = Local {
            machine: machine(),
            ledger: LedgerHead { id: ledger(), last_ord: 8 },
            waiting: ORDERS_WAITING,
            catalogue: &catalogue,
            now: None,
        };
        assert_eq!(decide(&claims, Some(&entry), &local), Decision::Duplicate);
    }

    #[test]
    fn nothing_begins_late_or_without_the_time() {
        let at = |s: i64| Some(Timestamp::from_millis(s * 1_000));
        assert_eq!(begin(&claims(), at(NOW + 59)), Begin::Now);
        assert_eq!(begin(&claims(), at(NOW + 60)), Begin::Never(Rejection::Expired));
        assert_eq!(begin(&claims(), None), Begin::Never(Rejection::ClockUntrusted));
    }
}
