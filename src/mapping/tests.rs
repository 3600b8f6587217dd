use std::fmt::Write as _;
use std::fs;

use tempfile::TempDir;

use super::*;
use crate::routing::{Channel, Directory, RejectReason, SysId, VendorAgentId, VendorQueueId};

const ID: &str = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1";

/// A mappings directory with tables of contact centre `cc`.
fn tables(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("sources/cc")).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join("sources/cc").join(name), text).unwrap();
    }
    folder
}

fn loaded(files: &[(&str, &str)]) -> Directory {
    load(tables(files).path(), "cc", false).unwrap()
}

/// Every problem without the folder before its file.
fn reported(files: &[(&str, &str)]) -> Vec<String> {
    let folder = tables(files);
    let prefix = format!("{}/", folder.path().join("sources/cc").display());
    let problems = load(folder.path(), "cc", false).unwrap_err();
    problems.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect()
}

fn queue(directory: &Directory, queue: &str, channel: Option<&str>) -> Option<String> {
    let channel = channel.map(|channel| Channel::parse(channel).unwrap());
    let found = directory.queue(&VendorQueueId::parse(queue).unwrap(), channel.as_ref());
    found.map(|id| id.to_string())
}

#[test]
fn the_three_tables_are_read_with_comments_spaces_quotes_and_a_byte_order_mark() {
    let directory = loaded(&[
        (
            "queues.csv",
            "\u{feff}# ours\r\nqueue,channel,external_id\r\nq1, voice ,x1\r\n# more\r\nq1,,x2\r\n\"a,b\",,x3\r\n",
        ),
        ("agents.csv", &format!("sys_id,agent\n{ID},anna\n")),
        ("reject_reasons.csv", &format!("reason,reject_reason\nbusy,{ID}\n*,Not now\n")),
    ]);
    assert_eq!(queue(&directory, "q1", Some("voice")).as_deref(), Some("x1"));
    assert_eq!(queue(&directory, "q1", Some("chat")).as_deref(), Some("x2"));
    assert_eq!(queue(&directory, "a,b", None).as_deref(), Some("x3"));
    let id = SysId::parse(ID).unwrap();
    assert_eq!(directory.agent(&VendorAgentId::parse("anna").unwrap()), Some(id));
    assert_eq!(directory.reason(Some("busy"), None), Some(RejectReason::SysId(id)));
    assert!(matches!(directory.reason(Some("?"), None), Some(RejectReason::DisplayValue { .. })));
}

#[test]
fn a_missing_file_is_an_empty_table_and_queues_may_pass_through() {
    let folder = tables(&[]);
    let directory = load(folder.path(), "cc", true).unwrap();
    assert_eq!(directory.counts().queues, 0);
    assert_eq!(queue(&directory, "q9", None).as_deref(), Some("q9"));
    assert_eq!(queue(&load(folder.path(), "other", false).unwrap(), "q9", None), None);
}

#[test]
fn every_problem_of_every_table_is_told_with_file_and_line() {
    let reported = reported(&[
        (
            "queues.csv",
            "queue,channel,external_id\nq1,,x1\n# c\n,,x2\nq1,,x3\nq2,voice,\nq3,voice\nq4,v,x\nq4,v,y\n",
        ),
        ("agents.csv", &format!("agent,sys_id\nanna,{ID}\nanna,{ID}\nbela,A1\n,{ID}\ncarl,\n")),
        ("reject_reasons.csv", "reason,reason\n"),
    ]);
    assert_eq!(
        reported,
        [
            "queues.csv:4: `queue` is empty",
            "queues.csv:5: `q1` is in the table already",
            "queues.csv:6: `external_id` is empty",
            "queues.csv:7: has 2 columns, not 3",
            "queues.csv:9: `q4, v` is in the table already",
            "agents.csv:3: `anna` is in the table already",
            "agents.csv:4: `sys_id` is not a sys_id (32 lower-case hex digits)",
            "agents.csv:5: `agent` is empty",
            "agents.csv:6: `sys_id` is not a sys_id (32 lower-case hex digits)",
            "reject_reasons.csv:1: the header has to be `reason,reject_reason`",
        ]
    );
}

