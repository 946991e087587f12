//! Which trouble comes when. Pure: it is told how long the demo runs and which machines have
//! trouble enough.

use std::time::Duration;

use super::limits::{FIRST_FAILURE, FIRST_TROUBLE};

/// A kind of trouble; each happens to a machine of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A lift's door blocks. A reset repairs it.
    BlockedDoor,
    /// A compressor's bearing is worn out: it fails again after a reset, until it is lubricated.
    WornBearing,
    /// A mill's axis vibrates: only a rule sees it.
    RoughAxis,
    /// A machine loses contact for some minutes.
    LostContact,
    /// An operator asks for help.
    HelpWanted,
    /// A fault comes and goes by itself.
    LooseFan,
}

/// What is done, through means that anybody on the machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// `simulate wear`, in percent.
    Wear(&'static str),
    /// `simulate fail`.
    Fail,
    /// `fault raise`.
    RaiseFault,
    /// `fault clear`.
    ClearFault,
    /// `help-request`.
    AskForHelp(&'static str),
    /// The agent's process is ended.
    StopAgent,
    /// It is started again.
    StartAgent,
}

/// Seconds since the trouble began, and what is done then.
pub(super) type Step = (u64, Act);

impl Trouble {
    /// In the order in which they come, over and over.
    pub(super) const ALL: [Self; 6] = [
        Self::BlockedDoor,
        Self::WornBearing,
        Self::RoughAxis,
        Self::LostContact,
        Self::HelpWanted,
        Self::LooseFan,
    ];

    /// Serial number of the machine that it happens to.
    pub(super) const fn machine(self) -> &'static str {
        match self {
            Self::BlockedDoor => "DEMO-ELEVATOR-2",
            Self::WornBearing => "DEMO-COMPRESSOR-2",
            Self::RoughAxis => "DEMO-MILL-2",
            Self::LostContact => "DEMO-MILL-3",
            Self::HelpWanted => "DEMO-MILL-1",
            Self::LooseFan => "DEMO-HOST",
        }
    }

    /// How it happens, in order of time.
    pub(super) const fn steps(self) -> &'static [Step] {
        match self {
            // Worn first, so that it shows in the signals and a rule warns before it fails.
            Self::BlockedDoor => &[(0, Act::Wear("80")), (LEAD_S, Act::Fail)],
            Self::WornBearing => &[(0, Act::Wear("85")), (45, Act::Wear("100"))],
            Self::RoughAxis => &[(0, Act::Wear("90"))],
            Self::LostContact => &[(0, Act::StopAgent), (180, Act::StartAgent)],
            Self::HelpWanted => &[(0, Act::AskForHelp(HELP))],
            Self::LooseFan => &[
                (0, Act::RaiseFault),
                (20, Act::ClearFault),
                (40, Act::RaiseFault),
                (60, Act::ClearFault),
                (80, Act::RaiseFault),
                (110, Act::ClearFault),
            ],
        }
    }
}

/// From the first wear of the lift to its failure, in seconds.
const LEAD_S: u64 = FIRST_FAILURE.as_secs() - FIRST_TROUBLE.as_secs();
/// What the operator says.
const HELP: &str = "The chips look burnt since this morning. May I go on with this program?";

/// Decides when which trouble comes.
#[derive(Debug)]
pub(super) struct Director {
    every: Duration,
    next: Duration,
    turn: usize,
}

impl Director {
    /// The first trouble begins at [`FIRST_TROUBLE`], the next ones `every` so often after
    /// [`FIRST_FAILURE`].
    pub(super) const fn new(every: Duration) -> Self {
        Self { every, next: FIRST_TROUBLE, turn: 0 }
    }

    /// The trouble that begins now, so long after the start. A machine that is busy with an older
    /// trouble gets no second one: then the next kind in turn comes, or none.
    pub(super) fn begin(
        &mut self,
        elapsed: Duration,
        is_busy: impl Fn(&str) -> bool,
    ) -> Option<Trouble> {
        if elapsed < self.next {
            return None;
        }
        self.next = self.after(elapsed);
        let kinds = Trouble::ALL.len();
        let free = (self.turn..self.turn + kinds)
            .map(|turn| turn % kinds)
            .find(|kind| !is_busy(Trouble::ALL[*kind].machine()))?;
        self.turn = free + 1;
        Some(Trouble::ALL[free])
    }

