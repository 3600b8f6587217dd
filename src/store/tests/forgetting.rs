use std::sync::atomic::{AtomicI64, Ordering};

use super::*;

const HOUR: u64 = 3_600_000;

#[tokio::test]
async fn ids_and_all_that_belongs_to_them_are_forgotten_after_the_retention() {
    static CLOCK: AtomicI64 = AtomicI64::new(NOON.0);
    let bench = bench_at(|| UnixMillis(CLOCK.load(Ordering::SeqCst)));
    for number in 0..150 {
        let event = a_bind(&format!("e{number}"), &format!("c{}", number % 9));
        let fingerprint = (number % 10 == 0).then_some([number; 32]);
        bench.store.accept(Delivery { fingerprint, ..delivery(vec![event]) }).await.unwrap();
    }
    bench.accept(vec![an_offer("live", "c-live")]).await;
    CLOCK.fetch_add(i64::try_from(HOUR + 60_000).unwrap(), Ordering::SeqCst);
    let young = UnixMillis(CLOCK.load(Ordering::SeqCst));
    bench.store.accept(delivery_at(young, vec![a_bind("young", "c1")])).await.unwrap();
    eventually(&bench.store, async || bench.store.counts().remembered <= 64 + 1).await;
    assert!(is_new(&bench.accept(vec![a_bind("e0", "c0")]).await[0]));
    assert!(bench.store.event("demo", "live").await.unwrap().is_some(), "it is not settled");
    assert!(bench.store.event("demo", "young").await.unwrap().is_some());
    assert!(bench.store.conversation("connect", "c1").await.unwrap().is_some());
    assert!(bench.store.conversation("connect", "c-live").await.unwrap().is_some());

    let (key, due) = bench.store.agenda().take_most_urgent(young).unwrap();
    let claim = bench.store.claim(key, due.entry, Waited::default()).await.unwrap();
    assert_eq!(claim, Claim::Nothing);
    assert_eq!(bench.state("live").await, State::Expired);
    CLOCK.fetch_add(i64::try_from(HOUR + 60_000).unwrap(), Ordering::SeqCst);
    eventually(&bench.store, async || bench.store.counts().remembered == 0).await;
    assert_eq!(bench.store.conversation("connect", "c1").await.unwrap(), None);
    let reader = &bench.store.inner.reader;
    for kind in *b"eiblr" {
        assert_eq!(reader.rows(kind), 0, "{}", char::from(kind));
    }
    // Places in the order of settling go with the sweep after that.
    CLOCK.fetch_add(6_000, Ordering::SeqCst);
    let old = Cursor::parse("1").unwrap();
    eventually(&bench.store, async || {
        let told = bench.store.changes(Some(old), 10).await.unwrap();
        matches!(told, Changes::Forgotten { oldest } if oldest > old)
    })
    .await;
    eventually(&bench.store, async || reader.rows(b'c') == 0).await;
    let begun = bench.store.changes(Some(Cursor::default()), 10).await.unwrap();
    assert!(matches!(begun, Changes::Told { events, .. } if events.is_empty()));
}

#[tokio::test]
async fn bodies_go_earlier_but_for_those_of_dead_letters() {
    static CLOCK: AtomicI64 = AtomicI64::new(NOON.0);
    let bench = bench_at(|| UnixMillis(CLOCK.load(Ordering::SeqCst)));
    bench.accept(vec![a_bind("bound", "c")]).await;
    let dead = Delivery { items: vec![unreadable("dead")], ..delivery(vec![]) };
    bench.store.accept(dead).await.unwrap();
    assert!(bench.store.body("demo", "bound").await.unwrap().is_some());
    CLOCK.fetch_add(i64::try_from(HOUR / 2 + 60_000).unwrap(), Ordering::SeqCst);
    eventually(&bench.store, async || bench.store.body("demo", "bound").await.unwrap().is_none())
        .await;
    assert!(bench.store.event("demo", "bound").await.unwrap().is_some());
    assert!(bench.store.body("demo", "dead").await.unwrap().is_some());
    bench.store.discard("demo", "dead", "me".to_owned()).await.unwrap();
    CLOCK.fetch_add(6_000, Ordering::SeqCst);
    eventually(&bench.store, async || bench.store.body("demo", "dead").await.unwrap().is_none())
        .await;
}

