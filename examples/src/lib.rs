//! Compiles the examples of the documentation.
#![forbid(unsafe_code)]

/// The examples in the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The examples in the guide for embedding.
#[cfg(all(doctest, feature = "live"))]
#[doc = include_str!("../../docs/embedding.md")]
struct Embedding;
