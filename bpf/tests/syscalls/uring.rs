//! Requests through io_uring: the same events as the calls that they correspond to.

use crate::live::{Live, P, Seen, b, n, named, t};
use crate::sys;
use libc::*;
use scap::schema::EventCode as C;
use std::sync::atomic::{AtomicU32, Ordering};

/// A ring of eight entries.
pub(crate) struct Uring {
    fd: i64,
    ring: *mut u8,
    entries: *mut [u64; 8],
    params: [u32; 30],
}

impl Uring {
    pub(crate) fn new() -> Option<Self> {
        Self::with(0)
    }

    /// Creates a ring that a kernel thread polls.
    fn polled() -> Option<Self> {
        const IORING_SETUP_SQPOLL: u32 = 2;
        Self::with(IORING_SETUP_SQPOLL)
    }

    fn with(flags: u32) -> Option<Self> {
        let mut params = [0u32; 30];
        params[2] = flags;
        let fd = sys!(SYS_io_uring_setup, 8, params.as_mut_ptr());
        if fd < 0 {
            return None;
        }
        let map = |offset: i64| sys!(SYS_mmap, 0, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);
        let (ring, entries) = (map(0), map(0x1000_0000));
        // The mappings are as long as the kernel made them; 8 entries need less than a page each.
        let (ring, entries) = if ring < 0 || entries < 0 {
            let small = |offset: i64, len: i64| sys!(SYS_mmap, 0, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
            (small(0, 4096), small(0x1000_0000, 4096))
        } else {
            (ring, entries)
        };
        assert!(ring > 0 && entries > 0);
        Some(Self { fd, ring: ring as *mut u8, entries: entries as *mut [u64; 8], params })
    }

    fn word(&self, index: usize) -> &AtomicU32 {
        // SAFETY: the offset is the kernel's own, within the mapping.
        unsafe { &*self.ring.add(self.params[index] as usize).cast::<AtomicU32>() }
    }

    /// Submits one request and waits for its result. `flags` are those of the operation.
    pub(crate) fn run(&self, op: u8, fd: i32, off: u64, addr: u64, len: u32, flags: u32) -> i64 {
        self.submit([
            u64::from(op) | (fd as u32 as u64) << 32,
            off,
            addr,
            u64::from(len) | u64::from(flags) << 32,
            7,
            0,
        ])
    }

    /// The same for the file in a place of the ring's table.
    fn run_fixed(&self, op: u8, place: u32, addr: u64, len: u32) -> i64 {
        self.submit([u64::from(op) | 1 << 8 | u64::from(place) << 32, 0, addr, u64::from(len), 7, 0])
    }

    pub(crate) fn submit(&self, words: [u64; 6]) -> i64 {
        let tail = self.word(11).load(Ordering::Acquire);
        let slot = tail & 7;
        let [a, b, c, d, e, f] = words;
        // SAFETY: slot is below the number of entries; nobody else uses the ring.
        unsafe {
            *self.entries.add(slot as usize) = [a, b, c, d, e, f, 0, 0];
            self.ring.add(self.params[16] as usize).cast::<u32>().add(slot as usize).write(slot);
        }
        self.word(11).store(tail + 1, Ordering::Release);
        // Wait for a result, and wake the poller.
        assert_eq!(sys!(SYS_io_uring_enter, self.fd, 1, 1, 1 | 2, 0, 0), 1);
        let head = self.word(20).load(Ordering::Acquire);
        assert_ne!(head, self.word(21).load(Ordering::Acquire), "a result");
        // SAFETY: the result at the head is complete.
        let res =
            unsafe { self.ring.add(self.params[25] as usize).add(16 * (head & 15) as usize + 8).cast::<i32>().read() };
        self.word(20).store(head + 1, Ordering::Release);
        i64::from(res)
    }
}

/// Requests of a ring's own thread belong to its process; and a path is whole.
fn polled(live: &mut Live, dir: &str) {
    let path = std::ffi::CString::new(format!("{dir}/polled")).unwrap();
    std::fs::write(path.to_str().unwrap(), "polled").unwrap();
    let folder = format!("{dir}/{}", "n".repeat(250));
    std::fs::create_dir_all(&folder).unwrap();
    let long = std::ffi::CString::new(format!("{folder}/file")).unwrap();
    std::fs::write(long.to_str().unwrap(), "long").unwrap();
    let (_, opened, seen) = live.watch(named(&["openat"]), || {
        let (ring, plain) = (Uring::polled()?, Uring::new()?);
        let open = |ring: &Uring, path: &std::ffi::CStr| ring.run(18, AT_FDCWD, 0, path.as_ptr() as u64, 0, 0);
        Some([open(&ring, &path), open(&plain, &long)])
    });
    let Some([fd, other]) = opened else {
        testkit::skip(&testkit::KERNEL, "no ring that is polled");
        return;
    };
    assert!(fd >= 0 && other >= 0, "{fd} {other}");
    let find = |fd: i64| seen.iter().find(|seen| seen.code == C::OPENAT_2_X && seen.params[0] == fd.to_ne_bytes());
    let (Some(polled), Some(cut)) = (find(fd), find(other)) else {
        live.faults.push(format!("io_uring: {} events of two opens", seen.len()));
        return;
    };
    if polled.tid != i64::from(std::process::id()) {
        live.faults.push(format!("a polled ring's open is by {}", polled.tid));
    }
    live.check(polled, &[n(fd), n(-100), t(path.to_str().unwrap()), P::Set, n(0), P::Set, P::Set]);
    live.check(cut, &[n(other), n(-100), t(long.to_str().unwrap()), P::Set, n(0), P::Set, P::Set]);
    let real = std::fs::canonicalize(long.to_str().unwrap()).unwrap();
    if cut.real_path().as_deref() != Some(real.to_str().unwrap().as_bytes()) {
        live.faults.push(format!("a long path through io_uring: {:?}", cut.real_path()));
    }
}

/// Paths longer than what is kept of each request, on both sides of a call.
fn long_paths(live: &mut Live, dir: &str) {
    let folder = format!("{dir}/{}", vec!["m".repeat(250); 8].join("/"));
    std::fs::create_dir_all(&folder).unwrap();
    let path = |name: &str| std::ffi::CString::new(format!("{folder}/{name}")).unwrap();
    let [made, old, new, link, symlink] = ["made", "old", "new", "link", "symlink"].map(path);
    std::fs::write(old.to_str().unwrap(), "x").unwrap();
    let calls = ["mkdirat", "renameat2", "linkat", "symlinkat", "unlinkat"];
    let (tid, results, seen) = live.watch(named(&calls), || {
        let ring = Uring::new()?;
        let at = |path: &std::ffi::CStr| path.as_ptr() as u64;
        let cwd = AT_FDCWD as u32;
        Some([
            ring.run(37, AT_FDCWD, 0, at(&made), 0o700, 0),
            ring.run(35, AT_FDCWD, at(&new), at(&old), cwd, 0),
            ring.run(39, AT_FDCWD, at(&link), at(&new), cwd, 0),
            ring.run(38, AT_FDCWD, at(&symlink), at(&new), 0, 0),
            ring.run(36, AT_FDCWD, 0, at(&link), 0, 0),
        ])
    });
    let Some(results) = results else { return };
    if results.contains(&i64::from(-EINVAL)) {
        testkit::skip(&testkit::KERNEL, "this kernel lacks one of these requests");
        return;
    }
    assert_eq!(results, [0; 5]);
    let text = |path: &std::ffi::CStr| t(path.to_str().unwrap());
    let wanted = [
        (C::MKDIRAT_X, vec![n(0), n(-100), text(&made), n(0o700)]),
        (C::RENAMEAT2_X, vec![n(0), n(-100), text(&old), n(-100), text(&new), n(0)]),
        (C::LINKAT_2_X, vec![n(0), n(-100), text(&new), n(-100), text(&link), n(0)]),
        (C::SYMLINKAT_X, vec![n(0), text(&new), n(-100), text(&symlink)]),
        (C::UNLINKAT_2_X, vec![n(0), n(-100), text(&link), n(0)]),
    ];
    for (code, want) in wanted {
        match seen.iter().find(|seen| seen.tid == tid && seen.code == code) {
            Some(event) => live.check(event, &want),
            None => live.faults.push(format!("io_uring: no {code:?} with a long path")),
        }
    }
}

pub(crate) fn cases(live: &mut Live, dir: &str) {
    if !live.lacks("io_uring") {
        polled(live, dir);
        long_paths(live, dir);
    }
    let path = std::ffi::CString::new(format!("{dir}/uring")).unwrap();
    let (name, moved) = (path.to_str().unwrap(), std::ffi::CString::new(format!("{dir}/uring2")).unwrap());
    let calls = [
        "openat",
        "openat2",
        "close",
        "read",
        "write",
        "socket",
        "connect",
        "sendto",
        "recvfrom",
        "renameat2",
        "unlinkat",
        "mkdirat",
        "readv",
        "writev",
        "sendmsg",
        "recvmsg",
        "shutdown",
        "symlinkat",
        "linkat",
        "listen",
        "bind",
        "dup",
    ];
    let text = *b"through a ring";
    let mut into = [0u8; 32];
    let into_at = into.as_mut_ptr() as u64;
    let mut address = [0u8; 16];
    address[0] = 2;
    address[2..8].copy_from_slice(&[0, 1, 127, 0, 0, 1]);
    let mut more = Pieces::default();
    let (tid, made, seen) = live.watch(named(&calls), || {
        let ring = Uring::new()?;
        let at = |p: &std::ffi::CStr| p.as_ptr() as u64;
        let fd = ring.run(18, AT_FDCWD, 0, at(&path), 0o640, (O_RDWR | O_CREAT) as u32);
        let wrote = ring.run(23, fd as i32, 0, text.as_ptr() as u64, 14, 0);
        let read = ring.run(22, fd as i32, 0, into_at, 32, 0);
        let closed = ring.run(19, fd as i32, 0, 0, 0, 0);
        let failed = ring.run(18, AT_FDCWD, 0, at(c"/none/uring"), 0, O_WRONLY as u32);
        let renamed = ring.run(35, AT_FDCWD, at(&moved), at(&path), AT_FDCWD as u32, 0);
        let gone = ring.run(36, AT_FDCWD, 0, at(&moved), 0, 0);
        let dir = ring.run(37, -1, 0, at(c"x"), 0o711, 0);
        let socket = ring.run(45, AF_INET, SOCK_STREAM as u64, 0, 0, 0);
        let connected = if socket >= 0 { ring.run(16, socket as i32, 16, address.as_ptr() as u64, 0, 0) } else { 0 };
        in_pieces(&ring, &path, &mut more);
        registered(&ring, &path, &mut more);
        Some([fd, wrote, read, closed, failed, renamed, gone, dir, socket, connected])
    });
    if live.lacks("io_uring") {
        testkit::skip!(KERNEL, "io_uring is not seen");
    }
    let Some([fd, wrote, read, closed, failed, renamed, gone, made_dir, socket, connected]) = made else {
        testkit::skip!(KERNEL, "io_uring is disabled");
    };
    assert!(fd >= 0 && wrote == 14 && read == 14 && closed == 0, "{fd} {wrote} {read} {closed}");
    let seen: Vec<_> = seen.into_iter().filter(|seen| seen.tid == tid).collect();
    let expect = |live: &mut Live, code: C, want: Vec<P>| {
        let found = seen.iter().filter(|seen| seen.code == code).find(|seen| Live::differences(seen, &want).is_empty());
        match found.or_else(|| seen.iter().rfind(|seen| seen.code == code)) {
            Some(event) => live.check(event, &want),
            None => live.faults.push(format!("io_uring: no {code:?}")),
        }
    };
    expect(live, C::OPENAT_2_X, vec![n(fd), n(-100), t(name), P::Set, n(0o640), P::Any, P::Set]);
    expect(live, C::WRITE_X, vec![n(14), b(&text), n(fd), n(14)]);
    expect(live, C::READ_X, vec![n(14), b(&text), n(fd), n(32)]);
    expect(live, C::CLOSE_X, vec![n(0), n(fd)]);
    expect(live, C::OPENAT_2_X, vec![n(failed), n(-100), t("/none/uring"), n(2 | 0x800), n(0), n(0), n(0)]);
    let to = moved.to_str().unwrap();
    expect(live, C::RENAMEAT2_X, vec![n(renamed), n(-100), t(name), n(-100), t(to), n(0)]);
    expect(live, C::UNLINKAT_2_X, vec![n(gone), n(-100), t(to), n(0)]);
    expect(live, C::MKDIRAT_X, vec![n(made_dir), n(-1), t("x"), n(0o711)]);
    if socket >= 0 {
        expect(live, C::SOCKET_X, vec![n(socket), n(2), n(1), n(0), n(0)]);
        assert_eq!(connected, i64::from(-ECONNREFUSED));
        expect(live, C::CONNECT_X, vec![n(connected), P::E, n(socket), b(&[2, 127, 0, 0, 1, 1, 0])]);
    }
    let fd = more.fd;
    expect(live, C::WRITEV_X, vec![n(5), b(b"abcef"), n(fd), n(5)]);
    expect(live, C::WRITEV_X, vec![n(-EBADF), b(b"abcef"), n(-1), n(5)]);
    expect(live, C::READV_X, vec![n(5), n(5), b(b"abcef"), n(fd)]);
    let [one, two] = more.pair;
    expect(live, C::SENDMSG_X, vec![n(5), b(b"abcef"), n(one), n(5), P::Set]);
    expect(live, C::RECVMSG_X, vec![n(5), n(5), b(b"abcef"), P::Set, P::E, n(two)]);
    expect(live, C::SHUTDOWN_X, vec![n(0), n(one), n(1)]);
    expect(live, C::SYMLINKAT_X, vec![n(more.symlinked), t("target"), n(-100), t(format!("{name}-symlink"))]);
    let to = format!("{name}-link");
    expect(live, C::LINKAT_2_X, vec![n(more.linked), n(-100), t("/none/x"), n(-100), t(to), n(0)]);
    if more.listened != i64::from(-EINVAL) {
        expect(live, C::LISTEN_X, vec![n(more.listened), n(more.socket), n(7)]);
    }
    if more.bound != i64::from(-EINVAL) {
        assert_eq!((more.bound, more.bound_unix), (0, 0));
        let [low, high] = crate::net::bound_port(more.socket_inet).to_ne_bytes();
        expect(live, C::BIND_X, vec![n(0), b(&[2, 127, 0, 0, 1, low, high]), n(more.socket_inet)]);
        let name = [&[1u8][..], more.unix.as_bytes(), &[0]].concat();
        expect(live, C::BIND_X, vec![n(more.bound_unix), b(&name), n(more.socket_unix)]);
    }
    fixed_cases(live, &seen, &more, name);
    std::hint::black_box((&into, &more));
}

/// Files that are registered with the ring have the number that their process knows them by, or a number made for them.
fn fixed_cases(live: &mut Live, seen: &[Seen], more: &Pieces, name: &str) {
    const FIRST: i64 = 0x4000_0000;
    let mut number = |code: C, at: usize, want: &dyn Fn(i64) -> Vec<P>| {
        let numbers = seen.iter().filter(|seen| seen.code == code).filter_map(|seen| {
            let number = i64::from_ne_bytes(seen.params.get(at)?.as_slice().try_into().ok()?);
            Live::differences(seen, &want(number)).is_empty().then_some(number)
        });
        let found = numbers.collect::<Vec<_>>();
        if found.is_empty() {
            live.faults.push(format!("io_uring: no {code:?} of a registered file"));
        }
        found
    };
    let [kept, gone, opened, direct] = more.fixed;
    assert_eq!((kept, gone, opened, direct), (1, 2, 0, 3), "what the requests gave");
    // By the number of the file descriptor while there is one, else by the place.
    let read = |len: i64| move |fd| vec![n(len), P::Any, n(fd), n(len)];
    assert_eq!(number(C::READ_X, 2, &read(1)), [more.fd]);
    let closed = number(C::READ_X, 2, &read(2));
    assert!(closed.iter().all(|fd| *fd >= FIRST && fd & 0xffff == 1), "{closed:x?}");
    let open = |fd| vec![n(fd), n(-100), t(name), P::Any, n(0), P::Any, P::Set];
    let opened: Vec<i64> = number(C::OPENAT_2_X, 0, &open).into_iter().filter(|fd| *fd >= FIRST).collect();
    assert_eq!(opened.len(), 1, "{opened:x?}");
    assert_eq!(opened[0] & 0xffff, 0, "the place");
    assert_eq!(number(C::READ_X, 2, &read(3)), opened, "known by what it was opened as");
    if more.installed >= 0 {
        assert_eq!(number(C::DUP_1_X, 1, &|fd| vec![n(more.installed), n(fd)]), opened);
    }
    let closes = number(C::CLOSE_X, 1, &|fd| vec![n(0), n(fd)]);
    assert!(closes.contains(&opened[0]), "{closes:x?}");
}

/// Makes requests for registered files: one that has a file descriptor, then none, and one that never had any.
fn registered(ring: &Uring, path: &std::ffi::CStr, more: &mut Pieces) {
    let into = more.into.as_mut_ptr() as u64;
    let second = sys!(SYS_openat, AT_FDCWD, path.as_ptr(), O_RDWR);
    let files = [-1, second as i32, more.fd as i32];
    assert_eq!(sys!(SYS_io_uring_register, ring.fd, 2, files.as_ptr(), 3), 0);
    let kept = ring.run_fixed(22, 2, into, 1);
    sys!(SYS_close, second);
    let gone = ring.run_fixed(22, 1, into, 2);
    let at_path = path.as_ptr() as u64;
    let opened = ring.submit([18 | (AT_FDCWD as u32 as u64) << 32, 0, at_path, (O_RDWR as u64) << 32, 7, 1 << 32]);
    let direct = ring.run_fixed(22, 0, into, 3);
    // As a file descriptor, since 6.8.
    more.installed = ring.run_fixed(54, 0, 0, 0);
    assert_eq!(ring.submit([19, 0, 0, 0, 7, 1 << 32]), 0);
    more.fixed = [kept, gone, opened, direct];

    // Since 6.11.
    let mut address = [0u8; 16];
    address[0] = 2;
    address[4..8].copy_from_slice(&[127, 0, 0, 1]);
    more.socket_inet = sys!(SYS_socket, AF_INET, SOCK_DGRAM, 0);
    more.bound = ring.run(56, more.socket_inet as i32, 16, address.as_ptr() as u64, 0, 0);
    more.socket_unix = sys!(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
    more.unix = format!("{}-bound", path.to_str().unwrap());
    let name = [&[1u8, 0][..], more.unix.as_bytes(), &[0]].concat();
    more.bound_unix = ring.run(56, more.socket_unix as i32, name.len() as u64, name.as_ptr() as u64, 0, 0);
    std::hint::black_box((&files, &address, &name));
}

/// The results of the requests with buffers in pieces, and of the rarer ones.
#[derive(Debug, Default)]
struct Pieces {
    fd: i64,
    pair: [i32; 2],
    symlinked: i64,
    linked: i64,
    socket: i64,
    listened: i64,
    bound: i64,
    socket_inet: i64,
    socket_unix: i64,
    bound_unix: i64,
    unix: String,
    /// Reads of 1, 2 and 3 bytes from registered files; the third is what opening one gave.
    fixed: [i64; 4],
    installed: i64,
    text: [u8; 8],
    into: [u8; 16],
}

fn in_pieces(ring: &Uring, path: &std::ffi::CStr, more: &mut Pieces) {
    more.text = *b"abcdefgh";
    let text = more.text.as_ptr() as usize;
    let into = more.into.as_mut_ptr() as usize;
    let (pieces, rooms) = ([text, 3, text + 4, 2], [into, 2, into + 4, 12]);
    let (pieces_at, rooms_at) = (pieces.as_ptr() as u64, rooms.as_ptr() as u64);
    more.fd = sys!(SYS_openat, AT_FDCWD, path.as_ptr(), O_RDWR | O_CREAT, 0o600);
    let fd = more.fd as i32;
    assert_eq!(ring.run(2, fd, 0, pieces_at, 2, 0), 5);
    assert_eq!(ring.run(2, -1, 0, pieces_at, 2, 0), i64::from(-EBADF));
    assert_eq!(ring.run(1, fd, 0, rooms_at, 2, 0), 5);
    assert_eq!(sys!(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, more.pair.as_mut_ptr()), 0);
    let message = |pieces: u64| [0u64, 0, pieces, 2, 0, 0, 0];
    let (out, back) = (message(pieces_at), message(rooms_at));
    assert_eq!(ring.run(9, more.pair[0], 0, out.as_ptr() as u64, 1, 0), 5);
    assert_eq!(ring.run(10, more.pair[1], 0, back.as_ptr() as u64, 1, 0), 5);
    assert_eq!(ring.run(34, more.pair[0], 0, 0, 1, 0), 0);
    let link = |what: &str| std::ffi::CString::new(format!("{}{what}", path.to_str().unwrap())).unwrap();
    let (symlink, hard) = (link("-symlink"), link("-link"));
    let at = |p: &std::ffi::CStr| p.as_ptr() as u64;
    more.symlinked = ring.run(38, AT_FDCWD, at(&symlink), at(c"target"), 0, 0);
    more.linked = ring.run(39, AT_FDCWD, at(&hard), at(c"/none/x"), AT_FDCWD as u32, 0);
    more.socket = sys!(SYS_socket, AF_INET, SOCK_STREAM, 0);
    more.listened = ring.run(57, more.socket as i32, 0, 0, 7, 0);
    std::hint::black_box((&pieces, &rooms, &out, &back));
}
