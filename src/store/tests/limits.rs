//! How much may be owed, in all, to a source, and in a conversation; and that it is counted right whatever happens.

use super::*;

fn limited(limits: Limits) -> Bench {
    Bench::with(|settings| settings.limits = limits)
}

const WIDE: Limits = Limits { pending: 100, per_source: 100, per_conversation: 100 };

fn from(source: &str, events: Vec<RoutingEvent>) -> Delivery {
    Delivery { source: source.into(), ..delivery(events) }
}

async fn limit_of(bench: &Bench, delivery: Delivery) -> Option<Limit> {
    match bench.store.accept(delivery).await {
        Ok(_) => None,
        Err(Refusal::Full { limit, retry_after_seconds: 1.. }) => Some(limit),
        Err(other) => panic!("{other}"),
    }
}

/// Claims all that is due; nothing that is parked leaves.
async fn claim_all(bench: &Bench) {
    while let Some((lane, due)) = bench.store.agenda().take_most_urgent(NOON) {
        bench.store.claim(lane, due.entry, Waited::default()).await.unwrap();
    }
}

#[tokio::test]
async fn a_source_at_its_share_is_turned_away_alone() {
    let bench = limited(Limits { per_source: 2, ..WIDE });
    bench.accept(vec![an_offer("e1", "c1"), an_offer("e2", "c2")]).await;
    let third = || vec![an_offer("e3", "c3")];
    assert_eq!(limit_of(&bench, from("demo", third())).await, Some(Limit::Source));
    assert_eq!(limit_of(&bench, from("other", third())).await, None);
    assert_eq!(bench.store.event("demo", "e3").await.unwrap(), None);
}

#[tokio::test]
async fn a_source_with_too_much_parked_is_turned_away_alone_and_takes_no_place_of_others() {
    let bench = limited(Limits { pending: 3, per_source: 2, per_conversation: 100 });
    let unmapped = |id: &str| an_offer_to(id, &format!("c-{id}"), "nowhere");
    bench.accept(vec![unmapped("p1"), unmapped("p2")]).await;
    claim_all(&bench).await;
    assert_eq!((bench.store.counts().parked, bench.store.counts().pending), (2, 0));
    let offer = |id: &str| vec![an_offer(id, &format!("c-{id}"))];
    assert_eq!(limit_of(&bench, from("demo", offer("e1"))).await, Some(Limit::Parked));
    assert_eq!(limit_of(&bench, from("other", offer("e1"))).await, None);
    assert_eq!(limit_of(&bench, from("other", offer("e2"))).await, None);
    assert_eq!(limit_of(&bench, from("third", offer("e3"))).await, None);
    assert_eq!(limit_of(&bench, from("third", offer("e4"))).await, Some(Limit::Pending));
    bench.store.discard("demo", "p1", "ann".to_owned()).await.unwrap();
    bench.store.set_limits(Limits { pending: 4, ..bench.store.inner.shared.limits() });
    assert_eq!(limit_of(&bench, from("demo", offer("e5"))).await, None);
}

#[tokio::test]
async fn a_conversation_at_its_bound_is_refused_whole_and_others_go_on() {
    let bench = limited(Limits { per_conversation: 2, ..WIDE });
    bench.accept(vec![an_offer("e1", "c")]).await;
    let mixed = vec![an_offer("o1", "other"), an_offer("e2", "c"), an_offer("e3", "c")];
    assert_eq!(limit_of(&bench, delivery(mixed)).await, Some(Limit::Conversation));
    assert_eq!(bench.store.event("demo", "o1").await.unwrap(), None, "nothing of it is stored");
    bench.accept(vec![an_offer("o1", "other"), an_offer("e2", "c")]).await;
    let third = || vec![an_offer("e3", "c")];
    assert_eq!(limit_of(&bench, delivery(third())).await, Some(Limit::Conversation));
    assert_eq!(bench.accept(vec![an_offer("e1", "c")]).await, [Acceptance::Duplicate]);
    bench.store.discard("demo", "e1", "ann".to_owned()).await.unwrap();
    assert_eq!(limit_of(&bench, delivery(third())).await, None);
}

#[tokio::test]
async fn conversations_of_one_document_share_their_bound() {
    let bench = limited(Limits { per_conversation: 3, ..WIDE });
    let same = |id: &str, conversation: &str| {
        event(EventJson {
            queue: Some("q".to_owned()),
            agent: Some("a".to_owned()),
            document: Some(document_json(DOCUMENT)),
            segment: Some(id.to_owned()),
            ..of_kind("offer", id, conversation)
        })
    };
    let four = (0..4).map(|number| same(&format!("n{number}"), &format!("new-{number}")));
    assert_eq!(limit_of(&bench, delivery(four.collect())).await, Some(Limit::Conversation));
    bench.accept(vec![same("e1", "one"), same("e2", "two")]).await;
    let two = vec![same("e3", "three"), same("e4", "four")];
    assert_eq!(limit_of(&bench, delivery(two)).await, Some(Limit::Conversation));
    assert_eq!(limit_of(&bench, delivery(vec![same("e3", "three")])).await, None);
}

