//! Effects of the output settings.

use crate::common::alerts;
use crate::common::service::Service;
use crate::peers::http::{Answer, Gate, Server};
use crate::peers::tls::Certificates;
use crate::program::{run, run_in, told};
use std::fs;
use std::path::Path;

pub(super) fn plain_outputs() {
    let count = told("").len();
    let lines = |path: &Path| fs::read_to_string(path).unwrap().lines().filter(|line| line.starts_with('{')).count();
    for more in ["", "buffered_outputs: true\n"] {
        for keep_alive in [false, true] {
            let (folder, ran) = run(&format!(
                "{more}stdout_output: {{enabled: false}}\n\
                 file_output: {{enabled: true, keep_alive: {keep_alive}, filename: DIR/alerts}}\n\
                 program_output: {{enabled: true, keep_alive: {keep_alive}, program: 'cat >> DIR/piped; echo end >> DIR/piped'}}\n"
            ));
            assert_eq!(ran.code, 0, "{}", ran.err);
            assert!(alerts(&ran.out).is_empty());
            assert_eq!(lines(&folder.path().join("alerts")), count);
            assert_eq!(lines(&folder.path().join("piped")), count);
            let ends = fs::read_to_string(folder.path().join("piped")).unwrap().matches("end\n").count();
            assert_eq!(ends, if keep_alive { 1 } else { count });
        }
    }
}

pub(super) fn slow_output() {
    let mut service = Service::start(
        "metrics: {enabled: true, interval: 100ms, output_rule: true}\noutputs_queue: {capacity: 1}\n\
         output_timeout: 200\n\
         program_output: {enabled: true, program: 'sleep 1'}\n",
    );
    service.until("the complaints", |service| {
        let text = service.text("err");
        text.contains("program output: the queue is full")
            && text.contains("program output: timeout: one alert has taken more than 200ms")
    });
    assert_eq!(service.end().0, 0);
}

pub(super) fn syslog() {
    for (format, start) in [("auto", "<13>"), ("rfc3164", "<13>"), ("rfc5424", "<13>1 ")] {
        let folder = tempfile::tempdir().unwrap();
        let daemon = std::os::unix::net::UnixDatagram::bind(folder.path().join("log")).unwrap();
        daemon.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            let count = daemon.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..count].to_vec()).unwrap()
        });
        run_in(
            folder.path(),
            &format!("priority: notice\nsyslog_output: {{enabled: true, address: DIR/log, format: {format}}}\n"),
        );
        let text = reader.join().unwrap();
        assert!(text.starts_with(start) && text.contains("\"rule\":\"First\""), "{text}");
        assert_eq!(text.starts_with("<13>1 "), format == "rfc5424");
    }
}

