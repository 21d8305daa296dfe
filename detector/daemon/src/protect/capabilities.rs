//! Capabilities that the program keeps: at the start, once the probe runs, and in threads that serve the network.
//!
//! A program that is started by hand as root has all of them; a unit or a container grants fewer. They belong to threads,
//! and a thread inherits those of the one that starts it.

use rustix::io::Result;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities, set_no_new_privs,
};

/// For loading the probe (BPF, PERFMON; SYS_RESOURCE before Linux 5.11), for `/proc` entries of other users' processes
/// (SYS_PTRACE, DAC_READ_SEARCH), for files and sockets wherever the configuration names them (DAC_OVERRIDE), for a port
/// below 1024 (NET_BIND_SERVICE) and for the priority (SYS_NICE).
pub(crate) const OF_THE_PROGRAM: CapabilitySet = OF_THE_READER
    .union(CapabilitySet::SYS_RESOURCE)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SYS_NICE);

/// For programs of new rules, for `/proc`, and for outputs that are reopened.
pub(crate) const OF_THE_READER: CapabilitySet = CapabilitySet::BPF
    .union(CapabilitySet::PERFMON)
    .union(CapabilitySet::SYS_PTRACE)
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::DAC_OVERRIDE);

/// For files and sockets of outputs wherever the configuration names them, also when they are reopened.
pub(crate) const OF_THE_OUTPUTS: CapabilitySet = CapabilitySet::DAC_READ_SEARCH.union(CapabilitySet::DAC_OVERRIDE);

/// For signals to processes of other users.
pub(crate) const OF_RESPONSES: CapabilitySet = CapabilitySet::KILL;

/// A client that takes over a thread of the web server has nothing.
pub(crate) const OF_THE_WEB: CapabilitySet = CapabilitySet::empty();

/// Drops all other capabilities of this thread and of those that it starts from now on, also for programs that they
/// would run.
///
/// # Errors
///
/// If the kernel refuses.
pub(crate) fn keep(wanted: CapabilitySet) -> Result<()> {
    set_no_new_privs(true)?;
    let now = capabilities(None)?;
    // Requires a capability itself, and matters for nobody who has none.
    if now.effective.contains(CapabilitySet::SETPCAP) {
        for capability in CapabilitySet::all().difference(wanted).iter() {
            // Kernels do not know those that are newer.
            let _ = remove_capability_from_bounding_set(capability);
        }
    }
    let _ = clear_ambient_capability_set();
    let kept = now.permitted.intersection(wanted);
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_drops_its_own() {
        let kept = std::thread::spawn(|| {
            keep(CapabilitySet::BPF | CapabilitySet::SYS_PTRACE).unwrap();
            let some = capabilities(None).unwrap();
            keep(OF_THE_WEB).unwrap();
            (some, capabilities(None).unwrap())
        });
        let before = capabilities(None).unwrap();
        let (some, none) = kept.join().unwrap();
        assert_eq!(some.permitted, before.permitted & (CapabilitySet::BPF | CapabilitySet::SYS_PTRACE));
        assert_eq!((none.permitted, none.effective), (CapabilitySet::empty(), CapabilitySet::empty()));
        assert_eq!(capabilities(None).unwrap(), before);
    }
}
