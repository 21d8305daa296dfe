//! Plans of events that the probe leaves out in the kernel: the tables that carry them out, and their counters.
//!
//! A plan changes while events are read: first everything passes, then the tests of paths are replaced, of which the
//! kernel waits for the last user, then the new plan is in force. At no moment is an event left out that the old or the
//! new plan wants.

use crate::generated::NUMBERS;
use crate::loaded::Loaded;
use crate::{Error, Result};
use libbpf_rs::{MapCore as _, MapFlags, MapHandle, MapType};
use scap::Event;
use scap::plan::{Classes, Descriptor, Descriptors, Errnos, Opens, Outcomes, PathTest, Plan, Shape, Test};
use scap::schema::{SYSCALLS, SyscallCode};
use std::collections::BTreeMap;
use std::os::fd::{AsFd as _, AsRawFd as _};

/// The use of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum PlanMode {
    /// Everything passes.
    #[default]
    Off,
    /// Events that the plan leaves out do not leave the kernel.
    On,
    /// Everything passes, with what the kernel would do; each event is checked with the model.
    Verify,
}

/// The result of [`PlanMode::Verify`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Events that were checked.
    pub checked: u64,
    /// Those that the kernel would leave out.
    pub left_out: u64,
    /// Those that the kernel would leave out and the model keeps: an error of the probe.
    pub wrong: u64,
    /// Those that the kernel keeps and the model does not: made by io_uring, for instance.
    pub spared: u64,
    /// A description of the first wrong or spared event.
    pub example: Option<String>,
}

/// The number of events of a call that a test left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// The call.
    pub call: SyscallCode,
    /// The test.
    pub test: Test,
    /// The number.
    pub count: u64,
}

/// The mark in the number of the CPU that follows an event.
const MARK: u16 = 0x8000;
/// The place of the kind of file descriptor in it.
const KIND_SHIFT: u16 = 13;
/// The bits of the number itself: as many as the kernel can have processors.
pub(crate) const CPU_BITS: u16 = (1 << KIND_SHIFT) - 1;
/// The bytes of the probe's `struct path_key` after its length in bits.
const KEY_TEXT: usize = 64;
/// The size of that structure.
const KEY: usize = 4 + KEY_TEXT;
const PATH: u8 = b'P';
const SUFFIX: u8 = b'S';
/// `BPF_F_NO_PREALLOC`, which such maps require.
const NO_PREALLOC: u32 = 1;
/// The time after which every program knows a new plan, in nanoseconds.
const SETTLED: u64 = 20_000_000;
/// The places in the probe's `struct plan`, and its size.
const KEPT: usize = 4;
const FEW_COMMANDS: usize = KEPT + NUMBERS;
const KINDS: usize = FEW_COMMANDS + 1;
const ERRNOS: usize = (KINDS + NUMBERS).next_multiple_of(8);
const BLOCK: usize = ERRNOS + NUMBERS * size_of::<u128>();

/// Returns the probe's `struct plan`.
fn block(mode: PlanMode, plan: &Plan) -> [u8; BLOCK] {
    let mut bytes = [0; BLOCK];
    bytes[0] = mode as u8;
    bytes[FEW_COMMANDS] = plan.has_few_commands().into();
    for (at, shape) in Shape::ALL.into_iter().enumerate() {
        bytes[1 + at] = plan.opens().always(shape).0;
    }
    let events = |row: &scap::schema::SyscallInfo| Some((row.x86_64?, row.events?.1));
    let mut exits = [None; NUMBERS];
    for (nr, exit) in SYSCALLS.iter().filter_map(events) {
        if let Some(place) = exits.get_mut(usize::from(nr)) {
            *place = Some(exit);
        }
    }
    for (nr, exit) in exits.into_iter().enumerate() {
        let errnos = exit.map_or(Errnos::ALL, |exit| plan.errnos(exit));
        bytes[KEPT + nr] = exit.map_or(Outcomes::BOTH, |exit| plan.kept(exit)).bits();
        bytes[KINDS + nr] = exit.map_or(Descriptors::ALL, |exit| plan.descriptors(exit)).bits();
        bytes[ERRNOS + 16 * nr..][..16].copy_from_slice(&errnos.bits().to_le_bytes());
    }
    bytes
}

