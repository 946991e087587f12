//! A day of one series as a block of bytes, and back. Pure.
//!
//! A byte with the form, then one zstd frame with its checksum. In it, column by column: how many
//! points; flags; times as differences of their differences (mostly 0); a bit for each null and the
//! qualities, if there are any; values. These are whole numbers of a power of ten, as differences, where
//! all of them are (sensors round), else each one's bits XOR those before it: as they are or byte by
//! byte, whichever is smaller.

use zstd::bulk::Compressor;
use zstd::zstd_safe::get_frame_content_size;

use super::Point;
use super::limits::{COMPRESSION_LEVEL, HEAD_BYTES_MAX, POINT_BYTES_MAX, POINTS_MAX};
use crate::telemetry::layout::DAY_US;

/// The form that is written.
const FORM: u8 = 1;
/// Flag: there are nulls.
const NULLS: u8 = 1;
/// Flag: not all is of good quality.
const QUALITIES: u8 = 2;
/// Values: bits XOR those before, eight bytes each.
const XORED: u8 = 0x80;
/// The same, first the highest bytes of all, then the next.
const PLANES: u8 = 0x81;
/// What values may be whole numbers of: the place is the number of decimals.
const POWERS: [f64; 7] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
/// Up to here a double has every whole number.
const WHOLE_MAX: u64 = 1 << 53;

