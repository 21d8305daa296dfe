//! The command line: Falco's options, with Falco's spelling.
//!
//! Options that Falco removed are not in the table. If the parser meets an unknown option, it looks it up in
//! `removed.rs`, so that the user learns the replacement.
#![allow(rustdoc::broken_intra_doc_links, reason = "the comments are the texts of --help")]

pub(crate) mod manual;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Format of lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For reading.
    #[default]
    Text,
    /// For documentation.
    Markdown,
    /// For programs.
    Json,
}

/// Detects suspicious activity on a Linux host by evaluating rules against system calls.
///
/// Events come from the kernel through a BPF probe, or from a capture file. Rules and configuration are compatible with
/// Falco's.
#[derive(Debug, Clone, Default, Parser)]
#[command(name = "peregrine", disable_version_flag = true, disable_help_subcommand = true)]
#[command(override_usage = "peregrine [OPTIONS]", max_term_width = 120)]
pub struct Options {
    /// The configuration file [default: /etc/peregrine/falco.yaml, /etc/falco/falco.yaml, or built-in settings]
    #[arg(short = 'c', value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,

    /// Set a configuration value, after all files: a.b=v, list[0]=v, list[]=v, list[]={"k": v}
    ///
    /// A dot separates the levels of the configuration; [N] names an item of a list, [] appends one. A value in braces
    /// is read as a mapping. A backslash escapes a dot, a bracket or a backslash in a key.
    #[arg(short = 'o', long = "option", value_name = "KEY=VALUE")]
    pub(crate) options: Vec<String>,

    /// A rules file, or a directory of them, instead of those in the configuration; repeatable
    ///
    /// Only files whose names end in .yml or .yaml are read, those of a directory in the order of their names.
    #[arg(short = 'r', value_name = "FILE|DIR")]
    pub(crate) rules: Vec<PathBuf>,

    /// Validate rules files, print the errors, and exit; repeatable
    #[arg(short = 'V', long = "validate", value_name = "FILE")]
    pub(crate) validate: Vec<PathBuf>,

    /// Run rule tests from a file, or from all files of a directory, and exit; repeatable
    ///
    /// A test has events and the alerts that they must produce. The rules are those that the test file names; otherwise
    /// those of -r, of the configuration, or the built-in ones. With -v, also lists the tests that pass.
    #[arg(long = "test", value_name = "FILE|DIR")]
    pub(crate) tests: Vec<PathBuf>,

    /// Explain how a rule is evaluated, and exit: its condition, event types, code and prefilter
    #[arg(long = "explain-rule", value_name = "RULE")]
    pub(crate) explain_rule: Option<String>,

    /// Explain which rules match an event of a capture and why others do not, and exit; N is its evt.num
    ///
    /// With --explain-rule, explains that rule alone, with the result of each part of its condition. The capture is
    /// that of engine.replay.capture_file.
    #[arg(long = "explain-event", value_name = "N")]
    pub(crate) explain_event: Option<u64>,

    /// Print which events the rules let the kernel leave out and what hinders more, and exit
    ///
    /// With engine.kind=replay, also the share of the events of the capture that would be kept.
    #[arg(long = "plan")]
    pub(crate) plan: bool,

    /// Profile rules and their atoms, and print a table at the end, or write it to a file (*.json: as JSON)
    #[arg(long = "profile", value_name = "FILE", num_args = 0..=1, default_missing_value = "-", require_equals = true)]
    pub(crate) profile: Option<PathBuf>,

    /// Describe all rules and exit; with json_output, also their macros, lists, fields and events
    #[arg(short = 'L')]
    pub(crate) describe_all: bool,

    /// Describe one rule and exit
    #[arg(short = 'l', value_name = "RULE")]
    pub(crate) describe: Option<String>,

    /// List the fields of conditions and outputs, of all sources or of one, and exit
    #[arg(long = "list", value_name = "SOURCE", num_args = 0..=1, default_missing_value = "")]
    pub(crate) list: Option<String>,

    /// List the events with their parameters, and exit
    #[arg(long = "list-events")]
    pub(crate) list_events: bool,

    /// With --list: print only the names of fields
    #[arg(short = 'N')]
    pub(crate) names_only: bool,

    /// Verbose output
    #[arg(short = 'v')]
    pub(crate) verbose: bool,

    /// Output format of --list and --list-events
    #[arg(long, value_enum, ignore_case = true, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,

    /// Deprecated: use --format markdown
    #[arg(long, conflicts_with = "format")]
    pub(crate) markdown: bool,

    /// List the system calls that are not captured by default because of their volume, and exit
    #[arg(short = 'i')]
    pub(crate) ignored_events: bool,

    /// List the plugins and exit
    #[arg(long = "list-plugins")]
    pub(crate) list_plugins: bool,

