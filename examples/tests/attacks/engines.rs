//! Container engines that a user runs.

use crate::target::{NOBODY, Target};
use std::fs;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::Command;

/// A container of root, and one of the attacker.
const IDS: [&str; 2] = [
    "77d7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e",
    "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e",
];

const RULES: &str = "
- rule: Not in a trusted image
  desc: d
  condition: evt.type in (open, openat) and fd.name contains /peregrine-engine- and not container.image.repository = trusted
  output: opened %fd.name (id=%container.id name=%container.name)
  priority: WARNING
- rule: In a trusted image
  desc: d
  condition: evt.type in (open, openat) and fd.name contains /peregrine-engine- and container.image.repository = trusted
  output: opened %fd.name (id=%container.id name=%container.name)
  priority: WARNING
";

/// Control groups that end with the test, each in the one before.
struct Group(Vec<PathBuf>);

impl Group {
    /// Creates a path of control groups below the mounted hierarchy; `None` if there is none that may be changed.
    fn new(path: &str) -> Option<Self> {
        let mut at = PathBuf::from(testkit::cgroups()?);
        let mut made = Self(Vec::new());
        for part in path.split('/') {
            at.push(part);
            if !at.exists() {
                fs::create_dir(&at).ok()?;
                made.0.push(at.clone());
            }
        }
        Some(made)
    }

    /// Opens a file from within.
    fn open(&self, file: &str) {
        let procs = self.0.last().unwrap().join("cgroup.procs");
        // A process is looked at when it executes a program.
        let script = format!("echo $$ > {}; exec cat {file}", procs.display());
        Command::new("sh").args(["-c", &script]).output().unwrap();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for group in self.0.iter().rev() {
            let _ = fs::remove_dir(group);
        }
    }
}

#[test]
fn an_engine_of_a_user_silences_no_rule_for_a_container_of_the_host() {
    let groups = [
        Group::new(&format!("peregrine-attack/docker/{}", IDS[0])),
        Group::new(&format!("user.slice/user-{NOBODY}.slice/docker-{}.scope", IDS[1])),
    ];
    let [Some(host), Some(own)] = groups else {
        return testkit::skip(&testkit::CGROUP, testkit::CGROUP.missing);
    };
    let engine = format!("DIR/run/user/{NOBODY}/docker.sock");
    let config = format!(
        "plugins: [{{name: container, library_path: built-in, init_config: {{engines: {{docker: {{enabled: true, sockets: \
         [{engine}]}}}}}}}}]\n"
    );
    let Some(target) = Target::start_by(&[], |given| given + &config, RULES) else { return };
    let folder = target.path(&format!("run/user/{NOBODY}"));
    fs::create_dir_all(&folder).unwrap();
    chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
    let mut attack =
        target.attack(NOBODY, &format!("engine {} {}", folder.join("docker.sock").display(), IDS.join(",")));
    target.until("the engine", |_| folder.join("docker.sock").exists());
    let opened = |rule: &str, id: &str| {
        let alerts = target.alerts(rule);
        alerts.iter().filter(|alert| alert["output_fields"]["container.id"] == id[..12]).count()
    };
    // What it says of the containers of its own user is believed.
    target.until("the user's own container", |_| {
        own.open("/peregrine-engine-own");
        opened("In a trusted image", IDS[1]) > 0
    });
    // And nothing of the host's, however often.
    for round in 1..=5 {
        host.open("/peregrine-engine-host");
        target.until("an alert", |_| opened("Not in a trusted image", IDS[0]) == round);
    }
    assert_eq!(opened("In a trusted image", IDS[0]), 0);
    let of_host = target.alerts("Not in a trusted image");
    let mut of_host = of_host.iter().map(|alert| &alert["output_fields"]);
    assert!(of_host.all(|fields| fields["container.id"] != IDS[0][..12] || fields["container.name"].is_null()));
    drop(attack.stdin.take());
    attack.wait().unwrap();
}
