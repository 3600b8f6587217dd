use super::*;

#[tokio::test]
async fn a_new_event_is_accepted_and_the_same_again_is_a_duplicate() {
    let bench = Bench::new();
    assert!(is_new(&bench.accept(vec![an_offer("e1", "c")]).await[0]));
    assert_eq!(bench.accept(vec![an_offer("e1", "c")]).await, [Acceptance::Duplicate]);
    assert_eq!(bench.store.counts().pending, 1);
    assert_eq!(bench.store.counts().oldest_received_at, Some(NOON));
    assert_eq!(bench.event("e1").await.state, State::Pending);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn forty_parallel_deliveries_of_one_event_are_one_accepted_and_the_rest_duplicates() {
    let bench = Bench::new();
    let deliveries: Vec<_> = (0..40)
        .map(|_| {
            let store = bench.store.clone();
            tokio::spawn(async move { store.accept(delivery(vec![an_offer("e1", "c")])).await })
        })
        .collect();
    let mut new = 0;
    for delivery in deliveries {
        new += usize::from(is_new(&delivery.await.unwrap().unwrap()[0]));
    }
    assert_eq!(new, 1);
    assert_eq!(bench.store.counts().pending, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_senders_at_once_are_all_answered_and_nothing_is_lost() {
    let bench = Bench::new();
    let senders: Vec<_> = (0..64)
        .map(|sender| {
            let store = bench.store.clone();
            tokio::spawn(async move {
                for number in 0..20 {
                    let (id, lane) = (format!("{sender}-{number}"), format!("c{}", sender % 7));
                    let answer = store.accept(delivery(vec![an_offer(&id, &lane)])).await.unwrap();
                    assert!(is_new(&answer[0]));
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    assert_eq!(bench.reopened().await.store.counts().pending, 1280);
}

#[tokio::test]
async fn an_event_that_stands_twice_in_one_delivery_is_stored_once() {
    let bench = Bench::new();
    let answer = bench.accept(vec![an_offer("e1", "c"), an_offer("e1", "c")]).await;
    assert!(is_new(&answer[0]));
    assert_eq!(answer[1], Acceptance::Duplicate);
}

#[tokio::test]
async fn the_same_id_from_another_source_is_another_event() {
    let bench = Bench::new();
    bench.accept(vec![an_offer("e1", "c")]).await;
    let other = Delivery { source: "other".into(), ..delivery(vec![an_offer("e1", "c")]) };
    assert!(is_new(&bench.store.accept(other).await.unwrap()[0]));
    assert_eq!(bench.store.counts().pending, 2);
}

#[tokio::test]
async fn a_delivery_that_does_not_fit_is_refused_whole_and_duplicates_still_answered() {
    let bench = Bench::with(|settings| settings.limits.pending = 2);
    bench.accept(vec![an_offer("e1", "c")]).await;
    let two = delivery(vec![an_offer("e2", "c"), an_offer("e3", "d")]);
    let refusal = bench.store.accept(two).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Full { limit: Limit::Pending, retry_after_seconds: 1.. }));
    assert_eq!(bench.store.event("demo", "e2").await.unwrap(), None);
    assert_eq!(bench.accept(vec![an_offer("e1", "c")]).await, [Acceptance::Duplicate]);
    assert!(is_new(&bench.accept(vec![an_offer("e2", "c")]).await[0]));
    let full = bench.store.accept(delivery(vec![an_offer("e3", "d")])).await;
    assert!(matches!(full, Err(Refusal::Full { .. })));
}

#[tokio::test]
async fn a_bind_is_settled_at_once_and_remembered() {
    let bench = Bench::new();
    assert!(is_new(&bench.accept(vec![a_bind("b", "c")]).await[0]));
    assert_eq!(bench.store.counts().pending, 0);
    let record = bench.event("b").await;
    assert_eq!((record.kind.as_deref(), record.state), (Some("bind"), State::Delivered.into()));
    let conversation = bench.store.conversation("connect", "c").await.unwrap().unwrap();
    assert_eq!(conversation.queue.as_deref(), Some("q"));
    assert_eq!(conversation.events.len(), 1);
}

#[tokio::test]
async fn what_could_not_be_read_is_kept_as_a_dead_letter_with_its_body() {
    let bench = Bench::new();
    let odd = Delivery { items: vec![unreadable("u1")], ..delivery(vec![]) };
    assert!(is_new(&bench.store.accept(odd).await.unwrap()[0]));
    let bench = bench.reopened().await;
    let again = Delivery { items: vec![unreadable("u1")], ..delivery(vec![]) };
    assert_eq!(bench.store.accept(again).await.unwrap(), [Acceptance::Duplicate]);
    let record = bench.event("u1").await;
    assert_eq!((record.state, record.reason.as_deref()), (State::Dead.into(), Some("unreadable")));
    assert_eq!(record.detail.as_deref(), Some("`agent` is missing"));
    assert_eq!(record.event, None);
    let body = bench.store.body("demo", "u1").await.unwrap().unwrap();
    assert_eq!(body, b"{\"from\":\"the vendor\"}".as_slice());
    assert_eq!(bench.store.counts().dead, 1);
}

#[tokio::test]
async fn bodies_of_any_size_come_back_and_no_blob_file_is_made() {
    let bench = Bench::new();
    let sizes = [0, 1, 6_132, 6_133, 6_137, 6_138, 12_274, 16_000, 131_072, 262_144, 700_000];
    for size in sizes {
        let id = format!("e{size}");
        let body: Vec<u8> = (0..size).map(|place| (place % 251) as u8).collect();
        let problem = "r".repeat(size);
        let items =
            vec![Item::Unreadable(Unreadable { id, kind: None, conversation: None, problem })];
        let body = Some(Bytes::from(body));
        bench.store.accept(Delivery { body, items, ..delivery(vec![]) }).await.unwrap();
    }
    let bench = bench.reopened().await;
    for size in sizes {
        let body = bench.store.body("demo", &format!("e{size}")).await.unwrap().unwrap();
        assert_eq!(body.len(), size);
        assert!(body.iter().enumerate().all(|(place, byte)| *byte == (place % 251) as u8));
    }
    assert_eq!(std::fs::read_dir(bench.path().join("blobs")).map_or(0, Iterator::count), 0);
}

#[tokio::test]
async fn nothing_new_is_taken_below_the_floor_of_free_space_but_what_was_taken_is_carried_out() {
    let bench = Bench::new();
    bench.accept(vec![an_offer("e1", "c")]).await;
    bench.store.close().await;
    let settings = Settings { free_space_floor: u64::MAX, ..settings(&bench.path()) };
    let short = opened(settings, mapped(), || NOON).unwrap();
    let bench = Bench { store: short, directory: bench.directory };
    let refusal = bench.store.accept(delivery(vec![an_offer("e2", "c")])).await;
    assert_eq!(refusal, Err(Refusal::NoSpace));
    assert!(bench.store.space().is_short());
    assert_eq!(bench.accept(vec![an_offer("e1", "c")]).await, [Acceptance::Duplicate]);
    let (lane, entry, _) = bench.claim_next().await;
    bench.reply(lane, entry, landed()).await;
    assert_eq!(bench.state("e1").await, State::Delivered);
    let bench = bench.reopened().await;
    assert!(is_new(&bench.accept(vec![an_offer("e2", "c")]).await[0]), "with room again");
}

#[tokio::test]
async fn what_was_signed_is_known_again_whatever_is_read_in_it() {
    let mut bench = Bench::new();
    let signed = |fingerprint: u8, items: Vec<Item>| Delivery {
        fingerprint: Some([fingerprint; 32]),
        items,
        ..delivery(vec![])
    };
    let event = |id: &str| Item::Event(Box::new(an_offer(id, "c")));
    let answer = bench.store.accept(signed(1, vec![event("e1")])).await.unwrap();
    assert!(is_new(&answer[0]));
    let ignored = bench.store.accept(signed(2, vec![])).await.unwrap();
    assert!(ignored.is_empty());
    // The same event under another signature: that one stands for it too.
    assert_eq!(
        bench.store.accept(signed(3, vec![event("e1")])).await.unwrap(),
        [Acceptance::Duplicate]
    );
    // What could not be read may come again.
    bench.store.accept(signed(4, vec![unreadable("u1")])).await.unwrap();
    assert!(is_new(&bench.store.accept(signed(4, vec![event("e4")])).await.unwrap()[0]));
    for _ in 0..2 {
        for fingerprint in 1..=3 {
            let forged = signed(fingerprint, vec![event("forged-1"), event("forged-2")]);
            let answer = bench.store.accept(forged).await.unwrap();
            assert_eq!(answer, [Acceptance::Duplicate, Acceptance::Duplicate]);
        }
        bench = bench.reopened().await;
    }
}