/// With `spool: true`, alerts go through the spool directory of each output.
pub(super) fn spools() {
    let port = crate::common::port();
    let folder = tempfile::tempdir().unwrap();
    let count = told("").len();
    let ran = run_in(
        folder.path(),
        &format!(
            "output_timeout: 500\noutputs_spool: {{path: DIR/spool, max_size_mb: 1}}\n\
             file_output: {{enabled: true, filename: DIR/alerts, spool: true}}\n\
             program_output: {{enabled: true, program: 'cat >> DIR/piped', keep_alive: true, spool: true}}\n\
             syslog_output: {{enabled: true, address: 'tcp://127.0.0.1:{port}', spool: true}}\n\
             elasticsearch_output: {{enabled: true, url: 'http://127.0.0.1:{port}', spool: true}}\n\
             kafka_output: {{enabled: true, brokers: ['127.0.0.1:{port}'], timeout: 200, spool: true}}\n"
        ),
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    for name in ["file", "program", "syslog", "elasticsearch", "kafka"] {
        assert!(folder.path().join("spool").join(name).join("position").is_file(), "{name}");
    }
    for name in ["syslog", "elasticsearch", "kafka"] {
        let line = format!("{name} output: {count} alerts stay in the spool for the next start");
        assert!(ran.err.contains(&line), "{line}: {}", ran.err);
    }
    assert_eq!(fs::read_to_string(folder.path().join("alerts")).unwrap().lines().count(), count);
    let (_folder, ran) = run("outputs_spool: {max_size_mb: 0}\n");
    assert!(ran.code == 1 && ran.err.contains("must be greater than 0"), "{}", ran.err);
}

pub(super) fn http() {
    let server = Server::start(|_| Answer::new(200, "answered"));
    let count = told("").len();
    let (_folder, ran) = run(&format!(
        "http_output:\n  enabled: true\n  url: {}\n  user_agent: me/2\n  echo: true\n  compress_uploads: true\n  \
         headers: {{x-team: blue}}\n  keep_alive: true\n",
        server.url()
    ));
    assert_eq!(ran.out.matches("answered\n").count(), count);
    let requests = server.requests();
    assert_eq!(requests.len(), count);
    for line in ["user-agent: me/2\r\n", "content-encoding: gzip\r\n", "x-team: blue\r\n", "application/json\r\n"] {
        assert!(requests[0].head.contains(line), "{line}: {}", requests[0].head);
    }
    let (_folder, _ran) = run(&format!("http_output: {{enabled: true, url: {}, batch: 1000}}\n", server.url()));
    let batches = &server.requests()[count..];
    assert!(batches.iter().all(|request| request.body.starts_with('[')));
    let alerts: usize = batches.iter().map(|request| request.body.matches("\"rule\":").count()).sum();
    assert_eq!(alerts, count);
}

/// The certificates of every HTTPS client: the http output, Elasticsearch, and rule bundles.
pub(super) fn https() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::new(folder.path());
    let (certificate, key) = certificates.client();
    let authorities = folder.path().join("authorities");
    fs::create_dir(&authorities).unwrap();
    fs::copy(certificates.authority(), authorities.join("ours.pem")).unwrap();
    let loopback = "127.0.0.1:0".parse().unwrap();
    let open = Server::start_at(loopback, Some(certificates.server(false)), |_| Answer::new(200, "{}"));
    let asking = Server::start_at(loopback, Some(certificates.server(true)), |_| Answer::new(200, "{}"));
    let (ca, path) = (certificates.authority(), authorities);
    let (ca, path, certificate, key) = (ca.display(), path.display(), certificate.display(), key.display());
    let arrives = |server: &Server, template: &str| {
        let before = server.requests().len();
        let url = format!("https://localhost:{}/", server.address.port());
        run(&template.replace("URL", &url));
        server.requests().len() > before
    };
    let http = |more: &str| {
        format!("output_timeout: 300\nhttp_output: {{enabled: true, url: URL, max_consecutive_timeouts: 0, {more}}}\n")
    };
    for (more, open_takes, asking_takes) in [
        ("ca_path: /no/such".to_owned(), false, false),
        ("ca_path: /no/such, insecure: true".to_owned(), true, false),
        (format!("ca_cert: {ca}"), true, false),
        (format!("ca_bundle: {ca}"), true, false),
        (format!("ca_path: {path}"), true, false),
        (format!("ca_cert: {ca}, mtls: true, client_cert: {certificate}, client_key: {key}"), true, true),
    ] {
        assert_eq!(arrives(&open, &http(&more)), open_takes, "{more}");
        assert_eq!(arrives(&asking, &http(&more)), asking_takes, "{more}");
    }
    for template in [
        "output_timeout: 300\nelasticsearch_output: {enabled: true, url: URL, max_retries: 0, tls: {TLS}}\n",
        "rules_bundle: {url: URL, public_key: x, cache: DIR/cache, tls: {TLS}}\n",
    ] {
        for (tls, open_takes, asking_takes) in [
            ("ca_path: /no/such".to_owned(), false, false),
            ("insecure: true".to_owned(), true, false),
            (format!("ca_cert: {ca}"), true, false),
            (format!("ca_path: {path}"), true, false),
            (format!("ca_cert: {ca}, client_cert: {certificate}, client_key: {key}"), true, true),
        ] {
            let template = template.replace("TLS", &tls);
            assert_eq!(arrives(&open, &template), open_takes, "{template}");
            assert_eq!(arrives(&asking, &template), asking_takes, "{template}");
        }
    }
}

