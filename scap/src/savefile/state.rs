//! Converts the first blocks of a section to a [`HostState`].

use std::collections::HashMap;
use std::io::Read;

use super::block::{BlockType, Kind};
use super::body::Body;
use super::out::Out;
use super::{fds, interfaces, machine, threads, users};
use crate::{HostState, Result};

/// Collects state blocks.
#[derive(Debug, Default)]
pub(super) struct StateReader {
    host: HostState,
    /// The index of each thread in the list. A later entry for the same thread replaces the earlier one.
    index: HashMap<i64, usize>,
}

impl StateReader {
    /// Reads the body of one block.
    pub(super) fn read<R: Read>(&mut self, kind: Kind, body: &mut Body<'_, R>) -> Result<()> {
        match kind {
            Kind::Machine => self.host.machine = Some(machine::read(body)?),
            Kind::Interfaces(version) => self.host.interfaces = interfaces::read(body, version)?,
            Kind::Users(version) => (self.host.users, self.host.groups) = users::read(body, version)?,
            Kind::Threads(version) => {
                while body.more() {
                    let thread = threads::read(body, version)?;
                    let threads = &mut self.host.threads;
                    let at = *self.index.entry(thread.tid).or_insert(threads.len());
                    match threads.get_mut(at) {
                        Some(known) => *known = thread,
                        None => threads.push(thread),
                    }
                }
            }
            Kind::Fds(version) => {
                let tid = body.i64()?;
                let fds = fds::read(body, version)?;
                // The list of an unknown thread is dropped.
                if let Some(thread) = self.index.get(&tid).and_then(|at| self.host.threads.get_mut(*at)) {
                    thread.fds = fds;
                }
            }
            Kind::Section | Kind::Event(_) => {}
        }
        Ok(())
    }

    pub(super) fn finish(self) -> HostState {
        self.host
    }
}

/// A process list is cut into blocks of about this size, so that it need not be in memory at once.
const THREADS_BLOCK: usize = 1 << 20;

/// Writes a state, and drains the bytes from time to time.
pub(super) fn write(out: &mut Out, host: &HostState, mut drain: impl FnMut(&mut Out) -> Result<()>) -> Result<()> {
    if let Some(machine) = &host.machine {
        machine::write(out, machine);
    }
    interfaces::write(out, &host.interfaces);
    users::write(out, &host.users, &host.groups);
    out.begin(BlockType::THREADS_V9);
    for thread in &host.threads {
        if out.block_len() > THREADS_BLOCK {
            out.end();
            drain(out)?;
            out.begin(BlockType::THREADS_V9);
        }
        threads::write(out, thread);
    }
    out.end();
    for thread in host.threads.iter().filter(|thread| !thread.fds.is_empty()) {
        fds::write(out, thread.tid, &thread.fds);
        drain(out)?;
    }
    drain(out)
}
