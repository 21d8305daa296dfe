//! Warnings about constants that are probably mistakes.

use super::Warning;
use crate::event::Schema;
use crate::operator::{Operator, TRANSFORMERS};
use crate::text::Position;

/// Checks one constant.
pub(super) fn check(op: Operator, value: &[u8], at: Position, schema: &dyn Schema, warnings: &mut Vec<Warning>) {
    let mut warn = |message: String| warnings.push(Warning { message, position: at });
    let shown = || String::from_utf8_lossy(value);
    if op == Operator::Regex && could_be_simpler(value) {
        warn(format!(
            "regex check with '{}' may be optimized with simpler operators such as '=', 'contains', \
             'startswith', 'endswith'",
            shown()
        ));
    }
    // Every field has a dot in its name, and every transformer a parenthesis.
    if memchr::memchr2(b'.', b'(', value).is_none() || value.first().is_some_and(|byte| b"/0123456789*".contains(byte))
    {
        return;
    }
    let bare: Vec<u8> = value.iter().copied().filter(|byte| !byte.is_ascii_whitespace() && *byte != 0x0b).collect();
    let Ok(bare) = std::str::from_utf8(&bare) else { return };
    if bare.contains('.') && schema.is_field(bare) {
        warn(format!("'{}' may be a valid field misused as a const string value", shown()));
    }
    for name in TRANSFORMERS {
        if bare.strip_prefix(name).is_some_and(|rest| rest.starts_with('(') && rest.ends_with(')')) {
            warn(format!("'{}' may be a valid field transformer misused as a const string value", shown()));
        }
    }
}

/// Returns whether a pattern has nothing that requires a pattern: anchors at the ends do not count, nor does "anything"
/// at the beginning or the end.
fn could_be_simpler(pattern: &[u8]) -> bool {
    let len = pattern.len();
    let mut at = 0;
    while at < len {
        let byte = pattern[at];
        let anchor = at == 0 && byte == b'^' || at == len - 1 && byte == b'$';
        if !anchor {
            let edge = at == 0 && len > 1 || at + 2 == len;
            if edge && byte == b'.' && b"+*?".contains(&pattern[at + 1]) {
                at += 2;
                continue;
            }
            if b".+*?^$()[]{}|\\".contains(&byte) {
                return false;
            }
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::could_be_simpler;

    #[test]
    fn simple_patterns() {
        for pattern in ["^syscall$", ".*syscall.*", "syscall", ".+x", ""] {
            assert!(could_be_simpler(pattern.as_bytes()), "{pattern}");
        }
        for pattern in ["s.*l", "syscall.{1}", "a|b", "a\\.b", ".", "x+"] {
            assert!(!could_be_simpler(pattern.as_bytes()), "{pattern}");
        }
    }
}
