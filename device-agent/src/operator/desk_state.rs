//! What lies on the desk. Pure.

use millwright_schemas::{CommandId, Timestamp};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::order::{ActivityShown, Decision, OrderShown, QuestionShown};
use crate::limits::QUESTIONS;

/// Open questions and running activities, each known by a number of its own: a command's id comes
/// from outside and proves nothing.
#[derive(Default)]
pub(super) struct DeskState {
    next: u64,
    questions: Vec<Question>,
    activities: Vec<Running>,
}

struct Question {
    number: u64,
    shown: QuestionShown,
    answer: oneshot::Sender<Decision>,
}

struct Running {
    number: u64,
    shown: ActivityShown,
    stop: CancellationToken,
}

impl DeskState {
    /// Puts a question down. `None`: too many are open, or one about the same command is.
    pub(super) fn ask(
        &mut self,
        order: OrderShown,
        now: Timestamp,
    ) -> Option<(u64, oneshot::Receiver<Decision>)> {
        let asked = self.questions.iter().any(|question| question.shown.order.id == order.id);
        if asked || self.questions.len() >= QUESTIONS {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        let number = self.number();
        let shown = QuestionShown { order, asked_at: now };
        self.questions.push(Question { number, shown, answer });
        Some((number, answered))
    }

    /// Takes a question away for its answer.
    pub(super) fn take(
        &mut self,
        id: CommandId,
    ) -> Option<(OrderShown, oneshot::Sender<Decision>)> {
        let at = self.questions.iter().position(|question| question.shown.order.id == id)?;
        let question = self.questions.remove(at);
        Some((question.shown.order, question.answer))
    }

    /// Takes a question away that nobody waits for any more; does nothing for one that is gone.
    pub(super) fn withdraw(&mut self, number: u64) {
        self.questions.retain(|question| question.number != number);
    }

    pub(super) fn begin(&mut self, order: OrderShown, now: Timestamp) -> (u64, CancellationToken) {
        let number = self.number();
        let stop = CancellationToken::new();
        let shown = ActivityShown { order, since: now, stopping: false };
        self.activities.push(Running { number, shown, stop: stop.clone() });
        (number, stop)
    }

    pub(super) fn end(&mut self, number: u64) {
        self.activities.retain(|activity| activity.number != number);
    }

    /// Stops the activity of a command, or all of them; gives those that weren't stopped before.
    pub(super) fn stop(&mut self, id: Option<CommandId>) -> Vec<OrderShown> {
        let mut stopped = Vec::new();
        for activity in &mut self.activities {
            let meant = id.is_none_or(|id| activity.shown.order.id == id);
            if meant && !std::mem::replace(&mut activity.shown.stopping, true) {
                activity.stop.cancel();
                stopped.push(activity.shown.order.clone());
            }
        }
        stopped
    }

    /// Whether something is being done for a command, or at all.
    pub(super) fn is_running(&self, id: Option<CommandId>) -> bool {
        self.activities.iter().any(|activity| id.is_none_or(|id| activity.shown.order.id == id))
    }

    pub(super) fn questions(&self) -> Vec<QuestionShown> {
        self.questions.iter().map(|question| question.shown.clone()).collect()
    }

    pub(super) fn activities(&self) -> Vec<ActivityShown> {
        self.activities.iter().map(|activity| activity.shown.clone()).collect()
    }

    const fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}
