//! Reckoning the time from signed times and two clocks. Pure.

use std::time::Duration;

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};

use crate::limits::{CLOCK_STEP_US, TIME_ANSWER, TIME_ASK_AGAIN, TIME_REFRESH, TIME_WAIT};

/// What the machine's clocks say at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// The one that people see; anybody can set it.
    pub wall: Timestamp,
    /// The one that only counts, from any beginning. It may stand still while the machine sleeps.
    pub monotonic: Duration,
}

/// How the time is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeState {
    /// The platform has signed it, and it was counted on from there.
    Signed,
    /// The machine's clock says so, and nothing speaks against it.
    Clock,
    /// An answer of the platform is awaited.
    Asked,
    /// It isn't known: the machine's clock is before what was signed.
    Unknown,
}

/// An answer that wasn't asked for, came too late or came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it answers no open question")]
pub struct Unasked;

/// A time and when it was, by the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    time: Timestamp,
    at: Duration,
}

impl Mark {
    fn counted_on(self, monotonic: Duration) -> Timestamp {
        let elapsed = monotonic.saturating_sub(self.at).as_micros();
        self.time.plus_micros(i64::try_from(elapsed).unwrap_or(i64::MAX))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Question {
    nonce: String,
    at: Duration,
}

/// All that is known about the time.
#[derive(Debug, Clone)]
pub struct Reckoning {
    /// The latest signed time, counted on: it can't be earlier now.
    floor: Mark,
    /// The last answer, reckoned from the moment of the question: it can't be later now. `None`
    /// until there is one, and after a step of the clock.
    answer: Option<Mark>,
    question: Option<Question>,
    /// When an answer was lost by a step of the clock: until it is asked for anew, the clock isn't
    /// believed either.
    doubted: Option<Duration>,
    /// Questions since the last answer.
    asked: u32,
    last: Clocks,
}

impl Reckoning {
    /// Begins with what was seen signed in earlier lives.
    #[must_use]
    pub const fn new(floor: Timestamp, clocks: Clocks) -> Self {
        Self {
            floor: Mark { time: floor, at: clocks.monotonic },
            answer: None,
            question: None,
            doubted: None,
            asked: 0,
            last: clocks,
        }
    }

    /// Looks at the clocks; true when they have gone apart: somebody has set the clock, or the
    /// machine has slept. An answer from before counts no more.
    pub fn look(&mut self, clocks: Clocks) -> bool {
        let counted = Mark { time: self.last.wall, at: self.last.monotonic };
        let apart = clocks.wall.micros_since(counted.counted_on(clocks.monotonic));
        self.last = clocks;
        let stepped = apart.unsigned_abs() > CLOCK_STEP_US.unsigned_abs();
        if stepped {
            self.doubted = self.answer.map(|_| clocks.monotonic).or(self.doubted);
            self.answer = None;
            self.question = None;
            self.asked = 0;
        }
        stepped
    }

    /// The platform has signed something at this time. True when it is the latest so far; after an
    /// answer nothing is: that knows better.
    pub fn saw_signed(&mut self, signed: Timestamp, clocks: Clocks) -> bool {
        let later = self.answer.is_none() && signed > self.floor.counted_on(clocks.monotonic);
        if later {
            self.floor = Mark { time: signed, at: clocks.monotonic };
        }
        later
    }

    /// Whether a question should be sent now, given that the platform can hear it.
    #[must_use]
    pub fn wants_answer(&self, clocks: Clocks) -> bool {
        let since = |at: Duration| clocks.monotonic.saturating_sub(at);
        if let Some(question) = &self.question {
            let patience = TIME_ASK_AGAIN.saturating_mul(1 << self.asked.min(6));
            return since(question.at) >= patience;
        }
        self.answer.is_none_or(|answer| since(answer.at) >= TIME_REFRESH)
    }

    /// A question is sent, or sent anew: only its answer counts from now on.
    pub fn ask(&mut self, nonce: String, clocks: Clocks) {
        self.question = Some(Question { nonce, at: clocks.monotonic });
        self.asked = self.asked.saturating_add(1);
        self.doubted = None;
    }

    /// The platform can't hear: what was asked won't be answered.
    pub fn give_up(&mut self) {
        self.question = None;
        self.doubted = None;
        self.asked = 0;
    }

    /// An answer came. It corrects the floor in either direction: it can be no recording, and a
    /// platform whose clock was once ahead must not spoil the floor for ever.
    ///
    /// # Errors
    /// When it isn't the answer to the last question, in time: it may be a recording.
    pub fn answer(
        &mut self,
        nonce: &str,
        signed: Timestamp,
        clocks: Clocks,
    ) -> Result<(), Unasked> {
        self.look(clocks);
        let question = self.question.take_if(|question| question.nonce == nonce).ok_or(Unasked)?;
        if clocks.monotonic.saturating_sub(question.at) > TIME_ANSWER {
            return Err(Unasked);
        }
        self.asked = 0;
        self.floor = Mark { time: signed, at: clocks.monotonic };
        // It was signed after the question: reckoned from there, nothing is done too late.
        self.answer = Some(Mark { time: signed, at: question.at });
        Ok(())
    }

    /// The time, when it is known for certain.
    pub fn now(&mut self, clocks: Clocks) -> Option<Timestamp> {
        match self.state(clocks) {
            TimeState::Signed => self.answer.map(|answer| answer.counted_on(clocks.monotonic)),
            TimeState::Clock => Some(clocks.wall.max(self.at_least(clocks))),
            TimeState::Asked | TimeState::Unknown => None,
        }
    }

    /// How the time is known.
    pub fn state(&mut self, clocks: Clocks) -> TimeState {
        self.look(clocks);
        if self.answer.is_some() {
            return TimeState::Signed;
        }
        let awaited = self.question.as_ref().is_some_and(|question| {
            self.asked <= 1 && clocks.monotonic.saturating_sub(question.at) < TIME_WAIT
        });
        let doubted =
            self.doubted.is_some_and(|at| clocks.monotonic.saturating_sub(at) < TIME_WAIT);
        if awaited || doubted {
            return TimeState::Asked;
        }
        // A clock a little behind the platform's is not a wrong one.
        let behind = self.at_least(clocks).micros_since(clocks.wall);
        if behind <= CLOCK_STEP_US { TimeState::Clock } else { TimeState::Unknown }
    }

    /// The best guess: the answer counted on, else the machine's clock, but never before the floor.
    /// For what can't wait for certainty, such as certificates on the way to an answer.
    pub fn best_guess(&mut self, clocks: Clocks) -> Timestamp {
        self.look(clocks);
        match self.answer {
            Some(answer) => answer.counted_on(clocks.monotonic),
            None => clocks.wall.max(self.at_least(clocks)),
        }
    }

    /// The earliest time that it can be.
    #[must_use]
    pub fn at_least(&self, clocks: Clocks) -> Timestamp {
        self.floor.counted_on(clocks.monotonic)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    const SIGNED: i64 = 1_763_775_000;

    fn s(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn at(wall_s: i64, monotonic_s: u64) -> Clocks {
        Clocks { wall: s(wall_s), monotonic: Duration::from_secs(monotonic_s) }
    }

    #[test]
    fn the_best_guess_is_the_answer_else_the_clock_but_not_before_the_floor() {
        let mut time = Reckoning::new(s(SIGNED), at(0, 0));
        assert_eq!(time.best_guess(at(1, 1)), s(SIGNED + 1));
        let ahead = SIGNED + 999_999_999;
        assert_eq!(time.best_guess(at(ahead, 2)), s(ahead));
        time.ask("n".to_owned(), at(ahead, 2));
        time.answer("n", s(SIGNED + 500), at(ahead, 2)).unwrap();
        assert_eq!(time.best_guess(at(ahead + 1, 3)), s(SIGNED + 501));
    }

    #[test]
    fn right_after_a_step_the_clock_is_not_believed_until_it_was_asked_for() {
        let mut time = Reckoning::new(s(SIGNED), at(SIGNED, 0));
        time.ask("n".to_owned(), at(SIGNED, 0));
        time.answer("n", s(SIGNED), at(SIGNED, 0)).unwrap();
        let ahead = SIGNED + 999_999;
        assert_eq!(time.now(at(ahead, 1)), None, "nothing is refused as expired by this clock");
        let late = TIME_WAIT.as_secs() + 1;
        assert_eq!(time.state(at(ahead + late as i64, 1 + late)), TimeState::Clock);
        time.give_up();
        assert_eq!(time.now(at(ahead + late as i64, 1 + late)), Some(s(ahead + late as i64)));
    }

    #[test]
    fn a_clock_at_1970_knows_the_time_once_it_is_answered() {
        let mut time = Reckoning::new(s(SIGNED), at(0, 0));
        assert_eq!(time.now(at(1, 1)), None);
        assert_eq!(time.state(at(1, 1)), TimeState::Unknown);
        assert!(time.wants_answer(at(1, 1)));
        time.ask("n".to_owned(), at(1, 1));
        assert_eq!(time.state(at(2, 2)), TimeState::Asked);
        assert!(!time.wants_answer(at(2, 2)));
        time.answer("n", s(SIGNED + 500), at(3, 3)).unwrap();
        // From the question on: 2 s have passed since.
        assert_eq!(time.now(at(3, 3)), Some(s(SIGNED + 502)));
        assert_eq!(time.now(at(63, 63)), Some(s(SIGNED + 562)));
        assert_eq!(time.at_least(at(63, 63)), s(SIGNED + 560));
        assert_eq!(time.state(at(63, 63)), TimeState::Signed);
    }

    #[test]
    fn without_an_answer_a_clock_counts_unless_it_is_before_the_floor() {
        for (wall, expected) in [
            (SIGNED - 6, None),
            (SIGNED - 5, Some(SIGNED)),
            (SIGNED, Some(SIGNED)),
            (SIGNED + 86_400, Some(SIGNED + 86_400)),
        ] {
            let clocks = at(wall, 0);
            let mut time = Reckoning::new(s(SIGNED), clocks);
            assert_eq!(time.now(clocks), expected.map(s), "{wall}");
            time.ask("n".to_owned(), clocks);
            let waited = TIME_WAIT.as_secs();
            let wait = at(wall + waited as i64 - 1, waited - 1);
            assert_eq!(time.now(wait), None, "the answer is awaited");
            let later = at(wall + waited as i64, waited);
            assert_eq!(time.now(later), expected.map(|e| s(e + waited as i64)), "{wall}");
        }
    }

    #[test]
    fn a_signed_order_raises_the_floor() {
        let clocks = at(SIGNED, 0);
        let mut time = Reckoning::new(s(SIGNED - 100), clocks);
        assert!(time.now(clocks).is_some());
        assert!(time.saw_signed(s(SIGNED + 60), clocks));
        assert!(!time.saw_signed(s(SIGNED + 30), clocks), "an older one");
        assert_eq!(time.now(clocks), None, "the clock is behind what was signed");
        let later = at(SIGNED + 10, 10);
        assert_eq!(time.at_least(later), s(SIGNED + 70));
    }

    #[test]
    fn a_step_in_either_direction_and_a_sleep_ask_anew() {
        for wall in [SIGNED + 16, SIGNED + 4, SIGNED + 86_400 * 365, 0] {
            let mut time = Reckoning::new(s(SIGNED), at(SIGNED, 0));
            time.ask("n".to_owned(), at(SIGNED, 0));
            time.answer("n", s(SIGNED), at(SIGNED, 0)).unwrap();
            assert_eq!(time.state(at(SIGNED + 5, 5)), TimeState::Signed);
            assert!(!time.wants_answer(at(SIGNED + 5, 5)));
            // 5 s later by the monotonic clock.
            let stepped = at(wall, 10);
            let expected_step = (wall - (SIGNED + 10)).abs() > 5;
            assert_eq!(time.clone().look(stepped), expected_step, "{wall}");
            assert_eq!(time.state(stepped) != TimeState::Signed, expected_step, "{wall}");
            assert_eq!(time.wants_answer(stepped), expected_step, "{wall}");
        }
    }

    #[test]
    fn a_clock_set_forward_is_not_believed_before_the_answer_had_its_chance() {
        let mut time = Reckoning::new(s(SIGNED), at(SIGNED, 0));
        time.ask("a".to_owned(), at(SIGNED, 0));
        time.answer("a", s(SIGNED), at(SIGNED, 0)).unwrap();
        let year = 365 * 86_400;
        assert!(time.look(at(SIGNED + year, 1)));
        time.ask("b".to_owned(), at(SIGNED + year, 1));
        assert_eq!(time.now(at(SIGNED + year + 1, 2)), None);
        time.answer("b", s(SIGNED + 2), at(SIGNED + year + 1, 2)).unwrap();
        assert_eq!(time.now(at(SIGNED + year + 1, 2)), Some(s(SIGNED + 3)));
    }

    #[test]
    fn only_the_answer_to_the_last_question_counts_once_and_in_time() {
        let mut time = Reckoning::new(s(SIGNED), at(0, 0));
        let unasked = |time: &mut Reckoning, nonce: &str, mono: u64| {
            time.answer(nonce, s(SIGNED + 900), at(mono as i64, mono)) == Err(Unasked)
        };
        assert!(unasked(&mut time, "", 0), "nothing was asked");
        time.ask("a".to_owned(), at(0, 0));
        time.ask("b".to_owned(), at(1, 1));
        assert!(unasked(&mut time, "a", 2), "the question before");
        assert!(time.answer("b", s(SIGNED), at(2, 2)).is_ok());
        assert!(unasked(&mut time, "b", 3), "a second time");
        time.ask("c".to_owned(), at(4, 4));
        let late = 5 + TIME_ANSWER.as_secs();
        assert!(unasked(&mut time, "c", late), "too late to say what time it is");
    }

    #[test]
    fn a_platform_that_was_once_ahead_is_believed_when_it_answers_rightly() {
        let clocks = at(SIGNED, 0);
        let mut time = Reckoning::new(s(SIGNED + 365 * 86_400), clocks);
        assert_eq!(time.now(clocks), None);
        time.ask("n".to_owned(), clocks);
        time.answer("n", s(SIGNED), clocks).unwrap();
        assert!(!time.saw_signed(s(SIGNED + 365 * 86_400), clocks), "of the time before");
        assert_eq!((time.now(clocks), time.at_least(clocks)), (Some(s(SIGNED)), s(SIGNED)));
    }

    #[test]
    fn questions_grow_rarer_while_nobody_answers() {
        let mut time = Reckoning::new(s(SIGNED), at(0, 0));
        let mut asked = Vec::new();
        for second in 0..3_600 {
            let clocks = at(second as i64, second);
            if time.wants_answer(clocks) {
                time.ask("n".to_owned(), clocks);
                asked.push(second);
            }
        }
        assert!((4..12).contains(&asked.len()), "{asked:?}");
        time.give_up();
        assert!(time.wants_answer(at(3_600, 3_600)), "at once on a new connection");
    }
}
