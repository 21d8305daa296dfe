//! Text as bytes, which is what the kernel has: names of files and processes may not be UTF-8.
//!
//! The crate below all others: what both fields and rules need, so that the two cannot differ.
#![forbid(unsafe_code)]

pub mod glob;
pub mod json;
