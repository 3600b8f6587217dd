//! An event's whole life: webhook accepted, offer sent, answer recorded; the daemon against the bound of the same run.
//!
//! In the closed loop each connection sends its next event when the call of the one before has reached AWA; in the open
//! loop events come at a rate, whatever comes of them. The clock of a rate stops when the last answer is recorded.

use std::time::Duration;

use super::CONNECTIONS;
use super::awa::Awa;
use super::bound::Bound;
use super::daemon::{Daemon, Pace};
use super::load::{self, Latencies, Sender, micros};

const TIME: Duration = Duration::from_secs(4);
/// How long the last call may take after the last event.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many offers are live when they are measured.
const LIVE: [u64; 3] = [1_000, 10_000, 100_000];
/// How many events of a conversation came before those that are measured.
const EARLIER: u64 = 5_000;

const BASE: [Load; 3] = [Load::Closed, Load::Open(200), Load::Open(1_000)];
const SHORT: [Load; 2] = [Load::Closed, Load::Open(200)];

/// The parts of this bench, by name.
pub(super) fn life(part: Option<&str>) {
    println!(
        "An event's whole life, {CONNECTIONS} connections, 1 KiB events, {} s each; the figures:\n\
         \x20 answer    from sending the webhook to its answer, ms\n\
         \x20 offer     from sending the webhook to its call's arrival at AWA, ms\n\
         \x20 CPU       processor time of the server's process for each event, us\n\
         \x20 events    whole lives a second, the last answer recorded\n\
         \x20 (x)       the daemon's figure as a multiple of the bound's under the same load, for the rate as a share of it\n",
        TIME.as_secs()
    );
    println!(
        "{:<34} {:>15} {:>15} {:>15} {:>15} {:>13} {:>15}",
        "", "answer p50", "answer p99", "offer p50", "offer p99", "CPU", "events"
    );
    match part {
        None => {
            let bounds = base();
            live(&bounds);
            conversation(&bounds);
        }
        Some("base") => drop(base()),
        Some("live") => live(&bounds()),
        Some("conversation") => conversation(&bounds()),
        Some(other) => println!("base, live or conversation, not {other:?}"),
    }
}

/// A fresh daemon for each load.
fn base() -> Vec<Figures> {
    let bounds = bounds();
    for (load, bound) in BASE.into_iter().zip(&bounds) {
        let awa = Awa::start();
        let daemon = Server::Daemon(Daemon::start(&Pace::Fast(awa.address), None));
        let figures = daemon.under(load, &awa, &Sender::native("s"));
        figures.print(&format!("daemon, {load}"), Some(bound));
    }
    bounds
}

fn bounds() -> Vec<Figures> {
    let one = |load: Load| {
        let awa = Awa::start();
        let bound = Server::Bound(Bound::calling(Some(awa.address)));
        let figures = bound.under(load, &awa, &Sender::native("s"));
        figures.print(&format!("bound, {load}"), None);
        figures
    };
    BASE.into_iter().map(one).collect()
}

/// One daemon that has ever more offers before agents.
fn live(bounds: &[Figures]) {
    let awa = Awa::start();
    let daemon = Server::Daemon(Daemon::start(&Pace::Fast(awa.address), None));
    let mut offers = 0;
    for live in LIVE {
        let sender = Sender::native("s").from(offers);
        let missing = live.saturating_sub(offers);
        load::lives(daemon.address(), &sender, &awa, CONNECTIONS, (PATIENCE, missing));
        offers += missing;
        daemon.finish(&awa, 0, offers);
        for (load, bound) in SHORT.into_iter().zip(bounds) {
            let sender = Sender::native("s").from(offers);
            let figures = daemon.under(load, &awa, &sender);
            figures.print(&format!("daemon, {offers} live, {load}"), Some(bound));
            offers += figures.events;
        }
    }
}

/// Assignments: each of a conversation of its own, all of one that had many before, all of one in which others wait for
/// an agent whom no table knows.
fn conversation(bounds: &[Figures]) {
    let sender = Sender::native_of("s", "assign");
    let in_one = sender.clone().in_conversation("one");
    measure_assignments("own conversation", &sender, bounds, |_, _| 0);
    let had = format!("one that had {EARLIER}");
    measure_assignments(&had, &in_one, bounds, |daemon, awa| {
        load::lives(daemon.intake, &in_one, awa, CONNECTIONS, (PATIENCE, EARLIER));
        EARLIER
    });
    let waiting = format!("one with {EARLIER} waiting");
    measure_assignments(&waiting, &in_one, bounds, |daemon, _| {
        let parked = Sender::native("p").for_agent("nobody").in_conversation("one");
        load::all(daemon.intake, &parked, CONNECTIONS, EARLIER);
        let began = micros();
        while daemon.parked() < EARLIER {
            assert!(micros() - began < 120_000_000, "the events of nobody are not parked");
            std::thread::sleep(Duration::from_millis(10));
        }
        0
    });
}

