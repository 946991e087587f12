//! Tickets: opened and resolved by alarms, worked on by people.
