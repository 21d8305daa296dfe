//! Outputs and their servers on loopback: what arrives, in which format, and what happens if a server is unreachable.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod peers;

use peers::http::{Answer, Gate, Server};
use peers::tls::Certificates;
use peers::until;
use peregrine_sinks::{
    Capacity, Elastic, ElasticConfig, ElasticLogin, Http, HttpConfig, Message, OnFault, Outputs, Sink, SpoolConfig,
    Suffix, TlsConfig, Totals, Wait, Wanted,
};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn alert(text: impl Into<String>) -> Message {
    Message::new(4, text.into())
}

fn numbered(number: usize) -> Message {
    alert(format!(r#"{{"number":{number},"time":"2026-11-22T10:00:00.{number:09}Z"}}"#))
}

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

struct Bench {
    outputs: Outputs,
    faults: Arc<Mutex<Vec<String>>>,
}

fn bench(capacity: usize) -> Bench {
    let faults = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&faults);
    let on_fault: OnFault = Arc::new(move |fault| heard.lock().unwrap().push(fault.to_string()));
    Bench { outputs: Outputs::new(Capacity::alerts(capacity), Duration::from_secs(10), on_fault), faults }
}

impl Bench {
    fn with(mut self, sink: impl Sink) -> Self {
        self.outputs.add(sink);
        self
    }

    fn send(&self, numbers: std::ops::Range<usize>) {
        numbers.for_each(|number| self.outputs.send(numbered(number), Wait::No));
    }

    fn totals(&self) -> Totals {
        self.outputs.totals()[0]
    }
}

/// The numbers of alerts in JSON texts: one, an array, or lines with documents among them.
fn numbers(body: &str) -> Vec<usize> {
    let mut out = Vec::new();
    for line in body.lines() {
        let json: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let each = json.as_array().cloned().unwrap_or_else(|| vec![json]);
        out.extend(each.iter().filter_map(|alert| alert["number"].as_u64()).map(|number| number as usize));
    }
    out
}

#[test]
fn posts_have_the_configured_format() {
    let server = Server::start(|_| Answer::new(200, "taken"));
    let settings = HttpConfig {
        user_agent: "me/1".into(),
        headers: vec![("x-token".into(), "Secret".into())],
        compress: true,
        ..HttpConfig::new(&server.url())
    };
    let bench = bench(0).with(Http::new(settings).unwrap());
    bench.send(0..3);
    until("the alerts", || server.requests().len() == 3);
    assert_eq!(bench.outputs.close()[0].delivered, 3);
    for (number, request) in server.requests().iter().enumerate() {
        assert!(request.head.starts_with("POST /alerts HTTP/1.1"), "{}", request.head);
        for line in [
            "user-agent: me/1\r\n",
            "content-type: application/json\r\n",
            "content-encoding: gzip\r\n",
            "x-token: Secret\r\n",
        ] {
            assert!(request.head.contains(line), "{line}: {}", request.head);
        }
        assert_eq!(numbers(&request.body), [number]);
        // One connection for all.
        assert_eq!(request.connection, server.requests()[0].connection);
    }
}

#[test]
fn batches_are_arrays_or_lines() {
    for (content_type, json) in [("application/json", true), ("text/plain", false)] {
        // The first response comes when all alerts are queued.
        let gate = Gate::default();
        let first = gate.clone();
        let server = Server::start(move |_| {
            first.wait();
            Answer::new(204, "")
        });
        let settings = HttpConfig { content_type, batch: 40, ..HttpConfig::new(&server.url()) };
        let bench = bench(0).with(Http::new(settings).unwrap());
        bench.send(0..100);
        gate.open();
        until("all", || bench.totals().delivered == 100);
        let bodies: Vec<_> = server.requests().iter().map(|request| request.body.clone()).collect();
        assert!(bodies.len() < 10, "{}", bodies.len());
        assert!(bodies.iter().all(|body| body.starts_with('[') == json));
        assert!(bodies.iter().flat_map(|body| numbers(body)).eq(0..100));
        assert!(bodies.iter().all(|body| numbers(body).len() <= 40));
    }
}

#[test]
fn the_status_decides_about_retries() {
    let answers = Mutex::new([503, 429, 200, 400, 401, 200].into_iter());
    let server = Server::start(move |_| Answer::new(answers.lock().unwrap().next().unwrap_or(200), ""));
    let bench = bench(0).with(Http::new(HttpConfig::new(&server.url())).unwrap());
    bench.send(0..4);
    until("all", || bench.totals().delivered + bench.totals().lost == 4);
    let totals = bench.totals();
    assert_eq!((totals.delivered, totals.lost, totals.retries), (3, 1, 3));
    let order: Vec<_> = server.requests().iter().flat_map(|request| numbers(&request.body)).collect();
    assert_eq!(order, [0, 0, 0, 1, 2, 2, 3]);
    let faults = bench.faults.lock().unwrap();
    assert!(faults.iter().any(|fault| fault.contains("rejected an alert with status 400")), "{faults:?}");
}

/// A redirect keeps method and body, or the alert is not delivered.
#[test]
fn redirects_keep_the_body_or_are_reported() {
    let redirect = |status, location: &str| {
        let headers = format!("location: {location}\r\n");
        Server::start(move |request| match request.head.contains(" /alerts ") {
            true => Answer { headers: headers.clone(), ..Answer::new(status, "<a>moved</a>") },
            false => Answer::new(200, ""),
        })
    };
    for status in [301, 302, 307, 308] {
        let server = redirect(status, "/elsewhere?x=1");
        let settings = HttpConfig { compress: status == 302, ..HttpConfig::new(&server.url()) };
        let bench = bench(0).with(Http::new(settings).unwrap());
        bench.send(0..2);
        until("all", || bench.totals().delivered == 2);
        let requests = server.requests();
        let second = requests.iter().filter(|request| request.head.starts_with("POST /elsewhere?x=1 HTTP"));
        assert!(second.flat_map(|request| numbers(&request.body)).eq(0..2), "{status}");
        assert_eq!(requests.len(), 4);
    }
    let other = Server::start(|_| Answer::new(200, ""));
    for (status, location, part) in [
        (302, other.url(), "status 302, a redirect to http://127.0.0.1:"),
        (
            308,
            "http://other.example/".to_owned(),
            "status 308, a redirect to http://other.example/, which is not followed",
        ),
        (303, "/elsewhere".to_owned(), "status 303, a redirect to /elsewhere"),
        (304, "/elsewhere".to_owned(), "status 304"),
        (307, "/alerts".to_owned(), "redirects more than 5 times"),
    ] {
        let server = redirect(status, &location);
        let bench = bench(0).with(Http::new(HttpConfig { retries: 0, ..HttpConfig::new(&server.url()) }).unwrap());
        bench.send(0..1);
        until("the loss", || bench.totals().lost == 1);
        let faults = bench.faults.lock().unwrap();
        assert!(faults.iter().any(|fault| fault.contains(part)), "{faults:?}");
        assert!(other.requests().is_empty());
    }
}

#[test]
fn a_bulk_request_is_redirected_with_its_documents_or_not_at_all() {
    let index = Arc::new(Index { most_lines: AtomicUsize::new(100), ..Index::default() });
    let server = {
        let index = Arc::clone(&index);
        Server::start(move |request| match request.head.contains("/es/") {
            true => index.bulk(&request.body),
            false => Answer { headers: "location: /es/_bulk\r\n".into(), ..Answer::new(301, "") },
        })
    };
    let settings = |url: &str| ElasticConfig {
        http: HttpConfig { retries: 0, ..HttpConfig::new(url) },
        index: "falco".into(),
        suffix: Suffix::None,
        pipeline: String::new(),
        login: None,
    };
    let bench = bench(0).with(Elastic::new(settings(&format!("http://{}", server.address))).unwrap());
    bench.send(0..3);
    until("all", || bench.totals().delivered == 3);
    assert_eq!(index.documents.lock().unwrap().len(), 3);
    let away = Server::start(|_| Answer { headers: "location: http://other/\r\n".into(), ..Answer::new(302, "") });
    let bench = self::bench(0).with(Elastic::new(settings(&format!("http://{}", away.address))).unwrap());
    bench.send(0..1);
    until("the loss", || bench.totals().lost == 1);
    assert!(bench.faults.lock().unwrap()[0].contains("status 302, a redirect to http://other/"));
}

/// Whatever comes after the status of a success does not make it a failure.
#[test]
fn a_response_that_breaks_off_after_the_status_is_a_delivery() {
    let listener = std::net::TcpListener::bind(loopback()).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut bytes, mut buffer) = (Vec::new(), [0; 1000]);
        while !bytes.ends_with(b"}") {
            let count = stream.read(&mut buffer).unwrap();
            bytes.extend(&buffer[..count]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nthe sta").unwrap();
    });
    let bench = bench(0).with(Http::new(HttpConfig::new(&url)).unwrap());
    bench.send(0..1);
    server.join().unwrap();
    until("the alert", || bench.totals().delivered + bench.totals().lost == 1);
    assert_eq!((bench.totals().delivered, bench.totals().retries), (1, 0));
}

