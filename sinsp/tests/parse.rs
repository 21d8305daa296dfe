//! Scenarios: the effects of events on the state, as text.
//!
//! Each file of `tests/parse/` is one family of calls. The lines before the first `=== NAME` begin every case of the
//! file; a case is a trace in the text form of `scap`, with checks between its lines:
//!
//! ```text
//! ! threads=3                           a setting, before all else
//! ? thread 8 pid=8 comm="sh"            after the event above: attributes of a thread
//! ? no thread 8
//! ? fd 8 3 kind=file name="/etc/passwd" a file descriptor of a thread
//! ? no fd 8 3
//! ? event thread=8 fd=3 fd.kind=file    the state that the event was shown with
//! ? hidden                              the event was not shown
//! ? stamp 8 new                         since the `? stamp 8` before: new or same; so `lineage 8`, `leaders 8`, `fdstamp 8 3`
//! ? user 1000 name="bob"                a user of the host; `? user 1000 @ID` of a container; `? group …`
//! ? metrics added_threads=2
//! ```

use std::collections::HashMap;
use std::path::Path;

use peregrine_sinsp::state::{Fd, FdKind, ProcessId, State, Thread};
use peregrine_sinsp::{Config, Event, Inspector, Next};
use scap::text::Trace;

const STATE_WORDS: [&str; 6] = ["machine", "interface", "user", "group", "thread", "fd"];

macro_rules! families {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            family(stringify!($name));
        }
    )*};
}

families! {
    clone execve exit lineage origin open descriptors sockets identity directories resources unknown capture containers limits
}

fn family(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parse").join(format!("{name}.trace"));
    let text = std::fs::read_to_string(&path).expect("the family's file");
    let mut parts = text.split("\n=== ");
    let prelude = parts.next().unwrap_or_default();
    let mut failures = Vec::new();
    for part in parts {
        let (title, body) = part.split_once('\n').expect("a case has lines");
        if let Err(fault) = case(&format!("{prelude}\n{body}")) {
            failures.push(format!("{title}: {fault}"));
        }
    }
    assert!(failures.is_empty(), "{name}:\n{}", failures.join("\n"));
}

fn case(text: &str) -> Result<(), String> {
    let mut config = Config::default();
    let mut trace = String::new();
    let mut steps = 0usize;
    let mut checks: Vec<(usize, &str)> = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        if let Some(setting) = line.strip_prefix("! ") {
            set(&mut config, setting)?;
        } else if let Some(check) = line.strip_prefix("? ") {
            checks.push((steps, check));
        } else {
            let word = line.split_whitespace().next().unwrap_or("#");
            steps += usize::from(!word.starts_with('#') && !STATE_WORDS.contains(&word));
            trace.push_str(line);
            trace.push('\n');
        }
    }
    if checks.is_empty() {
        return Err("nothing is checked".to_owned());
    }
    let trace = Trace::parse(&trace)
        .map_err(|error| format!("{error}: {}", trace.lines().nth(error.line - 1).unwrap_or_default()))?;
    let mut inspector = Inspector::with_config(trace, config);
    let mut checks = checks.into_iter().peekable();
    let mut seen = Seen::default();
    for step in 0..=steps {
        if step > 0 {
            match inspector.next().map_err(|error| error.to_string())? {
                Next::Event(event) => seen.look(&event),
                Next::Hidden => seen.hidden(),
                Next::Idle | Next::End => return Err(format!("the trace ends before step {step}")),
            }
            inspector.state().check().map_err(|fault| format!("after step {step}: {fault}"))?;
        }
        while let Some((_, check)) = checks.next_if(|(at, _)| *at == step) {
            seen.check(inspector.state(), check).map_err(|fault| format!("`? {check}` {fault}"))?;
        }
    }
    match inspector.next() {
        Ok(Next::End) => Ok(()),
        _ => Err("events are left: a line was not counted".to_owned()),
    }
}

