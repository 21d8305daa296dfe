//! The tracer and the traced program, and the socket between them.
//!
//! The program requests a selection, or all that was reported since the last request; the tracer answers when the
//! source has nothing more.

use crate::live::{Seen, Watch};
use peregrine_userspace::Builder;
use scap::schema::{EventCode, SyscallCode, SyscallSet};
use scap::{Next, Source as _};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

const SELECT: u8 = 1;
const DRAIN: u8 = 2;

/// The longest time for all cases.
const PATIENCE: Duration = Duration::from_secs(600);

fn put(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn take(stream: &mut UnixStream) -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    stream.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// Runs a command that connects to the socket, until it has ended.
pub(crate) fn trace(socket: &Path, command: impl IntoIterator<Item = String>) -> ExitStatus {
    let listener = UnixListener::bind(socket).unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut source = Builder::new().command(command).proc_scan(None).open().unwrap();
    source.select(SyscallSet::new());
    let mut stream = None;
    let mut seen: Vec<Seen> = Vec::new();
    let mut quiet = 0;
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "the traced program does not end");
        match source.next().unwrap() {
            Next::Event(event) => {
                quiet = 0;
                seen.push(Seen::of(&event));
                continue;
            }
            Next::End => return source.status().unwrap(),
            _ => quiet += 1,
        }
        let Some(stream) = &mut stream else {
            stream = listener.accept().ok().map(|(stream, _)| {
                stream.set_nonblocking(true).unwrap();
                stream
            });
            continue;
        };
        let mut request = [0];
        if quiet == 0 || stream.read(&mut request).unwrap_or(0) == 0 {
            continue;
        }
        stream.set_nonblocking(false).unwrap();
        let mut answer = Vec::new();
        if request[0] == SELECT {
            let count = take(stream).unwrap();
            source.select((0..count).map(|_| SyscallCode(take(stream).unwrap() as u16)).collect());
        } else {
            put(&mut answer, seen.len() as u64);
            for event in seen.drain(..) {
                put(&mut answer, u64::from(event.code.0));
                put(&mut answer, event.tid as u64);
                put(&mut answer, event.params.len() as u64);
                for param in event.params {
                    put(&mut answer, param.len() as u64);
                    answer.extend_from_slice(&param);
                }
            }
        }
        answer.push(0);
        stream.write_all(&answer).unwrap();
        stream.set_nonblocking(true).unwrap();
        quiet = 0;
    }
}

/// The tracer, for the program that it traces.
pub(crate) struct Tracer(UnixStream);

impl Tracer {
    pub(crate) fn connect(socket: &Path) -> Self {
        Self(UnixStream::connect(socket).unwrap())
    }

    fn end_of_answer(&mut self) {
        assert_eq!(self.0.read(&mut [0]).unwrap(), 1);
    }
}

impl Watch for Tracer {
    fn select(&mut self, calls: SyscallSet) {
        let mut request = vec![SELECT];
        put(&mut request, calls.len() as u64);
        calls.iter().for_each(|call| put(&mut request, u64::from(call.0)));
        self.0.write_all(&request).unwrap();
        self.end_of_answer();
    }

    fn drain(&mut self) -> Vec<Seen> {
        self.0.write_all(&[DRAIN]).unwrap();
        let stream = &mut self.0;
        let count = take(stream).unwrap();
        let mut seen = Vec::new();
        for _ in 0..count {
            let (code, tid, params) = (take(stream).unwrap(), take(stream).unwrap(), take(stream).unwrap());
            let mut event = Seen { code: EventCode(code as u16), tid: tid as i64, params: Vec::new() };
            for _ in 0..params {
                let mut param = vec![0; take(stream).unwrap() as usize];
                stream.read_exact(&mut param).unwrap();
                event.params.push(param);
            }
            seen.push(event);
        }
        self.end_of_answer();
        seen
    }

    fn lacks(&self, what: &str) -> bool {
        ["io_uring", "ptrace"].contains(&what)
    }

    fn holds_given_texts(&self) -> bool {
        true
    }
}
