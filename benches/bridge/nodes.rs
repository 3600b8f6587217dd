//! One node and two over one PostgreSQL, as multiples of what a single connection commits there row by row in the same
//! run.

use std::time::Duration;

use super::awa::Awa;
use super::daemon::{Daemon, Pace};
use super::load::{self, Latencies, Sender, micros};
use super::postgres::Server;
use super::preload;

const TIME: Duration = Duration::from_secs(4);
const CONNECTIONS: usize = 64;
/// Where the numbers of the second node's events begin.
const SECOND: u64 = 1_000_000;
/// How long the last answers may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn nodes() {
    let Some(server) = Server::start(&[]) else { return };
    println!(
        "Over one PostgreSQL on this machine, 1 KiB events, {} s each; (x): against single-row INSERT commits of one connection\n",
        TIME.as_secs()
    );
    println!("{:<44} {:>16} {:>18}", "", "a second", "p50, ms");
    let bare = bare_commits(&server);
    print("single-row INSERT commits", &bare, &bare);
    for connections in [1, 8, 64] {
        let daemon = node(&server, &Pace::Slow, connections);
        let (rate, answers) = load::closed(daemon.intake, &Sender::native("s"), connections, TIME);
        let figures = Figures { rate, p50: answers.p(50) };
        print(&format!("accepted, {connections} connections"), &figures, &bare);
    }
    for nodes in [1, 2] {
        print(&format!("whole lives, nodes: {nodes}"), &lives(&server, nodes), &bare);
    }
    print("webhook to call at 200/s", &webhook_to_call(&server), &bare);
    with_a_standby();
}

/// The same with a synchronous standby, and how long webhooks are not taken when that takes over.
fn with_a_standby() {
    let Some(primary) = Server::start(&["synchronous_standby_names = 'standby'"]) else { return };
    let standby = primary.standby();
    standby.up();
    println!("\nWith a synchronous standby on the same disk");
    let bare = bare_commits(&primary);
    print("single-row INSERT commits", &bare, &bare);
    print("whole lives, nodes: 2", &lives(&primary, 2), &bare);
    print("webhook to call at 200/s", &webhook_to_call(&primary), &bare);
    let url = format!("postgres://bridge@{},{}/postgres", primary.address(), standby.address());
    let awa = Awa::start();
    let daemon = node_at(&url, &Pace::Fast(awa.address), 300);
    let gap = std::thread::scope(|scope| {
        let asked = scope.spawn(|| load::longest_gap(daemon.intake, &Sender::native("s"), TIME));
        std::thread::sleep(TIME / 4);
        primary.kill();
        standby.promote();
        asked.join().unwrap()
    });
    println!("{:<44} {:>37}", "webhooks not taken while it takes over, ms", gap.as_millis());
}

/// What a node needs that remembers and owes much: the database has it.
pub(super) fn memory(ended: usize, pending: usize) {
    let Some(server) = Server::start(&[]) else { return };
    let full = preload::store(ended, pending);
    let daemon = Daemon::with_store_moved(&Pace::Slow, full, &store_at(&server.url(), 400));
    let at_start = daemon.rss_mib();
    std::thread::sleep(TIME);
    println!(
        "A node over PostgreSQL with {ended} remembered and {pending} pending events: ready after {:.2} s, {at_start} MiB, {} MiB after {} s",
        daemon.ready_after.as_secs_f64(),
        daemon.rss_mib(),
        TIME.as_secs()
    );
}

struct Figures {
    rate: f64,
    p50: f64,
}

fn print(name: &str, figures: &Figures, bare: &Figures) {
    let Figures { rate, p50 } = figures;
    println!(
        "{name:<44} {rate:>8.0} {:>7} {p50:>9.2} {:>8}",
        format!("({:.2}x)", rate / bare.rate),
        format!("({:.2}x)", p50 / bare.p50)
    );
}

fn bare_commits(server: &Server) -> Figures {
    server.sql("CREATE TABLE bare (number bigserial PRIMARY KEY, content bytea NOT NULL)");
    let url = server.url();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let insert = client.prepare("INSERT INTO bare (content) VALUES ($1)").await.unwrap();
        let content = vec![7_u8; 1_024];
        let mut times = Vec::new();
        let began = micros();
        let until = began + u64::try_from(TIME.as_micros()).unwrap();
        while micros() < until {
            let asked = micros();
            client.execute(&insert, &[&content]).await.unwrap();
            times.push((asked, micros()));
        }
        let rate = times.len() as f64 / ((micros() - began) as f64 / 1e6);
        let (from, to): (Vec<_>, Vec<_>) = times.into_iter().unzip();
        Figures { rate, p50: Latencies::between(&from, &to).p(50) }
    })
}

/// A node over tables of its own group, which the schema names.
fn node(server: &Server, pace: &Pace, group: usize) -> Daemon {
    node_at(&server.url(), pace, group)
}

fn node_at(url: &str, pace: &Pace, group: usize) -> Daemon {
    Daemon::remembering(pace, &store_at(url, group))
}

pub(super) fn store_at(url: &str, group: usize) -> String {
    format!("engine = \"postgres\"\n[store.postgres]\nurl = \"{url}\"\nschema = \"bench_{group}\"")
}

/// How many whole lives a second all nodes together bring to their end, and how long a webhook's answer takes.
fn lives(server: &Server, nodes: usize) -> Figures {
    let awa = Awa::start();
    let pace = Pace::Fast(awa.address);
    let daemons: Vec<_> = (0..nodes).map(|_| node(server, &pace, 100 + nodes)).collect();
    let began = micros();
    let sent: Vec<_> = std::thread::scope(|scope| {
        let loads: Vec<_> = (0_u64..)
            .zip(&daemons)
            .map(|(number, daemon)| {
                let (sender, awa) = (Sender::native("s").from(number * SECOND), awa.clone());
                let connections = CONNECTIONS / nodes;
                scope.spawn(move || {
                    load::lives(daemon.intake, &sender, &awa, connections, (TIME, u64::MAX))
                })
            })
            .collect();
        loads.into_iter().map(|load| load.join().unwrap()).collect()
    });
    let events: usize = sent.iter().map(|sent| sent.sent.len()).sum();
    let until = micros() + u64::try_from(PATIENCE.as_micros()).unwrap();
    while daemons.iter().map(Daemon::delivered).sum::<u64>() < events as u64 {
        assert!(micros() < until, "not all were delivered");
        std::thread::sleep(Duration::from_millis(10));
    }
    let seconds = (micros() - began) as f64 / 1e6;
    Figures { rate: events as f64 / seconds, p50: sent[0].latencies().p(50) }
}

fn webhook_to_call(server: &Server) -> Figures {
    let awa = Awa::start();
    let daemon = node(server, &Pace::Fast(awa.address), 200);
    let sent = load::open(daemon.intake, &Sender::native("s"), CONNECTIONS, 200, TIME);
    let until = micros() + u64::try_from(PATIENCE.as_micros()).unwrap();
    while daemon.delivered() < sent.sent.len() as u64 {
        assert!(micros() < until, "not all were delivered");
        std::thread::sleep(Duration::from_millis(10));
    }
    Figures { rate: 200.0, p50: Latencies::between(&sent.sent, &awa.arrivals(0)).p(50) }
}
