//! A defect of the program wherever it counts or measures one thing: a way for tests to have it panic in between.

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// A recorder of one thread that keeps nothing and runs `defect` whenever that metric is asked for.
pub(crate) struct DefectAt<F> {
    metric: &'static str,
    defect: F,
}

impl<F: Fn()> DefectAt<F> {
    pub(crate) const fn new(metric: &'static str, defect: F) -> Self {
        Self { metric, defect }
    }

    fn asked(&self, key: &Key) {
        if key.name() == self.metric {
            (self.defect)();
        }
    }
}

impl<F: Fn()> Recorder for DefectAt<F> {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.asked(key);
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.asked(key);
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.asked(key);
        Histogram::noop()
    }
}