    /// Describe a plugin, by name or by its library_path, and exit
    #[arg(long = "plugin-info", value_name = "PLUGIN")]
    pub(crate) plugin_info: Option<String>,

    /// Print the JSON schema of the configuration and exit
    #[arg(long = "config-schema")]
    pub(crate) config_schema: bool,

    /// Print the JSON schema of rules files and exit
    #[arg(long = "rule-schema")]
    pub(crate) rule_schema: bool,

    /// Print the manual page in roff format and exit
    #[arg(long)]
    pub(crate) man: bool,

    /// Print shell completions and exit
    #[arg(long, value_enum, value_name = "SHELL")]
    pub(crate) completions: Option<clap_complete::Shell>,

    /// Validate configuration and rules without opening sources or outputs
    ///
    /// With -P, if the detector runs with the same -P, also print what a reload would change.
    #[arg(long = "dry-run")]
    pub(crate) dry_run: bool,

    /// Enable only this event source; repeatable; ignored in a replay
    #[arg(long = "enable-source", value_name = "SOURCE", conflicts_with = "disable_sources")]
    pub(crate) enable_sources: Vec<String>,

    /// Disable this event source; repeatable; ignored in a replay
    #[arg(long = "disable-source", value_name = "SOURCE")]
    pub(crate) disable_sources: Vec<String>,

    /// Stop after this number of seconds, in event time
    #[arg(short = 'M', value_name = "SECONDS", default_value_t = 0)]
    pub(crate) duration: u64,

    /// Write the process id to this file
    #[arg(short = 'P', long = "pidfile", value_name = "FILE")]
    pub(crate) pidfile: Option<PathBuf>,

    /// Write each alert immediately, even if buffered_outputs is set
    #[arg(short = 'U', long = "unbuffered")]
    pub(crate) unbuffered: bool,

    /// Deprecated: text with fields to append to the output of every rule; use -o append_output[]=...
    #[arg(short = 'p', long = "print", value_name = "FORMAT")]
    pub(crate) print: Option<String>,

    /// Print version, configuration, rules and system as JSON, for bug reports, and exit
    #[arg(long)]
    pub(crate) support: bool,

    /// Print the kubeconfig with which an API server posts audit events to this URL, and exit
    ///
    /// For the API server's --audit-webhook-config-file. The URL is that of the plugin k8saudit.
    #[arg(long = "audit-webhook", value_name = "URL", num_args = 0..=1,
          default_missing_value = "http://127.0.0.1:9765/k8s-audit")]
    pub(crate) audit_webhook: Option<String>,

    /// Print an audit policy for an API server's --audit-policy-file, and exit
    #[arg(long = "audit-policy")]
    pub(crate) audit_policy: bool,

    /// Print the versions of the program and its components, and exit
    #[arg(long)]
    pub(crate) version: bool,

    /// Print the size of a memory page and exit
    #[arg(long = "page-size")]
    pub(crate) page_size: bool,
}

/// The result of reading a command line.
#[derive(Debug)]
pub enum Parsed {
    /// Options for [`run`](crate::run).
    Options(Box<Options>),
    /// Text to print, for `--help`.
    Help(String),
    /// The reason why the command line is invalid.
    Error(String),
}

impl Options {
    /// Returns the format of lists. `--markdown` is the deprecated option for it.
    pub(crate) fn list_format(&self) -> Format {
        if self.markdown { Format::Markdown } else { self.format.unwrap_or_default() }
    }
}

