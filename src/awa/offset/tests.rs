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

#[test]
fn many_headers_of_a_second_each_narrow_the_offset_to_a_fraction() {
    for ahead in [0, 437, -437, 12_345, -12_345] {
        let (offset, now) = measured(ahead);
        let likely = offset.likely(now).unwrap();
        assert!((likely - ahead).abs() <= 80, "{ahead} was measured as {likely}");
    }
}

#[test]
fn without_a_measurement_nothing_is_held() {
    assert_eq!(Offset::default().likely(T), None);
    assert_eq!(Offset::default().hold(T.plus(60_000), T), None);
}

#[test]
fn a_moment_in_servicenows_past_stays_and_one_ahead_is_held_behind_its_clock() {
    let (offset, now) = measured(-5_000);
    assert_eq!(offset.hold(now.minus(6_000), now), None);
    let held = offset.hold(now.minus(1_000), now).unwrap();
    let their_now = now.minus(5_000);
    assert!(held < their_now, "{held} is not in the past of {their_now}");
    assert!(their_now.since(held) < 600, "{held} is too far behind {their_now}");
}

#[test]
fn after_our_clock_was_set_back_nothing_is_held_until_it_is_measured_anew() {
    let (mut offset, now) = measured(0);
    let now = now.minus(3_600_000);
    let honest = now.plus(3_600_000);
    assert_eq!((offset.hold(honest, now), offset.likely(now)), (None, None));
    offset.measure(header(now, 3_600_000), now, now.plus(20));
    assert!((offset.likely(now.plus(20)).unwrap() - 3_600_000).abs() <= 1_000);
    assert_eq!(offset.hold(honest.minus(2_000), now.plus(20)), None);
}

#[test]
fn a_corrected_moment_is_surely_past_even_without_a_measurement() {
    assert_eq!(Offset::default().corrected(T), T.minus(2_000));
    let (offset, now) = measured(800);
    let corrected = offset.corrected(now);
    assert!(corrected < now.plus(800).minus(500));
    assert!(corrected > now.plus(800).minus(700));
}

#[test]
fn after_a_single_header_an_honest_moment_is_not_bent() {
    for within in [0, 250, 500, 750, 999] {
        let mut offset = Offset::default();
        let start = T.plus(within);
        offset.measure(header(start, 0), start, start.plus(5));
        assert_eq!(offset.hold(start.plus(4), start.plus(5)), None, "{within}");
        assert!(offset.hold(start.plus(5_000), start.plus(5)).is_some(), "{within}");
    }
}

#[test]
fn a_stepped_clock_replaces_what_was_known() {
    let (mut offset, now) = measured(0);
    let start = now.plus(100);
    offset.measure(header(start, 60_000), start, start.plus(10));
    let likely = offset.likely(start).unwrap();
    assert!((59_000..=61_000).contains(&likely), "{likely}");
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
    let likely = offset.likely(now).unwrap();
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
