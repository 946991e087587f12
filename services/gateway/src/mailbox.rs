//! What others want of one connection: to deliver, to end, to know its new children.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use futures_util::task::AtomicWaker;

use crate::limits::{MAILBOX_BYTES, MAILBOX_MESSAGES};
use crate::session::{ChildSet, Down, End};

/// One connection's mailbox. Owns no memory while it is empty.
#[derive(Debug, Default)]
pub struct Mailbox {
    inbox: Mutex<Inbox>,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct Inbox {
    messages: VecDeque<Down>,
    bytes: usize,
    end: Option<End>,
    children: Option<ChildSet>,
}

/// The mailbox is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl Mailbox {
    pub(crate) fn post(&self, down: Down) -> Result<(), Full> {
        let mut inbox = self.lock();
        if inbox.messages.len() >= MAILBOX_MESSAGES
            || inbox.bytes + down.payload.len() > MAILBOX_BYTES
        {
            return Err(Full);
        }
        inbox.bytes += down.payload.len();
        inbox.messages.push_back(down);
        drop(inbox);
        self.waker.wake();
        Ok(())
    }

    /// The first reason counts.
    pub(crate) fn ask_to_end(&self, end: End) {
        self.lock().end.get_or_insert(end);
        self.waker.wake();
    }

    pub(crate) fn set_children(&self, children: ChildSet) {
        self.lock().children = Some(children);
        self.waker.wake();
    }

    /// Wakes this waker at the next change. Register before looking.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    pub(crate) fn end(&self) -> Option<End> {
        self.lock().end
    }

    pub(crate) fn take_children(&self) -> Option<ChildSet> {
        self.lock().children.take()
    }

    pub(crate) fn take_message(&self) -> Option<Down> {
        let mut inbox = self.lock();
        let down = inbox.messages.pop_front()?;
        inbox.bytes -= down.payload.len();
        if inbox.messages.is_empty() {
            inbox.messages = VecDeque::new();
        }
        Some(down)
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        // Nothing panics while it is held, and each field is valid by itself.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
