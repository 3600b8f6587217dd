//! A vendor's jq filter: compiled once, run over each decoded request.
//!
//! A run yields at most [`MAX_OUTPUTS`] values over an input of limited size and depth, it cannot see the environment, the
//! clock, the disk or the process, and jq's own endless loops are not there. jaq offers no way to interrupt a filter, so
//! one that recurs for ever by itself, or builds an endless array, still hangs: a filter is trusted as configuration is,
//! and `check` runs it over its samples first.

mod words;

use std::path::Path;

use jaq_core::data::JustLut;
use jaq_core::load::{Arena, File, Loader, span};
use jaq_core::native::{Fun, bome, run, v};
use jaq_core::{Compiler, Ctx, Exn, Vars, load};
use jaq_json::Val;

use super::decode::{parse_json, string_of};
use super::shortened;
use crate::problem::Problem;

/// How many values one request may become.
pub(super) const MAX_OUTPUTS: usize = 1_000;

/// What profiles may use beside jq's own filters.
const PRELUDE: &str = include_str!("filter/prelude.jq");

/// The variables that are bound, in the order of [`Bindings`].
const VARIABLES: [&str; 4] = ["$headers", "$query", "$options", "$received_at"];

/// Native filters that would let a filter out of its cage, or make two runs differ; ours stand in for them.
const CAGED: [&str; 8] =
    ["env", "now", "halt", "debug_empty", "stderr_empty", "localtime", "strflocaltime", "fromjson"];

/// jq's definitions that loop until something holds: a mapping that uses one hangs as soon as it does not hold.
const ENDLESS: [&str; 4] = ["repeat", "while", "until", "combinations"];

type Data = JustLut<Val>;

/// A compiled filter; any thread may run it.
pub(super) struct Filter {
    compiled: jaq_core::Filter<Data>,
    reads: Reads,
}

/// What a filter looks at beside the body; the rest need not be made for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reads {
    pub(super) headers: bool,
    pub(super) query: bool,
}

/// The values of a run's variables.
pub(super) struct Bindings {
    pub(super) headers: Val,
    pub(super) query: Val,
    pub(super) options: Val,
    pub(super) received_at: Val,
}

/// One value of a run, or what went wrong where it should have come: without any value of the sender.
pub(super) type Output = Result<Val, String>;

impl Filter {
    /// Compiles a filter; the problems name the line.
    pub(super) fn compile(path: &Path, code: &str) -> Result<Self, Vec<Problem>> {
        let prelude = load::parse(PRELUDE, |parser| parser.defs())
            .expect("the prelude is part of the program and is compiled by every test");
        let definitions = jaq_core::defs()
            .filter(|definition| !ENDLESS.contains(&definition.name))
            .chain(jaq_std::defs())
            .chain(jaq_json::defs())
            .chain(prelude);
        let reads = Reads { headers: code.contains("$headers"), query: code.contains("$query") };
        let arena = Arena::default();
        let modules = Loader::new(definitions)
            .load(&arena, File { code, path: () })
            .map_err(|errors| load_problems(path, code, errors))?;
        Compiler::default()
            .with_funs(natives())
            .with_global_vars(VARIABLES)
            .compile(modules)
            .map(|compiled| Self { compiled, reads })
            .map_err(|errors| {
                let all = errors.into_iter().flat_map(|(_, errors)| errors);
                all.map(|(found, undefined)| {
                    let message = format!(
                        "`{}` is not a {} that a profile can use",
                        shortened(found, 40),
                        undefined.as_str()
                    );
                    problem_at(path, code, found, message)
                })
                .collect()
            })
    }

    /// What of [`Bindings`] has to be there; the rest may be null.
    pub(super) const fn reads(&self) -> Reads {
        self.reads
    }

