//! `run`: the daemon, and with `--sandbox` an AWA of its own in the same process.

use std::path::Path;

use super::{Exit, runtime};
use crate::app::{self, Failure, Host, Listeners};
use crate::config::Settings;
use crate::logging::{LogFormat, Logging};
use crate::notify::sockets::HandedSockets;
use crate::sandbox::{Sandbox, Switches, World};
use crate::shutdown::Shutdown;

pub(super) fn run(config: Option<&Path>, log_format: Option<LogFormat>, sandbox: bool) -> Exit {
    // Before there is a second thread: it takes the variables of the environment away.
    let handed = match HandedSockets::from_environment() {
        Ok(handed) => handed,
        Err(error) => return Exit::Usage(error.to_string()),
    };
    let settings = match super::load_settings(config) {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    let logging = match Logging::init(log_format.unwrap_or_default(), &settings.log_filter) {
        Ok(logging) => logging,
        Err(error) => return Exit::Failed(error.to_string()),
    };
    warn_of_unread(&settings);
    match runtime() {
        Ok(runtime) => {
            let host = Host::of_process(logging.clone());
            let exit = runtime.block_on(serve(host, settings, handed, sandbox));
            // Everything is written. What may be left is a name look-up that hangs, for which the end must not wait.
            runtime.shutdown_background();
            logging.flush(super::LAST_LINES);
            exit
        }
        Err(exit) => exit,
    }
}

/// What was read otherwise than its writer may have meant.
fn warn_of_unread(settings: &Settings) {
    for text in settings.warnings() {
        tracing::warn!("{text}");
    }
}

async fn serve(host: Host, mut settings: Settings, handed: HandedSockets, sandbox: bool) -> Exit {
    let shutdown = Shutdown::new();
    if let Err(error) = shutdown.on_signals() {
        return Exit::Failed(format!("cannot listen for signals: {error}"));
    }
    let sandbox = match sandbox {
        false => None,
        true => match start_sandbox(&mut settings).await {
            Ok(sandbox) => Some(sandbox),
            Err(exit) => return exit,
        },
    };
    let ended = async {
        let listeners = Listeners::open(&mut settings, handed).await?;
        app::start_on(host, settings, listeners, shutdown).await?.ended().await
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
async fn start_sandbox(settings: &mut Settings) -> Result<Sandbox, Exit> {
    let files = app::files::Files::load(settings)
        .map_err(|problems| Exit::Usage(Failure::Configuration(problems).to_string()))?;
    let world = app::sandbox_world(World::demo(), &files);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|error| Exit::Failed(format!("the sandbox cannot listen: {error}")))?;
    let sandbox = Sandbox::start(listener, world)
        .map_err(|error| Exit::Failed(format!("the sandbox cannot start: {error}")))?;
    sandbox.set_switches(Switches::for_strangers());
    settings
        .servicenow
        .point_to(&sandbox.url())
        .map_err(|error| Exit::Failed(format!("the sandbox has no address: {error}")))?;
    tracing::info!(address = %sandbox.address(), "An AWA sandbox takes ServiceNow's place");
    Ok(sandbox)
}