#[test]
fn a_server_that_does_not_respond_times_out() {
    let gate = Gate::default();
    let closed = gate.clone();
    let server = Server::start(move |_| {
        closed.wait();
        Answer::new(200, "")
    });
    let settings = HttpConfig { timeout: Duration::from_millis(50), retries: 1, ..HttpConfig::new(&server.url()) };
    let bench = bench(0).with(Http::new(settings).unwrap());
    bench.send(0..1);
    until("the loss", || bench.totals().lost == 1);
    assert_eq!(bench.totals().retries, 1);
    gate.open();
}

#[test]
fn certificates_of_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::new(folder.path());
    let deliver = |server: &Server, tls: TlsConfig| {
        let url = format!("https://localhost:{}/", server.address.port());
        let settings = HttpConfig { tls, ..HttpConfig::new(&url) };
        Http::new(settings).unwrap().deliver(&[numbered(0)])
    };
    let none = TlsConfig { ca_folder: folder.path().join("none"), ..TlsConfig::default() };
    let known = TlsConfig { ca_file: Some(certificates.authority()), ..none.clone() };
    let strangers = tempfile::tempdir().unwrap();
    let strange = TlsConfig { ca_file: Some(Certificates::new(strangers.path()).authority()), ..none.clone() };
    let insecure = TlsConfig { insecure: true, ..none };
    let mutual = TlsConfig { client: Some(certificates.client()), ..known.clone() };
    let false_client = TlsConfig { client: Some(Certificates::new(strangers.path()).client()), ..known.clone() };

    let open = Server::start_at(loopback(), Some(certificates.server(false)), |_| Answer::new(200, ""));
    deliver(&open, known.clone()).unwrap();
    deliver(&open, insecure).unwrap();
    deliver(&open, strange).unwrap_err();
    assert_eq!(open.requests().len(), 2);
    let asking = Server::start_at(loopback(), Some(certificates.server(true)), |_| Answer::new(200, ""));
    deliver(&asking, known).unwrap_err();
    deliver(&asking, false_client).unwrap_err();
    deliver(&asking, mutual).unwrap();
    assert_eq!(asking.requests().len(), 1);
}

