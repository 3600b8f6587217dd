//! The same histories over a PostgreSQL server: the engine of production, whose connections go through a proxy that
//! cuts them. What the witnesses look at is read back from the tables after each piece of a node's work.
//!
//! The database's clock is wound by the model: a function of its name is found before the server's own. Left out is
//! what others do in the midst of a node's transaction: one thread plays all nodes, and would wait for itself. A
//! failover is the end of all connections.
//!
//! A seed plays the same steps again. What may differ: a cut that is healed within 20 ms of real time may leave the
//! connection alone; and on a machine so busy that something takes seconds, the engine's limits of time end it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::super::*;
use super::database::{CallInFlight, Database, LaneRecord};
use super::engine::{LostCommit, Way};
use super::faults::Fault;
use crate::clock;
use crate::database_proxy::{Cut, DatabaseProxy, Mode};
use crate::postgres_server;
use crate::store::engine::{Decide, Engine, Lapsed, Upkeep};
use crate::store::group::{Outcomes, Terms};
use crate::store::lane::Lane;
use crate::store::postgres::{Known, Postgres};
use crate::store::records::{EventRow, LaneRow};
use crate::store::{Node, PostgresSettings, Schema};

/// The schemas of the tables, for nodes that lock lanes and for those that do not.
const SCHEMAS: [&str; 2] = ["model", "plain_model"];
/// What lasts at most so long is over whenever a node looks: its monotonic clock stands at a moment so long ago.
const AGO: Duration = Duration::from_secs(60);

/// Longer than an engine waits before it tries to connect again.
const AWAY: Duration = Duration::from_millis(260);

const CLOCK: &str = "CREATE SCHEMA clock; CREATE TABLE clock.time AS SELECT 0::bigint AS ms;
    CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS 'SELECT to_timestamp(ms / 1000.0) FROM clock.time'";

/// A server with a way to it for each node.
pub(super) struct Server {
    runtime: Runtime,
    proxies: Vec<DatabaseProxy>,
    /// The witness's own connection.
    client: Client,
    /// How often all connections were lost, and what the clock was set to.
    seen: Mutex<(u32, i64)>,
    /// Gone last.
    _server: postgres_server::Server,
}

impl Server {
    /// Starts one; none, and says so, where PostgreSQL is not installed.
    pub(super) fn start(nodes: usize) -> Option<Arc<Self>> {
        // A power cut is no part of this.
        let server = postgres_server::Server::start(&["synchronous_commit = off"])?;
        let built =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = built.unwrap();
        let (proxies, client) = runtime.block_on(async {
            let mut proxies = Vec::new();
            for _ in 0..nodes {
                proxies.push(DatabaseProxy::before(&server.address()).await);
            }
            let url = server.url();
            let connecting = tokio_postgres::connect(&url, tokio_postgres::NoTls);
            let (client, connection) = connecting.await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(CLOCK).await.unwrap();
            (proxies, client)
        });
        for is_plain in [false, true] {
            let settings = settings_of(&server.url(), "any", is_plain);
            runtime.block_on(settings.migrate()).unwrap();
        }
        clock::by_hand::stop_before(AGO);
        Some(Arc::new(Self { runtime, proxies, client, seen: Mutex::default(), _server: server }))
    }

    /// Empties the tables, but for the line that says whose they are: far quicker than to truncate them.
    pub(super) fn empty(&self, is_plain: bool) {
        let schema = SCHEMAS[usize::from(is_plain)];
        let tables = postgres::TABLES.iter().filter(|table| **table != "meta");
        let tables: Vec<_> = tables.map(|table| format!("DELETE FROM {schema}.{table}")).collect();
        let tables = tables.join("; ");
        self.run(&format!("{tables}; ALTER SEQUENCE {schema}.number RESTART"));
        *self.seen.lock().unwrap() = Default::default();
    }

    /// How many COMMITs were cut off.
    pub(super) fn cuts(&self) -> u32 {
        self.proxies.iter().map(DatabaseProxy::cuts).sum()
    }

    fn run(&self, sql: &str) {
        self.runtime.block_on(self.client.batch_execute(sql)).unwrap();
    }

