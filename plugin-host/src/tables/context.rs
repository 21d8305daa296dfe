//! State that a plugin may access while it is called.
//!
//! Functions for tables get no owner, only pointers. What they mean is found through the call of the plugin that is going
//! on in the thread, so that a call at another time, or from another thread, is an error before any pointer is followed.

use std::cell::Cell;
use std::ptr::NonNull;

use sinsp::state::State;

use super::registry::Registry;

/// The state of an inspector in a call of a plugin.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    /// There is none: the plugin is initialized, or its events are not system calls.
    None,
    Read(NonNull<State>),
    Write(NonNull<State>),
}

impl Access {
    pub(crate) fn read(state: &State) -> Self {
        Self::Read(NonNull::from(state))
    }

    pub(crate) fn write(state: &mut State) -> Self {
        Self::Write(NonNull::from(state))
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Context {
    registry: NonNull<Registry>,
    access: Access,
    /// The number of the call in this thread.
    pub(crate) call: u64,
}

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static CURRENT: Cell<Option<Context>> = const { Cell::new(None) };
}

/// Ends the call of a plugin when it is dropped.
struct Entered(Option<Context>);

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Calls a plugin, which may access tables meanwhile.
#[inline]
pub(crate) fn enter<R>(registry: &Registry, access: Access, call: impl FnOnce() -> R) -> R {
    let number = CALLS.get().wrapping_add(1);
    CALLS.set(number);
    let context = Context { registry: NonNull::from(registry), access, call: number };
    let _before = Entered(CURRENT.replace(Some(context)));
    call()
}

/// Returns the call that is going on in this thread.
pub(crate) fn current() -> Result<Context, &'static str> {
    CURRENT.get().ok_or("state tables can only be used in the thread of the events, while it calls the plugin")
}

impl Context {
    pub(crate) fn registry(&self) -> &Registry {
        // SAFETY: `enter` borrows the registry for as long as this context is the current one, and contexts are not kept.
        unsafe { self.registry.as_ref() }
    }

    /// Calls `read` with the state.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&State) -> Result<R, &'static str>) -> Result<R, &'static str> {
        match self.access {
            Access::None => Err("there are no threads in this call"),
            // SAFETY: the caller of `enter` holds the state for the plugin, and uses it in no other way meanwhile. The
            // reference ends with `read`, which calls no plugin.
            Access::Read(state) | Access::Write(state) => read(unsafe { state.as_ref() }),
        }
    }

    /// Calls `write` with the state.
    pub(crate) fn write<R>(
        &self,
        write: impl FnOnce(&mut State) -> Result<R, &'static str>,
    ) -> Result<R, &'static str> {
        match self.access {
            // SAFETY: as above; the state was borrowed mutably, and `write` calls no plugin.
            Access::Write(mut state) => write(unsafe { state.as_mut() }),
            Access::Read(_) => Err("fields are read-only in this call"),
            Access::None => Err("there are no threads in this call"),
        }
    }
}