/// `openssl req -x509` makes a certificate of an authority, which signs itself; OpenSSL's clients accept it if it is
/// named as trusted.
#[test]
fn a_certificate_that_signed_itself_is_accepted_if_it_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let deliver = |server: &Server, host: &str, ca_file: PathBuf| {
        let tls = TlsConfig { ca_file: Some(ca_file), ..TlsConfig::default() };
        let url = format!("https://{host}:{}/", server.address.port());
        let outcome = Http::new(HttpConfig { tls, ..HttpConfig::new(&url) }).unwrap().deliver(&[numbered(0)]);
        outcome.map_err(|failure| failure.to_string())
    };
    let serve = |name: &str, expired: bool| {
        let (file, config) = peers::tls::own_authority(&folder.path().join(name), expired);
        (file, Server::start_at(loopback(), Some(config), |_| Answer::new(200, "")))
    };
    let (file, server) = serve("a.pem", false);
    deliver(&server, "localhost", file.clone()).unwrap();
    let error = deliver(&server, "127.0.0.1", file).unwrap_err();
    assert!(error.contains("subjectAltName"), "{error}");
    let (other, _server) = serve("b.pem", false);
    let error = deliver(&server, "localhost", other).unwrap_err();
    assert!(error.contains("set ca_cert to"), "{error}");
    let (expired, server) = serve("c.pem", true);
    let error = deliver(&server, "localhost", expired).unwrap_err();
    assert!(error.contains("expired"), "{error}");
}