    /// How long it is until the next trouble.
    pub(super) const fn wait(&self, elapsed: Duration) -> Duration {
        self.next.saturating_sub(elapsed)
    }

    /// The first time of a trouble after this one. Times that have passed unseen, as when the
    /// computer slept, are left out.
    fn after(&self, elapsed: Duration) -> Duration {
        let mut next = FIRST_FAILURE + self.every;
        if elapsed >= next {
            let past = (elapsed - FIRST_FAILURE).as_nanos() / self.every.as_nanos();
            let past = u32::try_from(past).unwrap_or(u32::MAX - 1);
            next = FIRST_FAILURE + self.every.saturating_mul(past + 1);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::fleet::MACHINES;
    use super::*;

    const EVERY: Duration = Duration::from_secs(600);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// What begins in a time, looked at every second.
    fn played(director: &mut Director, over: u64, busy: &[&str]) -> Vec<(u64, Trouble)> {
        (0..over)
            .filter_map(|s| Some((s, director.begin(seconds(s), |name| busy.contains(&name))?)))
            .collect()
    }

    #[test]
    fn every_kind_comes_in_turn_at_its_time() {
        let mut director = Director::new(EVERY);
        let begun = played(&mut director, 60 + 7 * 600, &[]);
        let times: Vec<u64> = begun.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [20, 660, 1_260, 1_860, 2_460, 3_060, 3_660]);
        let kinds: Vec<Trouble> = begun.iter().map(|(_, trouble)| *trouble).collect();
        assert_eq!(kinds[..6], Trouble::ALL);
        assert_eq!(kinds[6], Trouble::BlockedDoor, "and over again");
    }

    #[test]
    fn the_first_failure_is_when_it_is_said_to_be() {
        let fails = Trouble::BlockedDoor.steps().iter().find(|(_, act)| *act == Act::Fail);
        let at = fails.map(|(after, _)| FIRST_TROUBLE + seconds(*after));
        assert_eq!(at, Some(FIRST_FAILURE));
        assert!(FIRST_FAILURE < seconds(120), "within two minutes");
    }

    #[test]
    fn a_busy_machine_gets_no_second_trouble() {
        let busy = [Trouble::BlockedDoor.machine(), Trouble::RoughAxis.machine()];
        let mut director = Director::new(EVERY);
        let kinds: Vec<Trouble> =
            played(&mut director, 3_000, &busy).into_iter().map(|(_, kind)| kind).collect();
        use Trouble::{HelpWanted, LooseFan, LostContact, WornBearing};
        assert_eq!(kinds, [WornBearing, LostContact, HelpWanted, LooseFan, WornBearing]);
        let all: Vec<&str> = Trouble::ALL.iter().map(|trouble| trouble.machine()).collect();
        assert_eq!(played(&mut Director::new(EVERY), 3_000, &all), []);
    }

    #[test]
    fn what_was_slept_through_is_not_made_up_for() {
        let mut director = Director::new(EVERY);
        assert!(director.begin(seconds(20), |_| false).is_some());
        assert_eq!(director.wait(seconds(60)), EVERY);
        assert!(director.begin(seconds(7_000), |_| false).is_some());
        assert_eq!(director.begin(seconds(7_001), |_| false), None);
        assert_eq!(director.wait(seconds(7_000)), seconds(7_260 - 7_000));
    }

    #[test]
    fn each_kind_has_a_machine_of_its_own_and_steps_in_order() {
        let machines: BTreeSet<&str> = Trouble::ALL.iter().map(|kind| kind.machine()).collect();
        assert_eq!(machines.len(), Trouble::ALL.len());
        for kind in Trouble::ALL {
            assert!(MACHINES.iter().any(|machine| machine.serial_number == kind.machine()));
            assert!(kind.steps().is_sorted_by_key(|(after, _)| *after));
            assert_eq!(kind.steps().first().map(|(after, _)| *after), Some(0));
        }
    }
}
