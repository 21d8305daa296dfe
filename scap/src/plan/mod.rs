//! Kernel plans: the calls whose events a live source may leave out, because nobody can want them.
//!
//! A [`Plan`] is a value: rules make it, a source carries it out. It is a superset of what is wanted: what it does not
//! name, and what it cannot decide, is kept. [`Plan::left_out_by`] is the model of what a source does; a source that
//! tests in the kernel must agree with it on every event.
//!
//! ```
//! use peregrine_scap::plan::{Classes, Outcomes, PathTest, Plan, Test};
//! use peregrine_scap::{EventBuilder, EventCode};
//!
//! let mut plan = Plan::everything();
//! plan.set(EventCode::UNLINK_2_X, Outcomes::SUCCEEDED);
//! let mut builder = EventBuilder::new();
//! let failed = builder.start(EventCode::UNLINK_2_X).i64(-2).text("/tmp/x").finish()?;
//! assert_eq!(plan.left_out_by(&failed), Some(Test::Outcome));
//! let succeeded = builder.start(EventCode::UNLINK_2_X).i64(0).text("/tmp/x").finish()?;
//! assert!(plan.keeps(&succeeded));
//!
//! // Of the files that could not be opened only those of a directory.
//! plan.opens_mut().clear(Classes::FAILED);
//! plan.opens_mut().add(PathTest::prefix(b"/etc/"), Classes::FAILED);
//! let open = |builder: &mut EventBuilder, path| {
//!     let open = builder.start(EventCode::OPEN_X).i64(-2).text(path).u32(1).u32(0).u32(0).u64(0);
//!     open.finish().map(|event| plan.keeps(&event))
//! };
//! assert!(open(&mut builder, "/etc/shadow")? && !open(&mut builder, "/lib/x.so")?);
//! # Ok::<(), peregrine_scap::Error>(())
//! ```

mod opens;
mod sets;

pub use opens::{Classes, MAX_PATH, MAX_SUFFIX, MAX_TEXT, Opens, PathTest, Shape, shape};
pub use sets::{Descriptor, Descriptors, Errnos};

use crate::Event;
use crate::schema::param::fcntl_x;
use crate::schema::{EVENT_COUNT, EVENTS, EventCode, ParamRole, Role};

/// The result of a connect that goes on.
const EINPROGRESS: i64 = 115;

/// The commands of fcntl that change the state: `F_DUPFD`, `F_SETFD`, `F_DUPFD_CLOEXEC`.
const STATE_COMMANDS: [u8; 3] = [1, 3, 26];

/// The types of events of calls on the file descriptor that is their first argument, with no other effect on what later
/// events show than the status of a connection.
const ON_DESCRIPTOR: [EventCode; 16] = {
    use EventCode as E;
    [
        E::READ_X,
        E::WRITE_X,
        E::READV_X,
        E::WRITEV_X,
        E::PREAD_X,
        E::PWRITE_X,
        E::PREADV_X,
        E::PWRITEV_X,
        E::LSEEK_X,
        E::FSTAT_X,
        E::IOCTL_3_X,
        E::GETDENTS_X,
        E::GETDENTS64_X,
        E::FLOCK_X,
        E::FCHMOD_X,
        E::FCHOWN_X,
    ]
};

/// Outcomes of a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Outcomes(u8);

impl Outcomes {
    /// None.
    pub const NONE: Self = Self(0);
    /// It failed.
    pub const FAILED: Self = Self(1);
    /// It succeeded; of connect also that it goes on (`EINPROGRESS`).
    pub const SUCCEEDED: Self = Self(2);
    /// Either.
    pub const BOTH: Self = Self(3);

    /// Returns the outcome of a call with an event of this type and this result.
    pub fn of(code: EventCode, result: i64) -> Self {
        let pending = result == -EINPROGRESS && code.role() == Role::Connects;
        if result < 0 && !pending { Self::FAILED } else { Self::SUCCEEDED }
    }

    /// Returns whether all of `other` are among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns these and those.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns them as bits: 1 failed, 2 succeeded.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Returns their name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NONE => "none",
            Self::FAILED => "failed",
            Self::SUCCEEDED => "succeeded",
            _ => "all",
        }
    }
}