/// A test double of the bulk API of Elasticsearch and OpenSearch: documents by index and id.
#[derive(Default)]
struct Index {
    documents: Mutex<Vec<(String, String, serde_json::Value)>>,
    /// Number of requests that still get 429 for their last document, and of bodies that are too large.
    busy: AtomicUsize,
    most_lines: AtomicUsize,
}

impl Index {
    fn bulk(&self, body: &str) -> Answer {
        let lines: Vec<_> = body.lines().collect();
        assert!(body.ends_with('\n') && lines.len() % 2 == 0, "pairs of lines, the last one ended");
        if lines.len() > self.most_lines.load(Ordering::SeqCst) {
            return Answer::new(413, "");
        }
        let busy = self.busy.load(Ordering::SeqCst) > 0 && self.busy.fetch_sub(1, Ordering::SeqCst) > 0;
        let (mut items, mut errors) = (Vec::new(), false);
        for (place, pair) in lines.chunks(2).enumerate() {
            let action: serde_json::Value = serde_json::from_str(pair[0]).expect("an action");
            let document: serde_json::Value = serde_json::from_str(pair[1]).expect("a document");
            assert!(document["@timestamp"].is_string());
            let text = |name: &str| action["create"][name].as_str().expect("a text").to_owned();
            let (index, id) = (text("_index"), text("_id"));
            let mut documents = self.documents.lock().unwrap();
            let status = if busy && place + 1 == lines.len() / 2 {
                429
            } else if document["number"] == 13 {
                400
            } else if documents.iter().any(|(i, known, _)| (i, known) == (&index, &id)) {
                409
            } else {
                documents.push((index, id, document));
                201
            };
            errors |= status > 299;
            let error = serde_json::json!({"type": "x", "reason": format!("reason {status}")});
            items.push(serde_json::json!({"create": {"status": status, "error": error}}));
        }
        Answer::new(200, serde_json::json!({"took": 1, "errors": errors, "items": items}).to_string())
    }
}

#[test]
fn documents_are_indexed_once_each() {
    let index = Arc::new(Index::default());
    index.busy.store(2, Ordering::SeqCst);
    index.most_lines.store(60, Ordering::SeqCst);
    let server = {
        let index = Arc::clone(&index);
        Server::start(move |request| index.bulk(&request.body))
    };
    let settings = ElasticConfig {
        http: HttpConfig { batch: 100, compress: true, ..HttpConfig::new(&format!("http://{}/", server.address)) },
        index: "falco".into(),
        suffix: Suffix::Daily,
        pipeline: "geo".into(),
        login: Some(ElasticLogin::Basic("user".into(), "word".into())),
    };
    let bench = bench(0).with(Elastic::new(settings).unwrap());
    bench.send(0..200);
    until("all", || bench.totals().delivered + bench.totals().lost == 200);
    // The thirteenth is rejected; those that got 429, or were too many at once, arrive in later attempts.
    assert_eq!((bench.totals().delivered, bench.totals().lost), (199, 1));
    let documents = index.documents.lock().unwrap();
    assert_eq!(documents.len(), 199);
    assert!(documents.iter().all(|(index, _, _)| index == "falco-2026.11.22"));
    let order: Vec<_> = documents.iter().filter_map(|(_, _, document)| document["number"].as_u64()).collect();
    assert_eq!(order.len(), 199);
    let head = &server.requests()[0].head;
    assert!(head.starts_with("POST /_bulk?pipeline=geo"), "{head}");
    assert!(head.contains("authorization: Basic dXNlcjp3b3Jk\r\n"), "{head}");
    assert!(head.contains("content-type: application/x-ndjson\r\n"), "{head}");
    let faults = bench.faults.lock().unwrap();
    assert!(faults.iter().any(|fault| fault.contains("reason 400")), "{faults:?}");
}

