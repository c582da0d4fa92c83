//! Rules that look at arguments, with a call that takes numbers: getpriority(which, who).

use crate::{MARK, errno_of, mark, with_rules};
use libc::SYS_getpriority;
use runtime_tests::{Test, Value, conformance, json};

const HIGH: u64 = 1 << 32;

/// Whether a rule with these conditions holds for each of the second arguments.
#[track_caller]
fn holds(t: &Test, conditions: &Value, cases: &[(u64, bool)]) {
    let bundle = with_rules(t, json!([mark("getpriority", conditions.clone())]));
    for (argument, expected) in cases {
        let errno = errno_of(t, &bundle, SYS_getpriority, [0, *argument, 0]);
        assert_eq!(
            errno == MARK,
            *expected,
            "{conditions} with {argument:#x}: {errno}"
        );
    }
}

fn one(op: &str, value: u64) -> Value {
    json!([{"index": 1, "op": op, "value": value}])
}

#[test]
fn equal_and_not_equal_compare_all_64_bits() {
    conformance(|t| {
        let value = HIGH + 5;
        let cases = [
            (value, true),
            (5, false),
            (2 * HIGH + 5, false),
            (HIGH + 4, false),
        ];
        holds(t, &one("SCMP_CMP_EQ", value), &cases);
        let opposite = cases.map(|(argument, held)| (argument, !held));
        holds(t, &one("SCMP_CMP_NE", value), &opposite);
    });
}

#[test]
fn orders_compare_all_64_bits_unsigned() {
    conformance(|t| {
        let value = HIGH + 5;
        let (below, above) = ([4, HIGH + 4], [HIGH + 6, 2 * HIGH, u64::MAX]);
        for (op, at_below, at_equal, at_above) in [
            ("SCMP_CMP_LT", true, false, false),
            ("SCMP_CMP_LE", true, true, false),
            ("SCMP_CMP_GE", false, true, true),
            ("SCMP_CMP_GT", false, false, true),
        ] {
            let mut cases = vec![(value, at_equal)];
            cases.extend(below.map(|argument| (argument, at_below)));
            cases.extend(above.map(|argument| (argument, at_above)));
            holds(t, &one(op, value), &cases);
        }
    });
}

#[test]
fn a_masked_argument_must_be_value_two() {
    conformance(|t| {
        let condition = json!([{
            "index": 1,
            "op": "SCMP_CMP_MASKED_EQ",
            "value": 0xff_0000_00f0_u64,
            "valueTwo": 0x12_0000_0030_u64,
        }]);
        let cases = [
            (0x12_0000_0030, true),
            (0x3412_ffff_ff3f, true),
            (0x12_0000_0020, false),
            (0x30, false),
        ];
        holds(t, &condition, &cases);
    });
}

#[test]
fn conditions_on_several_arguments_must_all_hold() {
    conformance(|t| {
        let conditions = json!([
            {"index": 0, "op": "SCMP_CMP_EQ", "value": 0},
            {"index": 1, "op": "SCMP_CMP_EQ", "value": 7},
            {"index": 2, "op": "SCMP_CMP_LT", "value": 9},
        ]);
        holds(t, &conditions, &[(7, true), (8, false)]);
        let conditions = json!([
            {"index": 0, "op": "SCMP_CMP_EQ", "value": 1},
            {"index": 1, "op": "SCMP_CMP_EQ", "value": 7},
        ]);
        holds(t, &conditions, &[(7, false)]);
    });
}

#[test]
fn of_conditions_on_one_argument_one_is_enough() {
    conformance(|t| {
        let conditions = json!([
            {"index": 1, "op": "SCMP_CMP_EQ", "value": 7},
            {"index": 1, "op": "SCMP_CMP_EQ", "value": 9},
        ]);
        holds(t, &conditions, &[(7, true), (9, true), (8, false)]);
    });
}
