//! Attacks of a user without privileges on a running detector: to blind it, starve it, or deceive its readers.
//!
//! Each test starts the program with the configuration of the packages, on the live kernel, and attacks it as another
//! user, in a separate process ([`attacker`]). Time and numbers are bounded. SECURITY.md says what holds.
#![cfg(feature = "live")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

#[path = "../common/mod.rs"]
mod common;

mod attacker;
mod connections;
mod engines;
mod files;
mod floods;
mod memory;
mod page;
mod process;
mod swaps;
mod target;
mod told;
