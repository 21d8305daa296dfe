//! Rules, and what of them the kernel decides.

use super::*;
use crate::engine::Config;
use crate::event::sinsp::SinspSchema;
use crate::load::{Loader, Sources};
use sinsp::fields::Fields;

fn compiled(rules: &[(&str, &str)]) -> CompiledRules {
    let mut text = String::new();
    for (name, condition) in rules {
        text += &format!("- rule: {name}\n  desc: d\n  condition: {condition:?}\n  output: o\n  priority: DEBUG\n");
    }
    let mut loader = Loader::new(Sources::new().with(SinspSchema::new(Fields::new()).without_host_names()));
    let loaded = loader.load([("r.yaml", text.as_bytes())]);
    assert!(loaded.is_successful(), "{:?}", loaded.diagnostics);
    loader.into_sources().build(loaded.into_rules(), &Config::default()).expect("rules")
}

fn plan(condition: &str) -> Result<Plan, Vec<String>> {
    let plan = compile(&compiled(&[("R", condition)]), "syscall", &["R"]);
    plan.map_err(|errors| errors.into_iter().map(|error| error.why).collect())
}

/// Returns the plan as text, a hook a line: alternatives by `|`, their parts by `&`.
fn text(condition: &str) -> String {
    let plan = plan(condition).expect("a plan");
    let mut lines = Vec::new();
    for hook in &plan.hooks {
        let of = |clause: &Alternative| {
            let parts = hook.tests.iter().enumerate().filter_map(|(bit, tests)| {
                let show = |test: &Test| match test {
                    Test::Path(place, path) => format!("{place:?}={}", String::from_utf8_lossy(path)),
                    Test::Below(place, path) => format!("{place:?}<{}/", String::from_utf8_lossy(path)),
                    Test::Last(place, path) => format!("{place:?}~{}", String::from_utf8_lossy(path)),
                    Test::Comm(name) | Test::ParentComm(name) | Test::Container(name) => {
                        String::from_utf8_lossy(name).into_owned()
                    }
                    Test::Uid(number) => number.to_string(),
                    Test::Port(port) => format!(":{port}"),
                    Test::Net(ip, bits) => format!("{ip}/{bits}"),
                    Test::Flag(flag) => format!("{flag:?}"),
                };
                let tests = tests.iter().map(show).collect::<Vec<_>>().join(",");
                match (clause.all >> bit & 1, clause.none >> bit & 1) {
                    (1, 0) => Some(tests),
                    (0, 1) => Some(format!("!{tests}")),
                    (0, 0) => None,
                    _ => panic!("both"),
                }
            });
            parts.collect::<Vec<_>>().join(" & ")
        };
        lines.push(format!(
            "{}: {}",
            hook.call.name(),
            hook.alternatives.iter().map(of).collect::<Vec<_>>().join(" | ")
        ));
    }
    lines.join("\n")
}

#[test]
fn conditions_become_tests() {
    for (condition, expected) in [
        (
            "evt.type in (execve, execveat) and container.id != host and proc.exepath startswith /tmp/",
            "exec: !host & Exe</tmp/",
        ),
        (
            "evt.type in (open, openat) and evt.is_open_read = true and fd.num >= 0 and fd.name = /etc/shadow and not \
             proc.exepath in (/usr/bin/passwd, /usr/sbin/sshd)",
            "open: Read & Object=/etc/shadow & !Exe=/usr/bin/passwd,Exe=/usr/sbin/sshd",
        ),
        ("evt.type = connect and fd.snet = \"10.0.0.0/8\" and fd.sport in (22, 80)", "connect: 10.0.0.0/8 & :22,:80"),
        // Without an address, neither equal nor unequal.
        ("evt.type = connect and fd.sip != 10.0.0.1", "connect: Address & !10.0.0.1/32"),
        ("evt.type = connect and not fd.sip = 10.0.0.1", "connect: !10.0.0.1/32"),
        ("evt.type = connect and not fd.sip != 10.0.0.1", "connect: !Address | 10.0.0.1/32"),
        ("evt.type = bpf and user.uid != 0", "bpf: !0"),
        ("evt.type = ptrace and proc.name in (gdb, a_name_of_more_than_15_bytes)", "ptrace: gdb"),
        ("evt.type = rename and fs.path.source pmatch (/etc)", "rename: Object=/etc,Object</etc/"),
        ("evt.type = linkat and fs.path.target endswith /shadow", "link: Target~shadow"),
        // unlinkat removes directories too.
        ("evt.type = unlinkat and fs.path.name = /a", "unlink: Object=/a\nrmdir: Object=/a"),
        ("evt.type = execve and (proc.is_exe_from_memfd = true or user.uid = 7)", "exec: Memfd | 7"),
        ("evt.type = open and not (user.uid = 7 and fd.typechar = f)", "open: !7 | Directory"),
        // Each hook has its own part.
        (
            "(evt.type = execve and proc.exepath = /a) or (evt.type = open and fd.name = /b)",
            "exec: Exe=/a\nopen: Object=/b",
        ),
        ("evt.type = execve", "exec: "),
        ("evt.type = execve and evt.failed = false and evt.rawres >= 0 and user.uid = 1", "exec: 1"),
    ] {
        assert_eq!(text(condition), expected, "{condition}");
    }
}

