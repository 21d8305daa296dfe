//! Exports the state as the initial state of a capture, so that a recording can start at any time.

use scap::host;
use scap::{Event, EventBuilder, EventCode, HostState};

use super::fd::{Fd, FdKind};
use super::{State, Thread, container_json, thread_flags};

impl State {
    /// Returns the current state of the host, for the beginning of a capture. Threads of which nothing is known are
    /// left out, and facts that a capture cannot contain are lost: the start of threads, the client of a connection.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let source = scap::text::Trace::parse("")?;
    /// use peregrine_sinsp::{Inspector, Next};
    /// use scap::savefile::{Compression, Writer};
    ///
    /// let mut inspector = Inspector::new(source);
    /// let mut writer = Writer::create("now.scap", &inspector.export(), Compression::Gzip)?;
    /// inspector.state().export_users(0, |event| writer.write(event))?;
    /// while let Next::Event(event) = inspector.next()? {
    ///     writer.write(&event.raw())?;
    /// }
    /// writer.finish()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn export(&self) -> HostState {
        let mut threads: Vec<_> = self.threads.iter().filter(|t| !t.is_placeholder()).map(thread).collect();
        threads.sort_unstable_by_key(|thread| thread.tid);
        let mut users: Vec<_> = self.host_users.users.values().collect();
        users.sort_unstable_by_key(|user| user.uid);
        let mut groups: Vec<_> = self.host_users.groups.values().collect();
        groups.sort_unstable_by_key(|group| group.gid);
        HostState {
            machine: self.machine.clone(),
            interfaces: self.interfaces.iter().cloned().collect(),
            users: users
                .into_iter()
                .map(|user| host::User {
                    uid: user.uid,
                    gid: user.gid,
                    name: user.name.to_vec(),
                    home: user.home.to_vec(),
                    shell: user.shell.to_vec(),
                })
                .collect(),
            groups: groups.into_iter().map(|group| host::Group { gid: group.gid, name: group.name.to_vec() }).collect(),
            threads,
        }
    }

    /// Exports the users and groups of containers, which the initial state of a capture cannot contain, as events to be
    /// written before all others. Readers treat them as part of the initial state.
    ///
    /// # Errors
    /// Those of `each`.
    pub fn export_users<E>(&self, ts: u64, mut each: impl FnMut(&Event<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut builder = EventBuilder::new();
        let mut users: Vec<_> = self.container_users().collect();
        users.sort_unstable_by_key(|(id, user)| (id.as_bytes(), user.uid));
        for (id, user) in users {
            let event = builder.start(EventCode::USER_ADDED_E).ts(ts).tid(-1).u32(user.uid).u32(user.gid);
            event.text(user.name.as_bytes()).text(user.home.as_bytes()).text(user.shell.as_bytes()).text(id.as_bytes());
            if let Ok(event) = builder.finish() {
                each(&event)?;
            }
        }
        let mut groups: Vec<_> = self.container_groups().collect();
        groups.sort_unstable_by_key(|(id, group)| (id.as_bytes(), group.gid));
        for (id, group) in groups {
            builder
                .start(EventCode::GROUP_ADDED_E)
                .ts(ts)
                .tid(-1)
                .u32(group.gid)
                .text(group.name.as_bytes())
                .text(id.as_bytes());
            if let Ok(event) = builder.finish() {
                each(&event)?;
            }
        }
        Ok(())
    }
}

