//! A table as a stream of items in order of time, with a look at the next one.

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};

use super::table::{Place, Table};
use super::times::TimeFormat;

/// Makes an item of a row.
pub(super) trait Parse: Send {
    type Item: Send;

    /// The item, or the column at fault and what is wrong with it.
    fn parse(&self, row: &csv::StringRecord) -> Result<Self::Item, (usize, String)>;
}

/// Where a source goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SourcePlace {
    next: Place,
    /// The time of the item before.
    after: Option<Timestamp>,
}

pub(super) struct Source<P: Parse> {
    table: Table,
    time_column: usize,
    time_format: TimeFormat,
    parser: P,
    next: Option<(Timestamp, P::Item)>,
    place: SourcePlace,
}

impl<P: Parse> Source<P> {
    pub(super) fn new(
        table: Table,
        time_column: usize,
        time_format: TimeFormat,
        parser: P,
    ) -> Self {
        let place = SourcePlace { next: table.place(), after: None };
        Self { table, time_column, time_format, parser, next: None, place }
    }

    pub(super) fn go_to(&mut self, place: SourcePlace) -> Result<(), String> {
        self.table.go_to(place.next)?;
        self.place = place;
        self.next = None;
        Ok(())
    }

    /// Before the next item that isn't taken.
    pub(super) const fn place(&self) -> SourcePlace {
        self.place
    }

    /// The time of the next item. After an error the same row is read again, so that a file
    /// that was repaired goes on.
    pub(super) fn peek(&mut self) -> Result<Option<Timestamp>, String> {
        if self.next.is_none() {
            match self.read() {
                Ok(next) => self.next = next,
                Err(error) => {
                    self.table.go_to(self.place.next)?;
                    return Err(error);
                }
            }
        }
        Ok(self.next.as_ref().map(|(time, _)| *time))
    }

    /// The item that was looked at.
    pub(super) fn take(&mut self) -> Option<(Timestamp, P::Item)> {
        let taken = self.next.take()?;
        self.place = SourcePlace { next: self.table.place(), after: Some(taken.0) };
        Some(taken)
    }

    fn read(&mut self) -> Result<Option<(Timestamp, P::Item)>, String> {
        let Some(row) = self.table.read()? else { return Ok(None) };
        let cell = row.get(self.time_column).unwrap_or_default().trim();
        let parsed = self
            .time_format
            .parse(cell)
            .map_err(|reason| (self.time_column, reason))
            .and_then(|time| Ok((time, self.parser.parse(row)?)));
        let (time, item) = parsed.map_err(|(column, reason)| {
            let column = self.table.header().get(column).unwrap_or_default();
            self.table.told(&format!("column {column:?}: {reason}"))
        })?;
        match self.place.after {
            Some(after) if time < after => Err(self.table.told(&format!(
                "{time} comes after {after}: sort the file by time, or choose one machine's rows \
                 with a filter"
            ))),
            _ => Ok(Some((time, item))),
        }
    }
}
