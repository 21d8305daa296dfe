//! Actions of the attacker, in a separate process: a copy of this test program, run by another user.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Does what the environment says; nothing in an ordinary run of the tests.
#[test]
fn attacker() {
    let Ok(plan) = std::env::var("PEREGRINE_ATTACK") else { return };
    let words: Vec<&str> = plan.split(' ').collect();
    let number = |at: usize| words[at].parse::<u64>().unwrap();
    match words[0] {
        "opens" => opens(number(1)),
        "burn" => burn(number(1), number(2)),
        "requests" => requests(number(1) as u16, words[2], number(3), number(4)),
        "hold" => hold(number(1) as u16, number(2)),
        "get" => println!("attack: {}", status(number(1) as u16, words[2], words[3], "")),
        "streams" => streams(number(1) as u16, number(2)),
        "guess" => guess(number(1) as u16, number(2)),
        "read" => println!("attack: {:?}", std::fs::read(words[1]).map_err(|error| error.kind()).err()),
        "engine" => engine(words[1], words[2]),
        "names" => names(words[1], words[2]),
        "sleep" => drop(std::io::stdin().read(&mut [0])),
        other => panic!("{other}"),
    }
}

fn during(seconds: u64, mut what: impl FnMut()) {
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        (0..64).for_each(|_| what());
    }
}

/// Opens a file again and again.
fn opens(seconds: u64) {
    let mut count = 0u64;
    during(seconds, || {
        count += 1;
        drop(std::fs::File::open("/etc/hostname"));
    });
    println!("attack: {count} opens");
}

/// Keeps the processors busy with a number of threads.
fn burn(threads: u64, seconds: u64) {
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| during(seconds, || drop(std::hint::black_box(vec![0u8; 64]))));
        }
    });
}

/// Requests a path on parallel connections, some of which do not wait for the answer.
fn requests(port: u16, path: &str, threads: u64, seconds: u64) {
    let count = AtomicU64::new(0);
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (request, count) = (&request, &count);
            scope.spawn(move || {
                let end = Instant::now() + Duration::from_secs(seconds);
                while Instant::now() < end {
                    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                    if stream.write_all(request.as_bytes()).is_ok() {
                        count.fetch_add(1, Ordering::Relaxed);
                        if thread % 2 == 0 {
                            let _ = stream.read_to_end(&mut Vec::new());
                        }
                    }
                }
            });
        }
    });
    println!("attack: {} requests", count.into_inner());
}

/// Opens connections that say little, and waits until the other side has closed all of them.
fn hold(port: u16, count: u64) {
    const BEGINNINGS: [&[u8]; 4] = [
        b"",
        b"G",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n{",
    ];
    let mut open = Vec::new();
    for number in 0..count {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { continue };
        let _ = stream.write_all(BEGINNINGS[number as usize % BEGINNINGS.len()]);
        open.push(stream);
    }
    let held = open.len();
    println!("attack: holds {held}");
    std::io::stdout().flush().unwrap();
    let start = Instant::now();
    let mut closed = 0;
    for mut stream in open {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut rest = [0; 4096];
        let ended = loop {
            match stream.read(&mut rest) {
                Ok(0) => break true,
                Ok(_) => {}
                Err(error) => break error.kind() != std::io::ErrorKind::WouldBlock,
            }
        };
        closed += usize::from(ended);
    }
    println!("attack: closed {closed} of {held}");
    eprintln!("{held} connections were closed after {:?}", start.elapsed());
}

/// Returns the status line of a request with a host name, and further header lines.
fn status(port: u16, path: &str, host: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\n{headers}connection: close\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    match stream.read_exact(&mut answer) {
        Ok(()) => String::from_utf8_lossy(&answer[9..]).into_owned(),
        Err(_) => "closed".to_owned(),
    }
}

/// Opens streams of alerts, and prints how each request was answered.
fn streams(port: u16, count: u64) {
    let mut open = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"GET /ui/api/alerts HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        open.push((String::from_utf8_lossy(&answer[9..]).into_owned(), stream));
    }
    let all: Vec<&str> = open.iter().map(|(status, _)| status.as_str()).collect();
    println!("attack: {}", all.join(" "));
    std::io::stdout().flush().unwrap();
    let _ = std::io::stdin().read(&mut [0]);
}

/// The number of files that one process keeps open.
pub(crate) const OPEN_FILES: usize = 1000;

/// Keeps files open whose paths are nearly as long as a path can be, each different, until its input ends.
fn names(directory: &str, mark: &str) {
    std::env::set_current_dir(directory).unwrap();
    for depth in 0..14 {
        let name = format!("{depth}-{mark}-{}", "x".repeat(240));
        std::fs::create_dir(&name).unwrap();
        std::env::set_current_dir(&name).unwrap();
    }
    let open: Vec<_> = (0..OPEN_FILES).map(|file| std::fs::File::create(format!("file-{file}")).unwrap()).collect();
    std::fs::write(format!("{directory}/done-{mark}"), "").unwrap();
    let _ = std::io::stdin().read(&mut [0]);
    drop(open);
}

/// Guesses the token of the page.
fn guess(port: u16, count: u64) {
    let all: Vec<String> = (0..count)
        .map(|number| status(port, "/ui/api/overview", "localhost", &format!("authorization: Bearer {number}\r\n")))
        .collect();
    println!("attack: {}", all.join(" "));
}

/// Answers as docker does until its input ends: every one of the containers is called `trusted`.
fn engine(socket: &str, ids: &str) {
    let listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
    let ids: Vec<String> = ids.split(',').map(str::to_owned).collect();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, ids) = (stream.unwrap(), ids.clone());
            std::thread::spawn(move || while answer(&mut stream, &ids).is_ok_and(|goes_on| goes_on) {});
        }
    });
    let _ = std::io::stdin().read(&mut [0]);
}

/// Answers a request; `false` after the last one.
fn answer(stream: &mut (impl Read + Write), ids: &[String]) -> std::io::Result<bool> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Ok(false);
        }
        request.push(byte[0]);
    }
    let request = String::from_utf8_lossy(&request);
    let path = request.split(' ').nth(1).unwrap_or_default();
    if path.contains("/events") {
        // None happens.
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")?;
        return Ok(true);
    }
    let named = ids.iter().find(|id| path.contains(&format!("/containers/{}", &id[..12])));
    let (status, body) = match named {
        Some(id) => {
            let config = r#"{"Image":"trusted:1","Labels":{}}"#;
            ("200 OK", format!(r#"{{"Id":"{id}","Name":"/trusted","Image":"sha256:1","Config":{config}}}"#))
        }
        None if path.ends_with("/_ping") => ("200 OK", "OK".to_owned()),
        None => ("404 Not Found", "{}".to_owned()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    Ok(true)
}
