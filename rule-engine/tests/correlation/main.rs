//! Correlations by themselves, without rule files: what each construct means.

mod bounds;
mod properties;
mod rows;
mod script;
