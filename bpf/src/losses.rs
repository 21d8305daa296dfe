//! Losses as events of the stream itself: whoever reads it, or a recording of it, sees where something is missing.
//!
//! About once a second the counters of the probe are looked at. A processor that has lost events since then gives one
//! event: an `asyncevent` with the name `drop`, so that it is `evt.type=drop` to a filter. It stands where it was found
//! out, after what was delivered by then; its processor is the one that lost them, it has no thread, and its data are how
//! many were lost, in all and by cause and family:
//!
//! ```json
//! {"lost":12,"buffer":{"open":10,"close":2}}
//! ```

use crate::stats::CpuStats;
use scap::schema::EventCode;
use scap::{Event, EventBuilder};
use std::fmt::Write as _;

/// Losses are looked for no more often than this, in nanoseconds.
const INTERVAL: u64 = 1_000_000_000;
/// The name of the events.
const NAME: &str = "drop";
/// Stands for no thread, and for no plugin.
const NO_THREAD: i64 = -1;
const NO_PLUGIN: u32 = 0;
/// Before any time but the one before the first round, at which no event could stand.
const AT_ONCE: u64 = 1;

/// Whether an event of a [`BpfSource`](crate::BpfSource), or of a recording of one, tells that others were lost.
pub fn is_drop_event(event: &Event<'_>) -> bool {
    event.code() == EventCode::ASYNCEVENT_E
        && event.raw(1).and_then(|name| name.strip_suffix(b"\0")) == Some(NAME.as_bytes())
}

/// What was told of losses, and what is to be told.
#[derive(Debug)]
pub(crate) struct Losses {
    /// The time of the next look.
    next: u64,
    /// The counters at the last look.
    told: Vec<CpuStats>,
    /// Processors with new losses, and the data of their events; the first comes last.
    waiting: Vec<(u16, String)>,
    event: EventBuilder,
}

impl Losses {
    /// Nothing is told at all with `tell` unset.
    pub(crate) fn new(tell: bool) -> Self {
        let next = if tell { AT_ONCE } else { u64::MAX };
        Self { next, told: Vec::new(), waiting: Vec::new(), event: EventBuilder::new() }
    }

    /// Whether it is time to look, or to tell.
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

    /// Whether something waits to be told.
    pub(crate) fn has_news(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Looks, if nothing waits to be told.
    pub(crate) fn look(&mut self, now: u64, counters: impl FnOnce() -> Vec<CpuStats>) {
        if !self.waiting.is_empty() {
            return;
        }
        let counters = counters();
        for (cpu, counted) in counters.iter().enumerate().rev() {
            let cpu_number = u16::try_from(cpu).unwrap_or(u16::MAX);
            self.waiting.extend(data(counted, self.told.get(cpu)).map(|data| (cpu_number, data)));
        }
        self.told = counters;
        self.next = if self.waiting.is_empty() { now.saturating_add(INTERVAL) } else { AT_ONCE };
    }

    /// The next event, at the time `ts`; `now` is that of the look.
    pub(crate) fn tell(&mut self, ts: u64, now: u64) -> Option<Event<'_>> {
        let (cpu, data) = self.waiting.pop()?;
        if self.waiting.is_empty() {
            self.next = now.saturating_add(INTERVAL);
        }
        self.event.start(EventCode::ASYNCEVENT_E).ts(ts).tid(NO_THREAD).cpu(cpu);
        self.event.u32(NO_PLUGIN).text(NAME).raw(data.as_bytes());
        self.event.finish().ok()
    }
}

/// What is new since the last look; `None` if nothing is. Names of causes and families need no quoting.
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

    fn told(losses: &mut Losses, ts: u64) -> Option<(u16, String)> {
        let event = losses.tell(ts, ts)?;
        assert_eq!((event.ts(), event.tid(), event.code()), (ts, -1, EventCode::ASYNCEVENT_E));
        assert_eq!(event.raw(1), Some(&b"drop\0"[..]));
        assert!(is_drop_event(&event));
        Some((event.cpu(), String::from_utf8(event.raw(2)?.to_vec()).expect("text")))
    }

    #[test]
    fn what_is_new_by_processor_cause_and_family() {
        let mut losses = Losses::new(true);
        assert!(losses.is_due(5));
        losses.look(5, || vec![CpuStats::default(); 2]);
        assert!(!losses.is_due(5 + INTERVAL - 1) && losses.is_due(5 + INTERVAL));
        assert_eq!(told(&mut losses, 6), None);
        let first = counted(&[("buffer", "open", 3), ("buffer", "close", 1), ("too_large", "io", 2)]);
        losses.look(INTERVAL, || vec![first.clone(), counted(&[("buffer", "net", 9)])]);
        let all = r#"{"lost":6,"buffer":{"open":3,"close":1},"too_large":{"io":2}}"#.to_owned();
        assert!(losses.is_due(INTERVAL), "two wait");
        assert_eq!(told(&mut losses, 7), Some((0, all)));
        assert!(losses.is_due(INTERVAL));
        assert_eq!(told(&mut losses, 8), Some((1, r#"{"lost":9,"buffer":{"net":9}}"#.to_owned())));
        assert!(!losses.is_due(INTERVAL), "no more often than that");
        losses.hasten();
        assert!(losses.is_due(INTERVAL));
        losses.look(INTERVAL, || vec![first, counted(&[("buffer", "net", 10)])]);
        assert_eq!(told(&mut losses, 9), Some((1, r#"{"lost":1,"buffer":{"net":1}}"#.to_owned())));
        assert_eq!(told(&mut losses, 9), None);
    }

    #[test]
    fn nothing_is_told_to_who_does_not_want_it() {
        let mut losses = Losses::new(false);
        losses.hasten();
        assert!(!losses.is_due(u64::MAX - 1));
    }
}
