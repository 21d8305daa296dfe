//! The category of an event, and its effects.

macro_rules! bits {
    ($(#[$doc:meta])* $name:ident($int:ty) { $($(#[$bit_doc:meta])* $bit:ident = $value:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $name(pub(crate) $int);

        impl $name {
            $($(#[$bit_doc])* pub const $bit: Self = Self($value);)*

            /// Every constant with its name.
            pub const ALL: &'static [(&'static str, Self)] = &[$((stringify!($bit), Self($value))),*];

            /// Returns the bits as the schema numbers them.
            pub const fn bits(self) -> $int {
                self.0
            }

            /// Returns whether any bit of `other` is set.
            pub const fn intersects(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// Returns whether every bit of `other` is set.
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }
        }

        impl std::ops::BitOr for $name {
            type Output = Self;
            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }
    };
}

bits! {
    /// The category of an event: one subject in the low byte (or a scheduler or internal mark) and one origin above it.
    Category(u32) {
        /// Unknown.
        UNKNOWN = 0,
        /// None of the other subjects.
        OTHER = 1,
        /// Works on files by name.
        FILE = 2,
        /// Works on sockets.
        NET = 3,
        /// Works between processes.
        IPC = 4,
        /// Works on memory.
        MEMORY = 5,
        /// Works on processes.
        PROCESS = 6,
        /// Sleeps.
        SLEEP = 7,
        /// Works on the host.
        SYSTEM = 8,
        /// Works on signals.
        SIGNAL = 9,
        /// Works on users and groups.
        USER = 10,
        /// Works on clocks and timers.
        TIME = 11,
        /// Time spent outside calls.
        PROCESSING = 12,
        /// Reads from a file descriptor.
        IO_READ = 32,
        /// Writes to a file descriptor.
        IO_WRITE = 33,
        /// Does other work on a file descriptor.
        IO_OTHER = 34,
        /// Waits for file descriptors.
        WAIT = 64,
        /// Scheduling.
        SCHEDULER = 128,
        /// Belongs to the capture itself.
        INTERNAL = 256,
        /// Comes from a system call.
        SYSCALL = 512,
        /// Comes from a tracepoint.
        TRACEPOINT = 1024,
        /// Comes from a plugin.
        PLUGIN = 2048,
        /// Made by the capture itself.
        METAEVENT = 4096,
        /// Comes from a BPF iterator.
        ITER = 8192,
    }
}

impl Category {
    /// Returns the subject, without the origin bits.
    pub const fn subject(self) -> Self {
        Self(self.0 & 0x1ff)
    }

    /// Returns the origin, without the subject.
    pub const fn origin(self) -> Self {
        Self(self.0 & !0x1ff)
    }

    /// Returns the name of the subject, such as `file`.
    pub fn subject_name(self) -> &'static str {
        match self.subject() {
            Self::OTHER => "other",
            Self::FILE => "file",
            Self::NET => "net",
            Self::IPC => "ipc",
            Self::MEMORY => "memory",
            Self::PROCESS => "process",
            Self::SLEEP => "sleep",
            Self::SYSTEM => "system",
            Self::SIGNAL => "signal",
            Self::USER => "user",
            Self::TIME => "time",
            Self::PROCESSING => "processing",
            Self::IO_READ => "IO read",
            Self::IO_WRITE => "IO write",
            Self::IO_OTHER => "IO other",
            Self::WAIT => "wait",
            Self::SCHEDULER => "scheduler",
            Self::INTERNAL => "internal",
            _ => "unknown",
        }
    }

    /// Returns the name of the origin, such as `syscall`.
    pub fn origin_name(self) -> &'static str {
        match self.origin() {
            Self::SYSCALL => "syscall",
            Self::TRACEPOINT => "tracepoint",
            Self::PLUGIN => "plugin",
            Self::METAEVENT => "metaevent",
            Self::ITER => "iterator",
            _ => "unknown",
        }
    }
}

bits! {
    /// The effects of an event, and whether it is still sent.
    EventFlags(u32) {
        /// Creates a file descriptor.
        CREATES_FD = 1,
        /// Closes a file descriptor.
        DESTROYS_FD = 2,
        /// Works on a file descriptor.
        USES_FD = 4,
        /// Reads from the file descriptor.
        READS_FROM_FD = 8,
        /// Writes to the file descriptor.
        WRITES_TO_FD = 16,
        /// Changes the state.
        MODIFIES_STATE = 32,
        /// Has a number that was never used or is no longer used.
        UNUSED = 64,
        /// The call may wait.
        WAITS = 128,
        /// Does not belong to a thread: parsers leave per-thread facts unchanged.
        SKIPPARSERESET = 256,
        /// Has an old layout; newer drivers send another code.
        OLD_VERSION = 512,
        /// Is not needed by consumers that only watch state.
        DROP_SIMPLE_CONS = 1024,
        /// Has lengths of 32 bits.
        LARGE_PAYLOAD = 2048,
        /// Is upgraded to the current layout when read from a file.
        CONVERTED = 4096,
    }
}

bits! {
    /// The treatment of a system call by drivers.
    SyscallFlags(u32) {
        /// Has its own event.
        USED = 1,
        /// Is never left out when sampling: the state depends on it.
        NEVER_DROP = 2,
        /// Is left out first when sampling.
        ALWAYS_DROP = 4,
    }
}

impl EventFlags {
    /// Returns the names of the flags that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().filter(move |row| self.contains(row.1)).map(|row| row.0)
    }
}

impl SyscallFlags {
    /// Returns the names of the flags that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().filter(move |row| self.contains(row.1)).map(|row| row.0)
    }
}
