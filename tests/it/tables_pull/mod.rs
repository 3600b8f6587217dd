//! `tables pull`: a contact centre's tables from ServiceNow's records, through the built program.

mod agents;
mod refused;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use awa_bridge::testing::routing::SysId;
use awa_bridge::testing::sandbox::world::{CHAT, VOICE, sys_id_of};
use awa_bridge::testing::sandbox::{Endpoint, Sandbox, Switches};
use serde_json::Value;

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Home, run};
use super::support::{ADA, BUSY, GRACE};

/// What a command printed, and how it ended.
struct Ran {
    code: i32,
    shown: String,
    errors: String,
}

/// A home over a sandbox, in which commands are run.
struct Story {
    sandbox: Sandbox,
    home: Home,
}

impl Story {
    /// With the usual tables.
    async fn new() -> Self {
        Self::with(&Setup::default()).await
    }

    async fn with(setup: &Setup) -> Self {
        let sandbox = start_sandbox(Switches::default()).await;
        let home = Home::new(&sandbox.url(), setup);
        Self { sandbox, home }
    }

    /// Without any table.
    async fn empty() -> Self {
        let story = Self::new().await;
        fs::remove_dir_all(story.home.directory.path().join("mappings/sources")).expect("tables");
        story
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.directory.path().join("mappings/sources/native").join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).expect("a table")
    }

    /// A list of the vendor's agents.
    fn list(&self, text: impl AsRef<[u8]>) -> PathBuf {
        let file = self.home.directory.path().join("list.csv");
        fs::write(&file, text).expect("a list");
        file
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.home.command(arguments);
        let ran = tokio::task::spawn_blocking(move || run(&mut command)).await.expect("it runs");
        let (code, shown, errors) = ran;
        Ran { code, shown, errors }
    }

    async fn pull(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["tables", "pull"], arguments].concat()).await
    }

    /// The differences, as `--json` tells them, and the line of each table.
    async fn differences(&self, arguments: &[&str]) -> (Vec<Value>, Vec<Value>) {
        let ran = self.pull(&[arguments, &["--json"]].concat()).await;
        let lines = ran.shown.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        lines.partition(|line: &Value| line.get("found").is_some())
    }

    async fn passes_the_check(&self) {
        let ran = self.run(&["check"]).await;
        assert_eq!(ran.code, 0, "{}{}", ran.shown, ran.errors);
    }
}

fn id(text: &str) -> SysId {
    SysId::parse(text).expect("a sys_id")
}

fn of<'a>(lines: &'a [Value], found: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["found"] == found).collect()
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).expect("a file").permissions().mode() & 0o777
}

#[tokio::test]
async fn a_first_pull_shows_everything_and_writes_it_only_when_asked() {
    let story = Story::empty().await;
    story.sandbox.with_world(|world| {
        world.map_agent("a-1", id(ADA));
        world.map_agent("a,2", id(GRACE));
    });
    let ran = story.pull(&[]).await;
    assert_eq!(ran.code, 0, "{}", ran.errors);
    for part in ["add       sales-voice,,sales-voice", "nothing is written without --write"] {
        assert!(ran.shown.contains(part), "{part}: {}", ran.shown);
    }
    assert!(!story.file("queues.csv").exists(), "only shown");

    let ran = story.pull(&["--write"]).await;
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert_eq!(
        story.text("queues.csv"),
        "queue,channel,external_id\nsales-voice,,sales-voice\nsupport-chat,,support-chat\n\
         support-voice,,support-voice\n"
    );
    assert_eq!(story.text("agents.csv"), format!("agent,sys_id\n\"a,2\",{GRACE}\na-1,{ADA}\n"));
    assert_eq!(
        story.text("reject_reasons.csv"),
        "reason,reject_reason\nBusy,Busy\nNot my expertise,Not my expertise\n",
        "each name is on two channels"
    );
    assert_eq!(mode(&story.file("agents.csv")), 0o644);
    story.passes_the_check().await;
    let changing = |call: &awa_bridge::testing::sandbox::RecordedCall| call.method != "GET";
    assert!(!story.sandbox.calls().iter().any(changing), "ServiceNow is only read");

    let before =
        fs::metadata(story.file("queues.csv")).expect("a file").modified().expect("a time");
    let (differences, tables) = story.differences(&["--write"]).await;
    assert_eq!(differences, Vec::<Value>::new());
    assert!(tables.iter().all(|table| table["written"] == false), "{tables:?}");
    let after = fs::metadata(story.file("queues.csv")).expect("a file").modified().expect("a time");
    assert_eq!(before, after, "nothing has changed");
}

