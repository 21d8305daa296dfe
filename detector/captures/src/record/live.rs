//! The live sources: the probe; the tracer of one command or process, which needs no privileges; a plugin.

use std::process::ExitCode;

use bpf::{BpfSource, Probe, Selection};
use peregrine_plugin_host::EventSource;
use peregrine_userspace::{Builder, Userspace};
use scap::schema::SyscallSet;
use scap::{HostState, Next, Source, SourceStats};

use super::{command, say};
use crate::Fatal;
use crate::cli::Record;

/// The source of a recording.
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
pub(crate) enum Live {
    Probe(BpfSource),
    Userspace(Userspace),
    Plugin(EventSource),
}

impl Live {
    /// Opens the source that the options select.
    pub(crate) fn open(options: &Record, selection: Selection) -> Result<Self, Fatal> {
        if !options.userspace {
            return Ok(Self::Probe(probe(options, selection)?));
        }
        let mut builder = Builder::new().select(calls(&selection)).snaplen(options.snaplen as usize);
        builder = match options.pid {
            Some(pid) => builder.pid(pid),
            None => builder.command(options.command.iter().cloned()),
        };
        Ok(Self::Userspace(builder.open()?))
    }

    /// Returns whether the source itself runs the command.
    pub(crate) fn runs_command(&self) -> bool {
        matches!(self, Self::Userspace(_))
    }

    /// Requests the end of the command; returns whether there is one whose end comes.
    pub(crate) fn terminate(&self, options: &Record) -> bool {
        match self {
            Self::Userspace(source) if options.pid.is_none() => {
                source.terminate();
                true
            }
            _ => false,
        }
    }

    /// Returns the exit code of the command. If it still runs when the recording ends it is terminated.
    pub(crate) fn end(&mut self, options: &Record) -> Result<ExitCode, Fatal> {
        if self.terminate(options) {
            while !matches!(self.next()?, Next::End) {}
        }
        let status = match self {
            Self::Userspace(source) => source.status(),
            Self::Probe(_) | Self::Plugin(_) => None,
        };
        Ok(status.map_or(ExitCode::SUCCESS, command::code))
    }

    /// Lets the stream report drops at once; returns whether it may have any. Only the probe drops some.
    pub(crate) fn report_drops(&mut self) -> bool {
        match self {
            Self::Probe(source) => {
                source.report_drops();
                true
            }
            Self::Userspace(_) | Self::Plugin(_) => false,
        }
    }

    /// Returns whether the events are those of a plugin.
    pub(crate) fn is_plugin(&self) -> bool {
        matches!(self, Self::Plugin(_))
    }

    fn source(&self) -> &dyn Source {
        match self {
            Self::Probe(source) => source,
            Self::Userspace(source) => source,
            Self::Plugin(source) => source,
        }
    }
}

/// Opens the probe. The activity of this program is excluded: it would record its own recording.
fn probe(options: &Record, selection: Selection) -> Result<BpfSource, Fatal> {
    let source = Probe::builder()
        .select(selection)
        .snaplen(options.snaplen)
        .skip_own(true)
        .only_children(!options.command.is_empty())
        .ring_preset(options.buffer)
        .and_then(bpf::Builder::open)?;
    for refused in source.refused() {
        say(format_args!("the kernel rejected a part of the probe: {refused}"));
    }
    for note in source.notes() {
        say(format_args!("{note}"));
    }
    Ok(source)
}

fn calls(selection: &Selection) -> SyscallSet {
    selection.iter().collect()
}

impl Source for Live {
    fn next(&mut self) -> scap::Result<Next<'_>> {
        match self {
            Self::Probe(source) => source.next(),
            Self::Userspace(source) => source.next(),
            Self::Plugin(source) => source.next(),
        }
    }

    fn host(&self) -> &HostState {
        self.source().host()
    }

    fn stats(&self) -> SourceStats {
        self.source().stats()
    }

    fn is_live(&self) -> bool {
        !self.is_plugin()
    }
}
