//! `run`: the daemon, and with `--sandbox` an AWA of its own in the same process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;

use super::{Exit, runtime};
use crate::app::{self, Failure, Host, Listeners};
use crate::config::Settings;
use crate::logging::{LogFormat, Logging};
use crate::sandbox::{Sandbox, Switches, World};
use crate::shutdown::{Hangups, Shutdown};
use crate::systemd::sockets::HandedSockets;

/// For how long an end that is asked for during the start waits for the start, so that a store is closed in good order.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn run(config: Option<&Path>, log_format: Option<LogFormat>, sandbox: bool) -> Exit {
    // Before there is a second thread: it takes the variables of the environment away.
    let handed = match HandedSockets::from_environment() {
        Ok(handed) => handed,
        Err(error) => return Exit::Usage(error.to_string()),
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let wanted = Wanted {
        config: config.map(Path::to_owned),
        log_format: log_format.unwrap_or_default(),
        sandbox,
        handed,
    };
    let exit = runtime.block_on(until_stopped(wanted));
    // Everything is written. What may be left is a name look-up that hangs, or a store that is being opened, for which
    // the end must not wait.
    runtime.shutdown_background();
    Logging::flush_installed(super::LAST_LINES);
    exit
}

/// What is to be run.
struct Wanted {
    config: Option<PathBuf>,
    log_format: LogFormat,
    sandbox: bool,
    handed: HandedSockets,
}

/// Catches the signals before anything that may take its time, then runs the daemon beside them: an end that is asked
/// for during the start does not wait for the start for long.
async fn until_stopped(wanted: Wanted) -> Exit {
    let shutdown = Shutdown::new();
    let caught = shutdown.on_signals().and_then(|_| Hangups::catch());
    let hang_ups = match caught {
        Ok(hang_ups) => hang_ups,
        Err(error) => return Exit::Failed(format!("cannot listen for signals: {error}")),
    };
    let (started, mut is_started) = watch::channel(false);
    let daemon = daemon(wanted, hang_ups, shutdown.clone(), started);
    let mut daemon = tokio::spawn(daemon);
    let stopped_too_early = async {
        shutdown.requested().await;
        let in_time = tokio::time::timeout(PATIENCE, is_started.wait_for(|started| *started));
        let late = tokio::select! {
            biased;
            started = in_time => started.is_err(),
            () = shutdown.hurried() => true,
        };
        if !late {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ended = &mut daemon => {
            ended.unwrap_or_else(|error| Exit::Failed(format!("the daemon panicked: {error}")))
        }
        () = stopped_too_early => {
            tracing::info!("Stopped during start-up: nothing was accepted or sent");
            Exit::Done
        }
    }
}

/// Reads the configuration, starts the daemon and runs it to its end.
async fn daemon(
    wanted: Wanted,
    hang_ups: Hangups,
    shutdown: Shutdown,
    started: watch::Sender<bool>,
) -> Exit {
    let settings = match super::load_settings(wanted.config.as_deref()) {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    let logging = match Logging::init(wanted.log_format, &settings.log_filter) {
        Ok(logging) => logging,
        Err(error) => return Exit::Failed(error.to_string()),
    };
    warn_of_unread(&settings);
    let host = Host::of_process(logging, hang_ups);
    serve(host, settings, wanted.handed, wanted.sandbox, shutdown, started).await
}

/// What was read otherwise than its writer may have meant.
#[expect(clippy::disallowed_methods, reason = "before the daemon starts")]
fn warn_of_unread(settings: &Settings) {
    for text in settings.warnings() {
        tracing::warn!("{text}");
    }
}

async fn serve(
    host: Host,
    mut settings: Settings,
    handed: HandedSockets,
    sandbox: bool,
    shutdown: Shutdown,
    started: watch::Sender<bool>,
) -> Exit {
    let sandbox = match sandbox {
        false => None,
        true => match start_sandbox(&mut settings).await {
            Ok(sandbox) => Some(sandbox),
            Err(exit) => return exit,
        },
    };
    let ended = async {
        let listeners = Listeners::open(&mut settings, handed)?;
        let bridge = app::start_on(host, settings, listeners, shutdown).await?;
        started.send_replace(true);
        bridge.ended().await
    };
    let exit = match ended.await {
        Ok(()) => Exit::Done,
        Err(failure @ Failure::Configuration(_)) => Exit::Usage(failure.to_string()),
        Err(failure @ Failure::Broken(_)) => Exit::Failed(failure.to_string()),
    };
    if let Some(sandbox) = sandbox {
        sandbox.stop().await;
    }
    exit
}

/// Starts a sandbox that knows all that the tables name, and points the settings to it.
#[expect(clippy::disallowed_methods, reason = "before the daemon starts")]
async fn start_sandbox(settings: &mut Settings) -> Result<Sandbox, Exit> {
    let files = app::files::Files::load(settings)
        .map_err(|problems| Exit::Usage(Failure::Configuration(problems).to_string()))?;
    let world = app::sandbox_world(World::demo(), &files);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|error| Exit::Failed(format!("the sandbox cannot listen: {error}")))?;
    let sandbox = Sandbox::start(listener, world)
        .map_err(|error| Exit::Failed(format!("the sandbox cannot start: {error}")))?;
    sandbox.set_switches(Switches::permissive());
    settings
        .servicenow
        .point_to(&sandbox.url())
        .map_err(|error| Exit::Failed(format!("the sandbox has no address: {error}")))?;
    tracing::info!(address = %sandbox.address(), "An AWA sandbox replaces ServiceNow");
    Ok(sandbox)
}