/// The number of retries and their timeouts.
pub(super) fn retries() {
    let quick = Server::start(|_| Answer::new(200, "{\"errors\":false}"));
    let gate = Gate::default();
    let closed_gate = gate.clone();
    let silent = Server::start(move |_| {
        closed_gate.wait();
        Answer::new(200, "{\"errors\":false}")
    });
    let lost = |name: &str, more: &str| {
        let (_folder, ran) = run(&format!("priority: warning\nlog_level: debug\noutput_timeout: 5000\n{more}\n"));
        let line = ran
            .err
            .lines()
            .find(|line| line.contains(&format!("{name} output: ")) && line.contains(" from the spool, "));
        let line = line.unwrap_or_else(|| panic!("{}", ran.err)).to_owned();
        let word = |after: &str| -> u64 {
            let before = line.split(after).next().unwrap();
            before.rsplit(' ').next().unwrap().parse().unwrap()
        };
        (word(" alerts,"), word(" lost,"), word(" retries"))
    };
    for name in ["http", "elasticsearch"] {
        let retries = if name == "http" { "max_consecutive_timeouts" } else { "max_retries" };
        let settings = |server: &Server, timeout: u32| {
            let url = format!("http://{}", server.address);
            lost(
                name,
                &format!(
                    "{name}_output: {{enabled: true, url: '{url}', batch: 100, timeout: {timeout}, {retries}: 1}}"
                ),
            )
        };
        let (sent, none, _) = settings(&quick, 5000);
        assert_eq!(none, 0, "{name}");
        let (_, all, tries) = settings(&silent, 50);
        assert_eq!(all, sent, "{name}");
        assert!(tries >= 1);
    }
    let closed = crate::common::port();
    let kafka =
        format!("kafka_output: {{enabled: true, brokers: ['127.0.0.1:{closed}'], timeout: 100, max_retries: 1}}");
    let (sent, all, tries) = lost("kafka", &kafka);
    assert!(all == sent && tries >= 1);
}

pub(super) fn elasticsearch() {
    let server = Server::start(|_| Answer::new(200, "{\"errors\":false,\"items\":[]}"));
    let url = format!("http://{}", server.address);
    let (_folder, ran) = run(&format!(
        "elasticsearch_output: {{enabled: true, url: '{url}', index: mine, suffix: none, pipeline: p, username: u, \
         password: w, batch: 3, compress_uploads: true}}\n"
    ));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let requests = server.requests();
    for line in ["POST /_bulk?pipeline=p ", "authorization: Basic dTp3\r\n", "content-encoding: gzip\r\n"] {
        assert!(requests[0].head.contains(line), "{line}: {}", requests[0].head);
    }
    assert!(requests.iter().all(|request| request.body.lines().count() <= 6));
    assert!(requests[0].body.starts_with("{\"create\":{\"_index\":\"mine\",\"_id\":\""), "{}", requests[0].body);
    let documents: usize = requests.iter().map(|request| request.body.lines().count() / 2).sum();
    assert_eq!(documents, told("").len());
    run(&format!("elasticsearch_output: {{enabled: true, url: '{url}', suffix: annually, api_key: k}}\n"));
    let request = server.requests().last().cloned().unwrap();
    assert!(request.head.contains("authorization: ApiKey k\r\n") && request.body.contains("\"_index\":\"falco-20"));
    assert!(!request.body.contains("\"_index\":\"falco-20.."));
}

