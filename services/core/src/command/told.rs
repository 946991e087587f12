//! What a machine's ledger, as its agent tells it, says about a command.

use millwright_schemas::{LedgerId, Timestamp};

use super::next::{Contact, Standing};
use super::state::{Out, Reached, State};
use super::step::Event;

/// What the agent told of its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The ledger.
    pub ledger: LedgerId,
    /// The ledger that it had told before.
    pub before: Option<LedgerId>,
    /// `ord` of the last command in it; 0 when it is empty.
    pub last_ord: u64,
    /// Up to which `ord` all that is in it has been reported.
    pub reported_ord: Option<u64>,
    /// When it was told, by the machine's clock.
    pub ts: Timestamp,
}

/// What happens to an open command by it, if anything.
///
/// A command never came and never will
/// - when all that is in the ledger up to its place has been reported, and it hasn't: a later one
///   is in the ledger, so it is refused if it still comes;
/// - when its time was over when the ledger was read, and no copy of it can be on its way. So its
///   time must be over by both clocks, and it must not have been handed over on the connection that
///   is open now: the word of the ledger may have been written before that copy was read.
#[must_use]
pub fn after_told(
    command: &Standing,
    told: &Told,
    contact: &Contact,
    now: Timestamp,
) -> Option<Event> {
    let State::Out(Out { reached, ledger, .. }) = command.state else { return None };
    match ledger {
        Some(ledger) if ledger != told.ledger => return Some(Event::LedgerChanged),
        None if reached == Reached::Unconfirmed => {
            // Signed for no ledger: no agent has run it.
            return Some(Event::NeverReceived);
        }
        None if reached > Reached::Sent => {
            let changed = told.before.is_some_and(|before| before != told.ledger);
            return changed.then_some(Event::LedgerChanged);
        }
        _ => {}
    }
    let reported = told.reported_ord.is_some_and(|ord| command.ord <= ord);
    let passed = reported && reached <= Reached::Sent;
    if ledger.is_some() && passed {
        return Some(Event::NeverReceived);
    }
    let over = command.expires_at <= now && command.expires_at <= told.ts;
    let on_its_way = command.handed_over_at.is_some_and(|handed_over| {
        contact.connected_since.is_none_or(|connected| handed_over >= connected)
    });
    (ledger.is_some() && command.ord > told.last_ord && over && !on_its_way)
        .then_some(Event::NeverReceived)
}

#[cfg(test)]
mod tests {
    use millwright_schemas::CommandId;
    use uuid::Uuid;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_763_775_000_000).plus_seconds(seconds)
    }

    fn ledger(n: u128) -> LedgerId {
        LedgerId(Uuid::from_u128(n))
    }

    fn standing(reached: Reached, ledger: Option<LedgerId>) -> Standing {
        Standing {
            id: CommandId(Uuid::from_u128(1)),
            ord: 5,
            state: State::Out(Out { reached, ledger, cancel: false }),
            expires_at: at(100),
            deadline_s: 60,
            handed_over_at: Some(at(0)),
            cancel_handed_over_at: None,
        }
    }

    /// The machine has connected again since the command was handed over.
    fn contact() -> Contact {
        Contact { connected_since: Some(at(50)), ledger: Some((ledger(1), at(51))) }
    }

    fn told(last_ord: u64) -> Told {
        Told {
            ledger: ledger(1),
            before: Some(ledger(1)),
            last_ord,
            reported_ord: None,
            ts: at(200),
        }
    }

    #[test]
    fn what_is_not_in_the_ledger_after_its_time_never_came() {
        let own = Some(ledger(1));
        for (reached, expected) in [
            (Reached::Sent, Some(Event::NeverReceived)),
            (Reached::Unconfirmed, Some(Event::NeverReceived)),
            (Reached::Running, Some(Event::NeverReceived)),
        ] {
            let command = standing(reached, own);
            assert_eq!(after_told(&command, &told(4), &contact(), at(200)), expected);
            let waits = after_told(&command, &told(5), &contact(), at(200));
            assert_eq!(waits, None, "{reached:?}: it came, and its report is on its way");
            let reported = Told { reported_ord: Some(5), ..told(5) };
            let never = if reached > Reached::Sent { None } else { expected };
            let known = after_told(&command, &reported, &contact(), at(200));
            assert_eq!(known, never, "{reached:?}: it would have been reported");
        }
        let queued = Standing { state: State::Queued, ..standing(Reached::Sent, None) };
        assert_eq!(after_told(&queued, &told(0), &contact(), at(200)), None);
    }

    #[test]
    fn nothing_is_said_while_a_copy_may_be_on_its_way() {
        let command = standing(Reached::Unconfirmed, Some(ledger(1)));
        assert_eq!(after_told(&command, &told(4), &contact(), at(99)), None, "not yet over");
        let early = Told { ts: at(99), ..told(4) };
        assert_eq!(after_told(&command, &early, &contact(), at(200)), None, "not for the machine");
        let lately = Standing { handed_over_at: Some(at(50)), ..command };
        assert_eq!(after_told(&lately, &told(4), &contact(), at(200)), None, "on this connection");
        let lost = Contact { connected_since: None, ..contact() };
        assert_eq!(after_told(&command, &told(4), &lost, at(200)), None, "on one that isn't known");
        let canceling = Standing { cancel_handed_over_at: Some(at(60)), ..command };
        let never = Some(Event::NeverReceived);
        assert_eq!(
            after_told(&canceling, &told(4), &contact(), at(200)),
            never,
            "a cancellation is no copy"
        );
        let restarted = Standing { handed_over_at: None, ..command };
        assert_eq!(after_told(&restarted, &told(4), &contact(), at(200)), never);
    }

    #[test]
    fn another_ledger_leaves_what_was_signed_for_the_old_one_unknown() {
        for reached in [Reached::Sent, Reached::Unconfirmed, Reached::Received, Reached::Running] {
            let command = standing(reached, Some(ledger(2)));
            let event = after_told(&command, &told(9), &contact(), at(1));
            assert_eq!(event, Some(Event::LedgerChanged), "{reached:?}");
        }
    }

    #[test]
    fn what_was_signed_for_no_ledger_was_run_by_no_agent() {
        let sent = standing(Reached::Sent, None);
        assert_eq!(after_told(&sent, &told(9), &contact(), at(1)), None, "it is signed again");
        let unconfirmed = standing(Reached::Unconfirmed, None);
        let event = after_told(&unconfirmed, &told(9), &contact(), at(200));
        assert_eq!(event, Some(Event::NeverReceived));
        let running = standing(Reached::Running, None);
        assert_eq!(after_told(&running, &told(9), &contact(), at(1)), None);
        let other = Told { before: Some(ledger(2)), ..told(9) };
        let event = after_told(&running, &other, &contact(), at(1));
        assert_eq!(event, Some(Event::LedgerChanged));
    }
}
