//! Native filters that stand in for jq's: those that would let a filter out of its cage, and those that would work
//! without paying.

use std::iter::from_fn;

use jaq_core::box_iter::box_once;
use jaq_core::native::{Fun, bome, run, unary, v};
use jaq_core::{Bind, Cv, Error, ValT as _, ValX, ValXs};
use jaq_json::{Num, Val};
use jaq_std::ValT as _;

use super::super::decode::{parse_json, string_of};
use super::meter::{Data, spend, spend_size, surcharged};
use super::value::{Metered, position};
use super::words;

/// Filters that have no business in a profile, or that ours stand in for.
const REPLACED: [&str; 13] = [
    "env",
    "now",
    "halt",
    "debug_empty",
    "stderr_empty",
    "localtime",
    "strflocaltime",
    "range",
    "path",
    "path_value",
    "fromjson",
    // As many rounds as their first argument says.
    "jn",
    "yn",
];

/// Regular expressions are paid for before they run: `metered.jq` puts a price on each.
const REGULAR_EXPRESSIONS: [(&str, &str); 3] = [
    ("matches", "unmetered_matches"),
    ("split_matches", "unmetered_split_matches"),
    ("split_", "unmetered_split"),
];

/// What each look-up costs inside `path(…)`. The way to a value is a chain, link held by link: it has to stay short
/// enough to be let go of.
const PATH_SURCHARGE: u64 = 50;

/// All native filters that a profile has.
pub(super) fn natives() -> impl Iterator<Item = Fun<Data>> {
    let renamed = |(name, arity, native): Fun<Data>| {
        let other = REGULAR_EXPRESSIONS.iter().find(|(jq, _)| *jq == name);
        (other.map_or(name, |(_, unmetered)| unmetered), arity, native)
    };
    let free = |(name, ..): &Fun<Data>| !REPLACED.contains(name);
    let jq = jaq_core::funs().chain(jaq_std::funs()).filter(free).map(renamed);
    jq.chain(caged()).chain(streams()).chain(of_values()).chain(words::words())
}

fn caged() -> [Fun<Data>; 7] {
    let denied = |name| run::<Data>((name, v(0), |_| no_access()));
    [
        denied("env"),
        denied("now"),
        denied("localtime"),
        run((("halt"), v(1), |_| no_access())),
        run(("strflocaltime", v(1), |_| no_access())),
        run(("debug_empty", v(0), |_| Box::new(std::iter::empty()))),
        run(("stderr_empty", v(0), |_| Box::new(std::iter::empty()))),
    ]
}

fn no_access<'a>() -> ValXs<'a, Metered> {
    bome(Err(Error::str("a profile has no access to this")))
}

/// Filters that yield many values, or work long, without a look-up.
fn streams() -> [Fun<Data>; 4] {
    let one_filter = || [Bind::Fun(())].into();
    [
        run(("range", v(3), |mut cv| {
            let (by, to, from) = (cv.0.pop_var(), cv.0.pop_var(), cv.0.pop_var());
            Box::new(range(from, to, by))
        })),
        run(("path", one_filter(), |cv| Box::new(ways(cv).map(|way| way.map(|(way, _)| way))))),
        run(("path_value", one_filter(), |cv| {
            Box::new(ways(cv).map(|way| way.map(|(way, value)| [way, value].into_iter().collect())))
        })),
        run(("price_of_matching", v(1), |mut cv| {
            let expression = cv.0.pop_var();
            if let (Some(text), Some(expression)) = (cv.1.as_bytes(), expression.as_bytes()) {
                let (length, states) = (text.len() as u64, states_of(expression));
                // Matching may look at the rest of the text from each place in it.
                spend(states.saturating_mul(1 + length.saturating_mul(length + 64) / 128));
            }
            box_once(Ok(Metered(Val::Null)))
        })),
    ]
}

fn range<'a>(from: Metered, to: Metered, by: Metered) -> impl Iterator<Item = ValX<'a, Metered>> {
    let direction = by.cmp(&0_isize.into());
    let mut next = Some(Ok(from));
    from_fn(move || {
        spend(1);
        let this = match next.take()? {
            Ok(this) => this,
            Err(error) => return Some(Err(error)),
        };
        let goes_on = match direction {
            std::cmp::Ordering::Greater => this < to,
            std::cmp::Ordering::Less => this > to,
            std::cmp::Ordering::Equal => this != to,
        };
        next = goes_on.then(|| (this.clone() + by.clone()).map_err(Into::into));
        goes_on.then_some(Ok(this))
    })
}

