//! Tests with damaged, hostile and unusual captures: a clear error with its place, or no error at all; never a panic,
//! never more memory than allowed.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::io::{self, Read};

use common::oracle;
use peregrine_scap::host::{Thread, User};
use peregrine_scap::savefile::{BlockType, Compression, Limits, Reader, Writer};
use peregrine_scap::{Error, EventBuilder, EventCode, HostState, Next, Source};

/// Returns a block with its lengths.
fn block(ty: BlockType, body: &[u8]) -> Vec<u8> {
    let len = (12 + body.len().next_multiple_of(4)) as u32;
    let mut block = [&ty.0.to_le_bytes(), &len.to_le_bytes(), body].concat();
    block.resize(len as usize - 4, 0);
    block.extend(len.to_le_bytes());
    block
}

fn section() -> Vec<u8> {
    let mut body = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
    body.extend([1, 0, 2, 0]);
    body.extend([0xff; 8]);
    block(BlockType::SECTION, &body)
}

/// Returns a block with one event.
fn close(ts: u64) -> Vec<u8> {
    let mut builder = EventBuilder::new();
    let event = builder.start(EventCode::CLOSE_X).ts(ts).tid(1).i64(0).i64(3).finish().unwrap();
    block(BlockType::EVENT_V2, &[&[0, 0], event.bytes()].concat())
}

/// Returns the times of all events, and the error if it ends with one.
fn read(capture: impl Read) -> (Vec<u64>, Option<Error>) {
    let mut reader = match Reader::new(capture) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut times = Vec::new();
    loop {
        match reader.next() {
            Ok(Next::Event(event)) => times.push(event.ts()),
            Ok(Next::Restart | Next::Idle) => times.push(u64::MAX),
            Ok(Next::End) => return (times, None),
            Err(error) => {
                assert!(matches!(reader.next(), Ok(Next::End)), "after an error comes the end");
                return (times, Some(error));
            }
        }
    }
}

fn error(capture: &[u8]) -> String {
    read(capture).1.expect("an error").to_string()
}

#[test]
fn a_small_capture_is_read() {
    assert!(matches!(read([section(), close(5), close(6)].concat().as_slice()), (times, None) if times == [5, 6]));
}

#[test]
fn input_that_is_not_a_capture_is_an_error() {
    assert_eq!(error(b""), "error reading from file: it is empty at offset 0");
    assert_eq!(error(b"hello, world"), "invalid block type at offset 0");
    assert_eq!(error(b"hell"), "expecting 8 bytes, read 4. Is the file truncated? at offset 0");
    assert_eq!(error(&section()), "no events in file at offset 28");
    let error = Reader::open("/no/such/file.scap").unwrap_err().to_string();
    assert_eq!(error, "can't open file /no/such/file.scap: No such file or directory (os error 2)");
    assert!(Reader::open("/").is_err(), "a folder is not a capture");
}

#[test]
fn another_byte_order_and_a_newer_version_are_refused() {
    let mut capture = [section(), close(5)].concat();
    capture[8..12].reverse();
    assert_eq!(error(&capture), "invalid magic number at offset 8");
    let mut capture = [section(), close(5)].concat();
    capture[12] = 2;
    assert_eq!(error(&capture), "cannot correctly parse the capture. Upgrade your version. at offset 8");
}

#[test]
fn a_capture_cut_off_anywhere_gives_its_whole_events() {
    let capture = [section(), close(5), close(6)].concat();
    let (header, event) = (section().len(), close(5).len());
    for len in 0..capture.len() {
        let (times, error) = read(&capture[..len]);
        let whole = len.saturating_sub(header) / event;
        assert_eq!(times.len(), whole, "{len}");
        let at_an_edge = len > header && (len - header) % event == 0;
        assert_eq!(error.is_none(), at_an_edge, "{len}: {error:?}");
    }
}

#[test]
fn a_compressed_capture_cut_off_anywhere_is_read_without_harm() {
    let mut writer = Writer::new(Vec::new(), &HostState::default(), Compression::Gzip).unwrap();
    let mut builder = EventBuilder::new();
    for ts in 0..100 {
        writer.write(&builder.start(EventCode::CLOSE_X).ts(ts).i64(0).i64(3).finish().unwrap()).unwrap();
        writer.flush().unwrap();
    }
    let capture = writer.finish().unwrap();
    let mut most = 0;
    for len in 0..=capture.len() {
        let (times, _) = read(&capture[..len]);
        assert!(times.len() >= most, "more bytes give more events");
        most = times.len();
    }
    assert_eq!(most, 100);
}

#[test]
fn gzip_members_follow_one_another_and_trailing_bytes_are_ignored() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    let capture = [gzip(&section()), gzip(&close(5)), gzip(&close(6)), b"trailing".to_vec()].concat();
    assert!(matches!(read(capture.as_slice()), (times, None) if times == [5, 6]));
    let mut damaged = gzip(&[section(), close(5)].concat());
    let at = damaged.len() - 12;
    damaged[at] ^= 0xff;
    let (_, error) = read(damaged.as_slice());
    assert!(error.is_some(), "the checksum is checked");
}

