//! The plugins that work together on the events of a source.

use std::sync::Arc;

use rule_engine::event::SchemaId;
use rule_engine::event::generic::GenericField;

use crate::error::Error;
use crate::fields::Field;
use crate::library::{Events, Library};

/// The name of the source of system calls.
pub(crate) const SYSCALL: &str = "syscall";

/// A plugin with its settings.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Configured {
    /// The plugin.
    pub library: Library,
    /// Its configuration, as [`Plugin::init`](crate::Plugin::init) takes it.
    pub init_config: String,
    /// The parameters that its source is opened with, if it has one.
    pub open_params: String,
}

impl Configured {
    /// Creates a plugin with its configuration, and the parameters that its source is opened with.
    pub fn new(library: Library, init_config: impl Into<String>, open_params: impl Into<String>) -> Self {
        Self { library, init_config: init_config.into(), open_params: open_params.into() }
    }
}

/// The plugins of one source: the one that provides its events, and all that extract fields of them, parse them or add
/// some. Nothing but a plugin with
/// raw events provides system calls.
#[derive(Debug)]
pub struct SourcePlugins {
    pub(crate) schema: SchemaId,
    pub(crate) source: String,
    pub(crate) id: u32,
    /// The first provides the events, if they are not system calls.
    pub(crate) plugins: Vec<Configured>,
}

impl SourcePlugins {
    /// Combines plugins: one set for each source of events that one of them provides.
    ///
    /// # Errors
    /// If two plugins have the same name, id, source, or field of the same source, or one of them is not usable.
    pub fn combine(plugins: &[Configured]) -> Result<Vec<Arc<Self>>, Error> {
        let mut sets: Vec<Self> = Vec::new();
        for (place, plugin) in plugins.iter().enumerate() {
            let info = plugin.library.info();
            let clash = |what, name: String, other: &str| {
                Err(Error::Clash { plugin: info.name.clone(), what, name, other: other.to_owned() })
            };
            if let Some(other) = plugins[..place].iter().find(|other| other.library.info().name == info.name) {
                return clash("the name", info.name.clone(), &other.library.path().display().to_string());
            }
            let Some(Events::Own { id, source }) = &info.events else { continue };
            if let Some(other) = sets.iter().find(|other| other.source == *source) {
                return clash("event source", source.clone(), other.provider());
            }
            if let Some(other) = sets.iter().find(|other| other.id == *id) {
                return clash("event source id", id.to_string(), other.provider());
            }
            let rest = plugins.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, other)| other);
            let others = rest.filter(|other| other.library.serves(source)).cloned();
            let plugins = std::iter::once(plugin.clone()).chain(others).collect();
            sets.push(Self { schema: SchemaId::new(), source: source.clone(), id: *id, plugins });
        }
        let used = |plugin: &Configured| {
            let used = |set: &Self| set.plugins.iter().any(|used| used.is(plugin));
            sets.iter().any(used) || plugin.library.serves(SYSCALL)
        };
        if let Some(plugin) = plugins.iter().find(|plugin| !used(plugin)) {
            return Err(Error::Unused { plugin: plugin.library.info().name.clone() });
        }
        sets.iter().try_for_each(Self::check_fields)?;
        Ok(sets.into_iter().map(Arc::new).collect())
    }

    /// Returns the plugins that extract fields of system calls, parse them or add events to them; `None` if no plugin does.
    ///
    /// # Errors
    /// If two plugins have the same field, or one of them has a field of this program.
    pub fn of_syscalls(plugins: &[Configured]) -> Result<Option<Arc<Self>>, Error> {
        let plugins: Vec<_> = plugins.iter().filter(|plugin| plugin.library.serves(SYSCALL)).cloned().collect();
        if plugins.is_empty() {
            return Ok(None);
        }
        let set = Self { schema: SchemaId::new(), source: SYSCALL.to_owned(), id: 0, plugins };
        set.check_fields()?;
        Ok(Some(Arc::new(set)))
    }

    /// Returns the types of asynchronous events that the plugins add to this source.
    pub fn async_events(&self) -> impl Iterator<Item = &str> {
        let libraries = self.plugins.iter().map(|plugin| &plugin.library).filter(|library| library.adds(&self.source));
        libraries.flat_map(|library| library.info().async_events.iter().map(String::as_str))
    }

    /// Returns whether one of the plugins provides events of the schema, such as system calls.
    pub fn has_raw_events(&self) -> bool {
        self.raw().is_some()
    }

    pub(crate) fn is_of_syscalls(&self) -> bool {
        self.source == SYSCALL
    }

    /// Returns the place of the first plugin that does.
    pub(crate) fn raw(&self) -> Option<usize> {
        let raw = |plugin: &Configured| plugin.library.info().events == Some(Events::Raw);
        self.plugins.iter().position(raw).filter(|_| self.source == SYSCALL)
    }

    /// Returns the name of the source.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns the name of the plugin that provides the events, or for system calls of the first.
    pub fn provider(&self) -> &str {
        &self.plugins[0].library.info().name
    }

    /// Returns the plugins; the first provides the events, if they are not system calls.
    pub fn plugins(&self) -> &[Configured] {
        &self.plugins
    }

    /// Returns the fields that plugins extract of these events, each with its plugin.
    pub fn fields(&self) -> impl Iterator<Item = (&Library, &Field)> {
        self.extractors().flat_map(|(_, library)| library.info().fields.iter().map(move |field| (library, field)))
    }

    /// Returns the plugins whose fields these events have, by their place.
    pub(crate) fn extractors(&self) -> impl Iterator<Item = (usize, &Library)> {
        let libraries = self.plugins.iter().map(|plugin| &plugin.library).enumerate();
        libraries.filter(|(_, library)| library.extracts(&self.source))
    }

    fn check_fields(&self) -> Result<(), Error> {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        let built_in = |name: &str| {
            let syscalls = || sinsp::fields::CLASSES.iter().flat_map(|class| class.fields);
            GenericField::named(name).is_some() || self.source == SYSCALL && syscalls().any(|field| field.name == name)
        };
        for (library, field) in self.fields() {
            let plugin = &library.info().name;
            let other = match seen.iter().find(|(known, _)| *known == field.name) {
                Some((_, other)) => *other,
                None if built_in(&field.name) => "this program",
                None => {
                    seen.push((&field.name, plugin));
                    continue;
                }
            };
            let (plugin, name, other) = (plugin.clone(), field.name.clone(), other.to_owned());
            return Err(Error::Clash { plugin, what: "the field", name, other });
        }
        Ok(())
    }
}

impl Configured {
    fn is(&self, other: &Self) -> bool {
        self.library.info().name == other.library.info().name
    }
}
