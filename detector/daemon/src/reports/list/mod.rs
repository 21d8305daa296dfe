//! `--list`, `--list-events`, `-i`: what exists, for people, documents and programs.

pub(crate) mod events;
pub(crate) mod fields;
