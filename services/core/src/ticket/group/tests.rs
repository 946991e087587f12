//! Groups and roots: by example, and for any alarms in any order.

use proptest::prelude::*;

use super::*;
use crate::ticket::{root, tie};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_763_775_000_000_000).plus_seconds(seconds)
}

fn id(kind: u8, number: u8) -> String {
    format!("0198b2c4-7c1e-7000-8000-0000000{kind:02}{number:03}")
}

fn machine(number: u8) -> MachineId {
    id(1, number).parse().unwrap()
}

/// A fault of a machine, at a site that has the machines 1 to 9, 10 to 19 and so on, without a
/// parent.
fn sign(number: u8, at_machine: u8, seconds: i64) -> Sign {
    Sign {
        alarm: id(2, number).parse().unwrap(),
        machine: machine(at_machine),
        parent: None,
        site: Some(id(3, at_machine / 10).parse().unwrap()),
        origin: AlarmOrigin::Fault,
        source: String::new(),
        code: format!("E-{number}"),
        severity: Severity::Major,
        at: at(seconds),
    }
}

fn lost(number: u8, at_machine: u8, seconds: i64) -> Sign {
    let code = "contact_lost".to_owned();
    Sign { origin: AlarmOrigin::Contact, code, ..sign(number, at_machine, seconds) }
}

fn below(parent: u8, sign: Sign) -> Sign {
    Sign { parent: Some(machine(parent)), site: None, ..sign }
}

/// The alarms that belong together with one of them, by number.
fn grouped(signs: &[Sign], about: &Sign) -> Vec<u8> {
    let members = group(signs, about.alarm, &GroupingPolicy::default());
    let number = |sign: &Sign| signs.iter().position(|one| one.alarm == sign.alarm).unwrap();
    members.iter().map(|(sign, _)| u8::try_from(number(sign)).unwrap()).collect()
}

#[test]
fn alarms_of_one_machine_within_the_window_belong_together() {
    let signs = [sign(0, 1, 0), sign(1, 1, 120), sign(2, 1, 240), sign(3, 1, 361), sign(4, 2, 10)];
    assert_eq!(grouped(&signs, &signs[0]), [0, 1, 2], "each within the window after the last");
    assert_eq!(grouped(&signs, &signs[2]), [0, 1, 2]);
    assert_eq!(grouped(&signs, &signs[3]), [3]);
    assert_eq!(grouped(&signs, &signs[4]), [4], "two machines of a site aren't enough");
    let off = GroupingPolicy { enabled: false, ..GroupingPolicy::default() };
    assert_eq!(group(&signs, signs[0].alarm, &off).len(), 1);
    assert!(group(&signs[1..], signs[0].alarm, &off).is_empty());
}

#[test]
fn machines_of_a_site_belong_together_when_enough_are_concerned_within_one_window() {
    let lost_site = [sign(0, 1, 0), sign(1, 2, 100), sign(2, 3, 120), sign(3, 4, 240)];
    assert_eq!(grouped(&lost_site, &lost_site[3]), [0, 1, 2, 3]);
    let spread = [sign(0, 1, 0), sign(1, 2, 100), sign(2, 3, 200), sign(3, 4, 300)];
    assert_eq!(grouped(&spread, &spread[1]), [1], "never three within two minutes");
    let elsewhere = [sign(0, 1, 0), sign(1, 2, 0), sign(2, 11, 0)];
    assert_eq!(grouped(&elsewhere, &elsewhere[0]), [0]);
    let twice = [sign(0, 1, 0), sign(1, 2, 0), sign(2, 2, 1)];
    assert_eq!(grouped(&twice, &twice[0]), [0], "two machines, not three alarms");
}

#[test]
fn a_parent_with_one_of_its_machines_is_enough() {
    let own = [lost(0, 1, 100), below(1, sign(1, 2, 0)), below(1, sign(2, 3, 300))];
    assert_eq!(grouped(&own, &own[0]), [1, 0]);
    assert_eq!(grouped(&own, &own[2]), [2], "too late");
    let two = [below(1, sign(0, 2, 0)), below(1, sign(1, 3, 0))];
    assert_eq!(grouped(&two, &two[0]), [0]);
    let three = [below(1, sign(0, 2, 0)), below(1, sign(1, 3, 0)), below(1, sign(2, 4, 0))];
    assert_eq!(grouped(&three, &three[0]), [0, 1, 2], "a stopped line");
}

#[test]
fn a_group_ends_after_its_span_however_busy_a_machine_is() {
    let busy: Vec<Sign> = (0..100).map(|n| sign(n, 1, i64::from(n) * 60)).collect();
    let first = grouped(&busy, &busy[0]);
    assert_eq!(first.len(), 61, "an hour");
    assert_eq!(grouped(&busy, &busy[61]).first(), Some(&61));
}

fn rooted(signs: &[Sign]) -> (AlarmId, AlarmTie) {
    let members: Vec<&Sign> = signs.iter().collect();
    let (sign, reason) = root(&members).unwrap();
    (sign.alarm, reason)
}

