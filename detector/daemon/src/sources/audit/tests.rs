//! The webhook and the files against well-behaved and misbehaving clients.

use super::settings::Limits;
use super::{Input, Inputs, Settings, files, queue};
use crate::config::settings::Webserver;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const EVENT: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a"}"#;

fn limits() -> Limits {
    Limits { body: 4096, event: 1024, room: 16 * 1024, arrival: Duration::from_millis(300) }
}

fn open(limits: Limits) -> (Inputs, queue::Receiver, SocketAddr) {
    let server =
        Webserver { listen_address: "127.0.0.1".into(), listen_port: 0, threadiness: 1, ..Webserver::default() };
    let input = Input::Webhook { path: "/own/path".into(), server };
    let (sender, receiver) = super::queue(&Settings { input: input.clone(), limits });
    let inputs = Inputs::open(&Settings { input, limits }, sender).expect("a webhook");
    let address = inputs.address().expect("an address");
    (inputs, receiver, address)
}

/// Posts a body and returns the status.
fn post(address: SocketAddr, path: &str, kind: &str, body: &[u8]) -> u16 {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(format!("http://{address}{path}")).header("content-type", kind);
    request.send(body).expect("an answer").status().as_u16()
}

/// Sends raw bytes and returns the response.
fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(5 * SECOND)).expect("a limit");
    stream.write_all(bytes).expect("sent");
    let mut answer = [0; 1024];
    let length = stream.read(&mut answer).expect("an answer in time");
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[test]
fn every_kind_of_batch_at_every_path() {
    let (_inputs, queue, address) = open(limits());
    let list = format!(r#"{{"kind":"EventList","items":[{EVENT},{EVENT}]}}"#);
    let array = format!("[{EVENT}]");
    for (path, body) in
        [("/k8s-audit", EVENT), ("/k8s_audit", &list), ("/own/path", &array), ("/k8s-audit?timeout=30s", EVENT)]
    {
        assert_eq!(post(address, path, "application/json; charset=utf-8", body.as_bytes()), 200, "{path}");
        assert_eq!(queue.next(SECOND).expect("a batch").json, body.as_bytes());
    }
    assert_eq!(post(address, "/elsewhere", "application/json", EVENT.as_bytes()), 404);
}

#[test]
fn errors_have_a_status() {
    let (_inputs, queue, address) = open(limits());
    for (kind, body, status) in [
        ("text/plain", EVENT, 415),
        ("application/json", "{", 400),
        ("application/json", "", 400),
        ("application/json", "{\"kind\":\"Pod\"}", 400),
        ("application/json", &" ".repeat(4097), 413),
    ] {
        assert_eq!(post(address, "/k8s-audit", kind, body.as_bytes()), status, "{kind} {body:.20}");
    }
    assert_eq!(post(address, "/k8s-audit", "application/json", b"[\"\xff\"]"), 400);
    let get = ureq::get(format!("http://{address}/k8s-audit")).config().http_status_as_error(false).build().call();
    let get = get.expect("an answer");
    assert_eq!((get.status().as_u16(), get.headers().get("allow").expect("a method").as_bytes()), (405, &b"POST"[..]));
    assert!(raw(address, b"nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
    assert!(queue.next(Duration::from_millis(10)).is_err(), "nothing of it was queued");
}

#[test]
fn a_long_body_in_pieces_is_cut_off() {
    let (_inputs, _queue, address) = open(limits());
    let mut bytes =
        b"POST /k8s-audit HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec();
    for _ in 0..5 {
        bytes.extend_from_slice(format!("400\r\n{}\r\n", " ".repeat(0x400)).as_bytes());
    }
    assert!(raw(address, &bytes).starts_with("HTTP/1.1 413"));
}

/// A client that writes all of a long request before it reads learns why it is rejected.
#[test]
fn a_client_that_writes_first_sees_the_response() {
    let limits = Limits { body: 1 << 20, room: 1 << 22, ..limits() };
    let (_inputs, _queue, address) = open(Limits { arrival: 30 * SECOND, ..limits });
    let body = " ".repeat(3 << 20);
    for (more, status) in [("", "413"), ("content-encoding: zstd\r\n", "415")] {
        let request = format!(
            "POST /k8s-audit HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{more}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        assert!(raw(address, request.as_bytes()).starts_with(&format!("HTTP/1.1 {status}")));
    }
    // A client with `Expect` is not waited for.
    let head = "POST /k8s-audit HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nexpect: 100-continue\r\n\
                content-length: 3000000\r\n\r\n";
    assert!(raw(address, head.as_bytes()).starts_with("HTTP/1.1 413"));
}

#[test]
fn an_encoding_that_is_not_supported_is_named() {
    let (_inputs, queue, address) = open(limits());
    let with = |encoding: &str| {
        raw(
            address,
            format!(
                "POST /k8s-audit HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-encoding: \
                 {encoding}\r\ncontent-length: {}\r\n\r\n{EVENT}",
                EVENT.len()
            )
            .as_bytes(),
        )
    };
    let answer = with("gzip");
    assert!(answer.starts_with("HTTP/1.1 415") && answer.contains("the content encoding 'gzip' is not"), "{answer}");
    assert!(answer.to_lowercase().contains("accept-encoding: identity"), "{answer}");
    assert!(with("identity").starts_with("HTTP/1.1 200"));
    assert_eq!(queue.next(SECOND).expect("a batch").json, EVENT.as_bytes());
}

#[test]
fn one_bad_event_does_not_reject_a_batch() {
    let (_inputs, queue, address) = open(limits());
    let mixed = format!("[{EVENT},{{\"kind\":\"Pod\"}},{EVENT}]");
    assert_eq!(post(address, "/k8s-audit", "application/json", mixed.as_bytes()), 200);
    assert_eq!(queue.next(SECOND).expect("a batch").json, mixed.as_bytes());
    let broken = [EVENT.as_bytes().split_last().expect("bytes").1, b",\"verb\":\"\xff\"}"].concat();
    assert_eq!(post(address, "/k8s-audit", "application/json", &broken), 200);
    let json = queue.next(SECOND).expect("a batch").json;
    assert!(String::from_utf8(json).expect("text").ends_with("\"verb\":\"\u{fffd}\"}"));
}

#[test]
fn a_slow_body_times_out() {
    let (_inputs, _queue, address) = open(limits());
    let head = b"POST /k8s-audit HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    assert!(raw(address, head).starts_with("HTTP/1.1 408"));
}

#[test]
fn a_full_queue_rejects_requests_until_there_is_space() {
    let (_inputs, queue, address) = open(limits());
    let body = format!("{EVENT}{}", " ".repeat(3000));
    let post = || post(address, "/k8s-audit", "application/json", body.as_bytes());
    let answers: Vec<u16> = (0..6).map(|_| post()).collect();
    assert_eq!(answers, [200, 200, 200, 200, 429, 429]);
    let head = format!(
        "POST /k8s-audit HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    assert!(raw(address, head.as_bytes()).to_lowercase().contains("retry-after: 1"));
    drop(queue.next(SECOND).expect("a batch"));
    assert_eq!(post(), 200);
}

#[test]
fn the_end_of_the_rules_is_the_end_of_the_webhook() {
    let (_inputs, queue, address) = open(limits());
    drop(queue);
    assert_eq!(post(address, "/k8s-audit", "application/json", EVENT.as_bytes()), 503);
}

fn follow(path: &std::path::Path, follow: bool) -> (Inputs, queue::Receiver) {
    let settings = Settings { input: Input::Files { path: path.into(), follow }, limits: limits() };
    let (sender, receiver) = super::queue(&settings);
    (Inputs::open(&settings, sender).expect("files"), receiver)
}

#[test]
fn files_are_read_in_order_and_to_the_end() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("b.log"), "1\n\n2\n").expect("written");
    std::fs::write(path("a.log"), format!("3\n{}\n4", "x".repeat(5000))).expect("written");
    let old = std::time::SystemTime::now() - Duration::from_secs(60);
    std::fs::File::open(path("b.log")).and_then(|file| file.set_modified(old)).expect("dated");
    let (_inputs, queue) = follow(folder.path(), false);
    let mut lines = Vec::new();
    while let Ok(batch) = queue.next(5 * SECOND) {
        lines.push(String::from_utf8(batch.json).expect("text"));
    }
    assert_eq!(lines, ["1", "2", "3", "4"]);
    assert!(files::Reader::open(&path("none"), false, limits()).is_err());
}

#[test]
fn reading_waits_for_space_in_the_queue() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("a.log");
    std::fs::write(&path, format!("{}\n", "y".repeat(3000)).repeat(20)).expect("written");
    let reader = files::Reader::open(&path, false, limits()).expect("a file");
    let (sender, queue) = queue::new(8 * 1024);
    std::thread::scope(|scope| {
        scope.spawn(move || reader.run(&sender, &AtomicBool::new(false)));
        let mut count = 0;
        while queue.next(5 * SECOND).is_ok() {
            count += 1;
        }
        assert_eq!(count, 20);
    });
}

#[test]
fn a_file_is_followed_through_rotation() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("audit.log");
    std::fs::write(&path, "before\n").expect("written");
    let (_inputs, queue) = follow(&path, true);
    let next = || queue.next(5 * SECOND).map(|batch| String::from_utf8(batch.json).expect("text")).expect("a line");
    let add = |text: &str| {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).expect("written");
    };
    // Until the file has been opened and its end found, what is written may count as old.
    let at_end = |fd: &std::path::Path| {
        let info = std::path::Path::new("/proc/self/fdinfo").join(fd.file_name().expect("a number"));
        std::fs::read_link(fd).is_ok_and(|to| to == path)
            && std::fs::read_to_string(info).is_ok_and(|info| info.lines().any(|line| line == "pos:\t7"))
    };
    let opened = || std::fs::read_dir("/proc/self/fd").expect("/proc").flatten().any(|entry| at_end(&entry.path()));
    let start = std::time::Instant::now();
    while !opened() {
        assert!(start.elapsed() < 60 * SECOND, "the file was not opened");
        std::thread::yield_now();
    }
    add("one\ntw");
    assert_eq!(next(), "one");
    add("o\n");
    assert_eq!(next(), "two");
    std::fs::rename(&path, folder.path().join("audit.log.1")).expect("renamed");
    add("three\n");
    assert_eq!(next(), "three");
    std::fs::write(&path, "4\n").expect("written");
    assert_eq!(next(), "4");
}
