//! What a run of a filter may cost, and how it is ended when that is used up.
//!
//! jaq cannot be interrupted, but whatever a filter does passes one of two places: it looks a term up in the program,
//! or it does something to a value. Both pay here, in steps. Once nothing is left, the run is unwound to where it was
//! started: nothing inside the filter can catch that. A step stands for some 50 to 100 ns, or for 64 bytes of new
//! memory.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use jaq_core::data::HasLut;
use jaq_core::{DataT, Lut};

use super::value::Metered;

#[cfg(panic = "abort")]
compile_error!("a filter is ended by unwinding its run");

/// Metered values, and a look-up that costs a step.
pub(super) struct Data;

impl DataT for Data {
    type V<'a> = Metered;
    type Data<'a> = Program<'a>;
}

/// The compiled program; every evaluation of a term asks for it first.
#[derive(Clone)]
pub(super) struct Program<'a>(pub(super) &'a Lut<Data>);

impl<'a> HasLut<'a, Data> for Program<'a> {
    fn lut(&self) -> &'a Lut<Data> {
        METER.with(|meter| meter.spend(1 + meter.surcharge.get() + meter.depth()));
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

/// How far the stack may grow before it is counted, and then in units of this.
const USUAL_STACK: usize = 64 << 10;

/// How many bytes of the stack's calls pass a value on in the time of a step.
const BYTES_PASSED_A_STEP: usize = 2 << 10;

struct Meter {
    left: Cell<u64>,
    /// What each look-up costs beside its step.
    surcharge: Cell<u64>,
    /// Where the run's stack begins, and how many bytes it may grow.
    stack: Cell<(usize, usize)>,
}

thread_local! {
    static METER: Meter =
        const { Meter { left: Cell::new(0), surcharge: Cell::new(0), stack: Cell::new((0, 0)) } };
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

/// Pays for something that a native filter or a value does.
pub(super) fn spend(steps: u64) {
    METER.with(|meter| meter.spend(steps));
}

/// Pays for looking into a value: walks through values in values pass here at each level.
pub(super) fn spend_look() {
    METER.with(|meter| meter.spend(1 + meter.depth()));
}

/// Pays for that many bytes to be copied or looked through.
pub(super) fn spend_size(size: usize) {
    spend(size as u64 / 64 + 1);
}

/// Runs `work` with each look-up costing more.
pub(super) fn surcharged<T>(steps: u64, work: impl FnOnce() -> T) -> T {
    let before = METER.with(|meter| meter.surcharge.replace(steps));
    let done = work();
    METER.with(|meter| meter.surcharge.set(before));
    done
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
        meter.surcharge.set(0);
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
