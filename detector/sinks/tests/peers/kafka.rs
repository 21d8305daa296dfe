//! A test double of a Kafka broker: the wire protocol of the requests that a producer makes, with their checks.
//!
//! It supports ApiVersions 0 to 3, Metadata 0 to 4 and Produce 3 to 7, verifies the CRC-32C of record batches,
//! decompresses gzip, and assigns offsets. Real brokers are tested too where they are available (`outputs.rs`).

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub(crate) partition: i32,
    pub(crate) key: Option<String>,
    pub(crate) value: String,
    pub(crate) packed: bool,
}

struct Log {
    topic: String,
    partitions: i32,
    /// The maximum size of a record.
    most: usize,
    /// Whether the topic exists; otherwise it is created when a request names it.
    exists: AtomicBool,
    records: Mutex<Vec<Record>>,
    port: i32,
    /// Client ids, each once.
    clients: Mutex<Vec<String>>,
    /// The largest batch.
    largest: AtomicUsize,
}

pub(crate) struct Broker {
    pub(crate) address: SocketAddr,
    log: Arc<Log>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
    over: Arc<AtomicBool>,
}

impl Broker {
    pub(crate) fn start(address: SocketAddr, topic: &str, partitions: i32, most: usize) -> Self {
        Self::with_topic(address, topic, partitions, most, true)
    }

    /// Starts a broker that creates the topic when a request names it.
    pub(crate) fn without_topic(address: SocketAddr, topic: &str, partitions: i32) -> Self {
        Self::with_topic(address, topic, partitions, 1 << 20, false)
    }

    fn with_topic(address: SocketAddr, topic: &str, partitions: i32, most: usize, exists: bool) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        let address = listener.local_addr().unwrap();
        let log = Log {
            topic: topic.into(),
            partitions,
            most,
            exists: AtomicBool::new(exists),
            records: Mutex::default(),
            port: address.port().into(),
            clients: Mutex::default(),
            largest: AtomicUsize::new(0),
        };
        let broker = Self { address, log: Arc::new(log), streams: Arc::default(), over: Arc::default() };
        let (log, streams, over) = (Arc::clone(&broker.log), Arc::clone(&broker.streams), Arc::clone(&broker.over));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                streams.lock().unwrap().push(stream.try_clone().unwrap());
                let log = Arc::clone(&log);
                std::thread::spawn(move || serve(stream, &log));
            }
        });
        broker
    }

    pub(crate) fn clients(&self) -> Vec<String> {
        self.log.clients.lock().unwrap().clone()
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.log.largest.load(Ordering::SeqCst)
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.log.records.lock().unwrap().clone()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Parses the primitive types of the protocol; a request that is too short is an error of the client, so it panics.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> &'b [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }
    fn i8(&mut self) -> i8 {
        self.take(1)[0] as i8
    }
    fn i16(&mut self) -> i16 {
        i16::from_be_bytes(self.take(2).try_into().unwrap())
    }
    fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.take(4).try_into().unwrap())
    }
    fn i64(&mut self) -> i64 {
        i64::from_be_bytes(self.take(8).try_into().unwrap())
    }
    fn string(&mut self) -> Option<String> {
        let length = usize::try_from(self.i16()).ok()?;
        Some(String::from_utf8(self.take(length).to_vec()).unwrap())
    }
    fn varint(&mut self) -> i64 {
        let (mut value, mut shift) = (0u64, 0);
        loop {
            let byte = self.take(1)[0];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return (value >> 1) as i64 ^ -((value & 1) as i64);
            }
        }
    }
    fn var_bytes(&mut self) -> Option<String> {
        let length = usize::try_from(self.varint()).ok()?;
        Some(String::from_utf8(self.take(length).to_vec()).unwrap())
    }
}

