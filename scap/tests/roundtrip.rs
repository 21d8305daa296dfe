//! Tests that what is written is read back, for every available capture and for anything that the schema can express.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::io::Read;

use common::generate::{self, Bytes};
use common::oracle::{self, Item};
use peregrine_scap::savefile::{Compression, Reader, Rotation, Rotator, Writer};
use peregrine_scap::{Event, EventBuilder, EventCode, HostState, Next, Source};
use proptest::prelude::*;

/// Reads, writes and reads again, event by event, so that the largest capture fits in memory.
fn survives(path: &std::path::Path, compression: Compression) {
    let mut reader = Reader::open(path).unwrap();
    let mut writer = Writer::new(Vec::new(), reader.host(), compression).unwrap();
    let mut events = 0;
    loop {
        match reader.next().unwrap() {
            Next::Event(event) => {
                events += 1;
                writer.write(&event).unwrap();
            }
            Next::Idle | Next::Restart => panic!("not in these captures"),
            Next::End => break,
        }
    }
    assert_eq!(writer.events(), events);
    let written = writer.finish().unwrap();

    let mut first = Reader::open(path).unwrap();
    let mut second = Reader::new(written.as_slice()).unwrap();
    assert_eq!(second.is_gzip(), compression == Compression::Gzip);
    assert_eq!(first.host(), second.host(), "{}", path.display());
    loop {
        match (first.next().unwrap(), second.next().unwrap()) {
            (Next::Event(first), Next::Event(second)) => {
                assert_eq!((first.cpu(), first.flags()), (second.cpu(), second.flags()));
                assert_eq!(first.bytes(), second.bytes());
            }
            (Next::End, Next::End) => break,
            (first, second) => panic!("{}: {first:?} became {second:?}", path.display()),
        }
    }
    assert_eq!(second.stats().delivered, events);
}

#[test]
fn every_capture_survives_being_written() {
    for path in common::captures() {
        survives(&path, Compression::Plain);
        if path.metadata().unwrap().len() < 1 << 20 {
            survives(&path, Compression::Gzip);
        }
    }
}

