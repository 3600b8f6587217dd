use std::time::Duration;

use super::*;
use crate::awa::RateLimit;
use crate::clock::by_hand;

const T: UnixMillis = UnixMillis(1_800_000_000_000);

const UNLIMITED: RateLimit = RateLimit::UNLIMITED;

fn pace(limit: RateLimit, max_in_flight: u32) -> Pace {
    Pace::new(max_in_flight, Arc::new(Limiter::new(limit)))
}

/// Ten a second and two at once.
fn paced() -> (Pace, Arc<Limiter>) {
    by_hand::stop();
    let limiter = Arc::new(Limiter::new(RateLimit::of(10, 2)));
    (Pace::new(4, Arc::clone(&limiter)), limiter)
}

fn live() -> Urgency {
    Urgency::Live(T)
}

fn offer() -> Urgency {
    Urgency::Offer(T)
}

fn not_now(pace: &Pace, now: UnixMillis) -> (u64, Why) {
    let refused = pace.permit(live(), now).unwrap_err();
    (refused.until.since(now), refused.why)
}

/// Sends one call that ends so.
fn call(pace: &Pace, signal: Signal, now: UnixMillis) {
    let permit = pace.permit(live(), now).unwrap();
    pace.observe(signal, 1, now);
    drop(permit);
}

#[tokio::test]
async fn calls_are_claimed_as_the_limiter_lets_requests_leave() {
    let (pace, limiter) = paced();
    let mut first = pace.permit(live(), T).unwrap();
    let mut second = pace.permit(live(), T).unwrap();
    assert_eq!(not_now(&pace, T), (95, Why::RateLimit), "two are on their way");
    second.unused();
    second = pace.permit(live(), T).unwrap();
    for permit in [&mut first, &mut second] {
        permit.sends();
        limiter.leave().await;
    }
    assert_eq!(not_now(&pace, T), (95, Why::RateLimit), "two have left");
    drop((first, second));
    assert_eq!(not_now(&pace, T), (95, Why::RateLimit));
    by_hand::wind(Duration::from_millis(95));
    let _third = pace.permit(live(), T).unwrap();
    assert_eq!(not_now(&pace, T).1, Why::RateLimit);
}

#[test]
fn holding_and_releasing_are_told_once_with_the_trouble() {
    let pace = pace(UNLIMITED, 4);
    let permit = pace.permit(live(), T).unwrap();
    let held = Some(Turn::Held(Signal::Hibernating));
    assert_eq!(pace.observe(Signal::Hibernating, 1, T), held);
    assert_eq!(pace.observe(Signal::Hibernating, 1, T), None);
    drop(permit);
    assert_eq!(pace.standing(T).trouble, Some(Signal::Hibernating));
    assert!(pace.probe(T.plus(100)).is_none(), "too early");
    let probe = pace.probe(T.plus(500)).unwrap();
    assert!(pace.probe(T.plus(500)).is_none(), "one at a time");
    assert_eq!(
        pace.observe(Signal::Unauthorised, 1, T.plus(510)),
        Some(Turn::Held(Signal::Unauthorised))
    );
    drop(probe);
    assert_eq!(pace.observe(Signal::Answered, 1, T.plus(600)), Some(Turn::Released));
    assert_eq!(pace.standing(T.plus(600)).trouble, None);
    assert!(pace.probe(T.plus(600)).is_none(), "nothing is held");
}

#[test]
fn places_are_given_back_when_permits_are_dropped() {
    let pace = pace(UNLIMITED, 2);
    let first = pace.permit(live(), T).unwrap();
    let _second = pace.permit(live(), T).unwrap();
    assert_eq!(not_now(&pace, T).1, Why::Concurrency);
    drop(first);
    assert_eq!(pace.standing(T).in_flight, 1);
    drop(pace.permit(live(), T).unwrap());
}

#[test]
fn the_reserve_of_the_hour_is_for_live_calls_alone() {
    let pace = pace(RateLimit { per_hour: 10, reserve: 0.2, ..UNLIMITED }, 4);
    for _ in 0..8 {
        drop(pace.permit(offer(), T).unwrap());
    }
    assert_eq!(pace.permit(offer(), T).unwrap_err().why, Why::Budget);
    drop(pace.permit(live(), T).unwrap());
    drop(pace.permit(live(), T).unwrap());
    let refused = pace.permit(live(), T).unwrap_err();
    assert_eq!(refused.why, Why::Budget);
    assert!((3_600_000..=3_660_000).contains(&refused.until.since(T)), "{refused:?}");
    drop(pace.permit(offer(), refused.until).unwrap());
}

