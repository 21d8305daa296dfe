//! Shared by the programs.
