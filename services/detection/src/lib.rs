//! Detection of malfunctions. Pure: the same crate in the cloud, in the agent and in a backtest.
//!
//! It runs on event time: the machine's clock as it stands in samples, and `through_ts`, by which
//! the machine says that nothing older will come. The same sequence of a machine's samples gives
//! the same transitions, however it is cut into batches, and over restarts, because a state is all
//! that is remembered between two steps and can be stored.
//!
//! - [`hold`]: hold times. [`bound`]: a limit with its hysteresis.
//! - [`threshold`]: one limit on one signal, with hysteresis and hold times.
//! - [`conditions`]: all other conditions, and trees of them.
//! - [`rules`]: rules as people write them, compiled, by machine and model.
//! - [`watch`]: the rules of one machine with their states.
//! - [`learned`]: detectors that learn what is normal for a signal, or for a machine.
//! - [`anomaly`]: the condition that uses them.
//! - [`columns`]: a detector or a rule over a whole table.
//! - [`surroundings`]: what rules take from the machine. [`state`]: what is stored of them.
//! - [`contact`]: whether a machine counts as lost. By the platform's clock, not the machine's.

pub mod anomaly;
pub mod bound;
pub mod columns;
pub mod conditions;
pub mod contact;
pub mod hold;
pub mod learned;
pub mod rules;
pub mod state;
pub mod surroundings;
pub mod threshold;
pub mod watch;
