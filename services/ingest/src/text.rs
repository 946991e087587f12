//! What no database keeps in a text is replaced before a payload is read: the character U+0000.

use std::borrow::Cow;

/// As it stands in JSON.
const NUL: &[u8] = b"\\u0000";
/// In its place: U+FFFD, the replacement character.
const REPLACEMENT: &[u8] = b"\\ufffd";

/// A JSON text in which no string holds U+0000. PostgreSQL refuses it in texts, and what is stored must
/// not depend on the database.
pub(crate) fn without_nul(json: &[u8]) -> Cow<'_, [u8]> {
    if !json.contains(&b'\\') || !json.windows(NUL.len()).any(|window| window == NUL) {
        return Cow::Borrowed(json);
    }
    let mut text = Vec::with_capacity(json.len());
    let mut rest = json;
    while let Some(first) = rest.first() {
        // After a backslash comes what it escapes, which may be another backslash.
        let (piece, taken): (&[u8], usize) = match first {
            b'\\' if rest.starts_with(NUL) => (REPLACEMENT, NUL.len()),
            b'\\' => (&rest[..rest.len().min(2)], rest.len().min(2)),
            _ => (&rest[..1], 1),
        };
        text.extend_from_slice(piece);
        rest = &rest[taken..];
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_character_itself_is_replaced() {
        for (json, expected) in [
            (r#"{"a":"x"}"#, r#"{"a":"x"}"#),
            (r#"{"a":"x\u0000y\u0000"}"#, r#"{"a":"x\ufffdy\ufffd"}"#),
            // A backslash, then the letters.
            (r#"{"a":"\\u0000"}"#, r#"{"a":"\\u0000"}"#),
            (r#"{"a":"\\\u0000"}"#, r#"{"a":"\\\ufffd"}"#),
            (r#""\u0000\"#, r#""\ufffd\"#),
        ] {
            assert_eq!(without_nul(json.as_bytes()), expected.as_bytes(), "{json}");
        }
    }
}
