//! Captures in files: the `.scap` format.
//!
//! A capture is a sequence of blocks, often compressed as a whole with gzip:
//!
//! ```text
//!  section header | machine | interfaces | users | processes | fds of a thread | … | event | event | event …
//!  └────────────────────── state, when the capture began ───────────────────┘   └──── what happened ────┘
//!
//!  a block:  | type u32 | length L u32 | body, padded to 4 bytes | length L u32 |
//! ```
//!
//! [`Reader`] reads every `.scap` file that was ever written: gzip or plain, all versions of all blocks, the unofficial
//! numbers of the first years, several captures joined into one file. Blocks and events of unknown types are skipped
//! and counted. It streams from any [`Read`](std::io::Read), including standard input. Events of older drivers are
//! [upgraded](Upgrade) to the current schema on the way.
//!
//! [`Writer`] writes captures that current Falco reads, [`Rotator`] the same as a series of files.

mod background_inflate;
mod block;
mod body;
mod entries;
mod events;
mod fds;
mod gzip;
mod interfaces;
mod machine;
mod names;
mod out;
mod reader;
mod rotate;
mod section;
mod state;
mod threads;
mod upgrade;
mod users;
mod window;
mod writer;

pub use block::BlockType;
pub use reader::{Limits, Reader};
pub use rotate::{Rotation, Rotator};
pub use section::Version;
pub use upgrade::{Upgrade, UpgradeError, Upgraded};
pub use writer::{Compression, Writer, private_file};
