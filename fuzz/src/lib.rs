//! Shared code of fuzz targets: [`generate`] makes structured input out of arbitrary bytes, [`oracle`] has the
//! properties of any input, [`inspector`] runs events through the state engine. The integration tests of `scap` use the
//! same two files, and replay `regressions/TARGET/*`: hostile inputs made by hand, and those that fuzzing found.
//!
//! ```text
//! cargo +nightly fuzz run file            # until something breaks
//! cargo +nightly fuzz tmin file artifacts/file/crash-…   # then make it small and put it into regressions/file
//! ```

pub mod conditions;
pub mod correlations;
pub mod generate;
pub mod inspector;
pub mod oracle;
pub mod rules;

pub use ::sinsp;
