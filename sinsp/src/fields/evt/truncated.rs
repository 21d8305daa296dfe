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

/// The way in which the value of a field may be shorter than what the kernel had: a command line, an environment, or a
/// parameter of the event that filled the space that is kept of it, or a path that was too long.
///
/// It is found once for a field, and tested for each event without a look-up by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MayBeCut(Cut);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Cut {
    Args,
    Env,
    /// Those of one ancestor.
    ArgsOf(usize),
    EnvOf(usize),
    ArgsOfAny,
    EnvOfAny,
    /// Any parameter of the event.
    Params,
    /// Any but those of a new program.
    Paths,
    Param(Box<str>),
    /// The parameter at a place.
    ParamAt(usize),
    /// The kernel's path of the open file.
    RealPath,
}

impl MayBeCut {
    /// Returns the way in which a field, with its argument, may be cut; `None` for fields whose values never are.
    pub fn of(field: &str) -> Option<Self> {
        let (name, index) = match field.split_once('[') {
            Some((name, rest)) => (name, rest.strip_suffix(']').and_then(|index| index.parse::<usize>().ok())),
            None => (field, None),
        };
        Some(Self(match name {
            "proc.args" | "proc.cmdline" | "proc.exeline" | "proc.cmdnargs" | "proc.cmdlenargs" => Cut::Args,
            "proc.pcmdline" => Cut::ArgsOf(1),
            "proc.aargs" | "proc.acmdline" => index.map_or(Cut::ArgsOfAny, Cut::ArgsOf),
            "proc.env" => Cut::Env,
            "proc.aenv" => index.map_or(Cut::EnvOfAny, Cut::EnvOf),
            "evt.args" => Cut::Params,
            "evt.abspath" | "fs.path.name" | "fs.path.nameraw" | "fs.path.source" | "fs.path.sourceraw"
            | "fs.path.target" | "fs.path.targetraw" => Cut::Paths,
            "fd.realpath" | "fd.devpath" => Cut::RealPath,
            "evt.arg" | "evt.rawarg" => match index {
                Some(index) => Cut::ParamAt(index),
                None => Cut::Param(field.split_once('[')?.1.strip_suffix(']')?.into()),
            },
            _ => Cut::Param(name.strip_prefix("evt.arg.").or_else(|| name.strip_prefix("evt.rawarg."))?.into()),
        }))
    }

    /// Returns whether that is so for this event.
    pub fn is_so(&self, event: &Event<'_>) -> bool {
        let any = |wanted: &dyn Fn(&str) -> bool| {
            let mut cut = false;
            each(event, |param| cut |= wanted(param));
            cut
        };
        let Some(thread) = event.thread() else { return false };
        let state = event.state();
        let leader = || state.leader(thread).unwrap_or(thread);
        let ancestor = |index, of: fn(&Thread) -> bool| state.ancestor(thread, index).is_some_and(of);
        match &self.0 {
            Cut::Args => thread.may_have_more_args(),
            Cut::Env => leader().may_have_more_env(),
            Cut::ArgsOf(index) => ancestor(*index, Thread::may_have_more_args),
            Cut::EnvOf(index) => ancestor(*index, Thread::may_have_more_env),
            Cut::ArgsOfAny => state.ancestors(leader()).any(Thread::may_have_more_args),
            Cut::EnvOfAny => state.ancestors(leader()).any(Thread::may_have_more_env),
            Cut::Params => any(&|_| true),
            Cut::Paths => any(&|param| !matches!(param, "args" | "env" | "exe")),
            Cut::Param(name) => any(&|param| param == &**name),
            Cut::ParamAt(index) => {
                let name = event.raw().param(*index).map(|param| param.info().name);
                any(&|param| Some(param) == name)
            }
            Cut::RealPath => event.fd().is_some_and(|fd| fd.place.state_name() == Some("cut")),
        }
    }
}

/// Returns whether a parameter of the event other than the environment of a new program may have been cut.
pub fn has_cut_parameter(event: &Event<'_>) -> bool {
    let mut cut = false;
    each(event, |param| cut |= param != "env");
    cut
}
