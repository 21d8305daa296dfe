//! Parts of plans.

use super::field::{Given, depends_on_given, depends_on_stream, reads_descriptors};
use sinsp::scap::EventCode;

fn given(code: EventCode, name: &str) -> Given {
    depends_on_given(code.info().expect("a type"), name, true)
}

#[test]
fn fields_depend_on_given_descriptors_by_the_parameters_of_the_type() {
    for (code, name, expect) in [
        (EventCode::READ_X, "fd.name", Given::Anyhow),
        (EventCode::READ_X, "fd.num", Given::Not),
        (EventCode::READ_X, "proc.name", Given::Not),
        (EventCode::READ_X, "evt.arg.fd", Given::Anyhow),
        (EventCode::READ_X, "evt.arg.data", Given::Not),
        (EventCode::READ_X, "evt.args", Given::Anyhow),
        (EventCode::OPEN_X, "fd.name", Given::Not),
        (EventCode::OPEN_X, "evt.args", Given::Not),
        (EventCode::OPENAT_2_X, "fd.name", Given::AsDirectory),
        (EventCode::OPENAT_2_X, "evt.args", Given::Anyhow),
        (EventCode::LINKAT_2_X, "evt.arg.oldpath", Given::AsDirectory),
        (EventCode::UNLINKAT_2_X, "fs.path.name", Given::AsDirectory),
        (EventCode::UNLINK_2_X, "fs.path.name", Given::Not),
        (EventCode::DUP2_X, "fd.type", Given::Anyhow),
        (EventCode::SOCKET_X, "fd.name", Given::Not),
        (EventCode::EXECVE_19_X, "fd.name", Given::Not),
    ] {
        assert_eq!(given(code, name), expect, "{name} of {code:?}");
    }
    assert_eq!(depends_on_given(EventCode::READ_X.info().expect("a type"), "plugin.field", false), Given::Anyhow);
}

#[test]
fn fields_of_the_stream_and_of_all_descriptors_are_known() {
    for name in ["evt.num", "evt.deltatime", "evt.deltatime.ns", "evt.reltime.s", "evt.outputtime", "util.cnt"] {
        assert!(depends_on_stream(name), "{name}");
    }
    assert!(!depends_on_stream("evt.time") && !depends_on_stream("evt.type"));
    for name in ["proc.stdin.name", "proc.fdopencount", "fd.types", "fd.types[1]"] {
        assert!(reads_descriptors(name), "{name}");
    }
    assert!(!reads_descriptors("proc.name") && !reads_descriptors("fd.name"));
}
