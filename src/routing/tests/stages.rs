//! The table of stage by input: an offer in each of its stages, and each thing that may happen to it at 100 ms.

use super::*;

type Row = (&'static str, fn(&mut Scene), &'static [&'static str], &'static [&'static str]);

const DUE: fn(&mut Scene) = |scene| {
    scene.due(100, 1);
};
const LANDED: fn(&mut Scene) = |scene| {
    scene.answers(100, 1, AwaReply::Landed { work_item: Some(sys_id('1')) });
};
const RECOVERED: fn(&mut Scene) = |scene| {
    scene.recovers(100, 1);
};
const RELOADED: fn(&mut Scene) = |scene| {
    scene.reloads(100, whole_tables());
};
const DISCARDED: fn(&mut Scene) = |scene| {
    scene.discards(100, 1);
};
const WITHDRAWN: fn(&mut Scene) = |scene| {
    scene.arrives(100, a_withdraw("w"));
};
const BOUND: fn(&mut Scene) = |scene| {
    scene.arrives(100, a_bind("b"));
};
const TOO_LATE: fn(&mut Scene) = |scene| {
    scene.due(30_000, 1);
};
const REPLAYED: fn(&mut Scene) = |scene| {
    scene.replays(100, 1, an_offer("e1"));
};

const BIND: [&str; 2] = ["enqueue 2", "settle 2 delivered bound"];
const NOTHING_SENT: [&str; 3] =
    ["settle 1 superseded withdrawn", "enqueue 2", "settle 2 delivered nothing_left_to_withdraw"];
const SENT: [&str; 2] = ["enqueue 2", "settle 2 delivered no_action_configured"];

fn whole_tables() -> Directory {
    let mut tables = tables();
    assert!(tables.add_agent(agent("cleo"), sys_id('c')));
    tables
}

#[track_caller]
fn table(stage: fn(&mut Scene), rows: &[Row]) {
    for (name, input, effects, stand) in rows {
        let withdraw = WithdrawAction::None;
        let mut scene = Scene::under(Rules { withdraw, ..rules() });
        stage(&mut scene);
        scene.so_far();
        input(&mut scene);
        let said: Vec<String> = scene.effects.iter().map(scene::line).collect();
        assert_eq!(
            (said, scene::stand(&scene.conversation)),
            (owned(effects), owned(stand)),
            "{name}"
        );
    }
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(ToString::to_string).collect()
}

#[test]
fn a_waiting_offer_is_sent_or_taken_back() {
    table(
        |scene| {
            scene.arrives(0, an_offer("e1"));
        },
        &[
            ("due", DUE, &["call 1 offer try 1 until +30000"], &["1 sending +0"]),
            ("landed", LANDED, &[], &["1 waiting +0"]),
            ("recovered", RECOVERED, &[], &["1 waiting +0"]),
            ("reloaded", RELOADED, &[], &["1 waiting +0"]),
            ("discarded", DISCARDED, &["settle 1 discarded discarded_by_operator"], &[]),
            ("withdrawn", WITHDRAWN, &NOTHING_SENT, &[]),
            ("bound", BOUND, &BIND, &["1 waiting +0"]),
            ("too late", TOO_LATE, &["settle 1 expired deadline"], &[]),
            ("replayed", REPLAYED, &[], &["1 waiting +0"]),
        ],
    );
}

#[test]
fn a_held_offer_looks_again_whenever_something_may_have_come() {
    table(
        |scene| {
            scene.arrives(0, an_offer("e1").without_document()).due(0, 1);
        },
        &[
            ("due", DUE, &["reschedule 1 +2000 no_document"], &["1 held +2000"]),
            ("landed", LANDED, &[], &["1 held +2000"]),
            ("recovered", RECOVERED, &[], &["1 held +2000"]),
            ("reloaded", RELOADED, &[], &["1 held +100"]),
            ("discarded", DISCARDED, &["settle 1 discarded discarded_by_operator"], &[]),
            ("withdrawn", WITHDRAWN, &NOTHING_SENT, &[]),
            ("bound", BOUND, &BIND, &["1 held +100"]),
            ("too late", TOO_LATE, &["settle 1 expired deadline"], &[]),
            (
                "never came",
                |s| {
                    s.due(2_000, 1);
                },
                &["settle 1 dead no_document"],
                &[],
            ),
            ("replayed", REPLAYED, &[], &["1 held +2000"]),
        ],
    );
}

#[test]
fn a_parked_offer_waits_for_the_tables() {
    const STILL: fn(&mut Scene) = |scene| {
        scene.reloads(100, tables());
    };
    table(
        |scene| {
            scene.arrives(0, an_offer("e1").by("cleo")).due(0, 1);
        },
        &[
            ("due", DUE, &[], &["1 parked +30000"]),
            ("landed", LANDED, &[], &["1 parked +30000"]),
            ("recovered", RECOVERED, &[], &["1 parked +30000"]),
            ("reloaded", RELOADED, &["resume 1"], &["1 held +100"]),
            ("reloaded without it", STILL, &[], &["1 parked +30000"]),
            ("discarded", DISCARDED, &["settle 1 discarded discarded_by_operator"], &[]),
            ("withdrawn", WITHDRAWN, &NOTHING_SENT, &[]),
            ("bound", BOUND, &BIND, &["1 parked +30000"]),
            ("too late", TOO_LATE, &["settle 1 expired deadline_while_parked"], &[]),
            ("replayed", REPLAYED, &[], &["1 parked +30000"]),
        ],
    );
}

#[test]
fn an_offer_in_flight_hears_only_its_answer() {
    table(
        |scene| {
            scene.arrives(0, an_offer("e1")).due(0, 1);
        },
        &[
            ("due", DUE, &[], &["1 sending +0"]),
            ("landed", LANDED, &["settle 1 delivered confirmed"], &[]),
            (
                "recovered",
                RECOVERED,
                &["reschedule 1 +100 recovered_in_doubt"],
                &["1 in doubt +100"],
            ),
            ("reloaded", RELOADED, &[], &["1 sending +0"]),
            ("discarded", DISCARDED, &[], &["1 sending +0"]),
            ("withdrawn", WITHDRAWN, &SENT, &["1 sending +0"]),
            ("bound", BOUND, &BIND, &["1 sending +0"]),
            ("too late", TOO_LATE, &[], &["1 sending +0"]),
            ("replayed", REPLAYED, &[], &["1 sending +0"]),
        ],
    );
}

#[test]
fn an_offer_in_doubt_is_looked_up() {
    const LOOK_UP: &str = "look up 1 offer since +0 until +30000";
    table(
        |scene| {
            scene.arrives(0, an_offer("e1")).due(0, 1).recovers(50, 1);
        },
        &[
            ("due", DUE, &[LOOK_UP], &["1 looking up +50"]),
            ("landed", LANDED, &[], &["1 in doubt +50"]),
            ("recovered", RECOVERED, &[], &["1 in doubt +50"]),
            ("reloaded", RELOADED, &[], &["1 in doubt +50"]),
            ("discarded", DISCARDED, &["settle 1 discarded discarded_by_operator"], &[]),
            ("withdrawn", WITHDRAWN, &SENT, &["1 in doubt +50"]),
            ("bound", BOUND, &BIND, &["1 in doubt +50"]),
            ("too late", TOO_LATE, &["settle 1 expired deadline_in_doubt"], &[]),
            ("replayed", REPLAYED, &[], &["1 in doubt +50"]),
        ],
    );
}

#[test]
fn an_offer_that_is_being_looked_up_hears_only_the_answer() {
    table(
        |scene| {
            scene.arrives(0, an_offer("e1")).due(0, 1).recovers(50, 1).due(50, 1);
        },
        &[
            ("due", DUE, &[], &["1 looking up +50"]),
            ("landed", LANDED, &["settle 1 delivered found_by_look_up"], &[]),
            (
                "recovered",
                RECOVERED,
                &["reschedule 1 +100 recovered_in_doubt"],
                &["1 in doubt +100"],
            ),
            ("reloaded", RELOADED, &[], &["1 looking up +50"]),
            ("discarded", DISCARDED, &[], &["1 looking up +50"]),
            ("withdrawn", WITHDRAWN, &SENT, &["1 looking up +50"]),
            ("bound", BOUND, &BIND, &["1 looking up +50"]),
            ("too late", TOO_LATE, &[], &["1 looking up +50"]),
            ("replayed", REPLAYED, &[], &["1 looking up +50"]),
        ],
    );
}
