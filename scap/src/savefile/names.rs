//! How long the text fields of state blocks may be.

/// Paths and command names.
pub(super) const MAX_PATH: usize = 1024;
/// Arguments, environments, lists of cgroups.
pub(super) const MAX_LIST: usize = 4096;
/// Names, homes and shells of users. Readers have accepted this much at some time,
pub(super) const MAX_NAME: usize = 1024;
/// but today's accept no more than this.
pub(super) const WRITTEN_NAME: usize = 255;
