//! From the object to programs in the kernel: open, size, load, attach.
//!
//! Only the dispatcher is indispensable. A program that the kernel refuses is left out and reported, and its calls
//! give the generic event instead.

use crate::config::{Block, Builder, Toctou};
use crate::generated::{IA32_ONLY, NUMBERS};
use crate::merge::Merge;
use crate::ringbuf::Ring;
use crate::{BpfSource, Error, Refused, Result, features, iterators, sys};
use libbpf_rs::{MapCore as _, MapFlags, MapHandle, MapType, Object, ObjectBuilder, OpenObject, PrintLevel};
use scap::schema::SYSCALLS;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::{Mutex, PoisonError};

/// The compiled probe.
static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/probe.bpf.o"));
/// The program that every system call passes.
pub(crate) const DISPATCHER: &str = "sys_exit";
/// The program of calls without an event of their own.
const GENERIC: &str = "generic_x";
/// The hook on the way into every call, for [`Toctou::Hook`].
pub(crate) const ENTER: &str = "sys_enter";
/// The programs that tell of what is there already.
const ITERATORS: [&str; 2] = [iterators::TASKS, iterators::FILES];
/// Programs that note arguments on the way in, and the tracepoint of each.
pub(crate) const ENTERS: [(&str, &str); 5] = [
    ("open_e", "syscalls/sys_enter_open"),
    ("openat_2_e", "syscalls/sys_enter_openat"),
    ("openat2_e", "syscalls/sys_enter_openat2"),
    ("creat_e", "syscalls/sys_enter_creat"),
    ("connect_e", "syscalls/sys_enter_connect"),
];
/// So many programs may be refused before the probe gives up.
const MAX_REFUSED: usize = 64;

/// What libbpf says while an object is loaded.
static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn listen(level: PrintLevel, message: String) {
    tracing::debug!(target: "libbpf", ?level, "{}", message.trim_end());
    SAID.lock().unwrap_or_else(PoisonError::into_inner).push(message);
}

/// The name and reason of the program whose load failed, from what libbpf said.
fn refused(said: &[String]) -> Option<Refused> {
    // Without such a line the program did not even reach the verifier: its hook is not there.
    let mark = ": BPF program load failed";
    let of_program = |line: &&String| line.starts_with("libbpf: prog '");
    let line = said.iter().find(|line| line.contains(mark)).or_else(|| said.iter().find(of_program))?;
    let program = line.split('\'').nth(1)?.to_owned();
    // The verifier's log ends with the fault, then its statistics.
    let log: Vec<&str> = said.iter().flat_map(|text| text.lines()).map(str::trim).collect();
    let reason = log
        .iter()
        .rev()
        .skip_while(|line| !line.starts_with("processed "))
        .nth(1)
        .copied()
        .or_else(|| line.trim().split_once("': ").map(|(_, reason)| reason))
        .map_or_else(String::new, str::to_owned);
    Some(Refused { program, reason })
}

/// One program in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Its instructions.
    pub instructions: usize,
}

/// The object is open and its sizes are set; nothing is in the kernel yet.
#[derive(Debug)]
pub struct Prepared {
    builder: Builder,
    cpus: usize,
    /// The programs that see requests through io_uring, as far as this kernel lets them.
    io_uring: Vec<&'static str>,
}

impl Prepared {
    pub(crate) fn new(builder: Builder) -> Result<Self> {
        features::check()?;
        let size = builder.ring_size;
        if !size.is_power_of_two() || !(8192..=1 << 30).contains(&size) {
            return Err(Error::RingSize(size));
        }
        Ok(Self { cpus: features::possible_cpus()?, builder, io_uring: features::io_uring_programs() })
    }

    fn open(&self, without: &[Refused]) -> Result<OpenObject> {
        let mut open = ObjectBuilder::default().open_memory(OBJECT).map_err(Error::bpf("opening the probe"))?;
        for mut map in open.maps_mut() {
            if map.name() == "cpus" || map.name() == "rings" {
                map.set_max_entries(self.cpus as u32).map_err(Error::bpf("sizing a map"))?;
            }
            if map.name() == "family" && !self.builder.settings.only_children {
                map.set_max_entries(1).map_err(Error::bpf("sizing a map"))?;
            }
        }
        for mut program in open.progs_mut() {
            let name = program.name().to_string_lossy().into_owned();
            let left_out = (name.starts_with("uring_") && !self.io_uring.contains(&name.as_str()))
                || without.iter().any(|refused| refused.program == name)
                || self.builder.without.contains(&name)
                || (ITERATORS.contains(&name.as_str()) && !self.builder.wants_iterators())
                || (name == ENTER && self.builder.toctou != Toctou::Hook)
                || (ENTERS.iter().any(|(enter, _)| *enter == name) && self.builder.toctou == Toctou::Off);
            program.set_autoload(!left_out);
        }
        Ok(open)
    }

