//! An issuer of tokens that publishes its keys, or does something else with whoever asks for them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use awa_bridge::testing::clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What the issuer does with whoever asks.
#[derive(Clone)]
pub(crate) enum Does {
    Answer(String),
    Redirect,
    Refuse,
    HangUp,
    Nothing,
    Endless,
}

/// An issuer's server.
pub(crate) struct Issuer {
    pub(crate) url: String,
    does: Arc<Mutex<Does>>,
    pub(crate) asked: Arc<Mutex<Vec<Instant>>>,
}

impl Issuer {
    pub(crate) async fn start(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/keys", listener.local_addr().expect("its address"));
        let (does, asked) = (Arc::new(Mutex::new(does)), Arc::<Mutex<Vec<Instant>>>::default());
        let (doing, noted) = (Arc::clone(&does), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (doing, noted) = (Arc::clone(&doing), Arc::clone(&noted));
                tokio::spawn(async move {
                    let mut head = [0; 4_096];
                    if stream.read(&mut head).await.unwrap_or(0) == 0 {
                        return;
                    }
                    noted.lock().expect("no panic").push(clock::instant());
                    let does = doing.lock().expect("no panic").clone();
                    let answer = match does {
                        Does::Answer(body) => {
                            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
                        }
                        Does::Redirect => "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".to_owned(),
                        Does::Refuse => "HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n".to_owned(),
                        Does::HangUp => String::new(),
                        Does::Nothing => {
                            tokio::time::sleep(Duration::from_secs(60)).await;
                            String::new()
                        }
                        Does::Endless => {
                            let head = "HTTP/1.1 200 OK\r\n\r\n{\"keys\":[";
                            let mut sent = stream.write_all(head.as_bytes()).await;
                            while sent.is_ok() {
                                sent = stream.write_all(&[b' '; 8_192]).await;
                            }
                            String::new()
                        }
                    };
                    drop(stream.write_all(answer.as_bytes()).await);
                });
            }
        });
        Self { url, does, asked }
    }

    pub(crate) fn now_does(&self, does: Does) {
        *self.does.lock().expect("no panic") = does;
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.lock().expect("no panic").len()
    }
}
