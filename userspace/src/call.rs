//! A call: its number, its arguments, and the parameters that its event gets from them.

use scap::EventBuilder;
use scap::host::Thread;
use scap::procfs::Lookup;
use scap::schema::{EventCode, SYSCALLS, SyscallCode};

use crate::generated::numbers::{CODES, IA32, IA32_EVENTS, IA32_ONLY, NONE, SOCKETCALL as CALLS};
use crate::memory::{MAX_PATH, Memory};
use crate::process::Process;
use crate::sys::CallInfo;

/// The 32-bit number of `socketcall`.
pub(crate) const SOCKETCALL: u16 = 102;
/// The bit of the x32 interface.
const X32: u64 = 1 << 30;
/// Calls that return to no exit: `rt_sigreturn`, `exit`, `exit_group`.
const ENDLESS: [u16; 3] = [15, 60, 231];

/// Returns whether a number of ours is a call that can be reported.
pub(crate) fn is_known(number: u16) -> bool {
    CODES.get(usize::from(number)).is_some_and(|code| *code != 0) && !ENDLESS.contains(&number)
}

/// Returns the calls behind `socketcall`, by number.
pub(crate) fn socketcalls() -> impl Iterator<Item = u16> {
    CALLS.iter().copied().filter(|number| *number != NONE)
}

/// A call at its entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// The number in our tables.
    pub(crate) number: u16,
    /// The number that the program used.
    pub(crate) native: u16,
    pub(crate) args: [u64; 6],
    pub(crate) compat: bool,
    /// The code of its event.
    pub(crate) event: EventCode,
}

impl Call {
    /// Returns the call that a thread is about to make; `None` for one that is not in the tables. `socketcall` has its
    /// arguments in memory.
    pub(crate) fn new(info: &CallInfo, memory: &mut Memory) -> Option<Self> {
        if !info.compat && info.number & X32 != 0 {
            return None;
        }
        let native = u16::try_from(info.number).ok()?;
        let mut args = info.args;
        let number = if !info.compat {
            native
        } else if native == SOCKETCALL {
            let mut words = [0; 24];
            memory.read(args[1] & 0xffff_ffff, &mut words);
            let call = *CALLS.get(args[0] as u32 as usize)?;
            for (arg, word) in args.iter_mut().zip(words.chunks_exact(4)) {
                *arg = u32::from_ne_bytes(*word.first_chunk()?).into();
            }
            call
        } else {
            args.iter_mut().for_each(|arg| *arg &= 0xffff_ffff);
            *IA32.get(usize::from(native))?
        };
        if !is_known(number) {
            return None;
        }
        Some(Self { number, native, args, compat: info.compat, event: event_of(number)? })
    }

    pub(crate) fn code(&self) -> SyscallCode {
        SyscallCode(CODES.get(usize::from(self.number)).copied().unwrap_or_default())
    }

    /// Returns the number that the generic event has.
    pub(crate) fn generic_number(&self) -> u16 {
        if self.number < IA32_ONLY { self.number } else { self.native }
    }
}

/// Returns the event of a call at its exit.
fn event_of(number: u16) -> Option<EventCode> {
    static EVENTS: std::sync::LazyLock<[EventCode; 512]> = std::sync::LazyLock::new(|| {
        let mut events = [EventCode::GENERIC_X; 512];
        for (number, code) in CODES.iter().enumerate() {
            let row = SYSCALLS.iter().find(|row| row.code.0 == *code);
            if let Some(exit) = row.and_then(|row| row.events).map(|(_, exit)| exit)
                && number < usize::from(IA32_ONLY)
                && exit.info().is_some_and(|info| info.is_live())
                && let Some(event) = events.get_mut(number)
            {
                *event = exit;
            }
        }
        for (number, event) in IA32_EVENTS {
            if let Some(place) = events.get_mut(usize::from(*number)) {
                *place = *event;
            }
        }
        events
    });
    EVENTS.get(usize::from(number)).copied()
}

/// A call that has ended, and the event that is written about it.
pub(crate) struct Ended<'t> {
    pub(crate) call: Call,
    pub(crate) result: i64,
    pub(crate) process: Process<'t>,
    pub(crate) memory: &'t mut Memory,
    pub(crate) out: &'t mut EventBuilder,
    pub(crate) lookup: &'t mut Lookup,
    pub(crate) snaplen: usize,
    /// Whether a file that an open was to create was there before.
    pub(crate) existed: bool,
    /// Sizes of the process in kilobytes, once they were needed.
    pub(crate) sizes: Option<[u32; 3]>,
}

macro_rules! number {
    ($($name:ident)*) => {$(
        /// Writes a number, cut to the width.
        pub(crate) fn $name(&mut self, value: u64) {
            self.out.$name(value as $name);
        }
    )*};
}

impl Ended<'_> {
    number! { u8 u16 u32 u64 }

    pub(crate) fn i64(&mut self, value: i64) {
        self.out.i64(value);
    }

    pub(crate) fn empty(&mut self) {
        self.out.empty();
    }

    /// Returns the result as it is written.
    pub(crate) fn ret(&self) -> u64 {
        self.result as u64
    }

    pub(crate) fn ret32(&self) -> u64 {
        i64::from(self.result as i32) as u64
    }

    pub(crate) fn arg(&self, index: usize) -> u64 {
        self.call.args.get(index).copied().unwrap_or_default()
    }

    pub(crate) fn arg32(&self, index: usize) -> u64 {
        self.arg(index) & 0xffff_ffff
    }

    /// Returns a file descriptor or pid.
    pub(crate) fn fd(&self, index: usize) -> u64 {
        i64::from(self.arg(index) as i32) as u64
    }

    /// Writes the file descriptor of an argument.
    pub(crate) fn push_fd(&mut self, index: usize) {
        self.u64(self.fd(index));
    }

    /// Returns a number in the memory of the process; 0 if it cannot be read.
    pub(crate) fn user32(&mut self, index: usize) -> u64 {
        self.memory.u32(self.arg(index)).into()
    }

    pub(crate) fn user64(&mut self, index: usize) -> u64 {
        self.memory.u64(self.arg(index))
    }

    /// Returns a word of the width of the program.
    pub(crate) fn word(&mut self, address: u64) -> u64 {
        if self.call.compat { self.memory.u32(address).into() } else { self.memory.u64(address) }
    }

    /// Writes the text that an argument points to.
    pub(crate) fn text(&mut self, index: usize) {
        self.text_at(self.arg(index), MAX_PATH);
    }

    /// The same, empty if the call failed.
    pub(crate) fn text_ok(&mut self, index: usize) {
        self.text_at(if self.result >= 0 { self.arg(index) } else { 0 }, MAX_PATH);
    }

    pub(crate) fn text_at(&mut self, address: u64, max: usize) {
        match self.memory.text(address, max) {
            Some(text) => self.out.text(text),
            None => self.out.empty(),
        };
    }

    /// Writes bytes of the process; none if they cannot be read.
    pub(crate) fn bytes_at(&mut self, address: u64, len: u64) {
        self.out.raw(self.memory.bytes(address, len));
    }

    /// Returns total, resident or swapped memory of the process in kilobytes.
    pub(crate) fn memory_kb(&mut self, which: usize) -> u64 {
        let sizes = *self.sizes.get_or_insert_with(|| crate::memory::sizes(self.process.tid));
        sizes.get(which).copied().unwrap_or_default().into()
    }

    /// Returns the facts of the thread from `/proc`.
    pub(crate) fn thread(&mut self) -> Option<Thread> {
        self.lookup.thread(self.process.tid.into())
    }
}
