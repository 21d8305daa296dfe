//! Prints the state of each event of a capture, one JSON object per line.
//!
//! Usage: `dump FILE.scap`. With `--quiet` it only reads, for measurements.

use std::fs::File;
use std::io::{BufWriter, Write};

use peregrine_sinsp::{Event, Inspector};
use serde_json::{Map, Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let quiet = args.first().is_some_and(|arg| arg == "--quiet");
    if quiet {
        args.remove(0);
    }
    let path = args.first().ok_or("usage: dump [--quiet] FILE.scap")?;
    let mut inspector = Inspector::new(scap::savefile::Reader::new(File::open(path)?)?);
    if quiet {
        let mut count = 0u64;
        inspector.for_each(|event| count += u64::from(event.num() > 0))?;
        return Ok(writeln!(std::io::stdout(), "{count} events, {:?}", inspector.state().metrics())?);
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut failed = None;
    inspector.for_each(|event| {
        if let Err(error) = serde_json::to_writer(&mut out, &line(&event)) {
            failed = Some(error);
        }
        let _ = out.write_all(b"\n");
    })?;
    failed.map_or(Ok(()), |error| Err(error.into()))
}

fn text(bytes: &[u8]) -> Value {
    Value::String(String::from_utf8_lossy(bytes).into_owned())
}

fn line(event: &Event<'_>) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| {
        map.insert(key.to_owned(), value);
    };
    put("evt.num", json!(event.num()));
    if let Some(thread) = event.thread() {
        let state = event.state();
        put("thread.tid", json!(thread.tid));
        put("thread.vtid", json!(thread.vtid));
        put("proc.pid", json!(thread.pid));
        put("proc.vpid", json!(thread.vpid));
        put("proc.sid", json!(thread.sid));
        put("proc.pgid", json!(thread.pgid));
        put("proc.vpgid", json!(thread.vpgid));
        put("proc.name", text(&thread.comm));
        put("proc.exe", text(&thread.exe));
        put("proc.exepath", text(&thread.exepath));
        let args: Vec<_> = thread.args().map(String::from_utf8_lossy).collect();
        put("proc.args", json!(args.join(" ")));
        let mut cmdline = Vec::new();
        thread.cmdline_into(&mut cmdline);
        put("proc.cmdline", text(&cmdline));
        put("proc.cwd", text(state.cwd(thread)));
        put("proc.nthreads", json!(state.thread_count(thread)));
        put("proc.nchilds", json!(state.follower_count(thread)));
        put("proc.tty", json!(thread.tty));
        put("proc.vmsize", json!(thread.vmsize_kb));
        put("proc.vmrss", json!(thread.vmrss_kb));
        put("thread.ismain", json!(thread.is_leader()));
        put("user.uid", json!(thread.uid));
        put("group.gid", json!(thread.gid));
        if let Some(leader) = state.leader(thread) {
            put("proc.fdlimit", json!(leader.fdlimit));
            put("proc.fdopencount", json!(state.fds(leader).map_or(0, |table| table.len())));
            if let Some(parent) = state.parent(leader) {
                put("proc.pname", text(&parent.comm));
            }
        }
        if let Some(leader) = state.session_leader(thread) {
            put("proc.sname", text(&leader.comm));
        }
        if let Some(leader) = state.group_leader(thread) {
            put("proc.pgid.name", text(&leader.comm));
        }
    }
    if let Some(fd) = event.fd() {
        put("fd.num", json!(event.fd_num()));
        put("fd.name", text(&fd.name));
        put("fd.name_changed", json!(event.facts().fd_name_changed));
        if let Some(name) = fd.kind.type_name() {
            put("fd.type", json!(name));
        }
        put("fd.typechar", json!((fd.kind.type_char() as char).to_string()));
        put("fd.ino", json!(fd.ino));
    }
    Value::Object(map)
}