impl std::fmt::Debug for Outcomes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A test that leaves events out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Test {
    /// Whether the call failed.
    Outcome,
    /// The access to an opened file, and its path.
    Path,
    /// The command of fcntl.
    Command,
    /// The error number of a call that failed.
    Errno,
    /// The kind of the file descriptor that a call works on.
    Descriptor,
}

impl Test {
    /// All tests, in the order of counters.
    pub const ALL: [Self; 5] = [Self::Outcome, Self::Path, Self::Command, Self::Errno, Self::Descriptor];

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Outcome => "outcome",
            Self::Path => "path",
            Self::Command => "command",
            Self::Errno => "errno",
            Self::Descriptor => "descriptor",
        }
    }
}

/// The calls whose events are wanted.
#[derive(Clone, PartialEq, Eq)]
pub struct Plan {
    kept: Vec<Outcomes>,
    errnos: Vec<Errnos>,
    descriptors: Vec<Descriptors>,
    opens: Opens,
    /// Whether only those commands of fcntl are wanted that change the state.
    few_commands: bool,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let narrowed = EVENTS.iter().map(|info| (info.code, self.kept(info.code)));
        let narrowed: Vec<_> = narrowed.filter(|(_, kept)| *kept != Outcomes::BOTH).collect();
        f.debug_struct("Plan")
            .field("narrowed", &narrowed)
            .field("errnos", &differing(&self.errnos, Errnos::ALL))
            .field("descriptors", &differing(&self.descriptors, Descriptors::ALL))
            .field("opens", &self.opens)
            .field("few_commands", &self.few_commands)
            .finish()
    }
}

/// Returns what is set for some types only.
fn differing<T: Copy + PartialEq>(of: &[T], all: T) -> Vec<(EventCode, T)> {
    EVENTS.iter().map(|info| info.code).zip(of.iter().copied()).filter(|(_, set)| *set != all).collect()
}

impl Default for Plan {
    fn default() -> Self {
        Self::everything()
    }
}

impl Plan {
    /// Returns the plan that leaves nothing out.
    pub fn everything() -> Self {
        Self {
            kept: vec![Outcomes::BOTH; EVENT_COUNT],
            errnos: vec![Errnos::ALL; EVENT_COUNT],
            descriptors: vec![Descriptors::ALL; EVENT_COUNT],
            opens: Opens::everything(),
            few_commands: false,
        }
    }

    /// Returns whether nothing is left out.
    pub fn is_everything(&self) -> bool {
        self.kept.iter().all(|kept| *kept == Outcomes::BOTH)
            && self.errnos.iter().all(|errnos| *errnos == Errnos::ALL)
            && self.descriptors.iter().all(|kinds| *kinds == Descriptors::ALL)
            && self.opens.is_everything()
            && !self.few_commands
    }

    /// Returns whether events of a type can be left out: those that end a call, begin with its result, and that only calls
    /// of this kind have.
    pub fn is_testable(code: EventCode) -> bool {
        use crate::schema::{Category, ParamType};
        code.info().is_some_and(|info| {
            let has_result =
                |ty: ParamType| matches!(ty, ParamType::Errno | ParamType::Fd | ParamType::Pid | ParamType::Int64);
            code.is_exit()
                && info.is_live()
                && !code.is_generic()
                && info.category.intersects(Category::SYSCALL)
                && info.params.first().is_some_and(|param| has_result(param.ty))
        })
    }

    /// Returns whether events of a type are tested by their path, too: calls that open the file of a path.
    pub fn has_path(code: EventCode) -> bool {
        code.role() == Role::Opens && code.param_with(ParamRole::Path).is_some()
    }

    /// Sets the wanted outcomes of calls with events of a type. What cannot be left out stays.
    pub fn set(&mut self, code: EventCode, wanted: Outcomes) {
        if let Some(kept) = self.kept.get_mut(usize::from(code.0))
            && Self::is_testable(code)
        {
            *kept = wanted;
        }
    }

    /// Returns the wanted outcomes of calls with events of a type.
    pub fn kept(&self, code: EventCode) -> Outcomes {
        self.kept.get(usize::from(code.0)).copied().unwrap_or(Outcomes::BOTH)
    }

    /// Returns whether events of a type are tested by the kind of their file descriptor, too: of calls on the one that is
    /// their first argument, with no other effect on what later events show than the status of a connection.
    pub fn has_descriptor(code: EventCode) -> bool {
        ON_DESCRIPTOR.contains(&code)
    }

