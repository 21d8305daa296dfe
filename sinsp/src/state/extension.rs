//! Extensions of the inspector by another program: plugins, which see every event, keep data about threads, and add
//! events.
//!
//! The inspector knows nothing of them but this trait. An extension belongs to the state, so that an event leads to it.

use std::any::Any;
use std::fmt;

use super::{State, Thread};

/// An extension of an inspector. See [`InspectorBuilder::extension`](crate::InspectorBuilder::extension).
pub trait Extension: Any + Send + Sync + fmt::Debug {
    /// Called before the first event, with the state at the beginning of the source.
    ///
    /// # Errors
    /// The reason why there can be no events, which the inspector returns in place of the first.
    fn open(&self, state: &mut State) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let _ = state;
        Ok(())
    }

    /// Called when the inspector is dropped, if it was opened.
    fn close(&self, state: &mut State) {
        let _ = state;
    }

    /// Calls `each` with the events that describe what the extension knows, for a capture that begins at a time: those
    /// that a replay needs before the first event.
    fn dump(&self, time: u64, each: &mut dyn FnMut(&scap::Event<'_>)) {
        let _ = (time, each);
    }

    /// Called with every event that is shown, after it has changed the state, and with the asynchronous events at the
    /// beginning of a capture, such as those of [`dump`](Self::dump). An extension may change the attachments of threads.
    fn event(&self, event: &scap::Event<'_>, number: u64, state: &mut State);

    /// Writes the next event of the extension to `bytes`, in the layout of [`scap::Event`], if there is one whose time is
    /// at most `until`. Returns whether there is.
    fn next_event(&self, until: u64, bytes: &mut Vec<u8>) -> bool {
        let _ = (until, bytes);
        false
    }
}

/// Data of an extension about one thread; it is dropped with the thread.
#[derive(Default)]
pub struct Attachment(Option<Box<dyn Any + Send + Sync>>);

impl Attachment {
    /// Returns the value if it is of the type.
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.as_ref()?.downcast_ref()
    }

    /// Returns the value, which is made if there is none of the type.
    pub fn get_or_default<T: Any + Default + Send + Sync>(&mut self) -> &mut T {
        if !self.0.as_ref().is_some_and(|value| value.is::<T>()) {
            self.0 = Some(Box::<T>::default());
        }
        let value = self.0.as_mut().and_then(|value| value.downcast_mut());
        value.unwrap_or_else(|| unreachable!("the value was checked"))
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attachment").field(&self.0.is_some()).finish()
    }
}

impl Thread {
    /// Returns what the extension keeps about the thread.
    pub fn attachment(&self) -> &Attachment {
        &self.attachment
    }
}

impl State {
    /// Returns the extension of the inspector.
    pub fn extension(&self) -> Option<&dyn Extension> {
        self.extension.as_deref()
    }

    /// Returns what the extension keeps about a thread, to be changed by it.
    pub fn attachment_mut(&mut self, tid: i64) -> Option<&mut Attachment> {
        self.threads.get_mut(tid).map(|thread| &mut thread.attachment)
    }

    /// Opens the extension.
    pub(crate) fn open_extension(&mut self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Some(extension) = self.extension.take() else { return Ok(()) };
        let opened = extension.open(self);
        self.extension = Some(extension);
        opened
    }

    /// Closes the extension, which is not used any more.
    pub(crate) fn close_extension(&mut self) {
        if let Some(extension) = self.extension.take() {
            extension.close(self);
        }
    }

    /// Shows an event to the extension.
    #[inline(never)]
    pub(crate) fn extend(&mut self, event: &scap::Event<'_>, number: u64) {
        let Some(extension) = self.extension.take() else { return };
        extension.event(event, number, self);
        self.extension = Some(extension);
    }
}
