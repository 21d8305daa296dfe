//! Events and state as text: one line each, readable, comparable with `diff`, and exact both ways.
//!
//! ```text
//! # A shell reads a file. Comments run to the end of the line.
//! machine cpus=2 hostname="box"
//! user uid=0 gid=0 name="root" home="/root" shell="/bin/sh"
//! thread tid=7 pid=7 ptid=1 comm="sh" exe="sh" exepath="/bin/sh" args=["-c","cat /etc/passwd"] cwd="/root/"
//! fd tid=7 num=0 kind=file name="/dev/null" flags=O_RDWR
//! 1700000000.000000001 cpu=0 tid=7 openat fd=3 dirfd=AT_FDCWD name="/etc/passwd" flags=O_RDONLY mode=0 dev=0x1 ino=5
//! +1ms tid=7 read res=4 data=b"root" fd=3 size=4096
//! tid=7 close res=0 fd=3
//! ```
//!
//! **Events.** First, all optional: the time (`seconds.nanoseconds`, or `+N` with `ns`, `us`, `ms` or `s` after the
//! event before; a microsecond after it if left out), `cpu=` (0), `tid=` (-1, none) and `flags=` (0). Then the event:
//! its name for the form that drivers send today (on exit, if there is one), the name of its constant for any other
//! (`OPENAT_2_E`), `code=500` for one that is in no table. Then its parameters by name, or by index those that the
//! table does not have. One that is not given is empty; the event ends with the last one given.
//!
//! **Values** are written in the form of their type, and any of them as raw bytes:
//!
//! | type | form |
//! |---|---|
//! | unknown | `-` |
//! | any, byte for byte | `b"\x01\x02"` |
//! | numbers | `-12`, `0xfe00`, octal `0644` |
//! | text and paths | `"/etc/passwd"`, the final NUL is implied |
//! | texts that NULs end | `["-c","id"]` |
//! | results | `0`, `-ENOENT` |
//! | file descriptors | `3`, `AT_FDCWD`, `-EBADF` |
//! | flags, enumerations | `O_RDONLY\|O_CLOEXEC\|0x80000000`, `AF_INET` |
//! | signals, calls | `SIGKILL`, `openat` |
//! | durations, times | nanoseconds or `none`; `seconds.nanoseconds` |
//! | addresses | `10.0.0.1`, `10.0.0.1:80`, `[::1]:80`, `unix:"/run/x"` |
//! | socket tuples | `10.0.0.1:80->10.0.0.2:4242`, `unix:0x1->0x2:"/run/x"` |
//! | poll lists | `[3:POLLIN,4:0]` |
//! | dynamic | `2:32768`: index, then the value of that type |
//!
//! **State** lines (`machine`, `interface`, `user`, `group`, `thread`, `fd`) come before the events; after events, the
//! line `restart` begins a new host. [`Trace`] is a [`Source`](crate::Source) made from such text; the tests of the
//! whole suite, regression cases and the output of `pscap convert` use it.

mod event;
mod scan;
mod state;
mod trace;
mod value;

pub use crate::error::TextError;
pub use event::write_event;
pub use state::write_host;
pub use trace::Trace;

#[cfg(test)]
mod tests;
