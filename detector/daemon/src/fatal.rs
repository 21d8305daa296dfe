//! The error that ends the program.

/// Reason why the program exits with a failure, as one text for the user.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fatal(pub(crate) String);

impl Fatal {
    pub(crate) fn new(text: impl std::fmt::Display) -> Self {
        Self(text.to_string())
    }

    /// Returns the text for standard error: `Error: ` and the reason, or the report of errors in rules, which begins
    /// with its own heading.
    pub fn message(&self) -> String {
        let plain = match self.0.strip_prefix("\x1b[") {
            Some(coloured) => coloured.split_once('m').map_or("", |(_, text)| text),
            None => &self.0,
        };
        if ["error[", "warning["].iter().any(|heading| plain.starts_with(heading)) {
            return self.0.clone();
        }
        format!("Error: {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_heading() {
        for (text, message) in [
            ("no rules", "Error: no rules"),
            ("error[syntax]: x", "error[syntax]: x"),
            ("\x1b[1;31merror[syntax]\x1b[0m: x", "\x1b[1;31merror[syntax]\x1b[0m: x"),
            ("warning[unused]: x\nerror[syntax]: y", "warning[unused]: x\nerror[syntax]: y"),
            ("\x1b[", "Error: \x1b["),
        ] {
            assert_eq!(Fatal::new(text).message(), message);
        }
    }
}
