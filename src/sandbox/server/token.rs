//! `/oauth_token.do`: the grants client_credentials, password, refresh_token and JWT bearer.
//!
//! Its errors are RFC 6749's, where `error` is a text, unlike the APIs' error object.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::super::world::{Answer, World};
use super::access::Access;
use crate::routing::{SysId, UnixMillis};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// ServiceNow's own `expires_in`.
const LIFETIME: u64 = 1799;

/// Answers a token request with that form.
pub(super) fn grant(access: &mut Access, form: &[u8], world: &World, now: UnixMillis) -> Answer {
    let form: Vec<(String, String)> = form_urlencoded::parse(form).into_owned().collect();
    match user_of(access, &form, world, now) {
        Ok((user_name, refreshable)) => give(access, &user_name, refreshable, now),
        Err(answer) => answer,
    }
}

fn give(access: &mut Access, user_name: &str, refreshable: bool, now: UnixMillis) -> Answer {
    let seconds = access.token_seconds.unwrap_or(LIFETIME);
    let mut body = json!({
        "access_token": access.give_token(user_name, seconds, now),
        "scope": "useraccount",
        "token_type": "Bearer",
        "expires_in": seconds,
    });
    if refreshable {
        body["refresh_token"] = access.give_refresh_token(user_name).into();
    }
    Answer { status: 200, body, total: None }
}

/// Whom the token is for, and whether a refresh token goes with it.
fn user_of(
    access: &Access,
    form: &[(String, String)],
    world: &World,
    now: UnixMillis,
) -> Result<(String, bool), Answer> {
    let field = |name: &str| {
        form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    };
    let client = access.clients.iter().find(|client| {
        client.id == field("client_id") && client.secret.expose_secret() == field("client_secret")
    });
    if client.is_none() && !access.anyone {
        return Err(refused(401, "invalid_client", "access_denied"));
    }
    match field("grant_type") {
        "client_credentials" => {
            let user = client.and_then(|client| client.application_user.clone());
            let user = user.or_else(|| access.anyone.then(|| "bridge".to_owned()));
            user.map(|user| (user, false)).ok_or_else(|| {
                let why = "access_denied: no OAuth application user set";
                refused(401, "invalid_client", why)
            })
        }
        "password" if access.knows(field("username"), field("password")) => {
            Ok((field("username").to_owned(), true))
        }
        "refresh_token" => {
            let owner = access.refresh_token_owner(field("refresh_token"));
            owner.map(|owner| (owner, true)).ok_or_else(invalid_grant)
        }
        JWT_BEARER => bearer(access, field("assertion"), world, now).map(|user| (user, false)),
        "password" => Err(invalid_grant()),
        _ => Err(refused(400, "unsupported_grant_type", "unsupported grant_type")),
    }
}

/// The user whom a JWT's `sub` names, by user name or sys_id.
fn bearer(access: &Access, jwt: &str, world: &World, now: UnixMillis) -> Result<String, Answer> {
    let claims = claims_of(jwt).ok_or_else(invalid_grant)?;
    let has_text = |name: &str| claims[name].as_str().is_some_and(|text| !text.is_empty());
    let in_time = claims["exp"].as_i64().is_some_and(|exp| exp.saturating_mul(1000) > now.0);
    if !has_text("iss") || !has_text("aud") || !has_text("sub") || !in_time {
        return Err(invalid_grant());
    }
    let sub = claims["sub"].as_str().unwrap_or_default();
    let by_id = SysId::parse(sub).ok().and_then(|id| world.user(id));
    match by_id.or_else(|| world.user_named(sub)) {
        Some(user) => Ok(user.user_name.clone()),
        None if access.anyone => Ok("bridge".to_owned()),
        None => Err(invalid_grant()),
    }
}

/// Without a look at the signature.
fn claims_of(jwt: &str) -> Option<Value> {
    let claims = jwt.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

fn invalid_grant() -> Answer {
    refused(401, "invalid_grant", "access_denied")
}

fn refused(status: u16, error: &str, description: &str) -> Answer {
    let body = json!({ "error": error, "error_description": description });
    Answer { status, body, total: None }
}
