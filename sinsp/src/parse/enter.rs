//! Enter events that are stored until their call returns.
//!
//! The arguments in a program's memory can be changed by its other threads before the call returns. Probes therefore
//! send the enter event of `open` and `connect` as evidence; old captures have enter events that complete their exits.

use scap::{Event, EventCode};

use super::ctx::{Ctx, text};
use crate::state::Thread;

/// The size above which the memory of an enter event is freed.
const KEPT: usize = 512;

/// Stores an enter event.
pub(super) fn keep(ctx: &mut Ctx<'_, '_>) {
    let bytes = ctx.event.bytes();
    if ctx.state.metrics.held_events >= ctx.state.limits.stored_events as u64 {
        ctx.state.metrics.store_drops += 1;
        return;
    }
    let Some(thread) = ctx.thread_mut() else {
        ctx.state.metrics.store_drops += 1;
        return;
    };
    let fresh = thread.enter.is_empty();
    thread.enter.clear();
    thread.enter.extend_from_slice(bytes);
    ctx.state.metrics.stored_events += 1;
    ctx.state.metrics.held_events += u64::from(fresh);
}

/// Stores an enter event unless its first parameter is absent, as then the others are too.
pub(super) fn keep_if_known(ctx: &mut Ctx<'_, '_>) {
    if ctx.raw(0).is_some() {
        keep(ctx);
    }
}

/// Releases the enter event of a thread.
pub(super) fn release(thread: &mut Thread) {
    thread.enter.clear();
    thread.enter.shrink_to(KEPT);
}

impl Ctx<'_, '_> {
    /// Returns the code of the enter event of this call, if it was stored.
    pub(super) fn entry(&mut self) -> Option<EventCode> {
        let code = self.event.code();
        let found = self.entered
            && self.with_entry(|entry| entry.code()).is_some_and(|entry| {
                entry.0 == code.0 - 1 || code == EventCode::EXECVE_19_X && entry == EventCode::EXECVEAT_E
            });
        let counter =
            if found { &mut self.state.metrics.retrieved_events } else { &mut self.state.metrics.retrieve_drops };
        *counter += 1;
        if found { self.with_entry(|entry| entry.code()) } else { None }
    }

    /// Calls `look` with the stored enter event.
    pub(super) fn with_entry<T>(&self, look: impl FnOnce(&Event<'_>) -> T) -> Option<T> {
        let bytes = self.thread().map(|thread| thread.enter.as_slice()).filter(|bytes| !bytes.is_empty())?;
        Some(look(&Event::parse(0, 0, bytes).ok()?))
    }

    /// Returns a text parameter of the enter event, unless it is absent there.
    pub(super) fn entry_text<T>(&self, index: usize, take: impl FnOnce(&[u8]) -> T) -> Option<T> {
        self.with_entry(|entry| {
            let text = text(entry.raw(index));
            (text != b"<NA>").then(|| take(text))
        })?
    }

    /// Returns a 32-bit parameter of the enter event.
    pub(super) fn entry_u32(&self, index: usize) -> Option<u32> {
        self.with_entry(|entry| entry.raw(index)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)))?
    }

    /// Returns a 64-bit parameter of the enter event.
    pub(super) fn entry_i64(&self, index: usize) -> Option<i64> {
        self.with_entry(|entry| entry.raw(index)?.first_chunk().map(|bytes| i64::from_le_bytes(*bytes)))?
    }
}