/// Parses the command line, the name of the program first.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Parsed {
    let read = Options::command().try_get_matches_from(args).and_then(|matches| Options::from_arg_matches(&matches));
    let error = match read {
        Ok(options) => return Parsed::Options(Box::new(options)),
        Err(error) => error,
    };
    if !error.use_stderr() {
        return Parsed::Help(error.render().to_string());
    }
    if let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidArg) {
        // `--name=value` and `-x` in a group of letters are looked up by the option alone.
        let name = name.split('=').next().unwrap_or(name);
        if let Some(sentence) = crate::config::removed::flag(name) {
            return Parsed::Error(format!("option {name} {sentence}"));
        }
    }
    let text = error.render().to_string();
    Parsed::Error(text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Parsed {
        parse(std::iter::once("peregrine").chain(args.iter().copied()).map(OsString::from))
    }

    fn options(args: &[&str]) -> Options {
        match read(args) {
            Parsed::Options(options) => *options,
            other => panic!("{args:?}: {other:?}"),
        }
    }

    #[test]
    fn the_table_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn falcos_spelling_is_understood() {
        let options = options(&[
            "-c",
            "a.yaml",
            "-o",
            "a=b",
            "--option",
            "c=d",
            "-r",
            "x",
            "-r",
            "y",
            "-V",
            "v",
            "--validate",
            "w",
            "-L",
            "-l",
            "rule",
            "--list=syscall",
            "--list-events",
            "-N",
            "-v",
            "--format",
            "JSON",
            "-i",
            "--list-plugins",
            "--plugin-info",
            "p",
            "--config-schema",
            "--rule-schema",
            "--dry-run",
            "--enable-source",
            "s",
            "-M",
            "10",
            "-P",
            "pid",
            "-U",
            "-pc",
            "--support",
            "--version",
            "--page-size",
            "--test",
            "t.yaml",
            "--explain-rule",
            "r",
            "--explain-event",
            "7",
            "--profile=p.json",
            "--plan",
        ]);
        assert_eq!(options.options, ["a=b", "c=d"]);
        assert_eq!((options.rules.len(), options.validate.len(), options.duration), (2, 2, 10));
        assert_eq!((options.list.as_deref(), options.print.as_deref()), (Some("syscall"), Some("c")));
        assert_eq!(options.list_format(), Format::Json);
        assert!(options.describe_all && options.names_only && options.verbose && options.unbuffered);
    }

    #[test]
    fn a_list_may_be_alone() {
        assert_eq!(options(&["--list", "-N"]).list.as_deref(), Some(""));
        assert_eq!(options(&["--list", "k8s_audit"]).list.as_deref(), Some("k8s_audit"));
        assert_eq!(options(&["--list", "--markdown"]).list_format(), Format::Markdown);
        assert_eq!(options(&[]).list, None);
    }

    #[test]
    fn contradictions_are_refused() {
        for args in [
            &["--markdown", "--format", "json"][..],
            &["--enable-source", "a", "--disable-source", "b"],
            &["--format", "xml"],
            &["-M", "ten"],
            &["stray"],
            &["-r"],
        ] {
            assert!(matches!(read(args), Parsed::Error(_)), "{args:?}");
        }
    }

    #[test]
    fn removed_options_name_their_replacement() {
        for (args, part) in [
            (&["-A"][..], "base_syscalls.all=true"),
            (&["-b"], "buffer_format_base64=true"),
            (&["-S", "80"], "falco_libs.snaplen=N"),
            (&["--snaplen=80"], "falco_libs.snaplen=N"),
            (&["-d"], "service manager"),
            (&["-D", "x"], "rules[].disable.rule=*TEXT*"),
            (&["-T", "x"], "rules[].disable.tag=TAG"),
            (&["-t", "x"], "rules[].enable.tag=TAG"),
            (&["-e", "x.scap"], "engine.replay.capture_file=FILE"),
            (&["-g"], "gVisor"),
            (&["--gvisor-root", "x"], "gVisor"),
            (&["--gvisor-generate-config"], "gVisor"),
            (&["-k", "x"], "Kubernetes"),
            (&["-K", "x"], "Kubernetes"),
            (&["-m", "x"], "Mesos"),
            (&["-s", "x"], "metrics"),
            (&["--stats-interval", "x"], "metrics"),
            (&["--list-syscall-events"], "--list-events"),
            (&["-u"], "ptrace"),
            (&["--userspace"], "ptrace"),
            (&["--modern-bpf"], "engine.kind=modern_ebpf"),
            (&["--nodriver"], "engine.kind=nodriver"),
            (&["--cri", "x"], "container plugin"),
            (&["--disable-cri-async"], "container plugin"),
        ] {
            match read(args) {
                Parsed::Error(text) => assert!(text.contains(part), "{args:?}: {text}"),
                other => panic!("{args:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn help_is_text() {
        let Parsed::Help(text) = read(&["--help"]) else { panic!("no help") };
        assert!(text.contains("--list-events") && text.contains("-V"));
        assert!(matches!(read(&["-h"]), Parsed::Help(_)));
    }

    /// An option is one field, as CONTRIBUTING promises. Help, manual page and completions follow; the only other place
    /// is where it is used.
    #[test]
    fn an_option_is_a_field() {
        let page = String::from_utf8(manual::page().unwrap()).unwrap().replace("\\-", "-");
        let completions = String::from_utf8(manual::completions(clap_complete::Shell::Bash)).unwrap();
        let Parsed::Help(help) = read(&["--help"]) else { panic!("no help") };
        let command = Options::command();
        let longs: Vec<_> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
        assert!(longs.len() > 20, "{longs:?}");
        for long in longs {
            let option = format!("--{long}");
            for text in [&page, &completions, &help] {
                assert!(text.contains(&option), "{option}");
            }
        }
        assert_eq!(crate::places::of(&["names_only"]), ["cli/mod.rs", "reports/list/fields.rs"]);
    }
}
