//! What stands in a filter and can never work, found when the filter is loaded and not at its first event: regular
//! expressions and flags that are none.

use std::path::Path;
use std::sync::OnceLock;

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{Pattern, Term};
use jaq_core::{load, path};

use super::super::decode::string_val;
use super::{Bindings, Filter};
use crate::routing::shortened;

/// The filters whose first argument is a regular expression, and whose place of the flags is this one. `split` takes
/// one only where it has flags.
const PATTERNS: [(&str, usize, usize); 8] = [
    ("test", 1, 1),
    ("match", 1, 1),
    ("capture", 1, 1),
    ("scan", 1, 1),
    ("split", 2, 1),
    ("splits", 1, 1),
    ("sub", 2, 2),
    ("gsub", 2, 2),
];

type Code<'s> = Term<&'s str>;

/// The places of a filter's text that can never work, with what is wrong there.
pub(super) fn problems(code: &str) -> Vec<(&str, String)> {
    // What cannot be read is told by whoever compiles it.
    let Some(term) = load::parse(code, |parser| parser.term()) else { return Vec::new() };
    let mut calls = Calls::default();
    calls.walk(&term);
    let own = |name: &str| calls.defined.contains(&name);
    let calls = calls.made.iter().filter(|(name, _)| !own(name));
    calls.filter_map(|(name, arguments)| Some((*name, of_call(name, arguments)?))).collect()
}

fn of_call(name: &str, arguments: &[Code<'_>]) -> Option<String> {
    let (_, _, flags) =
        PATTERNS.iter().find(|(known, least, _)| *known == name && arguments.len() >= *least)?;
    let pattern = literal(arguments.first()?)?;
    let flags = match arguments.get(*flags) {
        None => String::new(),
        Some(Term::Call(name, none)) if *name == "null" && none.is_empty() => String::new(),
        Some(flags) => literal(flags)?,
    };
    let why = refused(&pattern, &flags)?;
    Some(format!("`{name}` can never work with `{}`: {why}", shortened(&pattern, 40)))
}

/// Why jaq does not take the expression; none where it does.
fn refused(pattern: &str, flags: &str) -> Option<String> {
    static TRY: OnceLock<Option<Filter>> = OnceLock::new();
    let code = ". as [$pattern, $flags] | \"\" | test($pattern; $flags) | empty";
    let filter = TRY.get_or_init(|| Filter::compiled(Path::new(""), code).ok()).as_ref()?;
    let input = [pattern, flags].map(string_val).into_iter().collect();
    filter.run(&input, &Bindings::default()).into_iter().find_map(Result::err)
}

/// The text of a string without anything to be filled in.
fn literal(term: &Code<'_>) -> Option<String> {
    let Term::Str(None, parts) = term else { return None };
    let mut text = String::new();
    for part in parts {
        match part {
            StrPart::Str(plain) => text.push_str(plain),
            StrPart::Char(one) => text.push(*one),
            StrPart::Term(_) => return None,
        }
    }
    Some(text)
}

/// The calls of a filter, and what it defines itself.
#[derive(Default)]
struct Calls<'s, 't> {
    made: Vec<(&'s str, &'t [Code<'s>])>,
    defined: Vec<&'s str>,
}

impl<'s, 't> Calls<'s, 't> {
    fn walk(&mut self, term: &'t Code<'s>) {
        match term {
            Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) | Term::Var(_) => {}
            Term::Str(_, parts) => parts.iter().for_each(|part| {
                if let StrPart::Term(term) = part {
                    self.walk(term);
                }
            }),
            Term::Arr(inner) => inner.iter().for_each(|term| self.walk(term)),
            Term::Obj(pairs) => pairs.iter().for_each(|(key, value)| {
                self.walk(key);
                value.iter().for_each(|value| self.walk(value));
            }),
            Term::Neg(inner) | Term::Label(_, inner) => self.walk(inner),
            Term::BinOp(left, _, right) => {
                self.walk(left);
                self.walk(right);
            }
            Term::Fold(_, over, pattern, arguments) => {
                self.walk(over);
                self.walk_pattern(pattern);
                arguments.iter().for_each(|term| self.walk(term));
            }
            Term::TryCatch(tried, caught) => {
                self.walk(tried);
                caught.iter().for_each(|term| self.walk(term));
            }
            Term::IfThenElse(cases, otherwise) => {
                for (condition, then) in cases {
                    self.walk(condition);
                    self.walk(then);
                }
                otherwise.iter().for_each(|term| self.walk(term));
            }
            Term::Def(definitions, rest) => {
                for definition in definitions {
                    self.defined.push(definition.name);
                    self.walk(&definition.body);
                }
                self.walk(rest);
            }
            Term::Call(name, arguments) => {
                self.made.push((name, arguments));
                arguments.iter().for_each(|term| self.walk(term));
            }
            Term::Path(from, path::Path(parts)) => {
                self.walk(from);
                for (part, _) in parts {
                    match part {
                        path::Part::Index(index) => self.walk(index),
                        path::Part::Range(from, to) => {
                            from.iter().chain(to).for_each(|term| self.walk(term));
                        }
                    }
                }
            }
        }
    }

    fn walk_pattern(&mut self, pattern: &'t Pattern<&'s str>) {
        match pattern {
            Pattern::Var(_) => {}
            Pattern::Arr(all) => all.iter().for_each(|one| self.walk_pattern(one)),
            Pattern::Obj(pairs) => pairs.iter().for_each(|(key, value)| {
                self.walk(key);
                self.walk_pattern(value);
            }),
        }
    }
}
