//! Many events through a daemon that remembers them for a minute: memory, disk and what is remembered have to stay
//! flat.
//!
//! Binds, which are done as soon as they are stored; or offers, each carried out by an AWA that says yes at once. The
//! sender waits while much is pending, so that the daemon's own pace is what counts.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use awa_bridge::testing::clock;

use super::awa::Awa;
use super::daemon::{Daemon, Pace};
use super::load::{self, Sender};

const CONNECTIONS: usize = 64;
/// What is remembered, and for how long.
const RETENTION: &str = "retention = \"1m\"\nbody_retention = \"1m\"";
/// With more pending than this the sender waits.
const MOST_PENDING: u64 = 5_000;
const LOOK: Duration = Duration::from_millis(50);

/// How things stand at one moment.
#[derive(Debug, Clone, Copy)]
struct Look {
    remembered: u64,
    pending: u64,
    rss_mib: u64,
    disk_mib: u64,
}

/// Sends so many events and prints a line each interval; says at the end whether memory and disk stayed flat.
pub(super) fn soak(events: u64, kind: &'static str) {
    let awa = Awa::start();
    let daemon = Daemon::remembering(&Pace::Fast(awa.address), RETENTION);
    let (sent, full) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let interval = if events > 1_000_000 { 30 } else { 5 };
    println!("{events} {kind}s of 1 KiB, retention of a minute; a line each {interval} s");
    let sending = {
        let (sent, full, address) = (Arc::clone(&sent), Arc::clone(&full), daemon.intake);
        let sender = Sender::native_of("soak", kind);
        std::thread::spawn(move || load::paced(address, &sender, CONNECTIONS, events, &sent, &full))
    };
    let (began, mut looks) = (clock::instant(), Vec::new());
    let (mut said_at, mut said) = (began, 0);
    while !sending.is_finished() {
        std::thread::sleep(LOOK);
        let Some(look) = look(&daemon) else { continue };
        full.store(look.pending > MOST_PENDING, Ordering::Relaxed);
        if said_at.elapsed() >= Duration::from_secs(interval) {
            let done = sent.load(Ordering::Relaxed);
            #[expect(clippy::cast_precision_loss, reason = "counts of a bench")]
            let rate = (done - said) as f64 / said_at.elapsed().as_secs_f64();
            println!(
                "  {:>6} s {done:>10} events {rate:>8.0}/s   {:>5} MiB RSS   {:>6} MiB on disk   {:>9} remembered   {:>6} pending",
                began.elapsed().as_secs(),
                look.rss_mib,
                look.disk_mib,
                look.remembered,
                look.pending
            );
            (said_at, said) = (clock::instant(), done);
            looks.push(look);
        }
    }
    sending.join().unwrap();
    judge(&looks, events, began.elapsed());
}

/// One figure of a look.
type Figure = fn(&Look) -> u64;

/// The last third against the third before it: what grows for good grows there, too.
fn judge(looks: &[Look], events: u64, took: Duration) {
    let third = looks.len() / 3;
    println!("  {events} events in {} s", took.as_secs());
    if third == 0 || took < Duration::from_secs(360) {
        return println!("  => too short to tell: the plateau is reached after some three minutes");
    }
    let most = |from: usize, to: usize, of: Figure| looks[from..to].iter().map(of).max().unwrap();
    let grown: [(&str, Figure); 3] = [
        ("MiB RSS", |look| look.rss_mib),
        ("MiB on disk", |look| look.disk_mib),
        ("remembered", |look| look.remembered),
    ];
    for (what, of) in grown {
        let (before, last) = (most(third, 2 * third, of), most(2 * third, looks.len(), of));
        let word = if last * 10 <= before * 11 { "flat" } else { "GROWING" };
        println!("  => {what}: {before} in the second third at most, {last} in the last: {word}");
    }
}

fn look(daemon: &Daemon) -> Option<Look> {
    let token = std::fs::read_to_string(daemon.directory.path().join("admin-token")).ok()?;
    let page = get(daemon.admin, "/v1/status", token.trim_end())?;
    let number = |key: &str| {
        let text = page.split_once(&format!("\"{key}\":"))?.1;
        text.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
    };
    Some(Look {
        remembered: number("remembered")?,
        pending: number("pending")?,
        rss_mib: daemon.rss_mib(),
        disk_mib: daemon.disk_mib(),
    })
}

fn get(address: SocketAddr, path: &str, token: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}");
    write!(stream, "{head}\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
