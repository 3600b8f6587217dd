use super::*;

const T: UnixMillis = UnixMillis(1_800_000_000_000);

/// Thirty answers spread over half a minute, from a server whose clock is `ahead` of ours by so many milliseconds.
fn measured(ahead: i64) -> (Offset, UnixMillis) {
    let mut offset = Offset::default();
    let mut now = T;
    for step in 0..30 {
        let start = T.plus(step * 1_070);
        now = start.plus(40);
        offset.measure(header(start.plus(20), ahead), start, now);
    }
    (offset, now)
}

/// What a server with that clock writes at our moment.
fn header(moment: UnixMillis, ahead: i64) -> UnixMillis {
    UnixMillis((moment.0 + ahead).div_euclid(1000) * 1000)
}

fn likely(offset: &Offset, now: UnixMillis) -> Option<i64> {
    offset.at(now).map(ClockOffset::likely)
}

#[test]
fn many_headers_of_a_second_each_narrow_the_offset_to_a_fraction() {
    for ahead in [0, 437, -437, 12_345, -12_345] {
        let (offset, now) = measured(ahead);
        let likely = likely(&offset, now).unwrap();
        assert!((likely - ahead).abs() <= 80, "{ahead} was measured as {likely}");
    }
}

#[test]
fn without_a_measurement_nothing_is_known() {
    assert_eq!(likely(&Offset::default(), T), None);
}

#[test]
fn after_our_clock_was_set_back_nothing_is_known_until_it_is_measured_anew() {
    let (mut offset, now) = measured(0);
    let now = now.minus(3_600_000);
    assert_eq!(offset.at(now), None);
    offset.measure(header(now, 3_600_000), now, now.plus(20));
    assert!((likely(&offset, now.plus(20)).unwrap() - 3_600_000).abs() <= 1_000);
}

#[test]
fn a_stepped_clock_replaces_what_was_known() {
    let (mut offset, now) = measured(0);
    let start = now.plus(100);
    offset.measure(header(start, 60_000), start, start.plus(10));
    let likely = likely(&offset, start).unwrap();
    assert!((59_000..=61_000).contains(&likely), "{likely}");
}

#[test]
fn a_header_that_no_clock_can_have_changes_nothing() {
    let (mut offset, now) = measured(437);
    let start = now.plus(100);
    for odd in [UnixMillis(0), UnixMillis(i64::MIN), UnixMillis::MAX, start.minus(86_402_000)] {
        offset.measure(odd, start, start.plus(10));
        let likely = likely(&offset, start).unwrap();
        assert!((likely - 437).abs() <= 80, "{odd}: {likely}");
    }
    let mut fresh = Offset::default();
    fresh.measure(start.plus(86_402_000), start, start.plus(10));
    assert_eq!(fresh.at(start), None);
}

#[test]
fn a_slowly_drifting_clock_is_followed() {
    let mut offset = Offset::default();
    let mut now = T;
    // 100 ppm over an hour is 360 ms.
    for step in 0..360_u64 {
        now = T.plus(step * 10_007);
        let ahead = i64::try_from(step).unwrap();
        offset.measure(header(now, ahead), now, now);
    }
    let likely = likely(&offset, now).unwrap();
    assert!((likely - 359).abs() <= 300, "{likely}");
}

#[test]
fn a_measurement_over_which_our_clock_was_set_back_is_passed_over() {
    let mut offset = Offset::default();
    offset.measure(T, T.plus(10), T);
    assert_eq!(offset, Offset::default());
}

#[test]
fn our_moments_are_told_on_their_clock() {
    let (offset, now) = measured(10_000);
    let theirs = offset.on_their_clock(now, now);
    assert!((theirs.0 - now.0 - 10_000).abs() <= 80);
}