#[test]
fn the_hour_slides_minute_by_minute() {
    let pace = pace(RateLimit { per_hour: 2, ..UNLIMITED }, 4);
    drop(pace.permit(live(), T).unwrap());
    drop(pace.permit(live(), T.plus(600_000)).unwrap());
    let refused = pace.permit(live(), T.plus(700_000)).unwrap_err();
    drop(pace.permit(live(), refused.until).unwrap());
    let next = pace.permit(live(), refused.until).unwrap_err();
    assert_eq!(next.until.since(refused.until), 600_000);
}

#[test]
fn further_requests_of_a_call_are_charged_to_the_hour() {
    let pace = pace(RateLimit { per_hour: 10, ..UNLIMITED }, 4);
    let permit = pace.permit(live(), T).unwrap();
    pace.observe(Signal::Answered, 4, T);
    drop(permit);
    assert_eq!(pace.standing(T).used, 4);
}

#[test]
fn a_clock_that_is_set_back_does_not_prolong_retry_after() {
    let pace = pace(UNLIMITED, 4);
    call(&pace, Signal::RetryAfter { ms: 30_000 }, T);
    assert_eq!(not_now(&pace, T.minus(10)).1, Why::RetryAfter);
    call(&pace, Signal::Answered, T.minus(3_600_000));
    call(&pace, Signal::RetryAfter { ms: 5_000 }, T.minus(3_600_000));
    assert_eq!(not_now(&pace, T.minus(3_600_000)), (5_000, Why::RetryAfter));
}

#[test]
fn retry_after_holds_every_call_but_never_longer_than_an_hour() {
    let pace = pace(UNLIMITED, 4);
    call(&pace, Signal::RetryAfter { ms: 30_000 }, T);
    assert_eq!(not_now(&pace, T), (30_000, Why::RetryAfter));
    assert_eq!(pace.standing(T).retry_after, Some(T.plus(30_000)));
    call(&pace, Signal::RetryAfter { ms: u64::MAX }, T.plus(30_000));
    assert_eq!(not_now(&pace, T.plus(30_000)), (3_600_000, Why::RetryAfter));
}

#[test]
fn overload_halves_concurrency_once_a_round_and_success_lets_it_grow() {
    let pace = pace(UNLIMITED, 8);
    let concurrency = |now| pace.standing(now).concurrency;
    call(&pace, Signal::Overloaded, T);
    call(&pace, Signal::Overloaded, T.plus(10));
    assert_eq!(concurrency(T), 4);
    for round in 1..5 {
        call(&pace, Signal::Overloaded, T.plus(round * 2_000));
    }
    assert_eq!(concurrency(T), 1);
    for _ in 0..10 {
        call(&pace, Signal::Answered, T.plus(20_000));
    }
    assert_eq!(concurrency(T), 2);
    for _ in 0..200 {
        call(&pace, Signal::Answered, T.plus(20_000));
    }
    assert_eq!(concurrency(T), 8);
}

#[test]
fn the_breaker_opens_after_eight_failures_in_a_row_and_probes_one_at_a_time() {
    let pace = pace(UNLIMITED, 4);
    for _ in 0..7 {
        call(&pace, Signal::Silent, T);
    }
    call(&pace, Signal::Answered, T);
    for _ in 0..7 {
        call(&pace, Signal::Foreign, T);
    }
    assert_eq!(pace.standing(T).breaker, None);
    call(&pace, Signal::Silent, T);
    assert_eq!(not_now(&pace, T), (500, Why::Breaker));
    let now = T.plus(500);
    let probe = pace.permit(live(), now).unwrap();
    assert_eq!(not_now(&pace, now), (1_000, Why::Breaker));
    pace.observe(Signal::Answered, 1, now);
    drop(probe);
    assert_eq!(pace.standing(now).breaker, None);
    drop(pace.permit(live(), now).unwrap());
}

#[test]
fn the_breakers_pauses_grow_to_two_seconds() {
    let pace = pace(UNLIMITED, 4);
    let mut now = T;
    call(&pace, Signal::Hibernating, now);
    let mut pauses = Vec::new();
    for _ in 0..6 {
        let (pause, why) = not_now(&pace, now);
        assert_eq!(why, Why::Breaker);
        pauses.push(pause);
        now = now.plus(pause);
        call(&pace, Signal::Silent, now);
    }
    assert_eq!(pauses, [500, 1_000, 2_000, 2_000, 2_000, 2_000]);
}

