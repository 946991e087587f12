//! What a session does with each packet, and with the answers to its questions.

use std::time::Instant;

use bytestring::ByteString;
use millwright_schemas::MachineId;
use millwright_schemas::topics;

use super::connect::{self, Admission, Question, Refused};
use super::core::{Open, Phase, Reply, Session};
use super::downlink::{Delivery, Down, Window};
use super::end::End;
use super::publish::Uplink;
use super::subscribe::{ChildSet, Subscription, Subscriptions};
use crate::limits::{FILTERS_PER_PACKET_MAX, OUTPUT_MAX_BYTES, SESSION_KEPT_MAX_S};
use crate::wire::{
    Connack, Connect, ConnectRefusal, Farewell, Incoming, Publish, Subscribe, Unsubscribe, Version,
};

impl Session {
    pub(super) fn handle(&mut self, packet: Incoming) {
        match packet {
            Incoming::Connect(connect) => self.connect(*connect),
            Incoming::Publish(publish) => self.publish(publish),
            Incoming::PubAck { packet_id } => self.puback(packet_id),
            Incoming::Subscribe(subscribe) => self.subscribe(&subscribe),
            Incoming::Unsubscribe(unsubscribe) => self.unsubscribe(&unsubscribe),
            Incoming::Ping => {
                if !self.wire.pong(&mut self.output) {
                    self.end(End::Fault(Farewell::TooLarge));
                }
            }
            Incoming::Disconnect { with_will, session_expiry_s } => {
                self.disconnect(with_will, session_expiry_s);
            }
        }
    }

