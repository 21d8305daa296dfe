//! Reads a capture: a [`Source`] over any [`Read`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek as _};
use std::path::Path;

use super::block::{BlockType, EventBlock, Kind};
use super::body::Body;
use super::events::{BLOCK_HEADER, BLOCK_TRAILER, SMALL_BLOCK, rebuild_v1};
use super::gzip::Input;
use super::section::{self, Version};
use super::state::StateReader;
use super::upgrade::{Upgrade, Upgraded};
use super::window::Window;
use crate::event::{EventError, Shape};
use crate::schema::EVENT_COUNT;
use crate::{Error, Event, HostState, Next, Result, Source, SourceStats};

/// Memory limits of a reader.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The bytes of state in one section: threads, file descriptors, users, interfaces. The default is 1 GiB.
    pub state: u64,
    /// The bytes of one event. The default is 256 MiB.
    pub event: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { state: 1 << 30, event: 256 << 20 }
    }
}

/// Reads a capture from a file, a pipe or memory, compressed or not.
///
/// See the [module](super) for the supported formats. Memory is constant: a buffer of 256 KB, the state of the host,
/// and an event if it is larger than the buffer.
#[derive(Debug)]
pub struct Reader<R: Read> {
    window: Window<R>,
    limits: Limits,
    size: Option<u64>,
    host: HostState,
    version: Version,
    /// An event of version 1 with the current header.
    rebuilt: Vec<u8>,
    upgrade: Upgrade,
    blocks: Blocks,
    delivered: u64,
    /// The number of events with unknown codes.
    newer: u64,
    ended: bool,
}

impl Reader<File> {
    /// Opens a file and reads the state at its beginning. A compressed file is decompressed [in the
    /// background](Self::in_background) if there is a second CPU.
    ///
    /// # Errors
    /// If the file cannot be opened, or as [`Reader::new`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with_limits(path, Limits::default())
    }

    /// Opens a file like [`open`](Self::open), with other memory limits.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with_limits(path: impl AsRef<Path>, limits: Limits) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path);
        Self::from_file(file.map_err(|error| Error::io(format!("can't open file {}", path.display()), error))?, limits)
    }

    /// Reads a capture from an open file or pipe, from its current position on.
    ///
    /// # Errors
    /// As [`Reader::new`].
    pub fn from_file(file: File, limits: Limits) -> Result<Self> {
        let meta = file.metadata().map_err(|error| Error::io("can't query the file", error))?;
        let start = if meta.is_file() { (&file).stream_position().unwrap_or(0) } else { 0 };
        let alone = std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() == 1);
        let mut reader = if alone { Self::with_limits(file, limits)? } else { Self::in_background(file, limits)? };
        reader.size = meta.is_file().then(|| meta.len().saturating_sub(start));
        Ok(reader)
    }
}

impl<R: Read + Send + 'static> Reader<R> {
    /// Reads a capture like [`with_limits`](Self::with_limits), but decompresses a compressed one in a separate thread,
    /// which runs ahead of the events by at most a megabyte and ends with the reader. The events are the same.
    ///
    /// # Errors
    /// As [`new`](Self::new), or if no thread can be started.
    pub fn in_background(read: R, limits: Limits) -> Result<Self> {
        Self::from_input(Input::in_background(read), limits)
    }
}

impl<R: Read> Reader<R> {
    /// Reads the state at the beginning of a capture, up to its first event.
    ///
    /// # Errors
    /// If reading fails, if this is not a capture, if the state is damaged, or if there are no events.
    pub fn new(read: R) -> Result<Self> {
        Self::with_limits(read, Limits::default())
    }

