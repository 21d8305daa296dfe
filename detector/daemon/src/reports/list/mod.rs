//! `--list`, `--list-events`, `-i`: lists for people, documents and programs.

pub(crate) mod events;
pub(crate) mod fields;
