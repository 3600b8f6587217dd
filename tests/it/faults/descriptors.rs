//! More senders connect than the process may open files.

use std::time::Duration;

use tokio::net::TcpStream;

use super::super::support::{an_event, an_offer, eventually, with};
use super::{acknowledged, all_delivered_once, heal, lines, outage};

#[tokio::test]
async fn a_flood_of_connections_leaves_descriptors_for_the_calls_and_is_survived() {
    let (sandbox, home) = outage().await;
    let own = home.command(&["run"]);
    let mut limited = std::process::Command::new("bash");
    limited.args(["-c", "ulimit -n 80; exec \"$@\"", "limited"]);
    limited.arg(own.get_program()).args(own.get_args()).current_dir(home.directory.path());
    let daemon = home.started(limited).await;
    let log = daemon.says("too few for intake.max_connections").await;
    assert!(log.contains("LimitNOFILE"), "{log}");
    let mut ids = acknowledged(&daemon, 3).await;

    let address = daemon.intake.trim_start_matches("http://").to_owned();
    let mut flood = Vec::new();
    for _ in 0..150 {
        let connecting = TcpStream::connect(&address);
        if let Ok(stream) = tokio::time::timeout(Duration::from_millis(200), connecting).await {
            flood.push(stream.expect("the backlog takes it"));
        }
    }
    assert!(flood.len() > 80, "{} connections are no flood", flood.len());
    heal(&sandbox);
    all_delivered_once(&daemon, &sandbox, &ids).await;
    assert_eq!(daemon.get("/readyz").await["ready"], true, "the admin address answers, too");

    drop(flood);
    let offer = an_offer("after", "c-after");
    let status = eventually("the intake to answer again", async || daemon.post(&offer).await).await;
    assert_eq!(status, 202);
    ids.push("after".to_owned());
    all_delivered_once(&daemon, &sandbox, &ids).await;
    let said = daemon.log();
    assert!(lines(&said, "No connection can be accepted").len() <= 1, "{said}");
    let accept = with(an_event("accept", "a", "c-after"), serde_json::json!({ "agent": "ada" }));
    assert_eq!(daemon.post(&accept).await, Some(202));
    assert_eq!(daemon.settled("a").await["state"], "delivered");
}