#[tokio::test]
async fn what_is_between_the_rows_stays_and_no_row_goes_unasked() {
    let gone = "5137153cc611227c000bbd1bd8cd2005";
    let queues = "# ours\nexternal_id,queue,channel\nsupport-voice, support ,voice\n\n# closed in May\n\
                  nowhere,old,\nnowhere-else,support-chat,\n";
    let setup = Setup {
        queues: queues.to_owned(),
        agents: format!("agent,sys_id\r\n# first\r\nada,{ADA}\r\nben,{gone}"),
        reasons: format!("reason,reject_reason\nbusy,{BUSY}\nlunch,Lunch\n*,{BUSY}\n"),
        ..Setup::default()
    };
    let story = Story::with(&setup).await;
    story.sandbox.with_world(|world| world.map_agent("a-2", id(GRACE)));
    fs::set_permissions(story.file("queues.csv"), fs::Permissions::from_mode(0o640)).expect("mode");

    let (differences, _) = story.differences(&[]).await;
    let gone_rows = of(&differences, "gone");
    let named: Vec<_> = gone_rows
        .iter()
        .map(|line| (line["table"].as_str().expect("a table"), line["line"].as_u64()))
        .collect();
    assert_eq!(
        named,
        [("queues", Some(6)), ("agents", Some(4)), ("reject_reasons", Some(3))],
        "{differences:#?}"
    );
    let changed = of(&differences, "changed");
    assert_eq!(changed.len(), 1, "{differences:#?}");
    assert_eq!(changed[0]["row"]["external_id"], "support-chat");
    assert_eq!(changed[0]["before"], "nowhere-else");

    let ran = story.pull(&["--write"]).await;
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert!(
        ran.shown.contains("gone      old,,nowhere  line 6: no awa_queue has it"),
        "{}",
        ran.shown
    );
    assert_eq!(
        story.text("queues.csv"),
        "# ours\nexternal_id,queue,channel\nsupport-voice, support ,voice\n\n# closed in May\n\
         nowhere,old,\nsupport-chat,support-chat,\nsales-voice,sales-voice,\n"
    );
    assert_eq!(mode(&story.file("queues.csv")), 0o640);
    assert_eq!(
        story.text("agents.csv"),
        format!("agent,sys_id\r\n# first\r\nada,{ADA}\r\nben,{gone}\r\na-2,{GRACE}\r\n")
    );
    let names: Vec<_> = fs::read_dir(story.file("")).expect("the folder").collect();
    assert_eq!(names.len(), 3, "nothing is left beside the tables: {names:?}");

    let ran = story.pull(&["agents", "--write", "--remove-gone"]).await;
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert_eq!(
        story.text("agents.csv"),
        format!("agent,sys_id\r\n# first\r\nada,{ADA}\r\na-2,{GRACE}\r\n")
    );
    assert!(story.text("queues.csv").contains("nowhere"), "only what was asked for");
    story.passes_the_check().await;
}

