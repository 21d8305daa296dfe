//! Captures to measure with: recorded ones if available, otherwise generated ones.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use scap::savefile::{Compression, Reader, Writer};
use scap::{EventBuilder, EventCode, HostState, Next, Source};

/// Returns a recorded capture from the data beside the repository, if it exists.
pub fn recorded(name: &str) -> Option<PathBuf> {
    let path = crate::shared().join("data/captures/recorded").join(name).with_extension("scap");
    path.exists().then_some(path)
}

/// Returns a large capture, not compressed: the recorded `mix-large`, or one of a million generated events without
/// that. It is in the folder for temporary files and is made once.
///
/// # Errors
/// If it cannot be read or written.
pub fn large_capture() -> scap::Result<PathBuf> {
    let recorded = recorded("mix-large");
    let name = if recorded.is_some() { "peregrine-bench-mix-large.scap" } else { "peregrine-bench-made.scap" };
    let path = std::env::temp_dir().join(name);
    if !path.exists() {
        let unfinished = path.with_extension("unfinished");
        match recorded {
            Some(recorded) => copy_file(&recorded, &unfinished, Compression::Plain)?,
            None => make(&unfinished)?,
        }
        std::fs::rename(&unfinished, &path).map_err(|error| scap::Error::io("can't rename", error))?;
    }
    Ok(path)
}

/// Returns a capture, decompressed, in memory.
///
/// # Errors
/// If it cannot be read.
pub fn plain(path: &Path) -> scap::Result<Vec<u8>> {
    let mut reader = Reader::open(path)?;
    let mut writer = Writer::new(Vec::new(), reader.host(), Compression::Plain)?;
    copy(&mut reader, &mut writer)?;
    writer.finish()
}

/// Writes the rest of a capture.
///
/// # Errors
/// If it is damaged or cannot be written.
pub fn copy<R: Read, W: Write>(reader: &mut Reader<R>, writer: &mut Writer<W>) -> scap::Result<()> {
    loop {
        match reader.next()? {
            Next::Event(event) => writer.write(&event)?,
            Next::Restart => writer.restart(reader.host())?,
            Next::Idle => {}
            Next::End => return Ok(()),
        }
    }
}

/// Writes a capture to another file, compressed or not.
///
/// # Errors
/// If it cannot be read or written.
pub fn copy_file(from: &Path, to: &Path, compression: Compression) -> scap::Result<()> {
    let mut reader = Reader::open(from)?;
    let mut writer: Writer<File> = Writer::create(to, reader.host(), compression)?;
    copy(&mut reader, &mut writer)?;
    writer.finish().map(drop)
}

fn make(to: &Path) -> scap::Result<()> {
    let mut writer: Writer<File> = Writer::create(to, &HostState::default(), Compression::Plain)?;
    let mut builder = EventBuilder::new();
    for number in 0..500_000_u64 {
        let (ts, tid, fd) = (number * 1000, (number % 50) as i64, 3 + (number % 7) as i64);
        builder.start(EventCode::READ_X).ts(ts).tid(tid).i64(64).raw(&[b'x'; 64]).i64(fd).u32(64);
        writer.write(&builder.finish()?)?;
        builder.start(EventCode::CLOSE_X).ts(ts + 500).tid(tid).i64(0).i64(fd);
        writer.write(&builder.finish()?)?;
    }
    writer.finish().map(drop)
}
