//! Falco-compatible conditions and rules, compiled and evaluated.
