//! How long the text fields of state blocks may be.

/// Paths and command names.
pub(super) const MAX_PATH: usize = 1024;
/// Arguments, environments, lists of cgroups.
pub(super) const MAX_LIST: usize = 4096;
/// Names of users and groups.
pub(super) const MAX_NAME: usize = 1024;
