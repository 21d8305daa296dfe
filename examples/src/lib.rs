//! Nothing but what the pages show: it must work.
#![forbid(unsafe_code)]

/// What the README shows.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// What the guide for embedders shows.
#[cfg(all(doctest, feature = "live"))]
#[doc = include_str!("../../docs/embedding.md")]
struct Embedding;
