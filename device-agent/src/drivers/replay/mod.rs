//! A recording in CSV files, replayed at a chosen speed: rows become samples, rows of an
//! optional second file become faults. Files are streamed; the place in them is the checkpoint.

mod batch;
mod config;
mod driver;
mod position;
mod recording;
mod rows;
mod source;
mod stamps;
mod table;
mod times;

pub use config::{ColumnType, Conditions, FaultsConfig, ReplayConfig, TimeMode};
pub use driver::ReplayDriver;
