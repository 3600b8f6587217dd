//! One webhook URL: a profile with the secrets and options of one customer's account.

mod issuer;
mod keyed;
mod signed;
mod weakness;

use std::sync::Arc;

use bytes::Bytes;
use jaq_json::{Map, Val};
use secrecy::SecretString;
use serde::Deserialize as _;
use serde_json::Value;

use super::answer::AnswerPolicy;
use super::decode::{Malformed, content_type_fits, decode, pointer, string_of, string_val};
use super::filter::{Bindings, Output};
use super::handshake::{Handshake, HandshakeAnswer, HandshakeContext};
use super::profile::Profile;
use super::reading::{self, Ids, Inspected, Reading};
use super::request::Request;
use super::verify::{Unsignable, Unverified, Verifier, VerifyContext, VerifySpec};
use crate::problem::{Problem, looks_like_key, without_values};
use crate::routing::{ContactCenter, HandOver, Rings, Style};

/// What the configuration says about a source.
pub(crate) struct SourceSpec {
    pub(crate) name: Arc<str>,
    /// Sources with the same one share conversations and tables.
    pub(crate) contact_center: ContactCenter,
    /// Several = rotation: any that fits is good.
    pub(crate) secrets: Vec<SecretString>,
    /// Instead of the profile's `[verify]`.
    pub(crate) verify: Option<Value>,
    /// Over the profile's `[options]`.
    pub(crate) options: serde_json::Map<String, Value>,
    /// What vendors call: `intake.public_url`.
    pub(crate) public_url: Option<String>,
    /// Whether the intake listens on loopback only.
    pub(crate) loopback: bool,
}

/// A source that is ready for requests.
pub struct Source {
    name: Arc<str>,
    contact_center: ContactCenter,
    profile: Arc<Profile>,
    verifier: Verifier,
    secrets: Vec<SecretString>,
    options: Val,
    style: Style,
}

/// What a run of the filter gave.
enum Yielded {
    /// Nothing: the profile knows nothing about the request.
    Nothing {
        event_type: Option<String>,
    },
    Some(Vec<Output>),
}

/// A request's body as the filter gets it.
struct Decoded {
    body: Val,
    event_type: Option<String>,
}

impl Decoded {
    fn yielded(self, outputs: Vec<Output>) -> Yielded {
        match outputs.is_empty() {
            true => Yielded::Nothing { event_type: self.event_type },
            false => Yielded::Some(outputs),
        }
    }
}