#[test]
fn joined_captures_restart() {
    let one = [section(), close(5)].concat();
    let users = HostState { users: vec![User { uid: 7, ..User::default() }], ..HostState::default() };
    let mut writer = Writer::new(Vec::new(), &users, Compression::Plain).unwrap();
    writer.write(&EventBuilder::new().start(EventCode::CLOSE_X).ts(9).i64(0).i64(3).finish().unwrap()).unwrap();
    let capture = [one, writer.finish().unwrap()].concat();
    let mut reader = Reader::new(capture.as_slice()).unwrap();
    assert!(matches!(reader.next(), Ok(Next::Event(event)) if event.ts() == 5));
    assert!(reader.host().users.is_empty());
    assert!(matches!(reader.next(), Ok(Next::Restart)));
    assert_eq!(reader.host(), &users);
    assert!(matches!(reader.next(), Ok(Next::Event(event)) if event.ts() == 9));
    assert!(matches!(reader.next(), Ok(Next::End)));
    // State without a section header is invalid among events.
    let capture = [section(), close(5), block(BlockType::USERS_V2, &[])].concat();
    assert_eq!(error(&capture), format!("could not restart capture: invalid block type at offset {}", 28 + 60));
}

#[test]
fn unknown_blocks_and_newer_events_are_skipped_and_counted() {
    let unknown = block(BlockType(0x999), b"whatever");
    let mut builder = EventBuilder::new();
    let newer = builder.start(EventCode(454)).raw(b"?").finish().unwrap();
    let newer = block(BlockType::EVENT_V2, &[&[0, 0], newer.bytes()].concat());
    let capture = [section(), unknown.clone(), close(5), unknown, newer, close(6)].concat();
    let mut reader = Reader::new(capture.as_slice()).unwrap();
    let mut times = Vec::new();
    while let Next::Event(event) = reader.next().unwrap() {
        times.push(event.ts());
    }
    assert_eq!(times, [5, 6]);
    let stats = reader.stats();
    assert_eq!((stats.seen, stats.delivered, stats.unknown), (3, 2, 3));
    assert!(reader.blocks().contains(&(BlockType(0x999), 2)));
    assert!(reader.blocks().contains(&(BlockType::EVENT_V2, 3)));
}

#[test]
fn false_lengths_are_found() {
    let with_len = |ty: BlockType, len: u32| [&ty.0.to_le_bytes()[..], &len.to_le_bytes(), &[0; 200]].concat();
    let capture = |block: Vec<u8>| [section(), block].concat();
    assert_eq!(error(&capture(with_len(BlockType::EVENT_V2, 20))), "block length too short 20 at offset 28");
    assert_eq!(error(&capture(with_len(BlockType::MACHINE, 3))), "block length too short 3 at offset 28");
    assert_eq!(
        error(&capture(with_len(BlockType::EVENT_V2, 70_000))),
        "event block length 69992 greater than NON-LARGE read buffer size 65536 at offset 28"
    );
    assert_eq!(
        error(&capture(with_len(BlockType::EVENT_V2_LARGE, u32::MAX))),
        "event block length 4294967287 greater than read buffer size 268435456 at offset 28"
    );
    let text = error(&capture(with_len(BlockType::EVENT_V2_LARGE, 100_000)));
    assert_eq!(text, "expecting 100000 bytes, read 208. Is the file truncated? at offset 28");
    let text = error(&capture(with_len(BlockType(0x999), u32::MAX)));
    assert!(text.starts_with("expecting 4294967283 bytes, read 200. Is the file truncated?"), "{text}");
    let mut wrong = block(BlockType::USERS_V2, &[]);
    let at = wrong.len() - 4;
    wrong[at] = 99;
    assert_eq!(error(&capture(wrong)), "wrong block total length, header=12, trailer=99 at offset 36");
}

#[test]
fn damaged_events_are_found() {
    let damaged = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut event = close(5);
        change(&mut event);
        error(&[section(), close(4), event].concat())
    };
    let place = "at offset 88";
    let text = damaged(&|event| event[26] = 9);
    assert_eq!(text, format!("invalid event: len 9 is smaller than the event header size 26 {place}"));
    let text = damaged(&|event| event[26] = 200);
    assert_eq!(text, format!("invalid event: len 200 is larger than the 46 bytes available in the block {place}"));
    let text = damaged(&|event| event[32] = 200);
    assert_eq!(text, format!("invalid event: nparams 200 does not fit in event len 46 {place}"));
    let text = damaged(&|event| event[36] = 9);
    assert_eq!(text, format!("invalid event: param 1 len 8 exceeds event len 46 {place}"));
    let text = damaged(&|event| event[35] = 0xff);
    assert!(text.starts_with("invalid event: nparams"), "{text}");
}

