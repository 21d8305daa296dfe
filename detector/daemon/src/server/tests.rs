//! Tests of limits of connections, in number and in time.

use super::*;
use axum::routing::get;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream as Client;
use std::time::Instant;

fn settings() -> Webserver {
    Webserver { listen_address: "127.0.0.1".into(), listen_port: 0, threadiness: 1, ..Webserver::default() }
}

fn server(limits: Limits) -> WebServer {
    let router = Router::new().route("/", get(async || "fine"));
    WebServer::serve_within("test", &settings(), router, limits).unwrap()
}

/// Returns whether the server closes a connection without an answer.
fn is_refused(mut client: Client) -> bool {
    client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // It may be closed before the request is written.
    let _ = client.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let mut answer = Vec::new();
    match client.read_to_end(&mut answer) {
        Ok(_) => answer.is_empty(),
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn connections_without_requests_take_a_limited_number_of_places() {
    let server = server(Limits { all: 5, reserved: 1, peer: 4 });
    let connect = || Client::connect(server.address).unwrap();
    // Root has the reserve too, and no limit as a client.
    let root = rustix::process::geteuid().is_root();
    let silent: Vec<Client> = (0..if root { 5 } else { 4 }).map(|_| connect()).collect();
    assert!(is_refused(connect()));
    assert!(server.places.refused() >= 1);
    drop(silent);
    let start = Instant::now();
    while is_refused(connect()) {
        assert!(start.elapsed() < Duration::from_secs(60), "no place becomes free");
    }
}

/// Runs a server on a paused clock, so that hours pass at once, and returns when it closes a connection with these bytes.
async fn closed_after(bytes: &'static [u8]) -> Duration {
    let (mut client, stream) = tokio::io::duplex(1024);
    let (_end, ended) = watch::channel(false);
    let router = Router::new().route("/", get(async || "fine"));
    let start = tokio::time::Instant::now();
    let serve = serve(stream, Peer::User(1000), router, ended);
    tokio::io::AsyncWriteExt::write_all(&mut client, bytes).await.unwrap();
    let drip = async {
        // One more byte every few seconds does not help.
        while tokio::io::AsyncWriteExt::write_all(&mut client, b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = serve => {}
        () = drip => {}
    }
    start.elapsed()
}

#[test]
fn whatever_is_no_request_ends_in_time() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    for bytes in [
        &b""[..],
        b"G",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    ] {
        let time = runtime.block_on(closed_after(bytes));
        assert!(time <= patience::IDLE + Duration::from_secs(1), "{time:?} {}", bytes.escape_ascii());
    }
}

#[test]
fn a_client_that_goes_away_is_gone() {
    let server = server(Limits { all: 9, reserved: 0, peer: 9 });
    let mut client = Client::connect(server.address).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    drop(client);
    let start = Instant::now();
    while server.places.taken() > 0 {
        assert!(start.elapsed() < Duration::from_secs(10), "its place is not free");
        std::thread::yield_now();
    }
}
