//! The lines of the host's state, before the events.
//!
//! Each line is a word and `key=value` pairs; a key that is left out has its default, and [`write_host`] leaves out
//! defaults. The keys are the fields of [`crate::host`], listed once in the two tables of a kind of line.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::event::end_of_word;
use super::scan::{Read, Scan, write_quoted, write_time};
use super::value::{
    Tuple, read_bytes, read_end, read_flags, read_ip, read_strings, read_tuple, write_flags, write_strings, write_tuple,
};
use crate::HostState;
use crate::event::SockTuple;
use crate::host::{Fd, FdKind, Group, Interface, InterfaceAddress, Machine, Thread, User};
use crate::schema::flags::{CLONE_FLAGS, FILE_FLAGS};

/// The words that begin a state line. No event has such a name.
pub(super) const WORDS: &[&str] = &["machine", "interface", "user", "group", "thread", "fd"];

/// Protocols over IP, by the number of the fd list.
const L4: &[&str] = &["unknown", "na", "tcp", "udp", "icmp", "raw"];

/// Kinds of file descriptors that have only a name, with their number on disk.
const NAMED: &[(&str, u8)] = &[
    ("unknown", 0),
    ("directory", 2),
    ("pipe", 7),
    ("event", 9),
    ("unsupported", 10),
    ("signalfd", 11),
    ("eventpoll", 12),
    ("inotify", 13),
    ("timerfd", 14),
    ("netlink", 15),
    ("bpf", 17),
    ("userfaultfd", 18),
    ("io_uring", 19),
    ("memfd", 20),
    ("pidfd", 21),
];

/// Writes one line for each item of `host`.
pub fn write_host(host: &HostState, out: &mut String) {
    if let Some(machine) = &host.machine {
        out.push_str("machine");
        MACHINE.write(machine, &Machine::default(), out);
        out.push('\n');
    }
    for interface in &host.interfaces {
        out.push_str("interface name=");
        write_quoted(&interface.name, out);
        let _ = match interface.address {
            InterfaceAddress::V4 { address, netmask, broadcast } => {
                write!(out, " address={address} netmask={netmask} broadcast={broadcast}")
            }
            InterfaceAddress::V6 { address, netmask, broadcast } => {
                write!(out, " address={address} netmask={netmask} broadcast={broadcast}")
            }
        };
        let _ = writeln!(out, " link_speed={}", interface.link_speed);
    }
    for user in &host.users {
        out.push_str("user");
        USER.write(user, &NOBODY, out);
        out.push('\n');
    }
    for group in &host.groups {
        out.push_str("group");
        GROUP.write(group, &NO_GROUP, out);
        out.push('\n');
    }
    for thread in &host.threads {
        out.push_str("thread");
        // Numbers without a default are always written; the process only if it differs from the thread.
        THREAD.write(thread, &Thread { tid: !thread.tid, pid: thread.tid, ..Thread::default() }, out);
        out.push('\n');
        for fd in &thread.fds {
            write_fd(thread.tid, fd, out);
        }
    }
}

fn write_fd(tid: i64, fd: &Fd, out: &mut String) {
    let _ = write!(out, "fd tid={tid} num={}", fd.num);
    let named = |name: &[u8], out: &mut String| {
        out.push_str(" name=");
        write_quoted(name, out);
    };
    match &fd.kind {
        FdKind::File { flags, name, dev } => {
            out.push_str(" kind=file");
            named(name, out);
            out.push_str(" flags=");
            write_flags(&FILE_FLAGS, *flags, out);
            let _ = write!(out, " dev={dev:#x}");
        }
        FdKind::Ipv4 { sip, dip, sport, dport, l4 } => {
            let _ = write!(out, " kind=ipv4 tuple={sip}:{sport}->{dip}:{dport} l4={}", l4_name(*l4));
        }
        FdKind::Ipv6 { sip, dip, sport, dport, l4 } => {
            let _ = write!(out, " kind=ipv6 tuple=[{sip}]:{sport}->[{dip}]:{dport} l4={}", l4_name(*l4));
        }
        FdKind::Ipv4Server { ip, port, l4 } => {
            let _ = write!(out, " kind=ipv4_server address={ip}:{port} l4={}", l4_name(*l4));
        }
        FdKind::Ipv6Server { ip, port, l4 } => {
            let _ = write!(out, " kind=ipv6_server address=[{ip}]:{port} l4={}", l4_name(*l4));
        }
        FdKind::Unix { source, destination, name } => {
            out.push_str(" kind=unix tuple=");
            write_tuple(&SockTuple::Unix { source: *source, destination: *destination, path: name }, out);
        }
        FdKind::Named { ty, name } => {
            let _ = match NAMED.iter().find(|row| row.1 == *ty) {
                Some((kind, _)) => write!(out, " kind={kind}"),
                None => write!(out, " kind={ty}"),
            };
            named(name, out);
        }
    }
    let _ = writeln!(out, " ino={}", fd.ino);
}