#[test]
fn the_likely_root_comes_first() {
    let critical = Sign { severity: Severity::Critical, ..below(1, sign(1, 2, 0)) };
    let gateway = lost(2, 1, 90);
    let child = below(1, lost(3, 3, 10));
    let power = Sign { code: "MAINS-FAILURE".to_owned(), ..below(1, sign(4, 4, 20)) };
    let fan = Sign { code: "power.high".to_owned(), ..below(1, sign(5, 5, 5)) };
    let all = [fan.clone(), power.clone(), child.clone(), gateway.clone(), critical.clone()];
    assert_eq!(rooted(&all), (gateway.alarm, AlarmTie::GatewayLost));
    let of = |signs: &[&Sign]| rooted(&signs.iter().copied().cloned().collect::<Vec<_>>());
    assert_eq!(of(&[&fan, &child, &critical]), (child.alarm, AlarmTie::ContactLost));
    assert_eq!(of(&[&fan, &power, &critical]), (power.alarm, AlarmTie::PowerLost));
    assert_eq!(of(&[&power, &child]), (child.alarm, AlarmTie::Earliest));
    assert_eq!(of(&[&fan, &critical]), (critical.alarm, AlarmTie::MostSevere));
    assert_eq!(of(&[&fan]), (fan.alarm, AlarmTie::Only));
    let upstream = sign(9, 1, 5);
    assert_eq!(of(&[&fan, &upstream]), (upstream.alarm, AlarmTie::Upstream));
    let like = Sign { alarm: id(2, 8).parse().unwrap(), ..fan.clone() };
    assert_eq!(of(&[&like, &fan]), (fan.alarm, AlarmTie::Alike), "the first one by its id");
    assert_eq!(root(&[]), None);
}

#[test]
fn what_an_alarm_is_to_the_root() {
    let root = lost(0, 1, 0);
    for (sign, expected) in [
        (lost(1, 1, 50), Some(AlarmTie::SameCause)),
        (sign(2, 1, 0), Some(AlarmTie::SameMachine)),
        (below(1, sign(3, 20, 0)), Some(AlarmTie::SameParent)),
        (sign(4, 2, 0), Some(AlarmTie::SameSite)),
        (sign(5, 20, 0), None),
    ] {
        assert_eq!(tie(&root, &sign), expected, "{sign:?}");
    }
    let brother = below(7, sign(6, 8, 0));
    assert_eq!(tie(&brother, &below(7, sign(7, 9, 0))), Some(AlarmTie::SameParent));
}

/// Alarms of few machines within few minutes, so that they meet. The odd machines are below the
/// first.
fn signs() -> impl Strategy<Value = Vec<Sign>> {
    let one = (1u8..8, 0i64..900, any::<bool>(), 0usize..3);
    prop::collection::vec(one, 1..25).prop_map(|all| {
        let mut signs = Vec::new();
        for (number, (at_machine, seconds, contact, severity)) in (0u8..).zip(all) {
            let plain = if contact {
                lost(number, at_machine, seconds)
            } else {
                sign(number, at_machine, seconds)
            };
            let severity = [Severity::Critical, Severity::Major, Severity::Minor][severity];
            let parent = (at_machine > 1 && at_machine % 2 == 1).then(|| machine(1));
            signs.push(Sign { severity, parent, ..plain });
        }
        signs
    })
}

fn members(signs: &[Sign], about: AlarmId) -> BTreeMap<AlarmId, AlarmTie> {
    let members = group(signs, about, &GroupingPolicy::default());
    members.into_iter().map(|(sign, tie)| (sign.alarm, tie)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn groups_and_roots_depend_on_nothing_but_the_alarms(
        signs in signs(),
        seed in any::<u64>(),
    ) {
        let mut mixed = signs.clone();
        mixed.sort_by_key(|sign| sign.alarm.uuid().as_u128().wrapping_mul(u128::from(seed | 1)));
        for sign in &signs {
            let together = members(&signs, sign.alarm);
            prop_assert!(together.contains_key(&sign.alarm));
            prop_assert_eq!(&members(&mixed, sign.alarm), &together);
            // Whichever of them is asked about, it is the same group.
            for other in together.keys() {
                prop_assert_eq!(&members(&signs, *other), &together);
            }
            let pick = |all: &[Sign]| -> (AlarmId, AlarmTie) {
                let inside = all.iter().filter(|sign| together.contains_key(&sign.alarm));
                let (sign, reason) = root(&inside.collect::<Vec<_>>()).unwrap();
                (sign.alarm, reason)
            };
            prop_assert_eq!(pick(&signs), pick(&mixed));
            prop_assert!(together.contains_key(&pick(&signs).0));
        }
    }

    #[test]
    fn what_becomes_known_later_never_parts_a_group(signs in signs(), known in 1usize..25) {
        let early = signs.get(..known.min(signs.len())).unwrap();
        for sign in early {
            let (before, after) = (members(early, sign.alarm), members(&signs, sign.alarm));
            prop_assert!(before.keys().all(|alarm| after.contains_key(alarm)));
        }
    }

    #[test]
    fn members_are_near_each_other_and_have_something_in_common(signs in signs()) {
        let policy = GroupingPolicy::default();
        for sign in &signs {
            let together = group(&signs, sign.alarm, &policy);
            if together.len() == 1 {
                continue;
            }
            for (one, why) in &together {
                prop_assert_ne!(*why, AlarmTie::Only);
                let near = together.iter().any(|(other, _)| {
                    other.alarm != one.alarm
                        && (other.at.micros_since(one.at)).abs() <= policy.window_s * 1_000_000
                        && tie(one, other).is_some()
                });
                prop_assert!(near, "{:?} is alone in {:?}", one, together);
            }
        }
    }
}
