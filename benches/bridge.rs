//! The daemon, a load and a bound side by side in one go: `cargo bench --bench bridge` prints how much of what the
//! machine can do the daemon reaches; `cargo bench --bench bridge -- memory` what a full store costs at start;
//! `-- life` what an event costs from its webhook to its recorded answer, also among many live offers and in a long
//! conversation; `-- nodes` one node and two over a PostgreSQL of the bench's own, `-- nodes memory` what a node needs
//! that owes much, `-- nodes bloat [EVENTS]` what a transaction that stays open in the server costs, in four minutes
//! with the default; `-- soak [EVENTS [offer]]` whether memory and disk stay flat under ten million events that are
//! remembered for a minute.
//!
//! The bound is the least that a durable intake can be: hyper, JSON, HMAC, and one append-only file with one fdatasync
//! for each group of requests. Daemon and bound are processes of their own; the load shares the machine with them, so
//! that only ratios of one run mean something.

#![allow(clippy::disallowed_methods, reason = "a benchmark may block")]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench talks to a terminal")]

#[path = "bridge/awa.rs"]
mod awa;
#[path = "bridge/bloat.rs"]
mod bloat;
#[path = "bridge/bound.rs"]
mod bound;
#[path = "bridge/daemon.rs"]
mod daemon;
#[path = "bridge/life.rs"]
mod life;
#[path = "bridge/load.rs"]
mod load;
#[path = "bridge/nodes.rs"]
mod nodes;
#[path = "../tests/postgres.rs"]
mod postgres;
#[path = "bridge/preload.rs"]
mod preload;
#[path = "bridge/soak.rs"]
mod soak;

use std::time::Duration;

use awa::Awa;
use bound::Bound;
use daemon::{Daemon, Pace};
use load::{Latencies, Sender};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: usize = 64;
const CLOSED: Duration = Duration::from_secs(5);
const OPEN: Duration = Duration::from_secs(5);

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--bound", file] => bound::serve(file, None),
        ["--bound", file, awa] => bound::serve(file, Some(awa)),
        ["life"] => life::life(None),
        ["life", part] => life::life(Some(part)),
        ["memory"] => memory(1_000_000, 100_000),
        ["remembered"] => remembered(),
        ["latency"] => latency(),
        ["nodes"] => nodes::nodes(),
        ["nodes", "memory"] => nodes::memory(1_000_000, 100_000),
        ["nodes", "bloat"] => bloat::bloat(120_000),
        ["nodes", "bloat", events] => bloat::bloat(events.parse().unwrap()),
        ["intake"] => intake(),
        ["soak"] => soak::soak(10_000_000, "bind"),
        ["soak", events] => soak::soak(events.parse().unwrap(), "bind"),
        ["soak", events, "offer"] => soak::soak(events.parse().unwrap(), "offer"),
        [] => {
            intake();
            latency();
            remembered();
        }
        other => {
            println!(
                "intake, latency, remembered, life [base | live | conversation], memory, nodes [memory | bloat [EVENTS]] or \
                 soak [EVENTS [offer]], not {other:?}"
            )
        }
    }
}

/// Closed loop: how many events a second are accepted, and what each costs in processor time, which other work on the
/// machine disturbs less.
fn intake() {
    println!("Closed loop, {CONNECTIONS} connections, 1 KiB events, {} s each", CLOSED.as_secs());
    let (mut best, mut jq) = (0.0, 0.0);
    for round in 1..=2 {
        let bound = Bound::start();
        let most =
            Taken::by(bound.address, "bound", &Sender::native("bound"), || bound.cpu_micros());
        drop(bound);
        let daemon = Daemon::start(&Pace::Slow, None);
        let native =
            Taken::by(daemon.intake, "native", &Sender::native("native"), || daemon.cpu_micros());
        drop(daemon);
        let daemon = Daemon::start(&Pace::Slow, None);
        let vendor =
            Taken::by(daemon.intake, "connect/jq", &Sender::connect("c"), || daemon.cpu_micros());
        drop(daemon);
        println!(
            "  {round}: native {:.2} of the bound ({:.1} times its processor time), jq {:.2} of native",
            native.rate / most.rate,
            native.cpu / most.cpu,
            vendor.rate / native.rate
        );
        best = f64::max(best, native.rate / most.rate);
        jq = f64::max(jq, vendor.rate / native.rate);
    }
    println!(
        "  => intake {best:.2} of the bound (wanted 0.25, hoped 0.50); jq {jq:.2} of native (wanted 0.50)\n"
    );
}

