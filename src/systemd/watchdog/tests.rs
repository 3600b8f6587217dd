use std::os::unix::net::UnixDatagram;

use super::*;

const START: Duration = Duration::from_secs(1_000);

fn at(seconds: u64) -> Duration {
    START + Duration::from_secs(seconds)
}

fn watched(watchdog: &Watchdog, name: &'static str, allowance_seconds: u64) -> Beat {
    watchdog.register_at(name, Duration::from_secs(allowance_seconds), START)
}

#[test]
fn loops_that_beat_in_time_are_steady() {
    let watchdog = Watchdog::default();
    let dispatcher = watched(&watchdog, "dispatcher", 10);
    let writer = watched(&watchdog, "store writer", 20);

    dispatcher.beat_at(at(10));
    assert_eq!(watchdog.pulse(at(20)), Pulse::Steady);

    dispatcher.beat_at(at(20));
    writer.beat_at(at(20));
    assert_eq!(watchdog.pulse(at(30)), Pulse::Steady);
}

#[test]
fn one_loop_past_its_own_allowance_is_named() {
    let watchdog = Watchdog::default();
    let dispatcher = watched(&watchdog, "dispatcher", 10);
    let _writer = watched(&watchdog, "store writer", 20);

    dispatcher.beat_at(at(21));

    assert_eq!(watchdog.pulse(at(21)), Pulse::Stuck(vec!["store writer"]));
}

#[test]
fn a_loop_whose_beat_was_dropped_is_stuck() {
    let watchdog = Watchdog::default();

    drop(watched(&watchdog, "intake", 10));

    assert_eq!(watchdog.pulse(at(11)), Pulse::Stuck(vec!["intake"]));
}

#[test]
fn a_beat_from_after_the_look_is_no_breach() {
    let watchdog = Watchdog::default();
    watched(&watchdog, "dispatcher", 10).beat_at(at(5));

    assert_eq!(watchdog.pulse(at(4)), Pulse::Steady);
}

#[test]
fn each_change_is_told_once() {
    let stuck = |names: &[&'static str]| Pulse::Stuck(names.to_vec());
    let none = Vec::<&str>::new();

    assert_eq!(changes(&Pulse::Steady, &stuck(&["intake"])), (vec!["intake"], none.clone()));
    assert_eq!(changes(&stuck(&["intake"]), &stuck(&["intake"])), (none.clone(), none.clone()));
    assert_eq!(
        changes(&stuck(&["intake"]), &stuck(&["dispatcher"])),
        (vec!["dispatcher"], vec!["intake"])
    );
    assert_eq!(changes(&stuck(&["intake"]), &Pulse::Steady), (none, vec!["intake"]));
}

/// How often systemd was fed in a minute with a period of twenty seconds.
async fn meals_of_a_minute(watchdog: Watchdog) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd.set_nonblocking(true).unwrap();
    let notifier = Notifier::to(path.as_os_str()).unwrap();

    let feeding = watchdog.run(notifier, Some(Duration::from_secs(20)));
    let minute = tokio::time::timeout(Duration::from_secs(59), feeding).await;
    assert!(minute.is_err(), "feeding does not end by itself");

    let mut buffer = [0; 64];
    std::iter::from_fn(|| systemd.recv(&mut buffer).ok().map(|n| buffer[..n].to_vec()))
        .filter(|message| message == b"WATCHDOG=1\n")
        .count()
}

#[tokio::test(start_paused = true)]
async fn systemd_is_fed_at_half_of_its_period() {
    let watchdog = Watchdog::default();
    let _beat = watchdog.register("dispatcher", Duration::from_secs(3600));

    assert_eq!(meals_of_a_minute(watchdog).await, 6);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_loop_stops_the_feeding() {
    let watchdog = Watchdog::default();
    let _stuck = watchdog.register_at("dispatcher", Duration::from_millis(1), Duration::ZERO);
    let _moving = watchdog.register("intake", Duration::from_secs(3600));

    assert_eq!(meals_of_a_minute(watchdog).await, 0);
}
