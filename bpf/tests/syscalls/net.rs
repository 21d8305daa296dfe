//! Sockets.

use crate::live::{Live, P, b, n, named};
use crate::{bytes, sys};
use libc::*;
use scap::schema::EventCode as C;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::{UnixDatagram, UnixListener};

const LOCAL: [u8; 4] = [127, 0, 0, 1];

fn v4(port: u16) -> [u8; 16] {
    let mut a = [0; 16];
    a[0] = AF_INET as u8;
    a[2..4].copy_from_slice(&port.to_be_bytes());
    a[4..8].copy_from_slice(&LOCAL);
    a
}

fn v4_tuple(sport: u16, dport: u16) -> P {
    b(&[&[2][..], &LOCAL, &sport.to_ne_bytes(), &LOCAL, &dport.to_ne_bytes()].concat())
}

fn port(address: SocketAddr) -> u16 {
    address.port()
}

/// Returns the port that a socket of IPv4 is bound to.
pub(crate) fn bound_port(fd: i64) -> u16 {
    let (mut address, mut len) = ([0u8; 16], 16u32);
    assert_eq!(sys!(SYS_getsockname, fd, address.as_mut_ptr(), &mut len), 0);
    let port = u16::from_be_bytes([address[2], address[3]]);
    assert_ne!(port, 0);
    port
}

pub(crate) fn cases(live: &mut Live, dir: &str) {
    basics(live);
    inet(live);
    inet6(live);
    unix(live, dir);
    options(live);
    passed(live, dir);
}

fn basics(live: &mut Live) {
    live.case(
        C::SOCKET_X,
        || sys!(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 6),
        |ret| vec![n(ret), n(2), n(SOCK_STREAM | SOCK_CLOEXEC), n(6), n(0x1000)],
    );
    live.case(
        C::SOCKET_X,
        || sys!(SYS_socket, AF_NETLINK, SOCK_RAW, 9999),
        |_| vec![n(-EPROTONOSUPPORT), n(16), n(SOCK_RAW), n(9999), n(0)],
    );
    let a = v4(0);
    live.case(
        C::BIND_X,
        || {
            let fd = sys!(SYS_socket, AF_INET, SOCK_DGRAM, 0);
            assert_eq!(sys!(SYS_bind, fd, a.as_ptr(), 16), 0);
            fd
        },
        // The port that was chosen.
        |fd| vec![n(0), b(&bytes![2u8, u32::from_ne_bytes(LOCAL), bound_port(fd)]), n(fd)],
    );
    let a = v4(4660);
    live.case(
        C::BIND_X,
        || sys!(SYS_bind, -1, a.as_ptr(), 16),
        |_| vec![n(-EBADF), b(&bytes![2u8, u32::from_ne_bytes(LOCAL), 4660u16]), n(-1)],
    );
    live.case(C::BIND_X, || sys!(SYS_bind, -1, 8, 16), |_| vec![n(-EBADF), P::E, n(-1)]);
    live.case(C::LISTEN_X, || sys!(SYS_listen, -1, 17), |_| vec![n(-EBADF), n(-1), n(17)]);
    live.case(C::SHUTDOWN_X, || sys!(SYS_shutdown, -1, SHUT_WR), |_| vec![n(-EBADF), n(-1), n(1)]);
    live.case(C::SHUTDOWN_X, || sys!(SYS_shutdown, -1, 9), |_| vec![n(-EBADF), n(-1), n(0xff)]);
    live.case(C::GETSOCKNAME_X, || sys!(SYS_getsockname, -1, 0, 0), |_| vec![]);
    live.case(C::GETPEERNAME_X, || sys!(SYS_getpeername, -1, 0, 0), |_| vec![]);
}

