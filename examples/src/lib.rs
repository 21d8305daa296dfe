//! What the programs share, and what an embedder may take from them.
//!
//! - [`containers`]: what docker, podman and CRI runtimes know about containers.
//! - [`sinks`]: places where alerts go, each with its own bounded queue and thread.
#![forbid(unsafe_code)]

pub mod containers;
pub mod sinks;

/// What the README shows must work.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// And what the guide for embedders shows.
#[cfg(all(doctest, feature = "live"))]
#[doc = include_str!("../../docs/embedding.md")]
struct Embedding;
