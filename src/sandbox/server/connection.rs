//! Sockets: accepts connections, serves HTTP/1 on each, and ends them as a fault wants it.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::State;
use super::exchange::{Dropped, exchange};

/// Serves until stopped; ending drops every connection.
pub(super) async fn listen(
    listener: TcpListener,
    state: Arc<State>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // An error means that the last handle is gone.
            _ = stopped.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(serve(stream, peer, Arc::clone(&state)));
                }
                Err(error) => {
                    tracing::warn!(%error, "the sandbox cannot accept a connection");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, peer: SocketAddr, state: Arc<State>) {
    let reset = Arc::new(AtomicBool::new(false));
    let to_reset = Arc::clone(&reset);
    let service = service_fn(move |request| {
        let (state, reset) = (Arc::clone(&state), Arc::clone(&to_reset));
        Box::pin(async move {
            let answered = exchange(&state, peer, request).await;
            answered.inspect_err(|dropped| {
                reset.store(matches!(dropped, Dropped::Reset), Ordering::Release);
            })
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    // Without the shutdown, so that a reset can be the last that the peer sees.
    let ended = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the sandbox ended early");
    }
    let stream = connection.into_parts().io.into_inner();
    if reset.load(Ordering::Acquire)
        && let Err(error) = stream.set_zero_linger()
    {
        tracing::warn!(%error, "a connection to the sandbox cannot be reset");
    }
}