#[cfg(feature = "kafka")]
mod kafka {
    use super::*;
    use peers::kafka::Broker;
    use peregrine_sinks::{Kafka, KafkaConfig};
    use std::process::{Child, Command, Stdio};

    fn settings(address: impl ToString) -> KafkaConfig {
        KafkaConfig { key: "host-1".into(), ..KafkaConfig::new(&[&address.to_string()], "alerts") }
    }

    #[test]
    fn records_of_a_host_go_to_one_partition_in_order() {
        for compress in [false, true] {
            let broker = Broker::start(loopback(), "alerts", 5, 1 << 20);
            let settings = KafkaConfig { compress, batch: 50, ..settings(broker.address) };
            let bench = bench(0).with(Kafka::new(settings).unwrap());
            bench.send(0..500);
            until("all", || bench.totals().delivered == 500);
            let records = broker.records();
            assert!(records.iter().flat_map(|record| numbers(&record.value)).eq(0..500));
            let first = &records[0];
            assert!(records.iter().all(|record| record.partition == first.partition && record.packed == compress));
            assert_eq!(first.key.as_deref(), Some("host-1"));
        }
    }

    /// The first run, which makes the brokers create the topic, uses the partition of the later ones.
    #[test]
    fn a_topic_that_is_created_on_demand_gets_the_records_in_the_same_partition() {
        let broker = Broker::without_topic(loopback(), "alerts", 7);
        for run in 0..2 {
            let bench = bench(0).with(Kafka::new(settings(broker.address)).unwrap());
            bench.send(run * 10..run * 10 + 10);
            until("all", || bench.totals().delivered == 10);
        }
        let records = broker.records();
        assert!(records.iter().flat_map(|record| numbers(&record.value)).eq(0..20));
        let partitions: Vec<_> = records.iter().map(|record| record.partition).collect();
        assert!(partitions[0] != 0 && partitions.iter().all(|one| *one == partitions[0]), "{partitions:?}");
    }

    #[test]
    fn a_record_that_is_too_large_blocks_nothing() {
        let broker = Broker::start(loopback(), "alerts", 1, 1000);
        let bench = bench(0).with(Kafka::new(settings(broker.address)).unwrap());
        bench.send(0..10);
        bench.outputs.send(alert("x".repeat(1001)), Wait::No);
        bench.send(10..20);
        until("all", || bench.totals().delivered + bench.totals().lost == 21);
        assert_eq!((bench.totals().delivered, bench.totals().lost), (20, 1));
        assert!(broker.records().iter().flat_map(|record| numbers(&record.value)).eq(0..20));
    }

    #[test]
    fn a_broker_that_comes_back_gets_the_queued_alerts() {
        let broker = Broker::start(loopback(), "alerts", 1, 1 << 20);
        let settings = KafkaConfig { timeout: Duration::from_millis(500), retries: 100, ..settings(broker.address) };
        let bench = bench(0).with(Kafka::new(settings).unwrap());
        bench.send(0..10);
        until("the first", || bench.totals().delivered == 10);
        let address = broker.address;
        drop(broker);
        bench.send(10..20);
        until("a failure", || bench.totals().retries > 0);
        let broker = Broker::start(address, "alerts", 1, 1 << 20);
        until("the rest", || bench.totals().delivered == 20);
        assert!(broker.records().iter().flat_map(|record| numbers(&record.value)).eq(10..20));
    }

    struct Killed(Child);

