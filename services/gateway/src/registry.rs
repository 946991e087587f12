//! Live connections by machine.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use millwright_ingest::intake::Generation;
use millwright_schemas::MachineId;
use millwright_schemas::topics::DownChannel;
use millwright_store::machines::revocations::Credential;

use crate::directory::Live;
use crate::mailbox::Mailbox;
use crate::session::{ChildSet, Down, End};

/// Live connections of this gateway. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Registry(Arc<Mutex<Seats>>);

#[derive(Debug, Default)]
struct Seats {
    by_machine: HashMap<MachineId, Entry>,
    /// Child → the connected machine that speaks for it.
    parents: HashMap<MachineId, MachineId>,
    stopping: bool,
}

#[derive(Debug)]
struct Entry {
    generation: Generation,
    credential: Credential,
    children: ChildSet,
    mailbox: Arc<Mailbox>,
}

/// Why a message wasn't taken for a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Neither it nor a machine that speaks for it is connected here.
    #[error("machine is not connected to this gateway")]
    NotConnected,
    /// Too many wait already.
    #[error("mailbox of the connection is full")]
    Full,
}

/// Why a connection got no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoSeat {
    /// A later connection of the machine was faster.
    #[error("a later connection of the machine is there already")]
    Superseded,
    /// The gateway stops.
    #[error("gateway is stopping")]
    Stopping,
}

/// A connection's place; given up by dropping it.
#[derive(Debug)]
pub(crate) struct Seat {
    registry: Registry,
    machine: MachineId,
    generation: Generation,
    mailbox: Arc<Mailbox>,
}

impl Seat {
    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }
}

impl Drop for Seat {
    /// By generation, not by name: the seat may be a later connection's by now.
    fn drop(&mut self) {
        let mut seats = self.registry.lock();
        let is_own = |entry: &Entry| entry.generation == self.generation;
        if seats.by_machine.get(&self.machine).is_some_and(is_own) {
            seats.by_machine.remove(&self.machine);
            seats.parents.retain(|_, parent| *parent != self.machine);
        }
    }
}

impl Registry {
    /// Seats a connection; an older one of the same machine is asked to go.
    pub(crate) fn enter(
        &self,
        machine: MachineId,
        generation: Generation,
        credential: Credential,
        children: ChildSet,
    ) -> Result<Seat, NoSeat> {
        let mut seats = self.lock();
        if seats.stopping {
            return Err(NoSeat::Stopping);
        }
        if seats.by_machine.get(&machine).is_some_and(|entry| entry.generation > generation) {
            return Err(NoSeat::Superseded);
        }
        seats.set_parents(machine, &children);
        let mailbox = Arc::new(Mailbox::default());
        let entry = Entry { generation, credential, children, mailbox: Arc::clone(&mailbox) };
        if let Some(older) = seats.by_machine.insert(machine, entry) {
            older.mailbox.ask_to_end(End::Takeover);
        }
        drop(seats);
        Ok(Seat { registry: self.clone(), machine, generation, mailbox })
    }

    /// Posts a message to the machine's connection, or to that of the machine that speaks for it.
    ///
    /// # Errors
    /// Why it wasn't taken; its owner sends it again.
    pub fn send_down(
        &self,
        machine: MachineId,
        channel: DownChannel,
        payload: Bytes,
    ) -> Result<(), NotTaken> {
        let mailbox = {
            let seats = self.lock();
            let entry = seats.by_machine.get(&machine).or_else(|| {
                seats.parents.get(&machine).and_then(|parent| seats.by_machine.get(parent))
            });
            Arc::clone(&entry.ok_or(NotTaken::NotConnected)?.mailbox)
        };
        mailbox.post(Down { machine, channel, payload }).map_err(|_| NotTaken::Full)
    }

    /// Ends the machine's connection, if there is one. False: there is none.
    pub fn disconnect(&self, machine: MachineId, end: End) -> bool {
        let seats = self.lock();
        let entry = seats.by_machine.get(&machine);
        entry.map(|entry| entry.mailbox.ask_to_end(end)).is_some()
    }

    /// Ends this very connection of the machine.
    pub(crate) fn disconnect_generation(
        &self,
        machine: MachineId,
        generation: Generation,
        end: End,
    ) {
        let seats = self.lock();
        if let Some(entry) = seats.by_machine.get(&machine)
            && entry.generation == generation
        {
            entry.mailbox.ask_to_end(end);
        }
    }

    /// Gives this very connection other children.
    pub(crate) fn set_children(
        &self,
        machine: MachineId,
        generation: Generation,
        children: &ChildSet,
    ) {
        let mut seats = self.lock();
        let Some(entry) = seats.by_machine.get_mut(&machine) else { return };
        if entry.generation == generation {
            entry.children = children.clone();
            entry.mailbox.set_children(children.clone());
            seats.set_parents(machine, children);
        }
    }

    /// Ends all connections and seats no more.
    pub(crate) fn stop(&self) {
        let mut seats = self.lock();
        seats.stopping = true;
        for entry in seats.by_machine.values() {
            entry.mailbox.ask_to_end(End::Shutdown);
        }
    }

    /// All live connections.
    #[must_use]
    pub fn live(&self) -> Vec<Live> {
        let seats = self.lock();
        let live = seats.by_machine.iter().map(|(machine, entry)| Live {
            machine: *machine,
            generation: entry.generation,
            credential: entry.credential.clone(),
            children: entry.children.clone(),
        });
        live.collect()
    }

    /// Whether the machine itself is connected here.
    #[must_use]
    pub fn is_connected(&self, machine: MachineId) -> bool {
        self.lock().by_machine.contains_key(&machine)
    }

    /// Whether the machine's seat is still that of this very connection.
    pub(crate) fn is_seated(&self, machine: MachineId, generation: Generation) -> bool {
        self.lock().by_machine.get(&machine).is_some_and(|entry| entry.generation == generation)
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seats {
    fn set_parents(&mut self, machine: MachineId, children: &ChildSet) {
        self.parents.retain(|_, parent| *parent != machine);
        self.parents.extend(children.iter().map(|child| (child, machine)));
    }
}
