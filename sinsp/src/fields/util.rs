//! `util.*`: a counter for outputs.

use super::macros::fields;
use super::{Arg, Value};

fields! {
    ///
    pub(crate) UTIL = "util" "" {
        "util.cnt" UInt64 id (Counter), Event, |_, field, _| match &field.arg {
                Arg::Counter(counter) => Some(Value::U64(counter.next())),
                _ => None,
            },
            "the number of evaluations of this field." on exec = "1";
    }
}
