use super::*;

fn taken(turnstile: &Turnstile, now: Instant) -> bool {
    turnstile.take(now).is_ok()
}

#[test]
fn a_place_is_free_a_second_after_the_answer_or_a_little_later_without_one() {
    let turnstile = Turnstile::new(2);
    let now = clock::instant();
    let number = turnstile.take(now).unwrap();
    assert!(taken(&turnstile, now));
    Pass { turnstile: &turnstile, number }.answered();
    let soon = clock::instant();
    let free = turnstile.take(soon).unwrap_err();
    assert!(free <= soon + SECOND && free >= now + SECOND, "the answered one is free first");
    assert!(taken(&turnstile, free));
    assert!(!taken(&turnstile, now + SECOND + Duration::from_millis(1)), "the other is not yet");
    assert!(taken(&turnstile, now + TAKEN));
}

#[test]
fn no_limit_is_no_limit_and_a_new_one_takes_hold() {
    let turnstile = Turnstile::new(0);
    let now = clock::instant();
    assert!((0..10_000).all(|_| taken(&turnstile, now)));
    turnstile.set(1);
    assert!(taken(&turnstile, now));
    assert!(!taken(&turnstile, now));
}
