//! Tests that an operator runs on their own machine and disk.
//!
//! The kill test starts the real program over a sandbox that misbehaves, sends it webhooks, kills it again and again,
//! and then accounts for every event that was answered. It connects to its own sandbox only.

#![expect(clippy::disallowed_methods, reason = "the self-test has the process to itself")]

mod account;
mod daemon;
mod load;
pub(crate) mod nodes;
mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;

use super::files::Files;
use super::{Failure, sandbox_world};
use super::{database as tables, shipped};
use crate::clock;
use crate::config::Settings;
use crate::sandbox::{Fault, Match, Misbehaviour, Sandbox, Switches, World, stable_port};
use crate::shutdown::Shutdown;
pub(crate) use account::Verdict;
use daemon::Daemon;
use load::Load;

/// The one source of the test, native, with the demonstration's tables.
const SOURCE: &str = "demo";

/// The store takes no more than this, so that the load does not outrun the calls.
const MAX_PENDING: usize = 200;

/// How long the daemon runs between two kills: anything up to this, in milliseconds.
const LONGEST_LIFE: u64 = 1_200;

/// How long a killed node stays away while others are there: anything up to this, in milliseconds.
const LONGEST_ABSENCE: u64 = 1_500;

/// How long events may take to end after the last kill.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the kill test is carried out.
pub(crate) struct Plan {
    /// How often a daemon is killed.
    pub(crate) kills: u32,
    /// Chooses the moments of the kills, the node, and the faults of the sandbox.
    pub(crate) seed: u64,
    /// Where the store and the logs are written.
    pub(crate) directory: Option<PathBuf>,
    /// How many daemons, over which database. None: one over files.
    pub(crate) nodes: Option<(usize, SecretString)>,
}

/// Kills daemons under load and accounts for everything. The store lies in a folder of its own, or the tables in a
/// schema of their own; both are removed if all was well. `show` is called with the progress.
///
/// # Errors
/// The test could not be carried out, or `stop` was asked for.
pub(crate) async fn kill(
    plan: &Plan,
    stop: &Shutdown,
    show: impl FnMut(&str),
) -> Result<Verdict, Failure> {
    let Plan { seed, directory, nodes, .. } = plan;
    let mut folder = tempfile::Builder::new();
    let folder = folder.prefix("awa-bridge-selftest-");
    let home = match &directory {
        Some(directory) => folder.tempdir_in(directory),
        None => folder.tempdir(),
    }
    .map_err(|error| broken("no folder for the store", &error))?;
    let (sandbox_at, instance) = surroundings(home.path())?;
    let schema = format!("selftest_{seed:016x}");
    let database = nodes.as_ref().map(|(_, url)| database(url, &schema)).unwrap_or_default();
    let (mut daemons, mut settings) = (Vec::new(), Vec::new());
    for number in 1..=nodes.as_ref().map_or(1, |(nodes, _)| *nodes) {
        let (daemon, of_daemon) = prepared(home.path(), number, &instance, &database)?;
        daemons.push(daemon);
        settings.push(of_daemon);
    }
    tables::reach(&settings[0]).await?;
    let files = Files::load(&settings[0]).map_err(Failure::Configuration)?;
    let sandbox = Sandbox::start(sandbox_at, sandbox_world(World::demo(), &files))
        .map_err(|error| broken("the sandbox cannot start", &error))?;
    sandbox.set_switches(Switches::permissive());
    misbehave(&sandbox, *seed);
    let killed = tokio::select! {
        killed = killed(plan, files, &mut daemons, &settings[0], &sandbox, show) => killed,
        () = stop.requested() => Err(interrupted()),
    };
    // With the daemons, also where it failed.
    for daemon in &mut daemons {
        daemon.stop().await?;
    }
    sandbox.stop().await;
    if killed.as_ref().is_ok_and(|verdict| !verdict.breaches.is_empty()) {
        return killed.map(|verdict| Verdict { evidence: Some(home.keep()), ..verdict });
    }
    let forgotten = tables::forget_schema(&settings[0]).await;
    killed.and_then(|verdict| forgotten.map(|()| verdict))
}

