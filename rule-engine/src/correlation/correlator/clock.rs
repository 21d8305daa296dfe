//! The time of events, which one event with a wrong time must not move.
//!
//! The greatest time that was seen says which partial matches have expired, and which missing steps will not come. If a
//! single event were believed, one of the next century would end everything that waits: a hostile audit event, a broken
//! record. So an event that is far later than all before moves the time only with the event after it, if that is far
//! later too: after a pause the second event says so, while after a wrong time everything goes on as before.

use super::Correlator;
use crate::correlation::plan::JUMP;

impl Correlator {
    /// Returns the time that an event shows: its own, or that of the events before if it is not believed yet.
    pub(super) fn believe(&mut self, time: u64) -> u64 {
        if time <= self.clock.saturating_add(JUMP) {
            self.doubted = None;
            return time;
        }
        let Some(doubted) = self.doubted.replace(time) else { return self.clock };
        // Of two the earlier is right; the later may be as well.
        let sooner = doubted.min(time);
        let believed = if time <= sooner.saturating_add(JUMP) {
            self.doubted = None;
            time
        } else {
            sooner
        };
        // What the doubted event has begun is as old as the event, not as the time before.
        let bound = self.clock.saturating_add(JUMP);
        self.store.renew((self.clock, sooner), |began| began > bound);
        believed
    }
}
