use super::reopening::open_raw;
use super::*;

#[tokio::test]
async fn a_damaged_event_becomes_a_dead_letter_and_the_others_of_its_lane_go_on() {
    let bench = Bench::new();
    bench.accept(vec![an_offer("e1", "c")]).await;
    bench.accept(vec![an_offer("e2", "c")]).await;
    bench.store.close().await;
    damage(&bench.path(), b"e", 0);
    let store = opened(settings(&bench.path()), mapped(), || NOON).unwrap();
    let bench = Bench { store, directory: bench.directory };
    let counts = bench.store.counts();
    assert_eq!((counts.pending, counts.dead, counts.damaged_rows), (1, 1, 1));
    let record = bench.event("e1").await;
    assert_eq!((record.state, record.reason.as_deref()), (State::Dead.into(), Some("damaged_row")));
    let answer = bench.store.replay("demo", "e1", false, "me".to_owned()).await;
    assert_eq!(answer, Ok(ReplayAnswer::Unreadable));
    let all = bench.store.events(Filter::default()).await.unwrap();
    assert_eq!(all.events.len(), 2, "one damaged row does not hide the others");
    let (_, _, claim) = bench.claim_next().await;
    assert!(matches!(claim, Claim::Call { event, .. } if event.id == "e2"));
}

#[tokio::test]
async fn the_events_of_a_damaged_conversation_become_dead_letters_that_can_be_replayed() {
    let bench = Bench::new();
    for event in [an_offer("e1", "c"), an_offer("e2", "d"), a_bind("e3", "c")] {
        bench.accept(vec![event]).await;
    }
    bench.store.close().await;
    damage_lane(&bench.path(), "c");
    let store = opened(settings(&bench.path()), mapped(), || NOON).unwrap();
    let bench = Bench { store, directory: bench.directory };
    assert_eq!((bench.store.counts().pending, bench.store.counts().dead), (1, 1));
    let record = bench.event("e1").await;
    assert_eq!((record.state, record.reason.as_deref()), (State::Dead.into(), Some("damaged_row")));
    let answer = bench.store.replay("demo", "e1", false, "me".to_owned()).await.unwrap();
    assert_eq!(answer, ReplayAnswer::Replayed);
    let bench = bench.reopened().await;
    assert_eq!((bench.store.counts().pending, bench.store.counts().dead), (2, 0));
    assert_eq!(bench.store.counts().damaged_rows, 0, "what was damaged is cleared away");
    assert_eq!(bench.event("e1").await.state, State::Pending);
}

/// sled takes a damaged stretch of its log for the end, and says nothing of what came after it.
#[tokio::test]
async fn a_database_that_lost_its_newest_records_is_refused_by_every_start_until_a_person_decides()
{
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.sled");
    let bench = Bench { store: opened(settings(&path), mapped(), || NOON).unwrap(), directory };
    for number in 0..200 {
        bench.accept(vec![an_offer(&format!("e{number}"), &format!("c{number}"))]).await;
    }
    bench.store.close().await;
    let db = std::fs::File::options().write(true).open(bench.path().join("db")).unwrap();
    db.set_len(db.metadata().unwrap().len() / 2).unwrap();
    for _ in 0..2 {
        let error = opened(settings(&bench.path()), mapped(), || NOON).unwrap_err();
        let OpenError::Shortened { commits, .. } = &error else { panic!("{error}") };
        assert!((1..200).contains(commits), "{error}");
        assert!(error.to_string().contains(embedded::watermark::FILE), "{error}");
    }
    std::fs::remove_file(bench.path().join(embedded::watermark::FILE)).unwrap();
    let store = opened(settings(&bench.path()), mapped(), || NOON).unwrap();
    let left = store.counts().pending;
    assert!((1..200).contains(&left), "{left}");
    assert!(store.event("demo", "e0").await.unwrap().is_some());
}

/// Changes the last byte of a row of that kind.
pub(super) fn damage(path: &Path, prefix: &[u8], number: usize) {
    let db = open_raw(path);
    let (key, value) = db.scan_prefix(prefix).nth(number).unwrap().unwrap();
    let mut value = value.to_vec();
    *value.last_mut().unwrap() ^= 1;
    db.insert(key, value).unwrap();
    db.flush().unwrap();
}

/// Damages the row of a conversation.
pub(super) fn damage_lane(path: &Path, conversation: &str) {
    let db = open_raw(path);
    let key = [b"l".as_slice(), &hashes::of_lane(&lane(conversation)), &[0, 0]].concat();
    let mut value = db.get(&key).unwrap().unwrap().to_vec();
    *value.last_mut().unwrap() ^= 1;
    db.insert(key, value).unwrap();
    db.flush().unwrap();
}
