//! One row per event code: its parser, and what is prepared for it.

use scap::plan::Outcomes;
use scap::schema::{Category, EVENT_COUNT, EVENTS, EventFlags, EventInfo, ParamType, Role};
use scap::{Event, EventCode};

use super::ctx::Ctx;
use super::{clone, close_dup, connect, cwd, enter, execve, exit, identity, new_fd, open, resources, socket, transfer};
use crate::state::Thread;

/// A parser.
pub(super) type Parse = fn(&mut Ctx<'_, '_>);

/// A parser that needs only its event and changes only its thread.
pub(super) type Light = fn(&mut Thread, &Event<'_>);

/// The index for no parameter.
pub(super) const NONE: u8 = u8::MAX;

/// The subject of an event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The thread that did something.
    Thread,
    /// A thread that something is reported about.
    Known,
    /// The host: users and groups.
    Machine,
    /// A container, in the name of a thread.
    Described,
    /// Nothing that is in the state.
    Other,
}

/// The treatment of events of one code.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) kind: Kind,
    /// The parser.
    pub(super) parse: Option<Parse>,
    /// The parser that applies only changes of the thread, used when nothing else is needed.
    pub(super) light: Option<Light>,
    /// The parser if the thread is not known.
    pub(super) orphan: Option<Parse>,
    /// The parameter with the file descriptor that it works on.
    pub(super) fd_param: u8,
    /// Whether an unknown thread gets an entry: not where unknown threads are expected (a new thread, a dead one).
    pub(super) placeholder: bool,
    /// Whether only the passing of data through a connection matters.
    pub(super) passes: bool,
    /// Whether it is hidden and only updates the state.
    pub(super) hidden: bool,
    /// Whether its time does not start the clock.
    pub(super) meta: bool,
    /// Whether it belongs to the host's initial state if it comes before all others.
    pub(super) initial: bool,
    /// Whether it is a switch of the scheduler, which does not affect the facts of calls.
    pub(super) switch: bool,
    /// The outcomes of the call that change the state, as far as later events can see.
    changes: Outcomes,
}

/// Returns the row of a code.
#[inline]
pub(super) fn row(code: EventCode) -> &'static Row {
    TABLE.get(usize::from(code.0)).unwrap_or(&UNKNOWN)
}

const UNKNOWN: Row = Row {
    kind: Kind::Known,
    parse: None,
    light: None,
    orphan: None,
    fd_param: NONE,
    placeholder: false,
    passes: false,
    hidden: false,
    meta: false,
    initial: false,
    switch: false,
    changes: Outcomes::BOTH,
};

static TABLE: [Row; EVENT_COUNT] = {
    let mut table = [UNKNOWN; EVENT_COUNT];
    let mut at = 0;
    while at < EVENT_COUNT {
        table[at] = describe(&EVENTS[at]);
        at += 1;
    }
    table
};

const fn describe(info: &EventInfo) -> Row {
    use EventCode as E;
    let code = info.code;
    let clones = matches!(info.role, Role::Clones);
    Row {
        kind: match code {
            E::PROCINFO_E => Kind::Known,
            E::USER_ADDED_E | E::USER_DELETED_E | E::GROUP_ADDED_E | E::GROUP_DELETED_E => Kind::Machine,
            E::PLUGINEVENT_E => Kind::Other,
            // They name a thread that fields can use, and describe a container.
            E::CONTAINER_JSON_2_E | E::ASYNCEVENT_E => Kind::Described,
            _ if info.flags.intersects(EventFlags::SKIPPARSERESET) => Kind::Other,
            _ => Kind::Thread,
        },
        parse: parser(info),
        light: match code {
            E::BRK_4_X | E::MMAP_X | E::MMAP2_X | E::MUNMAP_X => Some(resources::memory),
            _ => None,
        },
        orphan: if clones { parser(info) } else { None },
        fd_param: fd_param(info),
        placeholder: !clones && !matches!(info.role, Role::Exits) && !matches!(code, E::SCHEDSWITCH_6_E),
        passes: matches!(info.role, Role::Reads | Role::Writes),
        hidden: is_kept_open_entry(info) || matches!(code, E::CONNECT_E | E::EXECVE_19_E | E::EXECVEAT_E),
        meta: info.category.intersects(Category::METAEVENT),
        initial: matches!(
            code,
            E::CONTAINER_JSON_2_E
                | E::USER_ADDED_E
                | E::USER_DELETED_E
                | E::GROUP_ADDED_E
                | E::GROUP_DELETED_E
                | E::ASYNCEVENT_E
        ),
        switch: matches!(code, E::SCHEDSWITCH_6_E),
        changes: changes(info),
    }
}

