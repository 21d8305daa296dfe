//! `pscap info`: describes a capture.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use scap::render::{Civil, address};
use scap::schema::EventCode;
use scap::{Event, HostState, Next, Source};
use serde_json::{Value as Json, json};

use crate::cli::Info;
use crate::input::Input;
use crate::{Fatal, output};

/// The counts of a capture.
#[derive(Default)]
struct Counts {
    events: u64,
    state_only: u64,
    bytes: u64,
    first: Option<u64>,
    last: u64,
    restarts: u64,
    by_code: BTreeMap<EventCode, u64>,
}

pub(crate) fn run(options: &Info) -> Result<(), Fatal> {
    let mut input = Input::open(&options.file)?;
    // The state at the start of the capture; that of joined captures replaces it while reading.
    let host = summary(input.host());
    let mut counts = Counts::default();
    let error = loop {
        match input.next() {
            Ok(Next::Event(event)) => counts.add(&event),
            Ok(Next::Restart) => counts.restarts += 1,
            Ok(Next::Idle) => {}
            Ok(Next::End) => break None,
            Err(error) => break Some(error),
        }
    };
    let all = to_json(&options.file, &input, &host, &counts);
    output::print(&if options.json { format!("{all:#}\n") } else { text(&all) })?;
    // The readable part is printed; the error is still a failure.
    error.map_or(Ok(()), |error| Err(error.into()))
}

impl Counts {
    fn add(&mut self, event: &Event<'_>) {
        self.events += 1;
        self.state_only += u64::from(event.flags() & Event::STATE_ONLY != 0);
        self.bytes += event.bytes().len() as u64;
        let ts = event.ts();
        self.first = Some(self.first.map_or(ts, |first| first.min(ts)));
        self.last = self.last.max(ts);
        *self.by_code.entry(event.code()).or_default() += 1;
    }
}

fn summary(host: &HostState) -> Json {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let interfaces = host.interfaces.iter().map(|interface| {
        let ip = match interface.address {
            scap::host::InterfaceAddress::V4 { address, .. } => address.into(),
            scap::host::InterfaceAddress::V6 { address, .. } => address.into(),
        };
        let mut line = interface.name.clone();
        line.push(b' ');
        address(&ip, &mut line);
        Json::from(text(&line))
    });
    let mut summary = json!({
        "threads": host.threads.len(),
        "processes": host.threads.iter().filter(|thread| thread.tid == thread.pid).count(),
        "fds": host.threads.iter().map(|thread| thread.fds.len()).sum::<usize>(),
        "users": host.users.len(),
        "groups": host.groups.len(),
        "interfaces": interfaces.collect::<Vec<_>>(),
    });
    if let Some(machine) = &host.machine {
        summary["hostname"] = text(&machine.hostname).into();
        summary["cpus"] = machine.cpus.into();
        summary["memory"] = machine.memory.into();
        summary["boot_time"] = machine.boot_time.into();
    }
    summary
}

fn to_json(path: &Path, input: &Input, host: &Json, counts: &Counts) -> Json {
    let stats = input.stats();
    let mut by_code: Vec<(&EventCode, &u64)> = counts.by_code.iter().collect();
    by_code.sort_by_key(|(code, count)| (std::cmp::Reverse(**count), **code));
    let events = by_code.into_iter().map(|(code, count)| {
        let side = if code.is_enter() { "enter" } else { "exit" };
        json!({"name": code.to_string(), "code": code.0, "side": side, "count": count})
    });
    let first = counts.first.unwrap_or(0);
    json!({
        "file": path.to_string_lossy(),
        "size": input.progress().map(|(_, size)| size),
        "format": input.format(),
        "blocks": input.blocks(),
        "state": host,
        "restarts": counts.restarts,
        "events": {
            "count": counts.events,
            "state_only": counts.state_only,
            "bytes": counts.bytes,
            "seen": stats.seen,
            "unknown": stats.unknown,
            "lost": stats.dropped(),
            "first": first,
            "last": counts.last,
            "by_type": events.collect::<Vec<_>>(),
        },
    })
}

/// Formats the JSON object as lines for people: names to the left, values to the right.
fn text(all: &Json) -> String {
    let mut out = String::new();
    let (state, events) = (&all["state"], &all["events"]);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "{name:<14}{value}");
    };
    line("file", format!("{} ({})", string(&all["file"]), string(&all["format"])));
    if let Some(size) = all["size"].as_u64() {
        line("size", bytes(size));
    }
    if let Some(name) = state["hostname"].as_str() {
        let memory = bytes(state["memory"].as_u64().unwrap_or(0));
        line("host", format!("{name}, {} processors, {memory}", state["cpus"]));
        line("booted", time(state["boot_time"].as_u64().unwrap_or(0)));
    }
    line(
        "state",
        format!(
            "{} threads in {} processes, {} file descriptors, {} users, {} groups",
            state["threads"], state["processes"], state["fds"], state["users"], state["groups"]
        ),
    );
    for interface in state["interfaces"].as_array().into_iter().flatten() {
        line("interface", string(interface));
    }
    let (first, last) = (events["first"].as_u64().unwrap_or(0), events["last"].as_u64().unwrap_or(0));
    line("from", time(first));
    line("to", format!("{}, {:.3} s later", time(last), last.saturating_sub(first) as f64 / 1e9));
    line(
        "events",
        format!(
            "{}, {} of them for the state only, {}",
            events["count"],
            events["state_only"],
            bytes_of(&events["bytes"])
        ),
    );
    for (name, key) in [("unknown", "unknown"), ("lost", "lost")] {
        if events[key].as_u64().unwrap_or(0) > 0 {
            line(name, events[key].to_string());
        }
    }
    if all["restarts"].as_u64().unwrap_or(0) > 0 {
        line("joined", format!("{} more captures", all["restarts"]));
    }
    out.push_str("\nblocks\n");
    for block in all["blocks"].as_array().into_iter().flatten() {
        let _ = writeln!(out, "{:>10}  {}", block["count"].to_string(), string(&block["name"]));
    }
    out.push_str("\nevents\n");
    for row in events["by_type"].as_array().into_iter().flatten() {
        let _ = writeln!(
            out,
            "{:>10}  {:>3} {:5} {}",
            row["count"].to_string(),
            row["code"].to_string(),
            string(&row["side"]),
            string(&row["name"])
        );
    }
    out
}

fn string(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn bytes_of(value: &Json) -> String {
    bytes(value.as_u64().unwrap_or(0))
}

/// Formats a number of bytes, with a unit if it is large.
fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "bytes" { format!("{count} bytes") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// Formats a point in time, in UTC.
fn time(ns: u64) -> String {
    let Civil { year, month, day, hour, minute, second, nanosecond } = Civil::new(ns, 0);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{nanosecond:09} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        assert_eq!(
            [bytes(0), bytes(1023), bytes(1024), bytes(5 << 40)],
            ["0 bytes", "1023 bytes", "1.0 KiB", "5.0 TiB"]
        );
    }

    #[test]
    fn events_are_counted_by_code_and_span() {
        let mut trace = scap::text::Trace::parse("2.0 close\n1.0 close\n3.5 flags=1 openat fd=1\n").expect("a trace");
        let mut counts = Counts::default();
        while let Ok(Next::Event(event)) = trace.next() {
            counts.add(&event);
        }
        assert_eq!((counts.events, counts.state_only), (3, 1));
        assert_eq!((counts.first, counts.last), (Some(1_000_000_000), 3_500_000_000));
        assert_eq!(counts.by_code.get(&EventCode::CLOSE_X), Some(&2));
    }
}