    /// Reads a capture like [`new`](Self::new), with other memory limits.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_limits(read: R, limits: Limits) -> Result<Self> {
        Self::from_input(Input::new(read), limits)
    }

    fn from_input(input: std::io::Result<Input<R>>, limits: Limits) -> Result<Self> {
        let mut reader = Self {
            window: Window::new(input)?,
            limits,
            size: None,
            host: HostState::default(),
            version: Version::default(),
            rebuilt: Vec::new(),
            upgrade: Upgrade::new(),
            blocks: Blocks::default(),
            delivered: 0,
            newer: 0,
            ended: false,
        };
        reader.read_section()?;
        if reader.window.want(1)? == 0 {
            return Err(Error::format("no events in file", reader.window.offset()));
        }
        Ok(reader)
    }

    /// Returns the version of the current section.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns whether the capture is compressed.
    pub fn is_gzip(&self) -> bool {
        self.window.input().is_gzip()
    }

    /// Returns the position of the next block, in bytes from the start of the decompressed capture.
    pub fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// Returns the number of blocks of each type read so far, including skipped ones of unknown type.
    pub fn blocks(&self) -> Vec<(BlockType, u64)> {
        self.blocks.list()
    }

    /// Reads a section header and the state after it, up to the first event or the end.
    fn read_section(&mut self) -> Result<()> {
        let Some((ty, len)) = self.peek_block()? else {
            return Err(Error::format("error reading from file: it is empty", self.window.offset()));
        };
        if ty.kind() != Some(Kind::Section) {
            return Err(Error::format("invalid block type", self.window.offset()));
        }
        let mut budget = self.limits.state;
        self.version = self.read_body(ty, len, &mut budget, section::read)?;
        let mut state = StateReader::default();
        while let Some((ty, len)) = self.peek_block()? {
            match ty.kind() {
                Some(Kind::Event(_) | Kind::Section) => break,
                Some(kind) => self.read_body(ty, len, &mut budget, |body| state.read(kind, body))?,
                None => self.skip_block(ty, len)?,
            }
        }
        self.host = state.finish();
        self.upgrade.clear();
        Ok(())
    }

    /// Returns the type and length of the next block, or `None` at the end.
    fn peek_block(&mut self) -> Result<Option<(BlockType, u32)>> {
        if self.window.want(1)? == 0 {
            return Ok(None);
        }
        self.window.need(BLOCK_HEADER)?;
        Ok(self.window.bytes().first_chunk().map(block_header))
    }

    /// Reads a whole block, whose body is parsed by `read`.
    fn read_body<T>(
        &mut self,
        ty: BlockType,
        len: u32,
        budget: &mut u64,
        read: impl FnOnce(&mut Body<'_, R>) -> Result<T>,
    ) -> Result<T> {
        let Some(body_len) = len.checked_sub((BLOCK_HEADER + BLOCK_TRAILER) as u32) else {
            return Err(Error::format(format!("block length too short {len}"), self.window.offset()));
        };
        self.window.consume(BLOCK_HEADER);
        let mut body = Body::new(&mut self.window, u64::from(body_len), budget);
        let value = read(&mut body)?;
        body.finish()?;
        let at = self.window.offset();
        let trailer = u32::from_le_bytes(self.window.take()?);
        if trailer != len {
            return Err(Error::format(format!("wrong block total length, header={len}, trailer={trailer}"), at));
        }
        self.blocks.count(ty);
        Ok(value)
    }

    fn skip_block(&mut self, ty: BlockType, len: u32) -> Result<()> {
        self.read_body(ty, len, &mut 0, |_| Ok(()))?;
        self.blocks.unknown += 1;
        Ok(())
    }

    /// Moves to the next event if it is current and in memory, which is nearly always the case.
    #[inline(always)]
    fn step(&mut self) -> Option<Place> {
        let bytes = self.window.bytes();
        let [t0, t1, t2, t3, l0, l1, l2, l3, c0, c1] = *bytes.first_chunk()?;
        let len = u32::from_le_bytes([l0, l1, l2, l3]);
        if BlockType(u32::from_le_bytes([t0, t1, t2, t3])) != BlockType::EVENT_V2 || len > SMALL_BLOCK {
            return None;
        }
        let (from, to) = (BLOCK_HEADER + 2, (len as usize).checked_sub(BLOCK_TRAILER)?);
        let shape = Shape::check(bytes.get(from..to)?).ok()?;
        if !shape.is_current() || bytes.len() < len as usize {
            return None;
        }
        let at = self.window.consume_there(len as usize);
        self.blocks.plain_events += 1;
        Some(Place { cpu: u16::from_le_bytes([c0, c1]), flags: 0, from: at + from, kept: Kept::Window, shape })
    }

    /// Moves to the next event by the general way.
    #[cold]
    fn step_slowly(&mut self) -> Result<Step> {
        loop {
            let Some((ty, len)) = self.peek_block()? else { return Ok(Step::End) };
            let Some(Kind::Event(block)) = ty.kind() else {
                if self.between_events(ty, len)? {
                    return Ok(Step::Restart);
                }
                continue;
            };
            if len < block.min_len() || len - BLOCK_HEADER as u32 > self.max_len(block) {
                return Err(self.bad_length(block, len));
            }
            let len = len as usize;
            self.window.need(len)?;
            self.blocks.count(ty);
            let (from, to) = (block.event_at(), len - BLOCK_TRAILER);
            let bytes = self.window.bytes().get(from..to).unwrap_or_default();
            if bytes.len() < block.header_len() {
                return Err(self.no_header(len, block));
            }
            if let Some([t0, t1]) = bytes.get(20..22)
                && usize::from(u16::from_le_bytes([*t0, *t1])) >= EVENT_COUNT
            {
                self.newer += 1;
                self.window.consume(len);
                continue;
            }
            if !block.counted {
                rebuild_v1(bytes, &mut self.rebuilt).map_err(|error| Error::format(error, self.window.offset()))?;
            }
            let (kept, bytes) =
                if block.counted { (Kept::Window, bytes) } else { (Kept::Rebuilt, self.rebuilt.as_slice()) };
            let shape = Shape::check(bytes).map_err(|error| bad_event(error, self.window.offset()))?;
            let [.., c0, c1, f0, f1, f2, f3]: [u8; BLOCK_HEADER + 6] =
                self.window.bytes().first_chunk().copied().unwrap_or_default();
            let cpu = u16::from_le_bytes([c0, c1]);
            let flags = if block.flagged { u32::from_le_bytes([f0, f1, f2, f3]) } else { 0 };
            let event = Event::new(cpu, flags, bytes, shape);
            let lifted = self.upgrade.apply(&event);
            let lifted = lifted.map_err(|error| Error::format(error.to_string(), self.window.offset()))?;
            let at = self.window.consume(len);
            let mut place = Place { cpu, flags, from: at + from, kept, shape };
            match lifted {
                Upgraded::Same => {}
                Upgraded::Dropped => continue,
                Upgraded::Changed => {
                    place.kept = Kept::Lifted;
                    let bytes = self.upgrade.bytes();
                    place.shape = Shape::check(bytes).map_err(|error| bad_event(error, self.window.offset()))?;
                }
            }
            return Ok(Step::Event(place));
        }
    }

    fn max_len(&self, block: EventBlock) -> u32 {
        if block.large { self.limits.event } else { SMALL_BLOCK }
    }

    /// Handles a block other than an event among events: a new section restarts the state, any other is skipped.
    #[cold]
    fn between_events(&mut self, ty: BlockType, len: u32) -> Result<bool> {
        if ty.kind().is_none() {
            self.skip_block(ty, len)?;
            return Ok(false);
        }
        self.read_section().map_err(|error| match error {
            Error::Format { what, offset } => Error::format(format!("could not restart capture: {what}"), offset),
            other => other,
        })?;
        Ok(true)
    }

    #[cold]
    fn bad_length(&self, block: EventBlock, len: u32) -> Error {
        let what = if len < block.min_len() {
            format!("block length too short {len}")
        } else {
            let (kind, max) = if block.large { ("", self.limits.event) } else { ("NON-LARGE ", SMALL_BLOCK) };
            format!("event block length {} greater than {kind}read buffer size {max}", len - BLOCK_HEADER as u32)
        };
        Error::format(what, self.window.offset())
    }

    #[cold]
    fn no_header(&self, len: usize, block: EventBlock) -> Error {
        let (from, size) = (block.event_at() - BLOCK_HEADER, block.header_len());
        let there = len - BLOCK_TRAILER - block.event_at().min(len - BLOCK_TRAILER);
        let what = format!(
            "event header exceeds block payload: block length {len}, event offset {from}, available {there}, header \
             size {size}"
        );
        Error::format(what, self.window.offset())
    }
}