#[test]
fn an_empty_file_and_bytes_that_are_no_text_are_told() {
    assert_eq!(
        reported(&[("agents.csv", "")]),
        ["agents.csv:1: the header has to be `agent,sys_id`"]
    );
    let folder = tables(&[]);
    let file = folder.path().join("sources/cc/agents.csv");
    fs::write(&file, b"agent,sys_id\n\xff\xfe,x\nbela,y\n").unwrap();
    let problems = load(folder.path(), "cc", false).unwrap_err();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert_eq!((problems[0].line, problems[0].message.as_str()), (Some(2), "is not UTF-8"));
    assert_eq!(problems[1].line, Some(3));
}

#[test]
fn a_row_that_is_not_written_as_csv_is_told_in_every_table() {
    let queues = "queue,channel,external_id\n\"q1\"tail,,x\nq2,,\"open\nq3,,x\n";
    let long = "r".repeat(257);
    let reasons = format!(
        "reason,reject_reason\nbell\u{7},x\n{long},x\na,{long}\n*,\"busy\nno_answer,No answer\nb,\"c\n"
    );
    let reported = reported(&[("queues.csv", queues), ("reject_reasons.csv", &reasons)]).join("\n");
    for part in [
        "queues.csv:2: has text behind a closing quote",
        "queues.csv:3: has a quote that nothing closes",
        "reject_reasons.csv:2: `reason` holds a control character",
        "reject_reasons.csv:3: `reason` is longer than 256 bytes",
        "reject_reasons.csv:4: `reject_reason` is longer than 256 bytes",
        "reject_reasons.csv:5: has text behind a closing quote",
    ] {
        assert!(reported.contains(part), "{part}: {reported}");
    }
    assert_eq!(reported.lines().count(), 6, "{reported}");
}

#[test]
fn of_many_mistakes_of_a_table_the_first_are_told_and_the_rest_is_counted() {
    let wrong = |count: usize| format!("agent,sys_id\n{}", "a,b\n".repeat(count));
    assert_eq!(reported(&[("agents.csv", &wrong(20))]).len(), 20);
    let reported = reported(&[("agents.csv", &wrong(20_000)), ("queues.csv", "queue\n")]);
    assert_eq!(reported.len(), 22);
    assert_eq!(reported.last().unwrap(), "agents.csv:22: … and 19980 more from here on");
}

#[test]
fn a_pipe_in_the_place_of_a_table_is_told() {
    let folder = tables(&[]);
    let pipe = folder.path().join("sources/cc/queues.csv");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    let problems = load(folder.path(), "cc", false).unwrap_err();
    assert!(problems[0].message.contains("not a file"), "{problems:?}");
}

#[test]
fn a_hundred_thousand_rows_load() {
    let mut text = "agent,sys_id\n".to_owned();
    for n in 0..100_000 {
        writeln!(text, "agent-{n},{n:032x}").unwrap();
    }
    let folder = tables(&[("agents.csv", &text)]);
    let directory = load(folder.path(), "cc", false).unwrap();
    assert_eq!(directory.counts().agents, 100_000);
}

#[test]
fn the_difference_of_two_loads_is_told_in_numbers() {
    let old = loaded(&[
        ("queues.csv", "queue,channel,external_id\na,,1\nb,,2\nc,,3\n"),
        ("agents.csv", &format!("agent,sys_id\nanna,{ID}\n")),
    ]);
    let new = loaded(&[
        ("queues.csv", "queue,channel,external_id\na,,1\nb,,9\nd,,4\nd,voice,5\ne,,6\n"),
        ("agents.csv", &format!("agent,sys_id\nanna,{ID}\n")),
        ("reject_reasons.csv", "reason,reject_reason\n*,x\n"),
    ]);
    let difference = diff(&old, &new);
    assert_eq!(difference.queues, Change { added: 3, removed: 1, changed: 1 });
    assert_eq!(
        difference.to_string(),
        "queues: 3 added, 1 removed, 1 changed; reject reasons: 1 added"
    );
    assert_eq!(diff(&new, &new).to_string(), "no change");
}

#[test]
fn the_shipped_tables_are_good() {
    let mappings = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings");
    for entry in fs::read_dir(mappings.join("sources")).unwrap() {
        let contact_center = entry.unwrap().file_name().into_string().unwrap();
        let directory = load(&mappings, &contact_center, false).unwrap();
        assert!(directory.counts().queues > 0 && directory.counts().agents > 0, "{contact_center}");
    }
}