fn set(config: &mut Config, setting: &str) -> Result<(), String> {
    let (key, value) = setting.split_once('=').ok_or("a setting is KEY=VALUE")?;
    let number = || value.parse().map_err(|_| format!("{value} is not a number"));
    match key {
        "threads" => config.limits.threads = number()?,
        "fds" => config.limits.fds_per_process = number()?,
        "entries" => config.limits.stored_events = number()?,
        "args" => config.limits.args_bytes = number()?,
        "env" => config.limits.env_bytes = number()?,
        "user_tables" => config.limits.user_tables = number()?,
        "users" => config.limits.users_per_table = number()?,
        "containers" => config.containers = value == "true",
        "track_status" => config.track_connection_status = value == "true",
        "suppress" => config.suppressed_comms.push(value.into()),
        _ => return Err(format!("unknown setting {key}")),
    }
    Ok(())
}

/// The state that the last event was shown with, and the stamps seen so far.
#[derive(Default)]
struct Seen {
    event: Option<HashMap<String, String>>,
    stamps: HashMap<String, u128>,
}

impl Seen {
    fn look(&mut self, event: &Event<'_>) {
        let mut values = HashMap::new();
        let mut put = |key: &str, value: String| values.insert(key.to_owned(), value);
        put("num", event.num().to_string());
        put("type", event.raw().info().map_or("?", |info| info.name).to_owned());
        put("thread", event.thread().map_or("none".to_owned(), |thread| thread.tid.to_string()));
        put("fd", event.fd_num().to_string());
        put("changed", event.facts().fd_name_changed.to_string());
        put("fd.name", "none".to_owned());
        put("fd.kind", "none".to_owned());
        if let Some(fd) = event.fd() {
            for key in ["name", "kind", "role", "status"] {
                put(&format!("fd.{key}"), of_fd(fd, key).unwrap_or_default());
            }
        }
        self.event = Some(values);
    }

    fn hidden(&mut self) {
        self.event = None;
    }

    fn check(&mut self, state: &State, check: &str) -> Result<(), String> {
        let words = words(check);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["hidden"] => match self.event {
                None => Ok(()),
                Some(_) => Err("it was shown".to_owned()),
            },
            ["no", "thread", tid] => match state.thread(number(tid)?) {
                None => Ok(()),
                Some(thread) => Err(format!("it is there: {}", thread.comm.escape_ascii())),
            },
            ["thread", tid, pairs @ ..] => {
                let thread = state.thread(number(tid)?).ok_or("no such thread")?;
                compare(pairs, |key| of_thread(state, thread, key))
            }
            ["no", "fd", tid, num] => {
                let thread = state.thread(number(tid)?).ok_or("no such thread")?;
                match state.fd(thread, number(num)?) {
                    None => Ok(()),
                    Some(fd) => Err(format!("it is there: {:?}", fd.name)),
                }
            }
            ["fd", tid, num, pairs @ ..] => {
                let thread = state.thread(number(tid)?).ok_or("no such thread")?;
                let fd = state.fd(thread, number(num)?).ok_or("no such file descriptor")?;
                compare(pairs, |key| of_fd(fd, key))
            }
            ["event", pairs @ ..] => {
                let event = self.event.as_ref().ok_or("it was hidden")?;
                compare(pairs, |key| event.get(key).cloned())
            }
            ["metrics", pairs @ ..] => {
                let all = format!("{:?}", state.metrics()).replace(['{', '}'], ",");
                compare(pairs, |key| {
                    let rest = &all[all.find(&format!(" {key}: "))?..];
                    rest.split_once(": ")?.1.split(',').next().map(|value| value.trim().to_owned())
                })
            }
            [what @ ("stamp" | "lineage" | "leaders"), tid, expected] => {
                let thread = state.thread(number(tid)?).ok_or("no such thread")?;
                let stamp = match *what {
                    "stamp" => state.stamp(thread),
                    "lineage" => state.lineage_stamp(thread),
                    _ => state.leaders_stamp(thread),
                };
                self.stamp(format!("{what} {tid}"), stamp, expected)
            }
            ["fdstamp", tid, num, expected] => {
                let thread = state.thread(number(tid)?).ok_or("no such thread")?;
                let fd = state.fd(thread, number(num)?).ok_or("no such file descriptor")?;
                self.stamp(format!("fd {tid} {num}"), fd.stamp.into(), expected)
            }
            [what @ ("user" | "group"), id, pairs @ ..] => {
                let (container, pairs) = match pairs {
                    [first, rest @ ..] if first.starts_with('@') => (&first[1..], rest),
                    _ => ("", pairs),
                };
                let id = u32::try_from(number(id)?).map_err(|_| "invalid id")?;
                let text = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
                let found: Vec<(&str, String)> = match *what {
                    "user" => state.user(container.as_bytes(), id).map(|user| {
                        vec![("name", text(&user.name)), ("home", text(&user.home)), ("shell", text(&user.shell))]
                    }),
                    _ => state.group(container.as_bytes(), id).map(|group| vec![("name", text(&group.name))]),
                }
                .unwrap_or_else(|| vec![("name", "none".to_owned())]);
                compare(pairs, |key| found.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone()))
            }
            _ => Err("is not a check".to_owned()),
        }
    }

    fn stamp(&mut self, key: String, stamp: u128, expected: &str) -> Result<(), String> {
        let before = self.stamps.insert(key, stamp);
        match (expected, before) {
            ("new", Some(before)) if before == stamp => Err("is the same".to_owned()),
            ("same", Some(before)) if before != stamp => Err("is new".to_owned()),
            ("new" | "same" | "seen", _) => Ok(()),
            _ => Err("new, same or seen".to_owned()),
        }
    }
}