#[inline]
fn block_header(bytes: &[u8; BLOCK_HEADER]) -> (BlockType, u32) {
    let [t0, t1, t2, t3, l0, l1, l2, l3] = *bytes;
    (BlockType(u32::from_le_bytes([t0, t1, t2, t3])), u32::from_le_bytes([l0, l1, l2, l3]))
}

#[cold]
fn bad_event(error: EventError, offset: u64) -> Error {
    Error::format(format!("invalid event: {error}"), offset)
}

/// The place of an event. It was checked but not borrowed yet: a step may yield nothing and be followed by another.
#[derive(Debug, Clone, Copy)]
struct Place {
    cpu: u16,
    flags: u32,
    from: usize,
    kept: Kept,
    shape: Shape,
}

/// The owner of an event's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Window,
    /// Given the current header.
    Rebuilt,
    /// Upgraded to the current schema.
    Lifted,
}

/// The result of a step.
#[derive(Debug)]
enum Step {
    Event(Place),
    Restart,
    End,
}

impl<R: Read> Source for Reader<R> {
    // A call would carry the event through memory.
    #[inline(always)]
    fn next(&mut self) -> Result<Next<'_>> {
        let place = match self.step() {
            Some(place) => place,
            None if self.ended => return Ok(Next::End),
            None => match self.step_slowly() {
                Ok(Step::Event(place)) => place,
                Ok(Step::Restart) => return Ok(Next::Restart),
                end => {
                    self.ended = true;
                    self.window.consume(usize::MAX);
                    return end.map(|_| Next::End);
                }
            },
        };
        self.delivered += 1;
        let len = place.shape.len as usize;
        let bytes = match place.kept {
            Kept::Window => self.window.lend(place.from..place.from + len),
            Kept::Rebuilt => self.rebuilt.get(..len).unwrap_or_default(),
            Kept::Lifted => self.upgrade.bytes().get(..len).unwrap_or_default(),
        };
        Ok(Next::Event(Event::whole(place.cpu, place.flags, bytes, place.shape)))
    }

    fn host(&self) -> &HostState {
        &self.host
    }

    fn stats(&self) -> SourceStats {
        SourceStats {
            seen: self.blocks.events(),
            delivered: self.delivered,
            drops: Vec::new(),
            unknown: self.blocks.unknown + self.newer,
        }
    }

    fn progress(&self) -> Option<(u64, u64)> {
        Some((self.window.input().raw_bytes(), self.size?))
    }
}

/// Counts of blocks by type.
#[derive(Debug, Default)]
struct Blocks {
    /// The most frequent type must be quick to count.
    plain_events: u64,
    others: BTreeMap<BlockType, u64>,
    unknown: u64,
}

impl Blocks {
    fn count(&mut self, ty: BlockType) {
        *self.others.entry(ty).or_default() += 1;
    }

    fn events(&self) -> u64 {
        self.list().iter().filter(|(ty, _)| matches!(ty.kind(), Some(Kind::Event(_)))).map(|(_, count)| count).sum()
    }

    fn list(&self) -> Vec<(BlockType, u64)> {
        let mut all = self.others.clone();
        if self.plain_events > 0 {
            *all.entry(BlockType::EVENT_V2).or_default() += self.plain_events;
        }
        all.into_iter().collect()
    }
}
