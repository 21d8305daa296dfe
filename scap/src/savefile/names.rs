//! Maximum lengths of the text fields of state blocks.

/// Paths and command names.
pub(super) const MAX_PATH: usize = 1024;
/// Arguments, environments, lists of cgroups.
pub(super) const MAX_LIST: usize = 4096;
/// Names, homes and shells of users: the maximum that readers ever accepted,
pub(super) const MAX_NAME: usize = 1024;
/// and the maximum that current readers accept.
pub(super) const WRITTEN_NAME: usize = 255;
