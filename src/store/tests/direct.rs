use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// A direct dispatch that can be switched off, and what it has sent.
#[derive(Default)]
struct Direct {
    closed: AtomicBool,
    left: Arc<Mutex<Vec<(LaneKey, EntryId, Claim)>>>,
}

struct SendSlot(Arc<Mutex<Vec<(LaneKey, EntryId, Claim)>>>);

impl DirectDispatch for Direct {
    fn open(
        &self,
        _: crate::routing::Urgency,
        _: UnixMillis,
    ) -> Option<Box<dyn crate::store::SendSlot>> {
        let open = !self.closed.load(Ordering::SeqCst);
        open.then(|| Box::new(SendSlot(Arc::clone(&self.left))) as _)
    }
}

impl crate::store::SendSlot for SendSlot {
    fn leave(self: Box<Self>, lane: LaneKey, entry: EntryId, claim: Claim) {
        self.0.lock().unwrap().push((lane, entry, claim));
    }
}

fn bench_with_direct_dispatch() -> (Bench, Arc<Direct>) {
    let (bench, direct) = (Bench::new(), Arc::new(Direct::default()));
    bench.store.set_direct_dispatch(Arc::clone(&direct) as _);
    (bench, direct)
}

#[tokio::test]
async fn what_can_go_at_once_is_claimed_in_the_commit_that_accepts_it() {
    let (bench, direct) = bench_with_direct_dispatch();
    bench.accept(vec![an_offer("e1", "c"), an_offer("e2", "d")]).await;
    let left = std::mem::take(&mut *direct.left.lock().unwrap());
    let names: Vec<_> = left
        .iter()
        .map(|(_, _, claim)| match claim {
            Claim::Call { event, options, .. } if options.attempt == 1 => event.id.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, ["e1", "e2"]);
    assert!(bench.store.agenda().is_empty());
    let killed = bench.after_a_kill();
    for _ in 0..2 {
        let (_, _, claim) = killed.claim_next().await;
        assert!(matches!(claim, Claim::LookUp { .. }), "the claim was on disk: {claim:?}");
    }
    for (lane, entry, _) in left {
        bench.reply(lane, entry, landed()).await;
    }
    assert_eq!(
        (bench.state("e1").await, bench.state("e2").await),
        (State::Delivered, State::Delivered)
    );
}

#[tokio::test]
async fn the_next_of_a_lane_leaves_in_the_commit_that_settles_the_one_before() {
    let (bench, direct) = bench_with_direct_dispatch();
    bench.accept(vec![an_offer("e1", "c"), an_accept("e2", "c")]).await;
    let (lane, entry, _) = direct.left.lock().unwrap().pop().expect("the offer left");
    assert!(direct.left.lock().unwrap().is_empty(), "one call a lane");
    bench.reply(lane, entry, landed()).await;
    let (_, _, claim) = direct.left.lock().unwrap().pop().expect("the accept left");
    assert!(matches!(claim, Claim::Call { event, .. } if event.id == "e2"));
}

#[tokio::test]
async fn what_is_more_urgent_and_waits_already_goes_first() {
    let (bench, direct) = bench_with_direct_dispatch();
    direct.closed.store(true, Ordering::SeqCst);
    bench.accept(vec![an_offer("e1", "c")]).await;
    assert_eq!(bench.store.agenda().len(), 1, "what may not leave at once is left to the agenda");
    direct.closed.store(false, Ordering::SeqCst);
    bench.accept(vec![an_offer("e2", "d")]).await;
    assert!(direct.left.lock().unwrap().is_empty(), "the older offer comes first");
    let (_, _, claim) = bench.claim_next().await;
    assert!(matches!(claim, Claim::Call { event, .. } if event.id == "e1"));
}

#[tokio::test]
async fn what_a_withdraw_of_the_same_commit_takes_back_does_not_leave() {
    let (bench, direct) = bench_with_direct_dispatch();
    bench.accept(vec![an_offer("e1", "c"), a_withdraw("e2", "c")]).await;
    assert!(direct.left.lock().unwrap().is_empty());
    assert_eq!(bench.event("e1").await.state, State::Superseded);
}