    /// The engine of a node that starts.
    pub(super) fn engine(
        self: &Arc<Self>,
        database: &Arc<Mutex<Database>>,
        way: &Arc<Mutex<Way>>,
        name: usize,
        locks: bool,
    ) -> Box<dyn Engine> {
        let (server, database, way) = (Arc::clone(self), Arc::clone(database), Arc::clone(way));
        server.begins(&database, &way, name);
        let settings = settings_of(&self.proxies[name].url(), &format!("node{name}"), !locks);
        let kept = Settings::default();
        let opened = Postgres::open(settings, kept.retention_ms, kept.body_retention_ms);
        let (engine, _) = opened.unwrap();
        if way.lock().unwrap().cut {
            // It is opened on a thread of its own, whose clock goes by itself: there it tries again after a pause.
            self.runtime.block_on(async { tokio::time::sleep(AWAY).await });
        }
        let fault = database.lock().unwrap().fault;
        if fault == Some(Fault::NothingOfEarlierRunsLands) {
            let schema = SCHEMAS[usize::from(!locks)];
            self.run(&format!(
                "UPDATE {schema}.call SET lapses_at = 0
                 WHERE NOT EXISTS (SELECT FROM {schema}.node WHERE incarnation = call.node)"
            ));
        }
        server.reads(&database, !locks);
        let known = Known::default();
        Box::new(OverServer { engine, is_plain: !locks, server, database, way, name, fault, known })
    }

    /// Makes the server, and a node's way to it, as the model says.
    fn begins(&self, database: &Mutex<Database>, way: &Mutex<Way>, name: usize) {
        let (now, failovers) = {
            let database = database.lock().unwrap();
            (database.now, database.failovers)
        };
        let before = std::mem::replace(&mut *self.seen.lock().unwrap(), (failovers, now));
        if before.1 != now {
            self.run(&format!("UPDATE clock.time SET ms = {now}"));
        }
        if before.0 != failovers {
            self.run(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                 WHERE application_name = 'awa-bridge'",
            );
        }
        let cut = way.lock().unwrap().cut;
        self.proxies[name].set(if cut { Mode::Refuse } else { Mode::Pass });
    }

    /// Takes in what the tables hold.
    fn reads(&self, database: &Mutex<Database>, is_plain: bool) {
        let read = async {
            let ask = async |sql: &str| {
                let sql = sql.replace('@', SCHEMAS[usize::from(is_plain)]);
                self.client
                    .query_typed(&sql, &[] as &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)])
                    .await
            };
            tokio::try_join!(
                ask("SELECT number, content, lane FROM @.event"),
                ask("SELECT hash, content FROM @.lane"),
                ask("SELECT entry, lane, claim, leave_by, lapses_at FROM @.call"),
            )
        };
        let (events, lanes, calls) = self.runtime.block_on(read).unwrap();
        let mut database = database.lock().unwrap();
        let (mut rows, mut entries) = (Vec::new(), Vec::new());
        for event in events {
            let (number, lane): (i64, Option<Vec<u8>>) = (event.get(0), event.get(2));
            let row: EventRow = serde_json::from_slice(event.get(1)).unwrap();
            if let Some(lane) = lane {
                let entry = row.clone().into_entry(number.cast_unsigned());
                entries.push((lane, entry.unwrap()));
            }
            rows.push((number.cast_unsigned(), row));
        }
        database.events = rows.into_iter().collect();
        let lanes = lanes.into_iter().map(|lane| {
            let hash: Vec<u8> = lane.get(0);
            let row: LaneRow = serde_json::from_slice(lane.get(1)).unwrap();
            let key = Arc::new(row.key.clone());
            let own = entries.iter().filter(|(of, _)| *of == hash);
            let own = own.map(|(_, entry)| entry.clone()).collect();
            let lane = Arc::new(Lane::restore(Some(row), own));
            let due = lane.conversation.next_due();
            (hash.try_into().unwrap(), LaneRecord { key, lane, version: 0, due })
        });
        database.lanes = lanes.collect();
        let calls = calls.into_iter().map(|call| {
            let [entry, claim] = [0, 2].map(|at| call.get::<_, i64>(at).cast_unsigned());
            let hash: Vec<u8> = call.get(1);
            let lane = &database.lanes[hash.as_slice()].key;
            let (lane, leave_by, lapses_at) = (Arc::clone(lane), call.get(3), call.get(4));
            let claim = ClaimId::of_number(claim);
            (entry, CallInFlight { lane, claim, node: 0, leave_by, lapses_at })
        });
        let calls: Vec<_> = calls.collect();
        database.calls = calls.iter().cloned().collect();
        for (entry, call) in calls {
            database.notes_call(entry, call);
        }
        database.rows_are_those_of_lanes();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        clock::by_hand::go_on();
    }
}

