//! Priorities of rules and alerts.

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

use crate::error::Error;
use crate::status::Status;

/// The priority of a rule and its alerts, most severe first. Numbers are never reused; 0 is not a priority, so that options
/// set to zero have none.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as rules name them")]
pub enum Priority {
    Emergency = 1,
    Alert = 2,
    Critical = 3,
    Error = 4,
    Warning = 5,
    Notice = 6,
    Informational = 7,
    Debug = 8,
}

impl From<rule_engine::output::Priority> for Priority {
    fn from(priority: rule_engine::output::Priority) -> Self {
        use rule_engine::output::Priority as P;
        match priority {
            P::Emergency => Self::Emergency,
            P::Alert => Self::Alert,
            P::Critical => Self::Critical,
            P::Error => Self::Error,
            P::Warning => Self::Warning,
            P::Notice => Self::Notice,
            P::Informational => Self::Informational,
            P::Debug => Self::Debug,
        }
    }
}

/// Reads a priority that C passed in, which may be any number; `None` for 0.
pub(crate) fn optional(number: MaybeUninit<Priority>) -> Result<Option<rule_engine::output::Priority>, Error> {
    // SAFETY: the type has the size of its number, and `sized::read` has initialized every byte.
    let number: u32 = unsafe { std::mem::transmute(number) };
    if number == 0 {
        return Ok(None);
    }
    let all = &rule_engine::output::Priority::ALL;
    let found = all.iter().copied().find(|priority| Priority::from(*priority) as u32 == number);
    found.map(Some).ok_or_else(|| Error::new(Status::InvalidArgument, format!("{number} is not a valid priority")))
}

/// Returns the name of a priority as alerts print it, such as `Warning`, as a constant string; "" if there is none of that
/// number. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn peregrine_priority_name(priority: u32) -> *const c_char {
    const NAMES: [&CStr; 9] =
        [c"", c"Emergency", c"Alert", c"Critical", c"Error", c"Warning", c"Notice", c"Informational", c"Debug"];
    NAMES.get(priority as usize).unwrap_or(&NAMES[0]).as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_engine() {
        for priority in rule_engine::output::Priority::ALL {
            let number = Priority::from(priority) as u32;
            // SAFETY: constant NUL-terminated text.
            let name = unsafe { CStr::from_ptr(peregrine_priority_name(number)) };
            assert_eq!(name.to_str(), Ok(priority.name()));
            assert_eq!(optional(MaybeUninit::new(Priority::from(priority))).expect("valid"), Some(priority));
        }
    }
}