fn number(word: &str) -> Result<i64, String> {
    word.parse().map_err(|_| format!("{word} is not a number"))
}

/// Splits at spaces outside quotes, and removes the quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quoted, mut open) = (Vec::<String>::new(), false, false);
    for char in line.chars() {
        match char {
            '"' => quoted = !quoted,
            ' ' if !quoted => open = false,
            char => {
                if !open {
                    words.push(String::new());
                    open = true;
                }
                if let Some(word) = words.last_mut() {
                    word.push(char);
                }
            }
        }
    }
    words
}

fn compare(pairs: &[&str], value: impl Fn(&str) -> Option<String>) -> Result<(), String> {
    if pairs.is_empty() {
        return Ok(());
    }
    for pair in pairs {
        let (key, expected) = pair.split_once('=').ok_or_else(|| format!("{pair} is not KEY=VALUE"))?;
        let found = value(key).ok_or_else(|| format!("has no {key}"))?;
        if found != expected {
            return Err(format!("found {key}={found}"));
        }
    }
    Ok(())
}

fn process(id: ProcessId) -> String {
    format!("{}@{}", id.pid, id.start)
}

fn of_thread(state: &State, thread: &Thread, key: &str) -> Option<String> {
    let text = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    let joined = |list: Vec<String>| list.join(",");
    Some(match key {
        "tid" => thread.tid.to_string(),
        "pid" => thread.pid.to_string(),
        "ptid" => thread.ptid.to_string(),
        "reaper" => thread.reaper_tid.to_string(),
        "sid" => thread.sid.to_string(),
        "pgid" => thread.pgid.to_string(),
        "vpgid" => thread.vpgid.to_string(),
        "vtid" => thread.vtid.to_string(),
        "vpid" => thread.vpid.to_string(),
        "comm" => text(&thread.comm),
        "current_comm" => text(thread.current_comm()),
        "exe" => text(&thread.exe),
        "exepath" => text(&thread.exepath),
        "args" => joined(thread.args().map(text).collect()),
        "env" => joined(state.env(thread).map(text).collect()),
        "cmdline" => {
            let mut line = Vec::new();
            thread.cmdline_into(&mut line);
            text(&line)
        }
        "cgroups" => joined(thread.cgroups().map(|(name, path)| format!("{}={}", text(name), text(path))).collect()),
        "container" => text(&thread.container_id),
        "cwd" => text(state.cwd(thread)),
        "root" => text(&thread.root),
        "fdlimit" => thread.fdlimit.to_string(),
        "uid" => (thread.uid as i32).to_string(),
        "gid" => (thread.gid as i32).to_string(),
        "loginuid" => (thread.loginuid as i32).to_string(),
        "tty" => thread.tty.to_string(),
        "caps" => format!("{:x},{:x},{:x}", thread.cap_inheritable, thread.cap_permitted, thread.cap_effective),
        "exe_ino" => thread.exe_ino.to_string(),
        "ctime_after_clone" => thread.exe_ino_ctime_duration_clone_ts.to_string(),
        "ctime_after_pidns" => thread.exe_ino_ctime_duration_pidns_start.to_string(),
        "exe_flags" => {
            let flags = [
                (thread.exe_writable, "writable"),
                (thread.exe_upper_layer, "upper"),
                (thread.exe_lower_layer, "lower"),
                (thread.exe_from_memfd, "memfd"),
            ];
            joined(flags.iter().filter(|(on, _)| *on).map(|(_, name)| (*name).to_owned()).collect())
        }
        "vmsize" => thread.vmsize_kb.to_string(),
        "vmrss" => thread.vmrss_kb.to_string(),
        "vmswap" => thread.vmswap_kb.to_string(),
        "pfmajor" => thread.pfmajor.to_string(),
        "pfminor" => thread.pfminor.to_string(),
        "dead" => thread.is_dead().to_string(),
        "placeholder" => thread.is_placeholder().to_string(),
        "in_pidns" => thread.is_in_pidns().to_string(),
        "leader" => state.leader(thread).map_or("none".to_owned(), |leader| leader.tid.to_string()),
        "threads" => state.thread_count(thread).to_string(),
        "followers" => state.follower_count(thread).to_string(),
        "children" => {
            let mut children = thread.children().to_vec();
            children.sort_unstable();
            joined(children.iter().map(i64::to_string).collect())
        }
        "ancestors" => joined(state.ancestors(thread).map(|ancestor| ancestor.tid.to_string()).collect()),
        "creators" => joined(state.creators(thread).map(process).collect()),
        "creator_count" => state.creators(thread).count().to_string(),
        "last_creator" => state.creators(thread).last().map_or("none".to_owned(), process),
        "in_session" => state.session(thread).map_or("none".to_owned(), process),
        "session" => state.session_leader(thread).map_or("none".to_owned(), |leader| leader.tid.to_string()),
        "group" => state.group_leader(thread).map_or("none".to_owned(), |leader| leader.tid.to_string()),
        "vgroup" => state.virtual_group_leader(thread).map_or("none".to_owned(), |leader| leader.tid.to_string()),
        "fds" => {
            let mut nums: Vec<i64> = state.fds(thread)?.iter().map(|(num, _)| num).collect();
            nums.sort_unstable();
            joined(nums.iter().map(i64::to_string).collect())
        }
        _ => return None,
    })
}

