//! What a run of a filter may cost, and how it is ended when that is used up.
//!
//! jaq cannot be interrupted, but it looks up each term that it evaluates in the program, and each look-up pays a step
//! here. Once nothing is left, the run is unwound to where it was started: nothing inside the filter can catch that. So
//! every loop and every recursion ends. What one term does in itself, such as repeating a text, is not counted.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use jaq_core::data::HasLut;
use jaq_core::{DataT, Lut};
use jaq_json::Val;

#[cfg(panic = "abort")]
compile_error!("a filter is ended by unwinding its run");

/// How deep a value may be that a filter yields: whoever reads it calls itself for each level.
const MAX_DEPTH: u32 = 512;

/// jaq's own values, and a look-up that costs a step.
pub(super) struct Data;

impl DataT for Data {
    type V<'a> = Val;
    type Data<'a> = Program<'a>;
}

/// The compiled program; every evaluation of a term asks for it first.
#[derive(Clone)]
pub(super) struct Program<'a>(pub(super) &'a Lut<Data>);

impl<'a> HasLut<'a, Data> for Program<'a> {
    fn lut(&self) -> &'a Lut<Data> {
        METER.with(|meter| meter.spend(1 + meter.depth()));
        self.0
    }
}

/// What was used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    Steps,
    /// Calls inside calls.
    Stack,
    /// Values inside values.
    Depth,
}

/// What one run may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    pub(super) steps: u64,
    /// In bytes, for calls inside calls.
    pub(super) stack: usize,
}

/// How many times as much stack a call takes in a build that is not optimised.
pub(super) const FRAMES: usize = if cfg!(debug_assertions) { 8 } else { 1 };

/// How far the stack may grow before it is counted, and then in units of this.
const USUAL_STACK: usize = FRAMES * (64 << 10);

/// How many bytes of the stack's calls pass a value on in the time of a step.
const BYTES_PASSED_A_STEP: usize = FRAMES * (2 << 10);

struct Meter {
    left: Cell<u64>,
    /// Where the run's stack begins, and how many bytes it may grow.
    stack: Cell<(usize, usize)>,
}

thread_local! {
    static METER: Meter =
        const { Meter { left: Cell::new(0), stack: Cell::new((0, 0)) } };
}

impl Meter {
    /// What a value costs beside its step for coming from so deep: each call that is open passes it on. Nothing for
    /// what is usual.
    fn depth(&self) -> u64 {
        let here = 0_u8;
        let (begin, limit) = self.stack.get();
        let grown = begin.saturating_sub(std::ptr::from_ref(&here).addr());
        if grown > limit {
            stop(Spent::Stack);
        }
        (grown / USUAL_STACK * (USUAL_STACK / BYTES_PASSED_A_STEP)) as u64
    }

    fn spend(&self, steps: u64) {
        match self.left.get().checked_sub(steps) {
            Some(left) => self.left.set(left),
            None => {
                self.left.set(0);
                stop(Spent::Steps);
            }
        }
    }
}

/// Pays for something that a native filter does.
pub(super) fn spend(steps: u64) {
    METER.with(|meter| meter.spend(steps));
}

/// Pays for visiting a whole value, and refuses one that is too deep. Parts of a value may be shared: what is small
/// in memory can be endless to read.
pub(super) fn spend_visit(value: &Val) {
    fn visit(value: &Val, depth: u32) {
        if depth > MAX_DEPTH {
            stop(Spent::Depth);
        }
        match value {
            Val::Null | Val::Bool(_) | Val::Num(_) => spend(1),
            Val::BStr(text) | Val::TStr(text) => spend(1 + text.len() as u64 / 64),
            Val::Arr(elements) => {
                spend(1);
                elements.iter().for_each(|element| visit(element, depth + 1));
            }
            Val::Obj(fields) => {
                spend(1);
                for (key, value) in fields.iter() {
                    visit(key, depth + 1);
                    visit(value, depth + 1);
                }
            }
        }
    }
    visit(value, 0);
}

/// Ends the run that this thread is in.
pub(super) fn stop(spent: Spent) -> ! {
    resume_unwind(Box::new(spent))
}

/// Runs `work` within an allowance; returns what is left of the steps with what `work` made, or what was used up.
pub(super) fn within(allowance: Allowance, work: impl FnOnce()) -> Result<u64, Spent> {
    let here = 0_u8;
    let begin = std::ptr::from_ref(&here).addr();
    METER.with(|meter| {
        meter.left.set(allowance.steps);
        meter.stack.set((begin, allowance.stack));
    });
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(()) => Ok(METER.with(|meter| meter.left.get())),
        Err(payload) => match payload.downcast::<Spent>() {
            Ok(spent) => Err(*spent),
            Err(defect) => resume_unwind(defect),
        },
    }
}

/// Runs `work` on a thread of its own with that much stack; none where the machine has no such thread to give.
#[expect(
    clippy::disallowed_methods,
    reason = "for callers that run filters, which are beside the runtime"
)]
pub(super) fn on_a_large_stack<T: Send>(
    bytes: usize,
    work: impl FnOnce() -> T + Send,
) -> Option<T> {
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("filter".to_owned()).stack_size(bytes);
        let worker = builder.spawn_scoped(scope, work).ok()?;
        Some(worker.join().unwrap_or_else(|defect| resume_unwind(defect)))
    })
}