#[tokio::test]
async fn queues_that_share_an_external_id_get_a_row_for_each_channel() {
    let (voice, chat, first, second) =
        (sys_id_of("v"), sys_id_of("c"), sys_id_of("1"), sys_id_of("2"));
    let setup = Setup {
        queues: "queue,channel,external_id\nboth,,both\nvip,,vip\n".to_owned(),
        config: format!("[servicenow.channels]\nphone = \"{VOICE}\"\n"),
        ..Setup::default()
    };
    let story = Story::with(&setup).await;
    let asleep = sys_id_of("asleep");
    story.sandbox.with_world(|world| {
        world.add_queue(voice, "Both voice", Some("both"), VOICE);
        world.add_queue(chat, "Both chat", Some("both"), CHAT);
        world.add_queue(first, "Twice", Some("twice"), VOICE);
        world.add_queue(second, "Twice too", Some("twice"), VOICE);
        world.add_queue(asleep, "VIP", Some("vip"), VOICE);
        world.set_queue_active(asleep, false);
    });
    let ran = story.pull(&["queues", "--write"]).await;
    assert_eq!(ran.code, 0, "{}", ran.errors);
    for part in [
        "unfit     both,,both  line 2: 2 queues share it (",
        "gone      vip,,vip  line 3: the queue is not active",
        "left out  twice,phone,",
    ] {
        assert!(ran.shown.contains(part), "{part}: {}", ran.shown);
    }
    let written = story.text("queues.csv");
    for row in [format!("both,phone,{voice}\n"), format!("both,chat,{chat}\n")] {
        assert!(written.contains(&row), "{row}: {written}");
    }
    assert!(!written.contains("twice"), "{written}");
    story.passes_the_check().await;
}

#[tokio::test]
async fn more_rows_than_a_page_holds_are_all_read() {
    let story = Story::empty().await;
    story.sandbox.with_world(|world| {
        for n in 0..1_300 {
            let (queue, agent) = (sys_id_of(&format!("q {n}")), sys_id_of(&format!("a {n}")));
            world.add_queue(queue, "Many", Some(&format!("many-{n}")), VOICE);
            world.add_agent(agent, &format!("agent.{n}"));
            world.map_agent(&format!("ext-{n}"), agent);
        }
    });
    let (differences, tables) = story.differences(&["queues", "agents", "--write"]).await;
    let added = |table: &str| {
        let of_table = differences.iter().filter(|line| line["table"] == table);
        of_table.filter(|line| line["found"] == "added").count()
    };
    assert_eq!((added("queues"), added("agents")), (1_303, 1_300));
    assert!(tables.iter().all(|table| table["written"] == true), "{tables:?}");
    assert_eq!(story.text("agents.csv").lines().count(), 1_301);
    let pages = story.sandbox.calls_to(Endpoint::TableRead);
    let of_queues = pages.iter().filter(|call| call.path.ends_with("/awa_queue"));
    assert_eq!(of_queues.count(), 2);
    story.passes_the_check().await;
}

#[tokio::test]
async fn the_online_check_names_the_rows_whose_target_is_gone() {
    let gone = "5137153cc611227c000bbd1bd8cd2005";
    let setup = Setup {
        queues: "queue,channel,external_id\n# old\nold,,nowhere\nsupport,,support-voice\n"
            .to_owned(),
        agents: format!("agent,sys_id\nada,{ADA}\nben,{gone}\nbenny,{gone}\n"),
        reasons: format!("reason,reject_reason\nbusy,{BUSY}\nlunch,{gone}\n"),
        ..Setup::default()
    };
    let story = Story::with(&setup).await;
    let ran = story.run(&["check", "--online"]).await;
    assert_eq!(ran.code, 1, "{}", ran.shown);
    let line = |what: &str, name: &str| {
        let mut lines = ran.shown.lines();
        let found = lines.find(|line| line.contains(what) && line.contains(name));
        found.unwrap_or_else(|| panic!("{what} {name}: {}", ran.shown)).to_owned()
    };
    assert!(line("queue", "nowhere (old)").contains("native/queues.csv:3"), "{}", ran.shown);
    let agent = line("agent", &format!("{gone} (ben, benny)"));
    assert!(agent.contains("agents.csv:3") && agent.contains("agents.csv:4"), "{agent}");
    assert!(line("reject reason", &format!("{gone} (lunch)")).contains("reject_reasons.csv:3"));
    assert!(
        !line("queue", "support-voice").contains("queues.csv:"),
        "what is there needs no place"
    );
}
