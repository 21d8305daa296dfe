//! Fields and transformers: names to numbers, and the types of the results.

use std::borrow::Cow;

use crate::event::{FieldInfo, Kind, Lifetime, Schema};
use crate::ir::expr::{Expr, ExprId, Exprs, Nul, Op, Unary, shorter};
use crate::syntax::ast::{Operand, Transformer};

use super::error::CompileErrorKind;

/// The place of a field: some exist only in conditions, and some have another meaning in an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Condition,
    Output,
}

/// Compiles operands into the expressions of a set of rules.
pub(crate) struct Operands<'c> {
    pub(crate) exprs: &'c mut Exprs,
    pub(crate) schema: &'c mut dyn Schema,
    pub(crate) place: Place,
}

impl Operands<'_> {
    pub(crate) fn operand(&mut self, operand: &Operand) -> Result<ExprId, CompileErrorKind> {
        match operand {
            Operand::Field(field, _) => {
                let info = self.field(&field.name, field.arg.as_deref())?;
                Ok(self.exprs.intern(Expr::field(&info)))
            }
            Operand::Value(value, _) => {
                Ok(self.exprs.intern(Expr::text(Op::Constant(value.as_slice().into()), false, Lifetime::Lineage)))
            }
            Operand::List(items, _) => {
                let items = self.all(items)?;
                let nul = items.iter().map(|item| self.exprs[*item].nul).max().unwrap_or(Nul::Never);
                let mut list = Expr::text(Op::List(items.as_slice().into()), true, self.lifetime(&items));
                list.nul = nul;
                Ok(self.exprs.intern(list))
            }
            Operand::Transformer(transformer, _) => self.transformer(transformer),
        }
    }

    fn field(&mut self, name: &str, arg: Option<&[u8]>) -> Result<FieldInfo, CompileErrorKind> {
        let info = match self.place {
            Place::Condition => self.schema.field(name, arg),
            Place::Output => self.schema.print_field(name, arg),
        };
        info.map_err(CompileErrorKind::Field)
    }

    fn all(&mut self, operands: &[Operand]) -> Result<Vec<ExprId>, CompileErrorKind> {
        operands.iter().map(|operand| self.operand(operand)).collect()
    }

    fn lifetime(&self, exprs: &[ExprId]) -> Lifetime {
        // Constants have the longest life time. `Lineage` is the longest of the lasting ones except `Thread`, which is
        // finer.
        let lasting = exprs.iter().filter(|id| !self.exprs.is_constant(**id)).map(|id| self.exprs[*id].lifetime);
        lasting.reduce(shorter).unwrap_or(Lifetime::Event)
    }

    fn transformer(&mut self, transformer: &Transformer) -> Result<ExprId, CompileErrorKind> {
        let name = transformer.name.as_str();
        let args = self.all(&transformer.args)?;
        let no_selector =
            || transformer_error(format!("filter error: transformer '{name}' does not support field arguments"));
        match args.as_slice() {
            [only] if name == "val" || transformer.arg.is_none() => {
                if name != "val" {
                    let unary = Unary::from_name(name)
                        .ok_or_else(|| transformer_error(format!("unknown field transfomer '{name}'")))?;
                    return self.unary(unary, *only);
                }
                if transformer.arg.is_some() { Err(no_selector()) } else { Ok(*only) }
            }
            [_] => Err(no_selector()),
            _ => self.several(name, &args, transformer.arg.as_deref()),
        }
    }

    fn unary(&mut self, unary: Unary, arg: ExprId) -> Result<ExprId, CompileErrorKind> {
        let inner = &self.exprs[arg];
        if inner.no_transformer {
            return Err(transformer_error(format!("field '{}' does not support transformers", inner.name)));
        }
        let fits = match unary {
            Unary::ToLower | Unary::ToUpper | Unary::Basename => inner.kind.is_text(),
            Unary::Base64 => matches!(inner.kind, Kind::CharBuf | Kind::ByteBuf),
            Unary::Len => inner.list || inner.kind.is_text() || inner.kind == Kind::ByteBuf,
        };
        if !fits {
            return Err(transformer_error(format!(
                "can't add field transformer: type '{}' is not supported by '{}' transformer applied on {}field '{}'",
                inner.kind.name(),
                unary.name(),
                if inner.list { "list " } else { "" },
                inner.name
            )));
        }
        let mut outer = inner.clone();
        outer.op = Op::Unary(unary, arg);
        outer.special = crate::event::Special::None;
        match unary {
            Unary::Len => {
                outer.kind = Kind::UInt64;
                outer.list = false;
                outer.nul = Nul::Never;
            }
            Unary::Base64 => outer.nul = Nul::Anywhere,
            _ => outer.nul = outer.nul.max(Nul::AtEnd),
        }
        Ok(self.exprs.intern(outer))
    }

    fn several(&mut self, name: &str, args: &[ExprId], selector: Option<&[u8]>) -> Result<ExprId, CompileErrorKind> {
        let bases: Vec<(Kind, bool)> = args.iter().map(|arg| self.exprs[*arg].base).collect();
        let lifetime = self.lifetime(args);
        let no_selector =
            |name: &str| Err(transformer_error(format!("transformer '{name}' does not support field arguments")));
        let (op, list) = match name {
            "join" => {
                let &[separator, list] = args else {
                    return Err(transformer_error("join() requires exactly 2 arguments: separator and list"));
                };
                if bases[0].1 {
                    return Err(transformer_error(
                        "join() first argument (separator) must be a single value, not a list",
                    ));
                }
                if !bases[1].1 {
                    return Err(transformer_error("join() second argument must be a list"));
                }
                if selector.is_some() {
                    return no_selector("join");
                }
                (Op::Join(separator, list), false)
            }
            "concat" => {
                if args.len() < 2 {
                    return Err(transformer_error("concat() requires at least 2 arguments"));
                }
                if bases.iter().any(|base| *base != (Kind::CharBuf, false)) {
                    return Err(transformer_error("concat() arguments must be strings"));
                }
                if selector.is_some() {
                    return no_selector("concat");
                }
                (Op::Concat(args.into()), false)
            }
            "getopt" => {
                let &[list, letters] = args else {
                    return Err(transformer_error("getopt() requires exactly 2 arguments: args list and optstring"));
                };
                if !bases[0].1 {
                    return Err(transformer_error("getopt() first argument must be a list"));
                }
                if bases[1].1 {
                    return Err(transformer_error("getopt() second argument (optstring) must be a single value"));
                }
                if bases[0].0 != Kind::CharBuf || bases[1].0 != Kind::CharBuf {
                    return Err(transformer_error("getopt() arguments must be strings"));
                }
                let letter = match selector {
                    None => None,
                    Some(&[letter]) => Some(letter),
                    Some(_) => {
                        return Err(transformer_error("getopt() field argument must be a single option character"));
                    }
                };
                (Op::GetOpt(list, letters, letter), letter.is_none())
            }
            _ => return Err(CompileErrorKind::UnknownTransformer),
        };
        let mut expr = Expr::text(op, list, lifetime);
        expr.base = (Kind::CharBuf, false);
        if name == "getopt" {
            expr.nul = self.exprs[args[0]].nul;
        }
        if list {
            expr.name = Cow::Borrowed("INTERNAL");
        }
        Ok(self.exprs.intern(expr))
    }
}

fn transformer_error(message: impl Into<String>) -> CompileErrorKind {
    CompileErrorKind::Transformer { message: message.into() }
}
