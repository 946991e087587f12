//! Numbers as text: little-endian bytes in base64. Exact, and half as long as decimal digits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

/// A number of fixed size.
pub(super) trait Packed: Sized {
    /// Its bytes.
    fn write(&self, bytes: &mut Vec<u8>);
    /// A number from the front of the bytes; `None`: too few, or not one we would have written.
    fn read(bytes: &mut &[u8]) -> Option<Self>;
}

macro_rules! packed {
    ($kind:ty, $valid:expr) => {
        impl Packed for $kind {
            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
            fn read(bytes: &mut &[u8]) -> Option<Self> {
                let (number, rest) = bytes.split_first_chunk()?;
                *bytes = rest;
                Some(<$kind>::from_le_bytes(*number)).filter($valid)
            }
        }
    };
}

packed!(f64, |number| number.is_finite());
packed!(f32, |number| number.is_finite());
packed!(i8, |_| true);
packed!(u16, |_| true);

/// Several numbers that belong together.
impl<const N: usize> Packed for [f64; N] {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.iter().for_each(|number| number.write(bytes));
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let mut numbers = [0.0; N];
        for number in &mut numbers {
            *number = f64::read(bytes)?;
        }
        Some(numbers)
    }
}

pub(super) fn serialize<T: Packed, S: Serializer>(
    numbers: &[T],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut bytes = Vec::new();
    for number in numbers {
        number.write(&mut bytes);
    }
    serializer.serialize_str(&BASE64.encode(bytes))
}

pub(super) fn deserialize<'de, T: Packed, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
    let bytes = BASE64.decode(text.as_bytes()).map_err(D::Error::custom)?;
    let mut rest = bytes.as_slice();
    let mut numbers = Vec::new();
    while !rest.is_empty() {
        numbers.push(T::read(&mut rest).ok_or_else(|| D::Error::custom("not whole numbers"))?);
    }
    Ok(numbers)
}
