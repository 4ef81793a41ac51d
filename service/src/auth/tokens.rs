//! [`Tokens`]: JSON Web Tokens (RFC 7519), of callers whom an identity provider vouches for.
//!
//! A token names its key (`kid`) of a JWKS file (RFC 7517) and is signed with RS256, PS256, ES256 or EdDSA: the key says with which, never the token. It must have `exp` and this service in `aud`; `sub` is
//! the caller's name, `tenant` its tenant, `scope` its scopes, separated by spaces (RFC 8693).
//!
//! Depends on: `jsonwebtoken`. Where to go next: [`super::Authenticator`].

use super::watched::Watched;
use super::{CallersError, Identity, Scope, is_plain};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Seconds by which clocks may differ.
const LEEWAY: u64 = 30;

/// What tokens must say.
#[derive(Clone, Debug)]
pub struct TokenOptions {
    /// The identity provider's public keys, a JWKS file. It is read again when it changes.
    pub keys: PathBuf,
    /// What `aud` must name.
    pub audience: String,
    /// What `iss` must be, if it matters.
    pub issuer: Option<String>,
}

/// A token's claims.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    tenant: String,
    scope: String,
}

type Keys = HashMap<String, (Algorithm, DecodingKey)>;

/// See the module.
pub(super) struct Tokens {
    keys: Watched<Keys>,
    audience: String,
    issuer: Option<String>,
}

fn read(path: &Path) -> Result<Keys, CallersError> {
    let wrong = |reason: String| CallersError {
        path: path.to_owned(),
        reason,
    };
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let set: JwkSet = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let mut keys = Keys::new();
    for key in &set.keys {
        let Some(name) = key.common.key_id.clone() else {
            return Err(wrong("a key has no kid".to_owned()));
        };
        let of_key = |reason: String| wrong(format!("key {name:?}: {reason}"));
        let algorithm = algorithm(key).map_err(|reason| of_key(reason.to_owned()))?;
        let decoding = DecodingKey::from_jwk(key).map_err(|error| of_key(error.to_string()))?;
        if keys.insert(name.clone(), (algorithm, decoding)).is_some() {
            return Err(of_key("there are two".to_owned()));
        }
    }
    Ok(keys)
}

/// With what a key signs.
fn algorithm(key: &Jwk) -> Result<Algorithm, &'static str> {
    let stated = key.common.key_algorithm;
    match (&key.algorithm, stated) {
        (AlgorithmParameters::RSA(_), None | Some(KeyAlgorithm::RS256)) => Ok(Algorithm::RS256),
        (AlgorithmParameters::RSA(_), Some(KeyAlgorithm::PS256)) => Ok(Algorithm::PS256),
        (AlgorithmParameters::EllipticCurve(key), None | Some(KeyAlgorithm::ES256))
            if key.curve == EllipticCurve::P256 =>
        {
            Ok(Algorithm::ES256)
        }
        (AlgorithmParameters::OctetKeyPair(key), None | Some(KeyAlgorithm::EdDSA))
            if key.curve == EllipticCurve::Ed25519 =>
        {
            Ok(Algorithm::EdDSA)
        }
        // Whoever can check with a shared secret can sign with it.
        (AlgorithmParameters::OctetKey(_), _) => Err("a shared secret is no key of a service"),
        _ => Err("expected a key for RS256, PS256, ES256 or EdDSA"),
    }
}

impl Tokens {
    /// Of these keys and claims.
    pub(super) fn new(options: &TokenOptions) -> Result<Self, CallersError> {
        Ok(Self {
            keys: Watched::open(&options.keys, read)?,
            audience: options.audience.clone(),
            issuer: options.issuer.clone(),
        })
    }

