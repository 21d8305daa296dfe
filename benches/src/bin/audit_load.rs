//! A load of audit events on a running webhook, as from many API servers.
//!
//! ```text
//! peregrine -r RULES --disable-source syscall -o 'plugins[]={"name": "k8saudit", …}' &
//! audit_load 127.0.0.1:9765 testdata/k8s_audit/events.jsonl [REQUESTS_PER_SECOND] [SECONDS] [CONNECTIONS]
//! ```
//!
//! Each request carries one event on a connection that stays open; a rate of 0 is the greatest rate. It prints the rate
//! that was reached, the responses by status, and their latencies.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The results of one connection.
#[derive(Default)]
struct Seen {
    statuses: BTreeMap<u16, u64>,
    took: Vec<Duration>,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, file, rest @ ..] = args.as_slice() else {
        let _ = writeln!(
            std::io::stderr(),
            "usage: audit_load ADDRESS EVENTS.jsonl [REQUESTS_PER_SECOND] [SECONDS] [CONNECTIONS]"
        );
        return ExitCode::FAILURE;
    };
    let number = |place: usize, default: u32| rest.get(place).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (rate, seconds, connections) = (number(0, 5000), number(1, 10), number(2, 16).max(1));
    match run(address, file, rate, seconds, connections) {
        Ok(text) => {
            let _ = writeln!(std::io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(address: &str, file: &str, rate: u32, seconds: u32, connections: u32) -> std::io::Result<String> {
    let text = std::fs::read_to_string(file)?;
    let requests: Vec<Vec<u8>> = text.lines().map(|line| request(address, line)).collect();
    let start = Instant::now();
    let until = start + Duration::from_secs(seconds.into());
    let step = if rate == 0 { Duration::ZERO } else { Duration::from_secs(connections.into()) / rate };
    let seen: Vec<std::io::Result<Seen>> = std::thread::scope(|scope| {
        let requests = &requests;
        let threads: Vec<_> = (0..connections)
            .map(|place| scope.spawn(move || connection(address, requests, place as usize, start, step, until)))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Ok(Seen::default()))).collect()
    });
    let took = start.elapsed().as_secs_f64();
    let mut all = Seen::default();
    for seen in seen {
        let seen = seen?;
        seen.statuses.into_iter().for_each(|(status, count)| *all.statuses.entry(status).or_default() += count);
        all.took.extend(seen.took);
    }
    all.took.sort_unstable();
    let count = all.took.len();
    let part = |percent: usize| {
        all.took.get((count * percent / 100).min(count.saturating_sub(1))).copied().unwrap_or_default()
    };
    Ok(format!(
        "{count} requests in {took:.2} s: {:.0} a second; answers {:?}; half within {:?}, 99% within {:?}, all within {:?}",
        count as f64 / took,
        all.statuses,
        part(50),
        part(99),
        part(100)
    ))
}

fn request(address: &str, event: &str) -> Vec<u8> {
    format!(
        "POST /k8s-audit HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{event}",
        event.len()
    )
    .into_bytes()
}

/// Posts in turn, each request at its time: a late one is not waited for twice.
fn connection(
    address: &str,
    requests: &[Vec<u8>],
    place: usize,
    start: Instant,
    step: Duration,
    until: Instant,
) -> std::io::Result<Seen> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let mut seen = Seen::default();
    for turn in 0u32.. {
        let due = start + step * turn;
        let now = Instant::now();
        if now.max(due) >= until {
            break;
        }
        std::thread::sleep(due.saturating_duration_since(now));
        let sent = Instant::now();
        stream.write_all(&requests[(place + turn as usize) % requests.len()])?;
        let status = answer(&mut answers)?;
        *seen.statuses.entry(status).or_default() += 1;
        seen.took.push(sent.elapsed());
    }
    Ok(seen)
}

/// Reads one response and returns its status.
fn answer(from: &mut impl BufRead) -> std::io::Result<u16> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let broken = || std::io::Error::other("no answer of HTTP");
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    let mut length = 0;
    loop {
        line.clear();
        from.read_line(&mut line)?;
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(|_| broken())?;
        }
    }
    std::io::copy(&mut from.take(length), &mut std::io::sink())?;
    Ok(status)
}