fn inet(live: &mut Live) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = port(listener.local_addr().unwrap());
    let server = i64::from(listener.as_raw_fd());
    let a = v4(to);
    let address = b(&bytes![2u8, u32::from_ne_bytes(LOCAL), to]);
    let client = TcpStreamFd::new();
    let fd = client.0;
    live.case(
        C::CONNECT_X,
        || sys!(SYS_connect, fd, a.as_ptr(), 16),
        |ret| {
            assert_eq!(ret, 0);
            vec![n(0), v4_tuple(client.port(), to), n(fd), address.clone()]
        },
    );
    let refused = v4(1);
    live.case(
        C::CONNECT_X,
        || sys!(SYS_connect, TcpStreamFd::new().leak(), refused.as_ptr(), 16),
        |_| vec![n(-ECONNREFUSED), P::E, P::Set, b(&bytes![2u8, u32::from_ne_bytes(LOCAL), 1u16])],
    );
    live.case(
        C::ACCEPT_5_X,
        || sys!(SYS_accept, server, 0, 0),
        |ret| vec![n(ret), v4_tuple(client.port(), to), n(0), n(0), n(128)],
    );
    let second = TcpStream::connect(("127.0.0.1", to)).unwrap();
    let third = TcpStream::connect(("127.0.0.1", to)).unwrap();
    let from = port(second.local_addr().unwrap());
    // One more waits in the queue of 128.
    live.case(
        C::ACCEPT4_6_X,
        || sys!(SYS_accept4, server, 0, 0, SOCK_NONBLOCK),
        |ret| vec![n(ret), v4_tuple(from, to), n(0), n(1), n(128), n(0x40)],
    );
    live.case(C::ACCEPT4_6_X, || sys!(SYS_accept4, -1, 0, 0, 0), |_| vec![n(-EBADF), P::E, n(0), n(0), n(0), n(0)]);
    live.case(C::ACCEPT_5_X, || sys!(SYS_accept, -1, 0, 0), |_| vec![n(-EBADF), P::E, n(0), n(0), n(0)]);
    drop(third);

    // Datagrams to an address: the socket itself knows no peer.
    let (one, two) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let (p1, p2) = (port(one.local_addr().unwrap()), port(two.local_addr().unwrap()));
    let (f1, f2) = (i64::from(one.as_raw_fd()), i64::from(two.as_raw_fd()));
    let to_two = v4(p2);
    live.case(
        C::SENDTO_X,
        || sys!(SYS_sendto, f1, c"hello".as_ptr(), 5, 0, to_two.as_ptr(), 16),
        |_| {
            // The socket is bound to the address, so both ends are known.
            vec![n(5), b(b"hello"), n(f1), n(5), v4_tuple(p1, p2)]
        },
    );
    live.case(
        C::SENDTO_X,
        || sys!(SYS_sendto, -1, c"hello".as_ptr(), 5, 0, 0, 0),
        |_| vec![n(-EBADF), b(b"hello"), n(-1), n(5), P::E],
    );
    let mut into = [0u8; 64];
    let at = into.as_mut_ptr() as usize;
    let mut peer = [0u8; 28];
    let peer_at = peer.as_mut_ptr() as usize;
    let mut len = 28u32;
    let len_at = &raw mut len as usize;
    live.case(
        C::RECVFROM_X,
        || sys!(SYS_recvfrom, f2, at, 64, 0, peer_at, len_at),
        |_| vec![n(5), b(b"hello"), v4_tuple(p1, p2), n(f2), n(64)],
    );
    live.case(
        C::RECVFROM_X,
        || sys!(SYS_recvfrom, f2, at, 64, MSG_DONTWAIT, 0, 0),
        |_| vec![n(-EAGAIN), P::E, P::E, n(f2), n(64)],
    );

    let pieces = [(c"ab".as_ptr() as usize, 2usize), (c"cde".as_ptr() as usize, 3)];
    let iov = pieces.as_ptr() as usize;
    let message = [to_two.as_ptr() as usize, 16, iov, 2, 0, 0, 0];
    let message_at = message.as_ptr() as usize;
    live.case(
        C::SENDMSG_X,
        || sys!(SYS_sendmsg, f1, message_at, 0),
        |_| vec![n(5), b(b"abcde"), n(f1), n(5), v4_tuple(p1, p2)],
    );
    live.case(
        C::SENDMSG_X,
        || sys!(SYS_sendmsg, -1, message_at, 0),
        |_| vec![n(-EBADF), b(b"abcde"), n(-1), n(5), P::E],
    );
    let rooms = [(at, 3usize), (at + 32, 8)];
    let rooms_at = rooms.as_ptr() as usize;
    let mut control = [0u8; 64];
    let reply = [peer_at, 28, rooms_at, 2, control.as_mut_ptr() as usize, 64, 0];
    let reply_at = reply.as_ptr() as usize;
    live.case(
        C::RECVMSG_X,
        || sys!(SYS_recvmsg, f2, reply_at, 0),
        |_| vec![n(5), n(5), b(b"abcde"), v4_tuple(p1, p2), P::Any, n(f2)],
    );
    live.case(
        C::RECVMSG_X,
        || sys!(SYS_recvmsg, f2, reply_at, MSG_DONTWAIT),
        |_| vec![n(-EAGAIN), n(0), P::E, P::E, P::E, n(f2)],
    );

    // Several messages in one call: an event for each.
    let many = [message, [0; 7], message, [0; 7]].concat();
    let mut many: Vec<usize> =
        many[..7].iter().copied().chain([0]).chain(many[14..21].iter().copied()).chain([0]).collect();
    let many_at = many.as_mut_ptr() as usize;
    let select = named(&["sendmmsg", "recvmmsg"]);
    let (tid, ret, seen) = live.watch(select, || sys!(SYS_sendmmsg, f1, many_at, 2, 0));
    assert_eq!(ret, 2);
    let events: Vec<_> = seen.iter().filter(|s| s.tid == tid && s.code == C::SENDMMSG_X).cloned().collect();
    if events.len() != 2 {
        live.faults.push(format!("SENDMMSG_X: {} events of two messages", events.len()));
    }
    for event in &events {
        live.check(event, &[n(5), n(f1), n(5), b(b"abcde"), v4_tuple(p1, p2)]);
    }
    live.case(C::SENDMMSG_X, || sys!(SYS_sendmmsg, -1, many_at, 2, 0), |_| vec![n(-EBADF), n(-1), n(0), P::E, P::E]);
    let reply = [peer_at, 28, rooms_at, 2, 0, 0, 0];
    let replies: Vec<usize> = [&reply[..], &[0], &reply[..], &[0]].concat();
    let replies_at = replies.as_ptr() as usize;
    let (tid, ret, seen) = live.watch(select, || sys!(SYS_recvmmsg, f2, replies_at, 2, 0, 0));
    assert_eq!(ret, 2);
    let events: Vec<_> = seen.iter().filter(|s| s.tid == tid && s.code == C::RECVMMSG_X).cloned().collect();
    if events.len() != 2 {
        live.faults.push(format!("RECVMMSG_X: {} events of two messages", events.len()));
    }
    for event in &events {
        live.check(event, &[n(5), n(f2), n(5), b(b"abcde"), v4_tuple(p1, p2), P::E]);
    }
    live.case(
        C::RECVMMSG_X,
        || sys!(SYS_recvmmsg, -1, replies_at, 2, 0, 0),
        |_| vec![n(-EBADF), n(-1), n(0), P::E, P::E, P::E],
    );
    std::hint::black_box((&into, &peer, &len, &control, &pieces, &rooms, &many, &replies));
}

