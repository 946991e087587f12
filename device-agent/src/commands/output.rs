//! What a program prints, within bounds: its beginning and its end are kept, and what is new is
//! handed out piece by piece. Pure.

use millwright_schemas::limits::{
    COMMAND_OUTPUT_MAX_BYTES, COMMAND_PROGRESS_MAX_BYTES, COMMAND_RESULT_MAX_BYTES,
};
use serde_json::Value;

use crate::limits::COMMAND_PROGRESS_TOTAL_BYTES;

/// Stands where output was left out.
const GAP: &str = "\n[…]\n";
const HEAD_BYTES: usize = COMMAND_OUTPUT_MAX_BYTES / 2;
const TAIL_BYTES: usize = COMMAND_OUTPUT_MAX_BYTES - HEAD_BYTES - GAP.len();

/// Turns the bytes of one stream into text, also when a character comes in two pieces.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// The beginning of a character.
    begun: Vec<u8>,
}

impl Decoder {
    /// The text of these bytes. What is no UTF-8, and what would control a terminal, becomes
    /// U+FFFD.
    pub(super) fn decode(&mut self, bytes: &[u8]) -> String {
        let mut all = std::mem::take(&mut self.begun);
        all.extend_from_slice(bytes);
        let mut text = String::with_capacity(all.len());
        let mut rest = all.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    break;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    let Some(length) = error.error_len() else {
                        self.begun = after.to_vec();
                        break;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &after[length..];
                }
            }
        }
        let controls = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        text.replace(controls, "\u{fffd}")
    }
}

/// A new piece of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    /// Something before it was left out.
    pub(super) cut: bool,
}

/// All output of a program.
#[derive(Debug, Default)]
pub(super) struct Output {
    head: String,
    tail: String,
    cut: bool,
    /// Not handed out yet.
    fresh: String,
    fresh_cut: bool,
    handed_out: usize,
}

impl Output {
    pub(super) fn push(&mut self, text: &str) {
        self.push_fresh(text);
        let room = text.floor_char_boundary(HEAD_BYTES.saturating_sub(self.head.len()));
        let room = if self.tail.is_empty() { room } else { 0 };
        let (head, rest) = text.split_at(room);
        self.head.push_str(head);
        self.tail.push_str(rest);
        // Twice the room, so that not every piece moves all of it.
        if self.tail.len() > 2 * TAIL_BYTES {
            self.cut = true;
            shorten(&mut self.tail, TAIL_BYTES);
        }
    }

    fn push_fresh(&mut self, text: &str) {
        if self.handed_out >= COMMAND_PROGRESS_TOTAL_BYTES {
            return;
        }
        self.fresh.push_str(text);
        if self.fresh.len() > COMMAND_PROGRESS_MAX_BYTES {
            self.fresh_cut = true;
            shorten(&mut self.fresh, COMMAND_PROGRESS_MAX_BYTES);
        }
    }

    /// What is new since the last time; of much only the end. Beyond a bound for the whole
    /// command nothing more is handed out before its end.
    pub(super) fn take_piece(&mut self) -> Option<Piece> {
        if self.fresh.is_empty() {
            return None;
        }
        let text = std::mem::take(&mut self.fresh);
        self.handed_out += text.len();
        Some(Piece { text, cut: std::mem::take(&mut self.fresh_cut) })
    }

    /// All that was kept, and whether something was left out.
    pub(super) fn finish(mut self) -> (String, bool) {
        if self.head.len() + self.tail.len() > COMMAND_OUTPUT_MAX_BYTES {
            self.cut = true;
        }
        if self.cut {
            shorten(&mut self.tail, TAIL_BYTES);
            self.head.push_str(GAP);
        }
        self.head.push_str(&self.tail);
        (self.head, self.cut)
    }
}

/// Keeps the end.
fn shorten(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        let from = text.ceil_char_boundary(text.len() - bytes);
        text.drain(..from);
    }
}

/// What a program prints on its standard output, as far as it may be its result.
#[derive(Debug, Default)]
pub(super) struct ResultText(Vec<u8>);

