//! The upgrade of events of older drivers: one row for each code and number of parameters that is not current.
//!
//! A row does exactly one thing; an event may pass through several rows until it is current.
//! [`savefile::Upgrade`](crate::savefile::Upgrade) applies the rows.
//!
//! Drivers used to send two events for a call, one on entry with the arguments and one on exit with the result. Today
//! the exit has all of them, so most rows store an entry for its thread and add its parameters to the exit that
//! follows.

use super::{EVENT_COUNT, EVENTS, EventCode, EventFlags};

/// The action on an event.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action {
    /// Store it for its thread until the exit; do not deliver it.
    Store,
    /// Deliver it unchanged.
    Pass,
    /// Store it and deliver it.
    StoreAndPass,
    /// Append parameters.
    Add(&'static [Take]),
    /// Make an event of this code with these parameters.
    Become(EventCode, &'static [Take]),
}

/// The origin of a parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Take {
    /// A parameter of the event itself.
    Old(u8),
    /// A range of parameters, from the first to the last.
    Olds(u8, u8),
    /// A parameter of the stored entry; if there is none, the zero of the type.
    Enter(u8),
    /// A parameter of the stored entry; if there is none, unknown.
    MaybeEnter(u8),
    /// The zero value of the type at its minimum size (all bits set for users and groups).
    Zero,
    /// A number of unknown parameters.
    Unknown(u8),
    /// The JSON text of container events, made from the four parameters of the first ones.
    ContainerJson,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) code: EventCode,
    pub(crate) nparams: u8,
    pub(crate) action: Action,
}

/// Returns the row for an event of this code with this number of parameters.
pub(crate) fn row(code: EventCode, nparams: usize) -> Option<&'static Row> {
    let from = usize::from(*FIRST.get(usize::from(code.0))?);
    let rows = ROWS.get(from..)?.iter().take_while(|row| row.code == code);
    rows.into_iter().find(|row| usize::from(row.nparams) == nparams)
}

/// Returns whether events of this code are never delivered: the number is not used, or is the entry side of a call
/// whose exit has everything.
pub(crate) fn is_dropped(code: EventCode) -> bool {
    code.info().is_some_and(|info| {
        info.flags.intersects(EventFlags::UNUSED)
            || info.flags.contains(EventFlags::OLD_VERSION) && !info.flags.contains(EventFlags::CONVERTED)
    })
}

/// Converts `BRK_1_X 1 => become BRK_4_X [Old(0), Unknown(4)];` to a [`Row`]: code, number of parameters, action.
macro_rules! upgrades {
    ($($code:ident $nparams:literal => $verb:ident $($target:ident)? $([$($take:expr),*])?;)*) => {
        const ROWS: &[Row] = &[$(Row {
            code: EventCode::$code,
            nparams: $nparams,
            action: upgrades!(@$verb $($target)? $([$($take),*])?),
        }),*];
    };
    (@store) => { Action::Store };
    (@pass) => { Action::Pass };
    (@store_and_pass) => { Action::StoreAndPass };
    (@add [$($take:expr),*]) => { Action::Add(&[$($take),*]) };
    (@become $target:ident [$($take:expr),*]) => { Action::Become(EventCode::$target, &[$($take),*]) };
}

use Take::{ContainerJson, Enter, MaybeEnter, Old, Olds, Unknown, Zero};

