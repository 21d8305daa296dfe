//! Loads the plugins that were built for Falco: shared objects that provide events and extract fields of them.
//!
//! ```no_run
//! # extern crate rule_engine as peregrine_rule_engine;
//! use std::sync::Arc;
//! use peregrine_plugin_host::{Configured, Library, Next, PluginSchema, PluginSource, SourcePlugins};
//! use peregrine_rule_engine::filter::Filter;
//!
//! let library = Library::load("/usr/share/falco/plugins/libcloudtrail.so")?;
//! println!("{} {}", library.info().name, library.info().version);
//!
//! let open_params = "s3://bucket/logs";
//! let sets = SourcePlugins::combine(&[Configured::new(library, "{}", open_params)])?;
//! let mut filter = Filter::compile("ct.user = root", PluginSchema::new(&sets[0]))?;
//!
//! let mut source = PluginSource::open(&sets[0], &(Arc::new(|line| eprintln!("{line:?}")) as _))?;
//! loop {
//!     match source.next_event()? {
//!         Next::Event(event) if filter.try_matches(event)? => println!("{}", event.number()),
//!         Next::Event(_) | Next::Idle => {}
//!         Next::End => break,
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is supported
//!
//! Version 3 of the plugin interface: events of a plugin's own source and raw events, fields of such events and of system
//! calls, parsing of both, asynchronous events, capture listening with routines, state tables, configuration and its
//! change, metrics, and the log.
//!
//! # System calls
//!
//! [`SyscallFields`] are fields for rules, which [`SyscallPlugins`] extract: the first belongs to a schema, the second to an
//! inspector.
//!
//! ```no_run
//! # extern crate rule_engine as peregrine_rule_engine;
//! # extern crate sinsp as peregrine_sinsp;
//! # fn run(source: impl scap::Source) -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use peregrine_plugin_host::{Configured, Library, SourcePlugins, SyscallFields, SyscallPlugins};
//! use peregrine_rule_engine::{event::sinsp::SinspSchema, filter::Filter};
//! use peregrine_sinsp::{Inspector, fields::Fields};
//!
//! let library = Library::load("/usr/share/falco/plugins/libanomalydetection.so")?;
//! let plugin = Configured::new(library, "{}", "");
//! let set = SourcePlugins::of_syscalls(&[plugin])?.ok_or("not for system calls")?;
//! let schema = SinspSchema::new(Fields::new()).with_added(Box::new(SyscallFields::new(&set)));
//! let mut filter = Filter::compile("anomaly.count_min_sketch > 100", schema)?;
//!
//! let plugins = SyscallPlugins::init(&set, &(Arc::new(|line| eprintln!("{line:?}")) as _), false)?;
//! let mut inspector = Inspector::builder(source).extension(plugins).build();
//! inspector.for_each(|event| if filter.matches(&event) { println!("{}", event.num()) })?;
//! # Ok(())
//! # }
//! ```
//!
//! # Trust
//!
//! The code of a plugin runs in this process and can do whatever it can. Values that a plugin returns are checked as
//! far as possible: null, lengths, types and ids. An invalid pointer that is not null cannot be recognized.

mod active;
mod added;
mod batch;
mod calls;
mod captured;
mod codes;
mod error;
mod extract;
mod fields;
mod init_schema;
mod library;
mod owner;
mod plugin;
mod queue;
mod raw;
mod routines;
mod schema;
mod set;
mod source;
mod syscalls;
mod tables;
mod version;

pub use added::{CaptureFields, SyscallFields};
pub use calls::{Cost, time_all_calls};
pub use captured::{CapturePlugins, EventSource};
pub use error::Error;
pub use fields::Field;
pub use library::{Capabilities, Events, Info, Library};
pub use owner::{Log, LogLine, OngoingCall, Severity, costs, late_calls, ongoing_calls};
pub use plugin::{Metric, OpenParam, Plugin};
pub use raw::RawSource;
pub use schema::{Fields, PluginSchema};
pub use set::{Configured, SourcePlugins};
pub use source::{Next, PluginEvent, PluginSource};
pub use syscalls::SyscallPlugins;
pub use version::{API_VERSION, Version};