fn l4_name(number: u8) -> String {
    L4.get(usize::from(number)).map_or_else(|| number.to_string(), |name| (*name).into())
}

/// The index of each thread in the list, so that finding a thread for its file descriptors stays fast.
pub(super) type ThreadIndex = HashMap<i64, usize>;

/// Reads the line of the kind `word` into `host`.
pub(super) fn read_state(word: &str, scan: &mut Scan<'_>, host: &mut HostState, threads: &mut ThreadIndex) -> Read<()> {
    match word {
        "machine" => {
            if host.machine.is_some() {
                return scan.error("duplicate `machine` line");
            }
            host.machine = Some(MACHINE.read(scan, Machine::default())?);
        }
        "interface" => host.interfaces.push(read_interface(scan)?),
        "user" => host.users.push(USER.read(scan, NOBODY)?),
        "group" => host.groups.push(GROUP.read(scan, NO_GROUP)?),
        "thread" => {
            let thread = read_thread(scan)?;
            threads.insert(thread.tid, host.threads.len());
            host.threads.push(thread);
        }
        _ => read_fd(scan, host, threads)?,
    }
    Ok(())
}

/// Reads a thread. Its process is the thread itself, and its numbers in its pid namespace are the same, unless the line
/// says otherwise.
fn read_thread(scan: &mut Scan<'_>) -> Read<Thread> {
    let start = scan.clone();
    // A key that is missing leaves its default: reading the line over two different defaults shows which keys are
    // missing.
    let blank = |number| Thread { tid: number, pid: number, ..Thread::default() };
    let mut thread = THREAD.read(scan, blank(0))?;
    let other = THREAD.read(&mut start.clone(), blank(1))?;
    if thread.tid != other.tid {
        return start.error("a thread needs `tid=`");
    }
    if thread.pid != other.pid {
        thread.pid = thread.tid;
    }
    Ok(thread)
}

fn read_interface(scan: &mut Scan<'_>) -> Read<Interface> {
    let start = scan.clone();
    let (mut name, mut link_speed) = (Vec::new(), 0);
    let (mut address, mut netmask, mut broadcast) = (None, None, None);
    while let Some((key, place)) = next_key(scan)? {
        match key {
            "name" => scan.quoted(&mut name)?,
            "address" => address = Some(read_ip(scan)?),
            "netmask" => netmask = Some(read_ip(scan)?),
            "broadcast" => broadcast = Some(read_ip(scan)?),
            "link_speed" => link_speed = scan.number()?,
            _ => return place.error(format!("`{key}` is not one of name, address, netmask, broadcast, link_speed")),
        }
        end_of_word(scan)?;
    }
    let (v4, v6) = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    let address = match address {
        Some(IpAddr::V4(address)) => match (netmask.unwrap_or(v4), broadcast.unwrap_or(v4)) {
            (IpAddr::V4(netmask), IpAddr::V4(broadcast)) => InterfaceAddress::V4 { address, netmask, broadcast },
            _ => return start.error("address, netmask and broadcast must be of one family"),
        },
        Some(IpAddr::V6(address)) => match (netmask.unwrap_or(v6), broadcast.unwrap_or(v6)) {
            (IpAddr::V6(netmask), IpAddr::V6(broadcast)) => InterfaceAddress::V6 { address, netmask, broadcast },
            _ => return start.error("address, netmask and broadcast must be of one family"),
        },
        None => return start.error("an interface needs `address=`"),
    };
    Ok(Interface { name, address, link_speed })
}