    /// Sets the wanted error numbers of calls with events of a type that failed, among those that fail at all by
    /// [`set`](Self::set). What cannot be left out stays.
    pub fn set_errnos(&mut self, code: EventCode, wanted: Errnos) {
        if let Some(errnos) = self.errnos.get_mut(usize::from(code.0))
            && Self::is_testable(code)
        {
            *errnos = wanted;
        }
    }

    /// Returns the wanted error numbers of calls with events of a type.
    pub fn errnos(&self, code: EventCode) -> Errnos {
        self.errnos.get(usize::from(code.0)).copied().unwrap_or(Errnos::ALL)
    }

    /// Sets the kinds of file descriptors on which calls with events of a type are wanted. Types that are not tested so stay.
    pub fn set_descriptors(&mut self, code: EventCode, wanted: Descriptors) {
        if let Some(kinds) = self.descriptors.get_mut(usize::from(code.0))
            && Self::has_descriptor(code)
        {
            *kinds = wanted;
        }
    }

    /// Returns the kinds of file descriptors on which calls with events of a type are wanted.
    pub fn descriptors(&self, code: EventCode) -> Descriptors {
        self.descriptors.get(usize::from(code.0)).copied().unwrap_or(Descriptors::ALL)
    }

    /// Sets whether, of fcntl that succeeded, only the commands are wanted that change the state: those that duplicate a
    /// file descriptor, and that set its flags.
    pub fn set_few_commands(&mut self, few: bool) {
        self.few_commands = few;
    }

    /// Returns whether only these commands are wanted.
    pub fn has_few_commands(&self) -> bool {
        self.few_commands
    }

    /// Returns which opened files are wanted.
    pub fn opens(&self) -> &Opens {
        &self.opens
    }

    /// Returns which opened files are wanted, to change it.
    pub fn opens_mut(&mut self) -> &mut Opens {
        &mut self.opens
    }

    /// Returns the test by which an event is left out; `None` if it is kept. An event does not contain the kind of its file
    /// descriptor: for calls that are tested so use [`left_out_on`](Self::left_out_on).
    pub fn left_out_by(&self, event: &Event<'_>) -> Option<Test> {
        self.left_out_on(event, None)
    }

    /// Returns the test by which an event is left out of a call on a file descriptor of this kind; `None` if it is kept. A
    /// kind is only known for certain while no other thread or process can change the table of file descriptors.
    pub fn left_out_on(&self, event: &Event<'_>, kind: Option<Descriptor>) -> Option<Test> {
        let code = event.code();
        let result = i64::from_le_bytes(*event.raw(0)?.first_chunk()?);
        if !Self::is_testable(code) {
            return None;
        }
        let outcome = Outcomes::of(code, result);
        if !self.kept(code).contains(outcome) {
            return Some(Test::Outcome);
        }
        if outcome == Outcomes::FAILED && !self.errnos(code).contains(result.unsigned_abs()) {
            return Some(Test::Errno);
        }
        if self.few_commands && code == EventCode::FCNTL_X && outcome == Outcomes::SUCCEEDED {
            let command = event.raw(fcntl_x::cmd)?.first()?;
            return (!STATE_COMMANDS.contains(command)).then_some(Test::Command);
        }
        if let Some(kind) = kind
            && Self::has_descriptor(code)
            && !self.descriptors(code).contains(Descriptors::one(kind, outcome))
        {
            return Some(Test::Descriptor);
        }
        (Self::has_path(code) && self.opens.leaves_out(event, outcome)).then_some(Test::Path)
    }

