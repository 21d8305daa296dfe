//! Changes by a further file to what was resolved before it, and what has grown too large.

use super::{Resolver, Stopped};
use crate::diag::{Code, Diagnostic};

impl Resolver<'_> {
    /// A user of a changed macro is changed, too.
    pub(super) fn mark_changed(&mut self) {
        let mut users = vec![Vec::new(); self.macros.len()];
        for (at, macro_) in self.macros.iter().enumerate().filter(|(_, macro_)| macro_.same) {
            macro_.macros.iter().for_each(|used| users[*used].push(at));
        }
        let mut changed: Vec<usize> = (0..self.macros.len()).filter(|at| !self.macros[*at].same).collect();
        while let Some(at) = changed.pop() {
            for user in std::mem::take(&mut users[at]) {
                let user_macro = &mut self.macros[user];
                if user_macro.same {
                    (user_macro.same, user_macro.resolved) = (false, false);
                    changed.push(user);
                }
            }
        }
    }

    /// Reports lists that name lists and multiply.
    pub(super) fn lists_fit(&mut self, too_large: Option<usize>) -> Result<(), Stopped> {
        let Some(at) = too_large else { return Ok(()) };
        let context = self.lists[at].context.clone();
        let error = Diagnostic::new(Code::TooLarge, "lists in lists have too many items", context);
        self.survive::<()>(Err(Box::new(error))).map(|_| ())
    }

    pub(super) fn are_same(&self, macros: &[usize]) -> bool {
        macros.iter().all(|at| self.macros[*at].same)
    }
}
