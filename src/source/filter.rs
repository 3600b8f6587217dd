//! A vendor's jq filter: compiled once, run over each decoded request.
//!
//! A run yields at most [`MAX_OUTPUTS`] values over an input of limited size and depth, takes at most [`MAX_STEPS`]
//! steps (see [`meter`]), and cannot see the environment, the clock, the disk or the process. So every loop of a filter
//! ends, and in the same way for the same request. Filters are the operator's own: what one step of theirs may make is
//! not bounded.

mod literals;
mod meter;
mod natives;
mod words;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jaq_core::load::{Arena, File, Loader, span};
use jaq_core::{Compiler, Ctx, Exn, Vars, load};
use jaq_json::Val;

use self::meter::{Allowance, Data, FRAMES, Program, Spent};
use super::decode::string_of;
use crate::problem::Problem;
use crate::routing::shortened;

/// How many values one request may become.
pub(super) const MAX_OUTPUTS: usize = 1_000;

/// A run whose first values are all errors ends with so many of them.
const HOPELESS: usize = 50;

/// What profiles may use beside jq's own filters.
const PRELUDE: &str = include_str!("filter/prelude.jq");

/// The variables that are bound, in the order of [`Bindings`].
const VARIABLES: [&str; 4] = ["$headers", "$query", "$options", "$received_at"];

/// How many steps one run may take. An event of the shipped profiles takes some 200, a body of 256 KiB some 200,000.
pub(super) const MAX_STEPS: u64 = 1_000_000;

/// What a run may take where it is called. Hardly any takes more.
///
/// A chain of values or of calls is let go of link by link on the stack, and each link has cost a step at least. So few
/// of them fit on any thread's.
const SMALL: Allowance = Allowance { steps: 8_000, stack: 512 << 10 };

/// What a run may take on a thread of its own, and the stack for it: mostly address space that is never touched.
const LARGE: Allowance = Allowance { steps: MAX_STEPS, stack: FRAMES * (8 << 20) };
const LARGE_STACK: usize = FRAMES * (256 << 20);

/// One such thread at a time, so that their memory is bounded.
static LARGE_RUN: Mutex<()> = Mutex::new(());

/// A compiled filter; any thread may run it.
pub(super) struct Filter {
    compiled: jaq_core::Filter<Data>,
    reads: Reads,
    headers: Option<Vec<String>>,
}

/// What a filter looks at beside the body; the rest need not be made for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reads {
    pub(super) headers: bool,
    pub(super) query: bool,
}

/// The values of a run's variables.
#[derive(Default)]
pub(super) struct Bindings {
    pub(super) headers: Val,
    pub(super) query: Val,
    pub(super) options: Val,
    pub(super) received_at: Val,
}

impl Bindings {
    /// In the order of [`VARIABLES`].
    fn variables(&self) -> [Val; 4] {
        [&self.headers, &self.query, &self.options, &self.received_at].map(Val::clone)
    }
}

/// One value of a run, or what went wrong where it should have come: without any value of the sender.
pub(super) type Output = Result<Val, String>;

impl Filter {
    /// Compiles a filter; the problems name the line.
    pub(super) fn compile(path: &Path, code: &str) -> Result<Self, Vec<Problem>> {
        let compiled = Self::compiled(path, code)?;
        let problems = literals::problems(code).into_iter();
        let problems: Vec<_> =
            problems.map(|(found, message)| problem_at(path, code, found, message)).collect();
        if problems.is_empty() { Ok(compiled) } else { Err(problems) }
    }

