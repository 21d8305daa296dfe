//! The programs in the kernel and their maps, before events are read.

use crate::config::Builder;
use crate::generated::{IA32_ONLY, NUMBERS};
use crate::merge::Merge;
use crate::ringbuf::Ring;
use crate::{Error, Refused, Result};
use libbpf_rs::{MapCore as _, MapFlags, MapHandle, MapType, Object};
use scap::schema::SYSCALLS;
use std::os::fd::{AsFd as _, AsRawFd as _};

/// The program that every system call passes.
pub(crate) const DISPATCHER: &str = "sys_exit";
/// The program of calls without a specific event.
const GENERIC: &str = "generic_x";
/// The hook at the entry of every call, for [`Toctou::Hook`].
pub(crate) const ENTER: &str = "sys_enter";
/// One program in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Its number of instructions.
    pub instructions: usize,
}

/// The second phase: the programs are in the kernel; none is attached yet.
#[derive(Debug)]
pub struct Loaded {
    pub(crate) object: Object,
    pub(crate) refused: Vec<Refused>,
    pub(crate) builder: Builder,
    pub(crate) cpus: usize,
    pub(crate) io_uring: Vec<&'static str>,
}

impl Loaded {
    /// Returns the programs that the kernel rejected.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Returns the programs that were loaded.
    pub fn programs(&self) -> Vec<Program> {
        let loaded = self.object.progs().filter(libbpf_rs::Program::autoload);
        loaded
            .map(|program| Program {
                name: program.name().to_string_lossy().into_owned(),
                instructions: program.insn_cnt(),
            })
            .collect()
    }

    pub(crate) fn map(&self, name: &str) -> Result<MapHandle> {
        let map = self.object.maps().find(|map| map.name() == name);
        let map = map.ok_or_else(|| Error::Io {
            context: format!("the probe's map {name}"),
            source: std::io::ErrorKind::NotFound.into(),
        })?;
        MapHandle::try_from(&map).map_err(Error::bpf(format!("the probe's map {name}")))
    }

    /// Enters the program of each call into the dispatcher's jump table.
    pub(crate) fn fill_programs(&self) -> Result<()> {
        let table = self.map("programs")?;
        let fds: std::collections::HashMap<String, i32> = self
            .object
            .progs()
            .filter(libbpf_rs::Program::autoload)
            .map(|program| (program.name().to_string_lossy().into_owned(), program.as_fd().as_raw_fd()))
            .collect();
        let generic = fds.get(GENERIC).copied();
        let enter = |nr: u16, own: Option<String>| {
            let Some(fd) = own.and_then(|name| fds.get(&name).copied()).or(generic) else { return Ok(()) };
            table
                .update(&u32::from(nr).to_ne_bytes(), &fd.to_ne_bytes(), MapFlags::ANY)
                .map_err(Error::bpf("entering a program"))
        };
        for row in SYSCALLS {
            if let Some(nr) = row.x86_64.filter(|nr| usize::from(*nr) < NUMBERS) {
                let exit = row.events.and_then(|(_, exit)| exit.info());
                enter(nr, exit.map(|info| info.constant.to_lowercase()))?;
            }
        }
        for (nr, _, own) in IA32_ONLY {
            enter(*nr, own.map(str::to_owned))?;
        }
        Ok(())
    }

    pub(crate) fn make_rings(&self) -> Result<Merge> {
        let size = self.builder.ring_size;
        let shared = match self.builder.cpus_per_ring {
            0 => self.cpus,
            cpus => cpus,
        };
        let outer = self.map("rings")?;
        let options = libbpf_rs::libbpf_sys::bpf_map_create_opts {
            sz: size_of::<libbpf_rs::libbpf_sys::bpf_map_create_opts>() as _,
            ..Default::default()
        };
        let mut rings = Vec::new();
        let mut inners = Vec::new();
        let (mut keys, mut fds) = (Vec::new(), Vec::new());
        for first in (0..self.cpus).step_by(shared) {
            let inner = MapHandle::create(MapType::RingBuf, Some("ring"), 0, 0, size as u32, &options)
                .map_err(Error::bpf(format!("making a ring of {size} bytes")))?;
            for cpu in first..(first + shared).min(self.cpus) {
                keys.extend((cpu as u32).to_ne_bytes());
                fds.extend(inner.as_fd().as_raw_fd().to_ne_bytes());
            }
            rings.push(Ring::map(inner.as_fd(), size)?);
            inners.push(inner);
        }
        // One by one the kernel would wait for its readers each time; older kernels have no other way.
        let all = outer.update_batch(&keys, &fds, self.cpus as u32, MapFlags::ANY, MapFlags::ANY);
        if all.is_err() {
            for (key, fd) in keys.chunks_exact(4).zip(fds.chunks_exact(4)) {
                outer.update(key, fd, MapFlags::ANY).map_err(Error::bpf("entering a ring"))?;
            }
        }
        Ok(Merge::new(rings))
    }
}
