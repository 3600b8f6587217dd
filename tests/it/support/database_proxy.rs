//! What stands between a daemon and its database: it reads the messages of the daemon and cuts connections around a COMMIT,
//! delays, falls silent or refuses.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What is done with connections, those that are there included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    /// Each message of the daemon is late by so many milliseconds.
    Late(u64),
    /// Connections come about, and nothing goes through them any more.
    Silent,
    /// New connections are closed at once; those that are there are cut.
    Refuse,
}

/// Where one of so many COMMITs is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The server never gets it.
    BeforeCommit(u32),
    /// The server carries it out, the daemon never hears of it.
    AfterCommit(u32),
    /// Now the one, now the other.
    Either(u32),
}

/// A running proxy; gone with its owner.
pub(crate) struct DatabaseProxy {
    port: u16,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    server: SocketAddr,
    mode: Mutex<Mode>,
    cut: Mutex<Option<Cut>>,
    commits: AtomicU32,
    cuts: AtomicU32,
}

/// A COMMIT as the daemon sends it.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";
/// The questions before the first message: TLS, GSSAPI.
const QUESTIONS: [u32; 2] = [80_877_103, 80_877_104];

impl DatabaseProxy {
    pub(crate) async fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let state = Arc::new(State {
            server: server.parse().expect("an address"),
            mode: Mutex::new(Mode::Pass),
            cut: Mutex::default(),
            commits: AtomicU32::new(0),
            cuts: AtomicU32::new(0),
        });
        let accepting = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, Arc::clone(&accepting)));
            }
        });
        Self { port, state, task }
    }

    /// How a bridge reaches the server through it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://bridge@127.0.0.1:{}/postgres", self.port)
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.state.mode.lock().expect("no panic") = mode;
    }

    pub(crate) fn cut(&self, cut: Option<Cut>) {
        *self.state.cut.lock().expect("no panic") = cut;
    }

    /// How many connections were cut off around a COMMIT.
    pub(crate) fn cuts(&self) -> u32 {
        self.state.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for DatabaseProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    fn mode(&self) -> Mode {
        *self.mode.lock().expect("no panic")
    }

    /// What is done with the next COMMIT: whether it is forwarded before the connection is cut; none: nothing.
    fn next_cut(&self) -> Option<bool> {
        let cut = (*self.cut.lock().expect("no panic"))?;
        let number = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
        let (Cut::BeforeCommit(every) | Cut::AfterCommit(every) | Cut::Either(every)) = cut;
        // Spread, so that the look at what became of a COMMIT is cut off too.
        if !(number.wrapping_mul(2_654_435_761) >> 16).is_multiple_of(every) {
            return None;
        }
        let cuts = self.cuts.fetch_add(1, Ordering::Relaxed);
        Some(match cut {
            Cut::BeforeCommit(_) => false,
            Cut::AfterCommit(_) => true,
            Cut::Either(_) => cuts.is_multiple_of(2),
        })
    }

    /// Waits as the mode says; false where the connection ends.
    async fn passes(&self) -> bool {
        match self.mode() {
            Mode::Pass => true,
            Mode::Late(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                true
            }
            Mode::Silent => std::future::pending().await,
            Mode::Refuse => false,
        }
    }
}

async fn carry(client: TcpStream, state: Arc<State>) {
    if state.mode() == Mode::Refuse {
        return;
    }
    let Ok(server) = TcpStream::connect(state.server).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asks = async {
        let mut messages = Messages::default();
        while let Some(message) = messages.next(&mut from_client).await {
            if !state.passes().await {
                return false;
            }
            let cut = if message == COMMIT { state.next_cut() } else { None };
            if cut != Some(false) && to_server.write_all(&message).await.is_err() {
                return false;
            }
            if let Some(forwarded) = cut {
                return forwarded;
            }
        }
        false
    };
    let answers = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let Ok(count @ 1..) = from_server.read(&mut buffer).await else { return };
            if !state.passes().await || to_client.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    };
    let refused = async {
        while state.mode() != Mode::Refuse {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // Whichever ends first ends the connection.
    let forwarded = tokio::select! {
        forwarded = asks => forwarded,
        () = answers => false,
        () = refused => false,
    };
    if forwarded {
        // Its answer is read here, and told nobody.
        let mut answer = [0; 64];
        drop(tokio::time::timeout(Duration::from_secs(5), from_server.read(&mut answer)).await);
    }
}

/// The messages of the daemon, one by one.
#[derive(Default)]
struct Messages {
    read: Vec<u8>,
    started: bool,
}

impl Messages {
    async fn next(&mut self, from: &mut (impl AsyncReadExt + Unpin)) -> Option<Vec<u8>> {
        loop {
            // The first message has no type before its length.
            let at = usize::from(self.started);
            if let Some(length) = self.read.get(at..at + 4) {
                let length = u32::from_be_bytes(length.try_into().expect("four bytes"));
                let whole = at + usize::try_from(length).expect("a length");
                if self.read.len() >= whole {
                    let rest = self.read.split_off(whole);
                    let message = std::mem::replace(&mut self.read, rest);
                    let code = message.get(4..8).map(|code| code.try_into().expect("four bytes"));
                    let asks =
                        code.is_some_and(|code| QUESTIONS.contains(&u32::from_be_bytes(code)));
                    self.started |= !asks;
                    return Some(message);
                }
            }
            if from.read_buf(&mut self.read).await.ok()? == 0 {
                return None;
            }
        }
    }
}