#[tokio::test]
async fn what_is_owed_is_counted_right_after_every_change_and_a_restart() {
    let bench = limited(WIDE);
    let unmapped = |id: &str| an_offer_to(id, &format!("c-{id}"), "nowhere");
    bench
        .accept(vec![unmapped("p1"), unmapped("p2"), an_offer("e1", "c"), an_offer("e2", "c")])
        .await;
    bench.store.accept(from("other", vec![an_offer("o1", "o")])).await.unwrap();
    claim_all(&bench).await;
    let owed = |bench: &Bench| {
        let reader = &bench.store.inner.reader;
        let of = |source: &str| {
            let owed = reader.owed_to(source);
            (owed.pending, owed.parked)
        };
        let in_lane = |conversation: &str| reader.open_in(&lane(conversation));
        (of("demo"), of("other"), [in_lane("c"), in_lane("o"), in_lane("c-p1")])
    };
    assert_eq!(owed(&bench), ((2, 2), (1, 0), [2, 1, 1]));
    let bench = bench.reopened().await;
    assert_eq!(owed(&bench), ((2, 2), (1, 0), [2, 1, 1]));
    bench.store.discard("demo", "p1", "ann".to_owned()).await.unwrap();
    bench.store.discard("demo", "e2", "ann".to_owned()).await.unwrap();
    assert_eq!(owed(&bench), ((1, 1), (1, 0), [1, 1, 0]));
    bench.store.replay("demo", "e2", true, "ann".to_owned()).await.unwrap();
    bench.store.reloaded().await.unwrap();
    assert_eq!(owed(&bench), ((2, 1), (1, 0), [2, 1, 0]));
    let ((pending, parked), other, _) = owed(&bench.after_a_kill());
    assert_eq!((pending, parked, other), (2, 1, (1, 0)));
}

#[tokio::test]
async fn what_a_conversation_owes_lies_in_rows_of_their_own() {
    let bench = Bench::new();
    for number in 0..20 {
        bench.accept(vec![an_offer(&format!("e{number}"), "c")]).await;
    }
    let bench = bench.after_a_kill();
    assert_eq!(bench.store.counts().pending, 20);
    let listed = async |bench: &Bench, state| {
        let filter = Filter { state: Some(state), limit: 100, ..Filter::default() };
        let page = bench.store.events(filter).await.unwrap();
        page.events.into_iter().map(|event| (event.id, event.due_at.is_some())).collect::<Vec<_>>()
    };
    let expected: Vec<_> = (0..20).rev().map(|number| (format!("e{number}"), true)).collect();
    assert_eq!(listed(&bench, State::Pending).await, expected);
    for number in [19, 7, 0, 1, 2] {
        bench.store.discard("demo", &format!("e{number}"), "ann".to_owned()).await.unwrap();
    }
    bench.store.replay("demo", "e7", true, "ann".to_owned()).await.unwrap();
    let bench = bench.reopened().await;
    assert_eq!(bench.store.counts().pending, 16);
    for number in (3..19).rev() {
        bench.store.discard("demo", &format!("e{number}"), "ann".to_owned()).await.unwrap();
    }
    let reader = &bench.store.inner.reader;
    assert_eq!((bench.store.counts().pending, reader.rows(b'e'), reader.rows(b'l')), (0, 20, 1));
}

#[tokio::test]
async fn what_a_conversation_owes_moves_with_it() {
    let bench = Bench::new();
    for number in 0..6 {
        let bare = of_kind("offer", &format!("m{number}"), "mover");
        let (queue, agent) = (Some("q".to_owned()), Some("a".to_owned()));
        bench.accept(vec![event(EventJson { queue, agent, ..bare })]).await;
        bench.accept(vec![an_offer(&format!("r{number}"), "c")]).await;
    }
    let named =
        EventJson { document: Some(document_json(DOCUMENT)), ..of_kind("bind", "b", "mover") };
    bench.accept(vec![event(named)]).await;
    assert_eq!(bench.store.inner.reader.open_in(&lane("c")), 12);
    let bench = bench.after_a_kill();
    assert_eq!(bench.store.counts().pending, 12);
    let index_says = bench.store.inner.reader.open_in(&lane("c"));
    assert_eq!(index_says, 12);
}
