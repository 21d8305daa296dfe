//! Signals as flags that the event loop checks.
//!
//! One flag says that any of the others is set, so that the loop pays for one load per event. Other threads set it too,
//! when they have something for the loop.

use crate::Fatal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Requests to the event loop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signals {
    /// Whether the flags are not checked yet.
    starting: Arc<AtomicBool>,
    attention: Arc<AtomicBool>,
    terminate: Arc<AtomicBool>,
    reopen: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Signals {
    /// Installs handlers for SIGINT and SIGTERM (terminate), SIGUSR1 (reopen outputs) and SIGHUP (reload). Must be
    /// called before anything slow, so that a reload requested while rules load is done afterwards and does not kill
    /// the program. Until [`ready`](Self::ready), SIGINT and SIGTERM end the program immediately; later a second one
    /// does.
    pub(crate) fn install() -> Result<Self, Fatal> {
        let signals = Self { starting: Arc::new(AtomicBool::new(true)), ..Self::default() };
        let fault = |error| Fatal(format!("cannot handle signals: {error}"));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_default(signal, Arc::clone(&signals.starting)).map_err(fault)?;
            flag::register_conditional_shutdown(signal, 1, Arc::clone(&signals.terminate)).map_err(fault)?;
        }
        for (signal, own) in [
            (SIGINT, &signals.terminate),
            (SIGTERM, &signals.terminate),
            (SIGUSR1, &signals.reopen),
            (SIGHUP, &signals.reload),
        ] {
            flag::register(signal, Arc::clone(own)).map_err(fault)?;
            flag::register(signal, Arc::clone(&signals.attention)).map_err(fault)?;
        }
        Ok(signals)
    }

    /// Declares that the flags will be checked soon: all is loaded.
    pub(crate) fn ready(&self) {
        self.starting.store(false, Ordering::SeqCst);
    }

    /// Returns whether any flag is set. Called for every event.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.attention.load(Ordering::Relaxed)
    }

    /// Clears the common flag. Called before the flags are checked, so that nothing is missed.
    pub(crate) fn seen(&self) {
        self.attention.store(false, Ordering::SeqCst);
    }

    /// Makes the loop check the flags.
    pub(crate) fn raise(&self) {
        self.attention.store(true, Ordering::SeqCst);
    }

    /// Requests termination, like a signal.
    pub(crate) fn end(&self) {
        self.terminate.store(true, Ordering::SeqCst);
        self.raise();
    }

    /// Returns whether the program is to terminate.
    pub(crate) fn terminate(&self) -> bool {
        self.terminate.load(Ordering::SeqCst)
    }

    /// Returns whether outputs are to be reopened, and clears the request.
    pub(crate) fn take_reopen(&self) -> bool {
        self.reopen.swap(false, Ordering::SeqCst)
    }

    /// Returns whether a reload was requested, and clears the request.
    pub(crate) fn take_reload(&self) -> bool {
        self.reload.swap(false, Ordering::SeqCst)
    }
}