/// The test itself, over daemons that are not started yet.
async fn killed(
    plan: &Plan,
    files: Files,
    daemons: &mut [Daemon],
    settings: &Settings,
    sandbox: &Sandbox,
    mut show: impl FnMut(&str),
) -> Result<Verdict, Failure> {
    let (kills, seed) = (plan.kills, plan.seed);
    let began = clock::instant();
    show(&format!("to choose the same moments and faults again: --seed {seed}"));
    for daemon in &mut *daemons {
        daemon.start().await?;
    }
    let load = Arc::new(Load::new(files, daemons.iter().map(|daemon| daemon.intake.clone()))?);
    let senders = load.start();
    let mut slowest = Duration::ZERO;
    let mut dice = StdRng::seed_from_u64(seed);
    for number in 1..=kills {
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..LONGEST_LIFE))).await;
        let node = dice.random_range(0..daemons.len());
        daemons[node].kill().await?;
        if daemons.len() > 1 {
            tokio::time::sleep(Duration::from_millis(dice.random_range(0..LONGEST_ABSENCE))).await;
        }
        let took = daemons[node].start().await?;
        slowest = slowest.max(took);
        let which = if daemons.len() > 1 { format!(" (node {})", node + 1) } else { String::new() };
        show(&format!(
            "kill {number} of {kills}{which}: back after {} ms, {} events answered so far",
            took.as_millis(),
            load.answered()
        ));
    }
    load.stop();
    if tokio::time::timeout(PATIENCE, senders.join_all()).await.is_err() {
        let what = format!("node 1 has not taken its events within {} s", PATIENCE.as_secs());
        return Err(daemons[0].failed(&what));
    }
    sandbox.clear_faults();
    let token_file = settings.admin_token_file();
    let verdict = account::settle(&load, sandbox, &daemons[0].admin, &token_file).await?;
    Ok(Verdict { kills, slowest_start: slowest, took: began.elapsed(), ..verdict })
}

/// What a command that was asked to stop ends with.
pub(crate) fn interrupted() -> Failure {
    Failure::Broken("interrupted; nothing of it is left".to_owned())
}

/// The profiles in a folder, and where the sandbox will listen, as a listener and a URL.
fn surroundings(home: &Path) -> Result<(TcpListener, String), Failure> {
    let mappings = home.join("mappings");
    std::fs::create_dir(&mappings)
        .and_then(|()| shipped::unpack(&mappings))
        .map_err(|error| broken("the profiles cannot be unpacked", &error))?;
    let sandbox_at = free_port()?;
    let instance = sandbox_at.local_addr().map_err(|error| broken("no address", &error))?;
    Ok((sandbox_at, format!("http://{instance}")))
}

/// The folder, configuration and ports of one daemon.
fn prepared(
    home: &Path,
    number: usize,
    instance: &str,
    database: &str,
) -> Result<(Daemon, Settings), Failure> {
    let (intake, admin) = (free_port()?, free_port()?);
    let (intake, admin) = (address(intake)?, address(admin)?);
    let folder = home.join(format!("node-{number}"));
    let engine = if database.is_empty() { "sled" } else { "postgres" };
    let config = configuration(home, &folder, instance, &intake, &admin, engine) + database;
    std::fs::create_dir(&folder)
        .and_then(|()| std::fs::write(folder.join("config.toml"), &config))
        .map_err(|error| broken("the configuration cannot be written", &error))?;
    let settings = Settings::parse(&config, "selftest.toml")
        .map_err(|problems| Failure::Broken(problems.to_string()))?;
    Ok((Daemon::new(&folder, intake, admin), settings))
}

/// What the configuration says of the database.
fn database(url: &SecretString, schema: &str) -> String {
    let url = url.expose_secret();
    format!("[store.postgres]\nurl = {url:?}\nschema = {schema:?}\n")
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

fn configuration(
    home: &Path,
    folder: &Path,
    instance: &str,
    intake: &str,
    admin: &str,
    engine: &str,
) -> String {
    let (store, mappings) = (folder.join("state.sled"), home.join("mappings"));
    format!(
        "[intake]\nlisten = {intake:?}\nmax_pending = {MAX_PENDING}\n\
         [admin]\nlisten = {admin:?}\n\
         [servicenow]\ninstance = {instance:?}\nrequest_timeout = \"1s\"\nmax_in_flight = 32\n\
         auth = {{ kind = \"basic\", username = \"bridge\", password = \"change-me\" }}\n\
         [rate_limit]\nper_second = 1000\nburst = 100\n\
         [retry]\ninitial = \"20ms\"\nmax = \"200ms\"\nhold = \"2s\"\n\
         [offer]\ntimeout = \"10m\"\n\
         [store]\nengine = {engine:?}\npath = {store:?}\n[mappings]\ndirectory = {mappings:?}\n\
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