#[test]
fn captures_of_falco_are_rewritten_byte_for_byte() {
    for path in common::captures() {
        let old = path.parent().unwrap().ends_with("upstream");
        if old || (cfg!(debug_assertions) && path.metadata().unwrap().len() > 1 << 20) {
            continue;
        }
        let mut falco = Vec::new();
        flate2::read::MultiGzDecoder::new(std::fs::File::open(&path).unwrap()).read_to_end(&mut falco).unwrap();
        let mut reader = Reader::new(falco.as_slice()).unwrap();
        let mut writer = Writer::new(Vec::new(), reader.host(), Compression::Plain).unwrap();
        while let Next::Event(event) = reader.next().unwrap() {
            writer.write(&event).unwrap();
        }
        assert!(writer.finish().unwrap() == falco, "{}", path.display());
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..20_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_state_and_any_events_survive(data in bytes(), gzip: bool) {
        let compression = if gzip { Compression::Gzip } else { Compression::Plain };
        let mut bytes = Bytes(&data);
        let mut items = vec![Item::Section(Box::new(generate::host(&mut bytes)))];
        let mut builder = EventBuilder::new();
        loop {
            generate::current_event(&mut bytes, &mut builder);
            let event = builder.finish().unwrap();
            items.push(Item::Event(event.cpu(), event.flags(), event.bytes().to_vec()));
            if bytes.is_empty() {
                break;
            }
            if bytes.byte() == 0 {
                items.push(Item::Section(Box::new(generate::host(&mut bytes))));
            }
        }
        let written = oracle::write(&items, compression);
        prop_assert_eq!(oracle::items(&written), items);
    }

    #[test]
    fn any_sequence_of_old_events_is_lifted(data in bytes()) {
        oracle::upgrade(&data);
    }

    #[test]
    fn a_capture_with_bytes_changed_is_read_without_harm(
        data in bytes(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = Bytes(&data);
        let host = generate::host(&mut bytes);
        let mut writer = Writer::new(Vec::new(), &host, Compression::Plain).unwrap();
        let mut builder = EventBuilder::new();
        while !bytes.is_empty() {
            generate::current_event(&mut bytes, &mut builder);
            writer.write(&builder.finish().unwrap()).unwrap();
        }
        let mut written = writer.finish().unwrap();
        for (index, value) in changes {
            *index.get_mut(&mut written) = value;
        }
        oracle::file(&written);
    }
}

/// Returns the events of a file, by time.
fn times(path: &std::path::Path) -> Vec<u64> {
    let mut reader = Reader::open(path).unwrap();
    let mut times = Vec::new();
    while let Next::Event(event) = reader.next().unwrap() {
        times.push(event.ts());
    }
    times
}

fn event(builder: &mut EventBuilder, ts: u64) -> Event<'_> {
    builder.start(EventCode::CLOSE_X).ts(ts).tid(1).i64(0).i64(3).finish().unwrap()
}

#[test]
fn a_recording_rotates_by_count_by_time_and_by_size_and_keeps_the_newest() {
    let folder = std::env::temp_dir().join(format!("peregrine-rotate-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut builder = EventBuilder::new();
    let path = folder.join("x.scap");

    let rotation = Rotation { events: Some(3), keep: Some(2), ..Rotation::default() };
    let mut rotator = Rotator::new(&path, rotation, Compression::Gzip);
    for ts in 0..8 {
        rotator.write(&event(&mut builder, ts), HostState::default).unwrap();
    }
    rotator.finish().unwrap();
    let files: Vec<_> = rotator.files().map(std::path::Path::to_path_buf).collect();
    assert_eq!(files, [folder.join("x.1.scap"), folder.join("x.2.scap")]);
    assert_eq!(files.iter().map(|file| times(file)).collect::<Vec<_>>(), [vec![3, 4, 5], vec![6, 7]]);
    assert!(!folder.join("x.0.scap").exists());

    let rotation = Rotation { span: Some(std::time::Duration::from_nanos(10)), ..Rotation::default() };
    let mut rotator = Rotator::new(&path, rotation, Compression::Plain);
    for ts in [5, 9, 14, 15, 90] {
        rotator.write(&event(&mut builder, ts), HostState::default).unwrap();
    }
    rotator.finish().unwrap();
    assert_eq!(rotator.files().map(times).collect::<Vec<_>>(), [vec![5, 9, 14], vec![15], vec![90]]);

    // A caller that begins files itself: events of the state do not make a file full, and nothing is put into another
    // one.
    let rotation = Rotation { events: Some(2), ..Rotation::default() };
    let mut rotator = Rotator::new(&path, rotation, Compression::Plain);
    rotator.append(&event(&mut builder, 0)).unwrap();
    for first in [10, 20] {
        rotator.begin(&HostState::default()).unwrap();
        for ts in first..first + 5 {
            rotator.append_state(&event(&mut builder, ts)).unwrap();
            assert!(!rotator.is_full(ts));
        }
        rotator.append(&event(&mut builder, first + 5)).unwrap();
        assert!(!rotator.is_full(first + 5));
        rotator.append(&event(&mut builder, first + 6)).unwrap();
        assert!(rotator.is_full(first + 6));
        rotator.append(&event(&mut builder, first + 7)).unwrap();
    }
    rotator.finish().unwrap();
    let found: Vec<_> = rotator.files().map(times).collect();
    assert_eq!(found, [(10..18).collect::<Vec<_>>(), (20..28).collect()]);

    for compression in [Compression::Plain, Compression::Gzip] {
        let rotation = Rotation { bytes: Some(100_000), ..Rotation::default() };
        let mut rotator = Rotator::new(&path, rotation, compression);
        let mut noise = 1_u64;
        for ts in 0..20_000 {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(ts);
            let event = builder.start(EventCode::CLOSE_X).ts(ts).u64(noise).u64(noise.rotate_left(7)).finish().unwrap();
            rotator.write(&event, HostState::default).unwrap();
        }
        rotator.finish().unwrap();
        let sizes: Vec<u64> = rotator.files().map(|file| file.metadata().unwrap().len()).collect();
        assert!(sizes.len() > 3, "{sizes:?}");
        assert!(sizes.iter().all(|size| *size < 200_000), "{sizes:?}");
        assert!(sizes.iter().rev().skip(1).all(|size| *size >= 100_000), "{sizes:?}");
        assert_eq!(rotator.files().flat_map(times).collect::<Vec<_>>(), (0..20_000).collect::<Vec<_>>());
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn flushed_events_are_readable_after_a_crash() {
    for compression in [Compression::Plain, Compression::Gzip] {
        let file = std::env::temp_dir().join(format!("peregrine-crash-{}-{compression:?}", std::process::id()));
        let mut builder = EventBuilder::new();
        let mut writer = Writer::create(&file, &HostState::default(), compression).unwrap();
        for ts in 0..1000 {
            writer.write(&event(&mut builder, ts)).unwrap();
        }
        writer.flush().unwrap();
        for ts in 1000..1010 {
            writer.write(&event(&mut builder, ts)).unwrap();
        }
        std::mem::forget(writer); // the program dies here
        let mut reader = Reader::open(&file).unwrap();
        let mut next = 0;
        while let Next::Event(event) = reader.next().unwrap() {
            assert_eq!(event.ts(), next);
            next += 1;
        }
        assert_eq!(next, 1000);
        std::fs::remove_file(&file).unwrap();
    }
}

#[test]
fn a_writer_that_is_dropped_finishes_its_file() {
    let file = std::env::temp_dir().join(format!("peregrine-drop-{}", std::process::id()));
    let mut writer = Writer::create(&file, &HostState::default(), Compression::Gzip).unwrap();
    writer.write(&event(&mut EventBuilder::new(), 5)).unwrap();
    drop(writer);
    assert_eq!(times(&file), [5]);
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn long_events_and_long_lists_are_kept() {
    let mut builder = EventBuilder::new();
    let long = vec![9; 3 << 20];
    let host = HostState {
        threads: (0..2000)
            .map(|tid| peregrine_scap::host::Thread { tid, env: vec![b'x'; 4096], ..Default::default() })
            .collect(),
        ..HostState::default()
    };
    let mut writer = Writer::new(Vec::new(), &host, Compression::Plain).unwrap();
    writer.write(&builder.start(EventCode::PLUGINEVENT_E).u32(1).raw(&long).finish().unwrap()).unwrap();
    let several = [&long[..60_000], &long[..60_000]];
    let event = builder.start(EventCode::READ_X).flags(1).i64(0).raw(several[0]).raw(several[1]).i64(3).finish();
    writer.write(&event.unwrap()).unwrap();
    let written = writer.finish().unwrap();
    let mut reader = Reader::new(written.as_slice()).unwrap();
    assert_eq!(reader.host(), &host);
    let Next::Event(event) = reader.next().unwrap() else { panic!("an event") };
    assert_eq!(event.raw(1), Some(&long[..]));
    let Next::Event(event) = reader.next().unwrap() else { panic!("an event") };
    assert_eq!((event.flags(), event.bytes().len()), (1, 26 + 8 + 120_016));
}
