//! `sandbox`: the AWA sandbox alone, for trying a bridge or a script against it.

use std::net::SocketAddr;

use super::{Exit, runtime, say};
use crate::logging::{LogFormat, Logging};
use crate::sandbox::{Sandbox, Switches, World};
use crate::shutdown::Shutdown;

/// One line for each request, beside what every command logs.
const LOGGED: &str = "info,awa_bridge::sandbox=debug";

pub(super) fn run(listen: SocketAddr, log_format: Option<LogFormat>) -> Exit {
    let logging = match Logging::init(log_format.unwrap_or_default(), LOGGED) {
        Ok(logging) => logging,
        Err(error) => return Exit::Failed(error.to_string()),
    };
    match runtime() {
        Ok(runtime) => {
            let exit = runtime.block_on(serve(listen));
            logging.flush(super::LAST_LINES);
            exit
        }
        Err(exit) => exit,
    }
}

async fn serve(listen: SocketAddr) -> Exit {
    let shutdown = Shutdown::new();
    if let Err(error) = shutdown.on_signals() {
        return Exit::Failed(format!("cannot listen for signals: {error}"));
    }
    let listener = match tokio::net::TcpListener::bind(listen).await {
        Ok(listener) => listener,
        Err(error) => return Exit::Failed(format!("cannot listen on {listen}: {error}")),
    };
    let sandbox = match Sandbox::start(listener, World::demo()) {
        Ok(sandbox) => sandbox,
        Err(error) => return Exit::Failed(format!("the sandbox cannot start: {error}")),
    };
    sandbox.set_switches(Switches::permissive());
    let url = sandbox.url();
    say(&format!("AWA sandbox on {url}: it accepts any user name and password"));
    shutdown.requested().await;
    sandbox.stop().await;
    Exit::Done
}
