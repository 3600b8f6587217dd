//! `demo`: the first thing that anybody sees. Every line says what came in, what was called, what came back.

use secrecy::SecretString;
use tokio::task::JoinHandle;

use super::table::table;
use super::{Exit, runtime, say};
use crate::app::Failure;
use crate::app::demo::{Demo, Shown};
use crate::app::selftest::{interrupted, nodes};
use crate::shutdown::Shutdown;

/// Two daemons over one database, one of which is killed.
pub(super) fn nodes(url: Option<String>) -> Exit {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let url = url.map(SecretString::from);
    let played = runtime.block_on(async {
        let stop = Shutdown::new();
        let _signals = caught(&stop)?;
        nodes::play(url.as_ref(), &stop, say).await
    });
    match played {
        Ok(true) => {
            say("\nEvery event was delivered, and no call was made twice.");
            Exit::Done
        }
        Ok(false) => Exit::Failed("not every event ended as expected".to_owned()),
        Err(failure @ Failure::Configuration(_)) => Exit::Usage(failure.to_string()),
        Err(failure @ Failure::Broken(_)) => Exit::Failed(failure.to_string()),
    }
}

/// Catches SIGTERM and SIGINT, so that what was started and made ends with the command.
///
/// # Errors
/// The system does not let them be caught.
pub(super) fn caught(stop: &Shutdown) -> Result<JoinHandle<()>, Failure> {
    stop.on_signals().map_err(|error| Failure::Broken(format!("signals cannot be caught: {error}")))
}

pub(super) fn run() -> Exit {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    runtime.block_on(async {
        let stop = Shutdown::new();
        let _signals = match caught(&stop) {
            Ok(signals) => signals,
            Err(failure) => return Exit::Failed(failure.to_string()),
        };
        play(&stop).await
    })
}

async fn play(stop: &Shutdown) -> Exit {
    let demo = match Demo::start().await {
        Ok(demo) => demo,
        Err(failure) => return Exit::Failed(failure.to_string()),
    };
    let (sandbox, intake, admin) = demo.addresses();
    say(&format!(
        "A ServiceNow AWA sandbox on {sandbox} and a bridge in front of it: webhooks on {intake}, operators on {admin}.\n"
    ));
    let played = tokio::select! {
        played = demo.play(|shown| say(&told(shown))) => played,
        () = stop.requested() => Err(interrupted()),
    };
    let stopped = demo.stop().await;
    let shown = match played {
        Ok(shown) => shown,
        Err(failure) => return Exit::Failed(failure.to_string()),
    };
    if let Err(failure) = stopped {
        return Exit::Failed(failure.to_string());
    }
    say(&summary(&shown));
    let odd = shown.iter().filter(|shown| !shown.expected).count();
    if odd > 0 {
        return Exit::Failed(format!("{odd} of {} steps did not end as expected", shown.len()));
    }
    say(&format!("\nAll {} steps ended as expected.", shown.len()));
    say(
        "Next: `awa-bridge run --sandbox` keeps such a pair running; README.md has a request to send to it.",
    );
    Exit::Done
}

fn told(shown: &Shown) -> String {
    let mut lines = vec![format!("{:>2}. {}", shown.number, shown.title)];
    lines.push(format!("      in    {} → {}", shown.source, shown.answer));
    lines.extend(shown.calls.iter().map(|call| format!("      call  {call}")));
    for event in &shown.events {
        lines.push(format!(
            "      =     {} {} is {}: {}",
            event.kind, event.id, event.state, event.reason
        ));
    }
    if !shown.expected {
        lines.push("      !     this is not what was expected".to_owned());
    }
    lines.join("\n") + "\n"
}

fn summary(shown: &[Shown]) -> String {
    let rows: Vec<_> = shown
        .iter()
        .map(|shown| {
            let states: Vec<_> = shown.events.iter().map(|event| event.state.as_str()).collect();
            let states = if states.is_empty() { "ignored".to_owned() } else { states.join(", ") };
            let verdict = if shown.expected { "as expected" } else { "NOT AS EXPECTED" };
            vec![
                shown.number.to_string(),
                shown.source.clone(),
                shown.title.clone(),
                shown.calls.len().to_string(),
                states,
                verdict.to_owned(),
            ]
        })
        .collect();
    table(&["", "SOURCE", "WHAT CAME IN", "CALLS", "ENDED", ""], &rows)
}
