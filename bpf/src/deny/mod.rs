//! Denials in the kernel, by BPF programs at the hooks of its security modules (BPF LSM).
//!
//! A [`Plan`] says what is denied; [`Denials::start`] loads one program for each hook that the plan has, and nothing else.
//! The programs decide by themselves, on what the kernel knows at that moment, and go when the value is dropped or its
//! process ends. To change what is denied, start another plan, then drop this one: at each moment one of them is complete.
//!
//! ```no_run
//! use peregrine_bpf::deny::{Clause, Denials, Hook, HookPlan, Place, Plan, Test};
//!
//! let mut exec = HookPlan::new(Hook::Exec);
//! exec.tests = vec![vec![Test::Below(Place::Exe, b"/tmp".to_vec())], vec![Test::Container(b"host".to_vec())]];
//! exec.clauses = vec![Clause { all: 0b01, none: 0b10, rule: 0 }]; // below /tmp, and not on the host
//! let mut plan = Plan::default();
//! plan.rules = vec!["Program in /tmp of a container".into()];
//! plan.hooks = vec![exec];
//! let denials = Denials::start(&plan)?;
//! denials.watch(|| true, |denial| println!("{} {}", denial.pid, denial.object))?;
//! # Ok::<(), peregrine_bpf::Error>(())
//! ```
//!
//! What cannot be decided at that moment, a path of more than 4096 directories, counts as what is denied. A program for
//! which the kernel has no room to report is denied, and counted in [`Denials::counts`].

mod denial;
mod hash;
mod plan;
mod table;

pub use denial::Denial;
pub use plan::{Clause, Flag, Hook, HookPlan, MAX_CLAUSES, MAX_COMPONENTS, MAX_TESTS, Place, Plan, Test};

use crate::{Error, Refused, Result, features, loader};
use hash::Key;
use libbpf_rs::{Link, MapCore as _, MapFlags, MapHandle, Object, ObjectBuilder, RingBufferBuilder};
use std::sync::OnceLock;
use std::time::Duration;
use table::Table;

/// The compiled programs.
static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/deny.bpf.o"));
/// The security modules of the kernel, separated by commas.
const MODULES: &str = "/sys/kernel/security/lsm";
/// The time for which records are waited for before the caller is queried again.
const STEP: Duration = Duration::from_millis(100);
/// The map of the object that has the plan.
const PLAN: &str = ".rodata.plan";

/// Numbers of denials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Denials, also those of a dry run.
    pub denied: u64,
    /// Denials that were not reported: their reader was too slow.
    pub lost: u64,
}

/// Programs in the kernel that deny what a plan says. They are detached on drop.
#[derive(Debug)]
pub struct Denials {
    // The links are dropped before the programs.
    _links: Vec<Link>,
    ring: MapHandle,
    counts: MapHandle,
    _object: Object,
}

/// Checks that the kernel runs BPF programs at the hooks of its security modules.
///
/// # Errors
/// If it does not, or if that cannot be read, with what to do.
pub fn check() -> Result<()> {
    modules(&std::fs::read_to_string(MODULES))?;
    static LOOPS: OnceLock<bool> = OnceLock::new();
    if !LOOPS.get_or_init(|| features::has_helper("BPF_FUNC_loop")) {
        return Err(Error::Lsm("deny requires Linux 5.17 or later".into()));
    }
    Ok(())
}

fn modules(read: &std::io::Result<String>) -> Result<()> {
    match read {
        Ok(list) if list.trim().split(',').any(|name| name == "bpf") => Ok(()),
        Ok(list) => Err(Error::Lsm(format!(
            "deny requires bpf among the security modules of the kernel, which are {}: add it to lsm= on the kernel's command \
             line",
            list.trim()
        ))),
        Err(error) => Err(Error::Lsm(format!(
            "deny requires bpf among the security modules of the kernel, and {MODULES} cannot be read ({error}): mount \
             securityfs at /sys/kernel/security"
        ))),
    }
}

/// Returns the number of the host's mount namespace; 0 if it cannot be read, so that no executable is exempt.
fn host_mounts() -> u32 {
    let link = std::fs::read_link("/proc/1/ns/mnt").unwrap_or_default();
    let text = link.to_string_lossy().into_owned();
    text.strip_prefix("mnt:[").and_then(|rest| rest.strip_suffix(']')?.parse().ok()).unwrap_or(0)
}