    /// Runs the filter; a part that fails does not keep the others from coming.
    pub(super) fn run(&self, input: Val, bindings: Bindings) -> Vec<Output> {
        let Bindings { headers, query, options, received_at } = bindings;
        let variables = Vars::new([headers, query, options, received_at]);
        let context = Ctx::<Data>::new(&self.compiled.lut, variables);
        let mut outputs: Vec<Output> = self
            .compiled
            .id
            .run((context, input))
            .take(MAX_OUTPUTS + 1)
            .map(|output| output.map_err(explain))
            .collect();
        if outputs.len() > MAX_OUTPUTS {
            outputs.truncate(MAX_OUTPUTS);
            outputs.push(Err(format!("the filter yields more than {MAX_OUTPUTS} values")));
        }
        outputs
    }
}

/// jq's filters but the caged ones, and ours.
fn natives() -> impl Iterator<Item = Fun<Data>> {
    let free = |(name, ..): &Fun<Data>| !CAGED.contains(name);
    let jq = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs()).filter(free);
    let denied = |name| run::<Data>((name, v(0), |_| no_access()));
    let ours = [
        denied("env"),
        denied("now"),
        denied("localtime"),
        run::<Data>(("halt", v(1), |_| no_access())),
        run::<Data>(("strflocaltime", v(1), |_| no_access())),
        run::<Data>(("debug_empty", v(0), |_| Box::new(std::iter::empty()))),
        run::<Data>(("stderr_empty", v(0), |_| Box::new(std::iter::empty()))),
        run::<Data>(("fromjson", v(0), |(_, input)| {
            let text = string_of(&input).unwrap_or_default();
            let parsed = parse_json(text.as_bytes());
            bome(parsed.map_err(|_| jaq_core::Error::str("a text is not JSON")))
        })),
    ];
    jq.chain(ours).chain(words::words())
}

fn no_access<'a>() -> jaq_core::ValXs<'a, Val> {
    bome(Err(jaq_core::Error::str("a profile has no access to this")))
}

/// Says what failed without the value that it failed on: that value is the sender's.
fn explain(exception: Exn<'_, Val>) -> String {
    let Ok(error) = exception.get_err() else {
        return "the filter ended itself".to_owned();
    };
    let value = error.into_val();
    let text = string_of(&value).unwrap_or_else(|| value.to_string());
    let told = |start: &str| text.starts_with(start);
    if told("cannot use ") {
        let wanted = text.rsplit_once(" as ").map_or("", |(_, wanted)| wanted);
        return format!("the filter cannot use a value as {}", shortened(wanted, 40));
    }
    if told("cannot index ") {
        return "the filter cannot look into a value: it is not of the type expected".to_owned();
    }
    if told("cannot calculate ") {
        return "the filter cannot calculate with a value".to_owned();
    }
    if told("cannot ") || told("invalid path expression") {
        let verb: Vec<&str> = text.split(' ').take(2).collect();
        return format!("the filter {} a value", verb.join(" "));
    }
    format!("the filter says: {}", masked(&shortened(&text, 40)))
}

/// Hides runs of five digits and more: they may be a caller's number.
fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_digit() {
            run.push(c);
            continue;
        }
        out.push_str(if run.len() >= 5 { "…" } else { &run });
        run.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

fn load_problems(path: &Path, code: &str, errors: load::Errors<&str, ()>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (_, error) in errors {
        match error {
            load::Error::Io(imports) => problems.extend(imports.into_iter().map(|(import, _)| {
                let message = "a profile cannot import or include other files".to_owned();
                problem_at(path, code, import, message)
            })),
            load::Error::Lex(errors) => {
                problems.extend(errors.into_iter().map(|(expected, found)| {
                    problem_at(path, code, found, format!("expected {}", expected.as_str()))
                }))
            }
            load::Error::Parse(errors) => {
                problems.extend(errors.into_iter().map(|(expected, found)| {
                    let at = if found.is_empty() { "the end" } else { found };
                    let message =
                        format!("expected {} at `{}`", expected.as_str(), shortened(at, 40));
                    problem_at(path, code, found, message)
                }));
            }
        }
    }
    problems
}

fn problem_at(path: &Path, code: &str, found: &str, message: String) -> Problem {
    let start = span(code, found).start.min(code.len());
    let line = code.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1;
    Problem::at_line(path, line as u64, message)
}

#[cfg(test)]
mod tests;
