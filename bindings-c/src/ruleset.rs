//! A ruleset: compiled rules that never change and that threads share.

use std::sync::Arc;

use rule_engine::engine::{CompiledRules, SourceRules};
use rule_engine::event::json::JsonSchema;
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::ruleset::Rule;

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
pub struct Ruleset(pub(crate) Arc<Rules>);

impl Ruleset {
    /// Returns the rules of the source `syscall`.
    #[cfg(feature = "live")]
    pub(crate) fn syscalls(&self) -> Option<&rule_engine::ruleset::Ruleset> {
        self.0.sources.first().map(SourceSet::rules)
    }
}

impl Handle for Ruleset {
    const NAME: &'static str = "peregrine_ruleset";
}

/// The rules behind every handle of a ruleset.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) sources: Vec<SourceSet>,
}

/// The rules of one source, with their tags as values of C.
#[derive(Debug)]
pub(crate) struct SourceSet {
    /// Owns what `tags` point into.
    pub(crate) typed: TypedRules,
    tags: Vec<Vec<Value>>,
}

/// The rules of one source, by the type of its events.
#[derive(Debug)]
pub(crate) enum TypedRules {
    Syscalls(Arc<SourceRules<SinspSchema>>),
    Json(Arc<SourceRules<JsonSchema>>),
}

impl Rules {
    /// Takes over what was compiled: the source of system calls first, then those of JSON.
    pub(crate) fn new(compiled: &CompiledRules) -> Self {
        let syscalls = compiled.of_type().map(TypedRules::Syscalls);
        let json = compiled.of_type().map(TypedRules::Json);
        Self { sources: syscalls.chain(json).map(SourceSet::new).collect() }
    }
}

// SAFETY: the pointers in `tags` are into `typed`, which is `Send` and `Sync`, and nothing is changed after `new`.
unsafe impl Send for SourceSet {}
// SAFETY: as above.
unsafe impl Sync for SourceSet {}

/// Rulesets are shared by threads, so what they contain must be, too.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<TypedRules>();
};

impl TypedRules {
    fn rules(&self) -> &rule_engine::ruleset::Ruleset {
        match self {
            Self::Syscalls(rules) => rules.rules(),
            Self::Json(rules) => rules.rules(),
        }
    }
}

impl SourceSet {
    fn new(typed: TypedRules) -> Self {
        let tags = |rule: &Rule| rule.output.tags.iter().map(|tag| Value::bytes(tag.as_bytes())).collect();
        Self { tags: typed.rules().rules().iter().map(tags).collect(), typed }
    }

    /// Returns the rules.
    pub(crate) fn rules(&self) -> &rule_engine::ruleset::Ruleset {
        self.typed.rules()
    }

    fn info(&self, place: usize) -> Option<RuleInfo> {
        // Steps of correlations are not rules of a file.
        let mut listed = self.rules().rules().iter().enumerate().filter(|(_, rule)| !rule.is_step());
        let (place, rule) = listed.nth(place)?;
        Some(RuleInfo {
            size: size_of::<RuleInfo>(),
            name: rule.name().into(),
            source: rule.output.source.as_str().into(),
            tags: List::of(self.tags.get(place).map_or(&[], Vec::as_slice)),
            priority: rule.output.priority.into(),
            enabled: rule.enabled,
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

/// Returns a rule of a ruleset, in the order of evaluation, source by source.
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
        let mut place = index;
        for source in &ruleset.0.sources {
            if let Some(info) = source.info(place) {
                // SAFETY: guaranteed by the caller.
                unsafe { fill(out, &info) }?;
                return Ok(Status::Ok);
            }
            place -= source.rules().rules().iter().filter(|rule| !rule.is_step()).count();
        }
        Ok(Status::End)
    })
}
