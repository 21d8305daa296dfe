//! Imports the initial state of a capture.

use std::collections::BTreeSet;
use std::sync::Arc;

use scap::HostState;
use scap::event::embedded_v4;
use scap::host;

use super::fd::{ConnectStatus, Fd, FdKind, Ipv4Tuple, Ipv6End, Ipv6Tuple, L4Proto, Role, UnixTuple};
use super::users::{User, UserGroup};
use super::{Interfaces, Metrics, State, Text, Thread, path, thread_flags};

impl State {
    /// Replaces the state by that of a source. Counters continue.
    pub(crate) fn import(&mut self, host: &HostState, live: bool) {
        let metrics = Metrics { held_events: 0, ..self.metrics };
        let patterns = self.patterns.clone();
        let extension = self.extension.take();
        *self =
            Self { limits: self.limits, patterns, metrics, stamps: self.stamps, live, extension, ..Self::default() };
        self.machine = host.machine.clone();
        self.interfaces = Interfaces::new(&host.interfaces);
        for user in &host.users {
            self.put_user(
                b"",
                0,
                User {
                    uid: user.uid,
                    gid: user.gid,
                    name: Text::new(&user.name),
                    home: Text::new(&user.home),
                    shell: Text::new(&user.shell),
                },
            );
        }
        for group in &host.groups {
            self.put_group(b"", 0, UserGroup { gid: group.gid, name: Text::new(&group.name) });
        }
        let ports = server_ports(host);
        for thread in &host.threads {
            self.import_thread(thread, &ports);
        }
        let tids = self.threads.tids();
        tids.iter().for_each(|tid| self.connect(*tid));
        tids.iter().for_each(|tid| self.keep_session(*tid));
    }

    /// Adds a thread that was found on the running host; `false` if the table is full.
    pub(crate) fn add_scanned(&mut self, host: &host::Thread) -> bool {
        let added = self.import_thread(host, &BTreeSet::new());
        self.connect(host.tid);
        self.keep_session(host.tid);
        added
    }

    fn import_thread(&mut self, host: &host::Thread, ports: &BTreeSet<u16>) -> bool {
        let mut thread = self.thread_of(host);
        // What is live is looked at later.
        let proven = !self.live && thread.is_in_pidns();
        self.settle(&mut thread, proven);
        let fds = Arc::make_mut(&mut thread.fds);
        for entry in &host.fds {
            if entry.num < 0 {
                continue;
            }
            if fds.len() >= self.limits.fds_per_process && fds.get(entry.num).is_none() {
                self.metrics.drops_full_fdtable += 1;
                continue;
            }
            let mut fd = self.fd_of(&entry.kind);
            fd.ino = entry.ino;
            orient(&mut fd, ports);
            if let Some(fd) = self.share_fd(fd) {
                self.metrics.added_fds += 1;
                fds.insert(entry.num, fd);
            }
        }
        self.add_unconnected(thread)
    }

    /// Returns a thread as a capture or a scan describes it, without file descriptors.
    pub(crate) fn thread_of(&self, host: &host::Thread) -> Box<Thread> {
        let mut thread = Box::new(Thread::new(host.tid));
        thread.pid = host.pid;
        thread.ptid = host.ptid;
        thread.sid = host.sid;
        thread.pgid = host.pgid;
        thread.vpgid = host.vpgid;
        thread.vtid = host.vtid;
        thread.vpid = host.vpid;
        thread.comm = Text::new(&host.comm);
        thread.exe = Text::new(&host.exe);
        thread.exepath = Text::new(path::without_deleted(&host.exepath));
        thread.args = Text::new(super::cut_list(&host.args, self.limits.args_bytes));
        thread.cmdline_comm = thread.comm.clone();
        thread.set_cgroups(&host.cgroups, self.patterns.as_deref());
        thread.root = Text::new(&host.root);
        thread.flags |= host.flags | thread_flags::ACTIVE;
        if thread.is_leader() {
            thread.env = Text::new(super::cut_list(&host.env, self.limits.env_bytes));
            let mut cwd = Vec::new();
            path::join_dir(b"", &host.cwd, &mut cwd);
            thread.cwd = Text::new(&cwd);
        }
        thread.fdlimit = host.fdlimit;
        thread.uid = host.uid;
        thread.gid = host.gid;
        thread.loginuid = host.loginuid;
        thread.tty = host.tty;
        thread.cap_permitted = host.cap_permitted;
        thread.cap_effective = host.cap_effective;
        thread.cap_inheritable = host.cap_inheritable;
        thread.exe_writable = host.exe_writable;
        thread.exe_upper_layer = host.exe_upper_layer;
        thread.exe_lower_layer = host.exe_lower_layer;
        thread.exe_from_memfd = host.exe_from_memfd;
        thread.exe_ino = host.exe_ino;
        thread.exe_ino_ctime = host.exe_ino_ctime;
        thread.exe_ino_mtime = host.exe_ino_mtime;
        thread.pidns_init_start_ts = host.pidns_init_start_ts;
        thread.vmsize_kb = host.vmsize_kb;
        thread.vmrss_kb = host.vmrss_kb;
        thread.vmswap_kb = host.vmswap_kb;
        thread.pfmajor = host.pfmajor;
        thread.pfminor = host.pfminor;
        thread.clone_ts = host.start_ts;
        thread
    }