/// Returns the tests of paths as keys, without their length in bits, with the ways that are wanted. The kernel finds the
/// longest key that a text begins with, so each also has the ways of all that it begins with.
fn keys(opens: &Opens) -> BTreeMap<Vec<u8>, Classes> {
    let mut keys: BTreeMap<Vec<u8>, Classes> = BTreeMap::new();
    for (test, classes) in opens.tests() {
        let key = match test {
            PathTest::Exact(text) => [&[PATH], &text[..], &[0]].concat(),
            PathTest::Prefix(text) => [&[PATH], &text[..]].concat(),
            PathTest::Suffix(text) => std::iter::once(SUFFIX).chain(text.iter().rev().copied()).collect(),
        };
        let wanted = keys.entry(key).or_default();
        *wanted = wanted.union(classes);
    }
    let whole = keys.clone();
    for (key, classes) in &mut keys {
        for len in 1..key.len() {
            if let Some(more) = key.get(..len).and_then(|beginning| whole.get(beginning)) {
                *classes = classes.union(*more);
            }
        }
    }
    keys
}

/// The plan that the probe carries out.
#[derive(Debug)]
pub(crate) struct Carried {
    mode: PlanMode,
    plan: Plan,
    block: MapHandle,
    paths: MapHandle,
    counts: MapHandle,
    verified: Verified,
    /// Whether anything may have been left out since the start: there are hundreds of counters.
    has_counts: bool,
    /// The time from which events are checked.
    since: u64,
}

impl Carried {
    pub(crate) fn new(loaded: &Loaded) -> Result<Self> {
        Ok(Self {
            mode: PlanMode::Off,
            plan: Plan::everything(),
            block: loaded.map(".data.plan")?,
            paths: loaded.map("path_tests")?,
            counts: loaded.map("left_out")?,
            verified: Verified::default(),
            has_counts: false,
            since: 0,
        })
    }

    pub(crate) fn mode(&self) -> PlanMode {
        self.mode
    }

    fn store(&self, mode: PlanMode, plan: &Plan) -> Result<()> {
        let mut bytes = block(mode, plan).to_vec();
        bytes.resize(self.block.value_size() as usize, 0);
        self.block.update(&0u32.to_ne_bytes(), &bytes, MapFlags::ANY).map_err(Error::bpf("storing the plan"))
    }

    /// Replaces the plan. `now` returns the time of events.
    pub(crate) fn set(&mut self, mode: PlanMode, plan: Plan, now: impl FnOnce() -> u64) -> Result<()> {
        self.store(PlanMode::Off, &Plan::everything())?;
        self.mode = PlanMode::Off;
        self.verified = Verified::default();
        if mode != PlanMode::Off {
            let options = libbpf_rs::libbpf_sys::bpf_map_create_opts {
                sz: size_of::<libbpf_rs::libbpf_sys::bpf_map_create_opts>() as _,
                map_flags: NO_PREALLOC,
                ..Default::default()
            };
            let keys = keys(plan.opens());
            let room = keys.len().max(1) as u32;
            let tests = MapHandle::create(MapType::LpmTrie, Some("path_tests"), KEY as u32, 4, room, &options)
                .map_err(Error::bpf("making the tests of paths"))?;
            for (text, classes) in &keys {
                let mut key = [0; KEY];
                key[..4].copy_from_slice(&(8 * text.len() as u32).to_ne_bytes());
                key[4..4 + text.len()].copy_from_slice(text);
                tests
                    .update(&key, &u32::from(classes.0).to_ne_bytes(), MapFlags::ANY)
                    .map_err(Error::bpf("entering a test of paths"))?;
            }
            // The kernel returns from this when no program uses the old tests, or the old plan, any more.
            let fd = tests.as_fd().as_raw_fd();
            self.paths
                .update(&0u32.to_ne_bytes(), &fd.to_ne_bytes(), MapFlags::ANY)
                .map_err(Error::bpf("replacing the tests of paths"))?;
            self.has_counts |= mode == PlanMode::On;
            self.store(mode, &plan)?;
        }
        (self.mode, self.plan, self.since) = (mode, plan, now().saturating_add(SETTLED));
        Ok(())
    }

    /// Checks an event with the model. `note` has what the kernel would do: the bits above the number of the CPU.
    pub(crate) fn verify(&mut self, event: &Event<'_>, note: u16) {
        if !Plan::is_testable(event.code()) || event.ts() < self.since {
            return;
        }
        let marked = note & MARK != 0;
        let kind = usize::from((note & !MARK) >> KIND_SHIFT);
        let kind = kind.checked_sub(1).and_then(|at| Descriptor::ALL.get(at).copied());
        self.verified.checked += 1;
        self.verified.left_out += u64::from(marked);
        let model = self.plan.left_out_on(event, kind);
        if model.is_some() == marked {
            return;
        }
        *if marked { &mut self.verified.wrong } else { &mut self.verified.spared } += 1;
        if self.verified.example.is_none() || marked && self.verified.wrong == 1 {
            let mut text = event.code().to_string();
            if let Some(kind) = kind {
                text.push_str(&format!(" on {}", kind.name()));
            }
            text.push(' ');
            for param in event.params().take(4) {
                text.push_str(&format!("{}={} ", param.info().name, param.raw().escape_ascii()));
            }
            text.push_str(if marked { "is left out by the kernel only" } else { "is left out by the model only" });
            self.verified.example = Some(text);
        }
    }