fn serve(mut stream: TcpStream, log: &Log) {
    loop {
        let mut length = [0; 4];
        if stream.read_exact(&mut length).is_err() {
            return;
        }
        let length = u32::from_be_bytes(length) as usize;
        if length > 64 << 20 {
            return;
        }
        let mut bytes = vec![0; length];
        if stream.read_exact(&mut bytes).is_err() {
            return;
        }
        let mut reader = Reader(&bytes);
        // A client with another protocol (TLS, SASL) is disconnected, as by a real broker.
        if bytes.len() < 10 || !matches!(i16::from_be_bytes([bytes[0], bytes[1]]), 0 | 3 | 18) {
            return;
        }
        let (call, version, correlation) = (reader.i16(), reader.i16(), reader.i32());
        let client = reader.string().unwrap_or_default();
        let mut clients = log.clients.lock().unwrap();
        if !clients.contains(&client) {
            clients.push(client);
        }
        drop(clients);
        let mut answer = correlation.to_be_bytes().to_vec();
        match (call, version) {
            (18, 0..=3) => versions(version, &mut answer),
            (3, 0..=4) => metadata(&mut reader, version, log, &mut answer),
            (0, 3..=7) => produce(&mut reader, version, log, &mut answer),
            other => panic!("the client makes a request that is not supported: {other:?}"),
        }
        let length = u32::try_from(answer.len()).unwrap().to_be_bytes();
        if stream.write_all(&[&length[..], &answer].concat()).is_err() {
            return;
        }
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.extend(i16::try_from(text.len()).unwrap().to_be_bytes());
    out.extend(text.as_bytes());
}

fn versions(version: i16, out: &mut Vec<u8>) {
    let calls: [(i16, i16, i16); 3] = [(0, 3, 7), (3, 0, 4), (18, 0, 3)];
    out.extend(0i16.to_be_bytes());
    if version >= 3 {
        out.push(calls.len() as u8 + 1);
    } else {
        out.extend((calls.len() as i32).to_be_bytes());
    }
    for (call, least, most) in calls {
        [call, least, most].iter().for_each(|number| out.extend(number.to_be_bytes()));
        out.extend((version >= 3).then_some(0u8));
    }
    if version >= 1 {
        out.extend(0i32.to_be_bytes());
    }
    out.extend((version >= 3).then_some(0u8));
}

fn metadata(reader: &mut Reader<'_>, version: i16, log: &Log, out: &mut Vec<u8>) {
    let wanted: Vec<_> = (0..reader.i32().max(0)).filter_map(|_| reader.string()).collect();
    let exists = log.exists.load(Ordering::SeqCst);
    let wanted = match wanted.is_empty() {
        true if exists => vec![log.topic.clone()],
        _ => wanted,
    };
    // As a broker does, it says that the topic is unknown once more while it creates it.
    log.exists.fetch_or(wanted.contains(&log.topic), Ordering::SeqCst);
    let number = |value: i32, out: &mut Vec<u8>| out.extend(value.to_be_bytes());
    if version >= 3 {
        number(0, out);
    }
    number(1, out);
    number(7, out);
    string("127.0.0.1", out);
    number(log.port, out);
    if version >= 1 {
        out.extend((-1i16).to_be_bytes());
    }
    if version >= 2 {
        string("double", out);
    }
    if version >= 1 {
        number(7, out);
    }
    number(wanted.len() as i32, out);
    for name in wanted {
        let known = name == log.topic && exists;
        // 3: unknown topic.
        out.extend(if known { 0i16 } else { 3 }.to_be_bytes());
        string(&name, out);
        if version >= 1 {
            out.push(0);
        }
        let partitions = if known { log.partitions } else { 0 };
        number(partitions, out);
        for partition in 0..partitions {
            out.extend(0i16.to_be_bytes());
            [partition, 7, 1, 7, 1, 7].iter().for_each(|value| number(*value, out));
        }
    }
}

fn produce(reader: &mut Reader<'_>, version: i16, log: &Log, out: &mut Vec<u8>) {
    reader.string();
    assert_eq!(reader.i16(), -1, "all in-sync replicas are to have it");
    reader.i32();
    let topics = reader.i32();
    out.extend(topics.to_be_bytes());
    for _ in 0..topics {
        let topic = reader.string().unwrap();
        let partitions = reader.i32();
        string(&topic, out);
        out.extend(partitions.to_be_bytes());
        for _ in 0..partitions {
            let partition = reader.i32();
            let length = usize::try_from(reader.i32()).unwrap();
            let batch = records(partition, reader.take(length));
            log.largest.fetch_max(batch.len(), Ordering::SeqCst);
            let mut all = log.records.lock().unwrap();
            let error: i16 = match topic == log.topic && partition < log.partitions {
                false => 3,
                // 10: a message is too large.
                true if batch.iter().any(|record| record.value.len() > log.most) => 10,
                true => 0,
            };
            let offset = all.iter().filter(|record| record.partition == partition).count() as i64;
            if error == 0 {
                all.extend(batch);
            }
            out.extend(partition.to_be_bytes());
            out.extend(error.to_be_bytes());
            out.extend(offset.to_be_bytes());
            out.extend((-1i64).to_be_bytes());
            if version >= 5 {
                out.extend(0i64.to_be_bytes());
            }
        }
    }
    out.extend(0i32.to_be_bytes());
}

/// Returns the records of a batch in the format of magic 2.
fn records(partition: i32, bytes: &[u8]) -> Vec<Record> {
    let mut reader = Reader(bytes);
    reader.i64();
    assert_eq!(usize::try_from(reader.i32()).unwrap(), reader.0.len(), "the length of the batch");
    reader.i32();
    assert_eq!(reader.i8(), 2, "the format of the batch");
    let crc = reader.i32() as u32;
    assert_eq!(crc, crc32c(reader.0), "the CRC of the batch");
    let packed = reader.i16() & 7;
    reader.take(4 + 8 + 8 + 8 + 2 + 4);
    let count = reader.i32();
    let rest = match packed {
        0 => reader.0.to_vec(),
        1 => {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(reader.0).read_to_end(&mut plain).unwrap();
            plain
        }
        other => panic!("an unexpected compression: {other}"),
    };
    let mut reader = Reader(&rest);
    (0..count)
        .map(|place| {
            let length = usize::try_from(reader.varint()).unwrap();
            let mut record = Reader(reader.take(length));
            record.i8();
            record.varint();
            assert_eq!(record.varint(), i64::from(place), "offsets count up");
            let (key, value) = (record.var_bytes(), record.var_bytes().unwrap());
            Record { partition, key, value, packed: packed == 1 }
        })
        .collect()
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 })
    })
}