/// A TCP socket that is not connected yet.
struct TcpStreamFd(i64);

impl TcpStreamFd {
    fn new() -> Self {
        Self(sys!(SYS_socket, AF_INET, SOCK_STREAM, 0))
    }
    fn leak(self) -> i64 {
        self.0
    }
    fn port(&self) -> u16 {
        let mut a = [0u8; 16];
        let mut len = 16u32;
        sys!(SYS_getsockname, self.0, a.as_mut_ptr(), &mut len);
        u16::from_be_bytes([a[2], a[3]])
    }
}

fn inet6(live: &mut Live) {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        testkit::skip!(KERNEL, "no IPv6");
    };
    let to = port(listener.local_addr().unwrap());
    let mut a = [0u8; 28];
    a[0] = AF_INET6 as u8;
    a[2..4].copy_from_slice(&to.to_be_bytes());
    a[23] = 1;
    let ip = Ipv6Addr::LOCALHOST.octets();
    live.case(
        C::CONNECT_X,
        || {
            let fd = sys!(SYS_socket, AF_INET6, SOCK_STREAM, 0);
            assert_eq!(sys!(SYS_connect, fd, a.as_ptr(), 28), 0);
            let mut own = [0u8; 28];
            let mut len = 28u32;
            sys!(SYS_getsockname, fd, own.as_mut_ptr(), &mut len);
            i64::from(u16::from_be_bytes([own[2], own[3]])) << 16 | fd
        },
        |ret| {
            let (from, fd) = ((ret >> 16) as u16, ret & 0xffff);
            let tuple = [&[10][..], &ip, &from.to_ne_bytes(), &ip, &to.to_ne_bytes()].concat();
            let address = [&[10][..], &ip, &to.to_ne_bytes()].concat();
            vec![n(0), b(&tuple), n(fd), b(&address)]
        },
    );
}