    impl Drop for Killed {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// A real broker: Tansu, if `TANSU` names its program.
    #[test]
    fn a_real_broker_receives_the_records() {
        let Some(tansu) = std::env::var_os("TANSU") else { testkit::skip!(TANSU) };
        let port = super::peers::port();
        let url = format!("tcp://127.0.0.1:{port}");
        let child = Command::new(&tansu)
            .arg("broker")
            .env("LISTENER_URL", &url)
            .env("ADVERTISED_LISTENER_URL", &url)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let _child = Killed(child);
        until("the broker", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        let made = Command::new(&tansu).args(["topic", "create", "--broker", &url, "alerts"]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let server = format!("127.0.0.1:{port}");
        let settings = KafkaConfig { retries: 20, compress: true, ..settings(&server) };
        let bench = bench(0).with(Kafka::new(settings).unwrap());
        bench.send(0..300);
        until("all", || bench.totals().delivered == 300);
        let read = read_back(&server);
        assert!(read.iter().all(|(key, _)| key == "host-1"));
        assert!(read.iter().flat_map(|(_, value)| numbers(value)).eq(0..300), "{}", read.len());
    }

    /// Keys and values of all partitions.
    fn read_back(server: &str) -> Vec<(String, String)> {
        use rskafka::client::ClientBuilder;
        use rskafka::client::partition::{OffsetAt, UnknownTopicHandling};
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = ClientBuilder::new(vec![server.to_owned()]).build().await.unwrap();
            let mut read = Vec::new();
            for partition in 0..3 {
                let client = client.partition_client("alerts", partition, UnknownTopicHandling::Error).await.unwrap();
                let (mut at, end) = (0, client.get_offset(OffsetAt::Latest).await.unwrap());
                while at < end {
                    let (records, _) = client.fetch_records(at, 1..10_000_000, 1000).await.unwrap();
                    for record in records {
                        let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap_or_default()).unwrap();
                        at = record.offset + 1;
                        read.push((text(record.record.key), text(record.record.value)));
                    }
                }
            }
            read
        })
    }
}

/// Other settings take effect between two alerts, and no alert is lost.
#[test]
fn outputs_change_while_alerts_flow() {
    let (one, two) = (Server::start(|_| Answer::new(200, "")), Server::start(|_| Answer::new(200, "")));
    let file = tempfile::tempdir().unwrap();
    let path = file.path().join("alerts");
    let wanted = |server: &Server, with_file: bool| {
        let http = Http::new(HttpConfig::new(&server.url())).unwrap();
        let mut wanted = vec![Wanted::new(Box::new(http), server.url())];
        let sink = peregrine_sinks::File::new(&path, true, false);
        if with_file {
            wanted.push(Wanted::new(Box::new(sink), ""));
        }
        wanted
    };
    let Bench { outputs, .. } = bench(0);
    let apply = |wanted| outputs.apply(wanted, Capacity::alerts(0), Duration::from_secs(10)).unwrap();
    apply(wanted(&one, true));
    let mut sent = 0;
    for round in 0..20 {
        for _ in 0..25 {
            outputs.send(numbered(sent), Wait::No);
            sent += 1;
        }
        let delivered = outputs.totals()[0].delivered;
        until("some headway", || outputs.totals()[0].delivered > delivered || delivered == sent as u64);
        apply(wanted(if round % 2 == 0 { &two } else { &one }, round < 10));
    }
    let totals = outputs.close();
    assert_eq!(totals.len(), 1);
    assert_eq!((totals[0].sent, totals[0].delivered, totals[0].lost), (500, 500, 0));
    let mut all: Vec<_> =
        one.requests().iter().chain(&two.requests()).flat_map(|request| numbers(&request.body)).collect();
    assert!(!one.requests().is_empty() && !two.requests().is_empty());
    all.sort_unstable();
    assert!(all.into_iter().eq(0..500));
    // The file was an output in eleven rounds.
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(numbers(&text).into_iter().eq(0..275));
}

/// The receiver of the next test, in a separate process. Each alert is on disk before it is answered.
#[test]
#[ignore = "is started by another test"]
fn receiver() {
    let (Ok(port), Ok(path)) = (std::env::var("RECEIVER_PORT"), std::env::var("RECEIVER_FILE")) else { return };
    let file = Mutex::new(std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap());
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    let _server = Server::start_at(address, None, move |request| {
        std::io::Write::write_all(&mut *file.lock().unwrap(), format!("{}\n", request.body).as_bytes()).unwrap();
        Answer::new(200, "")
    });
    // Until the other test kills this process, or has ended itself.
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
}

struct Receiver(std::process::Child);

impl Receiver {
    fn start(port: u16, file: &Path) -> Self {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["receiver", "--exact", "--ignored"])
            .env("RECEIVER_PORT", port.to_string())
            .env("RECEIVER_FILE", file)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        until("the receiver", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self(child)
    }