    fn connect(&mut self, connect: Connect) {
        match connect::examine(&self.peer, connect) {
            Ok((claim, pending)) => {
                self.phase = Phase::Admitting(Box::new(pending));
                self.question = Some(Question::Admit(claim));
            }
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// The directory's answer to [`Question::Admit`]. Call [`Session::advance`] then.
    pub fn admitted(&mut self, answer: Result<Admission, Refused>, now: Instant) {
        let Phase::Admitting(pending) = std::mem::replace(&mut self.phase, Phase::Waiting) else {
            return;
        };
        let admission = match answer {
            Ok(admission) => admission,
            Err(refused) => return self.refuse((refused.on_wire(), refused.as_str())),
        };
        let own = pending.machine;
        let children = admission.children;
        if pending.will.as_ref().is_some_and(|will| !may_speak_for(own, &children, will.machine)) {
            return self.refuse((ConnectRefusal::NotAuthorized, "will_topic"));
        }
        let earlier = admission.earlier.filter(|_| !pending.clean_start);
        let connack = Connack {
            session_present: earlier.is_some(),
            session_expiry_s: pending.expiry_s,
            assigned_client_id: pending.assigned_client_id,
        };
        let subscriptions = Subscriptions::new(earlier.unwrap_or_default());
        self.clock.set_keep_alive(pending.keep_alive_s, now);
        self.kept_s = pending.kept_s;
        self.phase = Phase::Open(Box::new(Open {
            machine: own,
            children,
            will: pending.will,
            uplink: Uplink::default(),
            window: Window::new(pending.receive_max),
            newly_reachable: subscriptions.machines().collect(),
            subscriptions,
            reply: None,
        }));
        if !self.wire.connack(&connack, &mut self.output) {
            self.end(End::Fault(Farewell::TooLarge));
        }
    }

    fn publish(&mut self, publish: Publish) {
        let is_v5 = self.wire.version() == Some(Version::V5);
        let Phase::Open(open) = &mut self.phase else { return };
        if publish.qos > 1 {
            return self.end(End::Fault(Farewell::Qos));
        }
        if publish.retain && is_v5 {
            return self.end(End::Fault(Farewell::Retain));
        }
        let topic = topics::parse_up(&publish.topic, open.machine)
            .ok()
            .filter(|topic| may_speak_for(open.machine, &open.children, topic.machine));
        let packet_id = (publish.qos == 1).then_some(publish.packet_id);
        match (topic, packet_id) {
            (Some(topic), _) => open.uplink.accept(topic, publish.payload, packet_id),
            (None, Some(packet_id)) if is_v5 => open.uplink.refuse(packet_id),
            (None, _) => self.end(End::Fault(Farewell::NotAuthorized)),
        }
    }

    fn puback(&mut self, packet_id: u16) {
        if let Some(open) = self.open_mut()
            && !open.window.acknowledged(packet_id)
        {
            self.end(End::Fault(Farewell::Protocol));
        }
    }

    fn subscribe(&mut self, subscribe: &Subscribe) {
        if subscribe.filters.len() > FILTERS_PER_PACKET_MAX {
            return self.end(End::Fault(Farewell::Quota));
        }
        let Phase::Open(open) = &mut self.phase else { return };
        let before = open.subscriptions.to_vec();
        let mut codes = Vec::with_capacity(subscribe.filters.len());
        for (filter, qos) in &subscribe.filters {
            codes.push(open.subscriptions.add(filter, *qos, open.machine, &open.children));
        }
        let packet_id = subscribe.packet_id;
        self.reply_when_remembered(Reply::Subscribed { packet_id, codes }, &before);
    }

    fn unsubscribe(&mut self, unsubscribe: &Unsubscribe) {
        if unsubscribe.filters.len() > FILTERS_PER_PACKET_MAX {
            return self.end(End::Fault(Farewell::Quota));
        }
        let Phase::Open(open) = &mut self.phase else { return };
        let before = open.subscriptions.to_vec();
        let mut codes = Vec::with_capacity(unsubscribe.filters.len());
        for filter in &unsubscribe.filters {
            codes.push(open.subscriptions.remove(filter, open.machine));
        }
        let packet_id = unsubscribe.packet_id;
        self.reply_when_remembered(Reply::Unsubscribed { packet_id, codes }, &before);
    }

    /// A session that is kept answers only once its new filters are remembered.
    fn reply_when_remembered(&mut self, reply: Reply, before: &[Subscription]) {
        let Phase::Open(open) = &mut self.phase else { return };
        let after = open.subscriptions.to_vec();
        open.reply = Some(reply);
        if self.kept_s > 0 && after != before {
            self.question = Some(Question::Remember(after));
        } else {
            self.remembered(true);
        }
    }

    /// The answer to [`Question::Remember`]: whether it worked. Call [`Session::advance`] then.
    pub fn remembered(&mut self, success: bool) {
        let Phase::Open(open) = &mut self.phase else { return };
        let Some(reply) = open.reply.take() else { return };
        if !success {
            return self.end(End::Failed);
        }
        let sent = match reply {
            Reply::Subscribed { packet_id, codes } => {
                open.newly_reachable = open.subscriptions.machines().collect();
                self.wire.suback(packet_id, &codes, &mut self.output)
            }
            Reply::Unsubscribed { packet_id, codes } => {
                self.wire.unsuback(packet_id, &codes, &mut self.output)
            }
        };
        if !sent {
            self.end(End::Fault(Farewell::TooLarge));
        }
    }

    fn disconnect(&mut self, with_will: bool, session_expiry_s: Option<u32>) {
        match session_expiry_s {
            // MQTT 5, 3.14.2.2.2: a session that wasn't to be kept can't be kept after all.
            Some(seconds) if seconds > 0 && self.kept_s == 0 => {
                return self.end(End::Fault(Farewell::Protocol));
            }
            Some(seconds) => self.kept_s = seconds.min(SESSION_KEPT_MAX_S),
            None => {}
        }
        self.end(if with_will { End::DisconnectedWithWill } else { End::Disconnected });
    }

    /// Whether a message towards the machine can be taken now.
    #[must_use]
    pub fn can_deliver(&self) -> bool {
        self.output.len() < OUTPUT_MAX_BYTES
            && self.open().is_some_and(|open| !open.window.is_full())
    }

    /// Sends a message towards the machine; only when [`Session::can_deliver`].
    pub fn deliver(&mut self, down: Down) -> Delivery {
        let Phase::Open(open) = &mut self.phase else { return Delivery::NotSubscribed };
        let Some((qos, alias)) = open.subscriptions.matching(down.machine, down.channel) else {
            return Delivery::NotSubscribed;
        };
        if !may_speak_for(open.machine, &open.children, down.machine) {
            return Delivery::NotSubscribed;
        }
        let topic = if alias {
            topics::down_me(down.channel)
        } else {
            topics::down(down.machine, down.channel)
        };
        let id = (qos > 0).then(|| open.window.next_id());
        if !self.wire.publish(ByteString::from(topic), down.payload, id, &mut self.output) {
            return Delivery::TooLarge;
        }
        if let Some(id) = id {
            open.window.sent(id);
        }
        Delivery::Sent
    }

    /// The machine has other children now; messages for and of former ones are refused.
    pub fn set_children(&mut self, children: ChildSet) {
        if let Some(open) = self.open_mut() {
            open.children = children;
        }
    }

    /// The machines whose messages this session has come to receive since it was last asked.
    pub fn take_newly_reachable(&mut self) -> Vec<MachineId> {
        self.open_mut().map(|open| std::mem::take(&mut open.newly_reachable)).unwrap_or_default()
    }
}

fn may_speak_for(own: MachineId, children: &ChildSet, machine: MachineId) -> bool {
    machine == own || children.contains(machine)
}
