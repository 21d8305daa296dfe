//! Plans of denials: values that do not depend on the kernel's tables.

use std::net::IpAddr;

/// The most tests of a hook, of all rules together.
pub const MAX_TESTS: usize = 64;
/// The most clauses of a hook, of all rules together.
pub const MAX_CLAUSES: usize = 64;
/// The most components of a path that a test names.
pub const MAX_COMPONENTS: usize = 16;

macro_rules! hooks {
    ($($(#[$doc:meta])* $name:ident $text:literal $program:literal;)*) => {
        /// A point in the kernel at which something can be denied, before it happens.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Hook { $($(#[$doc])* $name,)* }

        impl Hook {
            /// All hooks, in the order of the kernel's tables.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Returns its name, a verb.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            pub(crate) const fn program(self) -> &'static str {
                match self { $(Self::$name => $program,)* }
            }
        }
    };
}

hooks! {
    /// A program is about to be run: it, and then each interpreter that its first line names.
    Exec "exec" "deny_exec";
    /// A file is opened. Not to run it, and not only to refer to it (`O_PATH`).
    Open "open" "deny_open";
    /// A socket is connected.
    Connect "connect" "deny_connect";
    /// A file or directory is renamed.
    Rename "rename" "deny_rename";
    /// A file is removed.
    Unlink "unlink" "deny_unlink";
    /// A directory is removed.
    Rmdir "rmdir" "deny_rmdir";
    /// A hard link is made.
    Link "link" "deny_link";
    /// The system call `bpf`.
    Bpf "bpf" "deny_bpf";
    /// A process is traced, or its memory is accessed.
    Ptrace "ptrace" "deny_ptrace";
}

/// One of the paths of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// The executable of the process; at [`Hook::Exec`] the one that is about to be run.
    Exe,
    /// The file that is opened, renamed, removed or linked.
    Object,
    /// The new name at [`Hook::Rename`] and [`Hook::Link`].
    Target,
}

/// A property that is true or false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flag {
    /// The executable is in memory only (memfd).
    Memfd,
    /// The executable lies in the upper layer of an overlay.
    UpperLayer,
    /// The file is opened for reading.
    Read,
    /// The file is opened for writing.
    Write,
    /// The file is opened as a directory (`O_DIRECTORY`).
    Directory,
    /// The socket is connected to an internet address.
    Address,
}

/// A test on a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Test {
    /// The path is this one, absolute and without links and dots, of at most [`MAX_COMPONENTS`] components.
    Path(Place, Vec<u8>),
    /// The path is below this directory.
    Below(Place, Vec<u8>),
    /// The last component of the path is this.
    Last(Place, Vec<u8>),
    /// The name of the thread, of at most 15 bytes. At [`Hook::Exec`] it is the name before.
    Comm(Vec<u8>),
    /// The name of the parent process.
    ParentComm(Vec<u8>),
    /// The effective user, in the initial user namespace.
    Uid(u32),
    /// The short ID of the container that a cgroup of the process names; `host` if none does.
    Container(Vec<u8>),
    /// The address to connect to is in this network.
    Net(IpAddr, u8),
    /// The port to connect to.
    Port(u16),
    /// The property is true.
    Flag(Flag),
}

/// Tests that must be true, and tests that must be false, for something to be denied: bits by the places of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clause {
    /// The tests that must be true.
    pub all: u64,
    /// The tests that must be false.
    pub none: u64,
    /// The place of the rule in [`Plan::rules`].
    pub rule: u32,
}

/// The denials at one hook.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HookPlan {
    /// The hook.
    pub hook: Hook,
    /// Sets of tests of which any must be true; the place is the bit in clauses. At most [`MAX_TESTS`].
    pub tests: Vec<Vec<Test>>,
    /// The clauses of which any denies. At most [`MAX_CLAUSES`].
    pub clauses: Vec<Clause>,
}

impl HookPlan {
    /// Returns the plan of a hook at which nothing is denied yet.
    pub fn new(hook: Hook) -> Self {
        Self { hook, tests: Vec::new(), clauses: Vec::new() }
    }
}

/// All denials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// The names of rules.
    pub rules: Vec<String>,
    /// The denials at each hook, each hook once.
    pub hooks: Vec<HookPlan>,
    /// Whether nothing is really denied, but reported as it would be.
    pub dry_run: bool,
    /// Processes that are never denied anything; at most 16.
    pub exempt: Vec<u32>,
    /// Executables on the host's own file system that are never denied anything: absolute paths, and directories with a
    /// slash at the end.
    pub protected: Vec<Vec<u8>>,
}
