//! Handover of new rules to the threads that evaluate them.

use crate::config::settings::{Config, SyscallEventDrops, SyscallEventTimeouts};
use peregrine_response::Plan;
use rule_engine::deny::Plan as Denied;
use rule_engine::engine::{CompiledRules, SourceRules};
use rule_engine::event::EventSchema;
use std::sync::{Arc, Mutex, PoisonError};

/// New rules that wait for the threads that evaluate them, one set for each event source.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// The rules, with the sources that have not taken theirs.
    sets: Mutex<Option<(CompiledRules, Vec<String>)>>,
    settings: Mutex<Option<(SyscallEventDrops, SyscallEventTimeouts)>>,
    responses: Mutex<Option<(Plan, Config)>>,
    denials: Mutex<Option<(Option<Denied>, Config)>>,
}

impl Slot {
    /// Takes the new rules of a source, if there are any.
    pub(crate) fn take<S: EventSchema>(&self, source: &str) -> Option<Arc<SourceRules<S>>> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let (rules, waiting) = sets.as_mut()?;
        let at = waiting.iter().position(|name| name == source)?;
        waiting.swap_remove(at);
        rules.source(source).ok()
    }

    /// Takes new settings of the event loop, if there are any.
    pub(crate) fn take_settings(&self) -> Option<(SyscallEventDrops, SyscallEventTimeouts)> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Takes new responses, if there are any.
    pub(crate) fn take_responses(&self) -> Option<(Plan, Config)> {
        self.responses.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Sets new responses with their configuration, which are taken before the rules that are set next.
    pub(crate) fn put_responses(&self, plan: Plan, config: Config) {
        *self.responses.lock().unwrap_or_else(PoisonError::into_inner) = Some((plan, config));
    }

    /// Returns whether there is something new that the kernel should deny.
    #[cfg(feature = "live")]
    pub(crate) fn has_denials(&self) -> bool {
        self.denials.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Takes what the kernel should deny from now on, if that is new.
    #[cfg(feature = "live")]
    pub(crate) fn take_denials(&self) -> Option<(Option<Denied>, Config)> {
        self.denials.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Sets what the kernel should deny from now on.
    pub(crate) fn put_denials(&self, plan: Option<Denied>, config: Config) {
        *self.denials.lock().unwrap_or_else(PoisonError::into_inner) = Some((plan, config));
    }

    /// Sets new rules and settings.
    pub(crate) fn put(&self, rules: CompiledRules, config: &Config) {
        let sources = rules.all().map(|source| source.rules().source().to_owned()).collect();
        *self.sets.lock().unwrap_or_else(PoisonError::into_inner) = Some((rules, sources));
        let settings = (config.syscall_event_drops.clone(), config.syscall_event_timeouts.clone());
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = Some(settings);
    }
}
