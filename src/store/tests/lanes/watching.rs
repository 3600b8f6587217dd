//! Cards that are watched after their event has ended.

use super::keeping::nothing_is_left;
use super::*;

/// As [`Bench::talking`], and B's ring by another conversation is a consult whose card is watched.
async fn watched(now: fn() -> UnixMillis, change: impl FnOnce(&mut Settings)) -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(&directory.path().join("state.sled"));
    change(&mut settings);
    let bench = Bench { store: opened(settings, mapped(), now).unwrap(), directory };
    let events = [
        a_ring("ring-a", "c", "a", Some(DOCUMENT)),
        an_answer("accept", "accept-a", "c", "a"),
        a_ring("ring-b", "d", "b", Some(DOCUMENT)),
    ];
    bench.accept(events.into()).await;
    bench.lands(1).await;
    bench.lands(1).await;
    let (_, call) = bench.lands(2).await;
    assert!(matches!(call, AwaCall::Transfer { kind: TransferKind::Consult, .. }), "{call:?}");
    bench
}

#[tokio::test]
async fn a_card_that_is_watched_is_not_pending_and_what_ends_it_is_added_to_its_event() {
    static PASSED: AtomicI64 = AtomicI64::new(0);
    let now = || UnixMillis(NOON.0 + PASSED.load(Ordering::SeqCst));
    for kills in [false, true] {
        PASSED.store(0, Ordering::SeqCst);
        let mut bench = watched(now, |_| {}).await;
        assert_eq!(bench.event("ring-b").await.state, State::Delivered);
        assert_eq!(bench.store.counts().pending, 0);
        if kills {
            bench = bench.after_a_kill_at(now);
        }
        assert_eq!(bench.store.counts().pending, 0);
        let filter = Filter { state: Some(State::Pending), ..Filter::default() };
        assert_eq!(bench.store.events(filter.clone()).await.unwrap().events, []);
        let answer = bench.store.discard("demo", "ring-b", "ann".to_owned()).await.unwrap();
        assert_eq!(answer, DiscardAnswer::Settled(Outcome::Delivered));
        assert!(bench.store.agenda().take_most_urgent(NOON.plus(29_999)).is_none());
        PASSED.store(30_000, Ordering::SeqCst);
        let (key, due) = bench.store.agenda().take_most_urgent(now()).unwrap();
        let claim = bench.store.claim(key.clone(), due.entry, Waited::default()).await.unwrap();
        let (id, call) = called(&claim);
        assert_eq!(id, "ring-b");
        assert!(matches!(call, AwaCall::EndConsult { hand_over: false, .. }), "{call:?}");
        let answer = bench.store.replay("demo", "ring-b", true, "ann".to_owned()).await.unwrap();
        assert_eq!(answer, ReplayAnswer::NotSettled, "its call is in flight");
        if kills {
            let again = bench.after_a_kill_at(now);
            let (lane, due) = again.store.agenda().take_most_urgent(now()).unwrap();
            let claim = again.store.claim(lane, due.entry, Waited::default()).await.unwrap();
            assert!(matches!(claim, Claim::LookUp { .. }), "{claim:?}");
            assert_eq!(again.event("ring-b").await.state, State::Delivered);
        }
        let before = bench.event("ring-b").await.calls.len();
        bench.reply(key, due.entry, landed()).await;
        let record = bench.event("ring-b").await;
        assert_eq!((record.state, record.calls.len()), (State::Delivered.into(), before + 1));
        assert_eq!(record.calls.last().unwrap().call, crate::routing::CallKind::EndConsult);
        assert!(bench.store.agenda().is_empty());
    }
}

#[tokio::test]
async fn an_event_whose_card_is_watched_is_pending_again_when_it_is_replayed() {
    let bench = watched(|| NOON, |_| {}).await;
    let answer = bench.store.replay("demo", "ring-b", true, "ann".to_owned()).await.unwrap();
    assert_eq!(answer, ReplayAnswer::Replayed);
    assert_eq!(
        (bench.event("ring-b").await.state, bench.store.counts().pending),
        (State::Pending.into(), 1)
    );
    let bench = bench.after_a_kill();
    assert_eq!(
        (bench.event("ring-b").await.state, bench.store.counts().pending),
        (State::Pending.into(), 1)
    );
    let (_, _, claim) = bench.claim_next().await;
    assert_eq!(claim, Claim::Nothing, "B has the card");
    assert_eq!(
        (bench.event("ring-b").await.state, bench.store.counts().pending),
        (State::Delivered.into(), 0)
    );
}

#[tokio::test]
async fn an_event_that_is_damaged_while_its_card_is_watched_becomes_a_dead_letter() {
    let bench = watched(|| NOON, |_| {}).await;
    bench.store.close().await;
    damage(&bench.path(), b"e", 2);
    let store = opened(settings(&bench.path()), mapped(), || NOON).unwrap();
    let counts = store.counts();
    assert_eq!((counts.pending, counts.dead, counts.damaged_rows), (0, 1, 1));
    assert!(store.agenda().is_empty(), "nothing is watched any more");
    drop(bench.directory);
}

#[tokio::test]
async fn an_event_whose_card_is_watched_is_not_forgotten() {
    static CLOCK: AtomicI64 = AtomicI64::new(NOON.0);
    let now = || UnixMillis(CLOCK.load(Ordering::SeqCst));
    let short = |settings: &mut Settings| {
        (settings.retention_ms, settings.body_retention_ms) = (10_000, 10_000);
    };
    let bench = watched(now, short).await;
    CLOCK.fetch_add(20_000, Ordering::SeqCst);
    for _ in 0..500 {
        bench.store.reloaded().await.unwrap();
    }
    assert_eq!(bench.event("ring-b").await.state, State::Delivered);
    CLOCK.fetch_add(20_000, Ordering::SeqCst);
    let (key, due) = bench.store.agenda().take_most_urgent(now()).unwrap();
    let claim = bench.store.claim(key.clone(), due.entry, Waited::default()).await.unwrap();
    assert_eq!(called(&claim).0, "ring-b");
    bench.reply(key, due.entry, landed()).await;
    CLOCK.fetch_add(6_000, Ordering::SeqCst);
    eventually(&bench.store, async || bench.store.counts().remembered == 0).await;
    nothing_is_left(&bench);
}

#[tokio::test]
async fn an_event_whose_card_is_accepted_has_no_entry_any_more() {
    let bench = watched(|| NOON, |_| {}).await;
    bench.accept(vec![an_answer("accept", "accept-b", "d", "b")]).await;
    while !bench.store.agenda().is_empty() {
        let (lane, entry, claim) = bench.claim_next().await;
        if claim != Claim::Nothing {
            bench.reply(lane, entry, landed()).await;
        }
    }
    assert_eq!(bench.event("accept-b").await.state, State::Delivered);
    assert_eq!(bench.store.inner.reader.open_in(&lane("c")), 0);
}
