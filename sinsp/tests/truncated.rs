//! `evt.truncated`: parameters that may have been longer than what is kept of them.

use peregrine_sinsp::fields::FieldRef;
use peregrine_sinsp::{Inspector, Next};

/// Returns the field for one event of thread 7.
fn truncated(event: &str) -> String {
    let trace = format!("thread tid=7 pid=7 ptid=1 comm=\"x\"\n1.0 tid=7 {event}\n");
    let mut inspector = Inspector::new(scap::text::Trace::parse(&trace).expect("a trace"));
    let field = FieldRef::parse("evt.truncated").expect("a field");
    let arena = bumpalo::Bump::new();
    loop {
        match inspector.next().expect("an event") {
            Next::Event(event) => {
                return String::from_utf8_lossy(field.text(&event, &arena).unwrap_or(b"-")).into_owned();
            }
            Next::End => panic!("no event"),
            _ => {}
        }
    }
}

#[test]
fn what_fills_its_space_may_have_been_longer() {
    let text = |length: usize| "x".repeat(length);
    // With the NUL at its end, text takes one byte more.
    let exec = |exe: usize, args: usize, env: usize| {
        format!("execve res=0 exe=\"{}\" args=b\"{}\" env=b\"{}\"", text(exe), text(args), text(env))
    };
    assert_eq!(truncated(&exec(10, 20, 30)), "-");
    assert_eq!(truncated(&exec(10, 4084, 4095)), "-");
    // The name of the program and its arguments share their space.
    assert_eq!(truncated(&exec(10, 4085, 30)), "args");
    assert_eq!(truncated(&exec(10, 20, 4096)), "env");
    assert_eq!(truncated(&exec(4095, 0, 4096)), "exe,args,env");
    let open = |length: usize| format!("openat fd=3 dirfd=-100 name=\"/{}\"", text(length));
    assert_eq!(truncated(&open(4093)), "-");
    assert_eq!(truncated(&open(4094)), "name");
    // The data of a write is cut by a setting, and `evt.buflen` has its length.
    assert_eq!(truncated(&format!("write res=9000 fd=3 size=9000 data=b\"{}\"", text(5000))), "-");
}

#[test]
fn fields_of_what_was_cut_are_known() {
    use peregrine_sinsp::fields::{MayBeCut, has_cut_parameter};
    let long = "x".repeat(4090);
    let trace = format!(
        "thread tid=6 pid=6 ptid=1 comm=\"p\"\nthread tid=7 pid=7 ptid=6 comm=\"x\"\n\
         1.0 tid=6 execve res=0 exe=\"bash\" args=[\"{long}\"] env=[\"A=1\"] tid=6 pid=6 ptid=1\n\
         tid=7 execve res=0 exe=\"sh\" args=[\"-c\"] env=[\"A={long}xxxxx\"] tid=7 pid=7 ptid=6\n\
         tid=7 unlink res=-ENAMETOOLONG path=\"/{long}xxxxx\"\n"
    );
    let mut inspector = Inspector::new(scap::text::Trace::parse(&trace).expect("a trace"));
    let fields = [
        "proc.cmdline",
        "proc.args",
        "proc.pcmdline",
        "proc.acmdline[1]",
        "proc.acmdline[2]",
        "proc.aargs",
        "proc.env",
        "proc.env[A]",
        "evt.args",
        "evt.arg.args",
        "evt.arg.path",
        "evt.rawarg.path",
        "evt.arg[1]",
        "fs.path.name",
        "proc.name",
        "fd.name",
    ];
    let (mut cut, mut beside_env) = (Vec::new(), Vec::new());
    while let Next::Event(event) = inspector.next().expect("the events are sound") {
        beside_env.push(has_cut_parameter(&event));
        cut.push(
            fields
                .iter()
                .copied()
                .filter(|field| MayBeCut::of(field).is_some_and(|cut| cut.is_so(&event)))
                .collect::<Vec<_>>()
                .join(" "),
        );
    }
    assert_eq!(
        cut,
        [
            "proc.cmdline proc.args evt.args evt.arg.args",
            "proc.pcmdline proc.acmdline[1] proc.aargs proc.env proc.env[A] evt.args",
            "proc.pcmdline proc.acmdline[1] proc.aargs proc.env proc.env[A] evt.args evt.arg.path evt.rawarg.path evt.arg[1] \
             fs.path.name",
        ]
    );
    assert_eq!(beside_env, [true, false, true]);
}
