//! The C ABI of Peregrine: one header, one library.
//!
//! The contract, which holds for every call:
//!
//! * **Ownership.** `peregrine_X_new` and `peregrine_X_open_*` give ownership through an out-parameter,
//!   `peregrine_X_free` takes it back; freeing NULL is fine. Everything else is lent: each call says until when.
//! * **Results.** A call that can fail gives a [`Status`](status::Status); numbers are never reused. Results come through
//!   out-parameters, which are last and are written only on success. The message of the last failure of a thread is
//!   `peregrine_last_error()`.
//! * **NULL.** A pointer that is NULL where it must not be gives `PEREGRINE_STATUS_NULL_POINTER`, never a crash.
//! * **Threads.** Different handles may be used by different threads at the same time; one handle by one thread at a time.
//! * **Panics** never cross the edge: they become `PEREGRINE_STATUS_PANIC`. Nor must exceptions: a callback of C++ catches
//!   its own.
//! * **Growth.** Structs that may grow begin with `size`. Callers set it to what their compiler knew before a call that
//!   fills or reads the struct; a library that is newer or older fills and reads what both know, and refuses input whose
//!   members it does not know. Functions, members and numbers are only added, members at the end.
//! * **Text** that goes in is UTF-8 ended by a NUL. Bytes that come out are a pointer and a length, need not be UTF-8 and
//!   are not ended by a NUL, unless the call says so.
//! * **Callbacks** get their `userdata` first. An alert's callback may call the library; the others must not.
//! * **Signals and threads.** The library installs no signal handlers. It starts threads for three things alone: to
//!   decompress a capture, as long as its inspector lives; to look up hosts that rules name (`fd.sip.name = example.com`);
//!   and, until the call returns, for conditions that are nested deeply. They have the signal mask of the thread that called.
//! * **Logging.** The library writes nothing to the terminal, but where a bug makes it panic; `peregrine_log_set()` says who hears what it has to say.
//! * **Misuse.** In debug builds of the library, freed and foreign handles are found and give
//!   `PEREGRINE_STATUS_INVALID_HANDLE`; a stale event is found in every build.

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

pub mod inspector;

pub mod event;

pub mod field;

pub mod template;

pub mod filter;

pub mod rules;

pub mod engine;

pub mod state;

pub mod stats;

pub mod container;

pub mod dump;

pub mod live;

pub mod log;
