use proptest::prelude::*;

use super::*;

/// 2025-11-22.
const DAY: i64 = 20_414;

fn same(left: &[Point], right: &[Point]) -> bool {
    let of = |point: &Point| (point.ts, point.value.map(f64::to_bits), point.quality);
    left.len() == right.len() && left.iter().map(of).eq(right.iter().map(of))
}

/// A value as sensors give it, or any at all.
fn value() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        1 => Just(None::<f64>),
        4 => (-100_000..100_000_i32, 0..7_usize).prop_map(|(n, d)| Some(f64::from(n) / POWERS[d])),
        2 => any::<u64>().prop_map(|bits| Some(f64::from_bits(bits))),
        1 => prop_oneof![Just(0.0), Just(-0.0), Just(9_007_199_254_740_994.0), Just(1e300)]
            .prop_map(Some),
    ]
}

fn day_of_points(value: impl Strategy<Value = Option<f64>>) -> impl Strategy<Value = Vec<Point>> {
    let quality = prop_oneof![8 => Just(0_i64), 1 => 1..3_i64, 1 => any::<i64>()];
    let gap = prop_oneof![6 => Just(1_000_000_i64), 2 => 1..100_i64, 1 => 1..300_000_000_i64];
    let rows = prop::collection::vec((gap, value, quality), 1..200);
    (0..DAY_US / 2, rows).prop_map(|(first, rows)| {
        let mut ts = DAY * DAY_US + first;
        rows.into_iter()
            .map(|(gap, value, quality)| {
                let point = Point { ts, value, quality };
                ts += gap;
                point
            })
            .filter(|point| point.ts < (DAY + 1) * DAY_US)
            .collect()
    })
}

proptest! {
    #[test]
    fn what_was_packed_comes_out_bit_by_bit(points in day_of_points(value())) {
        let block = encode(DAY, &points).unwrap();
        let unpacked = decode(DAY, points.len(), &block).unwrap();
        prop_assert!(same(&unpacked, &points), "{unpacked:?} is not {points:?}");
    }

    #[test]
    fn rounded_values_take_little(points in day_of_points((-500..500_i32).prop_map(|n| {
        Some(f64::from(n) / 10.0)
    }))) {
        let block = encode(DAY, &points).unwrap();
        let unpacked = decode(DAY, points.len(), &block).unwrap();
        prop_assert!(same(&unpacked, &points));
        // Two bytes of the value, nine of the time at worst, ten of a strange quality.
        prop_assert!(block.len() <= points.len() * 21 + 64, "{}", block.len());
    }

    #[test]
    fn a_damaged_block_is_an_error_or_the_same(
        points in day_of_points(value()),
        place in any::<prop::sample::Index>(),
        bits in 1..=u8::MAX,
    ) {
        let block = encode(DAY, &points).unwrap();
        let mut damaged = block.clone();
        damaged[place.index(block.len())] ^= bits;
        if let Ok(unpacked) = decode(DAY, points.len(), &damaged) {
            // A bit that means nothing to zstd.
            prop_assert!(same(&unpacked, &points));
        }
        let short = &block[..place.index(block.len())];
        prop_assert!(decode(DAY, points.len(), short).is_err());
    }

    #[test]
    fn any_bytes_are_read_without_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..300),
        count in 0..POINTS_MAX + 2,
    ) {
        prop_assert!(decode(DAY, count, &bytes).is_err());
        bytes.insert(0, FORM);
        prop_assert!(decode(DAY, count, &bytes).is_err());
        // Past the checksum: content that nobody has written.
        if let Ok(packed) = compress(&bytes) {
            let block = [&[FORM], packed.as_slice()].concat();
            let _ = decode(DAY, count, &block);
        }
    }
}

#[test]
fn a_block_is_of_its_day_and_number() {
    let points: Vec<Point> = (0..1_000)
        .map(|n| Point { ts: DAY * DAY_US + n * 1_000_000, value: Some(21.5), quality: 0 })
        .collect();
    let block = encode(DAY, &points).unwrap();
    assert!(block.len() < 100, "{} bytes of a thousand regular points", block.len());
    assert_eq!(decode(DAY, 999, &block), Err(CodecError::OtherCount { found: 1_000, said: 999 }));
    assert_eq!(decode(DAY, 0, &block), Err(CodecError::Count(0)));
    assert_eq!(decode(DAY, POINTS_MAX + 1, &block), Err(CodecError::Count(POINTS_MAX + 1)));
    assert_eq!(decode(DAY, 1_000, &[]), Err(CodecError::Form(None)));
    assert_eq!(decode(DAY, 1_000, &[7, 0]), Err(CodecError::Form(Some(7))));
}

#[test]
fn points_of_another_day_or_out_of_order_are_refused() {
    let at = |offset: i64| Point { ts: DAY * DAY_US + offset, value: Some(1.0), quality: 0 };
    assert_eq!(encode(DAY, &[]), Err(CodecError::Count(0)));
    assert_eq!(encode(DAY, &[at(-1)]), Err(CodecError::Time(0)));
    assert_eq!(encode(DAY, &[at(0), at(DAY_US)]), Err(CodecError::Time(1)));
    assert_eq!(encode(DAY, &[at(5), at(5)]), Err(CodecError::Time(1)));
    assert_eq!(encode(DAY, &[at(0), at(9), at(8)]), Err(CodecError::Time(2)));
    assert_eq!(encode(i64::MAX, &[at(0)]), Err(CodecError::Time(0)));
    // Both ends of a day, also of one before 1970.
    for day in [DAY, -1] {
        let ends = [day * DAY_US, (day + 1) * DAY_US - 1];
        let points = ends.map(|ts| Point { ts, value: None, quality: 2 });
        let block = encode(day, &points).unwrap();
        assert_eq!(decode(day, 2, &block).unwrap(), points);
    }
}

#[test]
fn what_claims_to_be_larger_than_its_points_is_refused_unread() {
    let packed = compress(&vec![0; 100_000]).unwrap();
    let block = [&[FORM], packed.as_slice()].concat();
    assert_eq!(decode(DAY, 10, &block), Err(CodecError::Strange("size")));
}
