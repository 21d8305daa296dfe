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
//! * **Panics** never cross the edge: they become `PEREGRINE_STATUS_PANIC`.
//! * **Growth.** Structs that callers fill or that may grow begin with `size`. Functions and members are only added.
//! * **Text** that goes in is UTF-8 ended by a NUL. Bytes that come out are a pointer and a length, need not be UTF-8 and
//!   are not ended by a NUL, unless the call says so.
//! * **Signals and threads.** The library installs no signal handlers. It starts one thread, and only if rules name hosts
//!   (`fd.sip.name = example.com`): the one that looks them up.
//! * **Misuse.** In debug builds of the library, freed and foreign handles are found and give
//!   `PEREGRINE_STATUS_INVALID_HANDLE`; a stale event is found in every build.

pub mod engine;
pub mod error;
pub mod event;
pub mod field;
pub mod filter;
mod guard;
mod handle;
pub mod inspector;
pub mod rules;
pub mod state;
pub mod status;
pub mod value;
pub mod version;
pub mod view;
