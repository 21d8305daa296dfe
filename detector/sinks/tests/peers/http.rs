//! An HTTP(S) server that records its requests and responds as configured.

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The number of the connection.
    pub(crate) connection: usize,
    /// The request line and the headers, in lower case.
    pub(crate) head: String,
    /// The body, decompressed.
    pub(crate) body: String,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: String::new(), body: body.into() }
    }
}

/// Holds responses back until it is opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Waits until it is open.
    pub(crate) fn wait(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }

    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

type Handler = Arc<dyn Fn(&Request) -> Answer + Send + Sync>;

/// A running server. Dropping it closes all connections, as the end of its process would.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
    over: Arc<AtomicBool>,
}

impl Server {
    pub(crate) fn start(handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), None, handler)
    }

    pub(crate) fn start_at(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        handler: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        let server = Self {
            address: listener.local_addr().unwrap(),
            requests: Arc::default(),
            streams: Arc::default(),
            over: Arc::default(),
        };
        let handler: Handler = Arc::new(handler);
        let (requests, streams, over) =
            (Arc::clone(&server.requests), Arc::clone(&server.streams), Arc::clone(&server.over));
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                streams.lock().unwrap().push(stream.try_clone().unwrap());
                let (requests, handler, tls) = (Arc::clone(&requests), Arc::clone(&handler), tls.clone());
                std::thread::spawn(move || match tls {
                    None => serve(connection, stream, &requests, &handler),
                    Some(tls) => {
                        let session = ServerConnection::new(tls).unwrap();
                        serve(connection, StreamOwned::new(session, stream), &requests, &handler);
                    }
                });
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/alerts", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which closes the port.
        let _ = TcpStream::connect(self.address);
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn serve(connection: usize, stream: impl Read + Write, requests: &Mutex<Vec<Request>>, handler: &Handler) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(connection, &mut stream) {
        let answer = handler(&request);
        requests.lock().unwrap().push(request);
        let head =
            format!("HTTP/1.1 {} X\r\ncontent-length: {}\r\n{}\r\n", answer.status, answer.body.len(), answer.headers);
        let bytes = [head.as_bytes(), &answer.body].concat();
        if stream.get_mut().write_all(&bytes).and_then(|()| stream.get_mut().flush()).is_err() {
            return;
        }
    }
}

fn read(connection: usize, stream: &mut impl BufRead) -> Option<Request> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        // Values keep their case.
        head += &match line.split_once(':') {
            Some((name, value)) if !head.is_empty() => format!("{}:{value}", name.to_ascii_lowercase()),
            _ => line.clone(),
        };
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let body = if head.contains("content-encoding: gzip") {
        let mut text = String::new();
        flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text).ok()?;
        text
    } else {
        String::from_utf8(body).ok()?
    };
    Some(Request { connection, head, body })
}
