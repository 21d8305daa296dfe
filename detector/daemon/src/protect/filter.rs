//! A filter of system calls: code that takes over the program cannot enter or change other processes, or change the host.
//! Programs may run, confined as this one: a reload may enable `program_output`.
//!
//! Two filters apply. The first has the calls that nothing here needs, and that fail with EPERM. The second has those that
//! may be needed ([`ALLOWED`]); all others fail with ENOSYS, as on a kernel that does not have them: the C library and the
//! runtime then do without, also after an upgrade. A unit's own filter applies beside them.

use super::allowed::ALLOWED;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::collections::BTreeMap;

/// Calls that are denied.
const DENIED: &[libc::c_long] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Namespaces, mounts and roots.
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_fsconfig,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    // The kernel.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_userfaultfd,
    // Each of its requests would pass by this filter.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // The host.
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    // Identity and keys.
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_personality,
    // Files that others would run, or that would be theirs.
    libc::SYS_mknodat,
    libc::SYS_fchownat,
    libc::SYS_fchown,
];

/// Families of sockets that are allowed: outputs and engines, and netlink for the users of connections.
const FAMILIES: &[libc::c_int] = &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Denies the calls to all threads, and to those that they start. `opens_programs` says whether BPF programs may have to
/// be opened later, to change what the kernel denies: libbpf makes a file in memory for each, which it closes again.
///
/// # Errors
///
/// If the kernel has no such filters.
pub(crate) fn apply(opens_programs: bool) -> Result<(), String> {
    for program in [denied()?, allowed(opens_programs)?] {
        seccompiler::apply_filter_all_threads(&program).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn allowed(opens_programs: bool) -> Result<BpfProgram, String> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    if opens_programs {
        // Which cannot be executed, where the kernel knows that: since Linux 6.3.
        let as_libbpf = [libc::MFD_CLOEXEC | libc::MFD_NOEXEC_SEAL, libc::MFD_CLOEXEC].map(|flags| {
            SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, flags.into())
                .and_then(|flags| SeccompRule::new(vec![flags]))
        });
        let as_libbpf = as_libbpf.into_iter().collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        rules.insert(libc::SYS_memfd_create, as_libbpf);
    }
    compile(rules, SeccompAction::Errno(libc::ENOSYS.unsigned_abs()), SeccompAction::Allow)
}

fn compile(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    matching: SeccompAction,
) -> Result<BpfProgram, String> {
    let architecture = std::env::consts::ARCH.try_into().map_err(|error| format!("{error}"))?;
    let filter = SeccompFilter::new(rules, otherwise, matching, architecture);
    filter.and_then(TryInto::try_into).map_err(|error| error.to_string())
}

fn denied() -> Result<BpfProgram, String> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = DENIED.iter().map(|call| (*call, Vec::new())).collect();
    let others = FAMILIES.iter().map(|family| {
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, u64::from(family.unsigned_abs()))
    });
    let others = others.collect::<Result<Vec<_>, _>>().and_then(SeccompRule::new).map_err(|error| error.to_string())?;
    rules.insert(libc::SYS_socket, vec![others]);
    compile(rules, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::process::Command;

    const INNER: &str = "PEREGRINE_TEST_OF_FILTER";

    /// Runs a test once more in a separate process: a filter applies to the process for good.
    fn in_a_process(name: &str) {
        let this = std::env::current_exe().unwrap();
        let name = format!("protect::filter::tests::{name}");
        let ran = Command::new(this).args(["--exact", &name, "--nocapture"]).env(INNER, "1").output().unwrap();
        let out = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() && out.contains("1 passed"), "{out}");
    }

    #[test]
    fn bpf_objects_are_opened_only_for_denials() {
        use rustix::fs::MemfdFlags as Flags;
        use rustix::io::Errno;
        if std::env::var_os(INNER).is_none() {
            return in_a_process("bpf_objects_are_opened_only_for_denials");
        }
        let file = |flags| rustix::fs::memfd_create("x", flags).map(drop);
        apply(true).unwrap();
        assert_eq!(file(Flags::CLOEXEC), Ok(()));
        assert_ne!(file(Flags::CLOEXEC | Flags::NOEXEC_SEAL), Err(Errno::NOSYS));
        assert_eq!(file(Flags::empty()), Err(Errno::NOSYS));
        assert_eq!(file(Flags::CLOEXEC | Flags::ALLOW_SEALING), Err(Errno::NOSYS));
        apply(false).unwrap();
        assert_eq!(file(Flags::CLOEXEC), Err(Errno::NOSYS));
    }

    #[test]
    fn namespaces_are_denied_and_ordinary_work_is_not() {
        if std::env::var_os(INNER).is_some() {
            let family = |family| rustix::net::socket(family, rustix::net::SocketType::DGRAM, None).map(drop);
            let before = std::thread::spawn(move || {
                std::thread::park();
                family(rustix::net::AddressFamily::VSOCK)
            });
            apply(false).unwrap();
            before.thread().unpark();
            assert_eq!(before.join().unwrap(), Err(rustix::io::Errno::PERM));
            assert!(!Command::new("unshare").args(["--uts", "true"]).status().is_ok_and(|status| status.success()));
            assert!(Command::new("/bin/true").status().unwrap().success());
            assert_eq!(family(rustix::net::AddressFamily::VSOCK), Err(rustix::io::Errno::PERM));
            assert_eq!(family(rustix::net::AddressFamily::UNIX), Ok(()));
            TcpListener::bind("127.0.0.1:0").unwrap();
            // Not in the list of what may be needed.
            let memory = rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::CLOEXEC);
            assert_eq!(memory.map(drop), Err(rustix::io::Errno::NOSYS));
            let lookup = std::net::ToSocketAddrs::to_socket_addrs("localhost:1").unwrap().count();
            assert!(lookup > 0);
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("a"), "x").unwrap();
            std::fs::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
            std::fs::read_to_string("/proc/self/stat").unwrap();
            return;
        }
        in_a_process("namespaces_are_denied_and_ordinary_work_is_not");
    }
}
