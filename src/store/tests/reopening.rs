use std::fs::File;
use std::thread;
use std::time::Duration;

use super::*;

#[tokio::test]
async fn everything_is_found_again_after_a_restart() {
    let bench = Bench::new();
    bench.accept(vec![an_offer("e1", "c"), a_bind("e2", "d"), an_offer("e3", "d")]).await;
    let (key, entry, _) = bench.claim_next().await;
    bench.reply(key, entry, landed()).await;
    let events = async |bench: &Bench| {
        [bench.event("e1").await, bench.event("e2").await, bench.event("e3").await]
    };
    let before = events(&bench).await;
    let counts = bench.store.counts();
    let bench = bench.reopened().await;
    assert_eq!(events(&bench).await, before);
    assert_eq!(bench.store.counts(), counts);
    assert_eq!(bench.accept(vec![an_offer("e1", "c")]).await, [Acceptance::Duplicate]);
    let conversation = bench.store.conversation("connect", "c").await.unwrap().unwrap();
    assert_eq!(conversation.work_items.len(), 1);
    let (key, _, claim) = bench.claim_next().await;
    assert_eq!(key, lane("d"));
    assert!(matches!(claim, Claim::Call { .. }));
}

#[tokio::test]
async fn numbers_go_on_rising_after_a_restart() {
    let bench = Bench::new();
    bench.accept(vec![an_offer("e1", "c")]).await;
    let (_, first, _) = bench.claim_next().await;
    let bench = bench.reopened().await;
    bench.accept(vec![an_offer("e2", "d")]).await;
    let second = std::iter::from_fn(|| bench.store.agenda().take_most_urgent(NOON))
        .find(|(key, _)| *key == lane("d"));
    assert!(second.unwrap().1.entry > first);
}

#[tokio::test]
async fn a_call_that_was_on_the_way_at_a_kill_is_looked_up() {
    let bench = Bench::new();
    bench.accept(vec![an_offer("e1", "c")]).await;
    bench.claim_next().await;
    let after = bench.after_a_kill();
    let (_, _, claim) = after.claim_next().await;
    let Claim::LookUp { event, question, .. } = claim else { panic!("{claim:?}") };
    assert_eq!(event.id, "e1");
    assert_eq!(question.first_sent, NOON);
    let twice = after.after_a_kill();
    assert!(matches!(twice.claim_next().await.2, Claim::LookUp { .. }));
}

#[tokio::test]
async fn what_was_accepted_survives_a_kill() {
    let bench = Bench::new();
    for number in 0..50 {
        let id = format!("e{number}");
        bench.accept(vec![an_offer(&id, &format!("c{}", number % 5))]).await;
    }
    let after = bench.after_a_kill();
    assert_eq!(after.store.counts().pending, 50);
    assert_eq!(after.store.agenda().len(), 5);
    assert_eq!(after.accept(vec![an_offer("e49", "c4")]).await, [Acceptance::Duplicate]);
}

#[tokio::test]
async fn an_event_keeps_what_its_conversation_knew_when_it_came() {
    let bench = Bench::new();
    let mut bare = an_offer("e2", "c");
    bare.document = None;
    bench.accept(vec![an_offer("e1", "c"), bare]).await;
    let bench = bench.reopened().await;
    let document = bench.event("e2").await.event.unwrap().document.unwrap();
    assert_eq!(document.sys_id.as_deref(), Some(DOCUMENT));
}

#[tokio::test]
async fn what_was_sent_is_looked_up_after_a_kill_with_all_that_its_conversation_added() {
    let bench = Bench::new();
    let mut early = an_offer("e1", "c");
    early.document = None;
    bench.accept(vec![early]).await;
    bench.accept(vec![an_offer("e2", "c")]).await;
    let (_, _, claim) = bench.claim_next().await;
    let Claim::Call { event, call, .. } = claim else { panic!("a call") };
    assert_eq!(event.id, "e1");
    let after = bench.after_a_kill();
    let (_, _, claim) = after.claim_next().await;
    let Claim::LookUp { question, .. } = claim else { panic!("a look-up") };
    assert_eq!(question.call, call);
}

#[tokio::test]
async fn a_store_is_opened_by_one_at_a_time() {
    let bench = Bench::new();
    let second = opened(settings(&bench.path()), mapped(), || NOON);
    assert!(matches!(second, Err(OpenError::Locked(path)) if path == bench.path()));
}

#[tokio::test]
async fn a_lock_that_is_held_for_a_moment_longer_is_waited_for() {
    let bench = Bench::new();
    bench.store.close().await;
    // As a child process holds it between fork and exec: a copy of the file that the lock is on.
    let copy = File::open(bench.path().join("awa-bridge.lock")).unwrap();
    copy.lock_shared().unwrap();
    let path = bench.path();
    let opening = thread::spawn(move || opened(settings(&path), mapped(), || NOON));
    thread::sleep(Duration::from_millis(300));
    assert!(!opening.is_finished(), "the lock is held");
    copy.unlock().unwrap();
    opening.join().unwrap().unwrap();
}

