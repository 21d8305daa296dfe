//! A ruleset: compiled rules that never change and that threads share.

use std::sync::Arc;

use peregrine::Rules;
use rule_engine::ruleset::Rule;

use crate::alert::AlertKind;
use crate::guard::{call, value};
use crate::handle::{Handle, borrow, give, take};
use crate::priority::Priority;
use crate::sized::{fill, grows};
use crate::status::Status;
use crate::value::{List, Value};
use crate::view::Bytes;

/// Compiled rules of all sources. Opaque, immutable and counted: any number of engines in any number of threads share it,
/// and it lives until the last handle and the last engine are freed.
#[derive(Debug)]
pub struct Ruleset(pub(crate) Arc<Shared>);

impl Handle for Ruleset {
    const NAME: &'static str = "peregrine_ruleset";
}

/// The rules behind every handle of a ruleset.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Owns what the tags point into.
    pub(crate) rules: Rules,
    /// For each source, the tags of each rule as values of C; last those of the correlations.
    tags: Vec<Vec<Vec<Value>>>,
}

// SAFETY: the pointers in `tags` are into `rules`, which is `Send` and `Sync`, and nothing is changed after `new`.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

/// Rulesets are shared by threads, so what they contain must be, too.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Rules>();
};

impl Shared {
    pub(crate) fn new(rules: Rules) -> Self {
        let of = |rule: &Rule| rule.output.tags.iter().map(|tag| Value::bytes(tag.as_bytes())).collect();
        let mut shared = Self { rules, tags: Vec::new() };
        shared.tags = shared.sources().chain([shared.correlations()]).map(|all| all.iter().map(of).collect()).collect();
        shared
    }

    /// Returns the rules of each source, that of system calls first.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &[Rule]> {
        self.rules.compiled().all().map(|source| source.rules().rules())
    }

    /// Returns the correlations, as the rules that they are in alerts.
    pub(crate) fn correlations(&self) -> &[Rule] {
        self.rules.compiled().correlations().map_or(&[], |correlations| correlations.rules())
    }

    /// Returns the rules of all sources with their tags, without the steps of correlations, which are not rules of a file;
    /// then the correlations.
    fn listed(&self) -> impl Iterator<Item = (&Rule, &[Value], AlertKind)> {
        let rules = self.sources().map(|rules| (rules, AlertKind::Rule));
        let lists = rules.chain([(self.correlations(), AlertKind::Correlation)]).zip(&self.tags);
        let all = lists.flat_map(|((rules, kind), tags)| {
            rules.iter().zip(tags).map(move |(rule, tags)| (rule, tags.as_slice(), kind))
        });
        all.filter(|(rule, ..)| !rule.is_step())
    }

    fn info(&self, index: usize) -> Option<RuleInfo> {
        let (rule, tags, kind) = self.listed().nth(index)?;
        Some(RuleInfo {
            size: size_of::<RuleInfo>(),
            name: rule.name().into(),
            source: rule.output.source.as_str().into(),
            tags: List::of(tags),
            priority: rule.output.priority.into(),
            enabled: rule.enabled,
            kind,
        })
    }
}

/// A rule of a ruleset. What it points at is valid as long as the ruleset lives. Set `size` to `sizeof(peregrine_rule_info)`
/// before the call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct RuleInfo {
    /// The size of this struct, as the caller was compiled.
    pub size: usize,
    /// The name of the rule.
    pub name: Bytes,
    /// The source of its events.
    pub source: Bytes,
    /// Its tags, each of type PEREGRINE_VALUE_KIND_BYTES.
    pub tags: List,
    /// Its priority.
    pub priority: Priority,
    /// Whether it is enabled.
    pub enabled: bool,
    /// The kind of its alerts: PEREGRINE_ALERT_KIND_RULE or PEREGRINE_ALERT_KIND_CORRELATION.
    pub kind: AlertKind,
}
grows!(RuleInfo, "peregrine_rule_info", enabled);

/// Returns another handle of a ruleset, for instance for another owner. Engines need none: each keeps its ruleset alive.
///
/// @param ruleset the ruleset
/// @param out     receives a handle that the caller owns and frees with peregrine_ruleset_free()
/// @return PEREGRINE_STATUS_OK
///
/// # Safety
/// `ruleset` is NULL or a live ruleset; `out` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_ruleset_clone(ruleset: *const Ruleset, out: *mut *mut Ruleset) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let ruleset = unsafe { borrow(ruleset) }?;
        // SAFETY: guaranteed by the caller.
        unsafe { give(Ruleset(Arc::clone(&ruleset.0)), out) }?;
        Ok(Status::Ok)
    })
}

/// Frees a handle of a ruleset. Passing NULL is a no-op. Engines that use the ruleset go on.
///
/// # Safety
/// `ruleset` is NULL or a live handle that is no longer used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_ruleset_free(ruleset: *mut Ruleset) {
    // SAFETY: guaranteed by the caller.
    value((), || drop(unsafe { take(ruleset) }));
}

/// Returns a rule of a ruleset: the rules in the order of evaluation, source by source, and then the correlations.
///
/// @param ruleset the ruleset
/// @param index   the index of the rule, from 0
/// @param out     receives the rule; set its `size` first
/// @return PEREGRINE_STATUS_OK, _END if there is no rule of that index, _INVALID_ARGUMENT if `size` is too small
///
/// # Safety
/// `ruleset` is NULL or a live ruleset; `out` is NULL or valid for reading and writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peregrine_ruleset_rule(ruleset: *const Ruleset, index: usize, out: *mut RuleInfo) -> Status {
    call(|| {
        // SAFETY: guaranteed by the caller.
        let ruleset = unsafe { borrow(ruleset) }?;
        let Some(info) = ruleset.0.info(index) else { return Ok(Status::End) };
        // SAFETY: guaranteed by the caller.
        unsafe { fill(out, &info) }?;
        Ok(Status::Ok)
    })
}
