//! The web UI in a real browser: a headless Chromium, controlled over a pipe by the DevTools protocol.

mod common;

use serde_json::{Value as Json, json};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(40);

const RULES: &str = r#"
- rule: Somebody in a pod
  desc: d
  condition: ka.target.subresource = exec
  output: shell in a pod (user=%ka.user.name pod=%ka.target.name)
  priority: WARNING
  source: k8s_audit
  tags: [mitre_execution, T1609]

- rule: Secret read
  desc: d
  condition: ka.target.resource = secrets
  output: secret read (user=%ka.user.name secret=%ka.target.name)
  priority: NOTICE
  source: k8s_audit
  tags: [mitre_credential_access, T1552.007]
"#;

/// A browser with one page.
struct Browser {
    child: Child,
    to: File,
    from: Receiver<Json>,
    session: Option<String>,
    number: u64,
    /// Events that no call waited for.
    events: VecDeque<Json>,
    _folder: tempfile::TempDir,
}

impl Browser {
    /// Starts it, or records a skip.
    fn start() -> Option<Self> {
        let Some(program) = testkit::CHROMIUMS.iter().find(|name| testkit::in_path(name)) else {
            testkit::skip(&testkit::CHROMIUM, testkit::CHROMIUM.missing);
            return None;
        };
        let folder = tempfile::tempdir().expect("a directory");
        let path = |name: &str| folder.path().join(name);
        for name in ["to", "from"] {
            assert!(Command::new("mkfifo").arg(path(name)).status().expect("mkfifo").success());
        }
        // The browser reads from file descriptor 3 and writes to 4.
        let child = Command::new("sh")
            .arg("-c")
            .arg(
                "exec \"$1\" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
                 --remote-debugging-pipe --user-data-dir=\"$2/profile\" about:blank 3<\"$2/to\" 4>\"$2/from\"",
            )
            .args(["sh".as_ref(), program.as_ref(), folder.path().as_os_str()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the browser starts");
        let to = File::options().write(true).open(path("to")).expect("a pipe");
        let out = File::open(path("from")).expect("a pipe");
        let (sender, from) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(out).split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("JSON");
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self { child, to, from, session: None, number: 0, events: VecDeque::new(), _folder: folder };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        browser.session = browser.call("Target.attachToTarget", attach)["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    fn call(&mut self, method: &str, params: Json) -> Json {
        self.ask(method, params).unwrap_or_else(|fault| panic!("{method}: {fault}"))
    }

    /// Returns the result, or the error.
    fn ask(&mut self, method: &str, params: Json) -> Result<Json, Json> {
        self.number += 1;
        let mut message = json!({"id": self.number, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).expect("the browser listens");
        loop {
            let mut message = match self.from.recv_timeout(PATIENCE) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => panic!("{method}: no answer"),
            };
            if message["id"] == self.number {
                return if message.get("error").is_none() { Ok(message["result"].take()) } else { Err(message) };
            }
            self.events.push_back(message);
        }
    }

    /// Returns the value of an expression.
    fn value(&mut self, expression: &str) -> Json {
        self.evaluate(expression).unwrap_or_else(|fault| panic!("{expression}: {fault}"))
    }

    fn evaluate(&mut self, expression: &str) -> Result<Json, Json> {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut result = self.ask("Runtime.evaluate", params)?;
        if result.get("exceptionDetails").is_none() { Ok(result["result"]["value"].take()) } else { Err(result) }
    }

    /// Waits until an expression is true. It may have no value for a while: a page that goes away drops pending calls,
    /// and a new one is not complete at first.
    #[track_caller]
    fn until(&mut self, what: &str, expression: &str) {
        let start = Instant::now();
        loop {
            let value = self.evaluate(expression);
            if value.as_ref().is_ok_and(|value| *value == true) {
                return;
            }
            if start.elapsed() > PATIENCE {
                let text = self.value("document.body.innerText");
                panic!("{what}: {expression} is not true but {value:?}; the page says: {text}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({"url": url}));
        self.until("the page", "document.readyState === 'complete'");
    }

    fn key(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            self.call(
                "Input.dispatchKeyEvent",
                json!({"type": kind, "key": key, "text": if kind == "keyDown" && key.len() == 1 { key } else { "" }}),
            );
        }
    }

    /// Sets a filter like a user.
    fn set(&mut self, id: &str, value: &str) {
        self.value(&format!(
            "(() => {{ const it = document.getElementById('{id}'); it.value = {}; \
             it.dispatchEvent(new Event('input', {{bubbles: true}})); }})()",
            Json::from(value)
        ));
    }

    /// Returns the rules of the shown alerts, newest first.
    fn shown(&mut self) -> Vec<String> {
        let names = self.value("[...document.querySelectorAll('#alerts .name')].map((name) => name.textContent)");
        names.as_array().expect("names").iter().map(|name| name.as_str().expect("text").to_owned()).collect()
    }

    /// Returns the errors that the browser reported since the last call.
    fn complaints(&mut self) -> Vec<String> {
        self.value("0");
        let bad = |event: &Json| match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => matches!(event["params"]["type"].as_str(), Some("error" | "warning")),
            Some("Log.entryAdded") => matches!(event["params"]["entry"]["level"].as_str(), Some("error" | "warning")),
            _ => false,
        };
        self.events.drain(..).filter(bad).map(|event| event.to_string()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser's own processes end with it.
        let _ = self.to.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The detector, with the web UI and a webhook.
struct Detector {
    child: Child,
    page: String,
    hook: String,
}

impl Detector {
    fn start(folder: &Path, token: &str) -> Self {
        std::fs::write(folder.join("rules.yaml"), RULES).expect("written");
        let port = common::port();
        let (page, hook) = (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{}/k8s-audit", common::port()));
        let config = format!(
            "engine: {{kind: nodriver}}\nrules_files: [{0}/rules.yaml]\nstdout_output: {{enabled: true}}\n\
             plugins: [{{name: k8saudit, library_path: x, open_params: '{hook}'}}]\n\
             webserver: {{enabled: true, listen_address: 127.0.0.1, listen_port: {port}, ui_token: '{token}'}}\n",
            folder.display()
        );
        std::fs::write(folder.join("falco.yaml"), config).expect("written");
        let child = Command::new(env!("CARGO_BIN_EXE_peregrine"))
            .args(["-c", &folder.join("falco.yaml").display().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let detector = Self { child, page: format!("http://{page}/ui"), hook };
        let start = Instant::now();
        for url in [&detector.page, &detector.hook] {
            while ureq::get(url).config().http_status_as_error(false).build().call().is_err() {
                assert!(start.elapsed() < PATIENCE, "{url} does not answer");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        detector
    }

    fn event(&self, resource: &str, sub: &str, user: &str) {
        let event = json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": "x", "stage": "ResponseComplete", "verb": "create",
            "user": {"username": user}, "objectRef": {"resource": resource, "subresource": sub, "name": "web"},
        });
        let answer = ureq::post(&self.hook).header("content-type", "application/json").send(event.to_string());
        assert_eq!(answer.expect("taken").status(), 200);
    }
}

impl Drop for Detector {
    fn drop(&mut self) {
        // It has no data to save.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn alerts_appear_live_and_filters_work() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let detector = Detector::start(folder.path(), "");
    detector.event("pods", "exec", "early");
    browser.open(&detector.page);
    browser.until("the stream", "document.getElementById('live').dataset.state === 'on'");
    browser.until("what came before", "document.querySelectorAll('#alerts > li').length === 1");
    // Live, newest first.
    detector.event("secrets", "", "ann");
    browser.until("a live alert", "document.querySelectorAll('#alerts > li').length === 2");
    assert_eq!(browser.shown(), ["Secret read", "Somebody in a pod"]);
    // The text of an alert stays text, whatever it contains.
    detector.event("pods", "exec", "<img src=x onerror=\"document.title='owned'\"><script>1</script>");
    browser.until("a third", "document.querySelectorAll('#alerts > li').length === 3");
    browser.value("document.querySelector('#alerts details').open = true");
    browser.until("its detail", "document.querySelector('#alerts .detail')?.innerText.includes('<script>1</script>')");
    assert_eq!(browser.value("document.querySelectorAll('#alerts img, #alerts script').length"), 0);
    assert_ne!(browser.value("document.title"), "owned");
    // Filters: priority, words, fields, rule, and all together.
    browser.set("priority", "4");
    assert_eq!(browser.shown(), ["Somebody in a pod", "Somebody in a pod"]);
    browser.set("priority", "7");
    browser.set("search", "EARLY");
    assert_eq!(browser.shown(), ["Somebody in a pod"]);
    browser.set("search", "ka.user.name=ann");
    assert_eq!(browser.shown(), ["Secret read"]);
    browser.set("rule", "Somebody in a pod");
    assert!(browser.shown().is_empty());
    assert_eq!(browser.value("document.getElementById('empty').hidden"), false);
    for (search, count) in [
        ("priority=warning", 2),
        ("priority=notice", 0),
        ("rule=\"in a pod\"", 2),
        ("source=k8s", 2),
        ("tag=no_such_tag", 0),
        ("KA.user.NAME=early", 1),
    ] {
        browser.set("search", search);
        assert_eq!(browser.shown().len(), count, "{search}");
    }
    browser.value("document.getElementById('search').focus()");
    browser.key("Escape");
    assert_eq!(browser.shown().len(), 3);
    let fields = "['search', 'rule'].map((id) => document.getElementById(id).value).join('')";
    assert_eq!(browser.value(fields), "");
    browser.set("rule", "Somebody in a pod");
    // An alert that does not match the filter is counted and not shown.
    detector.event("secrets", "", "bob");
    browser.until("the count", "document.getElementById('count').textContent.startsWith('2 of 4 ')");
    assert_eq!(browser.shown().len(), 2);
    // Keys: clear, pause and resume, the matrix.
    browser.value("document.activeElement.blur()");
    browser.key("c");
    assert_eq!(browser.shown().len(), 4);
    browser.key("p");
    detector.event("secrets", "", "eve");
    browser.until("the pause", "document.getElementById('count').textContent.includes('paused, 1 waiting')");
    assert_eq!(browser.shown().len(), 4);
    browser.key("p");
    browser.until("going on", "document.querySelectorAll('#alerts > li').length === 5");
    browser.key("j");
    assert_eq!(browser.value("document.activeElement.tagName"), "SUMMARY");
    browser.key("2");
    browser.until("the matrix", "document.querySelectorAll('#matrix button.hit').length === 2");
    browser.value("document.querySelector('#matrix button.hit').click()");
    browser.until("the alerts of a technique", "document.querySelectorAll('#alerts > li').length === 2");
    browser.key("3");
    browser.until("the rules", "document.querySelector('#rules tbody td.num')?.textContent === '3'");
    browser.key("4");
    browser.until("the sources", "document.getElementById('sources').innerText.includes('k8s_audit')");
    browser.key("1");
    browser.until("the chart", "document.querySelectorAll('#chart rect').length > 0");
    // The theme is switched and stays.
    let before = browser.value("getComputedStyle(document.body).backgroundColor");
    browser.key("t");
    assert_ne!(browser.value("getComputedStyle(document.body).backgroundColor"), before);
    browser.open(&detector.page);
    assert_ne!(browser.value("getComputedStyle(document.body).backgroundColor"), before);
    // On a phone nothing is wider than the screen.
    let phone = json!({"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true});
    browser.call("Emulation.setDeviceMetricsOverride", phone);
    browser.until("the phone", "innerWidth === 360");
    for view in ["alerts", "attack", "rules", "sources"] {
        browser.value(&format!("document.getElementById('tab-{view}').click()"));
        assert_eq!(browser.value("document.documentElement.scrollWidth <= innerWidth"), true, "{view}");
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

/// A page that nobody updates any more says so, and so does one of a program that watches nothing.
#[test]
fn what_is_old_or_missing_is_plain_to_see() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let mut detector = Detector::start(folder.path(), "");
    detector.event("pods", "exec", "early");
    browser.open(&detector.page);
    browser.until("figures", "document.getElementById('cards').innerText.includes('Alerts')");
    let number = "document.querySelector('#cards b').textContent";
    browser.until("the count of the list", &format!("{number} === '1'"));
    assert_eq!(
        browser.value("document.getElementById('gone').hidden && document.getElementById('blind').hidden"),
        true
    );
    detector.child.kill().expect("a child");
    detector.child.wait().expect("a child");
    browser.until("the banner", "document.getElementById('gone').checkVisibility()");
    assert_eq!(browser.value("document.body.dataset.stale"), "true");
    assert_eq!(browser.value("document.getElementById('gone').innerText.startsWith('No connection to ')"), true);
    assert_eq!(browser.value("document.getElementById('live').innerText"), "no connection");

    let port = common::port();
    let mut service = common::service::Service::start(&format!(
        "webserver: {{enabled: true, listen_address: 127.0.0.1, listen_port: {port}}}\n"
    ));
    service.until("the server", |_| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    browser.open(&format!("http://127.0.0.1:{port}/ui"));
    browser.until("the note", "document.getElementById('blind').checkVisibility()");
    browser.until("the list", "document.getElementById('empty').innerText.includes('nothing is watched')");
    assert_eq!(service.end().0, 0);
}

/// HTTP/2 has the host in :authority.
#[test]
fn the_page_is_served_over_http_2() {
    if !testkit::CURL.is_met() {
        testkit::skip!(CURL);
    }
    let folder = tempfile::tempdir().expect("a directory");
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let pem = certified.cert.pem() + &certified.signing_key.serialize_pem();
    std::fs::write(folder.path().join("both.pem"), pem).expect("written");
    let port = common::port();
    let mut service = common::service::Service::start_in(
        folder,
        &format!(
            "webserver: {{enabled: true, listen_address: 127.0.0.1, listen_port: {port}, ssl_enabled: true, \
             ssl_certificate: DIR/both.pem}}\n"
        ),
    );
    service.until("the server", |_| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let get = |more: &[&str]| {
        let url = format!("https://localhost:{port}/ui");
        let mut curl = Command::new("curl");
        curl.args(["-s", "-k", "--http2", "-o", "/dev/null", "-w", "%{http_version} %{http_code}"]).args(more).arg(url);
        String::from_utf8(curl.output().expect("curl").stdout).expect("text")
    };
    assert_eq!(get(&[]), "2 200");
    assert_eq!(get(&["-H", "Host: evil.example"]), "2 403");
    assert_eq!(get(&["--http1.1"]), "1.1 200");
    assert_eq!(service.end().0, 0);
}

#[test]
fn a_token_is_required_once() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let detector = Detector::start(folder.path(), "the+word");
    browser.open(&detector.page);
    assert_eq!(browser.value("document.getElementById('token').type"), "password");
    browser.value(
        "document.getElementById('token').value = 'the+word'; setTimeout(() => document.forms[0].requestSubmit())",
    );
    browser.until("the page", "document.getElementById('live')?.dataset.state === 'on'");
    assert_eq!(browser.value("document.cookie"), "");
    browser.open(&detector.page);
    browser.until("the page again", "document.getElementById('live')?.dataset.state === 'on'");
    let api = detector.page.replace("/ui", "/ui/api/overview");
    let status = |header: Option<&str>| {
        let mut request = ureq::get(&api).config().http_status_as_error(false).build();
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        request.call().expect("an answer").status().as_u16()
    };
    assert_eq!([status(None), status(Some("Bearer wrong")), status(Some("Bearer the+word"))], [401, 401, 200]);
}

#[test]
fn the_page_is_restricted() {
    let folder = tempfile::tempdir().expect("a directory");
    let detector = Detector::start(folder.path(), "");
    for path in ["", "/app.js", "/style.css", "/api/overview"] {
        let answer = ureq::get(format!("{}{path}", detector.page)).call().expect("an answer");
        let header = |name: &str| {
            answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        assert!(header("content-security-policy").starts_with("default-src 'none'; script-src 'self';"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff");
    }
    // A page of another site that uses another name for this address has no access.
    let strange =
        ureq::get(&detector.page).header("host", "evil.example").config().http_status_as_error(false).build().call();
    assert_eq!(strange.expect("an answer").status(), 403);
    // The web UI is read-only.
    let written =
        ureq::post(format!("{}/api/overview", detector.page)).config().http_status_as_error(false).build().send_empty();
    assert_eq!(written.expect("an answer").status(), 405);
}