pub(super) fn kafka() {
    let count = told("").len();
    let broker = crate::peers::kafka::Broker::start("127.0.0.1:0".parse().unwrap(), "mine", 2, 1 << 20);
    let server = broker.address;
    let (_folder, ran) = run(&format!(
        "kafka_output: {{enabled: true, brokers: ['{server}'], topic: mine, client_id: me, batch: 2, compress_uploads: true}}\n"
    ));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let records = broker.records();
    assert_eq!(records.len(), count);
    assert!(records.iter().all(|record| record.packed && record.key.as_deref() == Some("test")));
    assert_eq!(broker.clients(), ["me"]);
    assert!(broker.most_at_once() <= 2);
    // Whether TLS and authentication are used is visible from the errors of a broker without them.
    let lost = |more: &str| {
        let (_folder, ran) = run(&format!(
            "output_timeout: 3000\nkafka_output: {{enabled: true, brokers: ['{server}'], topic: mine, timeout: 500, \
             max_retries: 0, {more}}}\n"
        ));
        ran.err.contains("alerts lost") || ran.err.contains("lost, ") || ran.code == 1
    };
    assert!(lost("tls_enabled: true, tls: {insecure: true}"));
    assert!(lost("sasl_mechanism: plain, username: u, password: w"));
    for (tls, part) in [
        ("ca_cert: /no/ca.pem", "/no/ca.pem"),
        ("ca_path: /no/such", "/no/such"),
        ("insecure: true, client_cert: /no/client.pem, client_key: /no/client.key", "/no/client.pem"),
    ] {
        let text =
            format!("kafka_output: {{enabled: true, brokers: ['{server}'], tls_enabled: true, tls: {{{tls}}}}}\n");
        let (_folder, ran) = run(&text);
        assert!(ran.code == 1 && ran.err.contains(part), "{tls}: {}", ran.err);
    }
}

/// Files are complete at the end, by size, and by age while the program runs.
pub(super) fn parquet() {
    let files = |folder: &Path| {
        let found = |folder: &Path| -> Vec<std::path::PathBuf> {
            let entries = fs::read_dir(folder).map(|entries| entries.map(|entry| entry.unwrap().path()).collect());
            entries.unwrap_or_default()
        };
        let hosts = found(&folder.join("dataset"));
        let dates: Vec<_> = hosts.iter().flat_map(|host| found(host)).collect();
        let files = dates.iter().flat_map(|date| found(date));
        files.filter(|file| file.extension().is_some_and(|end| end == "parquet")).collect::<Vec<_>>()
    };
    let is_whole = |file: &std::path::PathBuf| {
        let bytes = fs::read(file).unwrap();
        bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1")
    };
    let (folder, ran) = run("parquet_output: {enabled: true, directory: DIR/dataset}\n");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let at_the_end = files(folder.path());
    assert!(at_the_end.len() == 1 && at_the_end.iter().all(is_whole), "{at_the_end:?}");
    assert!(at_the_end[0].starts_with(folder.path().join("dataset/host=test")), "{at_the_end:?}");
    // At a size of 0 each delivery is a file.
    let (folder, ran) =
        run("buffered_outputs: false\nparquet_output: {enabled: true, directory: DIR/dataset, max_file_size_mb: 0}\n");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(!files(folder.path()).is_empty() && files(folder.path()).iter().all(is_whole));
    let mut service = Service::start(
        "metrics: {enabled: true, interval: 100ms, output_rule: true}\n\
         parquet_output: {enabled: true, directory: DIR/dataset, max_file_age: 1}\n",
    );
    service.until("a file while it runs", |service| files(service.folder.path()).iter().any(is_whole));
    assert_eq!(service.end().0, 0);
    let (_folder, ran) = run("parquet_output: {enabled: true}\n");
    assert!(ran.code == 1 && ran.err.contains("the Parquet output is enabled but has no directory"), "{}", ran.err);
}
