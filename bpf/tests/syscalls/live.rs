//! The bench of these tests: a source, a thread that makes calls, and the events that the source reported for it.

use scap::EventBuilder;
use scap::event::KernelFile;
use scap::schema::{EVENTS, EventCode, ParamRole, SYSCALLS, SyscallCode, SyscallSet};
use std::collections::BTreeSet;

/// One event, with its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) code: EventCode,
    pub(crate) tid: i64,
    pub(crate) params: Vec<Vec<u8>>,
}

impl Seen {
    pub(crate) fn of(event: &scap::Event<'_>) -> Self {
        Self { code: event.code(), tid: event.tid(), params: event.raws().map(<[u8]>::to_vec).collect() }
    }

    fn says_more(&self) -> bool {
        [
            EventCode::OPEN_X,
            EventCode::OPENAT_2_X,
            EventCode::OPENAT2_X,
            EventCode::CREAT_X,
            EventCode::OPEN_BY_HANDLE_AT_X,
            EventCode::EXECVE_19_X,
            EventCode::CHDIR_X,
            EventCode::FCHDIR_X,
            EventCode::RECVMSG_X,
            EventCode::RECVMMSG_X,
        ]
        .contains(&self.code)
    }

    /// Calls `look` with the kernel's facts about the file that the call led to, if the event has them.
    pub(crate) fn led_to<T>(&self, look: impl FnOnce(&KernelFile<'_>) -> T) -> Option<T> {
        let mut builder = EventBuilder::new();
        builder.start(self.code).tid(self.tid);
        for param in &self.params {
            builder.raw(param);
        }
        let event = builder.finish().ok()?;
        Some(look(&event.kernel_file()?))
    }

    /// Returns the kernel's path of an opened file; empty if it has none.
    pub(crate) fn real_path(&self) -> Option<Vec<u8>> {
        let info = self.code.info()?;
        let text = |role, name| {
            let index = info.param_with(role).or(info.param_index(name))?;
            self.params.get(index)?.split(|byte| *byte == 0).next().map(<[u8]>::to_vec)
        };
        self.led_to(|file| match file.path {
            _ if file.is_given => text(ParamRole::Path, "path"),
            b"" => text(ParamRole::ResolvedPath, ""),
            path => Some(path.to_vec()),
        })
        .map(Option::unwrap_or_default)
    }
}

/// The expected value of a parameter.
#[derive(Debug, Clone)]
pub(crate) enum P {
    /// This number, in the parameter's width.
    N(i64),
    /// This text, with the NUL that ends it.
    T(String),
    /// These bytes.
    B(Vec<u8>),
    /// Empty.
    E,
    /// A number that is not zero, or bytes that are not all zero.
    Set,
    /// Any value; its width is checked still.
    Any,
}

pub(crate) fn n(v: impl TryInto<i64>) -> P {
    P::N(v.try_into().unwrap_or(i64::MIN))
}
pub(crate) fn t(v: impl AsRef<str>) -> P {
    P::T(v.as_ref().to_owned())
}
pub(crate) fn b(v: &[u8]) -> P {
    P::B(v.to_vec())
}
/// Concatenates the bytes of numbers.
#[macro_export]
macro_rules! bytes {
    ($($v:expr),* $(,)?) => {{
        let mut out: Vec<u8> = Vec::new();
        $(out.extend_from_slice($v.to_ne_bytes().as_ref());)*
        out
    }};
}
/// Makes a raw system call; an error is its negative number, as the kernel returns it.
#[macro_export]
macro_rules! sys {
    // One expression: the target of an argument lives until the call has returned.
    ($nr:expr $(, $arg:expr)* $(,)?) => {
        $crate::live::call(&[$nr $(, $crate::live::Word::word($arg))*])
    };
}

/// A possible argument of a call: always passed as a whole register.
pub(crate) trait Word {
    fn word(self) -> i64;
}

macro_rules! words {
    ($($ty:ty)*) => {$(
        impl Word for $ty {
            fn word(self) -> i64 {
                self as i64
            }
        }
    )*};
}
words!(i32 i64 u32 u64 usize);

impl<T> Word for *const T {
    fn word(self) -> i64 {
        self as i64
    }
}
impl<T> Word for *mut T {
    fn word(self) -> i64 {
        self as i64
    }
}
impl<T> Word for &T {
    fn word(self) -> i64 {
        std::ptr::from_ref(self) as i64
    }
}
impl<T> Word for &mut T {
    fn word(self) -> i64 {
        std::ptr::from_mut(self) as i64
    }
}

/// Makes the call whose number is the first word; the other words are its arguments.
pub(crate) fn call(words: &[i64]) -> i64 {
    let at = |i: usize| words.get(i).copied().unwrap_or(0);
    // SAFETY: the arguments are numbers, or pointers to what outlives the call; an invalid one gives EFAULT.
    let ret = unsafe { libc::syscall(at(0), at(1), at(2), at(3), at(4), at(5), at(6)) };
    if ret == -1 { -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) } else { ret }
}

/// A source of events: the probe, or another that reports the same.
pub(crate) trait Watch {
    /// Selects calls, beside the end of processes.
    fn select(&mut self, calls: SyscallSet);
    /// Reads all events until none has arrived for a while.
    fn drain(&mut self) -> Vec<Seen>;
    /// Returns whether it does not see something, such as `io_uring`, on this kernel.
    fn lacks(&self, what: &str) -> bool;
    /// Returns whether it reports, for every open, whether the text at exit is that of the entry.
    fn holds_given_texts(&self) -> bool;
}