/// With a daemon of their own, after what `before` sends; that says the number of the first of them.
fn measure_assignments(
    name: &str,
    sender: &Sender,
    bounds: &[Figures],
    before: impl FnOnce(&Daemon, &Awa) -> u64,
) {
    let awa = Awa::start();
    let daemon = Daemon::start(&Pace::Fast(awa.address), None);
    let mut events = before(&daemon, &awa);
    let daemon = Server::Daemon(daemon);
    daemon.finish(&awa, 0, events);
    for (load, bound) in SHORT.into_iter().zip(bounds) {
        let figures = daemon.under(load, &awa, &sender.clone().from(events));
        figures.print(&format!("daemon, {name}, {load}"), Some(bound));
        events += figures.events;
    }
}

#[derive(Debug, Clone, Copy)]
enum Load {
    Closed,
    /// Events a second.
    Open(usize),
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed => f.write_str("closed"),
            Self::Open(rate) => write!(f, "{rate}/s"),
        }
    }
}

enum Server {
    Bound(Bound),
    Daemon(Daemon),
}

impl Server {
    fn address(&self) -> std::net::SocketAddr {
        match self {
            Self::Bound(bound) => bound.address,
            Self::Daemon(daemon) => daemon.intake,
        }
    }

    fn cpu_micros(&self) -> f64 {
        match self {
            Self::Bound(bound) => bound.cpu_micros(),
            Self::Daemon(daemon) => daemon.cpu_micros(),
        }
    }

    fn delivered(&self) -> u64 {
        match self {
            // It tells nobody; its second append is the shortest part of all.
            Self::Bound(_) => u64::MAX,
            Self::Daemon(daemon) => daemon.delivered(),
        }
    }

    fn under(&self, load: Load, awa: &Awa, sender: &Sender) -> Figures {
        let (delivered, cpu, began) = (self.delivered(), self.cpu_micros(), micros());
        let (address, first) = (self.address(), sender.first());
        let sent = match load {
            Load::Closed => load::lives(address, sender, awa, CONNECTIONS, (TIME, u64::MAX)),
            Load::Open(rate) => load::open(address, sender, CONNECTIONS, rate, TIME),
        };
        let events = sent.sent.len() as u64;
        self.finish(awa, first, delivered.saturating_add(events));
        let seconds = (micros() - began) as f64 / 1e6;
        Figures {
            answer: sent.latencies(),
            offer: Latencies::between(&sent.sent, &awa.arrivals(first)),
            cpu: (self.cpu_micros() - cpu) / events as f64,
            rate: events as f64 / seconds,
            events,
        }
    }

    /// Returns when all calls from that number on have arrived and so many answers are recorded.
    fn finish(&self, awa: &Awa, first: u64, delivered: u64) {
        let until = micros() + u64::try_from(PATIENCE.as_micros()).unwrap();
        while awa.arrivals(first).contains(&0) || self.delivered() < delivered {
            assert!(micros() < until, "{} of {delivered} delivered", self.delivered());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// What a load showed.
struct Figures {
    answer: Latencies,
    offer: Latencies,
    /// Microseconds of processor time an event.
    cpu: f64,
    /// Events a second.
    rate: f64,
    events: u64,
}

impl Figures {
    fn print(&self, name: &str, bound: Option<&Self>) {
        let columns: [fn(&Self) -> f64; 6] = [
            |it| it.answer.p(50),
            |it| it.answer.p(99),
            |it| it.offer.p(50),
            |it| it.offer.p(99),
            |it| it.cpu,
            |it| it.rate,
        ];
        print!("{name:<34}");
        for (at, column) in columns.iter().enumerate() {
            let figure = column(self);
            let digits = if at < 4 { 2 } else { 0 };
            let times = bound.map(|bound| format!("({:.2}x)", figure / column(bound)));
            print!(" {figure:>7.digits$} {:>7}", times.unwrap_or_default());
        }
        println!();
    }
}