fn of_fd(fd: &Fd, key: &str) -> Option<String> {
    let end = |end: Option<(std::net::IpAddr, u16)>| end.map_or("none".to_owned(), |(ip, port)| format!("{ip}:{port}"));
    Some(match key {
        "kind" => match &fd.kind {
            FdKind::Ipv4Server { .. } => "ipv4 server".to_owned(),
            FdKind::Ipv6Server(_) => "ipv6 server".to_owned(),
            kind => kind.type_name().unwrap_or("none").to_owned(),
        },
        "name" => String::from_utf8_lossy(&fd.name).into_owned(),
        "raw" => String::from_utf8_lossy(&fd.name_raw).into_owned(),
        "flags" => fd.open_flags.to_string(),
        "cloexec" => fd.is_close_on_exec().to_string(),
        "dev" => fd.dev.to_string(),
        "ino" => fd.ino.to_string(),
        "role" => format!("{:?}", fd.role).to_lowercase(),
        "status" => format!("{:?}", fd.status).to_lowercase(),
        "overlay" => format!("{:?}", fd.overlay).to_lowercase(),
        "l4" => format!("{:?}", fd.l4()).to_lowercase(),
        "source" => end(fd.source()),
        "destination" => end(fd.destination()),
        "pid" => match fd.kind {
            FdKind::PidFd { pid } => pid.to_string(),
            _ => return None,
        },
        "pointers" => match &fd.kind {
            FdKind::Unix(ends) => format!("{:x}->{:x}", ends.source, ends.destination),
            _ => return None,
        },
        _ => return None,
    })
}