impl Denials {
    /// Loads and attaches the programs of a plan. From now on it is in force.
    ///
    /// # Errors
    /// If the kernel does not run BPF programs there, if the plan does not fit, if a privilege is missing (`CAP_BPF` and
    /// `CAP_PERFMON`), or if the kernel rejects a program. Then nothing is denied.
    pub fn start(plan: &Plan) -> Result<Self> {
        check()?;
        features::check()?;
        let key = Key::random().map_err(Error::io("/dev/urandom"))?;
        let table = Table::new(plan, key, host_mounts()).map_err(|why| Error::Lsm(format!("deny: {why}")))?;
        let mut open =
            ObjectBuilder::default().open_memory(OBJECT).map_err(Error::bpf("opening the programs that deny"))?;
        for mut map in open.maps_mut() {
            let rows = match map.name().to_str() {
                Some("tests") => table.tests.len(),
                Some("addresses") => table.addresses.len(),
                Some(PLAN) => {
                    let value = map.initial_value_mut().filter(|value| value.len() == table.plan.len());
                    let value = value.ok_or_else(|| Error::Lsm("deny: the object has another layout".into()))?;
                    value.copy_from_slice(&table.plan);
                    continue;
                }
                _ => continue,
            };
            map.set_max_entries(rows.max(1) as u32).map_err(Error::bpf("sizing a map"))?;
        }
        let wanted = |program: &str| plan.hooks.iter().any(|of| !of.clauses.is_empty() && of.hook.program() == program);
        for mut program in open.progs_mut() {
            let name = program.name().to_string_lossy().into_owned();
            program.set_autoload(wanted(&name));
        }
        let object = loader::load(open, "loading the programs that deny")?;
        let map = |name: &str| {
            let map = object.maps().find(|map| map.name() == name);
            let map = map.ok_or_else(|| Error::Lsm(format!("deny: the object has no map {name}")))?;
            MapHandle::try_from(&map).map_err(Error::bpf(name))
        };
        let (tests, addresses) = (map("tests")?, map("addresses")?);
        for (key, bits) in &table.tests {
            tests.update(&key.to_ne_bytes(), &bits.to_ne_bytes(), MapFlags::ANY).map_err(Error::bpf("tests"))?;
        }
        for (key, bits) in &table.addresses {
            addresses.update(key, &bits.to_ne_bytes(), MapFlags::ANY).map_err(Error::bpf("addresses"))?;
        }
        let (ring, counts) = (map("denials")?, map("denial_counts")?);
        // Only now, when its tables are complete.
        let mut links = Vec::new();
        for program in object.progs_mut() {
            if !program.autoload() {
                continue;
            }
            let name = program.name().to_string_lossy().into_owned();
            let attached = program.attach_lsm();
            links.push(attached.map_err(|error| Error::Refused(Refused { program: name, reason: error.to_string() }))?);
        }
        Ok(Self { _links: links, ring, counts, _object: object })
    }

    /// Waits for denials and passes them on, while `more` returns true; then those that are there already.
    ///
    /// # Errors
    /// If the ring cannot be read.
    pub fn watch(&self, more: impl Fn() -> bool, mut on: impl FnMut(Denial)) -> Result<()> {
        let mut builder = RingBufferBuilder::new();
        let read = |bytes: &[u8]| {
            if let Some(denial) = Denial::parse(bytes) {
                on(denial);
            }
            0
        };
        builder.add(&self.ring, read).map_err(Error::bpf("the ring of denials"))?;
        let ring = builder.build().map_err(Error::bpf("the ring of denials"))?;
        while more() {
            match ring.poll(STEP) {
                Err(error) if error.kind() != libbpf_rs::ErrorKind::Interrupted => {
                    return Err(Error::bpf("the ring of denials")(error));
                }
                _ => {}
            }
        }
        ring.consume().map_err(Error::bpf("the ring of denials"))
    }

    /// Returns the numbers of denials since the start.
    pub fn counts(&self) -> Counts {
        let value = self.counts.lookup(&0u32.to_ne_bytes(), MapFlags::ANY).ok().flatten().unwrap_or_default();
        let word =
            |at: usize| value.get(at..at + 8).and_then(|word| word.try_into().ok()).map_or(0, u64::from_ne_bytes);
        Counts { denied: word(0), lost: word(8) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_bpf_among_the_security_modules_it_says_so() {
        assert!(modules(&Ok("lockdown,capability,bpf\n".into())).is_ok());
        let text = modules(&Ok("lockdown,capability,bpffs\n".into())).unwrap_err().to_string();
        assert!(text.contains("which are lockdown,capability,bpffs: add it to lsm="), "{text}");
        let missing = modules(&Err(std::io::ErrorKind::NotFound.into())).unwrap_err().to_string();
        assert!(missing.contains("mount securityfs at /sys/kernel/security"), "{missing}");
    }

    #[test]
    fn every_hook_has_a_program_in_the_object() {
        let object = ObjectBuilder::default().open_memory(OBJECT).unwrap();
        let programs: Vec<String> =
            object.progs().map(|program| program.name().to_string_lossy().into_owned()).collect();
        for hook in Hook::ALL {
            assert!(programs.iter().any(|name| name == hook.program()), "{}", hook.name());
        }
        assert_eq!(programs.len(), Hook::ALL.len());
    }
}
