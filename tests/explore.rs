//! Draws histories until enough steps are played; a history that breaks a promise is made as short as it goes and
//! printed.
//!
//! Every run plays the same histories, so that a change is judged by itself; `TEST_SEED` sets the first one, so that it
//! also plays one again, and `MODEL_STEPS` how many steps all properties play together.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestRng, TestRunner};

use crate::seed::test_seed;

/// For a property of single values: tried on so many, and on the same each time.
pub(crate) fn chosen_by_seed(cases: u32) -> Config {
    let rng_seed = RngSeed::Fixed(test_seed());
    Config { cases, failure_persistence: None, rng_seed, ..Config::default() }
}

/// What a property plays: a history of steps, of which any part is one, too.
pub(crate) trait Played: Clone {
    /// How many steps it has.
    fn len(&self) -> usize;

    /// Leaves out the steps of a range.
    fn leave_out(&mut self, from: usize, to: usize);

    /// What it is played under, in a line.
    fn heading(&self) -> String;
}

/// What a history came to.
pub(crate) struct Told {
    pub(crate) breach: Option<String>,
    pub(crate) story: Vec<String>,
}

/// How many of a million steps each property plays.
pub(crate) struct Share {
    pub(crate) property: &'static str,
    pub(crate) of_a_million: u64,
    /// How often a broken history is played again to make it shorter, by each of two ways.
    pub(crate) shortenings: usize,
}

impl Share {
    fn steps(&self) -> u64 {
        let all = std::env::var("MODEL_STEPS").ok();
        let all = all.map_or(1_000_000, |text| text.parse::<u64>().expect("a number of steps"));
        (all * self.of_a_million).div_ceil(1_000_000)
    }
}

/// Plays histories; the second argument of `play` says whether someone wants to read the story.
///
/// # Panics
/// With the story of the first history that breaks a promise.
#[expect(clippy::print_stdout, reason = "a test says how much it played")]
pub(crate) fn explore<S: Strategy<Value: Played>>(
    share: &Share,
    any: impl Fn() -> S,
    mut play: impl FnMut(&S::Value, bool) -> Told,
) {
    let first = test_seed();
    let (wanted, mut played, mut histories) = (share.steps(), 0, 0);
    while played < wanted {
        let seed = first.wrapping_add(histories);
        let mut tree = drawn(seed, any());
        let history = tree.current();
        played += history.len() as u64;
        histories += 1;
        if let Some(breach) = play(&history, false).breach {
            tell(share, seed, &breach, &mut tree, &mut play);
        }
    }
    println!("{}: {played} steps in {histories} histories, seeds from {first}", share.property);
}

/// The histories that [`explore`] plays.
pub(crate) fn histories<S: Strategy>(any: impl Fn() -> S) -> impl Iterator<Item = S::Value> {
    let first = test_seed();
    (0..).map(move |number| drawn(first.wrapping_add(number), any()).current())
}

fn drawn<S: Strategy>(seed: u64, any: S) -> S::Tree {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { failure_persistence: None, ..Config::default() };
    any.new_tree(&mut TestRunner::new_with_rng(config, rng)).unwrap()
}

/// Leaves out every step without which the history breaks a promise too, many at once at first.
fn leave_out<H: Played>(history: &mut H, breaks: &mut impl FnMut(&H) -> bool) {
    let mut many = history.len();
    while many > 0 {
        let (mut from, before) = (0, history.len());
        while from < history.len() {
            let mut shorter = history.clone();
            shorter.leave_out(from, (from + many).min(history.len()));
            if breaks(&shorter) {
                *history = shorter;
            } else {
                from += many;
            }
        }
        if many > 1 || history.len() == before {
            many /= 2;
        }
    }
}

fn tell<H: Played>(
    share: &Share,
    seed: u64,
    first: &str,
    tree: &mut impl ValueTree<Value = H>,
    play: &mut impl FnMut(&H, bool) -> Told,
) -> ! {
    let mut worst = tree.current();
    for _ in 0..share.shortenings {
        let goes_on = if play(&tree.current(), false).breach.is_some() {
            worst = tree.current();
            tree.simplify()
        } else {
            tree.complicate()
        };
        if !goes_on {
            break;
        }
    }
    let mut left = share.shortenings;
    leave_out(&mut worst, &mut |history| {
        let may = left > 0;
        left = left.saturating_sub(1);
        may && play(history, false).breach.is_some()
    });
    let Told { breach, story } = play(&worst, true);
    let held = || format!("{first}; played again, every promise held");
    let breach = breach.unwrap_or_else(held);
    panic!(
        "a promise is broken: {breach}\n\n{}\n{}\n\nto play it again: TEST_SEED={seed} cargo test {}\n",
        worst.heading(),
        story.join("\n"),
        share.property,
    );
}