impl ResultText {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.0.len() <= COMMAND_RESULT_MAX_BYTES {
            let room = COMMAND_RESULT_MAX_BYTES + 1 - self.0.len();
            self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    /// The result: all of the standard output, when it is one JSON object.
    pub(super) fn finish(self) -> Option<Value> {
        if self.0.len() > COMMAND_RESULT_MAX_BYTES {
            return None;
        }
        serde_json::from_slice(&self.0).ok().filter(Value::is_object)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn head_and_tail_are_kept_and_the_cut_is_told() {
        let mut output = Output::default();
        output.push("first\n");
        for _ in 0..100_000 {
            output.push("0123456789 äöü\n");
        }
        output.push("last");
        let (text, cut) = output.finish();
        assert!(cut && text.len() <= COMMAND_OUTPUT_MAX_BYTES);
        assert!(text.starts_with("first\n") && text.ends_with("\nlast") && text.contains(GAP));
    }

    #[test]
    fn what_fits_is_whole() {
        let mut output = Output::default();
        let all = "x".repeat(COMMAND_OUTPUT_MAX_BYTES);
        for piece in all.as_bytes().chunks(1_000) {
            output.push(std::str::from_utf8(piece).unwrap());
        }
        assert_eq!(output.finish(), (all, false));
    }

    #[test]
    fn pieces_are_bounded_each_and_together() {
        let mut output = Output::default();
        let mut sum = 0;
        for _ in 0..1_000 {
            output.push(&"ä".repeat(COMMAND_PROGRESS_MAX_BYTES));
            if let Some(piece) = output.take_piece() {
                assert!(piece.cut && piece.text.len() <= COMMAND_PROGRESS_MAX_BYTES);
                sum += piece.text.len();
            }
        }
        assert!(sum <= COMMAND_PROGRESS_TOTAL_BYTES + COMMAND_PROGRESS_MAX_BYTES, "{sum}");
        assert_eq!(output.take_piece(), None);
    }

    #[test]
    fn characters_in_two_pieces_and_what_is_no_text() {
        let mut decoder = Decoder::default();
        let bytes = "aä€\u{1b}[2Jz".as_bytes();
        let text: String = bytes.iter().map(|byte| decoder.decode(&[*byte])).collect();
        assert_eq!(text, "aä€\u{fffd}[2Jz");
        assert_eq!(Decoder::default().decode(b"a\xff\xfeb\x00"), "a\u{fffd}\u{fffd}b\u{fffd}");
    }

    #[test]
    fn only_a_whole_object_is_a_result() {
        for (text, expected) in [
            ("{\"a\": 1}\n", Some(json!({"a": 1}))),
            ("log\n{\"a\": 1}", None),
            ("[1]", None),
            ("1", None),
            ("", None),
        ] {
            let mut result = ResultText::default();
            for byte in text.as_bytes() {
                result.push(&[*byte]);
            }
            assert_eq!(result.finish(), expected, "{text}");
        }
        let mut large = ResultText::default();
        large.push(format!("{{\"a\":\"{}\"}}", "x".repeat(COMMAND_RESULT_MAX_BYTES)).as_bytes());
        assert_eq!(large.finish(), None);
    }

    proptest! {
        #[test]
        fn any_output_is_bounded_and_begins_and_ends_as_it_did(
            pieces in proptest::collection::vec(".{0,3000}", 0..120),
        ) {
            let mut output = Output::default();
            pieces.iter().for_each(|piece| output.push(piece));
            let all = pieces.concat();
            let (text, cut) = output.finish();
            prop_assert!(text.len() <= COMMAND_OUTPUT_MAX_BYTES);
            prop_assert_eq!(cut, all.len() > COMMAND_OUTPUT_MAX_BYTES);
            match text.split_once(GAP).filter(|_| cut) {
                Some((head, tail)) => prop_assert!(all.starts_with(head) && all.ends_with(tail)),
                None => prop_assert_eq!(text, all),
            }
        }
    }
}
