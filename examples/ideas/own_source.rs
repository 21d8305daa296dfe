//! Reads system calls from a custom [`Source`]. Here events are made up; a rule test, another probe or a log of another
//! tool would do the same.

use std::io::Write as _;

use scap::host::Thread;
use scap::{Event, EventBuilder, EventCode, HostState, Next, Source, SourceStats};
use sinsp::Inspector;

/// A host on which one process reads file after file.
struct Reader {
    host: HostState,
    builder: EventBuilder,
    delivered: u64,
}

impl Source for Reader {
    fn next(&mut self) -> scap::Result<Next<'_>> {
        let files: [&[u8]; 3] = [b"/etc/hosts", b"/etc/passwd", b"/etc/shadow"];
        let Some(file) = files.get(self.delivered as usize) else { return Ok(Next::End) };
        self.delivered += 1;
        // fd, directory, name, flags, mode, dev, ino: a parameter may be left out at the end, or be empty.
        let event: Event<'_> = self
            .builder
            .start(EventCode::OPENAT_2_X)
            .ts(1_700_000_000_000_000_000 + self.delivered)
            .tid(42)
            .i64(2 + self.delivered as i64)
            .i64(-100)
            .text(file)
            .finish()?;
        Ok(Next::Event(event))
    }

    fn host(&self) -> &HostState {
        &self.host
    }

    fn stats(&self) -> SourceStats {
        SourceStats { seen: self.delivered, delivered: self.delivered, ..SourceStats::default() }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let thread = Thread { tid: 42, pid: 42, ptid: 1, comm: b"snoop".to_vec(), cwd: b"/".to_vec(), ..Thread::default() };
    let host = HostState { threads: vec![thread], ..HostState::default() };
    let source = Reader { host, builder: EventBuilder::new(), delivered: 0 };
    let mut out = std::io::stdout().lock();
    Inspector::new(source).for_each(|event| {
        let (Some(thread), Some(fd)) = (event.thread(), event.fd()) else { return };
        let (process, file) = (String::from_utf8_lossy(&thread.comm), String::from_utf8_lossy(&fd.name));
        // The reader of a pipe may be gone: `println!` would panic.
        let _ = writeln!(out, "{process} opened {file}");
    })?;
    Ok(())
}
