//! The routines of plugins: functions that threads of this program call again and again while a capture is open.
//!
//! The state of a routine belongs to the plugin, which may free it once the routine is unsubscribed. So unsubscribing
//! waits for a call that is going on, for a limited time, as the plugin may hold what that call waits for.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use falco_plugin_api::{ss_plugin_bool, ss_plugin_routine_state_t, ss_plugin_t};

/// The most threads that call the routines of one plugin.
const MOST_THREADS: usize = 8;
/// The most routines of one plugin.
const MOST_ROUTINES: usize = 1024;
/// The shortest time between two calls of a routine, so that one that does nothing needs no whole processor.
const PACE: Duration = Duration::from_millis(1);
/// Time that a call may last after its routine was unsubscribed, or the capture closed.
const GRACE: Duration = Duration::from_secs(5);

/// The function of a routine. It returns whether it is to be called again.
pub(crate) type Function =
    unsafe extern "C-unwind" fn(*mut ss_plugin_t, *mut ss_plugin_routine_state_t) -> ss_plugin_bool;

#[derive(Clone, Copy)]
struct Routine {
    number: usize,
    function: Function,
    plugin: *mut ss_plugin_t,
    state: *mut ss_plugin_routine_state_t,
}

// SAFETY: the interface says that routines are called from threads of this program; the pointers are only passed back.
unsafe impl Send for Routine {}

/// The routines of one plugin, from the opening of its capture to the end.
pub(crate) struct Routines {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Routine>,
    running: Vec<Running>,
    threads: usize,
    last: usize,
    closed: bool,
}

struct Running {
    number: usize,
    by: ThreadId,
    /// Whether it was unsubscribed meanwhile.
    removed: bool,
}

impl Routines {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), changed: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `done`, for as long as a call may last.
    fn wait_until(&self, inner: MutexGuard<'_, Inner>, mut done: impl FnMut(&Inner) -> bool) -> bool {
        let waited = self.changed.wait_timeout_while(inner, GRACE, |inner| !done(inner));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Adds a routine: a function, and the addresses that it is called with. Returns its number.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        function: Function,
        plugin: usize,
        state: usize,
    ) -> Result<usize, &'static str> {
        let mut inner = self.lock();
        if inner.closed {
            return Err("no capture is open");
        }
        let known = inner.waiting.len() + inner.running.len();
        if known >= MOST_ROUTINES {
            return Err("there are too many routines");
        }
        if inner.threads < MOST_THREADS.min(known + 1) {
            let shared = Arc::clone(self);
            let thread = std::thread::Builder::new().name("plugin routine".to_owned()).spawn(move || shared.work());
            if thread.is_err() && inner.threads == 0 {
                return Err("no thread can be started");
            }
            inner.threads += usize::from(thread.is_ok());
        }
        inner.last += 1;
        let number = inner.last;
        let (plugin, state) =
            (std::ptr::with_exposed_provenance_mut(plugin), std::ptr::with_exposed_provenance_mut(state));
        inner.waiting.push_back(Routine { number, function, plugin, state });
        self.changed.notify_all();
        Ok(number)
    }

    /// Removes a routine, and waits for a call of it that is going on, unless it is the caller.
    pub(crate) fn unsubscribe(&self, number: usize) -> Result<(), &'static str> {
        let mut inner = self.lock();
        if let Some(place) = inner.waiting.iter().position(|routine| routine.number == number) {
            inner.waiting.remove(place);
            return Ok(());
        }
        let running = inner.running.iter_mut().find(|running| running.number == number && !running.removed);
        let running = running.ok_or("there is no such routine")?;
        running.removed = true;
        // A routine may unsubscribe itself.
        if running.by == std::thread::current().id() {
            return Ok(());
        }
        let ended = self.wait_until(inner, |inner| inner.running.iter().all(|running| running.number != number));
        if ended { Ok(()) } else { Err("the routine is still running") }
    }

    /// Ends all routines. Returns false if a call is still going on after a while.
    pub(crate) fn close(&self) -> bool {
        let mut inner = self.lock();
        inner.closed = true;
        inner.waiting.clear();
        self.changed.notify_all();
        self.wait_until(inner, |inner| inner.running.is_empty())
    }

    /// Calls routines in turn, until the capture is closed.
    fn work(&self) {
        let own = std::thread::current().id();
        let mut inner = self.lock();
        loop {
            if inner.closed {
                return;
            }
            let Some(routine) = inner.waiting.pop_front() else {
                inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            inner.running.push(Running { number: routine.number, by: own, removed: false });
            drop(inner);
            let began = Instant::now();
            // SAFETY: the function is that of the plugin, with the state that it gave for it. The plugin exists: before
            // it is destroyed, `close` waits for this call.
            let again = unsafe { (routine.function)(routine.plugin, routine.state) } != 0;
            inner = self.lock();
            let removed = |inner: &Inner| {
                inner.closed || inner.running.iter().any(|running| running.number == routine.number && running.removed)
            };
            while again && !removed(&inner) {
                let Some(rest) = PACE.checked_sub(began.elapsed()).filter(|rest| !rest.is_zero()) else { break };
                inner = self.changed.wait_timeout(inner, rest).unwrap_or_else(PoisonError::into_inner).0;
            }
            let again = again && !removed(&inner);
            inner.running.retain(|running| running.number != routine.number);
            if again {
                inner.waiting.push_back(routine);
            }
            self.changed.notify_all();
        }
    }
}
