//! Calls of plugins that do not return, which nothing can interrupt: they are reported, and end the program if they still last
//! when everything else has ended.

use crate::signals::Signals;
use crate::{Fatal, log};
use peregrine_plugin_host::{OngoingCall, ongoing_calls};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Duration of a call from which it is reported.
const SLOW: Duration = Duration::from_secs(10);
/// Time that a call may last after everything else has ended.
const GRACE: Duration = Duration::from_secs(5);
/// Interval between checks.
const STEP: Duration = Duration::from_millis(250);

/// The thread that looks at the calls of all plugins, until this is dropped.
#[derive(Debug)]
pub(crate) struct Watchdog {
    _stop: Sender<()>,
}

impl Watchdog {
    /// Starts the thread. Once the program is to end, by a signal or because `end` is set, a call that lasts ends it.
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    pub(crate) fn start(signals: &Signals, end: &Arc<AtomicBool>) -> Result<Self, Fatal> {
        let (stop, stopped) = channel();
        let (signals, end) = (signals.clone(), Arc::clone(end));
        let watch = move || {
            let mut lasting = Lasting::default();
            let mut ending: Option<Instant> = None;
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(STEP) {
                let now = Instant::now();
                lasting.look(ongoing_calls(), now).into_iter().for_each(log::warning);
                if !end.load(Ordering::SeqCst) && !signals.terminate() {
                    continue;
                }
                let since = *ending.get_or_insert(now);
                if now.duration_since(since) < GRACE {
                    continue;
                }
                if let Some(call) = lasting.longer_than(GRACE, now) {
                    log::error(format!("plugin {}: {} does not return; ending without it", call.plugin, call.function));
                    std::process::exit(1);
                }
            }
        };
        match std::thread::Builder::new().name("plugin watch".to_owned()).spawn(watch) {
            Ok(_) => Ok(Self { _stop: stop }),
            Err(error) => Err(Fatal(format!("cannot start the thread that watches plugins: {error}"))),
        }
    }
}

/// The calls that are going on.
#[derive(Debug, Default)]
struct Lasting {
    calls: Vec<Lasts>,
}

#[derive(Debug, Clone)]
struct Lasts {
    call: OngoingCall,
    /// When it was seen first.
    since: Instant,
    reported: bool,
}

impl Lasting {
    /// Takes what is going on now, and returns what is to be reported.
    fn look(&mut self, calls: Vec<OngoingCall>, now: Instant) -> Vec<String> {
        let known = std::mem::take(&mut self.calls);
        let mut lines = Vec::new();
        for call in calls {
            let known = known.iter().find(|known| known.call == call).cloned();
            let mut lasts = known.unwrap_or(Lasts { call, since: now, reported: false });
            if !lasts.reported && now.duration_since(lasts.since) >= SLOW {
                lasts.reported = true;
                let (OngoingCall { plugin, function, .. }, seconds) = (&lasts.call, SLOW.as_secs());
                lines.push(format!("plugin {plugin}: {function} has not returned for {seconds} seconds"));
            }
            self.calls.push(lasts);
        }
        lines
    }

    /// Returns a call that has lasted at least as long.
    fn longer_than(&self, least: Duration, now: Instant) -> Option<&OngoingCall> {
        self.calls.iter().find(|lasts| now.duration_since(lasts.since) >= least).map(|lasts| &lasts.call)
    }
}
