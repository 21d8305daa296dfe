//! The calls of plugins: which one is going on, for a watchdog, and their cost.
//!
//! A call cannot be interrupted, and one that does not return is known by its number, which does not change. So a call costs
//! two stores; a clock is read for a few of them only, from which the cost of all is estimated.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Every call with a number that is a multiple of this is timed. A prime, as calls of different functions alternate.
const EVERY: u64 = 251;
/// The bits of the function in `Calls::now`.
const FUNCTION: u64 = 0xff;

macro_rules! functions {
    ($($function:ident = $name:literal,)*) => {
        /// A function of the plugin interface.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Function {
            $($function,)*
        }

        /// The names of the functions, by their numbers.
        const NAMES: &[&str] = &[$($name,)*];
    };
}

functions! {
    Init = "plugin_init",
    Destroy = "plugin_destroy",
    Open = "plugin_open",
    Close = "plugin_close",
    NextBatch = "plugin_next_batch",
    Progress = "plugin_get_progress",
    EventToString = "plugin_event_to_string",
    Extract = "plugin_extract_fields",
    Parse = "plugin_parse_event",
    AsyncHandler = "plugin_set_async_event_handler",
    DumpState = "plugin_dump_state",
    CaptureOpen = "plugin_capture_open",
    CaptureClose = "plugin_capture_close",
    SetConfig = "plugin_set_config",
    Metrics = "plugin_get_metrics",
    OpenParams = "plugin_list_open_params",
}

/// The calls of one plugin, which are made by one thread at a time.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// The number of calls so far, and in the lowest bits 1 and the number of the function that is called now: 0 if none is.
    now: AtomicU64,
    /// Nanoseconds of the calls that were timed, as an estimate for all.
    time: AtomicU64,
}

/// Whether every call is timed, of all plugins.
static ALL: AtomicBool = AtomicBool::new(false);

/// Times every call of all plugins from now on, which costs up to 100 ns each: see [`Cost`].
pub fn time_all_calls() {
    ALL.store(true, Ordering::Relaxed);
}

/// A call that is going on.
pub(crate) struct Call<'c> {
    calls: &'c Calls,
    /// The function that was called before: a plugin may be called while it is.
    before: u64,
    timed: Option<(Instant, u64)>,
}

/// The cost of the calls of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Cost {
    /// Number of calls.
    pub calls: u64,
    /// Time that they took: an estimate from one of 251 calls, unless all are timed.
    pub time: Duration,
}

impl Cost {
    /// Adds the cost of other calls.
    pub(crate) fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.time += other.time;
    }
}

impl Calls {
    /// Notes that a function is called, until the result is dropped.
    #[inline]
    pub(crate) fn enter(&self, function: Function) -> Call<'_> {
        let now = self.now.load(Ordering::Relaxed);
        let number = (now >> 8) + 1;
        self.now.store(number << 8 | (function as u64 + 1), Ordering::Relaxed);
        let all = ALL.load(Ordering::Relaxed);
        let timed = if all || number.is_multiple_of(EVERY) { begin(all) } else { None };
        Call { calls: self, before: now & FUNCTION, timed }
    }

    /// Returns the number and the function of the call that is going on.
    pub(crate) fn now(&self) -> Option<(u64, &'static str)> {
        let now = self.now.load(Ordering::Relaxed);
        let place = usize::try_from(now & FUNCTION).ok()?.checked_sub(1)?;
        Some((now >> 8, NAMES.get(place)?))
    }

    pub(crate) fn cost(&self) -> Cost {
        let time = Duration::from_nanos(self.time.load(Ordering::Relaxed));
        Cost { calls: self.now.load(Ordering::Relaxed) >> 8, time }
    }
}

/// Returns the time, and the number of calls that are estimated from it.
#[cold]
fn begin(all: bool) -> Option<(Instant, u64)> {
    Some((Instant::now(), if all { 1 } else { EVERY }))
}

impl Drop for Call<'_> {
    #[inline]
    fn drop(&mut self) {
        let now = self.calls.now.load(Ordering::Relaxed);
        self.calls.now.store(now & !FUNCTION | self.before, Ordering::Relaxed);
        if let Some((began, weight)) = self.timed {
            let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.calls.time.fetch_add(took.saturating_mul(weight), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Calls, EVERY, Function, time_all_calls};
    use std::time::Duration;

    #[test]
    fn the_call_that_is_going_on_is_known_by_its_number() {
        let calls = Calls::default();
        assert_eq!(calls.now(), None);
        let outer = calls.enter(Function::Init);
        assert_eq!(calls.now(), Some((1, "plugin_init")));
        drop(calls.enter(Function::Extract));
        assert_eq!(calls.now(), Some((2, "plugin_init")));
        drop(outer);
        assert_eq!(calls.now(), None);
        drop(calls.enter(Function::OpenParams));
        let call = calls.enter(Function::OpenParams);
        assert_eq!((calls.now(), calls.cost().calls), (Some((4, "plugin_list_open_params")), 4));
        drop(call);
    }

    #[test]
    fn the_cost_is_that_of_all_calls() {
        let slow = |calls: &Calls| {
            let _call = calls.enter(Function::Parse);
            std::thread::sleep(Duration::from_micros(20));
        };
        let (sampled, all) = (Calls::default(), Calls::default());
        (0..2 * EVERY).for_each(|_| slow(&sampled));
        time_all_calls();
        (0..2 * EVERY).for_each(|_| slow(&all));
        for calls in [&sampled, &all] {
            assert_eq!(calls.cost().calls, 2 * EVERY);
            assert!(calls.cost().time >= Duration::from_micros(20) * 2 * EVERY as u32, "{:?}", calls.cost());
        }
    }
}
