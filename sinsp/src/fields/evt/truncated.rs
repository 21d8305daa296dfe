//! Parameters that may have been longer than what is kept of them.
//!
//! The probe, like Falco's drivers, keeps a page of the program's name with its arguments, a page of the environment, and
//! a page of other text. An attacker who knows that puts what matters behind it.

use bumpalo::Bump;
use scap::schema::{EventCode, ParamType, Role, param};

use crate::Event;
use crate::fields::value::Text;
use crate::fields::{FieldRef, Value};
use crate::state::Thread;

/// The number of bytes that are kept.
const PAGE: usize = 4096;

/// Returns the names of the parameters, separated by commas.
pub(super) fn names<'e>(e: &'e Event<'e>, _: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    let mut names = Text::new_in(arena);
    each(e, |name| {
        if !names.is_empty() {
            names.push(b',');
        }
        names.extend_from_slice_copy(name.as_bytes());
    });
    (!names.is_empty()).then(|| Value::Bytes(names.into_bump_slice()))
}

/// Calls `found` with the name of each parameter that may have been longer.
fn each(e: &Event<'_>, mut found: impl FnMut(&'static str)) {
    let raw = e.raw();
    // Nearly every event is shorter as a whole.
    if raw.bytes().len() < PAGE {
        return;
    }
    let (exe, args) = match raw.code() {
        EventCode::EXECVE_19_X => (param::execve_19_x::exe, param::execve_19_x::args),
        EventCode::EXECVEAT_X => (param::execveat_x::exe, param::execveat_x::args),
        _ => (usize::MAX, usize::MAX),
    };
    let executes = raw.code().role() == Role::Executes;
    for (index, param) in raw.params().enumerate() {
        let text = match param.info().ty {
            ParamType::CharBuf | ParamType::FsPath | ParamType::FsRelPath => true,
            // Of a program; the data of reads and writes is cut by `snaplen`.
            ParamType::ByteBuf => executes,
            _ => false,
        };
        // Name and arguments of a program share a page.
        let before = if index == args { raw.raw(exe).map_or(0, <[u8]>::len) } else { 0 };
        if text && before + param.raw().len() >= PAGE {
            found(param.info().name);
        }
    }
}

/// Returns whether the value of a field, with its argument, may be shorter than what the kernel had: a command line, an
/// environment, or a parameter of the event that filled the space that is kept of it, or a path that was too long.
///
/// `false` for fields whose values are never cut.
pub fn may_be_cut(event: &Event<'_>, field: &str) -> bool {
    let (name, index) = match field.split_once('[') {
        Some((name, rest)) => (name, rest.strip_suffix(']').and_then(|index| index.parse::<usize>().ok())),
        None => (field, None),
    };
    let is_cut = |wanted: &dyn Fn(&str) -> bool| {
        let mut cut = false;
        each(event, |param| cut |= wanted(param));
        cut
    };
    let Some(thread) = event.thread() else { return false };
    let state = event.state();
    let leader = state.leader(thread).unwrap_or(thread);
    let ancestors = |of: fn(&Thread) -> bool| match index {
        Some(index) => state.ancestor(thread, index).is_some_and(of),
        None => state.ancestors(leader).any(of),
    };
    match name {
        "proc.args" | "proc.cmdline" | "proc.exeline" | "proc.cmdnargs" | "proc.cmdlenargs" => {
            thread.may_have_more_args()
        }
        "proc.pcmdline" => state.ancestor(thread, 1).is_some_and(Thread::may_have_more_args),
        "proc.aargs" | "proc.acmdline" => ancestors(Thread::may_have_more_args),
        "proc.env" => leader.may_have_more_env(),
        "proc.aenv" => ancestors(Thread::may_have_more_env),
        "evt.args" => is_cut(&|_| true),
        "evt.abspath" | "fs.path.name" | "fs.path.nameraw" | "fs.path.source" | "fs.path.sourceraw"
        | "fs.path.target" | "fs.path.targetraw" => is_cut(&|param| !matches!(param, "args" | "env" | "exe")),
        "fd.realpath" | "fd.devpath" => event.fd().is_some_and(|fd| fd.place.state_name() == Some("cut")),
        _ => match name.strip_prefix("evt.arg.").or_else(|| name.strip_prefix("evt.rawarg.")) {
            Some(param) => is_cut(&|cut| cut == param),
            None if name == "evt.arg" => {
                let param = index.and_then(|index| event.raw().param(index)).map(|param| param.info().name);
                is_cut(&|cut| Some(cut) == param)
            }
            None => false,
        },
    }
}
