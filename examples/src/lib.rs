//! What the programs share, and what an embedder may take from them.
#![forbid(unsafe_code)]
