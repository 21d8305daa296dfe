//! Signals as flags that the event loop looks at.
//!
//! One flag says that anything at all is to be looked at, so that the loop pays for one load an event. Other threads
//! raise it too, when they have something for the loop.

use crate::Fatal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What others ask of the event loop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signals {
    /// Whether nobody looks at the flags yet.
    starting: Arc<AtomicBool>,
    attention: Arc<AtomicBool>,
    terminate: Arc<AtomicBool>,
    reopen: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Signals {
    /// Takes over SIGINT and SIGTERM (end), SIGUSR1 (open outputs anew) and SIGHUP (reload). To be called before anything
    /// slow, so that a reload that is asked for while rules load is done when they are loaded and does not end the program.
    /// Until [`ready`](Self::ready), SIGINT and SIGTERM end it at once; later a second one does.
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

    /// Says that the flags are looked at soon: all is loaded, what remains is to begin.
    pub(crate) fn ready(&self) {
        self.starting.store(false, Ordering::SeqCst);
    }

    /// Whether there is anything to look at; asked for every event.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.attention.load(Ordering::Relaxed)
    }

    /// Says that what there was has been looked at. Called before looking, so that nothing is missed.
    pub(crate) fn seen(&self) {
        self.attention.store(false, Ordering::SeqCst);
    }

    /// Makes the loop look.
    pub(crate) fn raise(&self) {
        self.attention.store(true, Ordering::SeqCst);
    }

    /// Ends the program as a signal would.
    pub(crate) fn end(&self) {
        self.terminate.store(true, Ordering::SeqCst);
        self.raise();
    }

    /// Whether the program is to end.
    pub(crate) fn terminate(&self) -> bool {
        self.terminate.load(Ordering::SeqCst)
    }

    /// Whether outputs are to be opened anew; asking takes it back.
    pub(crate) fn take_reopen(&self) -> bool {
        self.reopen.swap(false, Ordering::SeqCst)
    }

    /// Whether a reload was asked for; asking takes it back.
    pub(crate) fn take_reload(&self) -> bool {
        self.reload.swap(false, Ordering::SeqCst)
    }
}
