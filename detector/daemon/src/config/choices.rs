//! Settings whose value is one of a few words.

use super::setting::choices;

choices! {
    /// Source of system call events.
    EngineKind {
        /// The CO-RE probe.
        ModernEbpf = "modern_ebpf",
        /// Falco's kernel module. Peregrine has none and uses its probe instead, with a warning.
        Kmod = "kmod",
        /// A capture file.
        Replay = "replay",
        /// No system calls.
        Nodriver = "nodriver",
        /// One command or process, traced without privileges. Not in Falco.
        Userspace = "userspace",
    }
    /// Minimum priority of rules.
    MinPriority {
        /// System is unusable.
        Emergency = "emergency",
        /// Immediate action is required.
        Alert = "alert",
        /// Critical condition.
        Critical = "critical",
        /// Error condition.
        Error = "error",
        /// Warning condition.
        Warning = "warning",
        /// Normal but significant condition.
        Notice = "notice",
        /// Informational.
        Informational = "informational",
        /// Short form of informational.
        Info = "info",
        /// Debugging.
        Debug = "debug",
    }
    /// Number of rules that can match one event.
    RuleMatching {
        /// The first rule that matches, in loading order.
        First = "first",
        /// All rules that match.
        All = "all",
    }
    /// Strategy by which a further configuration file is merged into the previous ones.
    Strategy {
        /// Lists are extended, everything else is replaced.
        Append = "append",
        /// Top-level keys are replaced.
        Override = "override",
        /// Only keys that are not set yet are added.
        AddOnly = "add-only",
    }
    /// Matches that start a capture file.
    CaptureMode {
        /// Matches of rules with `capture: true`.
        Rules = "rules",
        /// Matches of any rule.
        AllRules = "all_rules",
    }
    /// Events that the rules let the kernel leave out.
    PlanUse {
        /// None is left out.
        Off = "off",
        /// They do not leave the kernel.
        On = "on",
        /// None is left out, and each is checked with what the kernel would do.
        Verify = "verify",
    }
    /// Whether responses act.
    ResponseMode {
        /// Reports what would be done.
        DryRun = "dry_run",
        /// Acts.
        Act = "act",
    }
    /// Action of a response.
    ResponseAction {
        /// Sends SIGKILL.
        Kill = "kill",
        /// Sends SIGSTOP.
        Stop = "stop",
        /// Sends SIGCONT.
        Continue = "continue",
        /// Freezes the container.
        Freeze = "freeze",
        /// Thaws the container.
        Thaw = "thaw",
        /// Runs a program of response.programs.
        Run = "run",
        /// Posts the alert to the server of response.webhook, with what is proposed.
        Webhook = "webhook",
        /// Denies in the kernel what the rule describes, before it happens.
        Deny = "deny",
    }
    /// Processes that a response is for.
    ResponseTarget {
        /// The process of the event.
        Process = "process",
        /// The process and its descendants.
        Tree = "tree",
        /// All processes of its container.
        Container = "container",
    }
    /// Action when system calls were dropped.
    DropAction {
        /// None.
        Ignore = "ignore",
        /// Write a log line.
        Log = "log",
        /// Send an alert of source `internal`.
        Alert = "alert",
        /// Exit.
        Exit = "exit",
    }
    /// Minimum severity of log lines.
    LogLevel {
        /// System is unusable.
        Emergency = "emergency",
        /// Immediate action is required.
        Alert = "alert",
        /// Critical condition.
        Critical = "critical",
        /// Error condition.
        Error = "error",
        /// Warning condition.
        Warning = "warning",
        /// Normal but significant condition.
        Notice = "notice",
        /// Informational.
        Info = "info",
        /// Debugging.
        Debug = "debug",
    }
    /// Minimum severity of log lines of the libraries.
    LibsSeverity {
        /// Fatal error.
        Fatal = "fatal",
        /// Critical condition.
        Critical = "critical",
        /// Error condition.
        Error = "error",
        /// Warning condition.
        Warning = "warning",
        /// Normal but significant condition.
        Notice = "notice",
        /// Informational.
        Info = "info",
        /// Debugging.
        Debug = "debug",
        /// Tracing.
        Trace = "trace",
    }
}