    /// The second phase: the kernel verifies every program.
    ///
    /// # Errors
    /// If the kernel refuses the dispatcher, or a map cannot be made.
    pub fn load(self) -> Result<Loaded> {
        let mut without: Vec<Refused> = Vec::new();
        let before = libbpf_rs::set_print(Some((PrintLevel::Warn, listen)));
        let loaded = loop {
            SAID.lock().unwrap_or_else(PoisonError::into_inner).clear();
            let open = match self.open(&without) {
                Ok(open) => open,
                Err(error) => break Err(error),
            };
            match open.load() {
                Ok(object) => break Ok(object),
                Err(source) => {
                    let said = std::mem::take(&mut *SAID.lock().unwrap_or_else(PoisonError::into_inner));
                    match refused(&said) {
                        Some(refused) if refused.program == DISPATCHER => break Err(Error::Refused(refused)),
                        Some(refused) if without.len() < MAX_REFUSED => without.push(refused),
                        _ => {
                            let said = said.join(" ");
                            let said = said.trim();
                            break Err(Error::Bpf { context: format!("loading the probe ({said})"), source });
                        }
                    }
                }
            }
        };
        libbpf_rs::set_print(before);
        let loaded = Loaded {
            object: loaded?,
            refused: without,
            builder: self.builder,
            cpus: self.cpus,
            io_uring: self.io_uring,
        };
        loaded.fill_programs()?;
        Ok(loaded)
    }
}

/// The programs are in the kernel; nothing runs yet.
#[derive(Debug)]
pub struct Loaded {
    pub(crate) object: Object,
    pub(crate) refused: Vec<Refused>,
    pub(crate) builder: Builder,
    pub(crate) cpus: usize,
    pub(crate) io_uring: Vec<&'static str>,
}

impl Loaded {
    /// What the kernel refused.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// The programs that were loaded.
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

    /// Enters the program of each call into the table that the dispatcher jumps by.
    fn fill_programs(&self) -> Result<()> {
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

    fn make_rings(&self) -> Result<Merge> {
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
        // One by one the kernel would wait for its readers each time; older kernels know no other way.
        let all = outer.update_batch(&keys, &fds, self.cpus as u32, MapFlags::ANY, MapFlags::ANY);
        if all.is_err() {
            for (key, fd) in keys.chunks_exact(4).zip(fds.chunks_exact(4)) {
                outer.update(key, fd, MapFlags::ANY).map_err(Error::bpf("entering a ring"))?;
            }
        }
        Ok(Merge::new(rings))
    }

    /// The last phase: rings are made, programs attached, events flow.
    ///
    /// # Errors
    /// If a ring cannot be made or the dispatcher not be attached.
    pub fn attach(self) -> Result<BpfSource> {
        let rings = self.make_rings()?;
        let boot_time = sys::boot_time();
        let block = Block::new(&self.builder.settings, boot_time, self.builder.toctou != Toctou::Off);
        BpfSource::start(self, rings, block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refused_program_is_named_with_the_verifier_s_reason() {
        let said = [
            "libbpf: prog 'poll_x': BPF program load failed: Permission denied\n".to_owned(),
            "libbpf: prog 'poll_x': -- BEGIN PROG LOAD LOG --\n0: R1=ctx()\nR2 unbounded memory access\nprocessed 9 insns (limit 1000000)\n-- END PROG LOAD LOG --\n".to_owned(),
        ];
        let found = refused(&said).expect("a program");
        assert_eq!(found, Refused { program: "poll_x".into(), reason: "R2 unbounded memory access".into() });
        let said = [
            "libbpf: prog 'uring_submit': failed to find kernel BTF type ID of 'x': -ESRCH\n".to_owned(),
            "libbpf: prog 'uring_submit': failed to prepare load attributes: -ESRCH\n".to_owned(),
        ];
        let found = refused(&said).expect("a program");
        assert_eq!(found.program, "uring_submit");
        assert_eq!(found.reason, "failed to find kernel BTF type ID of 'x': -ESRCH");
    }
}