/// Where a filter leads, each way with the value at its end.
fn ways<'a>(mut cv: Cv<'a, Data>) -> impl Iterator<Item = ValX<'a, (Metered, Metered), Metered>> {
    let (filter, context) = cv.0.pop_fun();
    let mut ways =
        surcharged(PATH_SURCHARGE, || filter.paths((context, (cv.1, Default::default()))));
    from_fn(move || {
        let way = surcharged(PATH_SURCHARGE, || ways.next())?;
        Some(way.map(|(value, links)| {
            let mut links: Vec<Metered> = links.iter().cloned().collect();
            links.reverse();
            (links.into_iter().collect(), value)
        }))
    })
}

/// About how many states a regular expression has when its repetitions are written out.
fn states_of(expression: &[u8]) -> u64 {
    let mut groups = vec![0_u64];
    let mut last = 0_u64;
    let mut bytes = expression.iter().copied();
    while let Some(byte) = bytes.next() {
        let size = match byte {
            b'(' => {
                groups.push(0);
                continue;
            }
            b')' if groups.len() > 1 => groups.pop().unwrap_or_default(),
            b'{' => {
                let counts = bytes.by_ref().take_while(|byte| *byte != b'}').collect::<Vec<u8>>();
                let counts = counts.split(|byte| *byte == b',').filter_map(|digits| {
                    std::str::from_utf8(digits).ok()?.trim().parse::<u64>().ok()
                });
                // Counted once already.
                last.saturating_mul(counts.max().unwrap_or(1)).saturating_sub(last)
            }
            b'\\' => {
                bytes.next();
                8
            }
            _ => 1,
        };
        last = if byte == b'{' { last.saturating_add(size) } else { size };
        if let Some(group) = groups.last_mut() {
            *group = group.saturating_add(size);
        }
    }
    groups.into_iter().fold(1, u64::saturating_add)
}

/// jaq's filters of its own kind of values.
fn of_values() -> [Fun<Data>; 8] {
    [
        run(("fromjson", v(0), |(_, input)| {
            let text = string_of(&input.0).unwrap_or_default();
            let length = text.len() as u64;
            // Long numbers take the square of their length.
            spend(1 + length / 8 + (length / 64).saturating_mul(length / 64) / 64);
            let parsed = parse_json(text.as_bytes());
            bome(parsed.map(Metered).map_err(|_| Error::str("a text is not JSON")))
        })),
        run(("tojson", v(0), |(_, input)| bome(Ok(input.to_string().into())))),
        run(("tobytes", v(0), |(_, input)| {
            input.weigh();
            let bytes = to_bytes(&input.0).ok_or_else(|| Error::typ(input, "bytes"));
            bome(bytes.map(|bytes| Metered(Val::byte_str(bytes))))
        })),
        run(("length", v(0), |(_, input)| bome(length(input)))),
        run(("contains", v(1), |cv| {
            unary(cv, |all, some| {
                // Each element of the one is looked for among those of the other.
                let weight = all.weigh().saturating_mul(some.weigh());
                let texts = length_of_text(&all).saturating_mul(length_of_text(&some).min(64));
                spend(weight.saturating_add(texts / 64));
                Ok(contains(&all.0, &some.0).into())
            })
        })),
        run(("has", v(1), |cv| {
            unary(cv, |value, key| match (&value.0, &key.0) {
                (Val::Null, _) => Ok(false.into()),
                (Val::Obj(fields), name) => {
                    key.weigh();
                    Ok(fields.contains_key(name).into())
                }
                (Val::Arr(elements), Val::Num(Num::Int(_) | Num::BigInt(_))) => {
                    Ok(position(&key.0, elements.len()).is_some().into())
                }
                (Val::BStr(bytes), Val::Num(Num::Int(_) | Num::BigInt(_))) => {
                    Ok(position(&key.0, bytes.len()).is_some().into())
                }
                _ => value.index(&key).map(|_| true.into()),
            })
        })),
        run(("indices", v(1), |cv| unary(cv, |all, some| indices(&all, some)))),
        run(("bsearch", v(1), |cv| {
            unary(cv, |list, wanted| {
                list.weigh();
                let Val::Arr(elements) = &list.0 else { return Err(Error::typ(list, "array")) };
                let place = |at: usize| isize::try_from(at).unwrap_or(isize::MAX);
                let found = elements.binary_search(&wanted.0);
                Ok(found.map_or_else(|at| -1 - place(at), place).into())
            })
        })),
    ]
}

