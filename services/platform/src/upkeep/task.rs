//! When each task on stored telemetry has its turn, and what is told of it. Pure: the time is an argument.

use std::time::{Duration, Instant};

use millwright_store::upkeep::Done;

/// How often it is noted that a task had nothing to do.
const NOTE_IDLE: Duration = Duration::from_secs(300);

/// After which time a task that failed is tried again, at the latest.
const RETRY_FAILED: Duration = Duration::from_secs(60);

/// Something that is done again and again, a slice at a time.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) name: &'static str,
    /// From the beginning of a round's last slice to the next round.
    every: Duration,
    /// From the end of a slice to the next one of the same round.
    rest: Duration,
    due: Instant,
    /// What the slices of the round have done so far.
    count: u64,
    noted: Option<Instant>,
}

/// What is to be noted of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    /// Its round goes on; so much was done of it.
    Progress(u64),
    /// Its round is at its end; so much was done.
    WentWell(u64),
    /// That nothing was to be done was noted lately.
    Nothing,
}

impl Task {
    pub(super) const fn new(name: &'static str, every: Duration, due: Instant) -> Self {
        Self { name, every, rest: Duration::ZERO, due, count: 0, noted: None }
    }

    /// With a rest between two slices of a round.
    pub(super) const fn resting(self, rest: Duration) -> Self {
        Self { rest, ..self }
    }

    /// A slice of it went well.
    pub(super) fn ended(&mut self, done: Done, now: Instant) -> Note {
        self.count += done.count;
        if !done.finished {
            self.due = now + self.rest;
            self.noted = None;
            return Note::Progress(self.count);
        }
        let count = std::mem::take(&mut self.count);
        if count == 0 && self.noted.is_some_and(|at| now.duration_since(at) < NOTE_IDLE) {
            return Note::Nothing;
        }
        self.noted = Some(now);
        Note::WentWell(count)
    }

    /// A slice of it failed.
    pub(super) fn failed(&mut self, now: Instant) {
        self.count = 0;
        self.noted = Some(now);
        self.again_at(now + RETRY_FAILED);
    }

    /// It is tried again then, if it isn't due before.
    pub(super) fn again_at(&mut self, at: Instant) {
        self.due = self.due.min(at);
    }
}

/// When one of them is due next.
pub(super) fn next_due(tasks: &[Task]) -> Option<Instant> {
    tasks.iter().map(|task| task.due).min()
}

/// Those that are due, in their order: each has one slice, then the others have theirs. A round that isn't
/// at its end then is due again at the end of its slice.
pub(super) fn take_due(tasks: &mut [Task], now: Instant) -> Vec<usize> {
    let mut due = Vec::new();
    for (place, task) in tasks.iter_mut().enumerate().filter(|(_, task)| task.due <= now) {
        task.due = now + task.every;
        due.push(place);
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn done(count: u64, finished: bool) -> Done {
        Done { count, finished }
    }

    #[test]
    fn a_task_that_never_gets_to_an_end_keeps_no_other_from_its_turn() {
        let start = Instant::now();
        let mut tasks = [
            Task::new("endless", 20 * SECOND, start),
            Task::new("hourly", 3_600 * SECOND, start + 120 * SECOND),
            Task::new("endless too", 3_600 * SECOND, start).resting(20 * SECOND),
        ];
        let (mut now, mut turns) = (start, [0_u32; 3]);
        while now < start + 7_300 * SECOND {
            now = now.max(next_due(&tasks).unwrap_or(now));
            for place in take_due(&mut tasks, now) {
                turns[place] += 1;
                now += 10 * SECOND;
                let note = tasks[place].ended(done(1, place == 1), now);
                let so_far = u64::from(turns[place]);
                let expected = if place == 1 { Note::WentWell(1) } else { Note::Progress(so_far) };
                assert_eq!(note, expected, "{}", tasks[place].name);
            }
        }
        assert_eq!(turns[1], 2);
        assert!(turns[0] > 300 && turns[2] > 150, "{turns:?}");
    }

    #[test]
    fn a_round_counts_all_of_its_slices_and_that_there_was_nothing_is_noted_now_and_then() {
        let start = Instant::now();
        let at = |seconds: u32| start + seconds * SECOND;
        let mut task = Task::new("rollups", 20 * SECOND, start);
        assert_eq!(task.ended(done(3, false), at(10)), Note::Progress(3));
        assert_eq!(next_due(std::slice::from_ref(&task)), Some(at(10)), "at once");
        assert_eq!(task.ended(done(4, true), at(20)), Note::WentWell(7));
        assert_eq!(task.ended(done(0, true), at(40)), Note::Nothing);
        assert_eq!(task.ended(done(0, true), at(320)), Note::WentWell(0));
        assert_eq!(task.ended(done(2, true), at(330)), Note::WentWell(2));
        // A slice that found nothing is told, and so is then the end.
        assert_eq!(task.ended(done(0, false), at(340)), Note::Progress(0));
        assert_eq!(task.ended(done(0, true), at(350)), Note::WentWell(0));
        // What a round did before it failed isn't counted with the next one.
        assert_eq!(task.ended(done(5, false), at(360)), Note::Progress(5));
        task.failed(at(370));
        assert_eq!(task.ended(done(1, true), at(380)), Note::WentWell(1));
    }
}