/// What a server took in a closed loop.
struct Taken {
    rate: f64,
    /// Microseconds of processor time an event.
    cpu: f64,
}

impl Taken {
    fn by(
        address: std::net::SocketAddr,
        name: &str,
        sender: &Sender,
        cpu_micros: impl Fn() -> f64,
    ) -> Self {
        let before = cpu_micros();
        let (rate, latencies) = load::closed(address, sender, CONNECTIONS, CLOSED);
        let cpu = (cpu_micros() - before) / (rate * CLOSED.as_secs_f64());
        println!(
            "  {name:<10} {rate:>8.0}/s   {latencies}   {cpu:>5.0} us of processor time an event"
        );
        Self { rate, cpu }
    }
}

/// Open loop: from a request's sending to the moment its call reaches AWA.
fn latency() {
    println!("Open loop: from the webhook to the call, against the bound's time to answer");
    for rate in [200, 1_000] {
        let bound = Bound::start();
        let answered = load::open(bound.address, &Sender::native("bound"), CONNECTIONS, rate, OPEN);
        drop(bound);
        let awa = Awa::start();
        let daemon = Daemon::start(&Pace::Fast(awa.address), None);
        let sent = load::open(daemon.intake, &Sender::native("s"), CONNECTIONS, rate, OPEN);
        std::thread::sleep(Duration::from_millis(500));
        let called = Latencies::between(&sent.sent, &awa.arrivals(0));
        drop(daemon);
        let (bound, receipt) = (answered.latencies(), sent.latencies());
        println!("  {rate}/s: bound answers   {bound}");
        println!("  {rate}/s: daemon answers  {receipt}");
        println!(
            "  {rate}/s: call at AWA     {called}   p50 {:.1}x (wanted 2), p99 {:.1}x (wanted 3)",
            called.p(50) / bound.p(50),
            called.p(99) / bound.p(99)
        );
    }
    println!();
}

/// Closed loop over a store that remembers much.
fn remembered() {
    println!("Closed loop over a store that remembers ids");
    let mut few = 0.0;
    for ids in [10_000, 1_000_000] {
        let store = preload::store(ids, 0);
        let daemon = Daemon::start(&Pace::Slow, Some(store));
        let ready = daemon.ready_after;
        let (native, took) = load::closed(daemon.intake, &Sender::native("n"), CONNECTIONS, CLOSED);
        println!(
            "  {ids:>9} ids: {native:>8.0}/s   {took}   ready after {} ms, {} MiB",
            ready.as_millis(),
            daemon.rss_mib()
        );
        if few == 0.0 {
            few = native;
        } else {
            println!("  => {:.2} of the throughput over few (wanted 0.80)\n", native / few);
        }
    }
}

/// What a store full of remembered and pending events costs.
fn memory(ids: usize, pending: usize) {
    let store = preload::store(ids, pending);
    let daemon = Daemon::start(&Pace::Slow, Some(store));
    let at_start = daemon.rss_mib();
    std::thread::sleep(Duration::from_secs(5));
    println!(
        "{ids} ids remembered, {pending} pending: ready after {} ms (wanted 3000), {at_start} MiB at start, {} MiB after 5 s \
         (wanted 400), {} MiB on disk",
        daemon.ready_after.as_millis(),
        daemon.rss_mib(),
        daemon.disk_mib()
    );
}
