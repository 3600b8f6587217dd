//! Whom an agent's row leads to: by ServiceNow's agent mapping, or by the vendor's list.

use super::*;

#[tokio::test]
async fn a_list_with_a_byte_order_mark_finds_agents_by_their_address_in_any_case() {
    let story = Story::empty().await;
    story.sandbox.with_world(|world| {
        world.set_contact(id(ADA), "Ada@Example.com", "17");
        world.set_contact(id(GRACE), "grace@example.com", "18");
    });
    let list = story.list(
        "\u{feff}agent,Name,email\r\nWK1,Ada,ada@example.COM\r\nWK2,Grace, grace@example.com\r\n",
    );
    let list = list.to_str().expect("a path");
    let ran = story.pull(&["agents", "--agents", list, "--write"]).await;
    assert_eq!(ran.code, 0, "{}{}", ran.shown, ran.errors);
    assert_eq!(story.text("agents.csv"), format!("agent,sys_id\nWK1,{ADA}\nWK2,{GRACE}\n"));
    story.passes_the_check().await;

    for (list, row) in [
        ("employee_number,agent\n18,WK1\n", format!("WK1,{GRACE}")),
        ("user_name,agent\nGrace.Hopper,WK1\n", format!("WK1,{GRACE}")),
    ] {
        let file = story.list(list);
        let ran = story.pull(&["agents", "--agents", file.to_str().expect("a path")]).await;
        assert!(
            ran.shown.contains(&format!("change    {row} (was {ADA})  line 2")),
            "{}",
            ran.shown
        );
    }
}

#[tokio::test]
async fn who_cannot_be_offered_work_gets_no_row_and_the_reason_is_named() {
    let story = Story::empty().await;
    let (ben, carl, twin) = (sys_id_of("ben"), sys_id_of("carl"), sys_id_of("twin"));
    story.sandbox.with_world(|world| {
        for (user, name) in [(ben, "ben"), (carl, "carl"), (twin, "twin")] {
            world.add_agent(user, name);
        }
        world.revoke(ben, "awa_external_user");
        world.revoke(carl, "awa_agent");
        world.revoke(carl, "awa_external_user");
        world.set_contact(twin, "ada@example.com", "");
        world.set_contact(id(ADA), "ada@example.com", "");
        world.set_user_active(id(GRACE), false);
    });
    let list = "agent,email\nb,ben@example.com\nc,carl@example.com\na,ada@example.com\n\
                g,grace.hopper@example.com\nn,nobody@example.com\n";
    let list = story.list(list);
    let arguments = ["agents", "--write", "--agents", list.to_str().expect("a path")];
    let (differences, tables) = story.differences(&arguments).await;
    for (agent, line, parts) in [
        ("b", 2, vec!["lacks the role awa_external_user".to_owned(), ben.to_string()]),
        ("c", 3, vec!["the role awa_agent and the role awa_external_user".to_owned()]),
        ("a", 4, vec!["2 agents have this email".to_owned(), ADA.to_owned(), twin.to_string()]),
        ("g", 5, vec!["not active".to_owned()]),
        ("n", 6, vec!["no readable sys_user has this email".to_owned()]),
    ] {
        let mut left = of(&differences, "left_out").into_iter();
        let left = left.find(|line| line["row"]["agent"] == agent).expect("it is left out");
        let detail = left["detail"].as_str().expect("why");
        assert!(detail.contains(&format!("list.csv:{line}: ")), "{detail}");
        for part in parts {
            assert!(detail.contains(&part), "{part}: {detail}");
        }
    }
    assert_eq!(of(&differences, "added").len(), 0, "{differences:#?}");
    assert_eq!(tables[0]["written"], false);
    assert!(!story.file("agents.csv").exists());
}

#[tokio::test]
async fn the_agent_mapping_goes_before_the_list_and_a_row_follows_it() {
    let setup =
        Setup { agents: format!("agent,sys_id\na-1,{GRACE}\nanna,{ADA}\n"), ..Setup::default() };
    let story = Story::with(&setup).await;
    let ben = sys_id_of("ben");
    story.sandbox.with_world(|world| {
        world.add_agent(ben, "ben");
        world.map_agent("a-1", id(ADA));
        world.map_agent("shared", id(ADA));
        world.map_agent("shared", id(GRACE));
    });
    let list = story.list("agent,user_name\na-1,grace.hopper\nb-1,ben\n");
    let list = list.to_str().expect("a path");
    let ran = story.pull(&["agents", "--agents", list, "--write"]).await;
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert_eq!(
        story.text("agents.csv"),
        format!("agent,sys_id\na-1,{ADA}\nanna,{ADA}\nb-1,{ben}\n")
    );
    for part in ["list.csv:2: ServiceNow's agent mapping has user", "has it for several users"] {
        assert!(ran.shown.contains(part), "{part}: {}", ran.shown);
    }
}

#[tokio::test]
async fn a_wrong_list_is_refused_with_file_line_and_column() {
    let story = Story::empty().await;
    for (text, parts) in [
        (
            "agent,email\na,x@example.com\na,y@example.com\n",
            vec!["list.csv:3:", "`agent`", "line 2"],
        ),
        ("agent,email\na,\n", vec!["list.csv:2:", "`email` is empty"]),
        ("agent;email\na;x\n", vec!["list.csv:1:", "the header has to have `agent`"]),
        ("agent,email\na,x^active=true\n", vec!["list.csv:2:", "`email`", "query"]),
    ] {
        let list = story.list(text);
        let ran = story.pull(&["agents", "--agents", list.to_str().expect("a path")]).await;
        assert_eq!(ran.code, 64, "{}", ran.errors);
        for part in parts {
            assert!(ran.errors.contains(part), "{part}: {}", ran.errors);
        }
    }
    let utf_16 = story.list(b"\xff\xfea\0");
    let ran = story.pull(&["agents", "--agents", utf_16.to_str().expect("a path")]).await;
    assert!(ran.code == 64 && ran.errors.contains("UTF-16"), "{}", ran.errors);
    assert_eq!(story.sandbox.calls().len(), 0, "nobody is asked for a wrong list");
}
