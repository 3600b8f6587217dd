//! What is kept of lanes that moved, and for how long.

use super::*;

pub(super) fn nothing_is_left(bench: &Bench) {
    let reader = &bench.store.inner.reader;
    for kind in *b"eiblr" {
        assert_eq!(reader.rows(kind), 0, "{}", char::from(kind));
    }
}

#[tokio::test]
async fn lanes_that_moved_and_their_documents_are_forgotten_with_their_last_event() {
    static CLOCK: AtomicI64 = AtomicI64::new(NOON.0);
    const APART: u64 = 660_000;
    let now = || UnixMillis(CLOCK.load(Ordering::SeqCst));
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings {
        retention_ms: HOUR,
        body_retention_ms: HOUR,
        ..settings(&directory.path().join("state.sled"))
    };
    let store = opened(settings.clone(), mapped(), now).unwrap();
    let mut bench = Bench { store, directory };
    let name = async |bench: &Bench, id: &str, conversation: &str, document: &str| {
        let events = vec![a_naming(id, conversation, document)];
        bench.store.accept(delivery_at(now(), events)).await.unwrap();
        CLOCK.fetch_add(i64::try_from(APART).unwrap(), Ordering::SeqCst);
    };
    // e joins d by one document, then d's lane joins c's by another.
    name(&bench, "1", "d", ANOTHER).await;
    name(&bench, "2", "e", ANOTHER).await;
    name(&bench, "3", "c", DOCUMENT).await;
    name(&bench, "4", "d", DOCUMENT).await;
    bench.store.close().await;
    bench.store = opened(settings, mapped(), now).unwrap();
    let known = async |bench: &Bench| {
        let mut known = Vec::new();
        for name in ["c", "d", "e"] {
            let found = bench.store.conversation("connect", name).await.unwrap();
            known.extend(found.map(|_| name));
        }
        known
    };
    assert_eq!(known(&bench).await, ["c", "d", "e"]);
    assert_eq!(bench.documents(), 2);
    name(&bench, "5", "f", ANOTHER).await;
    assert_eq!(
        bench.store.conversation("connect", "f").await.unwrap().unwrap().shared_with.len(),
        3
    );
    let all: [&[&str]; 5] = [&["c", "d", "e"], &["c", "d"], &["c", "d"], &["c"], &[]];
    for (gone, expected) in (1_u64..).zip(all) {
        let passed = HOUR + (gone - 1) * APART + APART / 2;
        CLOCK.store(NOON.plus(passed).0, Ordering::SeqCst);
        let left = 5 - usize::try_from(gone).unwrap();
        eventually(&bench.store, async || bench.store.counts().remembered == left).await;
        assert_eq!(known(&bench).await, expected, "{gone} gone");
        assert_eq!(bench.documents(), if left == 0 { 0 } else { 2 });
    }
    nothing_is_left(&bench);
}

#[tokio::test]
async fn a_lane_is_that_of_its_last_sixteen_documents_only() {
    let bench = Bench::new();
    for number in 0..40 {
        bench.accept(vec![a_naming(&format!("e{number}"), "c", &format!("{number:032x}"))]).await;
    }
    assert_eq!(bench.documents(), 16);
    bench.accept(vec![a_ring("old", "d", "a", Some(&format!("{:032x}", 3)))]).await;
    assert_eq!(bench.claim_next().await.0, lane("d"));
    bench.accept(vec![a_ring("new", "e", "a", Some(&format!("{:032x}", 39)))]).await;
    assert_eq!(bench.claim_next().await.0, lane("c"));
    let bench = bench.reopened().await;
    assert_eq!(bench.documents(), 17);
}

#[tokio::test]
async fn what_moved_into_a_damaged_lane_begins_anew() {
    let bench = Bench::new();
    bench.accept(vec![a_naming("first", "c", DOCUMENT)]).await;
    bench.accept(vec![a_ring("two", "d", "a", Some(DOCUMENT))]).await;
    bench.accept(vec![a_naming("three", "e", ANOTHER)]).await;
    bench.store.close().await;
    damage_lane(&bench.path(), "c");
    let store = opened(settings(&bench.path()), mapped(), || NOON).unwrap();
    let bench = Bench { store, directory: bench.directory };
    assert_eq!((bench.store.counts().pending, bench.store.counts().dead), (0, 1));
    assert_eq!(bench.event("two").await.reason.as_deref(), Some("damaged_row"));
    let record = bench.store.conversation("connect", "c").await.unwrap().unwrap();
    assert_eq!((record.document, record.events.len()), (None, 2));
    assert!(bench.store.conversation("connect", "e").await.unwrap().is_some());
    bench.store.replay("demo", "two", false, "ann".to_owned()).await.unwrap();
    bench.accept(vec![a_ring("four", "c", "b", Some(DOCUMENT))]).await;
    let bench = bench.reopened().await;
    assert_eq!((bench.lane_count(), bench.store.counts().pending), (1, 2));
    assert_eq!(bench.claim_next().await.0, lane("c"), "d still leads to it");
}

#[tokio::test]
async fn a_damaged_row_of_a_document_is_written_anew() {
    let bench = Bench::new();
    bench.accept(vec![a_naming("first", "c", DOCUMENT)]).await;
    bench.store.close().await;
    let db = open_raw(&bench.path());
    let (key, value) = db.scan_prefix(b"r").next().unwrap().unwrap();
    let mut value = value.to_vec();
    *value.last_mut().unwrap() ^= 1;
    db.insert(key, value).unwrap();
    db.flush().unwrap();
    drop(db);
    let store = opened(settings(&bench.path()), mapped(), || NOON).unwrap();
    let bench = Bench { store, directory: bench.directory };
    bench.accept(vec![a_ring("two", "d", "a", Some(DOCUMENT))]).await;
    bench.accept(vec![a_ring("three", "e", "b", Some(DOCUMENT))]).await;
    assert_eq!(bench.lane_count(), 1);
    assert_eq!(bench.documents(), 1);
}

#[tokio::test]
async fn an_unreadable_event_of_a_conversation_that_moved_is_in_the_story() {
    let bench = Bench::new();
    bench.accept(vec![a_naming("one", "d", DOCUMENT), a_naming("two", "c", DOCUMENT)]).await;
    let odd = Delivery { items: vec![unreadable("odd")], ..delivery(vec![]) };
    bench.store.accept(odd).await.unwrap();
    for conversation in ["c", "d"] {
        let record = bench.store.conversation("connect", conversation).await.unwrap().unwrap();
        assert_eq!(record.events.last().unwrap().id, "odd", "{conversation}");
    }
}