    /// Whom a token vouches for. Otherwise why nobody, which says nothing of the token's content.
    pub(super) fn find(&self, token: &str) -> Result<Identity, &'static str> {
        let unknown = "the token is not one of the service's identity provider";
        let name = decode_header(token).ok().and_then(|header| header.kid);
        let keys = self.keys.get();
        let (algorithm, key) = name.and_then(|name| keys.get(&name)).ok_or(unknown)?;
        let mut validation = Validation::new(*algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "aud", "sub"]);
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            validation.required_spec_claims.insert("iss".to_owned());
        }
        let token = decode::<Claims>(token, key, &validation);
        let claims = token.map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => "the token has expired",
            ErrorKind::ImmatureSignature => "the token is not valid yet",
            ErrorKind::InvalidAudience => "the token is for another service",
            ErrorKind::InvalidIssuer => "the token is another issuer's",
            ErrorKind::MissingRequiredClaim(_) | ErrorKind::Json(_) => {
                "the token lacks one of exp, aud, sub, tenant and scope"
            }
            _ => unknown,
        })?;
        let Claims { sub, tenant, scope } = claims.claims;
        if !is_plain(&sub) || !is_plain(&tenant) {
            return Err("the token's sub and tenant are not 1 to 128 visible ASCII characters");
        }
        // Scopes of other services may stand beside ours.
        let scopes = scope.split(' ').filter_map(|name| Scope::of_name(name).ok());
        Ok(Identity {
            name: sub,
            tenant,
            scopes: scopes.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
    use jsonwebtoken::{EncodingKey, Header, encode};
    use rcgen::{KeyPair, PublicKeyData};
    use serde_json::{Value, json};
    use std::time::{SystemTime, UNIX_EPOCH};

    fn now() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
    }

    fn claims() -> Value {
        json!({ "sub": "gateway-7", "tenant": "acme", "scope": "openid submit", "aud": "popw", "exp": now() + 600 })
    }

    /// An Ed25519 key, its JWK, and a signer of tokens.
    fn key(name: &str) -> (Value, impl Fn(&Value) -> String) {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let x = BASE64_URL_SAFE_NO_PAD.encode(pair.der_bytes());
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": name, "x": x });
        let signing = EncodingKey::from_ed_der(pair.serialized_der());
        let header = Header {
            kid: Some(name.to_owned()),
            ..Header::new(Algorithm::EdDSA)
        };
        (jwk, move |claims: &Value| {
            encode(&header, claims, &signing).unwrap()
        })
    }

    #[test]
    fn a_token_says_who_calls_and_no_other_does() {
        let path = std::env::temp_dir().join(format!("popw-jwks-{}.json", std::process::id()));
        let (jwk, sign) = key("one");
        let (_, forge) = key("one");
        fs::write(&path, json!({ "keys": [jwk] }).to_string()).unwrap();
        let options = TokenOptions {
            keys: path.clone(),
            audience: "popw".to_owned(),
            issuer: None,
        };
        let tokens = Tokens::new(&options).unwrap();
        let found = tokens.find(&sign(&claims())).unwrap();
        assert_eq!(
            (found.name.as_str(), found.tenant.as_str()),
            ("gateway-7", "acme")
        );
        assert!(found.may(Scope::Submit) && !found.may(Scope::Admin));
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            claims
        };
        let without = |name: &str| {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(name);
            claims
        };
        for (claims, why) in [
            (with("exp", json!(now() - 100)), "expired"),
            (with("nbf", json!(now() + 100)), "not valid yet"),
            (with("aud", json!("other")), "another service"),
            (with("tenant", json!("a b")), "visible"),
            (with("scope", json!(7)), "lacks"),
            (without("exp"), "lacks"),
            (without("aud"), "lacks"),
            (without("sub"), "lacks"),
            (without("tenant"), "lacks"),
        ] {
            let refused = tokens.find(&sign(&claims)).unwrap_err();
            assert!(refused.contains(why), "{claims}: {refused}");
        }
        let issued = Tokens::new(&TokenOptions {
            issuer: Some("ours".to_owned()),
            ..options.clone()
        });
        let issued = issued.unwrap();
        assert!(issued.find(&sign(&claims())).unwrap_err().contains("lacks"));
        assert!(
            issued
                .find(&sign(&with("iss", json!("theirs"))))
                .unwrap_err()
                .contains("issuer")
        );
        issued.find(&sign(&with("iss", json!("ours")))).unwrap();
        // Another's signature under the same name; no signature; a secret that everybody knows.
        let unsigned = |header: Value| {
            let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
            format!("{}.{}.", part(&header), part(&claims()))
        };
        let secret = EncodingKey::from_secret(jwk["x"].as_str().unwrap().as_bytes());
        let header = Header {
            kid: Some("one".to_owned()),
            ..Header::new(Algorithm::HS256)
        };
        for token in [
            forge(&claims()),
            unsigned(json!({ "alg": "none", "kid": "one" })),
            unsigned(json!({ "alg": "EdDSA", "kid": "one" })),
            unsigned(json!({ "alg": "EdDSA", "kid": "two" })),
            encode(&header, &claims(), &secret).unwrap(),
            "a.b.c".to_owned(),
            String::new(),
        ] {
            assert!(tokens.find(&token).is_err(), "{token}");
        }
        for (keys, why) in [
            (
                json!([{ "kty": "oct", "kid": "one", "k": "AAAA" }]),
                "shared secret",
            ),
            (
                json!([{ "kty": "OKP", "crv": "Ed25519", "x": jwk["x"] }]),
                "no kid",
            ),
            (json!([jwk, jwk]), "two"),
            (json!(7), "invalid type"),
        ] {
            fs::write(&path, json!({ "keys": keys }).to_string()).unwrap();
            let refused = Tokens::new(&options).err().unwrap().to_string();
            assert!(
                refused.contains(why) && refused.contains(path.to_str().unwrap()),
                "{refused}"
            );
        }
        fs::remove_file(&path).unwrap();
    }
}
