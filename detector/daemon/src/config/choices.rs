//! Settings that are one of a few words.

use super::setting::choices;

choices! {
    /// Where the events come from.
    EngineKind {
        /// The CO-RE probe.
        ModernEbpf = "modern_ebpf",
        /// Falco's kernel module. Peregrine has none and uses its probe instead, with a warning.
        Kmod = "kmod",
        /// A capture file.
        Replay = "replay",
        /// No system calls at all.
        Nodriver = "nodriver",
    }
    /// The least urgent priority that is of interest.
    MinPriority {
        /// The machine is unusable.
        Emergency = "emergency",
        /// Someone must act at once.
        Alert = "alert",
        /// Something essential is broken.
        Critical = "critical",
        /// Something failed.
        Error = "error",
        /// Something looks wrong.
        Warning = "warning",
        /// Normal but worth a word.
        Notice = "notice",
        /// What goes on.
        Informational = "informational",
        /// The same, shorter.
        Info = "info",
        /// What goes on inside.
        Debug = "debug",
    }
    /// How many rules one event may set off.
    RuleMatching {
        /// The first that matches, in the order of loading.
        First = "first",
        /// All of them.
        All = "all",
    }
    /// How a further configuration file is merged into what was read before.
    Strategy {
        /// Lists are extended, all else is replaced.
        Append = "append",
        /// Everything is replaced.
        Override = "override",
        /// Only keys that are new are taken.
        AddOnly = "add-only",
    }
    /// Which matches start a capture file.
    CaptureMode {
        /// Those of rules with `capture: true`.
        Rules = "rules",
        /// Those of every rule.
        AllRules = "all_rules",
    }
    /// What to do when system calls were dropped.
    DropAction {
        /// Nothing.
        Ignore = "ignore",
        /// A line in the log.
        Log = "log",
        /// An alert of source `internal`.
        Alert = "alert",
        /// Stop the program.
        Exit = "exit",
    }
    /// The most talkative kind of log line that is still written.
    LogLevel {
        /// The machine is unusable.
        Emergency = "emergency",
        /// Someone must act at once.
        Alert = "alert",
        /// Something essential is broken.
        Critical = "critical",
        /// Something failed.
        Error = "error",
        /// Something looks wrong.
        Warning = "warning",
        /// Normal but worth a word.
        Notice = "notice",
        /// What goes on.
        Info = "info",
        /// What goes on inside.
        Debug = "debug",
    }
    /// The same for what the libraries say.
    LibsSeverity {
        /// Something fatal.
        Fatal = "fatal",
        /// Something essential is broken.
        Critical = "critical",
        /// Something failed.
        Error = "error",
        /// Something looks wrong.
        Warning = "warning",
        /// Normal but worth a word.
        Notice = "notice",
        /// What goes on.
        Info = "info",
        /// What goes on inside.
        Debug = "debug",
        /// Every step.
        Trace = "trace",
    }
}