#[test]
fn damaged_state_is_found() {
    let capture = |ty: BlockType, body: &[u8]| [section(), block(ty, body), close(5)].concat();
    let mut process = vec![0; 40];
    process.extend([0xff, 0xff]);
    let text = error(&capture(BlockType::THREADS_V8, &process));
    assert_eq!(text, "invalid commlen 65535 at offset 78");
    let text = error(&capture(BlockType::THREADS_V9, &[12, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]));
    assert!(text.starts_with("corrupted input file. Had read 20 bytes, but proclist entry have length 12."), "{text}");
    let text = error(&capture(BlockType::THREADS_V9, &[0xff; 16]));
    assert!(text.starts_with("corrupted input file. proclist entry has length 4294967295"), "{text}");
    let text = error(&capture(BlockType::INTERFACES_V1, &[9, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!(text, "unknown interface type 9 at offset 40");
    let text = error(&capture(BlockType::MACHINE, &[0; 20]));
    assert!(text.starts_with("corrupted input file. The block ends 128 bytes early"), "{text}");
    let text = error(&capture(BlockType::FDS_V1, &[[0; 8].as_slice(), &[0; 16], &[1, 0xff, 0xff]].concat()));
    assert!(text.starts_with("invalid filename len 65535"), "{text}");
}

/// A reader that repeats the same bytes up to a length.
#[derive(Debug)]
struct Repeat {
    first: io::Cursor<Vec<u8>>,
    block: Vec<u8>,
    at: usize,
    left: u64,
}

impl Read for Repeat {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.first.read(buf)?;
        if read > 0 {
            return Ok(read);
        }
        let there = &self.block[self.at..];
        let count = buf.len().min(there.len()).min(usize::try_from(self.left).unwrap());
        buf[..count].copy_from_slice(&there[..count]);
        self.at = (self.at + count) % self.block.len();
        self.left -= count as u64;
        Ok(count)
    }
}

fn repeat(blocks: &[Vec<u8>], left: u64) -> Repeat {
    Repeat { first: io::Cursor::new(section()), block: blocks.concat(), at: 0, left }
}

#[test]
fn a_gigabyte_of_one_block_ends_in_bounded_memory() {
    let mut writer = Writer::new(
        Vec::new(),
        &HostState {
            threads: vec![Thread { env: vec![b'x'; 4096], ..Thread::default() }; 200],
            ..HostState::default()
        },
        Compression::Plain,
    )
    .unwrap();
    writer.flush().unwrap();
    let state = writer.finish().unwrap()[section().len()..].to_vec();
    let limits = Limits { state: 64 << 20, ..Limits::default() };
    let error = Reader::with_limits(repeat(&[state], 1 << 30), limits).unwrap_err().to_string();
    assert!(error.starts_with("the state in the capture takes more memory than its limit"), "{error}");

    let unknown = block(BlockType(0x999), &[0; 60_000]);
    let error = Reader::new(repeat(&[unknown], 1 << 30)).unwrap_err().to_string();
    assert!(error.contains("Is the file truncated?"), "{error}");

    let (times, error) = read(repeat(&[close(5)], 100 << 20));
    assert!(times.len() > 1_700_000 && error.is_some());
    let sections = [section(), close(5)].concat();
    let (times, _) = read(repeat(&[sections], 10 << 20));
    assert!(times.len() > 100_000);
}

#[test]
fn a_gzip_bomb_is_read_in_bounded_memory() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    io::Write::write_all(&mut encoder, &section()).unwrap();
    io::Write::write_all(&mut encoder, &0x999_u32.to_le_bytes()).unwrap();
    io::Write::write_all(&mut encoder, &u32::MAX.to_le_bytes()).unwrap();
    for _ in 0..256 {
        io::Write::write_all(&mut encoder, &vec![0; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 1 << 20);
    let error = error(&bomb);
    assert!(error.starts_with("expecting 4294967283 bytes, read 268435456. Is the file truncated?"), "{error}");
}

/// A reader that returns one byte at a time and is interrupted between.
struct Slow<'a>(&'a [u8], bool);

impl Read for Slow<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = buf.len().min(1);
        self.0.read(&mut buf[..count])
    }
}

#[test]
fn a_slow_pipe_is_read() {
    let capture = [section(), close(5), close(6)].concat();
    assert!(matches!(read(Slow(&capture, false)), (times, None) if times == [5, 6]));
}

#[test]
fn a_reader_that_fails_is_an_error() {
    let fails = io::Read::chain(io::Cursor::new([section(), close(5)].concat()), Fails);
    let (times, error) = read(fails);
    assert_eq!(times, [5]);
    assert_eq!(error.unwrap().to_string(), "error reading file: the disk is gone");
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
}

#[test]
fn hostile_inputs_break_nothing() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/regressions");
    for target in ["file", "event", "upgrade", "text"] {
        for entry in std::fs::read_dir(format!("{folder}/{target}")).unwrap() {
            let data = std::fs::read(entry.unwrap().path()).unwrap();
            match target {
                "file" => oracle::file(&data),
                "event" => oracle::event(&data),
                "text" => oracle::text(&data),
                _ => oracle::upgrade(&data),
            }
        }
    }
}
