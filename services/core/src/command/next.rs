//! What a machine is sent next.

use millwright_schemas::{CommandId, LedgerId, Timestamp};

use super::state::{Reached, State};

/// A command that the machine hasn't confirmed is sent again after so many seconds.
pub const RESEND_S: i64 = 10;
/// How long after it connected a machine that has never told its ledger may still do so, in
/// seconds. Then its commands go out without one.
pub const UNTOLD_WAIT_S: i64 = 5;
/// How long after it connected a machine is waited for to tell its ledger once more, in seconds: it
/// may have another one. Then its commands go out for the one that is known.
pub const LEDGER_WAIT_S: i64 = 30;
/// How long after a command can last have run a cancellation of it still counts, in seconds.
pub const CANCEL_GRACE_S: i64 = 3_600;

/// An open command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its id.
    pub id: CommandId,
    /// Its place in the machine's order.
    pub ord: u64,
    /// Where it is.
    pub state: State,
    /// Until when it may be begun.
    pub expires_at: Timestamp,
    /// How long it may run, in seconds.
    pub deadline_s: i64,
    /// When it was last handed over, as far as is remembered.
    pub handed_over_at: Option<Timestamp>,
    /// When its cancellation was last handed over, as far as is remembered.
    pub cancel_handed_over_at: Option<Timestamp>,
}

/// How a machine can be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contact {
    /// Since when it, or its parent for it, is connected. `None`: it isn't.
    pub connected_since: Option<Timestamp>,
    /// The ledger that its agent told last, and when the platform had it.
    pub ledger: Option<(LedgerId, Timestamp)>,
}

/// What is to be done next for one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The time of these is over. Then ask again.
    Expire(Vec<CommandId>),
    /// This one is signed for this ledger and handed over, perhaps once more.
    Send {
        /// Which.
        id: CommandId,
        /// For which ledger.
        ledger: Option<LedgerId>,
    },
    /// The cancellation of this one goes out, and after it the command itself: so the machine enters
    /// it as canceled, and it can never run.
    SendCanceled {
        /// Which.
        id: CommandId,
        /// For which ledger.
        ledger: LedgerId,
    },
    /// Nothing, unless something happens.
    Nothing,
}

/// Decides what is to be done next, given the machine's open commands in their order.
///
/// One after the other: while a command is out that the machine hasn't confirmed, the later ones
/// wait until it is confirmed or its time is over.
#[must_use]
pub fn next(open: &[Standing], contact: &Contact, now: Timestamp) -> Next {
    let over: Vec<CommandId> = open
        .iter()
        .filter(|command| command.expires_at <= now && waits(command.state))
        .map(|command| command.id)
        .collect();
    if !over.is_empty() {
        return Next::Expire(over);
    }
    let Some(connected_since) = contact.connected_since else { return Next::Nothing };
    let first = open.iter().find(|command| {
        matches!(command.state, State::Queued)
            || matches!(command.state, State::Out(out) if out.reached == Reached::Sent)
    });
    let Some(command) = first else { return Next::Nothing };
    let ledger = ledger_for_now(contact, connected_since, now);
    match (command.state, ledger) {
        (State::Queued, Some(ledger)) => Next::Send { id: command.id, ledger },
        (State::Out(out), ledger) => match (out.ledger, ledger.flatten()) {
            (Some(_), _) if !is_due(command.handed_over_at, connected_since, now) => Next::Nothing,
            (Some(ledger), _) if out.cancel => Next::SendCanceled { id: command.id, ledger },
            (Some(own), _) => Next::Send { id: command.id, ledger: Some(own) },
            (None, Some(told)) if !out.cancel => Next::Send { id: command.id, ledger: Some(told) },
            // Without a ledger it goes out once: nothing there would make a repeat harmless.
            (None, _) => Next::Nothing,
        },
        _ => Next::Nothing,
    }
}

