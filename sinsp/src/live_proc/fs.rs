//! The implementation of [`Proc`] by `/proc`: bounded in time, because events queue up while it reads.

use std::path::Path;
use std::time::{Duration, Instant};

use scap::host;
use scap::procfs::{Config, Lookup};

use super::{Proc, ProcStats};

/// Time and size limits of look-ups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcLimits {
    /// The maximum time for the file descriptors of one thread.
    pub lookup: Duration,
    /// The maximum time of all look-ups together, per second. At most one second's worth can be saved up.
    pub per_second: Duration,
    /// The maximum number of file descriptors read per process.
    pub fds: usize,
    /// The maximum number of bytes of an environment.
    pub env: usize,
}

impl Default for ProcLimits {
    fn default() -> Self {
        Self { lookup: Duration::from_millis(20), per_second: Duration::from_millis(100), fds: 4096, env: 32 << 10 }
    }
}

/// Looks up threads and file descriptors in the `/proc` of a host.
///
/// A burst of lost events must not turn into a burst of look-ups that loses more: look-ups draw on a time budget
/// ([`ProcLimits::per_second`]), and when it is used up they are refused and counted. A thread that was refused stays a
/// placeholder until the next purge, like one that is gone.
///
/// ```
/// use peregrine_sinsp::{Proc, ProcFs};
///
/// let mut proc = ProcFs::new("/");
/// let pid = i64::from(std::process::id());
/// let thread = proc.thread(pid).expect("this process is there");
/// assert_eq!(thread.pid, pid);
/// assert!(proc.is_alive(pid) && proc.start_ts(pid) == Some(thread.start_ts));
/// assert_eq!(proc.stats().threads_found, 1);
/// ```
#[derive(Debug)]
pub struct ProcFs {
    lookup: Lookup,
    account: Account,
    stats: ProcStats,
}

impl ProcFs {
    /// Creates a look-up in `/proc` under `root`: `/`, or the directory where a container has the host mounted
    /// (`HOST_ROOT`).
    pub fn new(root: impl AsRef<Path>) -> Self {
        Self::with_limits(root, ProcLimits::default())
    }

    /// Creates a look-up like [`new`](Self::new), with other limits.
    pub fn with_limits(root: impl AsRef<Path>, limits: ProcLimits) -> Self {
        let config =
            Config { budget: Some(limits.lookup), max_fds: limits.fds, max_env: limits.env, ..Config::default() };
        Self {
            lookup: Lookup::new(root, &config),
            account: Account::new(limits.per_second),
            stats: ProcStats::default(),
        }
    }

    /// Runs a query if the budget allows it.
    fn ask<T>(&mut self, question: impl FnOnce(&mut Lookup) -> Option<T>) -> Option<T> {
        let start = Instant::now();
        if !self.account.open(start) {
            self.stats.refused += 1;
            return None;
        }
        let answer = question(&mut self.lookup);
        let took = start.elapsed();
        self.account.charge(took);
        self.stats.time_ns = self.stats.time_ns.saturating_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        answer
    }
}

impl Proc for ProcFs {
    fn thread(&mut self, tid: i64) -> Option<host::Thread> {
        let (found, cut) = self.ask(|lookup| {
            let before = lookup.report().cut_short;
            let found = lookup.thread(tid);
            Some((found, lookup.report().cut_short - before))
        })?;
        self.stats.cut_short += cut;
        match &found {
            Some(_) => self.stats.threads_found += 1,
            None => self.stats.threads_missed += 1,
        }
        found
    }

    fn fd(&mut self, pid: i64, num: i64) -> Option<host::FdKind> {
        let found = self.ask(|lookup| Some(lookup.fd(pid, num)))?;
        match &found {
            Some(_) => self.stats.fds_found += 1,
            None => self.stats.fds_missed += 1,
        }
        found.map(|fd| fd.kind)
    }

    /// This is never refused: it is called rarely, a few at a time, and costs least.
    fn is_alive(&mut self, tid: i64) -> bool {
        self.lookup.is_alive(tid)
    }

    fn environ(&mut self, pid: i64) -> Option<Vec<u8>> {
        let found = self.ask(|lookup| lookup.environ(pid))?;
        self.stats.environs += 1;
        Some(found)
    }

    fn start_ts(&mut self, tid: i64) -> Option<u64> {
        self.lookup.start_ts(tid)
    }

    fn is_contained(&mut self, pid: i64) -> Option<bool> {
        self.ask(|lookup| lookup.is_contained(pid))
    }

    fn users(&mut self, pid: i64) -> Option<(Vec<host::User>, Vec<host::Group>)> {
        let found = self.ask(|lookup| lookup.users(pid))?;
        self.stats.user_files += 1;
        Some(found)
    }

    fn interfaces(&mut self) -> Option<Vec<host::Interface>> {
        self.ask(|lookup| Some(lookup.interfaces()))
    }

    fn stats(&self) -> ProcStats {
        self.stats
    }
}

/// A time budget: it grows steadily, up to one second's worth.
#[derive(Debug)]
struct Account {
    per_second: Duration,
    saved: Duration,
    /// The time spent beyond what was saved.
    debt: Duration,
    seen: Instant,
}

impl Account {
    fn new(per_second: Duration) -> Self {
        Self { per_second, saved: per_second, debt: Duration::ZERO, seen: Instant::now() }
    }

    /// Returns whether the budget has time left at this moment.
    fn open(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.seen);
        self.seen = now;
        let income = self.per_second.mul_f64(passed.as_secs_f64().min(3600.0));
        let paid = income.min(self.debt);
        self.debt -= paid;
        self.saved = (self.saved + (income - paid)).min(self.per_second);
        self.debt.is_zero() && !self.saved.is_zero()
    }

    fn charge(&mut self, spent: Duration) {
        let covered = spent.min(self.saved);
        self.saved -= covered;
        // One look-up that took very long does not exhaust the budget for good.
        self.debt = (self.debt + (spent - covered)).min(self.per_second * 10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_rejects_what_it_cannot_pay_and_recovers() {
        let mut account = Account::new(Duration::from_millis(100));
        let start = account.seen;
        let at = |ms| start + Duration::from_millis(ms);
        assert!(account.open(at(0)));
        account.charge(Duration::from_millis(60));
        assert!(account.open(at(0)), "40 ms are left");
        account.charge(Duration::from_millis(60));
        assert!(!account.open(at(0)), "20 ms are owed");
        assert!(!account.open(at(150)), "5 ms are owed");
        assert!(account.open(at(250)), "5 ms are there");
        // However long it rests, at most one second's worth is saved.
        assert!(account.open(at(60_000)));
        account.charge(Duration::from_millis(100));
        assert!(!account.open(at(60_000)));
        // No time at all: always refused.
        let mut none = Account::new(Duration::ZERO);
        assert!(!none.open(start + Duration::from_secs(9)));
    }

    #[test]
    fn refused_queries_are_counted() {
        let limits = ProcLimits { per_second: Duration::ZERO, ..ProcLimits::default() };
        let mut proc = ProcFs::with_limits("/", limits);
        assert!(proc.thread(1).is_none() && proc.fd(1, 0).is_none() && proc.environ(1).is_none());
        assert_eq!(proc.stats(), ProcStats { refused: 3, ..ProcStats::default() });
    }
}