fn read_fd(scan: &mut Scan<'_>, host: &mut HostState, threads: &ThreadIndex) -> Read<()> {
    let start = scan.clone();
    let (mut tid, mut num, mut ino, mut kind) = (None, None, 0, None);
    let (mut name, mut flags, mut dev, mut l4) = (Vec::new(), 0, 0, 0);
    let (mut tuple, mut end) = (None, None);
    while let Some((key, place)) = next_key(scan)? {
        match key {
            "tid" => tid = Some(scan.number::<i64>()?),
            "num" => num = Some(scan.number()?),
            "ino" => ino = scan.number()?,
            "kind" => kind = Some(scan.word()),
            "name" => scan.quoted(&mut name)?,
            "flags" => flags = read_flags(scan, Some(&FILE_FLAGS))?,
            "dev" => dev = scan.number()?,
            "l4" => l4 = read_l4(scan)?,
            "tuple" => tuple = Some(read_tuple(scan)?),
            "address" => end = Some(read_end(scan)?),
            _ => {
                return place
                    .error(format!("`{key}` is not one of tid, num, ino, kind, name, flags, dev, l4, tuple, address"));
            }
        }
        end_of_word(scan)?;
    }
    let kind = match (kind, tuple, end) {
        (Some("file"), None, None) => FdKind::File { flags, name, dev },
        (Some("ipv4"), Some(Tuple::Inet(SocketAddr::V4(source), SocketAddr::V4(destination))), None) => FdKind::Ipv4 {
            sip: *source.ip(),
            dip: *destination.ip(),
            sport: source.port(),
            dport: destination.port(),
            l4,
        },
        (Some("ipv6"), Some(Tuple::Inet(SocketAddr::V6(source), SocketAddr::V6(destination))), None) => FdKind::Ipv6 {
            sip: *source.ip(),
            dip: *destination.ip(),
            sport: source.port(),
            dport: destination.port(),
            l4,
        },
        (Some("unix"), Some(Tuple::Unix(source, destination, name)), None) => {
            FdKind::Unix { source, destination, name }
        }
        (Some("ipv4_server"), None, Some(SocketAddr::V4(end))) => {
            FdKind::Ipv4Server { ip: *end.ip(), port: end.port(), l4 }
        }
        (Some("ipv6_server"), None, Some(SocketAddr::V6(end))) => {
            FdKind::Ipv6Server { ip: *end.ip(), port: end.port(), l4 }
        }
        (Some("ipv4" | "ipv6" | "unix"), ..) => return start.error("this kind needs a `tuple=` of its family"),
        (Some("ipv4_server" | "ipv6_server"), ..) => return start.error("this kind needs an `address=` of its family"),
        (Some(kind), None, None) => match NAMED.iter().find(|row| row.0 == kind) {
            Some(&(_, ty)) => FdKind::Named { ty, name },
            None => match kind.parse() {
                Ok(ty) => FdKind::Named { ty, name },
                Err(_) => return start.error(format!("`{kind}` is not a kind of file descriptor")),
            },
        },
        (Some(kind), ..) => {
            return start.error(format!("a file descriptor of kind `{kind}` has neither tuple nor address"));
        }
        (None, ..) => return start.error("a file descriptor needs `kind=`"),
    };
    let Some(num) = num else { return start.error("a file descriptor needs `num=`") };
    let Some(tid) = tid else { return start.error("a file descriptor needs `tid=`") };
    match threads.get(&tid).and_then(|&at| host.threads.get_mut(at)) {
        Some(thread) => thread.fds.push(Fd { num, ino, kind }),
        None => return start.error(format!("there is no `thread` line with tid {tid} before")),
    }
    Ok(())
}

fn read_l4(scan: &mut Scan<'_>) -> Read<u8> {
    let start = scan.clone();
    let word = scan.word();
    let by_name = L4.iter().position(|name| *name == word).and_then(|number| number.try_into().ok());
    match by_name.or_else(|| word.parse().ok()) {
        Some(number) => Ok(number),
        None => start.error(format!("expected one of {} or a number", L4.join(", "))),
    }
}

/// Returns the next `key=` and its place, or `None` at the end of the line.
fn next_key<'a>(scan: &mut Scan<'a>) -> Read<Option<(&'a str, Scan<'a>)>> {
    if !scan.more() {
        return Ok(None);
    }
    let place = scan.clone();
    match scan.key() {
        Some(key) => Ok(Some((key, place))),
        None => scan.error("expected key=value"),
    }
}

/// A kind of line: the form of each of its keys.
struct Line<T: 'static>(&'static [Key<T>]);