/// Returns the outcomes of a call with events of this type that change what later events see of the state: names, file
/// descriptors, processes. Any event also counts as a sign of life of its thread, and makes an unknown thread known,
/// which the next one does as well. Failures change nothing as long as the status of connections is not tracked
/// ([`Config::track_connection_status`](crate::Config::track_connection_status)), and enter events are not captured.
pub fn state_changes(code: EventCode) -> Outcomes {
    row(code).changes
}

/// Returns whether events of a type change at most the status of an internet connection, which `fd.connected` shows: those
/// of calls that only pass data through a file descriptor.
pub fn changes_only_status(code: EventCode) -> bool {
    row(code).passes
}

const fn changes(info: &EventInfo) -> Outcomes {
    use EventCode as E;
    if !info.code.is_exit() || matches!(info.role, Role::Exits) {
        return Outcomes::BOTH;
    }
    match info.code {
        // Their numbers go into the state whatever the result.
        E::BRK_4_X | E::MMAP_X | E::MMAP2_X | E::MUNMAP_X | E::MEMFD_CREATE_X | E::PIDFD_GETFD_X => Outcomes::BOTH,
        _ if parser(info).is_some() => Outcomes::SUCCEEDED,
        _ => Outcomes::NONE,
    }
}

/// Returns the first file descriptor among the parameters of an event that works on one, except its result.
const fn fd_param(info: &EventInfo) -> u8 {
    if !info.flags.intersects(EventFlags::USES_FD) {
        return NONE;
    }
    if matches!(info.code, EventCode::SPLICE_X) {
        return 2;
    }
    let mut at = if info.code.is_exit() { 1 } else { 0 };
    while at < info.params.len() {
        if matches!(info.params[at].ty, ParamType::Fd) {
            return at as u8;
        }
        at += 1;
    }
    NONE
}

/// Returns the parser of events that have a role, or of the enter events of such calls.
const fn parser_of_role(info: &EventInfo) -> Option<Parse> {
    Some(match info.role {
        Role::Opens => open::open,
        Role::Closes => close_dup::close,
        Role::Clones => clone::clone,
        Role::Executes => execve::execve,
        Role::Exits => exit::exit,
        Role::Binds => socket::bind,
        Role::Connects => connect::connect,
        Role::Accepts => socket::accept,
        Role::Reads | Role::Writes => transfer::pass,
        Role::Receives => transfer::receive,
        Role::Sends => transfer::send,
        _ if is_kept_open_entry(info) => enter::keep_if_known,
        _ => return None,
    })
}

/// Returns whether it is the enter event of a call that opens a file, as current drivers send it.
const fn is_kept_open_entry(info: &EventInfo) -> bool {
    let exit = info.code.0 as usize + 1;
    info.code.is_enter() && info.is_live() && exit < EVENT_COUNT && matches!(EVENTS[exit].role, Role::Opens)
}

