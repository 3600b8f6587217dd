//! What of a verified request its scheme covers: by what it is known again, and what may only be its sender's.

use std::borrow::Cow;

use super::super::request::Request;
use super::{Verifier, jwt, standard_webhooks, twilio};

impl Verifier {
    /// The sender's id of the request, where the scheme signs one.
    pub(in super::super) fn message_id<'a>(&self, request: &'a Request) -> Option<&'a str> {
        match self {
            Self::StandardWebhooks(_) => standard_webhooks::message_id(request),
            Self::None
            | Self::Header(_)
            | Self::Basic(_)
            | Self::Query(_)
            | Self::Field(_)
            | Self::Hmac(_)
            | Self::Twilio(_)
            | Self::JwtHeader(_)
            | Self::JwtBody(_)
            | Self::JwtBearer(_)
            | Self::JwsDetached(_)
            | Self::Ecdsa(_) => None,
        }
    }

    /// Whether a header of a verified request can only be its sender's: signed, or sent along with a secret. One that
    /// is there several times is not: its readers may take another value than the verification did.
    pub(in super::super) fn covers_header(&self, request: &Request, name: &str) -> bool {
        let signed = match self {
            Self::None | Self::Header(_) | Self::Basic(_) | Self::Query(_) | Self::Field(_) => {
                return true;
            }
            Self::JwtBearer(jwt) => return !jwt.binds_body(),
            Self::Hmac(hmac) => hmac.covers_header(name),
            Self::JwsDetached(jws) => jws.covers_header(name),
            Self::StandardWebhooks(_) => standard_webhooks::covers_header(request, name),
            Self::Twilio(_) | Self::JwtHeader(_) | Self::JwtBody(_) | Self::Ecdsa(_) => false,
        };
        signed && request.headers.get_all(name).iter().nth(1).is_none()
    }

    /// The same of the query.
    pub(in super::super) fn covers_query(&self) -> bool {
        match self {
            Self::None
            | Self::Header(_)
            | Self::Basic(_)
            | Self::Query(_)
            | Self::Field(_)
            | Self::Twilio(_) => true,
            Self::JwtBearer(jwt) => !jwt.binds_body(),
            Self::Hmac(_)
            | Self::JwsDetached(_)
            | Self::StandardWebhooks(_)
            | Self::JwtHeader(_)
            | Self::JwtBody(_)
            | Self::Ecdsa(_) => false,
        }
    }

    /// The form that was signed, where the scheme signs forms and not bodies; else why it cannot be this one.
    pub(in super::super) fn form_as_signed(
        &self,
        request: &Request,
    ) -> Option<Result<Vec<u8>, &'static str>> {
        let Self::Twilio(_) = self else { return None };
        twilio::signed_form(request).map(twilio::form::as_signed)
    }

    /// What of a verified request stands for its body in an id: the same for all bodies that the signature fits.
    pub(in super::super) fn content<'a>(&'a self, request: &'a Request) -> Cow<'a, [u8]> {
        let other = match self {
            Self::Twilio(_) => twilio::signed_form(request).map(twilio::form::strung_together),
            Self::JwtBody(_) => jwt::signed_part(&request.body).map(|part| part.as_bytes().into()),
            Self::Hmac(hmac) if !hmac.signs_whole_body() => hmac.message(request),
            Self::JwsDetached(jws) if !jws.signs_whole_body() => jws.message(request),
            Self::None
            | Self::Header(_)
            | Self::Basic(_)
            | Self::Query(_)
            | Self::Field(_)
            | Self::Hmac(_)
            | Self::StandardWebhooks(_)
            | Self::JwtHeader(_)
            | Self::JwtBearer(_)
            | Self::JwsDetached(_)
            | Self::Ecdsa(_) => None,
        };
        other.unwrap_or_else(|| (&request.body[..]).into())
    }

    /// What the signature of a verified request covers, headers too; none where a secret travels with the request.
    /// Whoever does not know the secret cannot make a request with another one that verifies.
    pub(in super::super) fn signed<'a>(&'a self, request: &'a Request) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::None | Self::Header(_) | Self::Basic(_) | Self::Query(_) | Self::Field(_) => None,
            Self::Hmac(hmac) => hmac.message(request),
            Self::JwsDetached(jws) => jws.message(request),
            Self::StandardWebhooks(_) => Some(standard_webhooks::signed(request)),
            Self::JwtHeader(jwt) => jwt.signed(request),
            Self::JwtBearer(jwt) => jwt.signed(request),
            Self::Twilio(_) | Self::JwtBody(_) | Self::Ecdsa(_) => Some(self.content(request)),
        }
    }

    /// Whether the same signature may fit another body.
    pub(in super::super) fn fits_other_bodies(&self, request: &Request) -> bool {
        match self {
            Self::Twilio(_) => twilio::signed_form(request).is_some(),
            Self::Hmac(hmac) => !hmac.signs_whole_body(),
            Self::JwsDetached(jws) => !jws.signs_whole_body(),
            Self::None
            | Self::Header(_)
            | Self::Basic(_)
            | Self::Query(_)
            | Self::Field(_)
            | Self::StandardWebhooks(_)
            | Self::JwtHeader(_)
            | Self::JwtBody(_)
            | Self::JwtBearer(_)
            | Self::Ecdsa(_) => false,
        }
    }
}
