//! Frames of a machine's WebSocket. The first byte is the size of the chunks in which they come.

use bytes::BytesMut;
use millwright_api::machine_socket::frames::{Decoder, Piece, WAITING_MAX_BYTES};

/// Everything that was read, as far as it is right, whatever the chunks are.
fn read(bytes: &[u8], chunk: usize) -> (Vec<u8>, Vec<Piece>, bool) {
    let (mut decoder, mut input) = (Decoder::default(), BytesMut::new());
    let (mut data, mut others) = (Vec::new(), Vec::new());
    for part in bytes.chunks(chunk) {
        input.extend_from_slice(part);
        loop {
            match decoder.next(&mut input) {
                Ok(Some(Piece::Data(bytes))) => data.extend_from_slice(&bytes),
                Ok(Some(other)) => others.push(other),
                Ok(None) => break,
                Err(_) => return (data, others, false),
            }
        }
        assert!(input.len() <= WAITING_MAX_BYTES, "{} bytes wait", input.len());
    }
    (data, others, true)
}

/// See the module.
pub fn target(data: &[u8]) {
    let Some((&chunk, bytes)) = data.split_first() else { return };
    let whole = read(bytes, usize::MAX);
    assert!(whole.0.len() <= bytes.len());
    assert_eq!(read(bytes, usize::from(chunk) + 1), whole, "the same in chunks");
}