/// The commands whose cancellation is to be handed over now by itself, perhaps once more.
#[must_use]
pub fn cancels(open: &[Standing], contact: &Contact, now: Timestamp) -> Vec<CommandId> {
    let Some(connected_since) = contact.connected_since else { return Vec::new() };
    open.iter()
        .filter(|command| {
            matches!(command.state, State::Out(out) if out.cancel
                && !(out.reached == Reached::Sent && out.ledger.is_some()))
        })
        .filter(|command| now < cancel_until(command.expires_at, command.deadline_s))
        .filter(|command| is_due(command.cancel_handed_over_at, connected_since, now))
        .map(|command| command.id)
        .collect()
}

/// Until when a command's cancellation counts: later it can't run any more.
#[must_use]
pub fn cancel_until(expires_at: Timestamp, deadline_s: i64) -> Timestamp {
    expires_at.plus_seconds(deadline_s).plus_seconds(CANCEL_GRACE_S)
}

/// Whether its time can run out.
const fn waits(state: State) -> bool {
    match state {
        State::AwaitingApproval | State::Queued => true,
        State::Out(out) => matches!(out.reached, Reached::Sent),
        State::Ended(_) => false,
    }
}

fn is_due(last: Option<Timestamp>, connected_since: Timestamp, now: Timestamp) -> bool {
    last.is_none_or(|last| {
        // What is ahead of now was remembered by a clock that has been set back.
        last < connected_since || last > now || last.plus_seconds(RESEND_S) <= now
    })
}

