//! The program under attack.

use crate::common::{alerts, port, root};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The user `nobody`, and another one.
pub(crate) const NOBODY: u32 = 65534;
pub(crate) const OTHER: u32 = 65533;

const PATIENCE: Duration = Duration::from_secs(90);

/// One detector at a time: figures of one attack must not be those of another.
static ONE: Mutex<()> = Mutex::new(());

/// A running detector.
pub(crate) struct Target {
    pub(crate) child: Child,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) port: u16,
    _one: MutexGuard<'static, ()>,
}

impl Target {
    /// Starts it with additional configuration, in which `DIR` is its directory. `None`, with a recorded skip, if it cannot
    /// run here.
    #[track_caller]
    pub(crate) fn start(more: &str) -> Option<Self> {
        Self::start_with(|config| config + "\n" + more)
    }

    /// Starts it as the first process of a new PID namespace.
    #[track_caller]
    pub(crate) fn start_in_a_pid_namespace() -> Option<Self> {
        Self::start_by(&["unshare", "--pid", "--mount-proc", "--fork", "--kill-child"], |config| config, "")
    }

    /// Starts it with a changed configuration.
    #[track_caller]
    pub(crate) fn start_with(change: impl FnOnce(String) -> String) -> Option<Self> {
        Self::start_by(&[], change, "")
    }

    /// Starts it with additional rules.
    #[track_caller]
    pub(crate) fn start_with_rules(rules: &str) -> Option<Self> {
        Self::start_by(&[], |config| config, rules)
    }

    /// Starts it by a program, with a changed configuration and additional rules.
    #[track_caller]
    pub(crate) fn start_by(starter: &[&str], change: impl FnOnce(String) -> String, rules: &str) -> Option<Self> {
        if !testkit::ROOT.is_met() {
            testkit::skip(&testkit::ROOT, testkit::ROOT.missing);
            return None;
        }
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::copy(root().join("detector/daemon/rules/peregrine_rules.yaml"), path("peregrine_rules.yaml")).unwrap();
        fs::copy(std::env::current_exe().unwrap(), path("attacker")).unwrap();
        fs::set_permissions(path("attacker"), fs::Permissions::from_mode(0o755)).unwrap();
        let marked = "- rule: Marked file opened\n  desc: d\n  condition: evt.type in (open, openat) and fd.name contains \
                      /peregrine-marked-\n  output: opened %fd.name (user=%user.uid)\n  priority: WARNING\n";
        fs::write(path("peregrine_rules.local.yaml"), marked.to_owned() + rules).unwrap();
        let port = port();
        let packaged = fs::read_to_string(root().join("packaging/falco.yaml")).unwrap();
        let config = packaged
            .replace("/etc/peregrine", &folder.path().display().to_string())
            .replace("listen_port: 8765", &format!("listen_port: {port}"));
        assert!(config.contains(&port.to_string()));
        let config = change(config + "\nprotection: {heartbeat_file: DIR/heartbeat}\n");
        fs::write(path("falco.yaml"), config.replace("DIR", &folder.path().display().to_string())).unwrap();
        let child = Self::run(starter, &folder, "err");
        let mut target = Self { child, folder, port, _one: one };
        target.wait_until_it_watches("err").then_some(target)
    }

    fn run(starter: &[&str], folder: &tempfile::TempDir, err: &str) -> Child {
        let path = |name: &str| folder.path().join(name);
        let words: Vec<_> = starter.iter().copied().chain([env!("CARGO_BIN_EXE_peregrine")]).collect();
        Command::new(words[0])
            .args(&words[1..])
            .args(["-c", &path("falco.yaml").display().to_string()])
            .stdout(fs::File::options().append(true).create(true).open(path("out")).unwrap())
            .stderr(fs::File::create(path(err)).unwrap())
            .stdin(Stdio::null())
            .spawn()
            .unwrap()
    }

    #[track_caller]
    fn wait_until_it_watches(&mut self, err: &str) -> bool {
        let start = Instant::now();
        while !self.text(err).contains("watching this host") {
            if self.child.try_wait().unwrap().is_some() {
                // Anything else that ends it is an error.
                assert!(self.text(err).contains("live capture: "), "{}", self.text(err));
                testkit::skip(&testkit::BPF, self.text(err));
                return false;
            }
            assert!(start.elapsed() < PATIENCE, "{}", self.text(err));
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }

    /// Starts it once more, after it has ended.
    #[track_caller]
    pub(crate) fn start_again(&mut self) {
        self.child.wait().unwrap();
        self.child = Self::run(&[], &self.folder, "err2");
        assert!(self.wait_until_it_watches("err2"));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Starts an attack as a user. Its standard input is a pipe that ends it.
    pub(crate) fn attack(&self, user: u32, plan: &str) -> Child {
        Command::new(self.path("attacker"))
            .args(["--exact", "attacker::attacker", "--nocapture"])
            .env("PEREGRINE_ATTACK", plan.replace("PORT", &self.port.to_string()))
            .uid(user)
            .gid(user)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap()
    }

    /// Runs an attack to its end, and returns what it printed behind `attack: `.
    #[track_caller]
    pub(crate) fn attack_result(&self, user: u32, plan: &str) -> String {
        result_of(self.attack(user, plan))
    }

    /// Returns the body of a page, requested by root.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> String {
        let mut response = ureq::get(&format!("http://127.0.0.1:{}{path}", self.port)).call().unwrap();
        response.body_mut().read_to_string().unwrap()
    }

    /// Returns events and drops of the probe so far.
    #[track_caller]
    pub(crate) fn events(&self) -> (u64, u64) {
        // The answer may be a second old.
        std::thread::sleep(Duration::from_millis(1100));
        let text = self.get("/metrics");
        let value = |name: &str| -> u64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("{name}: {text}")).parse::<f64>().unwrap() as u64
        };
        (value("falcosecurity_scap_n_evts_total"), value("falcosecurity_scap_n_drops_total"))
    }

    /// Returns the alerts of a rule so far.
    pub(crate) fn alerts(&self, rule: &str) -> Vec<serde_json::Value> {
        let out = self.text("out");
        let whole = out.rfind('\n').map_or("", |end| &out[..end]);
        alerts(whole).into_iter().filter(|alert| alert["rule"] == rule).collect()
    }

    /// Waits for a condition.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !condition(self) {
            assert!(start.elapsed() < PATIENCE, "{what}: {}{}", self.text("err"), self.text("err2"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Does something that a rule matches, and waits for the alert.
    #[track_caller]
    pub(crate) fn expect_alert(&self, mark: &str) {
        let marked = format!("/peregrine-marked-{mark}");
        let _ = fs::File::open(&marked);
        self.until(&marked, |target| {
            let alerts = target.alerts("Marked file opened");
            alerts.iter().any(|alert| alert["output"].as_str().is_some_and(|output| output.contains(&marked)))
        });
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for the end of an attack, and returns what it printed.
#[track_caller]
pub(crate) fn result_of(attack: Child) -> String {
    let output = attack.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    text.lines().filter_map(|line| line.split_once("attack: ").map(|(_, text)| text)).collect::<Vec<_>>().join("\n")
}