#[tokio::test]
async fn a_closed_store_answers_that_it_is_closed() {
    let bench = Bench::new();
    bench.store.close().await;
    let refusal = bench.store.accept(delivery(vec![an_offer("e1", "c")])).await;
    assert_eq!(refusal, Err(Refusal::Unavailable));
    assert_eq!(bench.store.reloaded().await, Err(Failed::Closed));
    assert_eq!(bench.store.event("demo", "e1").await, Err(Failed::Closed));
    assert_eq!(bench.store.health(), Health::Working);
    bench.store.close().await;
}

#[tokio::test]
async fn a_store_that_lost_its_records_is_refused_and_put_aside() {
    let bench = Bench::new();
    bench.accept(vec![an_offer("e1", "c")]).await;
    bench.store.close().await;
    std::fs::write(bench.path().join("db"), b"").unwrap();
    let error = opened(settings(&bench.path()), mapped(), || NOON).unwrap_err();
    let OpenError::Emptied { copy, .. } = &error else { panic!("{error}") };
    assert!(copy.join("conf").exists());
    assert!(error.to_string().contains("restore it from a backup"));
}

#[tokio::test]
async fn an_empty_tree_under_a_marker_is_refused_and_put_aside() {
    let bench = Bench::new();
    bench.accept(vec![an_offer("e1", "c")]).await;
    bench.store.close().await;
    let marker = std::fs::read(bench.path().join("awa-bridge.marker")).unwrap();
    std::fs::remove_dir_all(bench.path()).unwrap();
    drop(sled::open(bench.path()).unwrap());
    std::fs::write(bench.path().join("awa-bridge.marker"), marker).unwrap();
    let error = opened(settings(&bench.path()), mapped(), || NOON).unwrap_err();
    assert!(
        matches!(&error, OpenError::Emptied { copy, .. } if copy.join("db").exists()),
        "{error}"
    );
}

#[tokio::test]
async fn a_half_written_snapshot_does_not_keep_the_store_shut() {
    let bench = Bench::new();
    bench.accept(vec![an_offer("e1", "c")]).await;
    bench.store.close().await;
    let partial = bench.path().join("snap.00000000000FFFFF.generating");
    std::fs::write(&partial, b"").unwrap();
    let store = opened(settings(&bench.path()), mapped(), || NOON).unwrap();
    assert!(!partial.exists());
    assert_eq!(store.counts().pending, 1);
}

#[tokio::test]
async fn a_store_of_a_newer_program_is_refused() {
    let bench = Bench::new();
    bench.store.close().await;
    let db = open_raw(&bench.path());
    for (key, value) in embedded::framed(b"mschema", b"3") {
        db.insert(key, value).unwrap();
    }
    db.flush().unwrap();
    drop(db);
    let error = opened(settings(&bench.path()), mapped(), || NOON).unwrap_err();
    assert!(matches!(error, OpenError::Newer { schema: 3, .. }), "{error}");
}

#[tokio::test]
async fn a_database_of_another_program_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let db = sled::open(directory.path()).unwrap();
    db.insert(b"theirs", b"value").unwrap();
    db.flush().unwrap();
    drop(db);
    let error = opened(settings(directory.path()), mapped(), || NOON).unwrap_err();
    assert!(matches!(error, OpenError::Foreign(_)), "{error}");
}

/// sled lets go of its lock a little after it is dropped.
pub(super) fn open_raw(path: &Path) -> sled::Db {
    for _ in 0..200 {
        if let Ok(db) = sled::open(path) {
            return db;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("the lock was never released");
}

#[tokio::test]
async fn a_store_from_before_the_first_release_is_refused_and_left_as_it_is() {
    let bench = Bench::new();
    bench.store.close().await;
    let marker = bench.path().join("awa-bridge.marker");
    std::fs::write(&marker, "awa-bridge store 1\nclosed\n").unwrap();
    let error = opened(settings(&bench.path()), mapped(), || NOON).unwrap_err();
    assert!(matches!(error, OpenError::Older { .. }), "{error}");
    assert!(error.to_string().contains("move it away"), "{error}");
    assert_eq!(std::fs::read_to_string(marker).unwrap(), "awa-bridge store 1\nclosed\n");
}

#[tokio::test]
async fn a_lane_of_many_entries_leaves_nothing_behind_but_its_events() {
    let bench = Bench::new();
    let offers: Vec<_> = (0..80).map(|number| an_offer(&format!("e{number}"), "c")).collect();
    bench.accept(offers).await;
    let bench = bench.reopened().await;
    for _ in 0..80 {
        let (key, entry, _) = bench.claim_next().await;
        bench.reply(key, entry, landed()).await;
    }
    let reader = &bench.store.inner.reader;
    let counted = b"eilr".map(|kind| reader.rows(kind));
    assert_eq!(counted, [80, 80, 1, 1]);
    let bench = bench.reopened().await;
    assert_eq!(bench.store.counts().pending, 0);
    assert_eq!(bench.store.conversation("connect", "c").await.unwrap().unwrap().events.len(), 80);
}
