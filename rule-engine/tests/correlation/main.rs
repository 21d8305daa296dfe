//! Correlations without rule files: the meaning of each construct.

mod bounds;
mod fuzzed;
mod oracle;
mod properties;
mod rows;
mod script;