impl Source {
    /// Puts a profile and a source's settings together.
    ///
    /// # Errors
    /// Lists everything that does not fit; the problems begin with the path of a key and a colon, and name no file.
    pub(crate) fn build(profile: Arc<Profile>, spec: SourceSpec) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let (options, style) = options(&profile, &spec.options).unwrap_or_else(|messages| {
            problems.extend(messages);
            (Val::Null, Style::default())
        });
        let verify = match &spec.verify {
            None => Ok(profile.verify.clone()),
            Some(own) => VerifySpec::deserialize(own).map_err(|error| {
                let account = without_values(&error.to_string(), "a table");
                vec![format!("`verify` is not a scheme: {account}")]
            }),
        };
        let context = VerifyContext {
            secrets: &spec.secrets,
            public_url: spec.public_url.as_deref(),
            loopback: spec.loopback,
            decode: profile.request.decode,
        };
        let verifier = verify.and_then(|verify| Verifier::build(&verify, &context));
        let verifier = verifier.and_then(|verifier| {
            weakness::refusal(&profile, &verifier, &spec.secrets)
                .map_or(Ok(verifier), |problem| Err(vec![problem]))
        });
        match verifier {
            Ok(verifier) if problems.is_empty() => Ok(Self {
                name: spec.name,
                contact_center: spec.contact_center,
                profile,
                verifier,
                secrets: spec.secrets,
                options,
                style,
            }),
            other => {
                problems.extend(other.err().unwrap_or_default());
                let (name, own) = (&spec.name, spec.verify.is_some());
                Err(problems.iter().map(|message| keyed::problem(name, own, message)).collect())
            }
        }
    }

    /// The last part of its URL.
    #[must_use]
    pub(crate) const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whose tables and conversations it uses.
    #[must_use]
    pub(crate) const fn contact_center(&self) -> &ContactCenter {
        &self.contact_center
    }

    /// Its vendor's profile.
    #[must_use]
    pub(crate) fn profile(&self) -> &Profile {
        &self.profile
    }

    /// What the vendor hears.
    #[must_use]
    pub(crate) fn answer(&self) -> &AnswerPolicy {
        self.profile.answer()
    }

    /// What holds but is weak, as the end of a sentence that starts with the source.
    #[must_use]
    pub(crate) fn notes(&self) -> Vec<String> {
        weakness::short_keys(&self.verifier, &self.secrets)
    }

    /// The answer to a handshake, of any method; to be asked before everything else. It verifies by itself where the
    /// profile wants that, and is none for whatever is not plainly a handshake.
    #[must_use]
    pub(crate) fn handshake(&self, request: &Request) -> Option<HandshakeAnswer> {
        let context = HandshakeContext {
            decode: self.profile.request.decode,
            verifier: &self.verifier,
            secrets: &self.secrets,
        };
        self.profile.handshakes.iter().find_map(|handshake| handshake.answer(request, &context))
    }

    /// Why a request is refused whatever its body is; none where that is not known before the body is there.
    #[must_use]
    pub(crate) fn refused_by_head(&self, head: &Request) -> Option<Unverified> {
        let asks = |handshake: &Handshake| handshake.is_for_strangers(&head.method);
        let may_be_asked = self.profile.handshakes.iter().any(asks);
        if may_be_asked { None } else { self.verifier.refused_by_head(head) }
    }

    /// Checks over the raw bytes that the request is the vendor's and recent.
    ///
    /// # Errors
    /// Says why it is not taken for the vendor's.
    pub(crate) fn verify(&self, request: &Request) -> Result<(), Unverified> {
        self.verifier.verify(request).map(|_| ())
    }

    /// A verified request's body as it may be kept: without the secret, where the vendor puts it there.
    #[must_use]
    pub(crate) fn body_to_keep(&self, request: &Request) -> Bytes {
        self.verifier.body_to_keep(request)
    }

    /// Whether [`Source::verify`] takes long, whatever the size of the request.
    #[must_use]
    pub(crate) fn is_costly(&self) -> bool {
        self.verifier.is_costly()
    }

    /// Decodes a verified request, runs the filter, reads what comes out; never empty. It may take tenths of a second.
    ///
    /// # Errors
    /// The body is not what it is declared to be. All else becomes a [`Reading`].
    pub fn read(&self, request: &Request) -> Result<Vec<Reading>, Malformed> {
        let decoded = self.decoded(request)?;
        let outputs = self.run(&decoded.body, request);
        Ok(self.readings(request, decoded.yielded(outputs)))
    }

    /// The same within some milliseconds; none if the filter takes longer.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub(crate) fn read_quickly(
        &self,
        request: &Request,
    ) -> Result<Option<Vec<Reading>>, Malformed> {
        let decoded = self.decoded(request)?;
        let outputs = self.run_quickly(&decoded.body, request);
        Ok(outputs.map(|outputs| self.readings(request, decoded.yielded(outputs))))
    }

    fn readings(&self, request: &Request, yielded: Yielded) -> Vec<Reading> {
        let outputs = match yielded {
            Yielded::Nothing { event_type } => return vec![Reading::Unknown { event_type }],
            Yielded::Some(outputs) => outputs,
        };
        let content = self.verifier.content(request);
        let ids = Ids { message: self.verifier.message_id(request), body: &content };
        let mut readings = reading::read(outputs, &ids, request.received_at);
        readings.iter_mut().for_each(|reading| self.give_style(reading));
        readings
    }

    /// An event that does not say how its vendor rings and hands over has it from the options.
    fn give_style(&self, reading: &mut Reading) {
        if let Reading::Event(event) = reading
            && event.style.is_default()
        {
            event.style = self.style;
        }
    }

    /// The same, with the keys of each event that nothing reads: for whoever writes a filter, not for what comes in.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub(crate) fn inspect(&self, request: &Request) -> Result<Vec<Inspected>, Malformed> {
        let decoded = self.decoded(request)?;
        let outputs = self.run(&decoded.body, request);
        let outputs = match decoded.yielded(outputs) {
            Yielded::Nothing { event_type } => {
                let reading = Reading::Unknown { event_type };
                return Ok(vec![Inspected { reading, unread: Vec::new() }]);
            }
            Yielded::Some(outputs) => outputs,
        };
        let content = self.verifier.content(request);
        let ids = Ids { message: self.verifier.message_id(request), body: &content };
        let mut inspected = reading::inspect(outputs, &ids, request.received_at);
        inspected.iter_mut().for_each(|one| self.give_style(&mut one.reading));
        // The profile `native` lets the document come as text under a sender's own key, which the filter reads.
        if let Some(attribute) = self.option_text("document_attribute") {
            for one in &mut inspected {
                one.unread.retain(|key| *key != attribute);
            }
        }
        Ok(inspected)
    }

    fn decoded(&self, request: &Request) -> Result<Decoded, Malformed> {
        let spec = &self.profile.request;
        let read = self.as_signed(request)?;
        if !content_type_fits(spec.decode, &self.profile.content_types, &read) {
            return Err(Malformed::ContentType);
        }
        let body = decode(spec.decode, &spec.json_fields, &read)?;
        let event_type = spec.event_type.as_deref().and_then(|place| pointer(&body, place));
        let event_type = reading::event_type(event_type);
        Ok(Decoded { body, event_type })
    }

    fn option_text(&self, name: &str) -> Option<String> {
        match &self.options {
            Val::Obj(options) => options.get(&string_val(name)).and_then(string_of),
            _ => None,
        }
    }

    /// Signs a request as the vendor would, for the demo and for tests.
    ///
    /// # Errors
    /// The scheme can only be signed by the vendor.
    pub(crate) fn sign(&self, request: &mut Request) -> Result<(), Unsignable> {
        self.verifier.sign(request)
    }

    fn bindings(&self, request: &Request) -> Bindings {
        let headers = || {
            let fields = request.headers.iter().map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                (string_val(name.as_str()), string_val(&value))
            });
            Val::obj(fields.collect::<Map>())
        };
        let query = || {
            let seen = |name: &str| self.verifier.secret_parameter() != Some(name);
            let fields = request.query().filter(|(name, _)| seen(name));
            Val::obj(fields.map(|(name, value)| (string_val(&name), string_val(&value))).collect())
        };
        let reads = self.profile.filter.reads();
        Bindings {
            headers: if reads.headers { headers() } else { Val::Null },
            query: if reads.query { query() } else { Val::Null },
            options: self.options.clone(),
            received_at: string_val(&request.received_at.to_string()),
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("name", &self.name)
            .field("vendor", &self.profile.vendor())
            .finish_non_exhaustive()
    }
}

