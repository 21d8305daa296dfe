//! Types of events: sets of them, and those of plugins.

use scap::{Event, EventCode};

/// The types of events that a plugin wants for one of its capabilities: one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Codes([u64; 8]);

impl Codes {
    /// None.
    pub(crate) const NONE: Self = Self([0; 8]);
    /// All, also those that no table has yet.
    pub(crate) const ALL: Self = Self([u64::MAX; 8]);
    /// The events of plugins.
    pub(crate) const PLUGIN: Self = Self::NONE.with(EventCode::PLUGINEVENT_E.0);

    /// Adds a type; one that is too great is ignored.
    pub(crate) const fn with(mut self, code: u16) -> Self {
        if (code as usize) < 64 * self.0.len() {
            self.0[code as usize / 64] |= 1 << (code % 64);
        }
        self
    }

    #[inline]
    pub(crate) fn contains(&self, code: u16) -> bool {
        self.0.get(usize::from(code) / 64).is_some_and(|bits| bits >> (code % 64) & 1 == 1)
    }

    /// Returns whether there are types other than that of the events of plugins.
    pub(crate) fn has_others(&self) -> bool {
        self.0.iter().zip(Self::PLUGIN.0).any(|(bits, plugin)| bits & !plugin != 0)
    }
}

/// Returns the id of the plugin that an event is from; `None` for system calls and what belongs to them.
pub(crate) fn provider(event: &Event<'_>) -> Option<u32> {
    let id = |event: &Event<'_>| event.raw(0).and_then(|id| id.try_into().ok()).map_or(0, u32::from_le_bytes);
    match event.code() {
        EventCode::PLUGINEVENT_E => Some(id(event)),
        EventCode::ASYNCEVENT_E => Some(id(event)).filter(|id| *id != 0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Codes;

    #[test]
    fn a_set_has_what_was_added() {
        let codes = Codes::NONE.with(0).with(63).with(64).with(402).with(9999);
        let found: Vec<u16> = (0..u16::MAX).filter(|code| codes.contains(*code)).collect();
        assert_eq!(found, [0, 63, 64, 402]);
        assert!(codes.has_others() && !Codes::PLUGIN.has_others() && !Codes::NONE.has_others());
        assert!(Codes::ALL.contains(511) && !Codes::ALL.contains(512) && Codes::PLUGIN.contains(322));
    }
}
