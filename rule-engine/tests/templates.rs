//! Templates over the example session.

use std::convert::Infallible;

use bumpalo::Bump;
use peregrine_rule_engine::event::sinsp::SinspSchema;
use peregrine_rule_engine::output::{Formatter, TemplateError};
use proptest::prelude::*;
use sinsp::Inspector;
use sinsp::fields::{CLASSES, Fields};
use sinsp::scap::text::Trace;

const SESSION: &str = include_str!("../../testdata/traces/session.txt");

fn compile(template: &str) -> Result<Formatter<SinspSchema>, TemplateError> {
    Formatter::compile(template, SinspSchema::new(Fields::new()))
}

/// Renders an event, as C does: without a leading `*` only if every field has a value.
fn printed(template: &str, number: u64, json: bool) -> Option<String> {
    let formatter = compile(template).unwrap_or_else(|error| panic!("{template}: {error}"));
    let mut inspector = Inspector::new(Trace::parse(SESSION).expect("a trace"));
    let (arena, mut out) = (Bump::new(), None);
    inspector
        .for_each(|event| {
            if event.num() == number {
                let mut line = Vec::new();
                let render = || -> Result<bool, Infallible> {
                    let complete = template.starts_with('*') || formatter.is_complete(&event, &arena)?;
                    if json {
                        formatter.write_json(&event, &arena, &mut line)?;
                    } else {
                        formatter.render(&event, &arena, &mut line)?;
                    }
                    Ok(complete)
                };
                let Ok(complete) = { render }();
                out = complete.then(|| String::from_utf8(line).expect("UTF-8"));
            }
        })
        .expect("a trace does not break");
    out
}

fn check(number: u64, cases: &[(&str, Option<&str>)]) {
    for (template, expect) in cases {
        assert_eq!(printed(template, number, false).as_deref(), *expect, "{template}");
    }
}

#[test]
fn fields_in_text() {
    check(
        2,
        &[
            ("constant text", Some("constant text")),
            ("%proc.name", Some("curl")),
            (
                "%proc.name%proc.pname,%proc.name. %proc.nameand %proc.name-%evt.num",
                Some("curlbash,curl. curland curl-2"),
            ),
            ("[%10proc.name][%2proc.name][%0proc.name][%010proc.name]", Some("[curl      ][cu][curl][curl      ]")),
            ("%proc.aname[2] %proc.aname[2", Some("sshd bash sshd systemd[2")),
            ("%proc.aname", Some("bash sshd systemd")),
            ("%proc.apid", Some("1001")),
            ("%evt.type.is[setuid] %evt.type.is", Some("execve.is[setuid] execve.is")),
            ("%fd.name", None),
            ("*%fd.name|%3fd.name", Some("<NA>|<NA")),
            ("** %proc.name *", Some("* curl *")),
            ("%proc.env[HOME] %proc.env[NOPE]|", Some("/home/ann |")),
            ("%k8s.pod.name", None),
            ("%container.id/%container.name/%container.image", Some("host/host/")),
        ],
    );
    check(6, &[("%fd.cip %fd.snet %fd.sport", Some("10.0.0.7 <IPNET> 8080")), ("*%fd.ip %fd.port", Some("<NA> <NA>"))]);
    check(7, &[("%evt.buffer", Some("GET /x")), ("%evt.arg.data", Some("GET /x"))]);
}

#[test]
fn transformers() {
    check(
        2,
        &[
            ("%toupper(proc.name)", Some("CURL")),
            ("%basename(proc.exepath)!", Some("curl!")),
            ("%basename(tolower(proc.exepath))", Some("curl")),
            ("%len(proc.name)", None),
            ("*%len(proc.name)", Some("<NA>")),
            ("%concat(proc.name, \"-\", proc.pname)", Some("curl-bash")),
            ("%join(\",\", (proc.name, proc.pname, \"x\"))", Some("curl,bash,x")),
            ("%join(\",\", ())", Some("")),
            ("%getopt((\"-s\", \"-o\", \"file\"), \"o:s\")", Some("(s,o,file)")),
            ("%getopt((\"-s\", \"-o\", \"file\"), \"o:s\")[o]", Some("file")),
            ("%getopt((\"-s\"), \"o:s\")[o]", None),
            ("%b64(\"aGVsbG8\")", Some("hello")),
            ("%toupper(fd.name)", None),
            ("%6toupper(proc.name)|", Some("CURL  |")),
        ],
    );
}

#[test]
fn json_has_every_field_once() {
    assert_eq!(
        printed("*%proc.name %proc.tty %toupper(proc.pname) %proc.name %fd.name %evt.time", 2, true).as_deref(),
        Some(
            "{\"evt.time\":1700000001000000000,\"fd.name\":null,\"proc.name\":\"curl\",\"proc.pname\":\"bash\",\
             \"proc.tty\":34816}"
        ),
    );
    assert_eq!(printed("%proc.name %fd.name", 2, true), None);
    assert_eq!(printed("%fd.dev %fd.types", 3, true).as_deref(), Some("{\"fd.dev\":\"802\",\"fd.types\":[\"file\"]}"));
}

#[test]
fn invalid_templates() {
    for (template, message) in [
        ("", "empty formatting token"),
        ("x%", "invalid formatting syntax: formatting cannot end with a %"),
        ("x%10", "invalid formatting syntax: formatting cannot end with a number"),
        ("100% sure", "unknown filter: unexpected token after '"),
        ("%nose", "unknown filter: unexpected token after '"),
        ("%evt.around[1]", "unknown filter: unexpected token after '"),
        ("%toupper(proc.name", "unknown filter: unexpected token after '"),
        ("%toupper(proc.aname)", "unknown filter: unexpected token after '"),
        ("%toupper(proc.pid)", "unknown filter: unexpected token after '"),
        ("%join(proc.name)", "unknown filter: unexpected token after '"),
        ("%concat(proc.name, proc.pid)", "unknown filter: unexpected token after '"),
        ("%toupper(\"x", "unknown filter: unexpected token after '"),
    ] {
        let error = compile(template).expect_err(template);
        assert_eq!(error.to_string(), message, "{template}");
    }
    let deep = format!("%{}proc.name{}", "toupper(".repeat(200), ")".repeat(200));
    assert!(compile(&deep).is_err());
}

fn pieces() -> impl Strategy<Value = String> {
    let names: Vec<&str> = CLASSES.iter().flat_map(|class| class.fields).map(|field| field.name).collect();
    let words = ["%", "*", "[", "]", "(", ")", ",", "\"", "\\", ".", " ", "12", "-1", "é", "toupper", "join", "getopt"];
    let piece = prop_oneof![
        proptest::sample::select(names).prop_map(str::to_owned),
        proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_compiled_or_rejected(text in pieces()) {
        let _ = compile(&text);
    }
}

#[test]
fn long_templates_take_no_time() {
    assert!(compile(&format!("%{}", "a".repeat(1 << 20))).is_err());
    assert!(compile(&"%proc.name".repeat(1000)).is_ok());
}
