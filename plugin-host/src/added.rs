//! Fields of plugins as those of system calls, for rules.
//!
//! The instances of the plugins belong to the inspector, as one set of rules may be used by several. The fields in rules
//! are numbers and arguments only, and find the instances through the state that an event has.

use std::any::Any;
use std::sync::Arc;

use bumpalo::Bump;
use rule_engine::event::sinsp::AddedFields;
use rule_engine::event::{FieldError, FieldId, FieldInfo, Value};

use crate::captured::CapturePlugins;
use crate::codes::provider;
use crate::extract::Request;
use crate::set::SourcePlugins;
use crate::source::PluginEvent;
use crate::syscalls::SyscallPlugins;

/// The fields of system calls that plugins extract, for [`SinspSchema`](rule_engine::event::sinsp::SinspSchema).
#[derive(Debug)]
pub struct SyscallFields {
    set: Arc<SourcePlugins>,
    requests: Vec<Request>,
}

impl SyscallFields {
    /// Returns the fields of plugins. They have values for the events of an inspector with the same plugins.
    pub fn new(set: &Arc<SourcePlugins>) -> Self {
        Self { set: Arc::clone(set), requests: Vec::new() }
    }
}

impl AddedFields for SyscallFields {
    fn field(&mut self, name: &str, arg: Option<&[u8]>) -> Option<Result<FieldInfo, FieldError>> {
        Some(Request::resolve(&self.set, name, arg)?.map(|request| {
            let info = request.info(FieldId(self.requests.len() as u32));
            self.requests.push(request);
            info
        }))
    }

    fn is_field(&self, name: &str) -> bool {
        self.set.fields().any(|(_, field)| field.name == name)
    }

    fn names(&self) -> Vec<String> {
        self.set.fields().map(|(_, field)| field.name.clone()).collect()
    }

    fn suggested_output(&self) -> Vec<String> {
        suggested(&self.set).collect()
    }

    fn value<'e>(&'e self, field: FieldId, event: &'e sinsp::Event<'_>, arena: &'e Bump) -> Option<Value<'e>> {
        let extension: &dyn Any = event.state().extension()?;
        let of_capture = || extension.downcast_ref().and_then(CapturePlugins::syscalls);
        let plugins = extension.downcast_ref::<SyscallPlugins>().or_else(of_capture)?;
        if plugins.set().schema != self.set.schema {
            return None;
        }
        plugins.value(self.requests.get(field.0 as usize)?, event, arena)
    }
}

/// The fields that plugins extract of the events of a capture, for
/// [`SinspSchema`](rule_engine::event::sinsp::SinspSchema): of each event those of the plugins for its source.
#[derive(Debug)]
pub struct CaptureFields {
    /// Those for system calls, and those of sources.
    sets: Vec<Arc<SourcePlugins>>,
    /// The requests of each field, one for each set that has it.
    wanted: Vec<Vec<Option<Request>>>,
}

impl CaptureFields {
    /// Returns the fields of plugins. They have values for the events of an inspector with the same [`CapturePlugins`].
    pub fn new(syscalls: Option<&Arc<SourcePlugins>>, sources: &[Arc<SourcePlugins>]) -> Self {
        Self { sets: syscalls.into_iter().chain(sources).cloned().collect(), wanted: Vec::new() }
    }

    fn request(&self, field: FieldId, set: &SourcePlugins) -> Option<&Request> {
        let place = self.sets.iter().position(|own| own.schema == set.schema)?;
        self.wanted.get(field.0 as usize)?.get(place)?.as_ref()
    }
}

impl AddedFields for CaptureFields {
    fn field(&mut self, name: &str, arg: Option<&[u8]>) -> Option<Result<FieldInfo, FieldError>> {
        let mut requests: Vec<Option<Request>> = Vec::new();
        for set in &self.sets {
            match Request::resolve(set, name, arg).transpose() {
                Ok(request) => requests.push(request),
                Err(error) => return Some(Err(error)),
            }
        }
        let first = requests.iter().flatten().next()?.clone();
        for request in &mut requests {
            // A field of the same name that is another one has no place in a condition with the first.
            *request = request.take().filter(|request| request.is_like(&first));
        }
        let info = first.info(FieldId(self.wanted.len() as u32));
        self.wanted.push(requests);
        Some(Ok(info))
    }

    fn is_field(&self, name: &str) -> bool {
        self.sets.iter().any(|set| set.fields().any(|(_, field)| field.name == name))
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (_, field) in self.sets.iter().flat_map(|set| set.fields()) {
            if !names.contains(&field.name) {
                names.push(field.name.clone());
            }
        }
        names
    }

    fn suggested_output(&self) -> Vec<String> {
        self.sets.iter().filter(|set| set.is_of_syscalls()).flat_map(|set| suggested(set)).collect()
    }

    fn value<'e>(&'e self, field: FieldId, event: &'e sinsp::Event<'_>, arena: &'e Bump) -> Option<Value<'e>> {
        let extension: &dyn Any = event.state().extension()?;
        let plugins: &CapturePlugins = extension.downcast_ref()?;
        if provider(&event.raw()).is_none() {
            let syscalls = plugins.syscalls()?;
            return syscalls.value(self.request(field, syscalls.set())?, event, arena);
        }
        let value = |_, current: PluginEvent<'_>| {
            let request = self.request(field, current.source().set())?;
            // SAFETY: the event was checked when it was read or shown.
            unsafe { request.extract(current.source().plugin(request.plugin)?, &current.seen(), arena) }
        };
        plugins.with_event(event, value)?
    }
}

/// Returns the output fields that plugins suggest.
fn suggested(set: &SourcePlugins) -> impl Iterator<Item = String> {
    let suggested = set.fields().filter(|(_, field)| field.suggested);
    suggested.map(|(_, field)| format!("{}=%{}", field.name.replace('.', "_"), field.name))
}
