//! What the programs share, and what an embedder may take from them.
//!
//! - [`sinks`]: places where alerts go, each with its own bounded queue and thread.
#![forbid(unsafe_code)]

pub mod sinks;
