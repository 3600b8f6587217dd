//! Ids are checked once and round-trip; moments are read in any offset and written in one form.

use proptest::prelude::*;

use super::*;

#[test]
fn a_sys_id_is_32_lower_case_hex_digits_and_nothing_else() {
    let good = "59616aba87bd5210be070d48dabb35e6";
    assert_eq!(SysId::parse(good).unwrap().to_string(), good);
    let upper = good.to_uppercase();
    let cases = [
        "",
        &good[1..],
        &upper,
        "59616aba87bd5210be070d48dabb35eg",
        " 9616aba87bd5210be070d48dabb35e6",
    ];
    for bad in cases {
        assert_eq!(SysId::parse(bad), Err(IdError::NotASysId), "{bad}");
    }
    assert_eq!(SysId::parse(&format!("{good}0")), Err(IdError::NotASysId));
    assert_eq!(SysId::parse(&"é".repeat(16)), Err(IdError::NotASysId));
}

#[test]
fn a_table_name_can_stand_in_a_url() {
    assert_eq!(TableName::parse("x_acme_2call").unwrap().as_str(), "x_acme_2call");
    for bad in ["", "Interaction", "a/b", "a.b", "a b", "../x", "tâble", &"a".repeat(81)] {
        assert_eq!(TableName::parse(bad), Err(IdError::NotATable), "{bad}");
    }
}

#[test]
fn a_vendor_id_is_any_short_text_without_control_characters() {
    for good in ["1", "a b", "Schlange-Ä", "arn:aws:connect:eu/x", &"é".repeat(128)] {
        assert_eq!(VendorQueueId::parse(good).unwrap().as_str(), good);
    }
    assert_eq!(VendorQueueId::parse(""), Err(IdError::Empty));
    assert_eq!(VendorQueueId::parse(&"a".repeat(257)), Err(IdError::TooLong(256)));
    for bad in ["a\nb", "\0", "\u{85}"] {
        assert_eq!(VendorQueueId::parse(bad), Err(IdError::Control), "{bad:?}");
    }
}

#[test]
fn an_id_from_a_stored_row_is_checked_like_one_from_outside() {
    assert!(serde_json::from_str::<SysId>("\"abc\"").is_err());
    assert!(serde_json::from_str::<EventId>("\"\"").is_err());
    assert!(serde_json::from_str::<TableName>("\"A\"").is_err());
    let document = serde_json::to_string(&document()).unwrap();
    assert_eq!(serde_json::from_str::<DocumentRef>(&document).unwrap(), super::document());
}

#[test]
fn a_moment_is_read_in_any_offset_and_cut_to_milliseconds() {
    let read = |text| UnixMillis::from_rfc3339(text);
    let moment = read("2026-11-21T16:00:00.123Z").unwrap();
    assert_eq!(read("2026-11-21T17:00:00.123999+01:00"), Some(moment));
    assert_eq!(moment.to_string(), "2026-11-21T16:00:00.123Z");
    assert_eq!(read("2026-11-21T16:00:00Z").unwrap().to_string(), "2026-11-21T16:00:00.000Z");
    for bad in ["", "2026-11-21", "2026-11-21T16:00:00", "1795276800000", "2026-13-01T00:00:00Z"] {
        assert_eq!(read(bad), None, "{bad}");
    }
}

#[test]
fn the_edges_of_the_calendar_are_moments_and_what_lies_beyond_is_none() {
    let read = |text| UnixMillis::from_rfc3339(text).map(|at| at.0);
    let end = 253_402_300_800_000;
    let day = 86_400_000;
    assert_eq!(read("9999-12-31T23:59:59.999Z"), Some(end - 1));
    assert_eq!(read("9999-12-31T23:59:59-23:59"), Some(end - 1_000 + 23 * 3_600_000 + 59 * 60_000));
    assert_eq!(read("9999-12-30T23:00:00Z"), Some(end - day - 3_600_000));
    assert_eq!(read("9999-12-30T12:00:00Z"), Some(end - day - day / 2));
    assert_eq!(read("0000-01-01T00:00:00Z"), Some(-62_167_219_200_000));
    assert!(read("0000-01-01T00:00:00+23:59").is_some());
    // A leap second is the second before it.
    assert_eq!(read("2016-12-31T23:59:60Z"), read("2016-12-31T23:59:59Z"));
    assert_eq!(read("9999-12-31T23:59:60Z"), Some(end - 1_000));
    for beyond in [
        "9999-12-32T00:00:00Z",
        "9999-12-3",
        "9999-12-3é",
        "9999-12-31",
        "9999-12-31T24:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T23:59:61Z",
        "10000-01-01T00:00:00Z",
        "2026-11-21T00:00:00+26:00",
        "2026-02-29T00:00:00Z",
    ] {
        assert_eq!(read(beyond), None, "{beyond}");
    }
}

#[test]
fn moments_do_not_overflow() {
    assert_eq!(UnixMillis::MAX.plus(1), UnixMillis::MAX);
    assert_eq!(UnixMillis(i64::MIN).minus(u64::MAX), UnixMillis(i64::MIN));
    assert_eq!(at(0).since(at(5)), 0);
    assert_eq!(UnixMillis::MAX.since(UnixMillis(i64::MIN)), i64::MAX as u64);
}

proptest! {
    #![proptest_config(crate::explore::chosen_by_seed(256))]

    #[test]
    fn a_sys_id_reads_back_from_its_text(text in "[0-9a-f]{32}") {
        prop_assert_eq!(SysId::parse(&text).unwrap().to_string(), text);
    }

    #[test]
    fn a_moment_reads_back_from_its_text(ms in 0i64..253_402_000_000_000) {
        prop_assert_eq!(UnixMillis::from_rfc3339(&UnixMillis(ms).to_string()), Some(UnixMillis(ms)));
    }
}
