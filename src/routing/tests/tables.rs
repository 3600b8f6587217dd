//! Which documents are called for at all.

use super::*;

fn of_table(table: &str, event: RoutingEvent) -> RoutingEvent {
    let table = TableName::parse(table).unwrap();
    RoutingEvent { document: Some(DocumentRef { table, ..document() }), ..event }
}

#[test]
fn an_event_that_names_a_document_of_another_table_ends_dead_without_a_call() {
    let item = sys_id('9');
    for event in [
        an_offer("e1"),
        an_offer("e1").in_queue("nowhere"),
        a_transfer("e1", TransferKind::Blind, to_agent("ben")).in_queue("sales"),
        an_assign("e1").with_item(item),
        an_accept("e1").with_item(item),
        a_reject("e1").with_item(item),
        a_consult_end("e1"),
    ] {
        let mut scene = Scene::new();
        scene.arrives(0, of_table("sys_user", event)).due(0, 1);
        scene.said(["enqueue 1", "settle 1 dead table_not_allowed"]);
    }
    let mut scene = Scene::new();
    scene.arrives(0, of_table("sys_user", a_bind("e1")));
    scene.said(["enqueue 1", "settle 1 dead table_not_allowed"]);
    assert_eq!(scene.conversation.document, None);
}

#[test]
fn every_table_that_is_listed_is_called_for() {
    for table in ["interaction", "task", "incident", "sn_customerservice_case"] {
        let mut scene = Scene::new();
        scene.arrives(0, of_table(table, an_offer("e1"))).due(0, 1);
        scene.said(["enqueue 1", "call 1 offer try 1 until +30000"]);
    }
}

#[test]
fn a_document_that_is_not_called_for_is_not_the_conversations() {
    let mut scene = Scene::new();
    scene.arrives(0, an_offer("e1")).lands(10, 1, Some(sys_id('9')));
    scene.arrives(20, of_table("sys_user", an_accept("e2"))).due(20, 2).so_far();
    scene.arrives(30, an_accept("e3").without_document()).due(30, 3);
    scene.said(["enqueue 3", "call 3 accept try 1 until +600030"]);
}

#[test]
fn the_end_of_a_call_takes_its_own_card_away_whatever_document_it_names() {
    let rules = Rules { withdraw: WithdrawAction::CloseDocument, ..rules() };
    let mut scene = Scene::under(rules);
    scene.arrives(0, an_offer("e1")).lands(10, 1, Some(sys_id('9')));
    scene.arrives(20, of_table("sys_user", a_withdraw("e2"))).due(20, 2);
    assert_eq!(scene.call(), AwaCall::CloseDocument { document: document() });
}

#[test]
fn no_other_record_than_an_interaction_is_closed() {
    let rules = Rules { withdraw: WithdrawAction::CloseDocument, ..rules() };
    let mut scene = Scene::under(rules);
    scene.arrives(0, of_table("incident", an_offer("e1"))).lands(10, 1, Some(sys_id('9')));
    scene.arrives(20, of_table("incident", a_withdraw("e2"))).so_far().due(20, 2);
    scene.said(["call 2 reject try 1 until +600020"]);
}

#[test]
fn what_is_owed_when_its_table_is_taken_off_the_list_is_neither_repeated_nor_looked_up() {
    for doubt in [true, false] {
        let mut scene = Scene::new();
        scene.arrives(0, of_table("task", an_offer("e1")));
        let reply = if doubt {
            AwaReply::InDoubt { why: "no answer".to_owned() }
        } else {
            AwaReply::NotSent { why: "no connection".to_owned() }
        };
        scene.due(0, 1).answers(10, 1, reply).so_far();
        scene.rules.tables.retain(|table| table.as_str() != "task");
        scene.due(1_000, 1).said(["settle 1 dead table_not_allowed"]);
    }
}