    pub(crate) fn verified(&self) -> &Verified {
        &self.verified
    }

    /// Returns the numbers of events that were left out, of those calls and tests that left out any.
    pub(crate) fn left_out(&self) -> Vec<LeftOut> {
        let mut counts = Vec::new();
        if !self.has_counts {
            return counts;
        }
        for row in SYSCALLS {
            let Some(nr) = row.x86_64.filter(|nr| usize::from(*nr) < NUMBERS) else { continue };
            let values = self.counts.lookup_percpu(&u32::from(nr).to_ne_bytes(), MapFlags::ANY);
            let values = values.ok().flatten().unwrap_or_default();
            for (at, test) in Test::ALL.into_iter().enumerate() {
                let word = |value: &Vec<u8>| {
                    let word = value.get(8 * at..).and_then(|rest| rest.first_chunk());
                    word.map_or(0, |word| u64::from_ne_bytes(*word))
                };
                let count = values.iter().map(word).sum();
                if count > 0 {
                    counts.push(LeftOut { call: row.code, test, count });
                }
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::structure;
    use scap::EventCode;

    #[test]
    fn tables_are_laid_out_as_in_the_probe() {
        let (members, size) = structure("plan");
        assert_eq!(
            members,
            [
                ("mode", 0),
                ("always", 1),
                ("kept", KEPT),
                ("few_commands", FEW_COMMANDS),
                ("kinds", KINDS),
                ("errnos", ERRNOS)
            ]
            .map(|(name, at)| (name.to_owned(), at))
        );
        assert_eq!(size, BLOCK);
        let (members, size) = structure("path_key");
        assert_eq!(members, [("bits".to_owned(), 0), ("text".to_owned(), 4)]);
        assert_eq!(size, KEY);
    }

    #[test]
    fn calls_have_the_tests_of_their_events() {
        let mut plan = Plan::everything();
        plan.set(EventCode::CLOSE_X, Outcomes::SUCCEEDED);
        plan.set_errnos(EventCode::CLOSE_X, Errnos::one(9).union(Errnos::one(64)));
        plan.set_descriptors(EventCode::READ_X, Descriptors::one(Descriptor::Unix, Outcomes::BOTH));
        let block = block(PlanMode::Verify, &plan);
        assert_eq!(block[..4], [2, 0xff, 0xff, 0xff]);
        assert!(block[KEPT..FEW_COMMANDS].iter().enumerate().all(|(nr, kept)| *kept == if nr == 3 { 2 } else { 3 }));
        let kinds = &block[KINDS..KINDS + NUMBERS];
        assert!(kinds.iter().enumerate().all(|(nr, kinds)| *kinds == if nr == 0 { 0x44 } else { 0x77 }));
        let (errnos, rest) = block[ERRNOS..].as_chunks::<16>();
        assert_eq!((errnos[3][..9].to_vec(), rest.len()), (vec![0, 2, 0, 0, 0, 0, 0, 0, 1], 0));
        assert!(errnos.iter().enumerate().all(|(nr, errnos)| nr == 3 || *errnos == [0xff; 16]));
    }

    #[test]
    fn a_longer_key_is_wanted_when_a_shorter_one_is() {
        let mut opens = Opens::everything();
        opens.clear(Classes::ALL);
        opens.add(PathTest::prefix(b"/etc/"), Classes(1));
        opens.add(PathTest::exact(b"/etc/shadow"), Classes(2));
        opens.add(PathTest::prefix(b"/etc/shadow"), Classes(4));
        opens.add(PathTest::suffix(b"/x"), Classes(8));
        let keys = keys(&opens);
        let of = |key: &[u8]| keys.get(key).map(|classes| classes.0);
        assert_eq!(of(b"P/etc/"), Some(1));
        assert_eq!(of(b"P/etc/shadow"), Some(5));
        assert_eq!(of(b"P/etc/shadow\0"), Some(7));
        assert_eq!(of(b"Sx/"), Some(8));
    }
}