/// The ledger that commands are signed for now; `None`: not known yet, wait.
fn ledger_for_now(
    contact: &Contact,
    connected_since: Timestamp,
    now: Timestamp,
) -> Option<Option<LedgerId>> {
    match contact.ledger {
        Some((ledger, told_at)) => {
            let fresh = told_at >= connected_since;
            let waited = connected_since.plus_seconds(LEDGER_WAIT_S) <= now;
            (fresh || waited).then_some(Some(ledger))
        }
        None => (connected_since.plus_seconds(UNTOLD_WAIT_S) <= now).then_some(None),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::Out;
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_763_775_000_000).plus_seconds(seconds)
    }

    const LEDGER: LedgerId = LedgerId(Uuid::from_u128(1));

    fn id(n: u64) -> CommandId {
        CommandId(Uuid::from_u128(n.into()))
    }

    fn command(ord: u64, state: State) -> Standing {
        Standing {
            id: id(ord),
            ord,
            state,
            expires_at: at(300),
            deadline_s: 60,
            handed_over_at: None,
            cancel_handed_over_at: None,
        }
    }

    fn out(reached: Reached) -> State {
        State::Out(Out { reached, ledger: Some(LEDGER), cancel: false })
    }

    fn contact() -> Contact {
        Contact { connected_since: Some(at(0)), ledger: Some((LEDGER, at(1))) }
    }

    fn send(n: u64) -> Next {
        Next::Send { id: id(n), ledger: Some(LEDGER) }
    }

    #[test]
    fn one_after_the_other() {
        let queued = State::Queued;
        for (first, expected) in [
            (State::AwaitingApproval, send(2)),
            (queued, send(1)),
            (out(Reached::Received), send(2)),
            (out(Reached::AwaitingConsent), send(2)),
            (out(Reached::Running), send(2)),
            (out(Reached::Unconfirmed), send(2)),
        ] {
            let open = [command(1, first), command(2, queued), command(3, queued)];
            assert_eq!(next(&open, &contact(), at(2)), expected, "{first:?}");
        }
        let sent = Standing { handed_over_at: Some(at(1)), ..command(1, out(Reached::Sent)) };
        let open = [sent, command(2, queued)];
        assert_eq!(next(&open, &contact(), at(2)), Next::Nothing, "the first isn't confirmed");
        assert_eq!(next(&[], &contact(), at(2)), Next::Nothing);
    }

    #[test]
    fn what_is_not_confirmed_is_sent_again() {
        let sent = |last| [Standing { handed_over_at: last, ..command(1, out(Reached::Sent)) }];
        assert_eq!(next(&sent(Some(at(5))), &contact(), at(14)), Next::Nothing);
        assert_eq!(next(&sent(Some(at(5))), &contact(), at(15)), send(1));
        assert_eq!(next(&sent(Some(at(-1))), &contact(), at(1)), send(1), "it has come back");
        assert_eq!(next(&sent(None), &contact(), at(1)), send(1), "the platform has");
        assert_eq!(next(&sent(Some(at(99))), &contact(), at(1)), send(1), "the clock was set back");
        let gone = Contact { connected_since: None, ..contact() };
        assert_eq!(next(&sent(None), &gone, at(100)), Next::Nothing);
    }

    #[test]
    fn what_is_over_expires_first_connected_or_not() {
        let open = [
            command(1, out(Reached::Running)),
            command(2, out(Reached::Sent)),
            command(3, State::AwaitingApproval),
            command(4, State::Queued),
            Standing { expires_at: at(301), ..command(5, State::Queued) },
        ];
        for contact in [contact(), Contact::default()] {
            let expected = Next::Expire(vec![id(2), id(3), id(4)]);
            assert_eq!(next(&open, &contact, at(300)), expected);
        }
    }

    #[test]
    fn the_ledger_is_waited_for() {
        let open = [command(1, State::Queued)];
        let untold = Contact { ledger: None, ..contact() };
        assert_eq!(next(&open, &untold, at(4)), Next::Nothing);
        let without = Next::Send { id: id(1), ledger: None };
        assert_eq!(next(&open, &untold, at(5)), without);
        let old = Contact { ledger: Some((LEDGER, at(-100))), ..contact() };
        assert_eq!(next(&open, &old, at(29)), Next::Nothing, "it may have another one");
        assert_eq!(next(&open, &old, at(30)), send(1));
    }

    #[test]
    fn what_went_out_without_a_ledger_goes_out_for_the_one_that_is_told() {
        let state = State::Out(Out { reached: Reached::Sent, ledger: None, cancel: false });
        let sent = [Standing { handed_over_at: Some(at(1)), ..command(1, state) }];
        assert_eq!(next(&sent, &contact(), at(2)), send(1));
        let untold = Contact { ledger: None, ..contact() };
        assert_eq!(next(&sent, &untold, at(2)), Next::Nothing);
        assert_eq!(next(&sent, &untold, at(11)), Next::Nothing, "not twice without a ledger");
    }

    #[test]
    fn a_canceled_command_is_sent_again_only_after_its_cancellation() {
        let canceled = |ledger| State::Out(Out { reached: Reached::Sent, ledger, cancel: true });
        let open = [command(1, canceled(Some(LEDGER))), command(2, State::Queued)];
        let expected = Next::SendCanceled { id: id(1), ledger: LEDGER };
        assert_eq!(next(&open, &contact(), at(100)), expected);
        assert_eq!(cancels(&open, &contact(), at(100)), []);
        let lately = [Standing { handed_over_at: Some(at(95)), ..open[0] }];
        assert_eq!(next(&lately, &contact(), at(100)), Next::Nothing);
        let without = [command(1, canceled(None))];
        assert_eq!(next(&without, &contact(), at(100)), Next::Nothing, "it must not run any more");
        assert_eq!(cancels(&without, &contact(), at(100)), [id(1)]);
    }

    #[test]
    fn cancellations_are_repeated_while_the_command_may_run() {
        let state =
            State::Out(Out { reached: Reached::Running, ledger: Some(LEDGER), cancel: true });
        let open = [command(1, state)];
        assert_eq!(cancels(&open, &contact(), at(100)), [id(1)]);
        let lately = [Standing { cancel_handed_over_at: Some(at(95)), ..open[0] }];
        assert_eq!(cancels(&lately, &contact(), at(100)), []);
        assert_eq!(cancels(&lately, &contact(), at(105)), [id(1)]);
        assert_eq!(cancels(&open, &Contact::default(), at(100)), []);
        let last = 300 + 60 + CANCEL_GRACE_S;
        assert_eq!(cancels(&open, &contact(), at(last - 1)), [id(1)]);
        assert_eq!(cancels(&open, &contact(), at(last)), [], "it can't run any more");
    }
}
