//! What is kept of lanes that moved, and for how long.

use super::*;

pub(super) fn nothing_is_left(bench: &Bench) {
    for prefix in [
        Prefix::Event,
        Prefix::Story,
        Prefix::Body,
        Prefix::Ids,
        Prefix::Conversations,
        Prefix::Document,
        Prefix::Dead,
    ] {
        assert_eq!(bench.keys(prefix), 0, "{prefix:?}");
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
    let store = Store::open(settings.clone(), mapped(), now).unwrap();
    let mut bench = Bench { store, directory };
    let name = async |bench: &Bench, id: &str, conversation: &str, document: &str| {
        // Fills the block of ids, so that each event is forgotten in its own time.
        let mut events = vec![a_naming(id, conversation, document)];
        events.extend((0..63).map(|n| a_bind(&format!("{id}-{n}"), &format!("x{id}-{n}"))));
        bench.store.accept(delivery_at(now(), events)).await.unwrap();
        CLOCK.fetch_add(i64::try_from(APART).unwrap(), Ordering::SeqCst);
    };
    // e joins d by one document, then d's lane joins c's by another.
    name(&bench, "1", "d", ANOTHER).await;
    name(&bench, "2", "e", ANOTHER).await;
    name(&bench, "3", "c", DOCUMENT).await;
    name(&bench, "4", "d", DOCUMENT).await;
    bench.store.close().await;
    bench.store = Store::open(settings, mapped(), now).unwrap();
    let known = |bench: &Bench| {
        let is_known = |name: &&str| bench.store.conversation("connect", name).unwrap().is_some();
        ["c", "d", "e"].into_iter().filter(is_known).collect::<Vec<_>>()
    };
    assert_eq!(known(&bench), ["c", "d", "e"]);
    assert_eq!(bench.keys(Prefix::Document), 2);
    name(&bench, "5", "f", ANOTHER).await;
    assert_eq!(bench.store.conversation("connect", "f").unwrap().unwrap().shared_with.len(), 3);
    let all: [&[&str]; 5] = [&["c", "d", "e"], &["c", "d"], &["c", "d"], &["c"], &[]];
    for (gone, expected) in (1_u64..).zip(all) {
        let passed = HOUR + (gone - 1) * APART + APART / 2;
        CLOCK.store(NOON.plus(passed).0, Ordering::SeqCst);
        let left = (5 - usize::try_from(gone).unwrap()) * 64;
        eventually(&bench.store, || bench.store.counts().remembered == left).await;
        assert_eq!(known(&bench), expected, "{gone} gone");
        assert_eq!(bench.keys(Prefix::Document), if left == 0 { 0 } else { 2 });
    }
    nothing_is_left(&bench);
}

#[tokio::test]
async fn a_lane_is_that_of_its_last_sixteen_documents_only() {
    let bench = Bench::new();
    for number in 0..40 {
        bench.accept(vec![a_naming(&format!("e{number}"), "c", &format!("{number:032x}"))]).await;
    }
    assert_eq!(bench.keys(Prefix::Document), 16);
    bench.accept(vec![a_ring("old", "d", "a", Some(&format!("{:032x}", 3)))]).await;
    assert_eq!(bench.claim_next().await.0, lane("d"));
    bench.accept(vec![a_ring("new", "e", "a", Some(&format!("{:032x}", 39)))]).await;
    assert_eq!(bench.claim_next().await.0, lane("c"));
    let bench = bench.reopened().await;
    assert_eq!(bench.keys(Prefix::Document), 17);
}

/// Takes out of every row of a conversation what a store of an earlier program did not have.
fn make_old(path: &Path, change: impl Fn(&LaneKey, &mut ConversationRow)) {
    let db = open_raw(path);
    let rows = row::Rows::new(&db);
    let mut changes = row::Changes::default();
    for found in rows.scan(Prefix::Conversations) {
        let (key, row) = found.unwrap();
        let mut pack = Vec::new();
        for (lane, bytes) in shelf::conversations(&key, &row.content).unwrap() {
            let mut row = ConversationRow::decode(&key, bytes).unwrap();
            row.documents.clear();
            row.named = None;
            change(&lane, &mut row);
            shelf::add(&mut pack, &lane, &row.encode());
        }
        let chunks = changes.put(&key, &pack);
        changes.remove(&key, chunks, row.chunks);
    }
    for found in rows.scan(Prefix::Document) {
        let (key, row) = found.unwrap();
        changes.remove(&key, 0, row.chunks);
    }
    changes.write_into(&db);
    db.flush().unwrap();
}

#[tokio::test]
async fn two_lanes_of_one_document_that_an_earlier_program_has_left_come_together() {
    let bench = Bench::new();
    bench.accept(vec![a_ring("one", "c", "a", Some(DOCUMENT))]).await;
    bench
        .accept(vec![a_ring("two", "d", "b", None), a_ring("other", "e", "a", Some(ANOTHER))])
        .await;
    bench.store.close().await;
    make_old(&bench.path(), |lane, row| {
        if lane.conversation.as_str() == "d" {
            row.document = Some(crate::routing::DocumentRef {
                table: crate::routing::TableName::parse("interaction").unwrap(),
                sys_id: SysId::parse(DOCUMENT).unwrap(),
            });
        }
    });
    let store = Store::open(settings(&bench.path()), mapped(), || NOON).unwrap();
    let bench = Bench { store, directory: bench.directory };
    assert_eq!((bench.lane_count(), bench.keys(Prefix::Document)), (3, 0));
    bench.accept(vec![an_answer("accept", "three", "d", "b")]).await;
    bench.accept(vec![an_answer("accept", "four", "c", "a")]).await;
    assert_eq!((bench.lane_count(), bench.keys(Prefix::Document)), (2, 1));
    assert_eq!(bench.store.counts().pending, 5);
    let bench = bench.after_a_kill();
    assert_eq!((bench.lane_count(), bench.store.counts().pending), (2, 5));
}

#[tokio::test]
async fn what_moved_into_a_damaged_lane_begins_anew() {
    let bench = Bench::new();
    bench.accept(vec![a_naming("first", "c", DOCUMENT)]).await;
    bench.accept(vec![a_ring("two", "d", "a", Some(DOCUMENT))]).await;
    bench.accept(vec![a_naming("three", "e", ANOTHER)]).await;
    bench.store.close().await;
    // Of c and d, each in a pack of its own, c's.
    make_apart(&bench.path());
    let store = Store::open(settings(&bench.path()), mapped(), || NOON).unwrap();
    let bench = Bench { store, directory: bench.directory };
    assert_eq!((bench.store.counts().pending, bench.store.counts().dead), (0, 1));
    assert_eq!(bench.event("two").reason.as_deref(), Some("damaged_row"));
    for conversation in ["c", "d"] {
        assert_eq!(bench.store.conversation("connect", conversation).unwrap(), None);
    }
    assert!(bench.store.conversation("connect", "e").unwrap().is_some());
    assert_eq!(bench.keys(Prefix::Document), 1, "e's alone");
    bench.store.replay("demo", "two", false, "ann".to_owned()).await.unwrap();
    bench.accept(vec![a_ring("four", "c", "b", Some(DOCUMENT))]).await;
    let bench = bench.reopened().await;
    assert_eq!((bench.lane_count(), bench.store.counts().pending), (1, 2));
    assert_eq!(bench.claim_next().await.0, lane("d"), "the first to name it now");
}

/// Gives every lane a pack of its own and damages that of `c`.
fn make_apart(path: &Path) {
    let db = open_raw(path);
    let rows = row::Rows::new(&db);
    let mut changes = row::Changes::default();
    let mut number = 1_000;
    let mut damaged = None;
    for found in rows.scan(Prefix::Conversations) {
        let (key, row) = found.unwrap();
        for (lane, bytes) in shelf::conversations(&key, &row.content).unwrap() {
            let mut pack = Vec::new();
            shelf::add(&mut pack, &lane, bytes);
            changes.put(&layout::conversations(number), &pack);
            if lane.conversation.as_str() == "c" {
                damaged = Some(layout::conversations(number));
            }
            number += 1;
        }
        changes.remove(&key, 0, row.chunks);
    }
    changes.write_into(&db);
    let mut chunk = damaged.unwrap();
    chunk.extend([0, 0]);
    let mut value = db.get(&chunk).unwrap().unwrap().to_vec();
    *value.last_mut().unwrap() ^= 1;
    db.insert(chunk, value).unwrap();
    db.flush().unwrap();
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
    let store = Store::open(settings(&bench.path()), mapped(), || NOON).unwrap();
    let bench = Bench { store, directory: bench.directory };
    bench.accept(vec![a_ring("two", "d", "a", Some(DOCUMENT))]).await;
    bench.accept(vec![a_ring("three", "e", "b", Some(DOCUMENT))]).await;
    assert_eq!(bench.lane_count(), 1);
    let rows = bench.store.inner.shared.rows().unwrap();
    let lanes: HashSet<_> =
        rows.scan(Prefix::Document).map(|found| found.unwrap().1.content).collect();
    assert_eq!(lanes.len(), 1);
}

#[tokio::test]
async fn an_unreadable_event_of_a_conversation_that_moved_is_in_the_story() {
    let bench = Bench::new();
    bench.accept(vec![a_naming("one", "d", DOCUMENT), a_naming("two", "c", DOCUMENT)]).await;
    let odd = Delivery { items: vec![unreadable("odd")], ..delivery(vec![]) };
    bench.store.accept(odd).await.unwrap();
    for conversation in ["c", "d"] {
        let record = bench.store.conversation("connect", conversation).unwrap().unwrap();
        assert_eq!(record.events.last().unwrap().id, "odd", "{conversation}");
    }
}