#[test]
fn late_news_of_an_outage_does_not_prolong_the_pause() {
    let pace = pace(UNLIMITED, 4);
    let one = pace.permit(live(), T).unwrap();
    let other = pace.permit(live(), T).unwrap();
    pace.observe(Signal::Hibernating, 1, T);
    drop(one);
    pace.observe(Signal::Hibernating, 1, T.plus(400));
    drop(other);
    assert_eq!(not_now(&pace, T.plus(400)), (100, Why::Breaker));
}

#[test]
fn a_probe_that_was_never_sent_frees_its_place() {
    let pace = pace(UNLIMITED, 4);
    call(&pace, Signal::Hibernating, T);
    let probe = pace.permit(live(), T.plus(500)).unwrap();
    drop(probe);
    drop(pace.permit(live(), T.plus(500)).unwrap());
}

#[test]
fn refused_credentials_hold_the_instance_and_are_probed_at_growing_pauses() {
    let pace = pace(UNLIMITED, 4);
    let mut now = T;
    call(&pace, Signal::Unauthorised, now);
    let mut pauses = Vec::new();
    for _ in 0..6 {
        let (pause, why) = not_now(&pace, now);
        assert_eq!(why, Why::Unauthorised);
        pauses.push(pause);
        now = now.plus(pause);
        call(&pace, Signal::Unauthorised, now);
    }
    assert_eq!(pauses, [2_000, 4_000, 8_000, 16_000, 32_000, 60_000]);
    assert!(pace.standing(now).unauthorised.is_some());
    pace.forgive();
    call(&pace, Signal::Answered, now);
    assert_eq!(pace.standing(now).unauthorised, None);
}

#[test]
fn a_hold_does_not_use_up_rate_or_budget() {
    let pace = pace(RateLimit { per_hour: 5, ..UNLIMITED }, 4);
    call(&pace, Signal::RetryAfter { ms: 2_000 }, T);
    for _ in 0..50 {
        assert_eq!(not_now(&pace, T.plus(1_500)).1, Why::RetryAfter);
    }
    assert_eq!(pace.standing(T).used, 1);
    drop(pace.permit(live(), T.plus(2_000)).unwrap());
}

#[test]
fn new_limits_take_hold_at_once() {
    let pace = pace(RateLimit { per_hour: 1, ..UNLIMITED }, 4);
    drop(pace.permit(live(), T).unwrap());
    assert_eq!(not_now(&pace, T).1, Why::Budget);
    lock(&pace.state).limiter.set(UNLIMITED);
    pace.set_max_in_flight(1);
    let _permit = pace.permit(live(), T).unwrap();
    assert_eq!(not_now(&pace, T).1, Why::Concurrency);
}

#[test]
fn a_permit_that_was_not_used_costs_nothing() {
    let pace = pace(RateLimit { per_hour: 4, ..UNLIMITED }, 4);
    for _ in 0..50 {
        pace.permit(live(), T).unwrap().unused();
    }
    assert_eq!((pace.standing(T).used, pace.standing(T).in_flight), (0, 0));
    for _ in 0..4 {
        drop(pace.permit(live(), T).unwrap());
    }
    assert_eq!(not_now(&pace, T).1, Why::Budget);
}

#[test]
fn a_pause_that_a_proxy_may_have_asked_for_is_short_and_grows_with_each_that_follows() {
    let pace = pace(UNLIMITED, 4);
    let mut at = T;
    for most in [5_000, 10_000, 20_000] {
        call(&pace, Signal::Hinted { ms: 3_600_000 }, at);
        // Told together with the first.
        pace.observe(Signal::Hinted { ms: 3_600_000 }, 1, at);
        assert_eq!(pace.standing(at).retry_after, Some(at.plus(most)));
        at = at.plus(most);
        assert_eq!(pace.standing(at).retry_after, None);
    }
    call(&pace, Signal::Answered, at);
    call(&pace, Signal::Hinted { ms: 3_600_000 }, at.plus(10_000));
    assert_eq!(pace.standing(at.plus(10_000)).retry_after, Some(at.plus(15_000)));
    let at = at.plus(60_000);
    call(&pace, Signal::Hinted { ms: 1_000 }, at);
    assert_eq!(pace.standing(at).retry_after, Some(at.plus(1_000)));
}

#[test]
fn a_person_ends_a_pause() {
    let pace = pace(UNLIMITED, 4);
    call(&pace, Signal::RetryAfter { ms: 3_600_000 }, T);
    assert_eq!(pace.standing(T).retry_after, Some(T.plus(3_600_000)));
    pace.end_pause();
    assert_eq!(pace.standing(T).retry_after, None);
    call(&pace, Signal::Answered, T.plus(10_000));
}