/// How a node of that name reaches the server; the model's clock comes before the server's.
fn settings_of(url: &str, name: &str, is_plain: bool) -> PostgresSettings {
    let url = format!("{url}?options=-c%20search_path%3Dclock%2Cpg_catalog");
    let node = Arc::new(Node::new(name.to_owned(), tempfile::tempfile().unwrap()));
    let schema = Schema { name: SCHEMAS[usize::from(is_plain)].to_owned(), is_plain };
    PostgresSettings { node, schema, ..postgres::over(&url, Path::new("a/b")) }
}

/// The engine of production on its way through the proxy.
struct OverServer {
    engine: Postgres,
    is_plain: bool,
    server: Arc<Server>,
    database: Arc<Mutex<Database>>,
    way: Arc<Mutex<Way>>,
    name: usize,
    /// What is put in here, in front of an engine that does not have it.
    fault: Option<Fault>,
    /// The time as this node measured it last.
    known: Known,
}

impl OverServer {
    fn begins(&self) {
        self.server.begins(&self.database, &self.way, self.name);
    }

    fn measures(&self) {
        self.known.measure(self.database.lock().unwrap().now, clock::now(), clock::now());
    }

    /// What the calls of a COMMIT that gets lost have to expect of the proxy.
    fn cut(&self, LostCommit { done, seen }: LostCommit) -> Option<Cut> {
        match (seen, done) {
            _ if self.fault == Some(Fault::TrustsCommits) => (!done).then_some(Cut::Feigned),
            (true, forwarded) => Some(Cut::Next { forwarded }),
            // Each look at what became of it is cut off, too.
            (false, true) => Some(Cut::AfterCommit(1)),
            (false, false) => Some(Cut::BeforeCommit(1)),
        }
    }

    /// Calls that are over by a moment, on whosever clock.
    fn over_by(&self, moment: UnixMillis) -> Vec<Lapsed> {
        let database = self.database.lock().unwrap();
        let over = database.calls.iter().filter(|(_, call)| call.lapses_at < moment.0);
        let lapsed = over.map(|(entry, call)| Lapsed {
            doubt_until: Some(UnixMillis(call.lapses_at - (moment.0 - database.now).max(0))),
            lane: Arc::clone(&call.lane),
            entry: EntryId(*entry),
            claim: call.claim,
        });
        lapsed.collect()
    }

    fn proxy(&self) -> &DatabaseProxy {
        &self.server.proxies[self.name]
    }
}

impl Engine for OverServer {
    fn group(&mut self, terms: &Terms, decide: &mut Decide<'_>) -> Result<Outcomes, Failed> {
        self.begins();
        let (lost, cuts) = (self.way.lock().unwrap().lost.take(), self.proxy().cuts());
        self.proxy().cut(lost.and_then(|lost| self.cut(lost)));
        let outcomes = self.engine.group(terms, decide);
        self.proxy().cut(None);
        if self.proxy().cuts() == cuts {
            self.way.lock().unwrap().lost = lost;
        }
        self.measures();
        self.server.reads(&self.database, self.is_plain);
        outcomes
    }

    fn parked_lanes(&mut self) -> Result<Vec<Arc<LaneKey>>, Failed> {
        self.begins();
        self.engine.parked_lanes()
    }

    fn upkeep(&mut self, now: UnixMillis) -> Result<Upkeep, Failed> {
        self.begins();
        let upkeep = self.engine.upkeep(now);
        self.server.reads(&self.database, self.is_plain);
        let mut upkeep = upkeep?;
        match self.fault {
            Some(Fault::NoDoubt) => {
                upkeep.lapsed.iter_mut().for_each(|lapsed| lapsed.doubt_until = None);
            }
            Some(Fault::NobodyTakesUp) => upkeep.lapsed.clear(),
            Some(Fault::LapsesByOwnClock) => {
                let mut lapsed = self.over_by(self.known.moment(now));
                lapsed.append(&mut upkeep.lapsed);
                upkeep.lapsed = lapsed;
            }
            _ => {}
        }
        self.measures();
        Ok(upkeep)
    }

    fn close(self: Box<Self>) {}
}
