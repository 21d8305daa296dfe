//! Prints which programs are started on this host, for some seconds. Requires root. `live [SECONDS]`

use std::io::Write as _;
use std::time::{Duration, Instant};

use bpf::{Probe, Selection};
use sinsp::{Inspector, Next};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(10), |text| text.parse())?;
    // Only calls that start processes, and the end of each, are captured; the rest costs the host nothing.
    let calls = ["execve", "execveat", "clone", "clone3", "fork", "vfork"];
    let source = Probe::builder().select(Selection::named(&calls)?).skip_own(true).open()?;
    let mut inspector = Inspector::new(source);
    let mut out = std::io::stdout().lock();
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        match inspector.next()? {
            Next::Event(event) => {
                let (Some(thread), true) = (event.thread(), event.raw().code().to_string().starts_with("execve"))
                else {
                    continue;
                };
                let parent = event.state().parent(thread).map_or_else(Default::default, |parent| parent.comm.clone());
                let args: Vec<_> = thread.args().map(String::from_utf8_lossy).collect();
                let (parent, path) = (String::from_utf8_lossy(&parent), String::from_utf8_lossy(&thread.exepath));
                writeln!(out, "{parent} started {path} {}", args.join(" "))?;
            }
            // No event at the moment, or one that only changed the state: time for other work.
            Next::Idle | Next::Hidden => {}
            Next::End => break,
        }
    }
    let stats = inspector.stats();
    Ok(writeln!(std::io::stderr(), "{} events, {} lost", stats.delivered, stats.dropped())?)
}
