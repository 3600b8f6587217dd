//! How long one event of each profile takes from its body to a routing event: decode, filter, read.
//!
//! Every folder of `mappings/vendors` with samples is measured by itself, with the event that is nearest to 1 KiB.
//! The aim: a median under 60 µs on one core.

#![allow(clippy::disallowed_methods, reason = "a benchmark may block")]

use std::hint::black_box;
use std::path::Path;

use awa_bridge::testing::routing::UnixMillis;
use awa_bridge::testing::source::samples::{self, RECEIVED_AT, unsigned_source};
use awa_bridge::testing::source::{Reading, Request, Source, load_profiles};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

/// The daemon's own allocator: a filter allocates a lot.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The size that an event should be near to, in bytes.
const USUAL: usize = 1_024;

fn profiles(criterion: &mut Criterion) {
    let vendors = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/vendors");
    let profiles = load_profiles(&vendors).expect("the shipped profiles are right");
    let mut group = criterion.benchmark_group("profiles");
    for (vendor, profile) in &profiles {
        let shipped = samples::load(&vendors.join(vendor)).expect("the samples are right");
        let readable =
            shipped.iter().filter(|sample| !sample.is_handshake()).filter_map(|sample| {
                let source = unsigned_source(profile, &sample.options).ok()?;
                let request = sample.request(profile, "/webhooks/bench", RECEIVED_AT);
                is_event(&source, &request).then_some((source, request))
            });
        let nearest = readable.min_by_key(|(_, request)| request.body.len().abs_diff(USUAL));
        let Some((source, request)) = nearest else { continue };
        group.bench_function(vendor, |bencher| {
            bencher.iter_batched(
                || Request { received_at: UnixMillis(RECEIVED_AT.0), ..request.clone() },
                |request| black_box(source.read(black_box(&request))),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// Whether the request is one routing event and nothing else.
fn is_event(source: &Source, request: &Request) -> bool {
    matches!(source.read(request).as_deref(), Ok([Reading::Event(_)]))
}

criterion_group! {
    name = benches;
    config = Criterion::default().without_plots();
    targets = profiles
}
criterion_main!(benches);