#[tokio::test]
async fn a_retention_of_a_minute_is_kept_to_the_minute() {
    static CLOCK: AtomicI64 = AtomicI64::new(NOON.0);
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings {
        retention_ms: 60_000,
        body_retention_ms: 60_000,
        ..settings(&directory.path().join("state.sled"))
    };
    let now = || UnixMillis(CLOCK.load(Ordering::SeqCst));
    let bench = Bench { store: opened(settings, mapped(), now).unwrap(), directory };
    let mut wave = 0;
    let mut next_wave = async || {
        let ids = (0..64).map(|number| format!("e{wave}-{number}"));
        let binds = ids.map(|id| a_bind(&id, &format!("c-{id}"))).collect();
        bench.store.accept(delivery_at(now(), binds)).await.unwrap();
        wave += 1;
        CLOCK.fetch_add(50_000, Ordering::SeqCst);
    };
    next_wave().await;
    next_wave().await;
    // 100 s and 50 s old.
    eventually(&bench.store, async || bench.store.counts().remembered == 64).await;
    assert!(bench.store.body("demo", "e0-0").await.unwrap().is_none());
    assert!(bench.store.body("demo", "e1-0").await.unwrap().is_some());
    assert!(bench.store.event("demo", "e1-63").await.unwrap().is_some());
    CLOCK.fetch_add(70_000, Ordering::SeqCst);
    eventually(&bench.store, async || bench.store.counts().remembered == 0).await;
}

/// A scaled soak: 24,000 events through a store that remembers them for a minute of a clock that is wound by hand.
#[tokio::test]
async fn a_store_that_forgets_stops_growing() {
    static CLOCK: AtomicI64 = AtomicI64::new(NOON.0);
    const WAVES: usize = 48;
    const WAVE: usize = 500;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.sled");
    let settings = Settings { retention_ms: 60_000, body_retention_ms: 60_000, ..settings(&path) };
    let now = || UnixMillis(CLOCK.load(Ordering::SeqCst));
    let store = opened(settings, mapped(), now).unwrap();
    let (mut remembered, mut disk) = (Vec::new(), Vec::<u64>::new());
    for wave in 0..WAVES {
        for part in 0..WAVE / 50 {
            let ids = (0..50).map(|number| format!("e{wave}-{part}-{number}"));
            let binds = ids.map(|id| a_bind(&id, &format!("c-{id}"))).collect();
            store.accept(delivery_at(now(), binds)).await.unwrap();
        }
        CLOCK.fetch_add(20_000, Ordering::SeqCst);
        // Three waves in a minute, and what comes before the next sweep.
        eventually(&store, async || store.counts().remembered <= 4 * WAVE).await;
        remembered.push(store.counts().remembered);
        disk.push(path.join("db").metadata().unwrap().len());
    }
    assert!(remembered.iter().any(|count| *count > 3 * WAVE), "it remembers: {remembered:?}");
    let most = |waves: std::ops::Range<usize>| disk[waves].iter().copied().max().unwrap();
    let (settled, later) = (most(WAVES / 4..WAVES / 2), most(WAVES / 2..WAVES));
    assert!(later < settled * 3 / 2, "the disk goes on growing: {disk:?}");
}

fn bench_at(now: fn() -> UnixMillis) -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings {
        retention_ms: HOUR,
        body_retention_ms: HOUR / 2,
        ..settings(&directory.path().join("state.sled"))
    };
    Bench { store: opened(settings, mapped(), now).unwrap(), directory }
}
