//! What detectors remember as bytes, little-endian: exact and small. Within JSON as base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use millwright_schemas::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

/// Something that can be written as bytes.
pub(crate) trait Packed: Sized {
    /// Its bytes.
    fn write(&self, bytes: &mut Vec<u8>);
    /// Read from the front of the bytes; `None`: too few, or not what we would have written.
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
packed!(u8, |_| true);
packed!(i8, |_| true);
packed!(u16, |_| true);
packed!(u32, |_| true);
packed!(u64, |_| true);
packed!(i64, |_| true);

impl Packed for bool {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(*self));
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        match u8::read(bytes)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Packed for usize {
    fn write(&self, bytes: &mut Vec<u8>) {
        // As large on every machine.
        u64::try_from(*self).unwrap_or(u64::MAX).write(bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Self::try_from(u64::read(bytes)?).ok()
    }
}

impl Packed for Timestamp {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.micros().write(bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self::from_micros(i64::read(bytes)?))
    }
}

impl Packed for String {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.len().write(bytes);
        bytes.extend_from_slice(self.as_bytes());
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let length = usize::read(bytes)?;
        let (text, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        Self::from_utf8(text.to_vec()).ok()
    }
}

impl<T: Packed> Packed for Option<T> {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.is_some().write(bytes);
        if let Some(value) = self {
            value.write(bytes);
        }
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some(if bool::read(bytes)? { Some(T::read(bytes)?) } else { None })
    }
}

impl<T: Packed> Packed for Box<T> {
    fn write(&self, bytes: &mut Vec<u8>) {
        T::write(self, bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        T::read(bytes).map(Self::new)
    }
}

impl<T: Packed> Packed for Vec<T> {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.len().write(bytes);
        self.iter().for_each(|item| item.write(bytes));
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let length = usize::read(bytes)?;
        let mut items = Self::new();
        for _ in 0..length {
            // Ends with the bytes, whatever the length says.
            items.push(T::read(bytes)?);
        }
        Some(items)
    }
}

/// Several that belong together.
impl<T: Packed, const N: usize> Packed for [T; N] {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.iter().for_each(|item| item.write(bytes));
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let mut items = Vec::with_capacity(N);
        for _ in 0..N {
            items.push(T::read(bytes)?);
        }
        items.try_into().ok()
    }
}

/// A struct as its fields, in this order.
macro_rules! packed_fields {
    ($kind:ty { $($field:ident),+ $(,)? }) => {
        impl $crate::learned::packed::Packed for $kind {
            fn write(&self, bytes: &mut Vec<u8>) {
                $($crate::learned::packed::Packed::write(&self.$field, bytes);)+
            }
            fn read(bytes: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: $crate::learned::packed::Packed::read(bytes)?),+ })
            }
        }
    };
}
pub(crate) use packed_fields;

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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_broken_is_none() {
        type Mixed = (Vec<Option<f64>>, [bool; 3], String, Timestamp);
        let mixed: Mixed = (
            vec![Some(-0.1), None],
            [true, false, true],
            "vibration".to_owned(),
            Timestamp::from_micros(-7),
        );
        let mut bytes = Vec::new();
        mixed.0.write(&mut bytes);
        mixed.1.write(&mut bytes);
        mixed.2.write(&mut bytes);
        mixed.3.write(&mut bytes);
        let read = |mut bytes: &[u8]| -> Option<Mixed> {
            let all = Some((
                Packed::read(&mut bytes)?,
                Packed::read(&mut bytes)?,
                Packed::read(&mut bytes)?,
                Packed::read(&mut bytes)?,
            ));
            all.filter(|_| bytes.is_empty())
        };
        assert_eq!(read(&bytes), Some(mixed));
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]), None, "{length} bytes");
        }
        let endless = usize::MAX.to_le_bytes();
        assert_eq!(<Vec<f64>>::read(&mut endless.as_slice()), None);
        assert_eq!(String::read(&mut endless.as_slice()), None);
        assert_eq!(bool::read(&mut [2].as_slice()), None);
        assert_eq!(f64::read(&mut f64::NAN.to_le_bytes().as_slice()), None);
    }
}