impl State {
    /// Exports what the extension describes of its state, if there is one, as events to be written before all others.
    ///
    /// # Errors
    /// The first of `each`, which is not called any more then.
    pub fn export_extension<E>(&self, ts: u64, mut each: impl FnMut(&Event<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut exported = Ok(());
        if let Some(extension) = self.extension() {
            extension.dump(ts, &mut |event| {
                if exported.is_ok() {
                    exported = each(event);
                }
            });
        }
        exported
    }

    /// Exports the descriptions of containers that were added after the number `since`, or all of them for 0, as events:
    /// those of the beginning are to be written before all others, like [`export_users`](Self::export_users), and later
    /// ones as they come. Returns the number to continue with. Readers of Falco's know them too.
    ///
    /// # Errors
    /// Those of `each`.
    pub fn export_containers<E>(
        &self,
        since: u64,
        ts: u64,
        mut each: impl FnMut(&Event<'_>) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut builder = EventBuilder::new();
        for info in self.described_since(since) {
            let json = container_json::write(info);
            // Readers do not show it, whatever comes before it.
            let event = builder.start(EventCode::CONTAINER_JSON_2_E).ts(ts).tid(-1).flags(Event::STATE_ONLY);
            event.text(json.as_bytes());
            if let Ok(event) = builder.finish() {
                each(&event)?;
            }
        }
        Ok(self.last_description())
    }
}

fn thread(from: &Thread) -> host::Thread {
    let mut to = host::Thread {
        tid: from.tid,
        pid: from.pid,
        ptid: from.ptid,
        sid: from.sid,
        pgid: from.pgid,
        vpgid: from.vpgid,
        vtid: from.vtid,
        vpid: from.vpid,
        comm: from.comm.to_vec(),
        exe: from.exe.to_vec(),
        exepath: from.exepath.to_vec(),
        args: from.args.to_vec(),
        env: from.env.to_vec(),
        cwd: from.cwd.to_vec(),
        root: from.root.to_vec(),
        cgroups: from.cgroups.to_vec(),
        fdlimit: from.fdlimit,
        flags: from.flags,
        uid: from.uid,
        gid: from.gid,
        vmsize_kb: from.vmsize_kb,
        vmrss_kb: from.vmrss_kb,
        vmswap_kb: from.vmswap_kb,
        pfmajor: from.pfmajor,
        pfminor: from.pfminor,
        pidns_init_start_ts: from.pidns_init_start_ts,
        tty: from.tty,
        loginuid: from.loginuid,
        exe_writable: from.exe_writable,
        exe_upper_layer: from.exe_upper_layer,
        exe_lower_layer: from.exe_lower_layer,
        exe_from_memfd: from.exe_from_memfd,
        cap_inheritable: from.cap_inheritable,
        cap_permitted: from.cap_permitted,
        cap_effective: from.cap_effective,
        exe_ino: from.exe_ino,
        exe_ino_ctime: from.exe_ino_ctime,
        exe_ino_mtime: from.exe_ino_mtime,
        start_ts: from.clone_ts,
        ..host::Thread::default()
    };
    if from.flags & thread_flags::CLONE_FILES == 0 || from.is_leader() {
        to.fds = from.fds.iter().map(|(num, from)| host::Fd { num, ino: from.ino, kind: fd(from) }).collect();
    }
    to
}

fn fd(from: &Fd) -> host::FdKind {
    let named = |ty| host::FdKind::Named { ty, name: from.name.to_vec() };
    match &from.kind {
        FdKind::File => host::FdKind::File { flags: from.open_flags, name: from.name.to_vec(), dev: from.dev },
        FdKind::Ipv4(t) => host::FdKind::Ipv4 {
            sip: t.source,
            dip: t.destination,
            sport: t.source_port,
            dport: t.destination_port,
            l4: t.l4.number(),
        },
        FdKind::Ipv6(t) => host::FdKind::Ipv6 {
            sip: t.source,
            dip: t.destination,
            sport: t.source_port,
            dport: t.destination_port,
            l4: t.l4.number(),
        },
        FdKind::Ipv4Server { ip, port, l4 } => host::FdKind::Ipv4Server { ip: *ip, port: *port, l4: l4.number() },
        FdKind::Ipv6Server(end) => host::FdKind::Ipv6Server { ip: end.ip, port: end.port, l4: end.l4.number() },
        FdKind::Unix(ends) => {
            host::FdKind::Unix { source: ends.source, destination: ends.destination, name: from.name.to_vec() }
        }
        FdKind::Unknown => named(0),
        FdKind::Directory => named(2),
        FdKind::Fifo => named(7),
        FdKind::Event => named(9),
        FdKind::Unsupported => named(10),
        FdKind::SignalFd => named(11),
        FdKind::EventPoll => named(12),
        FdKind::Inotify => named(13),
        FdKind::TimerFd => named(14),
        FdKind::Netlink => named(15),
        FdKind::Bpf => named(17),
        FdKind::UserfaultFd => named(18),
        FdKind::IoUring => named(19),
        FdKind::Memfd => named(20),
        FdKind::PidFd { .. } => named(21),
    }
}
