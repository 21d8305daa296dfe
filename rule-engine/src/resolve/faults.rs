//! Errors of texts and trees: the file and place of the words, and their origin.

use crate::diag::{Code, Context, Diagnostic, Spot};
use crate::lower::CompileError;
use crate::output::TemplateError;
use crate::source::{item, span};
use crate::syntax::SyntaxError;
use crate::syntax::ast::{Expr, Position};

use super::{MappedText, Resolver, locate, macros};

impl Resolver<'_> {
    /// Returns the words of a text at a position, in the file, and their origin.
    pub(super) fn spot(&self, text: &MappedText, position: Position) -> (Option<Spot>, Vec<(String, Option<Spot>)>) {
        let bytes = text.as_str().as_bytes();
        let mut from = position.index.min(bytes.len());
        // At the end of the text there is nothing to mark: use the last word before it.
        if from >= bytes.trim_ascii_end().len() {
            from = bytes.trim_ascii_end().len();
            while from > 0 && is_word(bytes[from - 1]) {
                from -= 1;
            }
            from = from.min(bytes.len().saturating_sub(1));
        }
        let mut to = from;
        while to < bytes.len() && is_word(bytes[to]) {
            to += 1;
        }
        let mut to = to.max(from + 1);
        // Inserted parentheses and spaces have no origin: use the last word before them.
        if text.origin(from).is_none() {
            while from > 0 && text.origin(from).is_none() {
                from -= 1;
            }
            to = from + 1;
            while from > 0 && is_word(bytes[from - 1]) && text.origin(from - 1).is_some() {
                from -= 1;
            }
        }
        let Some(origin) = text.origin(from) else { return (None, Vec::new()) };
        let Some(file) = self.files.get(origin.written.file().0) else { return (None, Vec::new()) };
        let length = if let Some(list) = &origin.list { list.len() } else { to - from };
        let spot = span::locate(file.text.as_str(), &origin.written, origin.offset, origin.offset + length);
        let mut notes = Vec::new();
        if let Some(list) = &origin.list {
            let word = String::from_utf8_lossy(&bytes[from..to.min(bytes.len())]).into_owned();
            let items = self.collection.lists.get(list).map(|list| list.items.as_slice()).unwrap_or_default();
            let item = items.iter().find(|item| item.text.contains(word.as_str())).map(|item| item.spot);
            notes.push((format!("`{word}` comes from list `{list}`"), item));
        }
        (Some(spot), notes)
    }

    pub(super) fn syntax_fault(&self, error: &SyntaxError, text: &MappedText, context: &Context) -> Box<Diagnostic> {
        let context = context.expression(text.as_str(), Some(error.position));
        let mut fault = Diagnostic::new(Code::CompileCondition, error.kind.to_string(), context);
        (fault.spot, fault.notes) = self.spot(text, error.position);
        fault.hint = error.hint(text.as_str());
        Box::new(fault)
    }

    pub(super) fn macro_fault(
        &mut self,
        fault: &macros::Fault,
        whole: &str,
        context: &Context,
        text: &MappedText,
    ) -> Box<Diagnostic> {
        let context = context.expression(whole, Some(fault.position));
        let owner = fault.owner.map(|at| &self.macros[at]);
        let (spot, mut notes) = self.spot(owner.map_or(text, |owner| &owner.text), fault.position);
        if let Some(owner) = owner {
            notes.push((format!("in macro `{}`", owner.name), None));
        }
        let (code, message, hint) = match &fault.kind {
            macros::FaultKind::Unknown(name) => {
                let later = self.collection.macros.get(name).is_some();
                let list = self.collection.lists.get(name).is_some();
                let hint = if later {
                    Some(format!("macro `{name}` is defined further down: a macro sees only those above it"))
                } else if list {
                    Some(format!("`{name}` is a list: use it as `FIELD in ({name})`"))
                } else {
                    let names = self.collection.macros.iter().map(|macro_| macro_.name.as_str());
                    self.hints.did_you_mean(name, names)
                };
                (Code::Validate, format!("Undefined macro '{name}' used in filter."), hint)
            }
            macros::FaultKind::Loop(name) => (Code::Validate, format!("reference loop in macro '{name}'"), None),
            macros::FaultKind::TooLarge => (Code::TooLarge, "macros make the condition too large".to_owned(), None),
            macros::FaultKind::Broken => (Code::Validate, String::new(), None),
        };
        let mut out = Diagnostic::new(code, message, context).at(spot).hint(hint);
        out.notes = notes;
        Box::new(out)
    }

    /// Finds the rule or the macro with a compile error: positions are relative to one text, so the macros are compiled
    /// one by one, then those in the one that has it.
    pub(super) fn compile_notes(
        &mut self,
        fault: &mut Diagnostic,
        source: &str,
        error: &CompileError,
        text: &MappedText,
        tree: &Expr,
        used: &[usize],
    ) {
        let mut owner: Option<usize> = None;
        let mut candidates = used.to_vec();
        'deeper: loop {
            for at in std::mem::take(&mut candidates) {
                // As a definition: what was compiled before is not compiled again.
                let Some(tree) = self.macros[at].tree.clone().map(Expr::Defined) else { continue };
                let found = self.sources.condition(source, &tree).err();
                if found.is_some_and(|found| found == *error) {
                    owner = Some(at);
                    candidates.clone_from(&self.macros[at].macros);
                    continue 'deeper;
                }
            }
            break;
        }
        let (text, definition) = match owner {
            Some(at) => (self.macros[at].text.clone(), self.macros[at].tree.clone()),
            None => (text.clone(), None),
        };
        let tree = definition.as_ref().map_or(tree, |definition| definition.tree());
        let at = locate::token(tree, error, text.as_str());
        (fault.spot, fault.notes) = self.spot(&text, Position { index: at, ..error.position });
        if let Some(at) = owner {
            let name = &self.macros[at].name;
            fault.notes.push((format!("in macro `{name}`"), None));
        }
        fault.hint = self.sources.schema(source).and_then(|schema| error.hint(schema));
    }

    pub(super) fn output_fault(
        &mut self,
        code: Code,
        error: &TemplateError,
        source: &str,
        item: &item::Rule,
    ) -> Diagnostic {
        let fault = Diagnostic::new(code, error.to_string(), item.output_context()).at(item.output.spot);
        let wrong = wrong_token(&item.output.text, |text| self.sources.template(source, text).err());
        let Some((at, token, error)) = wrong else { return fault };
        let spot = self
            .files
            .get(item.output.file().0)
            .map(|file| span::locate(file.text.as_str(), &item.output, at, at + token.len()));
        let hint = self.sources.schema(source).and_then(|schema| error.hint(schema));
        fault.at(spot).hint(hint)
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'_' | b'.' | b'-' | b'/' | b'[' | b']' | b'%')
}

/// Returns the first invalid `%…` of an output, and the reason.
fn wrong_token(
    output: &str,
    mut error_of: impl FnMut(&str) -> Option<TemplateError>,
) -> Option<(usize, &str, TemplateError)> {
    let mut from = 0;
    while let Some(at) = output[from..].find('%').map(|at| at + from) {
        let rest = &output[at + 1..];
        let end = rest.find(|c: char| c.is_whitespace() || c == '%').unwrap_or(rest.len());
        let token = &output[at..at + 1 + end];
        if let Some(error) = error_of(token) {
            return Some((at, token, error));
        }
        from = at + 1 + end;
    }
    None
}
