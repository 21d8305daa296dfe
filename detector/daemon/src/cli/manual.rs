//! The manual page and the shell completions, from the table of options.

use crate::Fatal;
use crate::cli::Options;
use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// Sections of the manual page after the options: the heading, and its entries with an optional term before each.
const SECTIONS: &[(&str, &[(&str, &str)])] = &[
    (
        "FILES",
        &[
            (
                "/etc/peregrine/falco.yaml",
                "The configuration. Without it, /etc/falco/falco.yaml, then built-in settings.",
            ),
            ("/etc/peregrine/peregrine_rules.yaml", "The default rules, as installed by the packages."),
            ("/etc/peregrine/peregrine_rules.local.yaml", "Local rules, and changes to the default rules."),
            ("/etc/peregrine/rules.d", "More rules files, loaded in the order of their names."),
        ],
    ),
    (
        "SIGNALS",
        &[
            (
                "SIGHUP",
                "Reload rules and configuration. If they are invalid, log the errors and keep the current ones.",
            ),
            ("SIGUSR1", "Reopen output files, after a rotation."),
            ("SIGINT, SIGTERM", "Deliver queued alerts and exit."),
        ],
    ),
    ("EXIT STATUS", &[("0", "Success."), ("1", "Failure. Standard error has the reason.")]),
    (
        "EXAMPLES",
        &[
            ("peregrine", "Watch this host with the built-in rules. Requires root."),
            ("peregrine -V rules.yaml", "Validate a rules file; report each error with its place."),
            (
                "peregrine -r rules.yaml -o engine.kind=replay -o engine.replay.capture_file=x.scap",
                "Evaluate rules on a capture.",
            ),
            ("peregrine --list proc", "List the fields that rules can use."),
        ],
    ),
    ("SEE ALSO", &[("", "pscap(1), https://falco.org/docs/rules/")]),
];

/// Returns the manual page.
pub(crate) fn page() -> Result<Vec<u8>, Fatal> {
    let mut page = Vec::new();
    let command = Options::command().version(env!("CARGO_PKG_VERSION"));
    let man = Man::new(command).manual("System administration").section("1");
    man.render_title(&mut page)
        .and_then(|()| man.render_name_section(&mut page))
        .and_then(|()| man.render_synopsis_section(&mut page))
        .and_then(|()| man.render_description_section(&mut page))
        .and_then(|()| man.render_options_section(&mut page))
        .map_err(Fatal::new)?;
    let mut rest = Roff::new();
    for (heading, entries) in SECTIONS {
        rest.control("SH", [*heading]);
        for (word, text) in *entries {
            if !word.is_empty() {
                rest.control("TP", []);
                rest.text([bold(*word)]);
            }
            rest.text([roman(*text)]);
        }
    }
    rest.to_writer(&mut page).map_err(Fatal::new)?;
    Ok(page)
}

/// Returns the completions of a shell.
pub(crate) fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Options::command(), "peregrine", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_in_the_page_and_the_completions() {
        let page = String::from_utf8(page().expect("a page")).expect("UTF-8");
        // A page writes a hyphen that is not part of a word as `\-`.
        let page = page.replace("\\-", "-");
        let scripts =
            [Shell::Bash, Shell::Zsh, Shell::Fish].map(|shell| String::from_utf8(completions(shell)).expect("UTF-8"));
        let mut options = 0;
        for option in Options::command().get_arguments() {
            let Some(long) = option.get_long() else { continue };
            assert!(page.contains(&format!("--{long}")), "{long}");
            for script in &scripts {
                assert!(script.contains(long), "{long}");
            }
            options += 1;
        }
        assert!(options > 20);
        for (heading, _) in SECTIONS {
            assert!(
                page.contains(&format!(".SH \"{heading}\"")) || page.contains(&format!(".SH {heading}")),
                "{heading}"
            );
        }
    }
}
