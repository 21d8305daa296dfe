//! `${NAME}` in the values of a configuration file.
//!
//! A variable that is not set expands to nothing. `$${NAME}` is the literal text `${NAME}`. Values of `-o` are not
//! expanded: the shell has done that.

/// Replaces every `${NAME}` in the text.
pub(crate) fn expand(text: &mut String, variable: &impl Fn(&str) -> Option<String>) {
    if !text.contains("${") {
        return;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let escaped = rest.starts_with("$${");
        let open = if escaped { 3 } else { 2 };
        let close = rest.find('}').filter(|_| escaped || rest.starts_with("${"));
        match close {
            Some(close) if escaped => out.push_str(&rest[1..=close]),
            Some(close) => out.push_str(&variable(&rest[open..close]).unwrap_or_default()),
            None => {
                out.push('$');
                rest = &rest[1..];
                continue;
            }
        }
        rest = &rest[close.unwrap_or_default() + 1..];
    }
    out.push_str(rest);
    *text = out;
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut text = text.to_owned();
        expand(&mut text, &|name| (name == "HOME").then(|| "/root".to_owned()));
        assert_eq!(text, expected);
    }

    #[test]
    fn names_are_replaced() {
        check("${HOME}/rules", "/root/rules");
        check("a${HOME}b${HOME}", "a/rootb/root");
        check("${NONE}x", "x");
        check("$HOME costs $5", "$HOME costs $5");
        check("$$ and ${HOME}", "$$ and /root");
    }

    #[test]
    fn escapes_and_unfinished_ones_stay() {
        check("$${HOME}", "${HOME}");
        check("$${HOME}${HOME}", "${HOME}/root");
        check("${HOME", "${HOME");
        check("$${HOME", "$${HOME");
    }
}