    fn compiled(path: &Path, code: &str) -> Result<Self, Vec<Problem>> {
        let prelude = load::parse(PRELUDE, |parser| parser.defs())
            .expect("it is part of the program and is compiled by every test");
        let definitions = jaq_core::defs()
            .chain(jaq_std::defs())
            .chain(jaq_json::defs())
            .filter(|definition| !natives::DENIED.contains(&definition.name))
            .chain(prelude);
        let reads = Reads { headers: code.contains("$headers"), query: code.contains("$query") };
        let arena = Arena::default();
        let modules = Loader::new(definitions)
            .load(&arena, File { code, path: () })
            .map_err(|errors| load_problems(path, code, errors))?;
        Compiler::default()
            .with_funs(natives::natives())
            .with_global_vars(VARIABLES)
            .compile(modules)
            .map(|compiled| Self { compiled, reads, headers: header_names(code) })
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

    /// The headers that the filter reads, in lower case; none where it reads them by other than constant names.
    pub(super) fn headers(&self) -> Option<&[String]> {
        self.headers.as_deref()
    }

    /// Runs the filter where it is called; none if it needs more than that thread may give.
    pub(super) fn run_quickly(&self, input: &Val, bindings: &Bindings) -> Option<Vec<Output>> {
        let mut outputs = Vec::new();
        self.attempt(input, &bindings.variables(), SMALL, &mut outputs).ok().map(|_| outputs)
    }

    /// Runs the filter; a part that fails does not keep the others from coming. Where the allowance is used up, what
    /// has come stays and the error ends it. It may take long: not for a thread that others wait for.
    pub(super) fn run(&self, input: &Val, bindings: &Bindings) -> Vec<Output> {
        // A filter does nothing but yield values: it can start again with more.
        if let Some(outputs) = self.run_quickly(input, bindings) {
            return outputs;
        }
        let variables = bindings.variables();
        let _one_at_a_time = LARGE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
        let run = meter::on_a_large_stack(LARGE_STACK, || {
            let mut outputs = Vec::new();
            if let Err(spent) = self.attempt(input, &variables, LARGE, &mut outputs) {
                outputs.push(Err(limit_message(spent)));
            }
            outputs
        });
        run.unwrap_or_else(|| vec![Err("the filter got no thread to run on".to_owned())])
    }

    /// Runs the filter within an allowance.
    fn attempt(
        &self,
        input: &Val,
        variables: &[Val; 4],
        allowance: Allowance,
        outputs: &mut Vec<Output>,
    ) -> Result<u64, Spent> {
        meter::within(allowance, || {
            let variables = Vars::new(variables.iter().cloned());
            let context = Ctx::<Data>::new(Program(&self.compiled.lut), variables);
            for output in self.compiled.id.run((context, input.clone())) {
                if outputs.len() == MAX_OUTPUTS {
                    outputs.push(Err(format!("the filter yields more than {MAX_OUTPUTS} values")));
                    return;
                }
                if outputs.len() == HOPELESS && outputs.iter().all(Result::is_err) {
                    outputs.push(Err(format!(
                        "the first {HOPELESS} values are errors; no more is asked for"
                    )));
                    return;
                }
                outputs.push(output.map_err(explain).inspect(meter::spend_visit));
            }
        })
    }
}

/// The names in `$headers["name"]` and `$headers.name`; none where `$headers` stands in another way.
fn header_names(code: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for after in code.split("$headers").skip(1) {
        let after = after.trim_start();
        let name = match after.strip_prefix("[\"").or_else(|| after.strip_prefix(".[\"")) {
            Some(quoted) => quoted.split_once("\"]")?.0,
            None => {
                let bare = after.strip_prefix('.')?;
                let end = bare.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                &bare[..end.unwrap_or(bare.len())]
            }
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || !name.chars().all(plain) {
            return None;
        }
        names.push(name.to_owned());
    }
    names.sort();
    names.dedup();
    Some(names)
}

fn limit_message(spent: Spent) -> String {
    match spent {
        Spent::Steps => format!("the filter takes more than {MAX_STEPS} steps"),
        Spent::Stack => "the filter calls itself too deeply".to_owned(),
        Spent::Depth => "the filter makes a value that is too deep".to_owned(),
    }
}

/// Says what failed without the value that it failed on: that value is the sender's.
fn explain(exception: Exn<'_, Val>) -> String {
    let Ok(error) = exception.get_err() else {
        return "the filter ended itself".to_owned();
    };
    let value = error.into_val();
    let text = string_of(&value).unwrap_or_else(|| value.to_string());
    let starts = |start: &str| text.starts_with(start);
    if starts("cannot use ") {
        let wanted = text.rsplit_once(" as ").map_or("", |(_, wanted)| wanted);
        return format!("the filter cannot use a value as {}", shortened(wanted, 40));
    }
    if starts("cannot index ") {
        return "the filter cannot look into a value: it is not of the type expected".to_owned();
    }
    if starts("cannot calculate ") {
        return "the filter cannot calculate with a value".to_owned();
    }
    if starts("cannot ") || starts("invalid path expression") {
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
