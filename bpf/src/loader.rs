//! From the object to programs in the kernel: open, size, load.
//!
//! Only the dispatcher is indispensable. A program that the kernel rejects is left out and reported, and its calls are
//! reported by the generic event instead.

use crate::config::{Builder, Toctou};
use crate::generated::ENTERS;
use crate::loaded::{DISPATCHER, ENTER, Loaded};
use crate::{Error, Refused, Result, features, iterators};
use libbpf_rs::{Object, ObjectBuilder, OpenObject, PrintLevel};
use std::sync::{Mutex, PoisonError};

/// The compiled probe.
static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/probe.bpf.o"));
/// The same without callbacks, for kernels before 5.17, which have no helper that takes one.
static OBJECT_OLD: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/probe-old.bpf.o"));
/// The programs that list existing threads and files.
const ITERATORS: [&str; 2] = [iterators::TASKS, iterators::FILES];
/// The number of rejected programs at which the probe gives up.
const MAX_REFUSED: usize = 64;

/// The output of libbpf while an object is loaded.
static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn listen(level: PrintLevel, message: String) {
    tracing::debug!(target: "libbpf", ?level, "{}", message.trim_end());
    SAID.lock().unwrap_or_else(PoisonError::into_inner).push(message);
}

/// Returns the name of the program whose load failed, and the reason, from the output of libbpf.
fn refused(said: &[String]) -> Option<Refused> {
    // Without such a line the program did not even reach the verifier: its hook does not exist.
    let mark = ": BPF program load failed";
    let of_program = |line: &&String| line.starts_with("libbpf: prog '");
    let line = said.iter().find(|line| line.contains(mark)).or_else(|| said.iter().find(of_program))?;
    let program = line.split('\'').nth(1)?.to_owned();
    // The verifier's log ends with the error, then its statistics.
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

/// Loads all programs of an object, or none.
pub(crate) fn load(open: OpenObject, context: &str) -> Result<Object> {
    let before = libbpf_rs::set_print(Some((PrintLevel::Warn, listen)));
    SAID.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let loaded = open.load();
    let said = std::mem::take(&mut *SAID.lock().unwrap_or_else(PoisonError::into_inner));
    libbpf_rs::set_print(before);
    loaded.map_err(|source| match refused(&said) {
        Some(refused) => Error::Refused(refused),
        None => Error::Bpf { context: format!("{context} ({})", said.join(" ").trim()), source },
    })
}

/// The first phase: the object is open and its sizes are set; nothing is in the kernel yet.
#[derive(Debug)]
pub struct Prepared {
    builder: Builder,
    cpus: usize,
    /// The programs for io_uring requests that this kernel supports.
    io_uring: Vec<&'static str>,
}

impl Builder {
    /// Checks the host, opens the object and sets its sizes: the first phase alone.
    ///
    /// # Errors
    /// If the host cannot run the probe.
    pub fn prepare(self) -> Result<Prepared> {
        Prepared::new(self)
    }
}

impl Prepared {
    pub(crate) fn new(mut builder: Builder) -> Result<Self> {
        features::check()?;
        if builder.toctou == Toctou::Auto {
            builder.toctou = features::guard();
        }
        let size = builder.ring_size;
        if !size.is_power_of_two() || !(8192..=1 << 30).contains(&size) {
            return Err(Error::RingSize(size));
        }
        Ok(Self { cpus: features::possible_cpus()?, builder, io_uring: features::io_uring_programs() })
    }

    fn open(&self, without: &[Refused]) -> Result<OpenObject> {
        let object = if features::has_helper("BPF_FUNC_loop") { OBJECT } else { OBJECT_OLD };
        let mut open = ObjectBuilder::default().open_memory(object).map_err(Error::bpf("opening the probe"))?;
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
                || (ENTERS.iter().any(|(enter, ..)| *enter == name)
                    && matches!(self.builder.toctou, Toctou::Off | Toctou::Exit));
            program.set_autoload(!left_out);
        }
        Ok(open)
    }

    /// Loads the programs, which the kernel verifies: the second phase.
    ///
    /// # Errors
    /// If the kernel rejects the dispatcher, or a map cannot be made.
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
