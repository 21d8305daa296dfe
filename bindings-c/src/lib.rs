//! The C API of Peregrine: one header, one library.
//!
//! The contract, which holds for every call:
//!
//! * **Ownership.** `peregrine_X_new`, `_clone`, `_build` and `_open_*` return an owned handle through an out-parameter.
//!   `peregrine_X_free` releases it; passing NULL is a no-op. Everything else is borrowed: each call says for how long.
//! * **Results.** A call that can fail returns a [`Status`](status::Status); numbers are never reused. Results are written
//!   to out-parameters, which come last and are written only on success. `peregrine_last_error()` returns the message of the
//!   last call of this thread that failed, `peregrine_last_errno()` the error of the operating system behind it.
//! * **NULL.** A NULL pointer where one is required returns `PEREGRINE_STATUS_NULL_POINTER`, never a crash.
//! * **Threads.** Different handles may be used by different threads at the same time. A handle is used by one thread at a
//!   time, except rulesets, fields and templates, which are immutable and may be shared.
//! * **Panics** never cross the boundary: they become `PEREGRINE_STATUS_PANIC`. C++ exceptions must not cross it either: a
//!   callback catches its own.
//! * **Growth.** Structs that may grow begin with `size`. Set it to `sizeof` before any call that fills or reads the struct.
//!   A newer or older library fills and reads the members that both sides know, and rejects input with unknown members set.
//!   Functions, members and numbers are only added, members at the end.
//! * **Text** passed in is UTF-8 and NUL-terminated. Bytes passed out are a pointer and a length, need not be UTF-8 and are
//!   not NUL-terminated, unless the call says so.
//! * **Callbacks** receive their `userdata` first. An alert callback may call the library; the others must not.
//! * **Signals and threads.** The library installs no signal handlers. It starts threads for four purposes only: to
//!   decompress a capture while its inspector lives, to look up host names in rules (`fd.sip.name = example.com`), to call
//!   the routines of plugins, and, until the call returns, to compile deeply nested conditions. They inherit the signal mask
//!   of the calling thread. Plugins may do anything.
//! * **Logging.** The library writes to the terminal only when a bug makes it panic. `peregrine_log_set_callback()` installs
//!   a callback for its log messages.
//! * **Misuse.** Debug builds of the library detect freed and mistyped handles and return `PEREGRINE_STATUS_INVALID_HANDLE`.
//!   Every build detects a stale event.

mod guard;
mod handle;
mod origin;
mod sized;

// The order of these is that of the header: what others build on comes first. A blank line keeps rustfmt from sorting.
pub mod status;

pub mod error;

pub mod version;

pub mod view;

pub mod value;

pub mod options;

pub mod inspector;

pub mod event;

pub mod callback;

pub mod field;

pub mod template;

pub mod filter;

pub mod priority;

pub mod ruleset;

pub mod builder;

pub mod alert;

pub mod response;

pub mod engine;

pub mod plugins;

pub mod state;

pub mod stats;

pub mod container;

pub mod recording;

pub mod live;

pub mod log;
