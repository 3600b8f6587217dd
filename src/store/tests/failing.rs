use std::time::Duration;

use super::*;
use crate::store::shared::watch_commits;

struct Defect;

impl RulesFor for Defect {
    fn rules(&self, _: &ContactCenter) -> Arc<Rules> {
        panic!("a defect")
    }
}

#[tokio::test]
async fn a_defect_in_the_writer_fails_the_store_and_nothing_waits_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.sled");
    let store = opened(settings(&path), Arc::new(Defect), || NOON).unwrap();
    let refusal = store.accept(delivery(vec![an_offer("e1", "c")])).await;
    assert_eq!(refusal, Err(Refusal::Unavailable));
    assert_eq!(store.failed().await, Failed::Panicked("a defect".to_owned()));
    assert!(matches!(store.health(), Health::Failed(Failed::Panicked(_))));
    assert!(matches!(store.reloaded().await, Err(Failed::Panicked(_))));
    store.close().await;
}

#[tokio::test]
async fn a_commit_that_hangs_fails_the_store() {
    let shared = Arc::new(Shared::new(Arc::default(), Limits::default()));
    shared.commits.begins_or_ends();
    let (_running, stopped) = mpsc::channel();
    watch_commits(&shared, Duration::from_millis(40), &stopped);
    assert_eq!(shared.failed().await, Failed::TimedOut(40));
}