/// Returns a set of calls by their names.
pub(crate) fn named(names: &[&str]) -> SyscallSet {
    names.iter().map(|name| SyscallCode::from_name(name).expect("a call")).collect()
}

pub(crate) struct Live {
    source: Box<dyn Watch>,
    covered: BTreeSet<u16>,
    pub(crate) faults: Vec<String>,
    cases: usize,
}

impl Live {
    pub(crate) fn new(source: impl Watch + 'static) -> Self {
        Self { source: Box::new(source), covered: BTreeSet::new(), faults: Vec::new(), cases: 0 }
    }

    pub(crate) fn lacks(&self, what: &str) -> bool {
        self.source.lacks(what)
    }

    pub(crate) fn holds_given_texts(&self) -> bool {
        self.source.holds_given_texts()
    }

    /// Runs `call` in a separate thread while `selection` is active; returns the thread, the result, and all events.
    pub(crate) fn watch<R: Send>(
        &mut self,
        selection: SyscallSet,
        call: impl FnOnce() -> R + Send,
    ) -> (i64, R, Vec<Seen>) {
        self.source.select(selection);
        let _ = self.source.drain();
        let (tid, result) = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let tid = sys!(libc::SYS_gettid);
                (tid, call())
            });
            thread.join().expect("the calls are made")
        });
        let seen = self.source.drain();
        (tid, result, seen)
    }

    fn selection(code: EventCode) -> SyscallSet {
        let mut selection = SyscallSet::new();
        for row in SYSCALLS {
            if row.events.is_some_and(|(_, exit)| exit == code) {
                selection.insert(row.code);
            }
        }
        for (event, name) in [
            (EventCode::STAT64_X, "stat64"),
            (EventCode::LSTAT64_X, "lstat64"),
            (EventCode::FSTAT64_X, "fstat64"),
            (EventCode::LLSEEK_X, "_llseek"),
            (EventCode::MMAP2_X, "mmap2"),
            (EventCode::UMOUNT_1_X, "umount"),
            (EventCode::SEND_X, "send"),
            (EventCode::RECV_X, "recv"),
        ] {
            if event == code {
                selection.insert(SyscallCode::from_name(name).expect("a call"));
            }
        }
        selection
    }

    /// Makes calls in a thread and expects exactly one event of type `code` for it, whose result `call` returned;
    /// checks each parameter.
    pub(crate) fn case(
        &mut self,
        code: EventCode,
        call: impl FnOnce() -> i64 + Send,
        params: impl FnOnce(i64) -> Vec<P>,
    ) {
        let (tid, ret, seen) = self.watch(Self::selection(code), call);
        let of_thread: Vec<&Seen> = seen.iter().filter(|seen| seen.tid == tid && seen.code == code).collect();
        self.cases += 1;
        let expected = params(ret);
        // Set-up, and the end of the thread, may make the same call: one event has to be the one that is meant.
        match of_thread.iter().find(|event| Self::differences(event, &expected).is_empty()).or(of_thread.last()) {
            None => self.faults.push(format!("{code:?}: no event (the call gave {ret})")),
            Some(event) => self.check(event, &expected),
        }
    }

    /// Compares one event with the expected one.
    pub(crate) fn check(&mut self, seen: &Seen, expected: &[P]) {
        self.covered.insert(seen.code.0);
        self.faults.extend(Self::differences(seen, expected));
    }

    pub(crate) fn differences(seen: &Seen, expected: &[P]) -> Vec<String> {
        let info = seen.code.info().expect("a known event");
        let mut faults = Vec::new();
        // Paths of opens, and file descriptors that came with a message, have their own cases.
        let more = [1, 3].contains(&(seen.params.len().saturating_sub(info.params.len()))) && seen.says_more();
        if !(more || seen.params.len() == info.params.len()) || expected.len() != info.params.len() {
            faults.push(format!(
                "{}: {} parameters in the table, {} sent, {} expected",
                info.constant,
                info.params.len(),
                seen.params.len(),
                expected.len()
            ));
            return faults;
        }
        for ((param, raw), want) in info.params.iter().zip(&seen.params).zip(expected) {
            let number = !param.ty.is_variable();
            let width_holds = !number || raw.len() == param.ty.min_len();
            let holds = width_holds
                && match want {
                    P::N(v) => number && *raw == v.to_ne_bytes()[..raw.len().min(8)],
                    P::T(text) => *raw == [text.as_bytes(), b"\0"].concat(),
                    P::B(bytes) => raw == bytes,
                    P::E => raw.is_empty(),
                    P::Set => raw.iter().any(|byte| *byte != 0),
                    P::Any => true,
                };
            if !holds {
                faults.push(format!(
                    "{}.{}: {:?} expected, {:?} ({}) sent",
                    info.constant,
                    param.name,
                    want,
                    raw,
                    String::from_utf8_lossy(raw)
                ));
            }
        }
        faults
    }

    /// Ends the run: reports every error, and every specific event that no case has seen.
    pub(crate) fn report(mut self) {
        for info in EVENTS {
            let live = info.is_live() && info.category.intersects(scap::schema::Category::SYSCALL);
            if live && !self.covered.contains(&info.code.0) {
                self.faults.push(format!("{} ({}): no case", info.constant, info.code.0));
            }
        }
        println!("{} cases, {} events covered", self.cases, self.covered.len());
        self.report_faults();
    }

    /// Ends a run whose source is known to differ.
    pub(crate) fn into_faults(self) -> (usize, Vec<String>) {
        (self.cases, self.faults)
    }

    /// Ends a run over some events only.
    pub(crate) fn report_faults(self) {
        let (_, faults) = self.into_faults();
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    }
}
