//! One running output: its sink, queue and threads.

use super::keeper::{Keeper, Shelf};
use super::queue::{Limits, Shared, Totals, Wait};
use super::spool::{Spool, SpoolConfig};
use super::worker::Worker;
use super::{Message, OnFault, Sink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(super) struct Outlet {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Directory of spools, if this output has one.
    spool: Option<PathBuf>,
    /// Everything that the sink was built from.
    settings: String,
}

impl Outlet {
    pub(super) fn start(sink: Box<dyn Sink>, limits: Limits, on_fault: OnFault) -> Self {
        let mut outlet = Self::new(sink.name(), limits, on_fault);
        let worker = Worker { shared: Arc::clone(&outlet.shared), sink, shelf: None };
        outlet.thread("output", move || worker.run());
        outlet
    }

    pub(super) fn start_spooled(
        sink: Box<dyn Sink>,
        spool: &SpoolConfig,
        limits: Limits,
        on_fault: OnFault,
    ) -> std::io::Result<Self> {
        let folder = spool.folder.clone();
        let spool = Spool::open(spool, sink.name())?;
        let mut outlet = Self { spool: Some(folder), ..Self::new(sink.name(), limits, on_fault) };
        let shared = Arc::clone(&outlet.shared);
        {
            let mut queue = shared.lock();
            queue.totals.recovered = spool.count();
            queue.totals.spooled = spool.count();
            queue.keeper = true;
        }
        if spool.count() > 0 {
            shared.fault(5, format!("{} alerts of an earlier run are in the spool", spool.count()));
        }
        if spool.cut() > 0 {
            shared.fault(3, format!("removed {} incomplete or damaged bytes from the spool", spool.cut()));
        }
        let shelf = Arc::new(Shelf::new(spool));
        let keeper = Keeper { shared: Arc::clone(&shared), shelf: Arc::clone(&shelf), said: None };
        let worker = Worker { shared, sink, shelf: Some(shelf) };
        outlet.thread("spool", move || keeper.run());
        outlet.thread("output", move || worker.run());
        Ok(outlet)
    }

    fn new(name: &'static str, limits: Limits, on_fault: OnFault) -> Self {
        let shared = Arc::new(Shared::new(name, limits, on_fault));
        Self { shared, threads: Vec::new(), spool: None, settings: String::new() }
    }

    pub(super) fn spool_folder(&self) -> Option<&Path> {
        self.spool.as_deref()
    }

    pub(super) fn set_settings(&mut self, settings: String) {
        self.settings = settings;
    }

    pub(super) fn set_limits(&self, limits: Limits) {
        self.shared.lock().limits = limits;
    }

    /// Replaces the active sink, if the new one is built from something else.
    pub(super) fn replace(&mut self, sink: Box<dyn Sink>, settings: String) {
        if self.settings != settings {
            self.settings = settings;
            self.shared.lock().replacement = Some(sink);
            self.shared.notify();
        }
    }

    fn thread(&mut self, role: &str, run: impl FnOnce() + Send + 'static) {
        let shared = &self.shared;
        shared.lock().threads += 1;
        match std::thread::Builder::new().name(format!("{} {role}", shared.name)).spawn(run) {
            Ok(thread) => self.threads.push(thread),
            Err(error) => {
                shared.fault(2, format!("cannot start its thread: {error}"));
                let mut queue = shared.lock();
                queue.threads -= 1;
                queue.abandon();
            }
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.shared.name
    }

    pub(super) fn send(&self, message: Message, wait: Wait) {
        self.shared.send(message, wait);
    }

    pub(super) fn reopen(&self) {
        self.shared.lock().reopen = true;
        self.shared.notify();
    }

    pub(super) fn totals(&self) -> Totals {
        self.shared.complain_if_stuck(self.shared.lock());
        let queue = self.shared.lock();
        Totals { queued: queue.messages.len() as u64 + queue.in_hand, ..queue.totals }
    }

    /// Declares that no more alerts follow.
    pub(super) fn finish(&self) {
        self.shared.lock().finish = Some(Instant::now());
        self.shared.notify();
    }

    /// Waits until everything is delivered or on disk, or there is no progress for a while.
    pub(super) fn join(self) -> Totals {
        let shared = &self.shared;
        let (mut steps, mut since) = (u64::MAX, Instant::now());
        let mut queue = shared.lock();
        while queue.threads > 0 {
            if queue.steps != steps {
                (steps, since) = (queue.steps, Instant::now());
            }
            if since.elapsed() > queue.limits.patience {
                // Abandoned alerts are counted here; the threads no longer count.
                let abandoned = queue.abandon();
                let spooled = queue.totals.spooled;
                drop(queue);
                match abandoned {
                    (0, 0) if spooled == 0 => {}
                    (0, 0) => shared.fault(4, "still blocked"),
                    (lost, 0) => shared.fault(3, format!("still blocked; dropping {lost} alerts")),
                    (lost, unknown) => {
                        let text = "in delivery, which may have arrived or not";
                        shared.fault(3, format!("still blocked; dropping {lost} alerts, and {unknown} {text}"));
                    }
                }
                shared.notify();
                // One more moment for a thread that was only waiting for its next attempt.
                queue = shared.wait(shared.lock(), Duration::from_millis(100));
                break;
            }
            queue = shared.wait(queue, Duration::from_millis(20));
        }
        let (totals, done) = (queue.totals, queue.threads == 0);
        drop(queue);
        if totals.spooled > 0 {
            shared.fault(4, format!("{} alerts stay in the spool for the next start", totals.spooled));
        }
        if done {
            // A panic of the sink has been reported by its own message; the counts are what matters here.
            self.threads.into_iter().for_each(|thread| drop(thread.join()));
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Capacity, Failure};
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};

    struct Test {
        gate: Receiver<Result<(), Failure>>,
        taken: Sender<String>,
        retries: Option<u32>,
    }

    impl Sink for Test {
        fn name(&self) -> &'static str {
            "test"
        }
        fn deliver(&mut self, alerts: &[Message]) -> Result<(), Failure> {
            self.gate.recv().unwrap_or(Ok(()))?;
            self.taken.send(alerts[0].text().into_owned()).map_err(Failure::retryable)
        }
        fn retries(&self) -> Option<u32> {
            self.retries
        }
    }

    struct Bench {
        outlet: Outlet,
        gate: Sender<Result<(), Failure>>,
        taken: Receiver<String>,
        faults: Arc<Mutex<Vec<String>>>,
    }

    fn bench(alerts: usize, retries: Option<u32>) -> Bench {
        patient_bench(alerts, retries, Duration::from_millis(150))
    }

    fn patient_bench(alerts: usize, retries: Option<u32>, patience: Duration) -> Bench {
        let (gate, gate_end) = channel();
        let (taken_end, taken) = channel();
        let faults = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&faults);
        let on_fault: OnFault = Arc::new(move |fault| heard.lock().unwrap().push(fault.to_string()));
        let sink = Box::new(Test { gate: gate_end, taken: taken_end, retries });
        let limits = Limits { capacity: Capacity::alerts(alerts), patience };
        let outlet = Outlet::start(sink, limits, on_fault);
        Bench { outlet, gate, taken, faults }
    }

    fn message(text: &str) -> Message {
        Message::new(4, text.to_owned())
    }

    fn until(condition: impl Fn() -> bool) {
        testkit::until("waited too long", Duration::from_secs(20), condition);
    }

    #[test]
    fn order_is_kept_and_all_are_delivered() {
        let Bench { outlet, gate, taken, .. } = bench(0, Some(0));
        drop(gate);
        for number in 0..1000 {
            outlet.send(message(&number.to_string()), Wait::No);
        }
        outlet.finish();
        let totals = outlet.join();
        assert_eq!((totals.sent, totals.delivered, totals.lost), (1000, 1000, 0));
        let expected: Vec<_> = (0..1000).map(|number: u32| number.to_string()).collect();
        assert_eq!(taken.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_full_queue_drops_the_newest_and_counts() {
        let Bench { outlet, gate, taken, faults } = bench(2, Some(0));
        outlet.send(message("a"), Wait::No);
        until(|| outlet.shared.lock().busy.is_some());
        for text in ["b", "c", "d", "e"] {
            outlet.send(message(text), Wait::No);
        }
        let totals = outlet.totals();
        // Two in the queue, one in delivery.
        assert_eq!((totals.sent, totals.lost_for_room, totals.queued), (5, 2, 3));
        drop(gate);
        outlet.finish();
        let totals = outlet.join();
        assert_eq!((totals.delivered, totals.lost), (3, 2));
        assert_eq!(taken.iter().collect::<String>(), "abc");
        assert_eq!(faults.lock().unwrap().iter().filter(|fault| fault.contains("queue is full")).count(), 1);
    }

    #[test]
    fn a_replay_waits_for_space() {
        let Bench { outlet, gate, taken, .. } = bench(1, Some(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..50 {
                    outlet.send(message(&number.to_string()), Wait::ForRoom);
                }
            });
            for _ in 0..50 {
                gate.send(Ok(())).unwrap();
                taken.recv().unwrap();
            }
        });
        assert_eq!(outlet.totals().lost, 0);
    }

    #[test]
    fn only_retryable_failures_are_retried() {
        let Bench { outlet, gate, taken, faults } = patient_bench(0, Some(2), Duration::from_secs(20));
        for outcome in [Err(Failure::retryable("away")), Err(Failure::retryable("away")), Ok(())] {
            gate.send(outcome).unwrap();
        }
        gate.send(Err(Failure::Permanent("too long".into()))).unwrap();
        gate.send(Ok(())).unwrap();
        for text in ["a", "b", "c"] {
            outlet.send(message(text), Wait::No);
        }
        outlet.finish();
        let totals = outlet.join();
        assert_eq!((totals.delivered, totals.lost, totals.retries), (2, 1, 2));
        assert_eq!(taken.iter().collect::<String>(), "ac");
        let faults = faults.lock().unwrap();
        assert_eq!(
            *faults,
            ["test output: away", "test output: works again", "test output: too long", "test output: works again"]
        );
    }

    #[test]
    fn retries_are_bounded() {
        let Bench { outlet, gate, .. } = bench(0, Some(1));
        for _ in 0..2 {
            gate.send(Err(Failure::retryable("away"))).unwrap();
        }
        outlet.send(message("a"), Wait::No);
        until(|| outlet.totals().lost == 1);
        assert_eq!(outlet.totals().retries, 1);
        drop(gate);
    }

    #[test]
    fn closing_abandons_a_sink_that_hangs() {
        let Bench { outlet, gate, faults, .. } = bench(0, Some(0));
        for text in ["a", "b", "c"] {
            outlet.send(message(text), Wait::No);
        }
        until(|| outlet.shared.lock().busy.is_some());
        outlet.finish();
        let totals = outlet.join();
        assert_eq!((totals.sent, totals.delivered, totals.lost, totals.unknown), (3, 0, 2, 1));
        assert!(faults.lock().unwrap().iter().any(|fault| fault.contains("dropping 2 alerts, and 1 in delivery")));
        drop(gate);
    }

    #[test]
    fn closing_ends_endless_retries() {
        let Bench { outlet, gate, .. } = bench(0, None);
        for _ in 0..50 {
            gate.send(Err(Failure::retryable("away"))).unwrap();
        }
        outlet.send(message("a"), Wait::No);
        outlet.send(message("b"), Wait::No);
        outlet.finish();
        let totals = outlet.join();
        // Between two attempts, nothing is in delivery.
        assert_eq!((totals.sent, totals.delivered + totals.lost, totals.unknown), (2, 2, 0));
    }

    #[test]
    fn a_slow_sink_is_reported_once() {
        let Bench { outlet, gate, faults, .. } = bench(0, Some(0));
        outlet.send(message("a"), Wait::No);
        until(|| outlet.shared.lock().busy.is_some());
        until(|| {
            outlet.send(message("b"), Wait::No);
            !faults.lock().unwrap().is_empty()
        });
        outlet.send(message("c"), Wait::No);
        assert_eq!(faults.lock().unwrap().len(), 1);
        assert!(faults.lock().unwrap()[0].contains("timeout: "));
        drop(gate);
    }

    /// Receives batches, keeps their texts, and is unreachable while the flag says so.
    struct Remote {
        away: Arc<std::sync::atomic::AtomicBool>,
        taken: Arc<Mutex<Vec<String>>>,
    }

    impl Sink for Remote {
        fn name(&self) -> &'static str {
            "remote"
        }
        fn batch(&self) -> usize {
            7
        }
        fn deliver(&mut self, alerts: &[Message]) -> Result<(), Failure> {
            if self.away.load(std::sync::atomic::Ordering::SeqCst) {
                return Err(Failure::retryable("away"));
            }
            self.taken.lock().unwrap().extend(alerts.iter().map(|alert| alert.text().into_owned()));
            Ok(())
        }
    }

    #[test]
    fn undelivered_alerts_stay_on_disk_for_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let spool = SpoolConfig { folder: folder.path().to_path_buf(), bytes: 1 << 20 };
        let (away, taken) = (Arc::new(std::sync::atomic::AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let start = || {
            let sink = Remote { away: Arc::clone(&away), taken: Arc::clone(&taken) };
            let limits = Limits { capacity: Capacity::alerts(0), patience: Duration::from_secs(5) };
            Outlet::start_spooled(Box::new(sink), &spool, limits, Arc::new(|_| {})).unwrap()
        };
        let mut sent = 0;
        let mut send = |outlet: &Outlet, count: usize| {
            for _ in 0..count {
                outlet.send(message(&sent.to_string()), Wait::No);
                sent += 1;
            }
        };
        let outlet = start();
        send(&outlet, 100);
        until(|| taken.lock().unwrap().len() == 100);
        away.store(true, std::sync::atomic::Ordering::SeqCst);
        send(&outlet, 1000);
        until(|| outlet.totals().spooled == 1000 && outlet.totals().failing);
        outlet.finish();
        let totals = outlet.join();
        assert_eq!((totals.sent, totals.delivered, totals.spooled, totals.lost), (1100, 100, 1000, 0));
        // Still unreachable, and more alerts arrive.
        let outlet = start();
        assert_eq!(outlet.totals().recovered, 1000);
        send(&outlet, 10);
        until(|| outlet.totals().spooled == 1010);
        away.store(false, std::sync::atomic::Ordering::SeqCst);
        until(|| outlet.totals().spooled == 0);
        outlet.finish();
        let totals = outlet.join();
        assert_eq!((totals.recovered, totals.sent, totals.delivered, totals.lost), (1000, 10, 1010, 0));
        let expected: Vec<_> = (0..1110).map(|number| number.to_string()).collect();
        assert_eq!(*taken.lock().unwrap(), expected);
    }

    #[test]
    fn a_spool_that_is_full_drops_the_newest_and_counts() {
        let folder = tempfile::tempdir().unwrap();
        let spool = SpoolConfig { folder: folder.path().to_path_buf(), bytes: 4096 };
        let (away, taken) = (Arc::new(std::sync::atomic::AtomicBool::new(true)), Arc::new(Mutex::new(Vec::new())));
        let sink = Remote { away: Arc::clone(&away), taken: Arc::clone(&taken) };
        let limits = Limits { capacity: Capacity::alerts(10), patience: Duration::from_secs(5) };
        let outlet = Outlet::start_spooled(Box::new(sink), &spool, limits, Arc::new(|_| {})).unwrap();
        let text = "x".repeat(91);
        for _ in 0..40 {
            outlet.send(message(&text), Wait::ForRoom);
        }
        until(|| outlet.totals().spooled == 40);
        for _ in 0..200 {
            outlet.send(message(&text), Wait::No);
        }
        let totals = outlet.totals();
        assert_eq!(totals.spooled, 40);
        assert!(totals.queued >= 10 && totals.lost_for_room > 0, "{totals:?}");
        assert_eq!(totals.sent, totals.spooled + totals.queued + totals.lost);
        away.store(false, std::sync::atomic::Ordering::SeqCst);
        until(|| outlet.totals().queued == 0 && outlet.totals().spooled == 0);
        outlet.finish();
        let totals = outlet.join();
        assert_eq!(totals.sent, totals.delivered + totals.lost);
        assert_eq!(taken.lock().unwrap().len() as u64, totals.delivered);
    }
}