/// The options that every profile has beside its own: how the vendor rings and hands over.
const STYLE_OPTIONS: [(&str, &str); 2] = [("rings", "one"), ("hand_over", "")];

/// The profile's options with the source's over them; unknown keys and other types are refused.
fn options(
    profile: &Profile,
    own: &serde_json::Map<String, Value>,
) -> Result<(Val, Style), Vec<String>> {
    let mut merged = profile.options.clone();
    for (key, default) in STYLE_OPTIONS {
        merged.entry(key).or_insert_with(|| default.into());
    }
    let mut problems = Vec::new();
    for (key, value) in own {
        match merged.get(key) {
            None => {
                let known: Vec<&str> = merged.keys().map(String::as_str).collect();
                let known = known.join(", ");
                let key = match looks_like_key(key) {
                    true => format!("`options.{key}` is"),
                    false => "`options` has a key that is".to_owned(),
                };
                problems.push(format!("{key} none of {}'s options: {known}", profile.vendor()));
            }
            Some(default) if type_of(default) != type_of(value) => problems.push(format!(
                "`options.{key}` is {}, but has to be {}",
                type_of(value),
                type_of(default)
            )),
            Some(_) => drop(merged.insert(key.clone(), value.clone())),
        }
    }
    let style = style(&merged).unwrap_or_else(|problem| {
        problems.push(problem);
        Style::default()
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    // A filter sees what its profile declares.
    merged.retain(|key, _| profile.options.contains_key(key));
    serde_json::from_value(Value::Object(merged))
        .map(|options| (options, style))
        .map_err(|error| vec![format!("the options have no jq form: {error}")])
}

fn style(options: &serde_json::Map<String, Value>) -> Result<Style, String> {
    let text = |key: &str| options.get(key).and_then(Value::as_str).unwrap_or_default();
    let rings = match text("rings") {
        "one" => Rings::One,
        "several" => Rings::Several,
        _ => return Err("`options.rings` is not one or several".to_owned()),
    };
    let hand_over = match text("hand_over") {
        "" => None,
        other => Some(HandOver::from_name(other).ok_or_else(|| {
            "`options.hand_over` is not consult, leave, on_accept, blind or empty".to_owned()
        })?),
    };
    Ok(Style { rings, hand_over })
}

const fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

#[cfg(test)]
mod tests;