#[rustfmt::skip]
upgrades! {
    GENERIC_E 2 => store;
    GENERIC_X 1 => add [MaybeEnter(1)];
    OPEN_E 0 => add [Unknown(3)];
    OPEN_E 3 => pass;
    OPEN_X 4 => add [Unknown(1)];
    OPEN_X 5 => add [Unknown(1)];
    CLOSE_E 1 => store;
    CLOSE_X 1 => add [Enter(0)];
    READ_E 2 => store;
    READ_X 2 => add [Enter(0), Enter(1)];
    WRITE_E 2 => store;
    WRITE_X 2 => add [Enter(0), Enter(1)];
    BRK_1_E 1 => store;
    BRK_1_X 1 => become BRK_4_X [Old(0), MaybeEnter(0), Unknown(3)];
    EXECVE_8_E 0 => become EXECVE_13_E [];
    EXECVE_8_X 8 => become EXECVE_13_X [Olds(0, 7), Unknown(5)];
    CLONE_11_X 11 => become CLONE_16_X [Olds(0, 7), Unknown(5), Olds(8, 10)];
    PROCEXIT_E 0 => become PROCEXIT_1_E [Unknown(5)];
    SOCKET_E 3 => store;
    SOCKET_X 1 => add [Enter(0), Enter(1), Enter(2)];
    SOCKET_X 4 => add [Zero];
    BIND_E 1 => store;
    BIND_X 2 => add [Enter(0)];
    CONNECT_E 1 => add [Zero];
    CONNECT_E 2 => store_and_pass;
    CONNECT_X 2 => add [Enter(0)];
    CONNECT_X 3 => add [Enter(1)];
    LISTEN_E 2 => store;
    LISTEN_X 1 => add [Enter(0), Enter(1)];
    ACCEPT_X 3 => become ACCEPT_5_X [Olds(0, 2), Zero, Zero];
    SEND_E 2 => store;
    SEND_X 2 => add [Enter(0), Enter(1), Zero];
    SENDTO_E 3 => store;
    SENDTO_X 2 => add [Enter(0), Enter(1), Enter(2)];
    RECV_E 2 => store;
    RECV_X 2 => add [Enter(0), Enter(1), Zero];
    RECVFROM_E 2 => store;
    RECVFROM_X 3 => add [Enter(0), Enter(1)];
    SHUTDOWN_E 2 => store;
    SHUTDOWN_X 1 => add [Enter(0), Enter(1)];
    SOCKETPAIR_E 3 => store;
    SOCKETPAIR_X 5 => add [Enter(0), Enter(1), Enter(2)];
    SENDMSG_E 3 => store;
    SENDMSG_X 2 => add [Enter(0), Enter(1), Enter(2)];
    SENDMMSG_X 0 => add [Zero, Unknown(4)];
    RECVMSG_E 1 => store;
    RECVMSG_X 4 => add [Zero];
    RECVMSG_X 5 => add [Enter(0)];
    RECVMMSG_X 0 => add [Zero, Unknown(5)];
    ACCEPT4_E 1 => store;
    ACCEPT4_X 3 => become ACCEPT4_6_X [Olds(0, 2), Zero, Zero, Enter(0)];
    CREAT_E 0 => add [Unknown(2)];
    CREAT_E 2 => pass;
    CREAT_X 3 => add [Unknown(1)];
    CREAT_X 4 => add [Unknown(1)];
    CREAT_X 5 => add [Unknown(1)];
    EVENTFD_E 2 => store;
    EVENTFD_X 1 => add [Enter(0), Enter(1)];
    FUTEX_E 3 => store;
    FUTEX_X 1 => add [Enter(0), Enter(1), Enter(2)];
    FSTAT_E 1 => store;
    FSTAT_X 1 => add [Enter(0)];
    EPOLLWAIT_E 1 => store;
    EPOLLWAIT_X 1 => add [Enter(0)];
    POLL_E 2 => store;
    POLL_X 2 => add [Enter(1)];
    NEWSELECT_X 1 => become SELECT_X [Old(0)];
    LSEEK_E 3 => store;
    LSEEK_X 1 => add [Enter(0), Enter(1), Enter(2)];
    LLSEEK_E 3 => store;
    LLSEEK_X 1 => add [Enter(0), Enter(1), Enter(2)];
    IOCTL_2_E 2 => store;
    IOCTL_2_X 1 => become IOCTL_3_X [Old(0), MaybeEnter(0), MaybeEnter(1), Unknown(1)];
    FCHDIR_E 1 => store;
    FCHDIR_X 1 => add [MaybeEnter(0)];
    MKDIR_E 2 => store;
    MKDIR_X 1 => become MKDIR_2_X [Old(0), MaybeEnter(0), MaybeEnter(1)];
    RMDIR_E 1 => store;
    RMDIR_X 1 => become RMDIR_2_X [Old(0), MaybeEnter(0)];
    OPENAT_E 4 => store;
    OPENAT_X 1 => become OPENAT_2_X [Old(0), MaybeEnter(0), MaybeEnter(1), MaybeEnter(2), MaybeEnter(3), Unknown(2)];
    LINK_E 2 => store;
    LINK_X 1 => become LINK_2_X [Old(0), MaybeEnter(0), MaybeEnter(1)];
    LINKAT_E 4 => store;
    LINKAT_X 1 => become LINKAT_2_X [Old(0), MaybeEnter(0), MaybeEnter(1), MaybeEnter(2), MaybeEnter(3), Unknown(1)];
    UNLINK_E 1 => store;
    UNLINK_X 1 => become UNLINK_2_X [Old(0), MaybeEnter(0)];
    UNLINKAT_E 2 => store;
    UNLINKAT_X 1 => become UNLINKAT_2_X [Old(0), MaybeEnter(0), MaybeEnter(1), Unknown(1)];
    PREAD_E 3 => store;
    PREAD_X 2 => add [Enter(0), Enter(1), Enter(2)];
    PWRITE_E 3 => store;
    PWRITE_X 2 => add [Enter(0), Enter(1), Enter(2)];
    READV_E 1 => store;
    READV_X 3 => add [Enter(0)];
    WRITEV_E 2 => store;
    WRITEV_X 2 => add [Enter(0), Enter(1)];
    PREADV_E 2 => store;
    PREADV_X 3 => add [Enter(0), Enter(1)];
    PWRITEV_E 3 => store;
    PWRITEV_X 2 => add [Enter(0), Enter(1), Enter(2)];
    DUP_E 1 => store;
    DUP_X 1 => become DUP_1_X [Old(0), MaybeEnter(0)];
    SIGNALFD_E 3 => store;
    SIGNALFD_X 1 => add [Enter(0), Enter(1), Enter(2)];
    KILL_E 2 => store;
    KILL_X 1 => add [Enter(0), Enter(1)];
    TKILL_E 2 => store;
    TKILL_X 1 => add [Enter(0), Enter(1)];
    TGKILL_E 3 => store;
    TGKILL_X 1 => add [Enter(0), Enter(1), Enter(2)];
    NANOSLEEP_E 1 => store;
    NANOSLEEP_X 1 => add [Enter(0)];
    TIMERFD_CREATE_E 2 => store;
    TIMERFD_CREATE_X 1 => add [Enter(0), Enter(1)];
    INOTIFY_INIT_E 1 => store;
    INOTIFY_INIT_X 1 => add [Enter(0)];
    GETRLIMIT_E 1 => store;
    GETRLIMIT_X 3 => add [Enter(0)];
    SETRLIMIT_E 1 => store;
    SETRLIMIT_X 3 => add [Enter(0)];
    PRLIMIT_E 2 => store;
    PRLIMIT_X 5 => add [MaybeEnter(0), MaybeEnter(1)];
    SCHEDSWITCH_1_E 1 => become SCHEDSWITCH_6_E [Old(0), Unknown(5)];
    FCNTL_E 2 => store;
    FCNTL_X 1 => add [Enter(0), Enter(1)];
    FCNTL_X 3 => add [Zero];
    EXECVE_13_E 0 => become EXECVE_14_E [];
    EXECVE_13_X 13 => become EXECVE_14_X [Olds(0, 12), Unknown(1)];
    CLONE_16_X 16 => become CLONE_17_X [Olds(0, 12), Unknown(1), Olds(13, 15)];
    BRK_4_E 1 => store;
    BRK_4_X 4 => add [MaybeEnter(0)];
    MMAP_E 6 => store;
    MMAP_X 4 => add [Enter(0), Enter(1), Enter(2), Enter(3), Enter(4), Enter(5)];
    MMAP2_E 6 => store;
    MMAP2_X 4 => add [Enter(0), Enter(1), Enter(2), Enter(3), Enter(4), Enter(5)];
    MUNMAP_E 2 => store;
    MUNMAP_X 4 => add [Enter(0), Enter(1)];
    SPLICE_E 4 => store;
    SPLICE_X 1 => add [Enter(0), Enter(1), Enter(2), Enter(3)];
    PTRACE_E 2 => store;
    PTRACE_X 0 => add [Unknown(3)];
    PTRACE_X 3 => add [MaybeEnter(0), MaybeEnter(1)];
    IOCTL_3_E 3 => store;
    IOCTL_3_X 1 => add [Enter(0), Enter(1), Enter(2)];
    EXECVE_14_E 0 => become EXECVE_15_E [];
    EXECVE_14_X 14 => become EXECVE_15_X [Olds(0, 12), Unknown(1), Old(13)];
    FORK_X 16 => become FORK_17_X [Olds(0, 12), Unknown(1), Olds(13, 15)];
    VFORK_X 16 => become VFORK_17_X [Olds(0, 12), Unknown(1), Olds(13, 15)];
    SENDFILE_E 4 => store;
    SENDFILE_X 2 => add [Enter(0), Enter(1), Enter(3)];
    QUOTACTL_E 4 => store;
    QUOTACTL_X 14 => add [Enter(0), Enter(1), Enter(2), Enter(3)];
    SETRESUID_E 3 => store;
    SETRESUID_X 1 => add [MaybeEnter(0), MaybeEnter(1), MaybeEnter(2)];
    SETRESGID_E 3 => store;
    SETRESGID_X 1 => add [MaybeEnter(0), MaybeEnter(1), MaybeEnter(2)];
    SETUID_E 1 => store;
    SETUID_X 1 => add [MaybeEnter(0)];
    SETGID_E 1 => store;
    SETGID_X 1 => add [MaybeEnter(0)];
    EXECVE_15_E 0 => become EXECVE_16_E [];
    EXECVE_15_X 15 => become EXECVE_16_X [Olds(0, 13), Unknown(1), Old(14)];
    CLONE_17_X 17 => become CLONE_20_X [Olds(0, 13), Unknown(1), Olds(14, 16), Unknown(2)];
    FORK_17_X 17 => become FORK_20_X [Olds(0, 13), Unknown(1), Olds(14, 16), Unknown(2)];
    VFORK_17_X 17 => become VFORK_20_X [Olds(0, 13), Unknown(1), Olds(14, 16), Unknown(2)];
    CLONE_20_X 20 => add [Unknown(1)];
    FORK_20_X 20 => add [Unknown(1)];
    VFORK_20_X 20 => add [Unknown(1)];
    CONTAINER_E 4 => become CONTAINER_JSON_E [ContainerJson];
    EXECVE_16_E 0 => become EXECVE_17_E [];
    EXECVE_16_X 16 => become EXECVE_17_X [Olds(0, 15), Unknown(1)];
    GETDENTS_E 1 => store;
    GETDENTS_X 1 => add [Enter(0)];
    GETDENTS64_E 1 => store;
    GETDENTS64_X 1 => add [Enter(0)];
    SETNS_E 2 => store;
    SETNS_X 1 => add [MaybeEnter(0), MaybeEnter(1)];
    FLOCK_E 2 => store;
    FLOCK_X 1 => add [Enter(0), Enter(1)];
    ACCEPT4_5_E 1 => store;
    ACCEPT4_5_X 5 => become ACCEPT4_6_X [Olds(0, 4), Enter(0)];
    SEMOP_E 1 => store;
    SEMOP_X 8 => add [Enter(0)];
    SEMCTL_E 4 => store;
    SEMCTL_X 1 => add [Enter(0), Enter(1), Enter(2), Enter(3)];
    PPOLL_E 3 => store;
    PPOLL_X 2 => add [Enter(1), Enter(2)];
    MOUNT_E 1 => store;
    MOUNT_X 4 => add [Enter(0)];
    UMOUNT_X 2 => become UMOUNT_1_X [Olds(0, 1)];
    SEMGET_E 3 => store;
    SEMGET_X 1 => add [Enter(0), Enter(1), Enter(2)];
    ACCESS_E 1 => store;
    ACCESS_X 2 => add [Enter(0)];
    CONTAINER_JSON_E 1 => become CONTAINER_JSON_2_E [Old(0)];
    MKDIR_2_E 1 => store;
    MKDIR_2_X 2 => add [MaybeEnter(0)];
    EXECVE_17_E 0 => become EXECVE_18_E [Unknown(1)];
    EXECVE_17_X 17 => become EXECVE_18_X [Olds(0, 16)];
    UNSHARE_E 1 => store;
    UNSHARE_X 1 => add [Enter(0)];
    EXECVE_18_E 1 => become EXECVE_19_E [Old(0)];
    EXECVE_18_X 17 => become EXECVE_19_X [Olds(0, 16), Unknown(1)];
    EXECVE_19_E 1 => store_and_pass;
    EXECVE_19_X 18 => add [Unknown(1)];
    EXECVE_19_X 19 => add [Unknown(1)];
    EXECVE_19_X 20 => add [Unknown(3)];
    EXECVE_19_X 23 => add [Unknown(3)];
    EXECVE_19_X 26 => add [Unknown(1)];
    EXECVE_19_X 27 => add [Unknown(1)];
    EXECVE_19_X 28 => add [Unknown(1)];
    EXECVE_19_X 29 => add [Unknown(1)];
    EXECVE_19_X 30 => add [MaybeEnter(0)];
    SETPGID_E 2 => store;
    SETPGID_X 1 => add [MaybeEnter(0), MaybeEnter(1)];
    BPF_E 1 => store;
    BPF_X 1 => become BPF_2_X [Old(0), MaybeEnter(0)];
    SECCOMP_E 1 => add [Zero];
    SECCOMP_E 2 => store;
    SECCOMP_X 1 => add [Enter(0), Enter(1)];
    OPENAT_2_E 0 => add [Unknown(4)];
    OPENAT_2_E 4 => pass;
    OPENAT_2_X 5 => add [Unknown(1)];
    OPENAT_2_X 6 => add [Unknown(1)];
    OPENAT2_E 0 => add [Unknown(5)];
    OPENAT2_E 5 => pass;
    OPENAT2_X 6 => add [Unknown(2)];
    MPROTECT_E 3 => store;
    MPROTECT_X 1 => add [Enter(0), Enter(1), Enter(2)];
    EXECVEAT_E 3 => pass;
    EXECVEAT_X 19 => add [Unknown(1)];
    EXECVEAT_X 20 => add [Unknown(3)];
    EXECVEAT_X 23 => add [Unknown(3)];
    EXECVEAT_X 26 => add [Unknown(1)];
    EXECVEAT_X 27 => add [Unknown(1)];
    EXECVEAT_X 28 => add [Unknown(1)];
    EXECVEAT_X 29 => add [Unknown(1)];
    COPY_FILE_RANGE_E 3 => store;
    COPY_FILE_RANGE_X 3 => add [Enter(0), Enter(1), Enter(2)];
    CLONE3_X 20 => add [Unknown(1)];
    EPOLL_CREATE_E 1 => store;
    EPOLL_CREATE_X 1 => add [Enter(0)];
    EPOLL_CREATE1_E 1 => store;
    EPOLL_CREATE1_X 1 => add [Enter(0)];
    ACCEPT4_6_E 1 => store;
    ACCEPT4_6_X 5 => add [Enter(0)];
    UMOUNT2_E 1 => store;
    UMOUNT2_X 2 => add [Enter(0)];
    EVENTFD2_E 1 => store;
    EVENTFD2_X 2 => add [Enter(0)];
    SIGNALFD4_E 2 => store;
    SIGNALFD4_X 2 => add [Enter(0), Enter(1)];
}