struct Key<T> {
    name: &'static str,
    same: fn(&T, &T) -> bool,
    write: fn(&T, &mut String),
    read: fn(&mut T, &mut Scan<'_>) -> Read<()>,
}

impl<T> Line<T> {
    fn write(&self, value: &T, default: &T, out: &mut String) {
        for key in self.0.iter().filter(|key| !(key.same)(value, default)) {
            let _ = write!(out, " {}=", key.name);
            (key.write)(value, out);
        }
    }

    fn read(&self, scan: &mut Scan<'_>, mut value: T) -> Read<T> {
        loop {
            let Some((name, place)) = next_key(scan)? else { return Ok(value) };
            let Some(key) = self.0.iter().find(|key| key.name == name) else {
                let names: Vec<&str> = self.0.iter().map(|key| key.name).collect();
                return place.error(format!("`{name}` is not one of {}", names.join(", ")));
            };
            (key.read)(&mut value, scan)?;
            end_of_word(scan)?;
        }
    }
}

/// Rows of a [`Line`]: `field form`; the key is the name of the field.
macro_rules! line {
    ($($field:ident $form:ident),* $(,)?) => {
        Line(&[$(Key {
            name: stringify!($field),
            same: |value, default| value.$field == default.$field,
            write: |value, out| line!(@write $form, &value.$field, out),
            read: |value, scan| line!(@read $form, value.$field, scan),
        }),*])
    };
    (@write number, $value:expr, $out:ident) => {{ let _ = write!($out, "{}", $value); }};
    (@write hex, $value:expr, $out:ident) => {{ let _ = write!($out, "{:#x}", $value); }};
    (@write bool, $value:expr, $out:ident) => {{ let _ = write!($out, "{}", $value); }};
    (@write time, $value:expr, $out:ident) => { write_time(*$value, $out) };
    (@write text, $value:expr, $out:ident) => { write_quoted($value, $out) };
    (@write texts, $value:expr, $out:ident) => { write_strings($value, $out) };
    (@write clone, $value:expr, $out:ident) => { write_flags(&CLONE_FLAGS, *$value, $out) };
    (@read number, $place:expr, $scan:ident) => {{ $place = $scan.number()?; Ok(()) }};
    (@read hex, $place:expr, $scan:ident) => {{ $place = $scan.number()?; Ok(()) }};
    (@read bool, $place:expr, $scan:ident) => {{ $place = read_bool($scan)?; Ok(()) }};
    (@read time, $place:expr, $scan:ident) => {{ $place = $scan.time()?; Ok(()) }};
    (@read text, $place:expr, $scan:ident) => {{ $place.clear(); $scan.quoted(&mut $place) }};
    (@read texts, $place:expr, $scan:ident) => {{ $place.clear(); read_texts($scan, &mut $place) }};
    (@read clone, $place:expr, $scan:ident) => {{ $place = read_flags($scan, Some(&CLONE_FLAGS))?; Ok(()) }};
}

fn read_bool(scan: &mut Scan<'_>) -> Read<bool> {
    if scan.take("true") {
        Ok(true)
    } else {
        scan.expect("false").or_else(|_| scan.error("expected true or false"))?;
        Ok(false)
    }
}

fn read_texts(scan: &mut Scan<'_>, out: &mut Vec<u8>) -> Read<()> {
    if scan.peek() == Some('b') { read_bytes(scan, out) } else { read_strings(scan, out) }
}

const NOBODY: User = User { uid: 0, gid: 0, name: Vec::new(), home: Vec::new(), shell: Vec::new() };
const NO_GROUP: Group = Group { gid: 0, name: Vec::new() };

const MACHINE: Line<Machine> = line! {
    cpus number, memory number, max_pid number, hostname text, boot_time time, flags hex,
};

const USER: Line<User> = line! { uid number, gid number, name text, home text, shell text };

const GROUP: Line<Group> = line! { gid number, name text };

const THREAD: Line<Thread> = line! {
    tid number, pid number, ptid number, sid number, vpgid number, pgid number, vtid number, vpid number,
    comm text, exe text, exepath text, args texts, env texts, cwd text, root text, cgroups texts,
    fdlimit number, flags clone, uid number, gid number,
    vmsize_kb number, vmrss_kb number, vmswap_kb number, pfmajor number, pfminor number,
    pidns_init_start_ts number, tty number, loginuid number,
    exe_writable bool, exe_upper_layer bool, exe_lower_layer bool, exe_from_memfd bool,
    cap_inheritable hex, cap_permitted hex, cap_effective hex,
    exe_ino number, exe_ino_ctime time, exe_ino_mtime time, start_ts time,
};