    /// Returns a file descriptor as a capture or a scan describes it.
    pub(crate) fn fd_of(&self, kind: &host::FdKind) -> Fd {
        let mut fd = match kind {
            host::FdKind::File { flags, name, dev } => {
                let mut fd = Fd::new(FdKind::File);
                fd.open_flags = *flags;
                fd.name = Text::new(name);
                fd.dev = *dev;
                fd
            }
            host::FdKind::Ipv4 { sip, dip, sport, dport, l4 } => self.connection(Fd::new(FdKind::Ipv4(Ipv4Tuple {
                source: *sip,
                destination: *dip,
                source_port: *sport,
                destination_port: *dport,
                l4: L4Proto::from_number(*l4),
            }))),
            host::FdKind::Ipv6 { sip, dip, sport, dport, l4 } => {
                let l4 = L4Proto::from_number(*l4);
                match (embedded_v4(sip), embedded_v4(dip)) {
                    (Some(source), Some(destination)) => self.connection(Fd::new(FdKind::Ipv4(Ipv4Tuple {
                        source,
                        destination,
                        source_port: *sport,
                        destination_port: *dport,
                        l4,
                    }))),
                    _ => {
                        let mut fd = Fd::new(FdKind::Ipv6(Box::new(Ipv6Tuple {
                            source: *sip,
                            destination: *dip,
                            source_port: *sport,
                            destination_port: *dport,
                            l4,
                        })));
                        if l4 == L4Proto::Tcp {
                            fd.status = ConnectStatus::Connected;
                        }
                        fd
                    }
                }
            }
            host::FdKind::Ipv4Server { ip, port, l4 } => {
                Fd::new(FdKind::Ipv4Server { ip: *ip, port: *port, l4: L4Proto::from_number(*l4) })
            }
            host::FdKind::Ipv6Server { ip, port, l4 } => {
                Fd::new(FdKind::Ipv6Server(Box::new(Ipv6End { ip: *ip, port: *port, l4: L4Proto::from_number(*l4) })))
            }
            host::FdKind::Unix { source, destination, name } => {
                let mut fd = Fd::new(FdKind::Unix(Box::new(UnixTuple { source: *source, destination: *destination })));
                fd.name = Text::new(name);
                fd.role = if name.is_empty() { Role::Client } else { Role::Server };
                fd
            }
            host::FdKind::Named { ty, name } => {
                let mut fd = Fd::new(kind_of(*ty));
                fd.name = Text::new(name);
                fd
            }
        };
        fd.name_socket();
        fd.from_scan = true;
        fd
    }

    fn connection(&self, mut fd: Fd) -> Fd {
        if let FdKind::Ipv4(tuple) = &fd.kind
            && tuple.l4 == L4Proto::Tcp
        {
            fd.status = ConnectStatus::Connected;
        }
        self.interfaces.complete(&mut fd);
        fd
    }
}

fn kind_of(ty: u8) -> FdKind {
    match ty {
        1 | 16 => FdKind::File,
        2 => FdKind::Directory,
        7 => FdKind::Fifo,
        9 => FdKind::Event,
        11 => FdKind::SignalFd,
        12 => FdKind::EventPoll,
        13 => FdKind::Inotify,
        14 => FdKind::TimerFd,
        15 => FdKind::Netlink,
        17 => FdKind::Bpf,
        18 => FdKind::UserfaultFd,
        19 => FdKind::IoUring,
        20 => FdKind::Memfd,
        21 => FdKind::PidFd { pid: 0 },
        0 => FdKind::Unknown,
        _ => FdKind::Unsupported,
    }
}

/// Returns the ports that processes of the host listen on.
fn server_ports(host: &HostState) -> BTreeSet<u16> {
    let fds = host.threads.iter().flat_map(|thread| &thread.fds);
    fds.filter_map(|fd| match fd.kind {
        host::FdKind::Ipv4Server { port, .. } | host::FdKind::Ipv6Server { port, .. } => Some(port),
        _ => None,
    })
    .collect()
}

/// Determines the role of a scanned connection: one whose own port is listened on was accepted.
fn orient(fd: &mut Fd, ports: &BTreeSet<u16>) {
    let own = match &fd.kind {
        FdKind::Ipv4(tuple) => tuple.source_port,
        FdKind::Ipv6(tuple) => tuple.source_port,
        _ => return,
    };
    if ports.contains(&own) {
        fd.swap_ends();
        fd.role = Role::Server;
        fd.name_socket();
    } else {
        fd.role = Role::Client;
    }
}
