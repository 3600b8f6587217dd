use super::*;
use crate::clock::by_hand;

fn limiter(per_second: u32, burst: u32) -> Arc<Limiter> {
    by_hand::stop();
    Arc::new(Limiter::new(RateLimit::of(per_second, burst)))
}

/// Lets as many leave as may.
fn leave(limiter: &Limiter) -> usize {
    std::iter::from_fn(|| limiter.in_force().charge(NonZeroU32::MIN).ok()).count()
}

/// The milliseconds at which requests left, where all leave that may.
fn left(limiter: &Limiter, milliseconds: u64) -> Vec<u64> {
    let mut left = Vec::new();
    for ms in 0..milliseconds {
        left.extend((0..leave(limiter)).map(|_| ms));
        by_hand::wind(Duration::from_millis(1));
    }
    left
}

#[test]
fn no_second_sees_more_than_the_rate_and_nearly_all_of_it_is_used() {
    for (per_second, burst) in
        [(1, 1), (2, 2), (5, 5), (9, 1), (10, 10), (20, 5), (99, 50), (500, 100), (1_000, 20)]
    {
        let left = left(&limiter(per_second, burst), 12_000);
        let most = usize::try_from(per_second).unwrap();
        for window in left.windows(most + 1) {
            assert!(window[most] - window[0] > 1_000, "{per_second}, {burst}: {window:?}");
        }
        let usable = most * 12 * 85 / 100;
        assert!(left.len() >= usable, "{per_second}, {burst}: {} of {usable}", left.len());
    }
}

#[test]
fn the_burst_may_leave_at_once_as_far_as_the_rate_has_room_for_it() {
    assert_eq!(leave(&limiter(100, 5)), 5);
    assert_eq!(leave(&limiter(20, 5)), 3);
    assert_eq!(leave(&limiter(1, 9)), 1);
    let idle = limiter(100, 5);
    by_hand::wind(Duration::from_secs(3_600));
    assert_eq!(leave(&idle), 5);
}

#[test]
fn the_wait_is_that_of_the_next_after_all_that_are_expected_and_looking_costs_nothing() {
    let limiter = limiter(20, 3);
    let period = SECOND / 18;
    let waits = |periods: u32| assert_eq!(limiter.wait(), (period * periods).saturating_sub(LEAD));
    (0..50).for_each(|_| waits(0));
    let mut expected: Vec<_> = (0..3).map(|_| limiter.expect()).collect();
    waits(1);
    expected.push(limiter.expect());
    waits(2);
    assert_eq!(leave(&limiter), 3);
    expected.truncate(1);
    waits(2);
    expected.clear();
    waits(1);
    by_hand::wind(period);
    waits(0);
}

#[test]
fn a_change_is_in_force_at_once_and_its_second_sees_no_more_than_the_higher_rate() {
    for (from, to) in [((20, 5), (200, 50)), ((200, 50), (20, 5)), ((10, 1), (11, 1))] {
        let limiter = limiter(from.0, from.1);
        let mut all = left(&limiter, 2_500);
        limiter.set(RateLimit::of(to.0, to.1));
        let after = left(&limiter, 2_500);
        all.extend(after.iter().map(|ms| ms + 2_500));
        let most = usize::try_from(from.0.max(to.0)).unwrap();
        assert!(all.windows(most + 1).all(|window| window[most] - window[0] > 1_000), "{all:?}");
        let usable = usize::try_from(to.0).unwrap() * 2;
        assert!(after.len() >= usable, "{} of {usable}", after.len());
    }
}

#[tokio::test]
async fn whoever_gives_up_waiting_is_expected_no_longer() {
    let limiter = limiter(1, 1);
    limiter.leave().await;
    let waits = tokio::time::timeout(Duration::from_millis(5), limiter.leave());
    assert!(waits.await.is_err());
    assert_eq!(limiter.expected.load(Ordering::Relaxed), 0);
}