    /// kill -9
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The first occurrence of each number, in order: duplicates after a crash do not count.
fn first_times(text: &str) -> Vec<usize> {
    let mut seen = Vec::new();
    for number in numbers(text) {
        if seen.last().is_none_or(|last| *last < number) {
            seen.push(number);
        } else {
            assert!(seen.contains(&number));
        }
    }
    seen
}

#[test]
fn a_receiver_that_is_killed_again_and_again_misses_nothing() {
    for spooled in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("received");
        let port = peers::port();
        let settings = HttpConfig { retries: 1000, ..HttpConfig::new(&format!("http://127.0.0.1:{port}/")) };
        let mut bench = bench(0);
        let http = Http::new(settings).unwrap();
        if spooled {
            let spool = SpoolConfig::new(folder.path().join("spool"), 1 << 20);
            bench.outputs.add_spooled(http, &spool).unwrap();
        } else {
            bench.outputs.add(http);
        }
        let mut sent = 0;
        for _ in 0..3 {
            let receiver = Receiver::start(port, &file);
            let before = bench.totals().delivered;
            bench.send(sent..sent + 200);
            sent += 200;
            until("some alerts", || bench.totals().delivered > before + 20);
            receiver.kill();
            bench.send(sent..sent + 50);
            sent += 50;
        }
        let receiver = Receiver::start(port, &file);
        until("all", || bench.totals().delivered == sent as u64);
        let totals = bench.outputs.close()[0];
        assert_eq!((totals.sent, totals.lost, totals.spooled), (sent as u64, 0, 0));
        receiver.kill();
        assert!(first_times(&std::fs::read_to_string(&file).unwrap()).into_iter().eq(0..sent));
    }
}

