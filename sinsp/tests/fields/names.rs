//! Tests of names and arguments, and of the errors for invalid ones.

use peregrine_sinsp::fields::{FieldRef, Fields, prefix_len};

fn name_of(text: &str) -> Result<String, String> {
    FieldRef::parse(text).map(|field| field.def().name.to_owned()).map_err(|error| error.to_string())
}

#[test]
fn fields_with_their_arguments() {
    for (text, name) in [
        ("evt.num", "evt.num"),
        ("evt.arg.name", "evt.arg"),
        ("evt.arg[0]", "evt.arg"),
        ("evt.args", "evt.args"),
        ("evt.rawarg.flags", "evt.rawarg"),
        ("evt.abspath", "evt.abspath"),
        ("evt.abspath.src", "evt.abspath"),
        ("evt.abspath.dst", "evt.abspath"),
        ("evt.type.is.307", "evt.type.is"),
        ("evt.type.is.openat", "evt.type.is"),
        ("evt.around[1700000000000000000]", "evt.around"),
        ("evt.buflen.net.out", "evt.buflen.net.out"),
        ("proc.aname", "proc.aname"),
        ("proc.aname[2]", "proc.aname"),
        ("proc.aname[01]", "proc.aname"),
        ("proc.aname[99999999999999999999]", "proc.aname"),
        ("proc.args[1]", "proc.args"),
        ("proc.env[HOME]", "proc.env"),
        ("proc.env[1]", "proc.env"),
        ("proc.env", "proc.env"),
        ("proc.aenv[2]", "proc.aenv"),
        ("thread.cgroup.cpu", "thread.cgroup"),
        ("thread.cgroups", "thread.cgroups"),
        ("fd.types", "fd.types"),
        ("fd.types[0]", "fd.types"),
        ("fd.name", "fd.name"),
        ("container.mount[0]", "container.mount"),
        ("container.mount.dest[/usr/*]", "container.mount.dest"),
        ("container.label[app.kubernetes.io/name]", "container.label"),
        ("k8s.pod.name", "k8s.pod.name"),
    ] {
        assert_eq!(name_of(text).as_deref(), Ok(name), "{text}");
    }
}

#[test]
fn errors_have_the_words_that_tools_know() {
    for (text, message) in [
        ("nose", "filter_check called with nonexistent field nose"),
        ("proc.nose", "filter_check called with nonexistent field proc.nose"),
        ("proc.namex", "filter_check called with nonexistent field proc.namex"),
        ("proc.name[1]", "filter_check called with nonexistent field proc.name[1]"),
        ("proc.aname[one]", "filter_check called with nonexistent field proc.aname[one]"),
        ("proc.aname[2", "filter_check called with nonexistent field proc.aname[2"),
        ("proc.aname[]", "filter_check called with nonexistent field proc.aname[]"),
        ("evt.arg", "filter syntax error: evt.arg"),
        ("evt.argument", "filter syntax error: evt.argument"),
        ("evt.arg.nose", "unknown event argument nose"),
        ("evt.arg[x]", "x is not a valid number"),
        ("evt.arg[]", " is not a valid number"),
        ("evt.rawarg[1]", "evt.arg fields must be expressed explicitly"),
        ("evt.rawarg", "filter syntax error: evt.rawarg"),
        ("evt.around", "filter syntax error: evt.around"),
        ("evt.around.x", "wrong syntax for evt.around"),
        ("evt.type.is", "filter syntax error: evt.type.is"),
        ("evt.type.is.nose", "filter_check called with nonexistent field evt.type.is.nose"),
        ("thread.cgroup", "filter syntax error: thread.cgroup"),
        ("fd.types[x]", "x is not a valid number"),
        ("argfoo", "filter error: proc.arg filter not implemented yet"),
        ("container.label", "filter 'container.label': container.label requires an argument but none provided"),
        ("", "filter_check called with nonexistent field "),
    ] {
        assert_eq!(name_of(text), Err(message.to_owned()), "{text}");
    }
    assert!(FieldRef::parse("nose").expect_err("no field").is_unknown());
    assert!(!FieldRef::parse("evt.arg").expect_err("no field").is_unknown());
}

#[test]
fn templates_take_the_longest_field() {
    for (text, expect) in [
        ("proc.nameand", Some("proc.name")),
        ("proc.name. ", Some("proc.name")),
        ("proc.name,%proc.pname", Some("proc.name")),
        ("proc.aname[2] x", Some("proc.aname[2]")),
        ("proc.aname[2", Some("proc.aname")),
        ("proc.aname[x]", Some("proc.aname")),
        ("proc.name[1]", Some("proc.name")),
        ("evt.type.is[setuid]", Some("evt.type")),
        ("evt.arg.uid)", Some("evt.arg.uid")),
        ("evt.arg[1]", Some("evt.arg[1]")),
        ("evt.argx", None),
        ("container.label[a b]c", Some("container.label[a b]")),
        ("fd.snet", Some("fd.snet")),
        ("nose", None),
        ("", None),
        (" proc.name", None),
    ] {
        assert_eq!(prefix_len(text).and_then(|len| text.get(..len)), expect, "{text}");
    }
}

#[test]
fn a_host_can_define_fields() {
    let fields = Fields::new().with_static("env", "prod").with_static("env_zone", "b");
    assert!(fields.parse("static.env").is_ok());
    assert_eq!(fields.prefix_len("static.env_zone!"), Some(15));
    assert!(fields.parse("static.env2").is_err());
    assert!(fields.suggested_output().contains(&"static_env=%static.env".to_owned()));
}

#[test]
fn suggested_fields_are_those_of_the_container_plugin() {
    let expect = "container_id=%container.id container_name=%container.name \
                  container_image_repository=%container.image.repository \
                  container_image_tag=%container.image.tag k8s_pod_name=%k8s.pod.name k8s_ns_name=%k8s.ns.name";
    assert_eq!(Fields::new().suggested_output().join(" "), expect);
}