fn to_bytes(value: &Val) -> Option<Vec<u8>> {
    match value {
        Val::Num(_) => {
            let byte = u8::try_from(value.as_isize()?).ok()?;
            Some(vec![byte])
        }
        Val::BStr(bytes) | Val::TStr(bytes) => Some(bytes.to_vec()),
        Val::Arr(elements) => {
            let parts: Option<Vec<Vec<u8>>> = elements.iter().map(to_bytes).collect();
            Some(parts?.concat())
        }
        Val::Null | Val::Bool(_) | Val::Obj(_) => None,
    }
}

fn length(value: Metered) -> Result<Metered, Error<Metered>> {
    match &value.0 {
        Val::Null => Ok(0_usize.into()),
        Val::Num(_) => {
            if value < Metered::from(0_isize) {
                -value
            } else {
                Ok(value)
            }
        }
        Val::TStr(text) => {
            spend_size(text.len());
            Ok(String::from_utf8_lossy(text).chars().count().into())
        }
        Val::BStr(bytes) => Ok(bytes.len().into()),
        Val::Arr(elements) => Ok(elements.len().into()),
        Val::Obj(fields) => Ok(fields.len().into()),
        Val::Bool(yes) => Err(Error::str(format_args!("{yes} has no length"))),
    }
}

fn length_of_text(value: &Metered) -> u64 {
    value.as_bytes().map_or(0, |bytes| bytes.len() as u64)
}

fn contains(all: &Val, some: &Val) -> bool {
    match (all, some) {
        (Val::BStr(all), Val::BStr(some)) | (Val::TStr(all), Val::TStr(some)) => {
            some.is_empty() || all.windows(some.len()).any(|part| part == some.as_ref().as_ref())
        }
        (Val::Arr(all), Val::Arr(some)) => {
            some.iter().all(|some| all.iter().any(|one| contains(one, some)))
        }
        (Val::Obj(all), Val::Obj(some)) => {
            some.iter().all(|(key, some)| all.get(key).is_some_and(|one| contains(one, some)))
        }
        (all, some) => all == some,
    }
}

/// Where something stands in a list or a text.
fn indices(all: &Metered, some: Metered) -> Result<Metered, Error<Metered>> {
    let price = || spend(all.weigh().saturating_mul(some.weigh()) / 8);
    let found: Vec<usize> = match (&all.0, &some.0) {
        (Val::TStr(_) | Val::BStr(_), Val::TStr(part) | Val::BStr(part)) if part.is_empty() => {
            Vec::new()
        }
        (Val::TStr(text), Val::TStr(part)) => {
            spend_size(text.len().saturating_mul(part.len().min(64)));
            let starts = String::from_utf8_lossy(text);
            let starts = starts.char_indices().enumerate();
            let here = |at: usize| text.get(at..).is_some_and(|rest| rest.starts_with(part));
            starts.filter(|(_, (at, _))| here(*at)).map(|(n, _)| n).collect()
        }
        (Val::BStr(text), Val::BStr(part)) => {
            spend_size(text.len().saturating_mul(part.len().min(64)));
            let windows = text.windows(part.len()).enumerate();
            windows.filter(|(_, window)| *window == part.as_ref()).map(|(n, _)| n).collect()
        }
        (Val::Arr(_), Val::Arr(part)) if part.is_empty() => Vec::new(),
        (Val::Arr(list), Val::Arr(part)) => {
            price();
            let windows = list.windows(part.len()).enumerate();
            windows.filter(|(_, window)| *window == part.as_slice()).map(|(n, _)| n).collect()
        }
        (Val::Arr(list), one) => {
            price();
            list.iter().enumerate().filter(|(_, each)| *each == one).map(|(n, _)| n).collect()
        }
        _ => return Err(Error::index(all.clone(), some)),
    };
    Ok(found.into_iter().map(Metered::from).collect())
}

#[cfg(test)]
mod tests {
    use super::states_of;

    #[test]
    fn a_regular_expression_is_as_large_as_its_repetitions_written_out() {
        assert_eq!(states_of(b"abc"), 4);
        assert_eq!(states_of(b"(ab){10}"), 21);
        assert_eq!(states_of(b"((a{100}){100}){100}"), 1_000_001);
        assert_eq!(states_of(b"a{99999999999999999999}{2,}"), 3);
        assert!(states_of(b"[0-9]{4}-[0-9]{2}-[0-9]{2}") < 64);
        assert_eq!(states_of(b"))((\\"), 11);
    }
}
