//! Tests that an operator runs on their own machine and disk.
//!
//! The kill test starts the real program over a sandbox that misbehaves, sends it webhooks, kills it again and again,
//! and then accounts for every event that was answered. It connects to its own sandbox only.

#![expect(clippy::disallowed_methods, reason = "the self-test has the process to itself")]

mod account;
mod daemon;
mod load;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::net::TcpListener;

use super::files::Files;
use super::shipped;
use super::{Failure, sandbox_world};
use crate::clock;
use crate::config::Settings;
use crate::sandbox::{Fault, Match, Misbehaviour, Sandbox, Switches, World, stable_port};
pub(crate) use account::Verdict;
use daemon::Daemon;
use load::Load;

/// The one source of the test, native, with the demonstration's tables.
const SOURCE: &str = "demo";

/// The store takes no more than this, so that the load does not outrun the calls.
const MAX_PENDING: usize = 200;

/// How long the daemon runs between two kills: anything up to this, in milliseconds.
const LONGEST_LIFE: u64 = 1_200;

/// How long events may take to end after the last kill.
const PATIENCE: Duration = Duration::from_secs(60);

/// Kills the daemon `kills` times under load, at moments that follow from `seed`, and accounts for everything. The store lies in a folder of its own in
/// `directory`, which is removed if all was well. `show` is called with its progress.
///
/// # Errors
/// The test could not be carried out.
pub(crate) async fn kill(
    kills: u32,
    seed: u64,
    directory: Option<&Path>,
    mut show: impl FnMut(&str),
) -> Result<Verdict, Failure> {
    let began = clock::instant();
    let mut folder = tempfile::Builder::new();
    let folder = folder.prefix("awa-bridge-selftest-");
    let home = match directory {
        Some(directory) => folder.tempdir_in(directory),
        None => folder.tempdir(),
    }
    .map_err(|error| broken("no folder for the store", &error))?;
    let mappings = home.path().join("mappings");
    std::fs::create_dir(&mappings)
        .and_then(|()| shipped::unpack(&mappings))
        .map_err(|error| broken("the profiles cannot be unpacked", &error))?;
    let (intake, admin) = (free_port()?, free_port()?);
    let sandbox_at = free_port()?;
    let instance = sandbox_at.local_addr().map_err(|error| broken("no address", &error))?;
    let (intake, admin) = (address(intake)?, address(admin)?);
    let config = configuration(home.path(), &format!("http://{instance}"), &intake, &admin);
    std::fs::write(home.path().join("config.toml"), &config)
        .map_err(|error| broken("the configuration cannot be written", &error))?;
    let settings = Settings::parse(&config, "selftest.toml")
        .map_err(|problems| Failure::Broken(problems.to_string()))?;
    let files = Files::load(&settings).map_err(Failure::Configuration)?;
    let sandbox = Sandbox::start(sandbox_at, sandbox_world(World::demo(), &files))
        .map_err(|error| broken("the sandbox cannot start", &error))?;
    sandbox.set_switches(Switches::permissive());
    misbehave(&sandbox, seed);
    show(&format!("to choose the same moments and faults again: --seed {seed}"));

    let mut daemon = Daemon::new(home.path(), &admin);
    daemon.start().await?;
    let load = Arc::new(Load::new(files, &intake)?);
    let senders = load.start();
    let mut slowest = Duration::ZERO;
    let mut dice = StdRng::seed_from_u64(seed);
    for number in 1..=kills {
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..LONGEST_LIFE))).await;
        daemon.kill().await?;
        let took = daemon.start().await?;
        slowest = slowest.max(took);
        show(&format!(
            "kill {number} of {kills}: back after {} ms, {} events answered so far",
            took.as_millis(),
            load.answered()
        ));
    }
    load.stop();
    senders.join_all().await;
    sandbox.clear_faults();
    let mut verdict =
        account::settle(&load, &sandbox, &admin, &settings.admin_token_file()).await?;
    daemon.stop().await?;
    sandbox.stop().await;
    verdict.kills = kills;
    verdict.slowest_start = slowest;
    verdict.took = began.elapsed();
    if !verdict.breaches.is_empty() {
        verdict.evidence = Some(home.keep());
    }
    Ok(verdict)
}

/// Every kind of fault, each now and then.
fn misbehave(sandbox: &Sandbox, seed: u64) {
    let troubles = [
        (0.02, Misbehaviour::Reset),
        (0.02, Misbehaviour::CloseBeforeAnswer),
        (0.04, Misbehaviour::DropResponseAfterEffect),
        (0.02, Misbehaviour::CutBody),
        (0.02, Misbehaviour::TooManyRequests { retry_after: None }),
        (0.01, Misbehaviour::EmptyBody),
        (0.004, Misbehaviour::HangAfterEffect),
        (0.15, Misbehaviour::DelayAfterEffect { ms: 40 }),
    ];
    for (number, (share, what)) in (1_u64..).zip(troubles) {
        let seed = seed.wrapping_add(number);
        let when = Match { probability: Some(share), seed, ..Match::default() };
        sandbox.inject(Fault { when, times: u32::MAX, what });
    }
}

fn configuration(home: &Path, instance: &str, intake: &str, admin: &str) -> String {
    let (store, mappings) = (home.join("state.sled"), home.join("mappings"));
    format!(
        "[intake]\nlisten = {intake:?}\nmax_pending = {MAX_PENDING}\n\
         [admin]\nlisten = {admin:?}\n\
         [servicenow]\ninstance = {instance:?}\nrequest_timeout = \"1s\"\nmax_in_flight = 32\n\
         auth = {{ kind = \"basic\", username = \"bridge\", password = \"change-me\" }}\n\
         [rate_limit]\nper_second = 1000\nburst = 100\n\
         [retry]\ninitial = \"20ms\"\nmax = \"200ms\"\nhold = \"2s\"\n\
         [offer]\ntimeout = \"10m\"\n\
         [store]\npath = {store:?}\n[mappings]\ndirectory = {mappings:?}\n\
         [sources.{SOURCE}]\nvendor = \"native\"\nsecrets = [\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"]\n"
    )
}

/// A port that stays free while the daemon is down.
fn free_port() -> Result<TcpListener, Failure> {
    let broken = |error| broken("no free port on 127.0.0.1", &error);
    let listener = stable_port().map_err(broken)?;
    listener.set_nonblocking(true).map_err(broken)?;
    TcpListener::from_std(listener).map_err(broken)
}

/// The address of a port that is free once the listener is dropped.
fn address(listener: TcpListener) -> Result<String, Failure> {
    let address = listener.local_addr().map_err(|error| broken("no address", &error))?;
    Ok(address.to_string())
}

fn broken(what: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::Broken(format!("{what}: {error}"))
}
