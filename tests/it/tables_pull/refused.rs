//! What ServiceNow does not let the bridge read, and files that are wrong: named, and nothing is written.

use super::*;

#[tokio::test]
async fn a_closed_table_is_named_with_a_role_and_the_others_are_written() {
    let story = Story::empty().await;
    story.sandbox.set_switches(Switches {
        closed_tables: vec!["awa_queue".to_owned(), "sys_user_has_role".to_owned()],
        ..Switches::default()
    });
    let ran = story.pull(&["--write"]).await;
    assert_eq!(ran.code, 1, "{}", ran.shown);
    for part in
        ["awa_queue could not be read", "403", "awa_admin", "sys_user_has_role", "user_admin"]
    {
        assert!(ran.errors.contains(part), "{part}: {}", ran.errors);
    }
    assert!(!story.file("queues.csv").exists());
    assert!(story.text("reject_reasons.csv").contains("Busy"));

    let closed = vec!["external_agent_mapping".to_owned()];
    story.sandbox.set_switches(Switches { closed_tables: closed, ..Switches::default() });
    let ran = story.pull(&["agents"]).await;
    assert!(ran.code == 1 && ran.errors.contains("interaction_agent"), "{}", ran.errors);
    let list = story.list("agent,user_name\nWK1,ada.lovelace\n");
    let ran = story.pull(&["agents", "--agents", list.to_str().expect("a path")]).await;
    assert!(ran.code == 0 && ran.shown.contains(&format!("WK1,{ADA}")), "{}", ran.errors);

    let missing = vec!["external_agent_mapping".to_owned()];
    story.sandbox.set_switches(Switches { missing_tables: missing, ..Switches::default() });
    let ran = story.pull(&["agents"]).await;
    assert_eq!(ran.code, 0, "an instance without that plugin is none the worse: {}", ran.errors);
    assert!(ran.shown.contains("--agents"), "{}", ran.shown);
}

#[tokio::test]
async fn hidden_fields_and_rows_do_not_make_rows_look_gone() {
    let story = Story::new().await;
    let sales = sys_id_of("queue sales");
    for (switches, says) in [
        (
            Switches { hidden_fields: vec!["awa_queue.external_id".into()], ..Switches::default() },
            "hides its field external_id",
        ),
        (
            Switches {
                table_reads: awa_bridge::testing::sandbox::TableReads::NoRows,
                ..Switches::default()
            },
            "hides every row",
        ),
    ] {
        story.sandbox.set_switches(switches);
        let ran = story.pull(&["queues", "--write", "--remove-gone"]).await;
        assert!(ran.code == 1 && ran.errors.contains(says), "{says}: {}", ran.errors);
        assert_eq!(story.text("queues.csv"), Setup::default().queues);
    }
    let hidden_rows = vec![format!("awa_queue/{sales}")];
    story.sandbox.set_switches(Switches { hidden_rows, ..Switches::default() });
    let ran = story.pull(&["queues", "--write", "--remove-gone"]).await;
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert!(ran.shown.contains("gone      sales,,sales-voice"), "{}", ran.shown);
    assert!(ran.shown.contains("no row is removed"), "{}", ran.shown);
    assert!(story.text("queues.csv").contains("sales,,sales-voice"));
}

#[tokio::test]
async fn an_instance_that_is_away_and_wrong_files_leave_everything_as_it_was() {
    // Nobody listens on the discard port.
    let home = Home::new("http://127.0.0.1:9", &Setup::default());
    let mut command = home.command(&["tables", "pull", "--write"]);
    let ran = tokio::task::spawn_blocking(move || run(&mut command)).await.expect("it runs");
    assert!(ran.0 == 1 && ran.2.contains("no connection"), "{ran:?}");
    let written =
        fs::read_to_string(home.directory.path().join("mappings/sources/native/agents.csv"));
    assert_eq!(written.expect("a table"), Setup::default().agents);

    let setup = Setup { queues: "queue,external_id\na,b\n".to_owned(), ..Setup::default() };
    let story = Story::with(&setup).await;
    let ran = story.pull(&["queues", "--write"]).await;
    assert!(ran.code == 64 && ran.errors.contains("queues.csv:1:"), "{}", ran.errors);
    let ran = story.pull(&["reject_reasons"]).await;
    assert_eq!(ran.code, 0, "another table's mistakes are no hindrance: {}", ran.errors);
    let ran = story.pull(&["--contact-center", "nobody"]).await;
    assert!(ran.code == 64 && ran.errors.contains("native"), "{}", ran.errors);
    let ran = story.pull(&["--remove-gone"]).await;
    assert!(ran.code == 64 && ran.errors.contains("--write"), "{}", ran.errors);
}
