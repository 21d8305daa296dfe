//! Tables and functions that `cargo xtask codegen` writes from the schema and from the recipes of the probe's programs.

pub(crate) mod flags;
pub(crate) mod numbers;
