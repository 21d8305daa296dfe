//! Parameters that may have been longer than what is kept of them.
//!
//! The probe, like Falco's drivers, keeps a page of the program's name with its arguments, a page of the environment, and
//! a page of other text. An attacker who knows that puts what matters behind it.

use bumpalo::Bump;
use scap::schema::{EventCode, ParamType, Role, param};

use crate::Event;
use crate::fields::value::Text;
use crate::fields::{FieldRef, Value};

/// The number of bytes that are kept.
const PAGE: usize = 4096;

/// Returns the names of the parameters, separated by commas.
pub(super) fn names<'e>(e: &'e Event<'e>, _: &'e FieldRef, arena: &'e Bump) -> Option<Value<'e>> {
    let raw = e.raw();
    // Nearly every event is shorter as a whole.
    if raw.bytes().len() < PAGE {
        return None;
    }
    let (exe, args) = match raw.code() {
        EventCode::EXECVE_19_X => (param::execve_19_x::exe, param::execve_19_x::args),
        EventCode::EXECVEAT_X => (param::execveat_x::exe, param::execveat_x::args),
        _ => (usize::MAX, usize::MAX),
    };
    let executes = raw.code().role() == Role::Executes;
    let mut names = Text::new_in(arena);
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
            if !names.is_empty() {
                names.push(b',');
            }
            names.extend_from_slice_copy(param.info().name.as_bytes());
        }
    }
    (!names.is_empty()).then(|| Value::Bytes(names.into_bump_slice()))
}
