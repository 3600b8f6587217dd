//! What a transaction that somebody holds open costs: PostgreSQL cleans up nothing behind the events meanwhile. Whole
//! lives at a steady rate before it, while it is open, and after it.

use std::time::Duration;

use super::awa::Awa;
use super::daemon::{Daemon, Pace};
use super::load::{self, Latencies, Sender, micros};
use super::nodes::store_at;
use super::postgres::Server;

const CONNECTIONS: usize = 64;
/// How long the transaction is open.
const OPEN: Duration = Duration::from_secs(120);
/// The events come at such a rate that a part of them takes as long as the transaction, but not faster than this.
const MOST_A_SECOND: u64 = 1_500;
const GROUP: usize = 500;
/// How long the last calls may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The largest tables of that group.
const SIZES: &str = "SELECT relname || ' ' || pg_total_relation_size(relid) / 1048576 || ' MiB, ' || n_dead_tup || ' dead'
    FROM pg_stat_user_tables WHERE schemaname = 'bench_500' AND pg_total_relation_size(relid) > 1048576
    ORDER BY pg_total_relation_size(relid) DESC LIMIT 8";

/// So many events: a quarter before, two minutes of them while it is open, the rest after.
pub(super) fn bloat(events: u64) {
    let Some(server) = Server::start(&[]) else { return };
    let awa = Awa::start();
    let daemon = Daemon::remembering(&Pace::Fast(awa.address), &store_at(&server.url(), GROUP));
    let rate = (events / (2 * OPEN.as_secs())).clamp(1, MOST_A_SECOND);
    let seconds = |events: u64| Duration::from_secs((events / rate).max(1));
    let before = seconds(events / 4);
    let after = seconds(events.saturating_sub(rate * (before + OPEN).as_secs()));
    println!(
        "Offers of 1 KiB over PostgreSQL, {rate} a second; in the midst a transaction is open for {} s; (x): against before\n",
        OPEN.as_secs()
    );
    println!(
        "{:<14} {:>9} {:>24} {:>24} {:>24}",
        "", "events", "answer p50, ms", "claim p50, ms", "claim p99, ms"
    );
    let load = Load { daemon: &daemon, awa: &awa, rate };
    let first = load.part(0, before);
    first.print("before", &first);
    sizes(&server);
    let open = std::thread::scope(|scope| {
        let held = scope.spawn(|| {
            let sleep = OPEN.as_secs();
            server.sql(&format!(
                "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT txid_current(); SELECT pg_sleep({sleep}); COMMIT"
            ));
        });
        let open = load.part(first.end, OPEN);
        held.join().unwrap();
        open
    });
    open.print("while open", &first);
    sizes(&server);
    // Until it is cleaned up, and then.
    let settling = load.part(open.end, after / 2);
    settling.print("after, at once", &first);
    let last = load.part(settling.end, after / 2);
    last.print("after, then", &first);
    sizes(&server);
}

struct Load<'a> {
    daemon: &'a Daemon,
    awa: &'a Awa,
    rate: u64,
}

struct Part {
    /// The number after its last event's.
    end: u64,
    events: usize,
    answers: Latencies,
    /// From the webhook to the call, which was claimed in between.
    claims: Latencies,
}

impl Load<'_> {
    fn part(&self, from: u64, time: Duration) -> Part {
        let (sender, rate) = (Sender::native("s").from(from), usize::try_from(self.rate).unwrap());
        let sent = load::open(self.daemon.intake, &sender, CONNECTIONS, rate, time);
        let events = sent.sent.len();
        let until = micros() + u64::try_from(PATIENCE.as_micros()).unwrap();
        let arrived = || {
            let arrivals = self.awa.arrivals(from);
            arrivals.len() >= events && arrivals[..events].iter().all(|at| *at > 0)
        };
        while !arrived() && micros() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
        Part {
            end: from + events as u64,
            events,
            answers: sent.latencies(),
            claims: Latencies::between(&sent.sent, &self.awa.arrivals(from)),
        }
    }
}

impl Part {
    fn print(&self, name: &str, first: &Self) {
        let against = |figure: f64, before: f64| format!("{figure:.2} ({:.2}x)", figure / before);
        println!(
            "{name:<14} {:>9} {:>24} {:>24} {:>24}",
            self.events,
            against(self.answers.p(50), first.answers.p(50)),
            against(self.claims.p(50), first.claims.p(50)),
            against(self.claims.p(99), first.claims.p(99)),
        );
    }
}

fn sizes(server: &Server) {
    println!("    {}", server.sql(SIZES).replace('\n', "; "));
}
