//! Random appends, acknowledgements, restarts, crashes and full disks against a model in memory.

use std::collections::VecDeque;

use millwright_agent::outbox::{Outbox, OutboxError, OutboxSettings, Readings, Topic};
use millwright_schemas::wire::{events, telemetry};
use proptest::prelude::*;

use crate::disk::Disk;
use crate::{all, at, delivery, now, number, raised};

const SETTINGS: OutboxSettings =
    OutboxSettings { max_bytes: 24 * 1024, event_reserve_bytes: 16 * 1024, samples_per_message: 4 };

#[derive(Debug, Clone)]
enum Action {
    Append { samples: usize },
    Raise,
    Acknowledge { topic: Topic, messages: u64 },
    Report,
    Restart,
    Crash { kept: usize },
    FillAfter { writes: u32 },
    MakeRoom,
}

fn action() -> impl Strategy<Value = Action> {
    let topic = prop_oneof![Just(Topic::Events), Just(Topic::Telemetry)];
    prop_oneof![
        6 => (1usize..40).prop_map(|samples| Action::Append { samples }),
        2 => Just(Action::Raise),
        4 => (topic, 1u64..8)
            .prop_map(|(topic, messages)| Action::Acknowledge { topic, messages }),
        1 => Just(Action::Report),
        1 => Just(Action::Restart),
        2 => (0usize..20).prop_map(|kept| Action::Crash { kept }),
        1 => (0u32..30).prop_map(|writes| Action::FillAfter { writes }),
        2 => Just(Action::MakeRoom),
    ]
}

/// A message: its number, and what identifies its content.
type Message = (u64, Vec<String>);

#[derive(Debug, Default)]
struct Model {
    waiting: [VecDeque<Message>; 2],
    last_seq: [u64; 2],
    next_value: i64,
    dropped: u64,
    untold: u64,
}

impl Model {
    fn push(&mut self, topic: usize, content: Vec<String>) {
        self.last_seq[topic] += 1;
        self.waiting[topic].push_back((self.last_seq[topic], content));
    }

    fn acknowledge(&mut self, topic: usize, through: u64) {
        while self.waiting[topic].front().is_some_and(|(seq, _)| *seq <= through) {
            self.waiting[topic].pop_front();
        }
    }
}

const fn index(topic: Topic) -> usize {
    match topic {
        Topic::Events => 0,
        Topic::Telemetry => 1,
    }
}

fn read(outbox: &mut Outbox, topic: Topic) -> VecDeque<Message> {
    all(outbox, topic)
        .into_iter()
        .map(|waiting| {
            let (seq, content) = match topic {
                Topic::Telemetry => {
                    let message = telemetry::decode(&waiting.payload).unwrap();
                    assert_eq!(message.outbox, Some(outbox.id()));
                    let values = message.points.iter().map(|point| {
                        assert_eq!(point.ts, Some(at(value(&point.value))), "time and value");
                        value(&point.value).to_string()
                    });
                    (message.seq, values.collect())
                }
                Topic::Events => {
                    let event = events::decode(&waiting.payload).unwrap();
                    assert_eq!(event.outbox, Some(outbox.id()));
                    (event.seq, vec![event.event_type.as_str().to_owned()])
                }
            };
            assert_eq!(seq, Some(waiting.seq));
            (waiting.seq, content)
        })
        .collect()
}

#[allow(clippy::cast_possible_truncation)]
fn value(value: &telemetry::SampleValue) -> i64 {
    let telemetry::SampleValue::Number(number) = value else { panic!("a number") };
    *number as i64
}

struct Test {
    disk: Disk,
    outbox: Outbox,
    model: Model,
}

