//! Addresses of sockets: kind of socket by family by length by call. The probe must report the address that the kernel
//! used, as the receiver shows it, and never a byte from behind the length that the call was given.

use crate::live::{Live, Seen, named};
use crate::sys;
use crate::uring::Uring;
use libc::*;
use scap::schema::EventCode as C;

/// The bytes behind every address.
const MARK: u8 = b'Z';
const LENGTHS: [usize; 18] = [0, 1, 2, 3, 8, 15, 16, 17, 20, 23, 24, 27, 28, 29, 110, 111, 128, 129];
/// An unassigned protocol.
const RAW_PROTOCOL: i32 = 253;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Udp4,
    Udp4Connected,
    Tcp4,
    Tcp4Connected,
    Raw4,
    Udp6,
    Udp6Connected,
    Udp6Only,
    Tcp6,
    Raw6,
    UnixDatagram,
    UnixDatagramConnected,
    UnixPacketsConnected,
    UnixStream,
}

const KINDS: [Kind; 14] = [
    Kind::Udp4,
    Kind::Udp4Connected,
    Kind::Tcp4,
    Kind::Tcp4Connected,
    Kind::Raw4,
    Kind::Udp6,
    Kind::Udp6Connected,
    Kind::Udp6Only,
    Kind::Tcp6,
    Kind::Raw6,
    Kind::UnixDatagram,
    Kind::UnixDatagramConnected,
    Kind::UnixPacketsConnected,
    Kind::UnixStream,
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Call {
    Connect,
    Bind,
    Sendto,
    Sendmsg,
    Sendmmsg,
    UringConnect,
    UringBind,
    UringSend,
    UringSendmsg,
}

const CALLS: [(Call, &str, C); 9] = [
    (Call::Connect, "connect", C::CONNECT_X),
    (Call::Bind, "bind", C::BIND_X),
    (Call::Sendto, "sendto", C::SENDTO_X),
    (Call::Sendmsg, "sendmsg", C::SENDMSG_X),
    (Call::Sendmmsg, "sendmmsg", C::SENDMMSG_X),
    (Call::UringConnect, "connect", C::CONNECT_X),
    (Call::UringBind, "bind", C::BIND_X),
    (Call::UringSend, "sendto", C::SENDTO_X),
    (Call::UringSendmsg, "sendmsg", C::SENDMSG_X),
];

/// Returns the address that a call of getsockname or getpeername gives.
fn name_of(call: i64, fd: i64) -> Option<Vec<u8>> {
    let (mut bytes, mut len) = ([0u8; 128], 128u32);
    (sys!(call, fd, bytes.as_mut_ptr(), &mut len) == 0).then(|| bytes[..len as usize].to_vec())
}

/// Returns IP and port as an event has them on a socket of the width, from an address of the kernel.
fn end(address: &[u8], v6: bool) -> Vec<u8> {
    let port = u16::from_be_bytes([address[2], address[3]]).to_ne_bytes();
    match (u16::from_ne_bytes([address[0], address[1]]), v6) {
        (2, false) => [&address[4..8], &port].concat(),
        (2, true) => [&[0; 10][..], &[255, 255], &address[4..8], &port].concat(),
        _ => [&address[8..24], &port].concat(),
    }
}

/// Returns the name of a unix socket as events have it.
fn unix_name(address: &[u8]) -> Vec<u8> {
    let name = &address[2..];
    let mut text = match name.first() {
        Some(0) => name[1..].iter().map(|byte| if *byte == 0 { b'@' } else { *byte }).collect(),
        _ => name.split(|byte| *byte == 0).next().unwrap_or_default().to_vec(),
    };
    text.push(0);
    text
}

fn socket(domain: i32, ty: i32, protocol: i32) -> i64 {
    let fd = sys!(SYS_socket, domain, ty, protocol);
    assert!(fd >= 0, "a socket: {fd}");
    fd
}

fn bound(fd: i64, address: &[u8]) -> Vec<u8> {
    assert_eq!(sys!(SYS_bind, fd, address.as_ptr(), address.len()), 0);
    name_of(SYS_getsockname, fd).expect("a name")
}

fn v4(port: &[u8]) -> Vec<u8> {
    [&[AF_INET as u8, 0], port, &[127, 0, 0, 1], &[0; 8]].concat()
}

fn v6(port: &[u8], ip: [u8; 16]) -> Vec<u8> {
    [&[AF_INET6 as u8, 0], port, &[0; 4], &ip, &[0; 4]].concat()
}

fn mapped(ip: [u8; 4]) -> [u8; 16] {
    let mut out = [0; 16];
    out[10..12].copy_from_slice(&[255, 255]);
    out[12..].copy_from_slice(&ip);
    out
}

fn unix(name: &[u8]) -> Vec<u8> {
    [&[AF_UNIX as u8, 0], name].concat()
}

const LOCAL6: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// The receivers, and the targets of the table's addresses.
struct Peers {
    /// Sockets with the addresses that they are bound to.
    receivers: Vec<(i64, Vec<u8>)>,
    /// Those that only some kinds are connected to.
    tcp4: Vec<u8>,
    udp4: Vec<u8>,
    udp6: Vec<u8>,
    datagrams: Vec<u8>,
    packets: Vec<u8>,
    addresses: Vec<(&'static str, Vec<u8>)>,
    raw: i64,
    listeners: Vec<i64>,
}

impl Peers {
    fn new(dir: &str) -> Option<Self> {
        let mut receivers = Vec::new();
        let mut receive = |domain, ty, address: &[u8]| {
            let fd = socket(domain, ty | SOCK_NONBLOCK, 0);
            let address = bound(fd, address);
            receivers.push((fd, address.clone()));
            address
        };
        std::net::UdpSocket::bind("[::1]:0").ok()?;
        let one4 = receive(AF_INET, SOCK_DGRAM, &v4(&[0, 0]));
        let udp4 = receive(AF_INET, SOCK_DGRAM, &v4(&[0, 0]));
        let one6 = receive(AF_INET6, SOCK_DGRAM, &v6(&[0, 0], LOCAL6));
        let udp6 = receive(AF_INET6, SOCK_DGRAM, &v6(&[0, 0], LOCAL6));
        let path = unix(format!("{dir}/receiver").as_bytes());
        receive(AF_UNIX, SOCK_DGRAM, &path);
        let datagrams = receive(AF_UNIX, SOCK_DGRAM, &unix(format!("{dir}/connected").as_bytes()));
        let name = format!("\0pg{}abcdefghijklmnopqrstuvwxyz0123456789", std::process::id());
        let nuls = format!("\0pg\0{}\0\0nuls", std::process::id());
        for len in LENGTHS.iter().filter(|len| (8..=28).contains(*len)) {
            receive(AF_UNIX, SOCK_DGRAM, &unix(&name.as_bytes()[..len - 2]));
        }
        receive(AF_UNIX, SOCK_DGRAM, &unix(nuls.as_bytes()));
        let mut listeners = Vec::new();
        let mut listen = |domain, ty, address: &[u8]| {
            let fd = socket(domain, ty | SOCK_NONBLOCK, 0);
            let address = bound(fd, address);
            assert_eq!(sys!(SYS_listen, fd, 4096), 0);
            listeners.push(fd);
            address
        };
        // The same ports as the receivers of datagrams, so that one address serves both.
        let tcp4 = listen(AF_INET, SOCK_STREAM, &one4);
        listen(AF_INET6, SOCK_STREAM, &one6);
        listen(AF_UNIX, SOCK_STREAM, &unix(format!("{dir}/stream").as_bytes()));
        let packets = listen(AF_UNIX, SOCK_SEQPACKET, &unix(format!("{dir}/packets").as_bytes()));
        let (port4, port6) = (&one4[2..4], &one6[2..4]);
        let any4 = [&[AF_INET as u8, 0], port4, &[0; 12]].concat();
        let as_family = |family: u8, address: &[u8]| [&[family, 0], &address[2..]].concat();
        let addresses = vec![
            ("no family, as IPv4", as_family(0, &one4)),
            ("no family, as IPv6", as_family(0, &one6)),
            ("no family, 0.0.0.0", [&[0; 2][..], &[0; 2], &[0; 12]].concat()),
            ("IPv4", one4.clone()),
            ("IPv4, 0.0.0.0", any4),
            ("IPv4, another port", udp4.clone()),
            ("IPv6", one6.clone()),
            ("IPv6, ::", v6(port6, [0; 16])),
            ("IPv6, mapped", v6(port4, mapped([127, 0, 0, 1]))),
            ("IPv6, mapped 0.0.0.0", v6(port4, mapped([0; 4]))),
            ("unix, a path", path),
            ("unix, a path that is shared", unix(format!("{dir}/stream").as_bytes())),
            ("unix, abstract", unix(name.as_bytes())),
            ("unix, abstract with NULs", unix(nuls.as_bytes())),
            ("a family that no socket has", as_family(77, &one4)),
        ];
        let raw = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, RAW_PROTOCOL);
        Some(Self { receivers, tcp4, udp4, udp6, datagrams, packets, addresses, raw, listeners })
    }

    fn socket(&self, kind: Kind) -> i64 {
        let (domain, ty, protocol, peer) = match kind {
            Kind::Udp4 => (AF_INET, SOCK_DGRAM, 0, None),
            Kind::Udp4Connected => (AF_INET, SOCK_DGRAM, 0, Some(&self.udp4)),
            Kind::Tcp4 => (AF_INET, SOCK_STREAM, 0, None),
            Kind::Tcp4Connected => (AF_INET, SOCK_STREAM, 0, Some(&self.tcp4)),
            Kind::Raw4 => (AF_INET, SOCK_RAW, RAW_PROTOCOL, None),
            Kind::Udp6 | Kind::Udp6Only => (AF_INET6, SOCK_DGRAM, 0, None),
            Kind::Udp6Connected => (AF_INET6, SOCK_DGRAM, 0, Some(&self.udp6)),
            Kind::Tcp6 => (AF_INET6, SOCK_STREAM, 0, None),
            Kind::Raw6 => (AF_INET6, SOCK_RAW, RAW_PROTOCOL, None),
            Kind::UnixDatagram => (AF_UNIX, SOCK_DGRAM, 0, None),
            Kind::UnixDatagramConnected => (AF_UNIX, SOCK_DGRAM, 0, Some(&self.datagrams)),
            Kind::UnixPacketsConnected => (AF_UNIX, SOCK_SEQPACKET, 0, Some(&self.packets)),
            Kind::UnixStream => (AF_UNIX, SOCK_STREAM, 0, None),
        };
        let fd = socket(domain, ty, protocol);
        if let Some(peer) = peer {
            assert_eq!(sys!(SYS_connect, fd, peer.as_ptr(), peer.len()), 0, "{kind:?}");
        }
        if kind == Kind::Udp6Only {
            assert_eq!(sys!(SYS_setsockopt, fd, IPPROTO_IPV6, IPV6_V6ONLY, &1i32, 4), 0);
        }
        fd
    }

    /// Accepts everything at the listeners, so that there is room for more.
    fn accept(&self) {
        for fd in &self.listeners {
            loop {
                let accepted = sys!(SYS_accept4, *fd, 0, 0, 0);
                if accepted < 0 {
                    break;
                }
                sys!(SYS_close, accepted);
            }
        }
    }

    /// Returns where the last message arrived, as an address of the kernel.
    fn arrival(&self) -> Option<Vec<u8>> {
        let mut into = [0u8; 64];
        let mut found = None;
        for (fd, address) in &self.receivers {
            while sys!(SYS_recvfrom, *fd, into.as_mut_ptr(), 64, 0, 0, 0) >= 0 {
                found = Some(address.clone());
            }
        }
        // A raw socket receives the header, with the destination.
        while sys!(SYS_recvfrom, self.raw, into.as_mut_ptr(), 64, 0, 0, 0) >= 20 {
            found = Some([&[AF_INET as u8, 0, 0, 0], &into[16..20], &[0; 8]].concat());
        }
        found
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        for fd in self.receivers.iter().map(|(fd, _)| fd).chain(&self.listeners).chain([&self.raw]) {
            sys!(SYS_close, *fd);
        }
    }
}

/// Two pages, of which the second cannot be accessed.
struct Edge(*mut u8);

impl Edge {
    fn new() -> Self {
        let at = sys!(SYS_mmap, 0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert!(at > 0);
        assert_eq!(sys!(SYS_mprotect, at + 4096, 4096, PROT_NONE), 0);
        Self(at as *mut u8)
    }

    /// Returns the address with marks behind it; or cut, so that the page ends with it.
    fn place(&self, address: &[u8], len: usize, at_edge: bool) -> u64 {
        let mut bytes = [MARK; 256];
        bytes[..address.len()].copy_from_slice(address);
        let start = if at_edge { 4096 - len } else { 1024 };
        let size = if at_edge { len } else { bytes.len() };
        // SAFETY: the bytes lie in the first page.
        unsafe { self.0.add(start).copy_from_nonoverlapping(bytes.as_ptr(), size) };
        self.0 as u64 + start as u64
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        sys!(SYS_munmap, self.0, 8192);
    }
}

/// The result of a call.
struct Done {
    what: String,
    ret: i64,
    /// The socket's local name.
    own: Vec<u8>,
    /// The address that it went or is connected to; empty for a bind.
    to: Option<Vec<u8>>,
    given: Vec<u8>,
}

fn make(call: Call, ring: Option<&Uring>, fd: i64, at: u64, len: usize) -> i64 {
    let data = *b"data";
    let piece = [data.as_ptr() as u64, 4];
    let mut message = [at, len as u64, piece.as_ptr() as u64, 1, 0, 0, 0, 0];
    let message_at = message.as_mut_ptr();
    let (file, flags) = (fd as i32, MSG_DONTWAIT | MSG_NOSIGNAL);
    match (call, ring) {
        (Call::Connect, _) => sys!(SYS_connect, fd, at, len),
        (Call::Bind, _) => sys!(SYS_bind, fd, at, len),
        (Call::Sendto, _) => sys!(SYS_sendto, fd, data.as_ptr(), 4, flags, at, len),
        (Call::Sendmsg, _) => sys!(SYS_sendmsg, fd, message_at, flags),
        (Call::Sendmmsg, _) => sys!(SYS_sendmmsg, fd, message_at, 1, flags),
        (Call::UringConnect, Some(ring)) => ring.run(16, file, len as u64, at, 0, 0),
        (Call::UringBind, Some(ring)) => ring.run(56, file, len as u64, at, 0, 0),
        // Returns the address of a send, and its length.
        (Call::UringSend, Some(ring)) => ring.submit([
            26 | (fd as u64) << 32,
            at,
            data.as_ptr() as u64,
            4 | (flags as u64) << 32,
            7,
            (len as u64) << 32,
        ]),
        (Call::UringSendmsg, Some(ring)) => ring.run(9, file, 0, message_at as u64, 1, flags as u32),
        _ => -ENOSYS as i64,
    }
}

/// Sends all addresses and lengths on one kind of socket through one call.
fn row(peers: &Peers, kind: Kind, call: Call, ring: Option<&Uring>) -> Vec<Done> {
    let edge = Edge::new();
    let sends = !matches!(call, Call::Connect | Call::Bind | Call::UringConnect | Call::UringBind);
    let binds = matches!(call, Call::Bind | Call::UringBind);
    let mut done = Vec::new();
    for (name, address) in &peers.addresses {
        // A ring rejects a length that is too great before it is a request.
        for len in LENGTHS.into_iter().filter(|len| ring.is_none() || *len <= 128) {
            for at_edge in [false, true] {
                let fd = peers.socket(kind);
                let at = edge.place(address, len, at_edge);
                let mut given = vec![MARK; 256];
                given[..address.len()].copy_from_slice(address);
                given.truncate(len);
                let ret = make(call, ring, fd, at, len);
                let to = if sends { peers.arrival() } else { None };
                // A datagram that nobody received went to a place without a receiver.
                let shown = binds || (sends && !matches!(kind, Kind::Tcp4Connected | Kind::UnixPacketsConnected));
                let peer = if shown { None } else { name_of(SYS_getpeername, fd) };
                done.push(Done {
                    what: format!(
                        "{call:?} on {kind:?} to {name}, {len} bytes{}",
                        if at_edge { " at the edge" } else { "" }
                    ),
                    ret,
                    own: name_of(SYS_getsockname, fd).expect("a name"),
                    to: to.or(peer),
                    given,
                });
                sys!(SYS_close, fd);
                peers.accept();
                if let Kind::UnixDatagram | Kind::UnixStream = kind
                    && binds
                    && ret == 0
                    && given_path(address, len).is_some()
                {
                    let path = given_path(address, len).expect("a path");
                    sys!(SYS_unlink, path.as_ptr());
                }
            }
        }
    }
    done
}

/// Removes the path that a bind has made.
fn given_path(address: &[u8], len: usize) -> Option<std::ffi::CString> {
    let mut bytes = vec![MARK; 256];
    bytes[..address.len()].copy_from_slice(address);
    let name = bytes.get(2..len.min(110))?;
    let name = name.split(|byte| *byte == 0).next().filter(|name| !name.is_empty())?;
    std::ffi::CString::new(name).ok()
}

fn check(live: &mut Live, kind: Kind, call: Call, done: &Done, seen: &Seen) {
    let info = seen.code.info().expect("a known event");
    let param = |name: &str| {
        let at = info.params.iter().position(|param| param.name == name);
        at.map(|at| seen.params[at].clone()).unwrap_or_default()
    };
    let v6 = matches!(kind, Kind::Udp6 | Kind::Udp6Connected | Kind::Udp6Only | Kind::Tcp6 | Kind::Raw6);
    let is_unix = format!("{kind:?}").starts_with("Unix");
    let binds = matches!(call, Call::Bind | Call::UringBind);
    let (tuple, address) = (param("tuple"), param("addr"));
    let mut fault = |text: String| live.faults.push(format!("{} (gave {}): {text}", done.what, done.ret));
    for (which, bytes) in [("tuple", &tuple), ("addr", &address)] {
        // The marks within the length belong to a name.
        let longest = |bytes: &[u8]| bytes.split(|byte| *byte != MARK).map(<[u8]>::len).max().unwrap_or(0);
        if longest(bytes) > longest(&done.given).max(2) {
            fault(format!("{which} has bytes from behind the address: {bytes:?}"));
        }
    }
    let went = done.ret >= 0 || done.ret == -i64::from(EINPROGRESS);
    if binds {
        if done.ret == 0 {
            let family = done.own[0];
            let own = if is_unix { unix_name(&done.own) } else { end(&done.own, v6) };
            // The port of a raw socket is its protocol, or the one that was given.
            let raw = matches!(kind, Kind::Raw4 | Kind::Raw6);
            let right = if raw {
                address.len() > 2 && address[1..address.len() - 2] == own[..own.len() - 2]
            } else {
                address[1..] == own
            };
            if address.first() != Some(&family) || !right {
                fault(format!("bound to {own:?}, addr is {address:?}"));
            }
        }
        return;
    }
    match (&done.to, went) {
        (Some(to), true) if is_unix => {
            if tuple.get(17..) != Some(&unix_name(to)[..]) {
                fault(format!("went to {:?}, tuple is {tuple:?}", unix_name(to)));
            }
        }
        (Some(to), true) => {
            let (family, own, mut to) = (if v6 { 10 } else { 2 }, end(&done.own, v6), end(to, v6));
            let mut tuple = tuple;
            if matches!(kind, Kind::Raw4 | Kind::Raw6) && !tuple.is_empty() {
                // Ports mean nothing there.
                let len = to.len();
                to.truncate(len - 2);
                tuple.truncate(1 + own.len() + len - 2);
            }
            if tuple != [&[family][..], &own, &to].concat() {
                fault(format!("went from {own:?} to {to:?}, tuple is {tuple:?}"));
            }
        }
        // Returns whether it is a connected datagram socket that was dissolved, or a place without a receiver.
        (None, true) if !matches!(call, Call::Connect | Call::UringConnect) => {}
        _ if tuple.is_empty() => {}
        _ => fault(format!("went nowhere, tuple is {tuple:?}")),
    }
}

pub(crate) fn cases(live: &mut Live, dir: &str) {
    let Some(peers) = Peers::new(dir) else {
        testkit::skip!(KERNEL, "no IPv6");
    };
    let mut arrived = 0;
    for (call, name, code) in CALLS {
        for kind in KINDS {
            let uring = matches!(call, Call::UringConnect | Call::UringBind | Call::UringSend | Call::UringSendmsg);
            let (tid, done, seen) = live.watch(named(&[name]), || {
                let ring = if uring { Some(Uring::new()?) } else { None };
                Some(row(&peers, kind, call, ring.as_ref()))
            });
            let Some(done) = done.filter(|_| !uring || !live.lacks("io_uring")) else {
                testkit::skip(&testkit::KERNEL, format_args!("{call:?}: io_uring is disabled"));
                continue;
            };
            // A request that the kernel does not know fails before it is one; bind is one since 6.11.
            if call == Call::UringBind && done.iter().all(|done| done.ret < 0) {
                testkit::skip(&testkit::KERNEL, format_args!("{call:?}: not in this kernel"));
                continue;
            }
            let connected = |kind: Kind| format!("{kind:?}").ends_with("Connected");
            let seen: Vec<&Seen> = seen.iter().filter(|seen| seen.tid == tid && seen.code == code).collect();
            // A socket that is connected at first has an additional event.
            let own_event = usize::from(name == "connect" && connected(kind));
            let each = 1 + own_event;
            if seen.len() != done.len() * each {
                live.faults.push(format!("{call:?} on {kind:?}: {} events of {} calls", seen.len(), done.len() * each));
                continue;
            }
            arrived += done.iter().filter(|done| done.to.is_some()).count();
            for (done, seen) in done.iter().zip(seen.iter().skip(own_event).step_by(each)) {
                check(live, kind, call, done, seen);
            }
        }
    }
    assert!(arrived > 1000, "the receivers see what was sent: {arrived}");
}