/// The index of the first row of a code; one past the last row if it has none.
static FIRST: [u16; EVENT_COUNT] = first();

#[allow(clippy::indexing_slicing, reason = "evaluated when the crate is built: out of bounds does not compile")]
const fn first() -> [u16; EVENT_COUNT] {
    let mut first = [ROWS.len() as u16; EVENT_COUNT];
    let mut at = ROWS.len();
    while at > 0 {
        at -= 1;
        first[ROWS[at].code.0 as usize] = at as u16;
    }
    first
}

/// Checks rows when they are compiled.
#[allow(clippy::indexing_slicing, reason = "evaluated when the crate is built: out of bounds does not compile")]
const _: () = {
    let mut at = 0;
    while at < ROWS.len() {
        let row = &ROWS[at];
        if at > 0 {
            let before = &ROWS[at - 1];
            assert!(
                before.code.0 < row.code.0 || before.code.0 == row.code.0 && before.nparams < row.nparams,
                "rows must be in the order of code and number of parameters"
            );
        }
        let flags = EVENTS[row.code.0 as usize].flags;
        assert!(flags.contains(EventFlags::CONVERTED), "the schema must say that the event is converted");
        match row.action {
            Action::Add(takes) | Action::Become(_, takes) => check_takes(row, takes),
            Action::Store | Action::Pass | Action::StoreAndPass => {
                assert!(row.code.is_enter(), "only entries are stored or passed");
            }
        }
        at += 1;
    }
    let mut code = 0;
    while code < EVENT_COUNT {
        let info = &EVENTS[code];
        let lost = info.flags.contains(EventFlags::OLD_VERSION) && !info.flags.contains(EventFlags::CONVERTED);
        assert!(!lost || info.code.is_enter(), "an old exit must be converted, or it would be lost");
        code += 1;
    }
};