impl Test {
    fn new() -> Self {
        let disk = Disk::default();
        let outbox = Outbox::open_with(disk.opener(), SETTINGS).unwrap();
        Self { disk, outbox, model: Model::default() }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Append { samples } => self.append(*samples),
            Action::Raise => {
                let stored = match self.outbox.raise(&raised("E-1"), now()) {
                    Ok(_) => true,
                    // Its reporter has to ask; here we look.
                    Err(OutboxError::InDoubt(_)) => {
                        self.disk.fill_after(None);
                        all(&mut self.outbox, Topic::Events)
                            .last()
                            .is_some_and(|last| last.seq > self.model.last_seq[0])
                    }
                    Err(_) => false,
                };
                if stored {
                    self.model.push(0, vec!["fault.raised".to_owned()]);
                }
            }
            Action::Acknowledge { topic, messages } => self.acknowledge(*topic, *messages),
            Action::Report => self.report(),
            Action::Restart => {
                self.disk.fill_after(None);
                self.reopen();
            }
            Action::Crash { kept } => {
                self.disk.crash(*kept);
                self.reopen();
            }
            Action::FillAfter { writes } => self.disk.fill_after(Some(*writes)),
            Action::MakeRoom => self.disk.fill_after(None),
        }
    }

    fn append(&mut self, samples: usize) {
        let first = self.model.next_value;
        let values: Vec<i64> = (first..).take(samples).collect();
        #[allow(clippy::cast_precision_loss)]
        let samples = values.iter().map(|value| number("s", at(*value), *value as f64)).collect();
        let readings = Readings::new(vec![delivery(samples)]);
        let stored = match self.outbox.append(&readings) {
            Err(OutboxError::InDoubt(_)) => {
                self.disk.fill_after(None);
                self.outbox.append(&readings)
            }
            other => other,
        };
        if stored.is_ok() {
            for values in values.chunks(SETTINGS.samples_per_message) {
                self.model.push(1, values.iter().map(ToString::to_string).collect());
            }
            self.model.next_value += i64::try_from(values.len()).unwrap();
        }
    }

    /// Acknowledged messages may come back after a crash, never others; so the model forgets
    /// them only when the removal is said to be done.
    fn acknowledge(&mut self, topic: Topic, messages: u64) {
        let topic_index = index(topic);
        let Some((first, _)) = self.model.waiting[topic_index].front() else { return };
        let through = (first + messages - 1).min(self.model.last_seq[topic_index]);
        self.settle();
        if self.outbox.remove_through(topic, through).is_ok() {
            self.model.acknowledge(topic_index, through);
        } else {
            // The outbox goes on without them; the disk still has them until the next write.
            self.disk.fill_after(None);
            self.outbox.remove_acknowledged().unwrap();
            self.model.acknowledge(topic_index, through);
        }
    }

    fn report(&mut self) {
        self.settle();
        if self.outbox.report_losses(now()).is_ok() && self.model.untold > 0 {
            self.model.untold = 0;
            self.model.push(0, vec!["outbox.dropped".to_owned()]);
        }
    }

    fn reopen(&mut self) {
        let replacement = Outbox::open_with(Disk::default().opener(), SETTINGS).unwrap();
        drop(std::mem::replace(&mut self.outbox, replacement));
        self.outbox = Outbox::open_with(self.disk.opener(), SETTINGS).unwrap();
    }

    /// Moves what the outbox had to drop from the model's queue to its losses.
    fn settle(&mut self) {
        let status = match self.outbox.status() {
            Ok(status) => status,
            Err(_) => {
                // Full even for opening again; look when there is room.
                self.disk.fill_after(None);
                self.outbox.status().unwrap()
            }
        };
        let dropped = status.dropped - self.model.dropped;
        self.model.dropped = status.dropped;
        self.model.untold += dropped;
        for _ in 0..dropped {
            self.model.waiting[1].pop_front().expect("only what was there can be dropped");
        }
    }

    fn check(&mut self) {
        self.settle();
        for topic in Topic::ALL {
            assert_eq!(read(&mut self.outbox, topic), self.model.waiting[index(topic)]);
        }
        let status = self.outbox.status().unwrap();
        let room = SETTINGS.max_bytes - SETTINGS.event_reserve_bytes.max(status.event_bytes);
        assert!(status.telemetry_bytes <= room);
        let untold = self.outbox.loss(Topic::Telemetry).map_or(0, |loss| loss.messages);
        assert_eq!(untold, self.model.untold);
        assert!(self.outbox.loss(Topic::Events).is_none(), "events fit in this test");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn nothing_taken_is_lost_doubled_or_reordered(
        actions in proptest::collection::vec(action(), 1..50),
    ) {
        let mut test = Test::new();
        for action in &actions {
            test.act(action);
            test.check();
        }
    }
}
