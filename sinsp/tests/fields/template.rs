//! Templates over the example session.

use bumpalo::Bump;
use peregrine_sinsp::Inspector;
use peregrine_sinsp::fields::Fields;
use peregrine_sinsp::format::Template;
use scap::text::Trace;

const SESSION: &str = include_str!("../../../testdata/traces/session.txt");

fn printed(template: &str, number: u64, json: bool) -> Option<String> {
    let template = Template::parse(template, &Fields::new()).unwrap_or_else(|error| panic!("{template}: {error}"));
    let mut inspector = Inspector::new(Trace::parse(SESSION).expect("a trace"));
    let (arena, mut out) = (Bump::new(), None);
    inspector
        .for_each(|event| {
            if event.num() == number {
                let mut line = Vec::new();
                let whole = if json {
                    template.write_json(&event, &arena, &mut line)
                } else {
                    template.write(&event, &arena, &mut line)
                };
                out = whole.then(|| String::from_utf8(line).expect("UTF-8"));
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
            ("%concat(proc.name, \"-\", proc.pid)", Some("curl-1001")),
            ("%join(\",\", (proc.name, proc.pname, x))", Some("curl,bash,x")),
            ("%join(\",\", ())", Some("")),
            ("%getopt((\"-s\", \"-o\", file), \"o:s\")", Some("(s,o,file)")),
            ("%getopt((\"-s\", \"-o\", file), \"o:s\")[o]", Some("file")),
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
fn what_is_no_template() {
    for (template, message) in [
        ("", "empty formatting token"),
        ("x%", "invalid formatting syntax: formatting cannot end with a %"),
        ("x%10", "invalid formatting syntax: formatting cannot end with a number"),
        ("100% sure", "unknown filter: filter_check called with nonexistent field "),
        ("%nose", "unknown filter: filter_check called with nonexistent field nose"),
        ("%evt.around[1]", "unknown filter: filter syntax error: evt.around"),
        ("%toupper(proc.name", "unknown filter: expected ',' or ')' in the operands of toupper"),
        ("%toupper(proc.aname)", "unknown filter: field 'proc.aname' does not support transformers"),
        (
            "%toupper(proc.pid)",
            "unknown filter: can't add field transformer: type 'INT64' is not supported by 'toupper' transformer \
             applied on field 'proc.pid'",
        ),
        ("%join(proc.name)", "unknown filter: wrong operands of the transformer 'join'"),
        ("%concat(proc.name)", "unknown filter: wrong operands of the transformer 'concat'"),
        ("%toupper(\"x", "unknown filter: expected the end of a quoted text"),
    ] {
        let error = Template::parse(template, &Fields::new()).expect_err(template);
        assert_eq!(error.to_string(), message, "{template}");
    }
    let deep = format!("%{}proc.name{}", "toupper(".repeat(200), ")".repeat(200));
    assert!(Template::parse(&deep, &Fields::new()).is_err());
}