const fn parser(info: &EventInfo) -> Option<Parse> {
    use EventCode as E;
    let of_role = parser_of_role(info);
    if of_role.is_some() {
        return of_role;
    }
    Some(match info.code {
        E::EXECVE_19_E => enter::keep_if_known,
        E::EXECVEAT_E | E::CONNECT_E => enter::keep,
        E::UNSHARE_X | E::SETNS_X => identity::namespace,
        E::PIPE_X | E::PIPE2_X => new_fd::pipe,
        E::MEMFD_CREATE_X => new_fd::memfd,
        E::PIDFD_OPEN_X => new_fd::pidfd_open,
        E::PIDFD_GETFD_X => new_fd::pidfd_getfd,
        E::EVENTFD_X
        | E::EVENTFD2_X
        | E::SIGNALFD_X
        | E::SIGNALFD4_X
        | E::TIMERFD_CREATE_X
        | E::INOTIFY_INIT_X
        | E::INOTIFY_INIT1_X
        | E::BPF_2_X
        | E::USERFAULTFD_X
        | E::IO_URING_SETUP_X
        | E::EPOLL_CREATE_X
        | E::EPOLL_CREATE1_X => new_fd::object,
        E::SOCKET_X => socket::socket,
        E::SOCKETPAIR_X => socket::socketpair,
        E::GETSOCKOPT_X => socket::getsockopt,
        E::CLOSE_RANGE_X => close_dup::close_range,
        E::DUP_1_X | E::DUP2_X | E::DUP3_X => close_dup::dup,
        E::FCNTL_X => close_dup::fcntl,
        E::CHDIR_X => cwd::chdir,
        E::FCHDIR_X => cwd::fchdir,
        E::GETCWD_X => cwd::chdir,
        E::CHROOT_X => cwd::chroot,
        E::GETRLIMIT_X | E::SETRLIMIT_X => resources::rlimit,
        E::PRLIMIT_X => resources::prlimit,
        E::SCHEDSWITCH_6_E => resources::switch,
        E::SETRESUID_X | E::SETREUID_X | E::SETUID_X => identity::set_user,
        E::SETRESGID_X | E::SETREGID_X | E::SETGID_X => identity::set_group,
        E::SETSID_X => identity::setsid,
        E::CAPSET_X => identity::capset,
        E::PRCTL_X => identity::prctl,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_descriptors_are_found_among_parameters() {
        let at = |code: EventCode| row(code).fd_param;
        assert_eq!(at(EventCode::READ_X), 2);
        assert_eq!(at(EventCode::CLOSE_X), 1);
        assert_eq!(at(EventCode::FCNTL_X), 1);
        assert_eq!(at(EventCode::MMAP_X), 8);
        assert_eq!(at(EventCode::RECVMSG_X), 5);
        assert_eq!(at(EventCode::CONNECT_E), 0);
        assert_eq!(at(EventCode::SPLICE_X), 2);
        assert_eq!(at(EventCode::OPEN_X), NONE);
    }

    /// A new call that opens files is a row of the schema with its roles; no code here names it.
    #[test]
    fn a_new_call_that_opens_files_needs_no_code() {
        let entry = EVENTS[usize::from(EventCode::OPENAT_2_E.0)];
        let mut made = EVENTS[usize::from(EventCode::OPENAT_2_X.0)];
        (made.code, made.name) = (EventCode(EVENT_COUNT as u16 + 1), "openat3");
        let parse = describe(&made).parse.expect("a parser");
        assert!(std::ptr::fn_addr_eq(parse, open::open as Parse));
        assert!(describe(&made).placeholder && !describe(&made).hidden);
        assert!(describe(&entry).hidden);
        let opens = EVENTS.iter().filter(|info| info.role == Role::Opens);
        assert!(opens.into_iter().all(|info| info.params.len() <= open::MOST_PARAMS));
    }

    #[test]
    fn events_that_change_state_have_a_parser() {
        // Events that Falco marks but no longer tracks, or never did.
        let without =
            ["mount", "umount", "umount2", "shutdown", "container", "cpu_hotplug", "useradded", "userdeleted"];
        let groups = ["groupadded", "groupdeleted"];
        for info in EVENTS.iter().filter(|info| info.is_live() && info.flags.intersects(EventFlags::MODIFIES_STATE)) {
            let known = without.contains(&info.name) || groups.contains(&info.name);
            let iterator = info.category.intersects(Category::ITER);
            let parsed = row(info.code).parse.is_some() || row(info.code).light.is_some();
            assert!(parsed != (known || iterator), "{:?}", info.code);
        }
    }
}
