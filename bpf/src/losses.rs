//! Drops as events of the stream itself: a reader of the stream, or of a recording of it, sees where events are
//! missing.
//!
//! About once a second the counters of the probe are read. A CPU that has dropped events since then gives one event: an
//! `asyncevent` with the name `drop`, so that it is `evt.type=drop` to a filter. It is placed where the drop was
//! noticed, after the events delivered by then; its CPU is the one that dropped them, it has no thread, and its data
//! are the number of dropped events, in all and by cause and family:
//!
//! ```json
//! {"lost":12,"buffer":{"open":10,"close":2}}
//! ```

use crate::stats::CpuStats;
use scap::schema::EventCode;
use scap::{Event, EventBuilder};
use std::fmt::Write as _;

/// The shortest time between two looks at the counters, in nanoseconds.
const INTERVAL: u64 = 1_000_000_000;
/// The name of the events.
const NAME: &str = "drop";
/// No thread, and no plugin.
const NO_THREAD: i64 = -1;
const NO_PLUGIN: u32 = 0;
/// A time before all but the one before the first round, at which no event can be placed.
const AT_ONCE: u64 = 1;

/// Returns whether an event of a [`BpfSource`](crate::BpfSource), or of a recording of one, reports drops.
pub fn is_drop_event(event: &Event<'_>) -> bool {
    event.code() == EventCode::ASYNCEVENT_E
        && event.raw(1).and_then(|name| name.strip_suffix(b"\0")) == Some(NAME.as_bytes())
}

/// Drops that were reported, and those that are to be reported.
#[derive(Debug)]
pub(crate) struct Losses {
    /// The time of the next look.
    next: u64,
    /// The counters at the last look.
    reported: Vec<CpuStats>,
    /// CPUs with new drops, and the data of their events; the first is the last element.
    waiting: Vec<(u16, String)>,
    event: EventBuilder,
}

impl Losses {
    /// Creates the reporter; if `enabled` is false, no drop events are emitted.
    pub(crate) fn new(enabled: bool) -> Self {
        let next = if enabled { AT_ONCE } else { u64::MAX };
        Self { next, reported: Vec::new(), waiting: Vec::new(), event: EventBuilder::new() }
    }

    /// Returns whether the counters are due, or an event is pending.
    #[inline]
    pub(crate) fn is_due(&self, now: u64) -> bool {
        now >= self.next
    }

    /// Makes the next look due.
    pub(crate) fn hasten(&mut self) {
        if self.next != u64::MAX {
            self.next = AT_ONCE;
        }
    }

    /// Returns whether an event is pending.
    pub(crate) fn has_news(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Reads the counters, unless an event is pending.
    pub(crate) fn look(&mut self, now: u64, counters: impl FnOnce() -> Vec<CpuStats>) {
        if !self.waiting.is_empty() {
            return;
        }
        let counters = counters();
        for (cpu, counted) in counters.iter().enumerate().rev() {
            let cpu_number = u16::try_from(cpu).unwrap_or(u16::MAX);
            self.waiting.extend(data(counted, self.reported.get(cpu)).map(|data| (cpu_number, data)));
        }
        self.reported = counters;
        self.next = if self.waiting.is_empty() { now.saturating_add(INTERVAL) } else { AT_ONCE };
    }

    /// Returns the next event, at the time `ts`; `now` is the time at which the counters were read.
    pub(crate) fn report(&mut self, ts: u64, now: u64) -> Option<Event<'_>> {
        let (cpu, data) = self.waiting.pop()?;
        if self.waiting.is_empty() {
            self.next = now.saturating_add(INTERVAL);
        }
        self.event.start(EventCode::ASYNCEVENT_E).ts(ts).tid(NO_THREAD).cpu(cpu);
        self.event.u32(NO_PLUGIN).text(NAME).raw(data.as_bytes());
        self.event.finish().ok()
    }
}

/// Returns the drops since the last look; `None` if there are none. Names of causes and families need no quoting.
fn data(now: &CpuStats, then: Option<&CpuStats>) -> Option<String> {
    let mut lost = 0;
    let mut causes: Vec<(&str, String)> = Vec::new();
    for drop in &now.drops {
        let same = |other: &&scap::source::Drop| other.cause == drop.cause && other.family == drop.family;
        let before = then.and_then(|then| then.drops.iter().find(same)).map_or(0, |before| before.count);
        let new = drop.count.saturating_sub(before);
        if new == 0 {
            continue;
        }
        lost += new;
        let entry = format!("\"{}\":{new}", drop.family);
        match causes.iter_mut().find(|(cause, _)| *cause == drop.cause) {
            Some((_, families)) => {
                let _ = write!(families, ",{entry}");
            }
            None => causes.push((drop.cause, entry)),
        }
    }
    if lost == 0 {
        return None;
    }
    let mut text = format!("{{\"lost\":{lost}");
    for (cause, families) in causes {
        let _ = write!(text, ",\"{cause}\":{{{families}}}");
    }
    text.push('}');
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scap::source::Drop;

    fn counted(drops: &[(&'static str, &'static str, u64)]) -> CpuStats {
        let drops = drops.iter().map(|(cause, family, count)| Drop { cause, family, count: *count }).collect();
        CpuStats { drops, ..CpuStats::default() }
    }

    fn reported(losses: &mut Losses, ts: u64) -> Option<(u16, String)> {
        let event = losses.report(ts, ts)?;
        assert_eq!((event.ts(), event.tid(), event.code()), (ts, -1, EventCode::ASYNCEVENT_E));
        assert_eq!(event.raw(1), Some(&b"drop\0"[..]));
        assert!(is_drop_event(&event));
        Some((event.cpu(), String::from_utf8(event.raw(2)?.to_vec()).expect("text")))
    }

    #[test]
    fn new_drops_by_cpu_cause_and_family() {
        let mut losses = Losses::new(true);
        assert!(losses.is_due(5));
        losses.look(5, || vec![CpuStats::default(); 2]);
        assert!(!losses.is_due(5 + INTERVAL - 1) && losses.is_due(5 + INTERVAL));
        assert_eq!(reported(&mut losses, 6), None);
        let first = counted(&[("buffer", "open", 3), ("buffer", "close", 1), ("too_large", "io", 2)]);
        losses.look(INTERVAL, || vec![first.clone(), counted(&[("buffer", "net", 9)])]);
        let all = r#"{"lost":6,"buffer":{"open":3,"close":1},"too_large":{"io":2}}"#.to_owned();
        assert!(losses.is_due(INTERVAL), "two wait");
        assert_eq!(reported(&mut losses, 7), Some((0, all)));
        assert!(losses.is_due(INTERVAL));
        assert_eq!(reported(&mut losses, 8), Some((1, r#"{"lost":9,"buffer":{"net":9}}"#.to_owned())));
        assert!(!losses.is_due(INTERVAL), "no more often than that");
        losses.hasten();
        assert!(losses.is_due(INTERVAL));
        losses.look(INTERVAL, || vec![first, counted(&[("buffer", "net", 10)])]);
        assert_eq!(reported(&mut losses, 9), Some((1, r#"{"lost":1,"buffer":{"net":1}}"#.to_owned())));
        assert_eq!(reported(&mut losses, 9), None);
    }

    #[test]
    fn nothing_is_reported_if_disabled() {
        let mut losses = Losses::new(false);
        losses.hasten();
        assert!(!losses.is_due(u64::MAX - 1));
    }
}
