//! The builder of an inspector. All parts are set before the first event because they act on the initial state.

use std::sync::Arc;

use scap::Source;

use super::{Inspector, Merge, Pending, Purge};
use crate::config::Config;
use crate::container_lookup::ContainerLookup;
use crate::event::Facts;
use crate::live_proc::Proc;
use crate::observer::Observer;
use crate::parse;
use crate::state::container::ContainerMetadata;
use crate::state::{Extension, State};
use crate::suppress::Suppress;

/// The builder of an [`Inspector`].
///
/// ```
/// # let source = scap::text::Trace::parse("")?;
/// use peregrine_sinsp::{Config, Inspector, ProcFs};
///
/// let root = std::env::var_os("HOST_ROOT").unwrap_or("/".into());
/// let inspector = Inspector::builder(source).config(Config::default()).proc(ProcFs::new(root)).build();
/// # Ok::<(), scap::Error>(())
/// ```
#[must_use]
pub struct InspectorBuilder<S> {
    source: S,
    config: Config,
    proc: Option<Box<dyn Proc>>,
    observer: Option<Box<dyn Observer>>,
    containers: Option<ContainerLookup>,
    extension: Option<Arc<dyn Extension>>,
}

impl<S: Source> InspectorBuilder<S> {
    pub(super) fn new(source: S) -> Self {
        Self { source, config: Config::default(), proc: None, observer: None, containers: None, extension: None }
    }

    /// Sets the configuration.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets the provider of facts that no event contains: threads whose start was lost, passed file descriptors, users of
    /// containers. For events of this host it is a [`ProcFs`](crate::ProcFs).
    pub fn proc(mut self, proc: impl Proc + 'static) -> Self {
        self.proc = Some(Box::new(proc));
        self
    }

    /// Sets the observer that is notified of state changes.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Sets the provider of container metadata. It is queried about a container without a description when an event of
    /// one of its threads arrives, before the event is shown. A container that it does not know is queried again with an
    /// event that is a second or more later.
    pub fn containers(mut self, metadata: impl ContainerMetadata + Send + 'static) -> Self {
        self.containers = Some(ContainerLookup::new(Box::new(metadata)));
        self
    }

    /// Sets what another program adds to the events and the state, such as plugins.
    pub fn extension(mut self, extension: Arc<dyn Extension>) -> Self {
        self.extension = Some(extension);
        self
    }

    /// Builds the inspector, starting from the state at the beginning of the source.
    pub fn build(self) -> Inspector<S> {
        let Self { source, config, proc, observer, containers, extension } = self;
        let purge = source.is_live().then(|| Purge::new(&config));
        let patterns = config.containers.then(|| config.container_patterns.into());
        let mut state = State::with_limits(config.limits, patterns);
        state.import(source.host(), source.is_live());
        let pending = if extension.is_some() { Pending::Open } else { Pending::Nothing };
        state.extension = extension;
        let mut suppress = Suppress::new(config.suppressed_comms);
        suppress.scan(source.host());
        let mut parser = parse::Parser::new(config.track_connection_status, proc);
        parser.learn_all_containers(&mut state);
        Inspector {
            source,
            state,
            parser,
            facts: Facts::default(),
            suppress,
            observer,
            containers,
            purge,
            pending,
            shown_ts: 0,
            merge: Merge::default(),
            own: false,
        }
    }
}

impl<S> std::fmt::Debug for InspectorBuilder<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InspectorBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