fn unix(live: &mut Live, dir: &str) {
    let path = format!("{dir}/socket");
    let _listener = UnixListener::bind(&path).unwrap();
    let mut a = vec![AF_UNIX as u8, 0];
    a.extend(path.as_bytes());
    a.push(0);
    live.case(
        C::CONNECT_X,
        || {
            let fd = sys!(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
            assert_eq!(sys!(SYS_connect, fd, a.as_ptr(), a.len()), 0);
            fd
        },
        |fd| {
            let address = [&[1][..], path.as_bytes(), b"\0"].concat();
            vec![n(0), P::Set, n(fd), b(&address)]
        },
    );
    // An abstract name, of the length that the address has and no more.
    let a = *b"\x01\0\0peregrine-testXXXX";
    live.case(
        C::BIND_X,
        || {
            let fd = sys!(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
            assert_eq!(sys!(SYS_bind, fd, a.as_ptr(), 17), 0);
            fd
        },
        |fd| vec![n(0), b(b"\x01peregrine-test\0"), n(fd)],
    );
    let one = UnixDatagram::unbound().unwrap();
    let two = UnixDatagram::bind(format!("{path}-two")).unwrap();
    let fd = i64::from(one.as_raw_fd());
    let mut a = vec![AF_UNIX as u8, 0];
    a.extend(format!("{path}-two\0").as_bytes());
    let select = named(&["sendto"]);
    let (tid, _, seen) = live.watch(select, || sys!(SYS_sendto, fd, c"u".as_ptr(), 1, 0, a.as_ptr(), a.len()));
    match seen.iter().find(|s| s.tid == tid && s.code == C::SENDTO_X) {
        Some(event) => {
            // Family, the peer (none), the socket, then the name that the call gave.
            let tuple = event.params[4].clone();
            let name = format!("{path}-two\0");
            if tuple.first() != Some(&1) || tuple.get(17..) != Some(name.as_bytes()) || tuple[1..9] != [0; 8] {
                live.faults.push(format!("SENDTO_X.tuple of a unix socket: {tuple:?}"));
            }
        }
        None => live.faults.push("SENDTO_X of a unix socket: no event".into()),
    }
    drop(two);
    let mut fds = [0i32; 2];
    let at = fds.as_mut_ptr() as usize;
    live.case(
        C::SOCKETPAIR_X,
        || sys!(SYS_socketpair, AF_UNIX, SOCK_DGRAM, 0, at),
        |_| {
            // SAFETY: `fds` lives until the end of this function.
            let fds = unsafe { *(at as *const [i32; 2]) };
            vec![n(0), n(fds[0]), n(fds[1]), P::Set, P::Set, n(1), n(SOCK_DGRAM), n(0)]
        },
    );
    live.case(
        C::SOCKETPAIR_X,
        || sys!(SYS_socketpair, AF_INET, SOCK_DGRAM, 17, at),
        |_| vec![n(-EOPNOTSUPP), n(-1), n(-1), n(0), n(0), n(2), n(SOCK_DGRAM), n(17)],
    );
    std::hint::black_box(&fds);
}

/// Checks that file descriptors that come with a message are named while it is received.
fn passed(live: &mut Live, dir: &str) {
    let path = std::fs::canonicalize(dir).unwrap().join("passed");
    let file = std::fs::File::create(&path).unwrap();
    let (one, two) = UnixDatagram::pair().unwrap();
    let data = *b"x";
    let piece = [data.as_ptr() as usize, 1];
    let mut control = [20usize, (SOL_SOCKET as usize) | (SCM_RIGHTS as usize) << 32, file.as_raw_fd() as usize];
    let message = [0, 0, piece.as_ptr() as usize, 1, control.as_mut_ptr() as usize, 24, 0];
    assert_eq!(sys!(SYS_sendmsg, one.as_raw_fd(), message.as_ptr(), 0), 1);
    let (tid, received, seen) = live.watch(named(&["recvmsg"]), || {
        let (into, mut room) = ([0u8; 8], [0usize; 8]);
        let piece = [into.as_ptr() as usize, 8];
        let mut message = [0, 0, piece.as_ptr() as usize, 1, room.as_mut_ptr() as usize, 64, 0];
        assert_eq!(sys!(SYS_recvmsg, two.as_raw_fd(), message.as_mut_ptr(), 0), 1);
        // Closed at once: a later look would find nothing.
        let fd = std::hint::black_box(&room)[2] as u32;
        sys!(SYS_close, fd);
        fd
    });
    let event = seen.iter().find(|seen| seen.tid == tid && seen.code == C::RECVMSG_X);
    let entry = event.and_then(|event| event.params.get(6).cloned()).unwrap_or_default();
    let name = [path.to_str().unwrap().as_bytes(), b"\0"].concat();
    if entry.get(..4) != Some(&received.to_ne_bytes()) || entry.get(24..) != Some(&name) {
        live.faults.push(format!("the descriptor {received} that was passed: {entry:?}"));
    }
}

fn options(live: &mut Live) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let fd = i64::from(socket.as_raw_fd());
    let one = 1i32;
    let at = &raw const one as usize;
    live.case(
        C::SETSOCKOPT_X,
        || sys!(SYS_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, at, 4),
        |_| vec![n(0), n(fd), n(1), n(2), b(&bytes![2u8, 1u32]), n(4)],
    );
    let time = [3i64, 500_000];
    let time_at = time.as_ptr() as usize;
    live.case(
        C::SETSOCKOPT_X,
        || sys!(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, time_at, 16),
        |_| vec![n(0), n(fd), n(1), n(20), b(&bytes![4u8, 3_500_000_000u64]), n(16)],
    );
    live.case(
        C::SETSOCKOPT_X,
        || sys!(SYS_setsockopt, -1, 6, 1, at, 4),
        |_| vec![n(-EBADF), n(-1), n(2), n(0), b(&bytes![0u8, 1u32]), n(4)],
    );
    live.case(
        C::SETSOCKOPT_X,
        || sys!(SYS_setsockopt, fd, 41, 26, at, 4),
        |ret| vec![n(ret), n(fd), n(0), n(0), b(&bytes![0u8, 1u32]), n(4)],
    );
    let mut value = [0u64; 2];
    let value_at = value.as_mut_ptr() as usize;
    let mut len = 4u32;
    let len_at = &raw mut len as usize;
    live.case(
        C::GETSOCKOPT_X,
        || sys!(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, value_at, len_at),
        |_| vec![n(0), n(fd), n(1), n(3), b(&bytes![2u8, SOCK_DGRAM as u32]), n(4)],
    );
    live.case(
        C::GETSOCKOPT_X,
        || sys!(SYS_getsockopt, fd, SOL_SOCKET, SO_ERROR, value_at, len_at),
        |_| vec![n(0), n(fd), n(1), n(4), b(&bytes![1u8, 0i64]), n(4)],
    );
    live.case(
        C::GETSOCKOPT_X,
        || sys!(SYS_getsockopt, -1, SOL_SOCKET, SO_LINGER, value_at, len_at),
        |_| vec![n(-EBADF), n(-1), n(1), n(13), P::Any, n(4)],
    );
    std::hint::black_box((&value, &len, &one, &time));
}