/// Why a block can't be made or understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    /// Made by a newer program, or no block at all.
    #[error("it is of form {0:?}, this program knows {form}", form = FORM)]
    Form(Option<u8>),
    /// Too many points, or none.
    #[error("{0} points are not between 1 and {max}", max = POINTS_MAX)]
    Count(usize),
    /// It has another number of points than its row says.
    #[error("it has {found} points, its row says {said}")]
    OtherCount {
        /// What it has.
        found: u64,
        /// What its row says.
        said: usize,
    },
    /// A time isn't within the day, or not after the one before.
    #[error("the time of point {0} is not within the day and after the one before")]
    Time(usize),
    /// It ends too early.
    #[error("it ends within its {0}")]
    Short(&'static str),
    /// Something that can't be.
    #[error("its {0} can't be understood")]
    Strange(&'static str),
    /// zstd can't.
    #[error("compression: {0}")]
    Zstd(String),
}

/// Packs points of a day, the oldest first, each later than the one before.
///
/// # Errors
/// When they aren't, or are too many or none.
pub(crate) fn encode(day: i64, points: &[Point]) -> Result<Vec<u8>, CodecError> {
    if points.is_empty() || points.len() > POINTS_MAX {
        return Err(CodecError::Count(points.len()));
    }
    let mut head = Vec::with_capacity(points.len() * 2 + HEAD_BYTES_MAX);
    put(&mut head, points.len() as u64);
    let nulls = points.iter().any(|point| point.value.is_none());
    let qualities = points.iter().any(|point| point.quality != 0);
    head.push((u8::from(nulls) * NULLS) | (u8::from(qualities) * QUALITIES));
    put_times(&mut head, day, points)?;
    if nulls {
        for eight in points.chunks(8) {
            let bit = |(place, point): (usize, &Point)| u8::from(point.value.is_none()) << place;
            head.push(eight.iter().enumerate().map(bit).fold(0, |byte, bit| byte | bit));
        }
    }
    if qualities {
        points.iter().for_each(|point| put_signed(&mut head, point.quality));
    }
    let values: Vec<f64> = points.iter().filter_map(|point| point.value).collect();
    let mut smallest: Option<Vec<u8>> = None;
    for column in columns(&values) {
        let mut content = head.clone();
        content.extend_from_slice(&column);
        let packed = compress(&content)?;
        if smallest.as_ref().is_none_or(|smallest| packed.len() < smallest.len()) {
            smallest = Some(packed);
        }
    }
    let packed = smallest.ok_or(CodecError::Strange("values"))?;
    Ok(formed(&packed))
}

/// A block with this content, whatever it is.
///
/// # Errors
/// When it can't be compressed.
pub(crate) fn block_of(content: &[u8]) -> Result<Vec<u8>, CodecError> {
    compress(content).map(|packed| formed(&packed))
}

fn formed(packed: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(packed.len() + 1);
    block.push(FORM);
    block.extend_from_slice(packed);
    block
}

/// Unpacks a block of so many points of a day.
///
/// # Errors
/// When it isn't whole, or is another's.
pub(crate) fn decode(day: i64, count: usize, block: &[u8]) -> Result<Vec<Point>, CodecError> {
    if count == 0 || count > POINTS_MAX {
        return Err(CodecError::Count(count));
    }
    let Some((&FORM, packed)) = block.split_first() else {
        return Err(CodecError::Form(block.first().copied()));
    };
    let content = decompress(packed, count)?;
    let mut bytes = Bytes(&content);
    let found = bytes.varint("number of points")?;
    if found != count as u64 {
        return Err(CodecError::OtherCount { found, said: count });
    }
    let flags = bytes.byte("flags")?;
    if flags & !(NULLS | QUALITIES) != 0 {
        return Err(CodecError::Strange("flags"));
    }
    let mut points = take_times(&mut bytes, day, count)?;
    let mut nulls = Vec::new();
    if flags & NULLS != 0 {
        let bits = bytes.take(count.div_ceil(8), "nulls")?;
        nulls.extend((0..count).map(|n| bits.get(n / 8).is_some_and(|b| (b >> (n % 8)) & 1 == 1)));
    }
    if flags & QUALITIES != 0 {
        for point in &mut points {
            point.quality = bytes.signed("qualities")?;
        }
    }
    let filled = count - nulls.iter().filter(|null| **null).count();
    let mut values = take_values(&mut bytes, filled)?.into_iter();
    if !bytes.0.is_empty() {
        return Err(CodecError::Strange("end"));
    }
    for (place, point) in points.iter_mut().enumerate() {
        let null = nulls.get(place).copied().unwrap_or(false);
        if !null {
            point.value = values.next();
        }
    }
    Ok(points)
}

fn put_times(to: &mut Vec<u8>, day: i64, points: &[Point]) -> Result<(), CodecError> {
    let start = day.checked_mul(DAY_US).ok_or(CodecError::Time(0))?;
    let (mut before, mut step) = (start, 0_i64);
    for (place, point) in points.iter().enumerate() {
        let next = point.ts.checked_sub(before).ok_or(CodecError::Time(place))?;
        let after = if place == 0 { next >= 0 } else { next > 0 };
        let offset = point.ts.checked_sub(start).ok_or(CodecError::Time(place))?;
        if !after || offset >= DAY_US {
            return Err(CodecError::Time(place));
        }
        // Both are less than a day.
        put_signed(to, next - step);
        (before, step) = (point.ts, if place == 0 { 0 } else { next });
    }
    Ok(())
}

fn take_times(bytes: &mut Bytes<'_>, day: i64, count: usize) -> Result<Vec<Point>, CodecError> {
    let start = day.checked_mul(DAY_US).ok_or(CodecError::Time(0))?;
    let mut points = Vec::with_capacity(count);
    let (mut before, mut step) = (start, 0_i64);
    for place in 0..count {
        let wrong = || CodecError::Time(place);
        let next = bytes.signed("times")?.checked_add(step).ok_or_else(wrong)?;
        let after = if place == 0 { next >= 0 } else { next > 0 };
        let ts = before.checked_add(next).ok_or_else(wrong)?;
        if !after || ts.checked_sub(start).is_none_or(|offset| offset >= DAY_US) {
            return Err(wrong());
        }
        points.push(Point { ts, value: None, quality: 0 });
        (before, step) = (ts, if place == 0 { 0 } else { next });
    }
    Ok(points)
}

/// The column of values in the forms that may be the smallest.
fn columns(values: &[f64]) -> Vec<Vec<u8>> {
    if let Some((decimals, wholes)) = wholes(values) {
        let mut column = vec![decimals];
        let mut before = 0;
        for whole in wholes {
            put_signed(&mut column, whole - before);
            before = whole;
        }
        return vec![column];
    }
    let mut before = 0;
    let xored: Vec<[u8; 8]> = values
        .iter()
        .map(|value| {
            let bits = value.to_bits();
            let xored = bits ^ before;
            before = bits;
            xored.to_be_bytes()
        })
        .collect();
    let mut plain = vec![XORED];
    plain.extend(xored.iter().flatten());
    let mut planes = vec![PLANES];
    for place in 0..8 {
        planes.extend(xored.iter().filter_map(|bytes| bytes.get(place)));
    }
    vec![plain, planes]
}

/// The values as whole numbers of a power of ten with the fewest decimals; `None`: not all are.
fn wholes(values: &[f64]) -> Option<(u8, Vec<i64>)> {
    let mut decimals = 0_usize;
    for value in values {
        while whole(*value, *POWERS.get(decimals)?).is_none() {
            decimals += 1;
        }
    }
    let power = *POWERS.get(decimals)?;
    let wholes = values.iter().map(|value| whole(*value, power)).collect::<Option<Vec<i64>>>()?;
    Some((u8::try_from(decimals).ok()?, wholes))
}

/// The whole number that gives exactly this value again when it is divided by the power.
fn whole(value: f64, power: f64) -> Option<i64> {
    // What has no such number becomes another value, and is found out by that.
    let whole = (value * power).round() as i64;
    let same =
        whole.unsigned_abs() <= WHOLE_MAX && (whole as f64 / power).to_bits() == value.to_bits();
    same.then_some(whole)
}

fn take_values(bytes: &mut Bytes<'_>, count: usize) -> Result<Vec<f64>, CodecError> {
    const VALUES: &str = "values";
    let form = bytes.byte(VALUES)?;
    let mut values = Vec::with_capacity(count);
    if let Some(power) = POWERS.get(usize::from(form)) {
        let mut whole = 0_i64;
        for _ in 0..count {
            let step = bytes.signed(VALUES)?;
            whole = whole.checked_add(step).ok_or(CodecError::Strange(VALUES))?;
            values.push(whole as f64 / power);
        }
        return Ok(values);
    }
    if ![XORED, PLANES].contains(&form) {
        return Err(CodecError::Strange(VALUES));
    }
    let size = count.checked_mul(8).ok_or(CodecError::Strange(VALUES))?;
    let column = bytes.take(size, VALUES)?;
    let mut xored = vec![0_u64; count];
    let add = |bits: u64, byte: u8| (bits << 8) | u64::from(byte);
    if form == XORED {
        for (bits, eight) in xored.iter_mut().zip(column.chunks_exact(8)) {
            *bits = eight.iter().fold(0, |bits, byte| add(bits, *byte));
        }
    } else if count > 0 {
        for plane in column.chunks_exact(count) {
            for (bits, byte) in xored.iter_mut().zip(plane) {
                *bits = add(*bits, *byte);
            }
        }
    }
    let mut before = 0;
    for bits in xored {
        before ^= bits;
        values.push(f64::from_bits(before));
    }
    Ok(values)
}

fn compress(content: &[u8]) -> Result<Vec<u8>, CodecError> {
    let failed = |error: std::io::Error| CodecError::Zstd(error.to_string());
    let mut compressor = Compressor::new(COMPRESSION_LEVEL).map_err(failed)?;
    compressor.include_checksum(true).map_err(failed)?;
    compressor.compress(content).map_err(failed)
}

fn decompress(packed: &[u8], count: usize) -> Result<Vec<u8>, CodecError> {
    // Known before anything is reserved; no more than the points can need.
    let most = count * POINT_BYTES_MAX + HEAD_BYTES_MAX;
    let size = get_frame_content_size(packed).ok().flatten();
    let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= most);
    let size = size.ok_or(CodecError::Strange("size"))?;
    zstd::bulk::decompress(packed, size).map_err(|error| CodecError::Zstd(error.to_string()))
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn put(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(((value & 0x7f) as u8) | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// Small numbers of either sign become small ones: 0, -1, 1, -2, … are 0, 1, 2, 3, …
fn put_signed(to: &mut Vec<u8>, value: i64) {
    put(to, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// What is still to be read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self, what: &'static str) -> Result<u8, CodecError> {
        let (byte, rest) = self.0.split_first().ok_or(CodecError::Short(what))?;
        self.0 = rest;
        Ok(*byte)
    }

    fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], CodecError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(CodecError::Short(what))?;
        self.0 = rest;
        Ok(taken)
    }

    fn varint(&mut self, what: &'static str) -> Result<u64, CodecError> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte(what)?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(CodecError::Strange(what))
    }

    fn signed(&mut self, what: &'static str) -> Result<i64, CodecError> {
        let value = self.varint(what)?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "codec_tests.rs"]
mod tests;
