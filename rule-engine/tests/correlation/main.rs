//! Correlations by themselves, without rule files: what each construct means.

mod bounds;
mod fuzzed;
mod oracle;
mod properties;
mod rows;
mod script;
