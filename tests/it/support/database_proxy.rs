//! What stands between a daemon and its database: it reads the messages of the daemon and cuts connections around a
//! COMMIT, answers in the database's place that nobody knows what became of it, delays, falls silent or refuses.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
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

/// What is done with one of so many COMMITs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The server never gets it.
    BeforeCommit(u32),
    /// The server carries it out, the daemon never hears of it.
    AfterCommit(u32),
    /// Now the one, now the other.
    Either(u32),
    /// It is answered by 40003 (statement_completion_unknown), now after the server has carried it out, now after it
    /// was rolled back; the connection goes on.
    Unknown(u32),
    /// Each of these in turn.
    Any(u32),
    /// The next one alone, which the server gets or never gets.
    #[allow(dead_code, reason = "one of the two programs of tests uses it")]
    Next { forwarded: bool },
    /// The next one alone is rolled back, and answered as if it had been carried out.
    #[allow(dead_code, reason = "one of the two programs of tests uses it")]
    Feigned,
}

/// What becomes of one COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Passes,
    NeverSent,
    NeverAnswered,
    UnknownDone,
    UnknownUndone,
    RolledBack,
}

impl Fate {
    /// What the server gets in its place.
    const fn sent(self, message: &[u8]) -> Option<&[u8]> {
        match self {
            Self::Passes | Self::NeverAnswered | Self::UnknownDone => Some(message),
            Self::UnknownUndone | Self::RolledBack => Some(ROLLBACK),
            Self::NeverSent => None,
        }
    }
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
    /// How many COMMITs were carried out, and how many rolled back, and answered by neither.
    unknown: [AtomicU32; 2],
}

/// A COMMIT as the daemon sends it.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";
const ROLLBACK: &[u8] = b"Q\0\0\0\x0dROLLBACK\0";
/// How the server says that the one or the other is done.
const DONE: [&[u8]; 2] = [b"C\0\0\0\x0bCOMMIT\0", b"C\0\0\0\x0dROLLBACK\0"];
/// An ErrorResponse: severity, code, text.
const UNKNOWN: &[u8] = b"E\0\0\0\x2fSERROR\0VERROR\0C40003\0Mresult is ambiguous\0\0";
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
            unknown: Default::default(),
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

    /// How many COMMITs were carried out and how many rolled back, all of them answered by 40003.
    pub(crate) fn unknown(&self) -> [u32; 2] {
        [0, 1].map(|at| self.state.unknown[at].load(Ordering::Relaxed))
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

    fn next_fate(&self) -> Fate {
        let mut planned = self.cut.lock().expect("no panic");
        let Some(cut) = *planned else { return Fate::Passes };
        let number = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
        let every = match cut {
            Cut::BeforeCommit(every)
            | Cut::AfterCommit(every)
            | Cut::Either(every)
            | Cut::Unknown(every)
            | Cut::Any(every) => every,
            Cut::Next { .. } | Cut::Feigned => {
                *planned = None;
                1
            }
        };
        // Spread, so that the look at what became of a COMMIT is cut off too.
        if !(number.wrapping_mul(2_654_435_761) >> 16).is_multiple_of(every) {
            return Fate::Passes;
        }
        let count = self.cuts.fetch_add(1, Ordering::Relaxed);
        let of = |fates: &[Fate]| fates[count as usize % fates.len()];
        let fate = match cut {
            Cut::BeforeCommit(_) | Cut::Next { forwarded: false } => Fate::NeverSent,
            Cut::AfterCommit(_) | Cut::Next { forwarded: true } => Fate::NeverAnswered,
            Cut::Feigned => Fate::RolledBack,
            Cut::Either(_) => of(&[Fate::NeverAnswered, Fate::NeverSent]),
            Cut::Unknown(_) => of(&[Fate::UnknownDone, Fate::UnknownUndone]),
            Cut::Any(_) => {
                of(&[Fate::UnknownDone, Fate::NeverSent, Fate::UnknownUndone, Fate::NeverAnswered])
            }
        };
        for (at, unknown) in [Fate::UnknownDone, Fate::UnknownUndone].into_iter().enumerate() {
            self.unknown[at].fetch_add(u32::from(fate == unknown), Ordering::Relaxed);
        }
        fate
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
    // Small messages go at once: otherwise each exchange waits for 40 ms.
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let hides = AtomicBool::new(false);
    let asks = async {
        let mut messages = Messages::default();
        while let Some(message) = messages.next(&mut from_client).await {
            if !state.passes().await {
                return false;
            }
            let fate = if message == COMMIT { state.next_fate() } else { Fate::Passes };
            hides.store(matches!(fate, Fate::UnknownDone | Fate::UnknownUndone), Ordering::Release);
            if let Some(message) = fate.sent(&message)
                && to_server.write_all(message).await.is_err()
            {
                return false;
            }
            if matches!(fate, Fate::NeverSent | Fate::NeverAnswered) {
                return fate == Fate::NeverAnswered;
            }
        }
        false
    };
    let answers = async {
        let mut buffer = Vec::with_capacity(64 * 1024);
        loop {
            let Ok(1..) = from_server.read_buf(&mut buffer).await else { return };
            if hides.load(Ordering::Acquire) {
                // What comes before it waits for it, too.
                if !hide(&mut buffer) {
                    continue;
                }
                hides.store(false, Ordering::Release);
            }
            if !state.passes().await || to_client.write_all(&buffer).await.is_err() {
                return;
            }
            buffer.clear();
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

/// Puts the answer that says nothing in the place of the one that says what became of a COMMIT, once that has come.
fn hide(answers: &mut Vec<u8>) -> bool {
    let found = DONE.iter().find_map(|done| {
        let at = answers.windows(done.len()).position(|part| part == *done)?;
        Some(at..at + done.len())
    });
    found.map(|place| drop(answers.splice(place, UNKNOWN.iter().copied()))).is_some()
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