/// A separate file system of 256 kB.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(folder.path());
        let mounted = mount.stderr(std::process::Stdio::null()).status().is_ok_and(|status| status.success());
        if !mounted {
            testkit::skip(&testkit::MOUNT, testkit::MOUNT.missing);
        }
        mounted.then_some(Self(folder))
    }

    /// Fills the file system.
    fn fill(&self) -> std::path::PathBuf {
        let path = self.0.path().join("ballast");
        let mut file = std::fs::File::create(&path).unwrap();
        while std::io::Write::write(&mut file, &[0; 4096]).is_ok_and(|count| count > 0) {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_delays_the_file_output() {
    let Some(disk) = SmallDisk::new() else { return };
    let path = disk.0.path().join("alerts");
    let bench = bench(0).with(peregrine_sinks::File::new(&path, true, true));
    bench.send(0..100);
    until("the first", || bench.totals().delivered == 100);
    let ballast = disk.fill();
    bench.send(100..500);
    until("a failure", || bench.totals().failing);
    assert!(bench.totals().delivered < 500);
    std::fs::remove_file(ballast).unwrap();
    until("the rest", || bench.totals().delivered == 500);
    assert!(numbers(&std::fs::read_to_string(&path).unwrap()).into_iter().eq(0..500));
}

#[test]
fn a_full_disk_stops_only_the_spool() {
    let Some(disk) = SmallDisk::new() else { return };
    let away = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let server = {
        let away = Arc::clone(&away);
        Server::start(move |_| Answer::new(if away.load(Ordering::SeqCst) { 503 } else { 200 }, ""))
    };
    let mut bench = bench(1000);
    let http = Http::new(HttpConfig { batch: 100, ..HttpConfig::new(&server.url()) }).unwrap();
    let spool = SpoolConfig::new(disk.0.path(), 16 << 20);
    bench.outputs.add_spooled(http, &spool).unwrap();
    bench.send(0..50);
    until("the spool", || bench.totals().spooled == 50);
    let ballast = disk.fill();
    // More than fits into the remaining space, and into memory.
    for number in 50..10_000 {
        bench.outputs.send(numbered(number), if number < 1000 { Wait::ForRoom } else { Wait::No });
    }
    let totals = bench.totals();
    assert!(totals.lost > 0, "{totals:?}");
    assert_eq!(totals.sent, totals.delivered + totals.lost + totals.queued + totals.spooled);
    std::fs::remove_file(ballast).unwrap();
    away.store(false, Ordering::SeqCst);
    until("the rest", || bench.totals().queued == 0 && bench.totals().spooled == 0);
    let totals = bench.outputs.close()[0];
    assert_eq!(totals.sent, totals.delivered + totals.lost);
    let received: Vec<_> = server.requests().iter().map(|request| numbers(&request.body)).collect::<Vec<_>>().concat();
    let taken: Vec<_> = received
        .iter()
        .scan(None, |last, number| {
            let new = last.is_none_or(|last| *number > last);
            *last = Some(last.map_or(*number, |last: usize| last.max(*number)));
            Some(new.then_some(*number))
        })
        .flatten()
        .collect();
    assert_eq!(taken.len() as u64, totals.delivered);
}

#[test]
fn a_slow_sink_costs_the_others_nothing() {
    let gate = Gate::default();
    let closed = gate.clone();
    let slow = Server::start(move |_| {
        closed.wait();
        Answer::new(200, "")
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts");
    let bench = bench(2000)
        .with(Http::new(HttpConfig::new(&slow.url())).unwrap())
        .with(peregrine_sinks::File::new(&path, true, true));
    for number in 0..20_000 {
        bench.outputs.send(numbered(number), Wait::No);
        // The file is fast enough; it must not lose any alert either.
        if number % 500 == 0 {
            until("the file", || bench.outputs.totals()[1].queued < 1000);
        }
    }
    until("the file", || bench.outputs.totals()[1].delivered == 20_000);
    let totals = bench.outputs.totals();
    assert!(totals[0].lost > 10_000 && totals[0].queued <= 2001, "{totals:?}");
    assert_eq!(totals[0].sent, totals[0].delivered + totals[0].lost + totals[0].queued);
    assert_eq!(totals[1].lost, 0);
    assert!(numbers(&std::fs::read_to_string(&path).unwrap()).into_iter().eq(0..20_000));
    gate.open();
}

/// Measures the cost of sending an alert for the event loop, in several situations: `--ignored --nocapture`.
#[test]
#[ignore = "prints figures"]
fn cost_of_sending() {
    const ALERTS: usize = 100_000;
    let hanging = std::net::TcpListener::bind(loopback()).unwrap();
    let hanging = format!("http://{}/", hanging.local_addr().unwrap());
    let closed = format!("http://127.0.0.1:{}/", peers::port());
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| peregrine_sinks::File::new(&folder.path().join(name), true, false);
    let http = |url: &str| Http::new(HttpConfig { batch: 100, ..HttpConfig::new(url) }).unwrap();
    let spool = SpoolConfig::new(folder.path().join("spool"), 64 << 20);
    for (name, bench) in [
        ("a file", bench(10_000).with(file("one"))),
        ("a server that hangs", bench(10_000).with(http(&hanging))),
        ("a server that is away", bench(10_000).with(http(&closed))),
        ("a server that is away, with a spool", {
            let mut bench = bench(10_000);
            bench.outputs.add_spooled(http(&closed), &spool).unwrap();
            bench
        }),
        (
            "a file and two servers, away and hanging",
            bench(10_000).with(file("two")).with(http(&closed)).with(http(&hanging)),
        ),
    ] {
        let text = bytes::Bytes::from(format!("{{\"rule\":\"{}\"}}", "x".repeat(500)));
        let (mut longest, start) = (Duration::ZERO, std::time::Instant::now());
        for _ in 0..ALERTS {
            let one = std::time::Instant::now();
            bench.outputs.send(Message::new(4, text.clone()), Wait::No);
            longest = longest.max(one.elapsed());
        }
        let each = start.elapsed().as_nanos() / ALERTS as u128;
        let totals = bench.outputs.totals();
        let sums: Vec<_> = totals.iter().map(|t| t.delivered + t.lost + t.queued + t.spooled == t.sent).collect();
        eprintln!(
            "{name}: {each} ns an alert, the longest {longest:?}; 10,000 a second take {:.1} % of a core; {sums:?}",
            each as f64 / 1e3
        );
        // Dropping the outputs without closing them abandons hanging sinks immediately.
        std::mem::forget(bench);
    }
}