#[allow(clippy::indexing_slicing, reason = "evaluated when the crate is built: out of bounds does not compile")]
const fn check_takes(row: &Row, takes: &[Take]) {
    let mut at = 0;
    while at < takes.len() {
        match takes[at] {
            Take::Old(last) => assert!(last < row.nparams),
            Take::Olds(first, last) => assert!(first < last && last < row.nparams),
            Take::Enter(index) | Take::MaybeEnter(index) => {
                assert!(row.code.is_exit(), "only an exit has an entry");
                assert!((index as usize) < EVENTS[row.code.0 as usize - 1].params.len());
            }
            Take::Zero | Take::Unknown(_) | Take::ContainerJson => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::wire::wire;

    impl Take {
        fn count(self) -> usize {
            match self {
                Self::Olds(first, last) => usize::from(last - first) + 1,
                Self::Unknown(count) => usize::from(count),
                _ => 1,
            }
        }
    }

    /// Returns the code and number of parameters after the row, if it makes an event.
    fn after(row: &Row) -> Option<(EventCode, usize)> {
        match row.action {
            Action::Add(takes) => {
                Some((row.code, usize::from(row.nparams) + takes.iter().map(|take| take.count()).sum::<usize>()))
            }
            Action::Become(code, takes) => Some((code, takes.iter().map(|take| take.count()).sum())),
            Action::Store | Action::Pass | Action::StoreAndPass => None,
        }
    }

    #[test]
    fn every_row_leads_to_a_current_event() {
        for start in ROWS {
            let mut at = start;
            let mut rounds = 0;
            while let Some((code, nparams)) = after(at) {
                rounds += 1;
                assert!(rounds < 20, "{start:?} goes in circles");
                let params = code.info().unwrap().params.len();
                assert!(nparams <= params, "{at:?} makes {nparams} parameters of {params}");
                if nparams >= usize::from(wire(code).current_from) {
                    assert!(!is_dropped(code), "{at:?} ends in an event that is dropped");
                    assert_eq!(nparams, params, "{at:?}");
                    break;
                }
                at = row(code, nparams).unwrap_or_else(|| panic!("{at:?} leads to {code:?} with {nparams}"));
            }
        }
    }

    #[test]
    fn every_stored_entry_is_used_by_its_exit() {
        for stored in ROWS.iter().filter(|row| matches!(row.action, Action::Store)) {
            let exit = EventCode(stored.code.0 + 1);
            let used = ROWS.iter().filter(|row| row.code == exit).any(|row| match row.action {
                Action::Add(takes) | Action::Become(_, takes) => {
                    takes.iter().any(|take| matches!(take, Enter(_) | MaybeEnter(_)))
                }
                _ => false,
            });
            assert!(used, "{stored:?}");
        }
    }

    #[test]
    fn rows_are_found() {
        for expected in ROWS {
            let found = row(expected.code, usize::from(expected.nparams)).unwrap();
            assert_eq!((found.code, found.nparams), (expected.code, expected.nparams));
        }
        assert!(row(EventCode::OPEN_X, 2).is_none());
        assert!(row(EventCode(9999), 2).is_none());
    }
}
