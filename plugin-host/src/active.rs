//! The plugins of one source, initialized.

use std::ffi::CString;
use std::sync::Arc;

use crate::error::Error;
use crate::extract::Seen;
use crate::owner::{AsyncEvents, Log};
use crate::plugin::{Plugin, name};
use crate::queue::Queue;
use crate::set::{SYSCALL, SourcePlugins};
use crate::tables::{Access, Registry};

/// The plugins of a source, and the asynchronous events that they add to it.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) set: Arc<SourcePlugins>,
    /// In the order of the set.
    pub(crate) plugins: Vec<Plugin>,
    /// The places of those that parse events.
    parsers: Vec<usize>,
    /// The name of the source.
    pub(crate) source: CString,
    pub(crate) queue: Arc<Queue>,
}

impl Active {
    /// Initializes the plugins in their order.
    pub(crate) fn init(set: &Arc<SourcePlugins>, log: &Log) -> Result<Self, Error> {
        let registry = if set.source == SYSCALL { Registry::of_inspector() } else { Registry::default() };
        let registry = Arc::new(registry);
        let init = |plugin: &crate::Configured| {
            let (library, config) = (&plugin.library, &plugin.init_config);
            Plugin::with_tables(library, config, Arc::clone(log), Arc::clone(&registry))
        };
        let plugins = set.plugins.iter().map(init).collect::<Result<Vec<_>, _>>()?;
        let parses = |place: &usize| set.plugins[*place].library.parses(&set.source);
        let parsers = (0..plugins.len()).filter(parses).collect();
        let (set, source) = (Arc::clone(set), name(&set.source));
        Ok(Self { set, plugins, parsers, source, queue: Arc::new(Queue::new()) })
    }

    /// Lets plugins add asynchronous events. Those of a capture that is replayed are in the capture, so they are ignored.
    pub(crate) fn start_async(&mut self, ignored: bool) -> Result<(), Error> {
        for plugin in &mut self.plugins {
            if plugin.library().adds(&self.set.source) {
                let (queue, names) = (Arc::clone(&self.queue), plugin.info().async_events.clone());
                plugin.start_async(AsyncEvents { queue, id: self.set.id, names, ignored })?;
            }
        }
        Ok(())
    }

    /// Ends that, for all plugins.
    pub(crate) fn stop_async(&mut self) {
        self.plugins.iter_mut().for_each(Plugin::stop_async);
    }

    /// Notifies the plugins that the capture begins, in their order.
    pub(crate) fn open_capture(&mut self, access: Access) -> Result<(), Error> {
        for place in 0..self.plugins.len() {
            if let Err(error) = self.plugins[place].open_capture(access) {
                self.plugins[..place].iter_mut().for_each(|plugin| plugin.close_capture(access));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Notifies the plugins that the capture ends.
    pub(crate) fn close_capture(&mut self, access: Access) {
        self.plugins.iter_mut().for_each(|plugin| plugin.close_capture(access));
    }

    /// Shows the events that describe the state of the plugins, for a capture that begins at a time.
    pub(crate) fn dump_state(&self, time: u64, each: &mut dyn FnMut(&scap::Event<'_>)) {
        for plugin in self.plugins.iter().filter(|plugin| plugin.library().adds(&self.set.source)) {
            for bytes in plugin.dump_state(self.set.id, time) {
                // They were checked when the plugin added them.
                if let Ok(event) = scap::Event::parse(0, 0, &bytes) {
                    each(&event);
                }
            }
        }
    }

    /// Shows an event to the plugins that parse such events.
    ///
    /// # Safety
    /// The event must be one with its length.
    #[inline]
    pub(crate) unsafe fn parse(&self, seen: &Seen<'_>) {
        for place in &self.parsers {
            let plugin = &self.plugins[*place];
            if plugin.parsed.contains(seen.code) {
                // SAFETY: as the caller says.
                unsafe { plugin.parse(&seen.input(), seen.access) };
            }
        }
    }
}
