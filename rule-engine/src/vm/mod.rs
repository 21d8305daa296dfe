//! Programs and the bytecode machine that runs them.
//!
//! An atom is evaluated at most once per event, and at most once per thread or lineage where it depends on nothing
//! else: results are bits, grouped by their life time. A condition is a sequence of short instructions over those bits,
//! proven to end before it runs, and compared in tests with the `naive` tree walker, which uses none of this.

mod answer_cache;
pub(crate) mod awaited;
pub(crate) mod compare;
pub(crate) mod eval;
pub(crate) mod machine;
pub(crate) mod matcher;
pub(crate) mod naive;
mod paths;
mod prefix;
pub(crate) mod program;
pub(crate) mod regex;
pub(crate) mod verify;

mod disasm;

pub use verify::VerifyError;