    /// Returns whether an event is kept, as [`left_out_by`](Self::left_out_by).
    pub fn keeps(&self, event: &Event<'_>) -> bool {
        self.left_out_by(event).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventBuilder;

    #[test]
    fn what_is_not_the_end_of_a_call_is_never_left_out() {
        let mut plan = Plan::everything();
        for info in EVENTS {
            plan.set(info.code, Outcomes::NONE);
        }
        let codes = [EventCode::PROCEXIT_1_E, EventCode::GENERIC_X, EventCode::OPENAT_2_E, EventCode::ASYNCEVENT_E];
        for code in codes.into_iter().chain([EventCode::GETUID_X]) {
            assert_eq!(plan.kept(code), Outcomes::BOTH, "{code:?}");
        }
        assert_eq!(plan.kept(EventCode::OPENAT_2_X), Outcomes::NONE);
        assert_eq!(plan.kept(EventCode(u16::MAX)), Outcomes::BOTH);
    }

    #[test]
    fn commands_that_change_nothing_are_left_out() {
        let mut plan = Plan::everything();
        plan.set_few_commands(true);
        let mut builder = EventBuilder::new();
        for (result, command, expect) in
            [(0, 4, Some(Test::Command)), (0, 3, None), (5, 1, None), (5, 26, None), (-9, 4, None)]
        {
            let event =
                builder.start(EventCode::FCNTL_X).i64(result).i64(3).u8(command).u64(0).finish().expect("an event");
            assert_eq!(plan.left_out_by(&event), expect, "{result} {command}");
        }
    }

    #[test]
    fn calls_that_failed_are_left_out_by_their_error() {
        let mut plan = Plan::everything();
        plan.set_errnos(EventCode::UNLINK_2_X, Errnos::one(13));
        assert!(!plan.is_everything());
        let mut builder = EventBuilder::new();
        for (result, expect) in [(0, None), (-13, None), (-2, Some(Test::Errno)), (-512, None), (i64::MIN, None)] {
            let event = builder.start(EventCode::UNLINK_2_X).i64(result).text("/tmp/x").finish().expect("an event");
            assert_eq!(plan.left_out_by(&event), expect, "{result}");
        }
        // What is not tested by its result has no error either.
        plan.set_errnos(EventCode::GETUID_X, Errnos::NONE);
        assert_eq!(plan.errnos(EventCode::GETUID_X), Errnos::ALL);
    }

    #[test]
    fn calls_are_left_out_by_the_kind_of_their_file_descriptor() {
        let mut plan = Plan::everything();
        let wanted = Descriptors::one(Descriptor::Inet, Outcomes::BOTH);
        plan.set_descriptors(EventCode::READ_X, wanted.union(Descriptors::one(Descriptor::Unix, Outcomes::FAILED)));
        plan.set_descriptors(EventCode::RECVMSG_X, Descriptors::NONE);
        let mut builder = EventBuilder::new();
        for (result, kind, expect) in [
            (4, Some(Descriptor::Inet), None),
            (4, Some(Descriptor::File), Some(Test::Descriptor)),
            (4, Some(Descriptor::Unix), Some(Test::Descriptor)),
            (-11, Some(Descriptor::Unix), None),
            (-11, Some(Descriptor::File), Some(Test::Descriptor)),
            (4, None, None),
        ] {
            let event = builder.start(EventCode::READ_X).i64(result).raw(b"").i64(3).u32(4).finish().expect("an event");
            assert_eq!(plan.left_out_on(&event, kind), expect, "{result} {kind:?}");
        }
        assert_eq!(plan.descriptors(EventCode::RECVMSG_X), Descriptors::ALL);
    }

    #[test]
    fn calls_that_are_tested_by_their_file_descriptor_work_on_one() {
        use crate::schema::{EventFlags, ParamType};
        for code in ON_DESCRIPTOR {
            let info = code.info().expect("a type");
            let numbers = info.params.iter().skip(1).filter(|param| param.ty == ParamType::Fd).count();
            assert!(Plan::is_testable(code) && info.flags.intersects(EventFlags::USES_FD) && numbers == 1, "{code:?}");
            assert!(!info.flags.intersects(EventFlags::CREATES_FD | EventFlags::DESTROYS_FD), "{code:?}");
        }
    }

    #[test]
    fn a_connect_that_goes_on_has_not_failed() {
        assert_eq!(Outcomes::of(EventCode::CONNECT_X, -115), Outcomes::SUCCEEDED);
        assert_eq!(Outcomes::of(EventCode::CONNECT_X, -111), Outcomes::FAILED);
        assert_eq!(Outcomes::of(EventCode::SOCKET_X, -115), Outcomes::FAILED);
    }

    #[test]
    fn an_event_without_a_whole_result_is_kept() {
        let mut plan = Plan::everything();
        plan.set(EventCode::CLOSE_X, Outcomes::NONE);
        let mut builder = EventBuilder::new();
        let short = builder.start(EventCode::CLOSE_X).raw(&[1, 2, 3, 4]).finish().expect("an event");
        assert!(plan.keeps(&short));
        let whole = builder.start(EventCode::CLOSE_X).i64(-9).i64(3).finish().expect("an event");
        assert_eq!(plan.left_out_by(&whole), Some(Test::Outcome));
    }
}
