//! One sink with its queue, its thread, and the counts of what came of each alert.
//!
//! The queue is a deque behind a lock, not a channel, because three things need to look inside: the limit in bytes,
//! the complaint about a sink that hangs, and the closing that gives up what a hanging sink will never take.

use super::{Failure, Fault, Message, OnFault, Sink};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The pause before the first retry; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// After this long without an alert, what is only in memory is written out.
const IDLE: Duration = Duration::from_millis(200);
/// Even a queue without a limit on alerts does not eat all memory.
const MOST_BYTES: usize = 256 << 20;

/// How much a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    alerts: usize,
    bytes: usize,
}

impl Capacity {
    /// So many alerts; 0: as many as 256 MiB hold.
    pub fn alerts(alerts: usize) -> Self {
        Self { alerts: if alerts == 0 { usize::MAX } else { alerts }, bytes: MOST_BYTES }
    }
}

/// Whether the sender waits for room in a full queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The alert is lost and counted. For live events, which do not wait either.
    No,
    /// For replays, which have all the time in the world.
    ForRoom,
}

/// What came of the alerts of one output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// The sink's name.
    pub sink: &'static str,
    /// Handed to this output.
    pub sent: u64,
    /// Taken by the sink.
    pub delivered: u64,
    /// Given up: no room in the queue, a failure that lasts, or the end of the program.
    pub lost: u64,
    /// Of those lost: no room in the queue.
    pub lost_for_room: u64,
    /// Tries after a passing failure.
    pub retries: u64,
    /// Still in the queue.
    pub queued: u64,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<Message>,
    bytes: usize,
    totals: Totals,
    reopen: bool,
    finish: bool,
    /// Set by the closing when the sink makes no headway: nothing more is tried.
    abandoned: bool,
    /// Since when the sink has been busy with one alert, and whether that was complained of.
    busy: Option<(Instant, bool)>,
    /// Steps the thread has made; the closing looks whether the number grows.
    steps: u64,
    done: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    capacity: Capacity,
    patience: Duration,
    on_fault: OnFault,
    name: &'static str,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'q>(&self, queue: MutexGuard<'q, Queue>, time: Duration) -> MutexGuard<'q, Queue> {
        self.changed.wait_timeout(queue, time).unwrap_or_else(PoisonError::into_inner).0
    }

    fn fault(&self, severity: u8, text: impl Into<String>) {
        (self.on_fault)(Fault { sink: self.name, severity, text: text.into() });
    }
}

/// One sink at work.
pub(super) struct Outlet {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Outlet {
    pub(super) fn start(sink: Box<dyn Sink>, capacity: Capacity, patience: Duration, on_fault: OnFault) -> Self {
        let name = sink.name();
        let queue = Mutex::new(Queue { totals: Totals { sink: name, ..Totals::default() }, ..Queue::default() });
        let shared = Arc::new(Shared { queue, changed: Condvar::new(), capacity, patience, on_fault, name });
        let worker = Worker { shared: Arc::clone(&shared), sink };
        let thread = std::thread::Builder::new().name(format!("{name} output")).spawn(move || worker.run());
        let thread = match thread {
            Ok(thread) => Some(thread),
            Err(error) => {
                shared.fault(2, format!("cannot start its thread: {error}"));
                shared.lock().abandoned = true;
                None
            }
        };
        Self { shared, thread }
    }

    pub(super) fn send(&self, message: Message, wait: Wait) {
        let (shared, mut queue) = (&self.shared, self.shared.lock());
        queue.totals.sent += 1;
        let size = message.text.len();
        loop {
            if queue.abandoned {
                queue.totals.lost += 1;
                return;
            }
            let fits = queue.messages.is_empty()
                || (queue.messages.len() < shared.capacity.alerts && queue.bytes + size <= shared.capacity.bytes);
            if fits {
                break;
            }
            self.complain_if_stuck(&mut queue);
            if wait == Wait::No {
                queue.totals.lost += 1;
                queue.totals.lost_for_room += 1;
                if queue.totals.lost_for_room == 1 {
                    shared.fault(3, "the queue is full; alerts are dropped and counted");
                }
                return;
            }
            queue = shared.wait(queue, Duration::from_millis(100));
        }
        queue.bytes += size;
        queue.messages.push_back(message);
        self.complain_if_stuck(&mut queue);
        shared.changed.notify_all();
    }

