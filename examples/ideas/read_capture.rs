//! Reads a capture and prints which process accessed which file or connection. `read_capture CAPTURE`

use std::io::Write as _;

use sinsp::Inspector;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: read_capture CAPTURE")?;
    // Any version, compressed or not. A `Read` works as well: `Reader::new(std::io::stdin())`.
    let reader = scap::savefile::Reader::open(path)?;
    let mut inspector = Inspector::new(reader);
    let mut out = std::io::stdout().lock();
    inspector.for_each(|event| {
        // The event borrows from the capture's buffer and from the state.
        let (Some(thread), Some(fd)) = (event.thread(), event.fd()) else { return };
        let name = event.raw().code();
        let (process, file) = (String::from_utf8_lossy(&thread.comm), String::from_utf8_lossy(&fd.name));
        // The reader of a pipe may be gone: `println!` would panic.
        let _ = writeln!(out, "{process} ({}) {name} {file}", thread.pid);
    })?;
    Ok(())
}
