//! Frames of a client (RFC 6455, section 5). Pure.
//!
//! What a frame carries is handed on as it comes, so that nothing is kept of a frame but its head, or
//! a small control frame: actix-ws waits for a whole frame before it looks at its length.

use bytes::{Bytes, BytesMut};

/// Longest payload of a control frame (5.5).
const CONTROL_MAX_BYTES: usize = 125;
/// Longest head of a frame: two bytes, eight of the length, four of the mask.
const HEAD_MAX_BYTES: usize = 14;

/// Most that waits in the input while nothing can be made of it.
pub const WAITING_MAX_BYTES: usize = HEAD_MAX_BYTES + CONTROL_MAX_BYTES;

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A part of what a binary message carries.
    Data(Bytes),
    /// Are you there?
    Ping(Bytes),
    /// A frame that carries nothing for anybody.
    Idle,
    /// Goodbye.
    Close,
}

/// Why the connection must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not as RFC 6455 wants it.
    #[error("{0}")]
    Protocol(&'static str),
    /// Text: MQTT is binary (MQTT 5, 6.0.0-1).
    #[error("a text frame")]
    Text,
}

/// A data frame of which not all has come.
#[derive(Debug)]
struct Open {
    remaining: u64,
    mask: [u8; 4],
    /// Bytes that were unmasked.
    passed: usize,
}

/// Reads one connection.
#[derive(Debug, Default)]
pub struct Decoder {
    open: Option<Open>,
    /// A message of several frames isn't complete.
    is_fragmented: bool,
}

struct Head {
    len: usize,
    is_last: bool,
    kind: u8,
    payload: u64,
    mask: [u8; 4],
}

impl Decoder {
    /// The next piece; `None`: more input is needed, and at most [`WAITING_MAX_BYTES`] wait.
    ///
    /// # Errors
    /// See [`Fault`]; nothing more can be read then.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<Piece>, Fault> {
        if self.open.is_none() {
            let Some(head) = read_head(input)? else { return Ok(None) };
            if head.kind >= 0x8 {
                return control(&head, input);
            }
            self.check_data(&head)?;
            let _ = input.split_to(head.len);
            self.is_fragmented = !head.is_last;
            if head.payload == 0 {
                return Ok(Some(Piece::Idle));
            }
            self.open = Some(Open { remaining: head.payload, mask: head.mask, passed: 0 });
        }
        Ok(self.data(input).map(Piece::Data))
    }

    fn check_data(&self, head: &Head) -> Result<(), Fault> {
        match (head.kind, self.is_fragmented) {
            (0x0, true) | (0x2, false) => Ok(()),
            (0x0, false) => Err(Fault::Protocol("a continuation of nothing")),
            (0x1, _) => Err(Fault::Text),
            (0x2, true) => Err(Fault::Protocol("a message within a message")),
            _ => Err(Fault::Protocol("an unknown kind of frame")),
        }
    }

    fn data(&mut self, input: &mut BytesMut) -> Option<Bytes> {
        let open = self.open.as_mut().filter(|_| !input.is_empty())?;
        let wanted = usize::try_from(open.remaining).unwrap_or(usize::MAX);
        let mut bytes = input.split_to(input.len().min(wanted));
        unmask(&mut bytes, open.mask, open.passed);
        open.passed = (open.passed + bytes.len()) % open.mask.len();
        open.remaining -= bytes.len() as u64;
        if open.remaining == 0 {
            self.open = None;
        }
        Some(bytes.freeze())
    }
}

fn control(head: &Head, input: &mut BytesMut) -> Result<Option<Piece>, Fault> {
    let payload = usize::try_from(head.payload).unwrap_or(usize::MAX);
    if !head.is_last || payload > CONTROL_MAX_BYTES {
        return Err(Fault::Protocol("a control frame that is long or in parts"));
    }
    if input.len() < head.len + payload {
        return Ok(None);
    }
    let mut frame = input.split_to(head.len + payload);
    let mut bytes = frame.split_off(head.len);
    unmask(&mut bytes, head.mask, 0);
    match head.kind {
        0x8 => Ok(Some(Piece::Close)),
        0x9 => Ok(Some(Piece::Ping(bytes.freeze()))),
        0xA => Ok(Some(Piece::Idle)),
        _ => Err(Fault::Protocol("an unknown kind of frame")),
    }
}

fn read_head(input: &[u8]) -> Result<Option<Head>, Fault> {
    let &[first, second, ref rest @ ..] = input else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err(Fault::Protocol("reserved bits"));
    }
    if second & 0x80 == 0 {
        return Err(Fault::Protocol("a frame of a client isn't masked"));
    }
    let (payload, rest) = match second & 0x7F {
        126 => {
            let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from_be_bytes(*length), rest)
        }
        short => (u64::from(short), rest),
    };
    if payload > i64::MAX as u64 {
        return Err(Fault::Protocol("a length of 64 bits"));
    }
    let Some((mask, rest)) = rest.split_first_chunk() else { return Ok(None) };
    Ok(Some(Head {
        len: input.len() - rest.len(),
        is_last: first & 0x80 != 0,
        kind: first & 0x0F,
        payload,
        mask: *mask,
    }))
}

fn unmask(bytes: &mut [u8], mask: [u8; 4], passed: usize) {
    for (byte, mask) in bytes.iter_mut().zip(mask.iter().cycle().skip(passed % mask.len())) {
        *byte ^= mask;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn all(bytes: &[u8], chunk: usize) -> Result<Vec<Piece>, Fault> {
        let (mut decoder, mut input, mut pieces) =
            (Decoder::default(), BytesMut::new(), Vec::new());
        for part in bytes.chunks(chunk) {
            input.extend_from_slice(part);
            while let Some(piece) = decoder.next(&mut input)? {
                pieces.push(piece);
            }
            assert!(input.len() <= WAITING_MAX_BYTES);
        }
        Ok(pieces)
    }

    #[test]
    fn the_frame_of_the_rfc_in_chunks_of_every_size() {
        // 5.7: "Hello", masked; here as a binary frame, and a ping of the same before it.
        let hello = [0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let bytes = [&[0x89][..], &hello, &[0x82], &hello].concat();
        for chunk in 1..=bytes.len() {
            let mut data = Vec::new();
            for piece in all(&bytes, chunk).unwrap() {
                match piece {
                    Piece::Data(bytes) => data.extend_from_slice(&bytes),
                    Piece::Ping(bytes) => assert_eq!(bytes, "Hello"),
                    other => assert_eq!(other, Piece::Idle),
                }
            }
            assert_eq!(data, b"Hello");
        }
    }

    #[test]
    fn an_endless_frame_is_handed_on_and_never_kept() {
        let head = [0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];
        let bytes = [&head[..], &[7; 100_000]].concat();
        let pieces = all(&bytes, 1_000).unwrap();
        let passed: usize = pieces
            .iter()
            .map(|piece| if let Piece::Data(bytes) = piece { bytes.len() } else { 0 })
            .sum();
        assert_eq!(passed, 100_000);
    }
}
