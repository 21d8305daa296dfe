//! Input of the commands: a capture in a file, on standard input, or a trace written as text.

use std::fs::File;
use std::io::Stdin;
use std::path::Path;

use scap::savefile::{BlockType, Reader, Version};
use scap::text::Trace;
use scap::{Error, HostState, Next, Result, Source, SourceStats};
use serde_json::{Value as Json, json};

/// An open capture.
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
pub(crate) enum Input {
    File(Reader<File>),
    Stdin(Reader<Stdin>),
    Text(Trace),
}

impl Input {
    /// Opens `path`: `-` is standard input, `*.trace` is text.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Stdin(Reader::new(std::io::stdin())?));
        }
        if path.extension().is_some_and(|extension| extension == "trace") {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Error::io(format!("can't read file {}", path.display()), error))?;
            return Ok(Self::Text(Trace::parse(&text)?));
        }
        Ok(Self::File(Reader::open(path)?))
    }

    /// Returns a description of the format.
    pub(crate) fn format(&self) -> String {
        let words = |version: Version, gzip| {
            format!("scap {}.{}{}", version.major, version.minor, if gzip { ", gzip" } else { "" })
        };
        match self {
            Self::File(reader) => words(reader.version(), reader.is_gzip()),
            Self::Stdin(reader) => words(reader.version(), reader.is_gzip()),
            Self::Text(_) => "text".into(),
        }
    }

    /// Returns how many blocks of each type were read.
    pub(crate) fn blocks(&self) -> Vec<Json> {
        let blocks = match self {
            Self::File(reader) => reader.blocks(),
            Self::Stdin(reader) => reader.blocks(),
            Self::Text(_) => Vec::new(),
        };
        let row = |(ty, count): (BlockType, u64)| json!({"type": ty.0, "name": ty.name().unwrap_or("unknown"), "count": count});
        blocks.into_iter().map(row).collect()
    }

    fn as_source(&self) -> &dyn Source {
        match self {
            Self::File(reader) => reader,
            Self::Stdin(reader) => reader,
            Self::Text(trace) => trace,
        }
    }
}

impl Source for Input {
    fn next(&mut self) -> Result<Next<'_>> {
        match self {
            Self::File(reader) => reader.next(),
            Self::Stdin(reader) => reader.next(),
            Self::Text(trace) => trace.next(),
        }
    }

    fn host(&self) -> &HostState {
        self.as_source().host()
    }

    fn stats(&self) -> SourceStats {
        self.as_source().stats()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.as_source().progress()
    }
}