/// A part that cannot be decided is named, and never left out.
#[test]
fn what_the_kernel_cannot_decide_is_named() {
    for (condition, expected) in [
        (
            "evt.type = execve and proc.cmdline contains evil",
            "proc.cmdline contains evil: the kernel does not know proc.cmdline at exec",
        ),
        (
            "evt.type = execve and (user.uid = 0 or proc.aname[2] = sh)",
            "proc.aname[2] = sh: the kernel does not know proc.aname[2] at exec",
        ),
        ("proc.exepath = /a", "the condition must name the calls that it is about by evt.type"),
        ("evt.type != execve and user.uid = 1", "the condition must name the calls that it is about by evt.type"),
        ("evt.type in (open, write) and user.uid = 1", "evt.type = write has no hook"),
        (
            "evt.type = execve and proc.name = x",
            "proc.name = x: at exec, the name of the new program is not set yet; use proc.exepath",
        ),
        (
            "evt.type = open and fd.name startswith /tmp/a",
            "fd.name startswith /tmp/a: a prefix in the kernel is a directory, and ends with a slash",
        ),
        ("evt.type = open and fd.name glob /tmp/*", "fd.name glob /tmp/*: the kernel has no operator 'glob' for paths"),
        (
            "evt.type = open and tolower(fd.name) = /a",
            "tolower(fd.name) = /a: the kernel compares fields without transformers",
        ),
        ("evt.type = open and fd.name = a", "fd.name = a: a path in the kernel begins at the root"),
        (
            "evt.type = open and fd.name = /a/../b",
            "fd.name = /a/../b: a path in the kernel has no component that is empty, . or ..",
        ),
        ("evt.type = execve and container.id = abc", "container.id = abc: the kernel knows IDs of 12 digits, and host"),
        ("evt.type = execve and fd.name = /a", "fd.name = /a: the kernel does not know fd.name at exec"),
        ("evt.type = open and fd.num = 3", "fd.num = 3: the kernel has no operator '=' for fd.num"),
        ("evt.type = open and evt.failed = true", "its condition is never true"),
    ] {
        let found = plan(condition);
        assert_eq!(found, Err(vec![expected.to_owned()]), "{condition}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let parts =
        |n: usize| (0..n).map(|i| format!("(user.uid = {i} and fd.name = /{i})")).collect::<Vec<_>>().join(" or ");
    assert!(plan(&format!("evt.type = open and ({})", parts(32))).is_ok());
    let why = plan(&format!("evt.type = open and ({})", parts(33))).unwrap_err();
    assert_eq!(why, ["at open there are more than 64 tests, with those of rules before"]);
    let any = |n: usize| (0..n).map(|i| format!("fd.name = /{i}")).collect::<Vec<_>>().join(" or ");
    let why = plan(&format!("evt.type = open and ({})", any(65))).unwrap_err();
    assert_eq!(why, ["at open it has more than 64 alternatives"]);
    // A list is one test.
    let list = (0..1000).map(|i| format!("/{i}")).collect::<Vec<_>>().join(", ");
    assert!(plan(&format!("evt.type = open and fd.name in ({list})")).is_ok());
}

#[test]
fn rules_share_tests_and_keep_their_names() {
    let rules = compiled(&[
        ("A", "evt.type = open and user.uid = 1 and fd.name = /a"),
        ("B", "evt.type = open and user.uid = 1 and fd.name = /b"),
        ("C", "evt.type = open and proc.args = x"),
    ]);
    let found = compile(&rules, "syscall", &["A", "B"]).unwrap();
    assert_eq!((found.rules.len(), found.hooks[0].tests.len()), (2, 3));
    assert_eq!(found.hooks[0].alternatives.iter().map(|one| one.rule).collect::<Vec<_>>(), [0, 1]);
    let errors = compile(&rules, "syscall", &["A", "C", "D"]).unwrap_err();
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "rule 'C' cannot be denied in the kernel: proc.args = x: the kernel does not know proc.args at open",
            "rule 'D' cannot be denied in the kernel: there is no such rule",
        ]
    );
    assert!(compile(&rules, "k8s_audit", &["A"]).is_err());
}
