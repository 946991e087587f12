//! A CSV file with a header, read row by row; its place can be kept and gone back to.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use csv::{Position, Reader, ReaderBuilder, StringRecord};
use serde::{Deserialize, Serialize};

use crate::drivers::limits::REPLAY_ROW_MAX_BYTES;

/// Where the next row begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    byte: u64,
    line: u64,
    row: u64,
}

/// An open file of which only one row is in memory.
pub(super) struct Table {
    path: PathBuf,
    reader: Reader<Bounded>,
    header: StringRecord,
    record: StringRecord,
    /// Column and the value that a row must have there.
    filter: Vec<(usize, String)>,
    /// Lines end with CR LF: the reader leaves each LF to the next row and counts a line less.
    cr_lf: bool,
}

impl Table {
    /// Opens a file and reads its header.
    pub(super) fn open(path: &Path, delimiter: u8) -> Result<Self, String> {
        let name = path.display();
        let file = File::open(path).map_err(|error| format!("{name}: {error}"))?;
        let cr_lf = has_cr_lf(&file).map_err(|error| format!("{name}: {error}"))?;
        let bounded = Bounded { file, left: REPLAY_ROW_MAX_BYTES };
        let mut reader =
            ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(bounded);
        let header = reader.headers().map_err(|error| format!("{name}: header: {error}"))?;
        let header: StringRecord = header.iter().map(str::trim).collect();
        if header.is_empty() {
            return Err(format!("{name} is empty: it needs a header row"));
        }
        let record = StringRecord::new();
        Ok(Self { path: path.to_owned(), reader, header, record, filter: Vec::new(), cr_lf })
    }

    /// The column's index.
    pub(super) fn column(&self, column: &str) -> Result<usize, String> {
        let mut found = self.header.iter().enumerate().filter(|(_, name)| *name == column);
        match (found.next(), found.next()) {
            (Some((index, _)), None) => Ok(index),
            (Some(_), Some(_)) => {
                Err(format!("{} has several columns {column:?}", self.path.display()))
            }
            (None, _) => {
                let shown: String =
                    self.header.iter().collect::<Vec<_>>().join(", ").chars().take(400).collect();
                Err(format!("{} has no column {column:?}; it has: {shown}", self.path.display()))
            }
        }
    }

    /// Lets only rows pass that have these values.
    pub(super) fn filter(&mut self, filter: &BTreeMap<String, String>) -> Result<(), String> {
        self.filter = filter
            .iter()
            .map(|(column, value)| Ok((self.column(column)?, value.trim().to_owned())))
            .collect::<Result<_, String>>()?;
        Ok(())
    }

    pub(super) const fn header(&self) -> &StringRecord {
        &self.header
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the next row begins.
    pub(super) fn place(&self) -> Place {
        let position = self.reader.position();
        Place { byte: position.byte(), line: position.line(), row: position.record() }
    }

    /// Goes to a place, and sees the file as it is now.
    pub(super) fn go_to(&mut self, place: Place) -> Result<(), String> {
        let bounded = self.reader.get_mut();
        bounded.left = REPLAY_ROW_MAX_BYTES;
        let length = bounded.file.metadata().map_err(|error| self.told(&error))?.len();
        if place.byte > length {
            let (byte, path) = (place.byte, self.path.display());
            return Err(format!(
                "{path} has {length} bytes, but was read up to byte {byte}: another file than before"
            ));
        }
        let mut position = Position::new();
        position.set_byte(place.byte).set_line(place.line).set_record(place.row);
        self.reader
            .seek_raw(SeekFrom::Start(place.byte), position)
            .map_err(|error| format!("{}: {error}", self.path.display()))
    }

    /// The next row that passes the filter.
    pub(super) fn read(&mut self) -> Result<Option<&StringRecord>, String> {
        loop {
            self.reader.get_mut().left = REPLAY_ROW_MAX_BYTES;
            let read = self.reader.read_record(&mut self.record);
            if !read.map_err(|error| self.told(&error))? {
                return Ok(None);
            }
            if self.record.len() != self.header.len() {
                let (cells, columns) = (self.record.len(), self.header.len());
                return Err(self.told(&format!("{cells} cells, but the header has {columns}")));
            }
            let passes = self.filter.iter().all(|(column, value)| {
                self.record.get(*column).is_some_and(|cell| cell.trim() == value)
            });
            if passes {
                return Ok(Some(&self.record));
            }
        }
    }

    /// What is wrong in the row that was read last.
    pub(super) fn told(&self, what: &dyn std::fmt::Display) -> String {
        let line = self.record.position().map_or(0, Position::line) + u64::from(self.cr_lf);
        format!("{}, line {line}: {what}", self.path.display())
    }
}

/// Whether the first line ends with CR LF. Leaves the file at its start.
fn has_cr_lf(mut file: &File) -> io::Result<bool> {
    let mut line = Vec::new();
    BufReader::new(file.take(REPLAY_ROW_MAX_BYTES)).read_until(b'\n', &mut line)?;
    file.rewind()?;
    Ok(line.ends_with(b"\r\n"))
}

/// A file that refuses to be read on and on for a single row, for instance after a quote that
/// is never closed.
struct Bounded {
    file: File,
    left: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other(format!(
                "a row is longer than {REPLAY_ROW_MAX_BYTES} bytes; is a quote not closed?"
            )));
        }
        let read = self.file.read(buffer)?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

impl Seek for Bounded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
