//! Programs and the machine that runs them.
//!
//! An atom is answered at most once per event, and at most once per thread or lineage where that is all it depends on:
//! answers are bits, grouped by how long they hold. A condition is a row of short instructions over those bits, proven
//! to end before it runs, and compared in tests with a `naive` walker that knows none of this.

mod answer_cache;
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
