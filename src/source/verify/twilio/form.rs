//! A form as Twilio signed it: sorted, each pair once, names and values without anything between them. So the same
//! signature fits forms with other boundaries too: nothing that is read here may alone be a request's identity.

use std::borrow::Cow;

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

fn pairs(body: &[u8]) -> Vec<Pair<'_>> {
    let mut pairs: Vec<_> = form_urlencoded::parse(body).collect();
    pairs.sort();
    pairs.dedup();
    pairs
}

/// The text that is signed behind the URL.
pub(super) fn parameters(body: &[u8]) -> String {
    pairs(body).iter().flat_map(|(name, value)| [name.as_ref(), value.as_ref()]).collect()
}

/// The same as bytes.
pub(in super::super) fn strung_together(body: &[u8]) -> Cow<'_, [u8]> {
    parameters(body).into_bytes().into()
}

/// The pairs of a form, sorted, each once: what a filter may see of it.
///
/// # Errors
/// A name has several values: Twilio sends none twice, and one of them may be a piece of another field.
pub(in super::super) fn as_signed(body: &[u8]) -> Result<Vec<u8>, &'static str> {
    let pairs = pairs(body);
    if pairs.windows(2).any(|two| two[0].0 == two[1].0) {
        return Err("a name has several values");
    }
    Ok(form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish().into_bytes())
}
