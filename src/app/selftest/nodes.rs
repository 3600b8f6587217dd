//! `demo --nodes`: two daemons over one database take the events of calls in turns, one of them is killed while its
//! call is in flight, and the other goes on. Every event is accounted for.

use std::time::Duration;

use secrecy::SecretString;

use super::daemon::Daemon;
use super::load::{Load, document, event, id};
use super::server::Server;
use super::{Failure, broken, database, interrupted, prepared, surroundings};
use crate::app::files::Files;
use crate::app::{database as tables, sandbox_world};
use crate::clock;
use crate::sandbox::{Endpoint, Fault, Misbehaviour, Sandbox, Switches, World};
use crate::shutdown::Shutdown;

/// How many calls there are; in the middle of them node 1 is killed.
const CALLS: u64 = 12;
const MIDDLE: u64 = CALLS / 2;

/// How long everything may take to end: a call of the killed node is looked up when it cannot land any more.
const PATIENCE: Duration = Duration::from_secs(60);

/// Plays it over a database, in a schema of its own, which is removed afterwards; without one over a server of its own.
/// Whether every event ended as expected.
///
/// # Errors
/// It could not be played, or `stop` was asked for.
pub(crate) async fn play(
    url: Option<&SecretString>,
    stop: &Shutdown,
    mut show: impl FnMut(&str),
) -> Result<bool, Failure> {
    let server = match url {
        Some(_) => None,
        None => {
            show("A PostgreSQL server of the demonstration's own starts …");
            Some(Server::start()?)
        }
    };
    let own = server.as_ref().map(Server::url);
    let home = tempfile::tempdir().map_err(|error| broken("no temporary folder", &error))?;
    let (sandbox_at, instance) = surroundings(home.path())?;
    let schema = format!("demo_{:016x}", rand::random::<u64>());
    let database = url.or(own.as_ref()).map(|url| database(url, &schema)).unwrap_or_default();
    let (one, of_one) = prepared(home.path(), 1, &instance, &database)?;
    let (two, of_two) = prepared(home.path(), 2, &instance, &database)?;
    tables::reach(&of_one).await?;
    let mut nodes = [one, two];
    let files = Files::load(&of_one).map_err(Failure::Configuration)?;
    let sandbox = Sandbox::start(sandbox_at, sandbox_world(World::demo(), &files))
        .map_err(|error| broken("the sandbox cannot start", &error))?;
    sandbox.set_switches(Switches::permissive());
    let token_file = of_two.admin_token_file();
    let played = tokio::select! {
        played = calls(&mut nodes, files, &sandbox, &token_file, &mut show) => played,
        () = stop.requested() => Err(interrupted()),
    };
    for node in &mut nodes {
        node.stop().await?;
    }
    sandbox.stop().await;
    let forgotten = match server {
        None => tables::forget_schema(&of_one).await,
        Some(_) => Ok(()),
    };
    played.and_then(|as_expected| forgotten.map(|()| as_expected))
}

/// Plays all calls.
async fn calls(
    nodes: &mut [Daemon; 2],
    files: Files,
    sandbox: &Sandbox,
    token_file: &std::path::Path,
    show: &mut impl FnMut(&str),
) -> Result<bool, Failure> {
    for node in nodes.iter_mut() {
        node.start().await?;
    }
    show(&format!(
        "Two nodes take webhooks, over one database: {} and {}",
        nodes[0].intake, nodes[1].intake
    ));
    let load = Load::new(files, nodes.iter().map(|node| node.intake.clone()))?;
    for call in 1..=CALLS {
        tell(&load, nodes, sandbox, call, show).await?;
    }
    account(sandbox, &nodes[1], token_file, show).await
}

/// Sends the events of one call, its ring to one node and its answer to the other; kills node 1 in the middle.
async fn tell(
    load: &Load,
    nodes: &mut [Daemon; 2],
    sandbox: &Sandbox,
    call: u64,
    show: &mut impl FnMut(&str),
) -> Result<(), Failure> {
    if call == MIDDLE {
        sandbox.inject(Fault::on(Endpoint::Offer, Misbehaviour::HangAfterEffect));
    }
    // Before the kill the nodes take turns; after it there is only one.
    let (ring_to, answer_to) = match call {
        MIDDLE => (0, 1),
        call if call > MIDDLE => (1, 1),
        call if call % 2 == 1 => (0, 1),
        _ => (1, 0),
    };
    let mut deliver = async |kind: &str, node: usize| {
        let began = clock::instant();
        while !load.deliver_to(node, &event(kind, call)).await {
            if began.elapsed() > PATIENCE {
                return Err(node);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        show(&format!("  call {call:>2}: node {} took {}", node + 1, id(kind, call)));
        Ok(())
    };
    let stuck = |nodes: &[Daemon; 2], node: usize| {
        nodes[node].failed(&format!("node {} takes nothing", node + 1))
    };
    deliver("offer", ring_to).await.map_err(|node| stuck(nodes, node))?;
    if call == MIDDLE {
        let began = clock::instant();
        while !offered(sandbox).contains(&document(call)) && began.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        nodes[0].kill().await?;
        deliver("accept", answer_to).await.map_err(|node| stuck(nodes, node))?;
        show(
            "           node 1 is killed (SIGKILL) while its offer is at ServiceNow and the answer has not come",
        );
        return Ok(());
    }
    deliver("accept", answer_to).await.map_err(|node| stuck(nodes, node))
}

/// Waits until every event has ended, and says how.
async fn account(
    sandbox: &Sandbox,
    node: &Daemon,
    token_file: &std::path::Path,
    show: &mut impl FnMut(&str),
) -> Result<bool, Failure> {
    show(
        "Node 2 carries on alone. The call of node 1 is looked up when it cannot land any more; that takes some seconds …",
    );
    let asks = super::account::Asks::of(&node.admin, token_file)?;
    let began = clock::instant();
    let mut as_expected = true;
    for call in 1..=CALLS {
        for kind in ["offer", "accept"] {
            let mut ended = asks.event(&id(kind, call)).await?;
            while ended["settled_at"].is_null() && began.elapsed() < PATIENCE {
                tokio::time::sleep(Duration::from_millis(50)).await;
                ended = asks.event(&id(kind, call)).await?;
            }
            let text = |member: &str| ended[member].as_str().unwrap_or("lost").to_owned();
            let (state, reason) = (text("state"), text("reason"));
            as_expected &= state == "delivered";
            show(&format!("  {:<10} {state:<10} {reason}", id(kind, call)));
        }
    }
    let mut offers = offered(sandbox);
    let all = offers.len();
    offers.sort();
    offers.dedup();
    let calls = usize::try_from(CALLS).unwrap_or(usize::MAX);
    show(&format!("{} calls were offered, by {all} offers", offers.len()));
    Ok(as_expected && offers.len() == calls && all == calls)
}

/// The documents that were offered, once for each offer.
fn offered(sandbox: &Sandbox) -> Vec<String> {
    let calls = sandbox.calls_to(Endpoint::Offer).into_iter();
    let done = calls.filter(|call| call.performed.is_some_and(|status| status < 300));
    done.map(|call| call.path.split('/').nth(6).unwrap_or_default().to_owned()).collect()
}