    fn complain_if_stuck(&self, queue: &mut Queue) {
        if let Some((since, said @ false)) = &mut queue.busy
            && since.elapsed() > self.shared.patience
        {
            *said = true;
            self.shared.fault(2, format!("time-out: one alert has taken more than {:?}", self.shared.patience));
        }
    }

    pub(super) fn reopen(&self) {
        self.shared.lock().reopen = true;
        self.shared.changed.notify_all();
    }

    pub(super) fn totals(&self) -> Totals {
        let mut queue = self.shared.lock();
        self.complain_if_stuck(&mut queue);
        Totals { queued: queue.messages.len() as u64, ..queue.totals }
    }

    /// Says that no more alerts come.
    pub(super) fn finish(&self) {
        self.shared.lock().finish = true;
        self.shared.changed.notify_all();
    }

    /// Waits until the queue is empty, or no step has been made for a while.
    pub(super) fn join(mut self) -> Totals {
        let (mut steps, mut since) = (u64::MAX, Instant::now());
        let mut queue = self.shared.lock();
        while !queue.done && self.thread.is_some() {
            if queue.steps != steps {
                (steps, since) = (queue.steps, Instant::now());
            }
            if since.elapsed() > self.shared.patience {
                // What is given up is counted here; the thread counts nothing any more.
                queue.abandoned = true;
                let left = queue.messages.len() as u64 + u64::from(queue.busy.is_some());
                queue.messages.clear();
                queue.totals.lost += left;
                self.shared.fault(3, format!("still blocked; {left} alerts are given up"));
                self.shared.changed.notify_all();
                // One more moment for a thread that was only waiting for its next try.
                queue = self.shared.wait(queue, Duration::from_millis(100));
                break;
            }
            queue = self.shared.wait(queue, Duration::from_millis(20));
        }
        let (totals, done) = (queue.totals, queue.done);
        drop(queue);
        if done && let Some(thread) = self.thread.take() {
            // A panic of the sink has been reported by its own message; the counts are what matters here.
            let _ = thread.join();
        }
        totals
    }
}

struct Worker {
    shared: Arc<Shared>,
    sink: Box<dyn Sink>,
}

impl Worker {
    fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut unwritten = false;
        let mut failing = false;
        let mut queue = shared.lock();
        loop {
            queue.steps += 1;
            if queue.abandoned {
                break;
            }
            if queue.reopen && queue.messages.is_empty() {
                queue.reopen = false;
                drop(queue);
                if let Err(failure) = self.sink.reopen() {
                    shared.fault(3, format!("cannot be opened anew: {failure}"));
                }
                queue = shared.lock();
            } else if let Some(message) = queue.messages.pop_front() {
                queue.bytes -= message.text.len();
                queue.busy = Some((Instant::now(), false));
                drop(queue);
                shared.changed.notify_all();
                let outcome = self.deliver(&message, &mut failing);
                unwritten = true;
                queue = shared.lock();
                queue.busy = None;
                // What the closing has given up it has also counted.
                match (queue.abandoned, outcome) {
                    (true, _) => {}
                    (false, true) => queue.totals.delivered += 1,
                    (false, false) => queue.totals.lost += 1,
                }
            } else if queue.finish {
                break;
            } else {
                let (woken, timeout) = shared.changed.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner);
                queue = woken;
                if unwritten && timeout.timed_out() && queue.messages.is_empty() {
                    unwritten = false;
                    drop(queue);
                    self.flush();
                    queue = shared.lock();
                }
            }
        }
        let abandoned = queue.abandoned;
        drop(queue);
        if !abandoned {
            self.flush();
        }
        // A program that is to end with its input ends here.
        drop(self.sink);
        shared.lock().done = true;
        shared.changed.notify_all();
    }

    fn flush(&mut self) {
        if let Err(failure) = self.sink.flush() {
            self.shared.fault(3, failure.to_string());
        }
    }

    /// Delivers one alert, with as many tries as the sink wants. Says so when failing begins and ends, not each time.
    fn deliver(&mut self, message: &Message, failing: &mut bool) -> bool {
        let mut pause = FIRST_PAUSE;
        let mut left = self.sink.retries();
        loop {
            let failure = match self.sink.deliver(message) {
                Ok(()) => {
                    if std::mem::take(failing) {
                        self.shared.fault(5, "works again");
                    }
                    return true;
                }
                Err(failure) => failure,
            };
            if !std::mem::replace(failing, true) {
                self.shared.fault(3, failure.to_string());
            }
            if matches!(failure, Failure::Lasting(_)) || left == Some(0) {
                return false;
            }
            left = left.map(|left| left - 1);
            let (until, mut queue) = (Instant::now() + pause, self.shared.lock());
            queue.totals.retries += 1;
            while let Some(time) = until.checked_duration_since(Instant::now()) {
                if queue.abandoned {
                    return false;
                }
                queue = self.shared.wait(queue, time);
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        fn deliver(&mut self, message: &Message) -> Result<(), Failure> {
            self.gate.recv().unwrap_or(Ok(()))?;
            self.taken.send(message.text.to_string()).map_err(Failure::passing)
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
        let outlet = Outlet::start(sink, Capacity::alerts(alerts), patience, on_fault);
        Bench { outlet, gate, taken, faults }
    }

    fn message(text: &str) -> Message {
        Message { severity: 4, text: text.into() }
    }

    fn until(condition: impl Fn() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(start.elapsed() < Duration::from_secs(20), "waited too long");
            std::thread::sleep(Duration::from_millis(1));
        }
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
        assert_eq!((totals.sent, totals.lost_for_room, totals.queued), (5, 2, 2));
        drop(gate);
        outlet.finish();
        let totals = outlet.join();
        assert_eq!((totals.delivered, totals.lost), (3, 2));
        assert_eq!(taken.iter().collect::<String>(), "abc");
        assert_eq!(faults.lock().unwrap().iter().filter(|fault| fault.contains("queue is full")).count(), 1);
    }

    #[test]
    fn a_replay_waits_for_room() {
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
    fn passing_failures_are_tried_again_and_lasting_ones_are_not() {
        let Bench { outlet, gate, taken, faults } = patient_bench(0, Some(2), Duration::from_secs(20));
        for outcome in [Err(Failure::passing("away")), Err(Failure::passing("away")), Ok(())] {
            gate.send(outcome).unwrap();
        }
        gate.send(Err(Failure::Lasting("too long".into()))).unwrap();
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
    fn the_number_of_tries_is_bounded() {
        let Bench { outlet, gate, .. } = bench(0, Some(1));
        for _ in 0..2 {
            gate.send(Err(Failure::passing("away"))).unwrap();
        }
        outlet.send(message("a"), Wait::No);
        until(|| outlet.totals().lost == 1);
        assert_eq!(outlet.totals().retries, 1);
        drop(gate);
    }

    #[test]
    fn closing_gives_up_a_sink_that_hangs() {
        let Bench { outlet, gate, faults, .. } = bench(0, Some(0));
        for text in ["a", "b", "c"] {
            outlet.send(message(text), Wait::No);
        }
        until(|| outlet.shared.lock().busy.is_some());
        outlet.finish();
        let totals = outlet.join();
        assert_eq!((totals.sent, totals.delivered, totals.lost), (3, 0, 3));
        assert!(faults.lock().unwrap().iter().any(|fault| fault.contains("3 alerts are given up")));
        drop(gate);
    }

    #[test]
    fn closing_ends_endless_retries() {
        let Bench { outlet, gate, .. } = bench(0, None);
        for _ in 0..50 {
            gate.send(Err(Failure::passing("away"))).unwrap();
        }
        outlet.send(message("a"), Wait::No);
        outlet.send(message("b"), Wait::No);
        outlet.finish();
        let totals = outlet.join();
        assert_eq!((totals.sent, totals.delivered + totals.lost), (2, 2));
    }

    #[test]
    fn a_slow_sink_is_complained_of_once() {
        let Bench { outlet, gate, faults, .. } = bench(0, Some(0));
        outlet.send(message("a"), Wait::No);
        until(|| outlet.shared.lock().busy.is_some());
        until(|| {
            outlet.send(message("b"), Wait::No);
            !faults.lock().unwrap().is_empty()
        });
        outlet.send(message("c"), Wait::No);
        assert_eq!(faults.lock().unwrap().len(), 1);
        assert!(faults.lock().unwrap()[0].contains("time-out"));
        drop(gate);
    }
}
