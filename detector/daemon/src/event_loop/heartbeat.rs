//! A file that shows that the program runs, for the next start, and a clock that shows that it did not.
//!
//! A process that kills the detector ends its last alert too. The file says when it was last alive and whether it ended
//! by itself; the next start raises an alert if it did not. A program that is stopped (SIGSTOP), or starved, notices it
//! itself when it goes on.

use crate::alerts::{Alerts, internal};
use crate::clock::now;
use crate::log;
use rule_engine::output::Priority;
use rustix::fs::{FlockOperation, flock};
use serde_json::{Value as Json, json};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Interval between writes of the file.
const BEAT: Duration = Duration::from_secs(1);

/// Delay of the program that is not yet reported. The clock does not count the sleep of the host.
const LATE: Duration = Duration::from_secs(5);

const SECOND: u64 = 1_000_000_000;
const KILLED: &str = "Peregrine internal: detector was killed";
const STOPPED: &str = "Peregrine internal: detector was stopped";

/// The file of a running program.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    file: File,
    boot: String,
}

/// An end that nobody requested.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pid: u64,
    seconds: u64,
    /// Whether the host was started again since.
    restarted: bool,
}

impl Heartbeat {
    /// Opens the file, and returns what it says about the last run. `None` without its directory, or if another detector
    /// has it.
    pub(crate) fn open(path: &Path) -> Option<(Self, Option<Gap>)> {
        let folder = path.parent()?;
        if path.as_os_str().is_empty() || !folder.is_dir() {
            return None;
        }
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = match options.open(path) {
            Ok(file) => file,
            Err(error) => {
                log::warning(format!("protection.heartbeat_file {}: {error}", path.display()));
                return None;
            }
        };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            log::info(format!("{} belongs to another detector that runs", path.display()));
            return None;
        }
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
        let mut text = String::new();
        // Longer or other content is not ours.
        let read = (&file).take(4096).read_to_string(&mut text);
        let gap = read.ok().and_then(|_| serde_json::from_str(&text).ok()).and_then(|last| gap(&last, &boot, now()));
        let heartbeat = Self { file, boot };
        heartbeat.write(false);
        Some((heartbeat, gap))
    }

    fn write(&self, ended: bool) {
        let pid = std::process::id();
        let line = format!("{}\n", json!({"pid": pid, "boot": self.boot, "time": now() / SECOND, "ended": ended}));
        // The program continues on a full disk; the file is then older than it should be.
        let _ = self.file.write_all_at(line.as_bytes(), 0);
        let _ = self.file.set_len(line.len() as u64);
    }
}

fn gap(last: &Json, boot: &str, now: u64) -> Option<Gap> {
    let ended = last["ended"].as_bool()?;
    let seconds = (now / SECOND).saturating_sub(last["time"].as_u64()?);
    (!ended).then(|| Gap { pid: last["pid"].as_u64().unwrap_or(0), seconds, restarted: last["boot"] != boot })
}

/// Sends an alert about the last run, and keeps the file until `stopped` is closed.
pub(crate) fn run(opened: Option<(Heartbeat, Option<Gap>)>, alerts: &Alerts, stopped: &Receiver<()>) {
    let (heartbeat, gap) = opened.unzip();
    if let Some(gap) = gap.flatten() {
        let Gap { pid, seconds, restarted } = gap;
        let why = if restarted { "The host was restarted without a shutdown" } else { "It was killed, or it crashed" };
        let text = format!("{KILLED}. {why}: nothing was detected for {seconds} seconds.");
        log::critical(&text);
        let own = internal(KILLED, Priority::Critical, now(), text);
        alerts.send_own(&own.with_field("last_pid", pid).with_field("n_seconds", seconds));
    }
    let mut last = Instant::now();
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(BEAT) {
        let late = last.elapsed().saturating_sub(BEAT);
        last = Instant::now();
        if late >= LATE {
            let seconds = late.as_secs();
            let text = format!(
                "{STOPPED}. It did not run for {seconds} seconds, as after SIGSTOP or on a host that is too busy; events of \
                 that time may be lost."
            );
            log::critical(&text);
            alerts.send_own(&internal(STOPPED, Priority::Critical, now(), text).with_field("n_seconds", seconds));
        }
        if let Some(heartbeat) = &heartbeat {
            heartbeat.write(false);
        }
    }
    if let Some(heartbeat) = heartbeat {
        heartbeat.write(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_nobody_requested_is_known_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heartbeat");
        let (first, gap) = Heartbeat::open(&path).unwrap();
        assert_eq!(gap, None);
        // Another detector has it.
        assert!(Heartbeat::open(&path).is_none());
        drop(first);
        let (second, gap) = Heartbeat::open(&path).unwrap();
        let gap = gap.unwrap();
        assert!(gap.pid == u64::from(std::process::id()) && gap.seconds < 3600 && !gap.restarted, "{gap:?}");
        second.write(true);
        drop(second);
        let (third, gap) = Heartbeat::open(&path).unwrap();
        assert_eq!(gap, None);
        drop(third);
        for content in ["", "{", "{}", "[1]", "\u{0}\u{0}"] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(Heartbeat::open(&path).unwrap().1, None, "{content}");
        }
        assert!(Heartbeat::open(&folder.path().join("missing/heartbeat")).is_none());
    }

    #[test]
    fn a_gap_has_its_length() {
        let last = json!({"pid": 7, "boot": "a", "time": 100, "ended": false});
        let gap = |boot| gap(&last, boot, 130 * SECOND);
        assert_eq!(gap("a"), Some(Gap { pid: 7, seconds: 30, restarted: false }));
        assert_eq!(gap("b"), Some(Gap { pid: 7, seconds: 30, restarted: true }));
    }
}
