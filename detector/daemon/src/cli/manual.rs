//! The manual page and the completions of shells, from the table of options.

use crate::Fatal;
use crate::cli::Options;
use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// What a manual page has beside the options: a heading, and what stands below it with a word before each, if any.
const SECTIONS: &[(&str, &[(&str, &str)])] = &[
    (
        "FILES",
        &[
            (
                "/etc/peregrine/falco.yaml",
                "The configuration; without it /etc/falco/falco.yaml, then built-in settings.",
            ),
            ("/etc/peregrine/peregrine_rules.yaml", "The default rules as the packages install them."),
            ("/etc/peregrine/peregrine_rules.local.yaml", "Rules of this machine, and changes to the default rules."),
            ("/etc/peregrine/rules.d", "More rules, in the order of their names."),
        ],
    ),
    (
        "SIGNALS",
        &[
            (
                "SIGHUP",
                "Rules and configuration are read anew. If they are broken, the old ones stay, and it is said why.",
            ),
            ("SIGUSR1", "Output files are opened anew, after a rotation."),
            ("SIGINT, SIGTERM", "The program writes what waits in its outputs, and ends."),
        ],
    ),
    ("EXIT STATUS", &[("0", "It did what it was asked to."), ("1", "It could not; standard error says why.")]),
    (
        "EXAMPLES",
        &[
            ("peregrine", "Watches this machine with the built-in rules. It takes the rights of root."),
            ("peregrine -V rules.yaml", "Says what is wrong with a rules file, with the place of each fault."),
            (
                "peregrine -r rules.yaml -o engine.kind=replay -o engine.replay.capture_file=x.scap",
                "Evaluates rules on a capture.",
            ),
            ("peregrine --list proc", "Lists the fields that rules may name."),
        ],
    ),
    ("SEE ALSO", &[("", "pscap(1), https://falco.org/docs/rules/")]),
];

/// The manual page.
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

/// The completions of a shell.
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
        // A page writes a hyphen that is none of a word as `\-`.
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
