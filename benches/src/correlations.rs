//! Correlations as an operator may write them: over the alerts of rule files, and sequences of system calls.

use std::fmt::Write as _;

use rule_engine::load::Loaded;

/// Programs, directories and ports that occur on most hosts.
const PROGRAMS: [&str; 20] = [
    "bash", "sh", "python3", "curl", "cat", "ls", "grep", "find", "git", "ssh", "nginx", "node", "perl", "sed", "awk",
    "tar", "make", "gcc", "dd", "nc",
];
const DIRECTORIES: [&str; 10] = [
    "/etc/ssl/",
    "/tmp/",
    "/proc/self/",
    "/usr/share/",
    "/var/log/",
    "/home/",
    "/root/",
    "/dev/shm/",
    "/opt/",
    "/srv/",
];
const PORTS: [u16; 5] = [22, 53, 80, 443, 8080];
const KEYS: [&str; 4] = ["process", "tree", "session", "container"];

/// Returns the names of the enabled rules of system calls.
pub fn rule_names(loaded: &Loaded) -> Vec<String> {
    let rules = loaded.collection.rules.iter().map(|rule| &rule.rule);
    rules.filter(|rule| rule.enabled && rule.source.text == "syscall").map(|rule| rule.name.clone()).collect()
}

/// Returns correlations over the alerts of rules: counts, distinct counts and sequences, `count` of them.
pub fn over_alerts(names: &[String], count: usize) -> String {
    let mut out = String::new();
    for number in 0..count {
        let quoted = |place: usize| serde_json::Value::from(names[place % names.len()].as_str()).to_string();
        let (one, two) = (quoted(2 * number), quoted(2 * number + 1));
        let body = match number % 3 {
            0 => format!("  type: event_count\n  rules: [{one}, {two}]\n  condition: {{gte: 5}}\n"),
            1 => format!("  type: temporal_ordered\n  rules: [{one}, {two}]\n"),
            _ => format!("  type: value_count\n  rules: [{one}, {two}]\n  field: fd.name\n  condition: {{gte: 10}}\n"),
        };
        item(&mut out, &format!("alerts {number}"), &body, number);
    }
    out
}

/// Returns sequences of three steps over execve, open and connect, in different orders, `count` of them. The first
/// twenty are about programs that occur; of more, the rest are about programs that do not, as in a large set of rules.
pub fn sequences(count: usize) -> String {
    let mut out = String::new();
    for number in 0..count {
        let suffix = if number < PROGRAMS.len() { String::new() } else { number.to_string() };
        let program = format!("{}{suffix}", PROGRAMS[number % PROGRAMS.len()]);
        let directory = DIRECTORIES[number % DIRECTORIES.len()];
        let steps = [
            format!("    - {{as: run, condition: 'evt.type in (execve, execveat) and proc.name = {program}'}}\n"),
            format!(
                "    - {{as: read, condition: 'evt.type in (open, openat, openat2) and proc.name = {program} and \
                 fd.name startswith {directory}'}}\n"
            ),
            format!(
                "    - {{as: connect, condition: 'evt.type = connect and proc.name = {program} and fd.sport = {}'}}\n",
                PORTS[number % PORTS.len()]
            ),
        ];
        let order = (0..3).map(|step| steps[(number + step) % 3].as_str()).collect::<String>();
        item(&mut out, &format!("sequence {number}"), &format!("  type: temporal_ordered\n  rules:\n{order}"), number);
    }
    out
}

fn item(out: &mut String, name: &str, body: &str, number: usize) {
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "- correlation: {name}\n  desc: d\n{body}  group-by: [{}]\n  timespan: {}s\n  \
         output: \"{name} %last.proc.name %last.proc.cmdline %first.proc.pname %correlation.count\"\n  \
         priority: NOTICE\n",
        KEYS[number % KEYS.len()],
        10 + 10 * (number % 6),
    );
}
