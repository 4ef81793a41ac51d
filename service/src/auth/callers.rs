//! The file of callers: who shows which API key or certificate, by its SHA-256.
//!
//! ```toml
//! [[caller]]
//! name = "gateway-7"
//! tenant = "acme"
//! scopes = ["submit", "read"]
//! api_key_sha256 = ".."      # or certificate_sha256, of the DER form
//! ```
//!
//! Keys are 256 random bits, so that their hash gives nothing away.
//!
//! Depends on: [`crate::id`]. Where to go next: [`super::Authenticator`].

use super::{CallersError, Identity, Scope, is_plain};
use crate::id::Digest;
use rand::RngCore;
use rand::rngs::OsRng;
use serde::Deserialize;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// What every API key begins with, so that scanners find it where it should not be.
pub(super) const PREFIX: &str = "popw_";

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    caller: Vec<Caller>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Caller {
    name: String,
    tenant: String,
    scopes: Vec<Scope>,
    api_key_sha256: Option<Digest>,
    certificate_sha256: Option<Digest>,
}

/// The callers of a file, by the hash of what they show.
pub(super) type Callers = HashMap<Digest, Arc<Identity>>;

pub(super) fn read(path: &Path) -> Result<Callers, CallersError> {
    let wrong = |reason: String| CallersError {
        path: path.to_owned(),
        reason,
    };
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let file: File = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let mut callers = Callers::new();
    for caller in file.caller {
        let shown = match (caller.api_key_sha256, caller.certificate_sha256) {
            (Some(shown), None) | (None, Some(shown)) => shown,
            _ => {
                let reason = "expected api_key_sha256 or certificate_sha256, and only one of them";
                return Err(wrong(format!("caller {:?}: {reason}", caller.name)));
            }
        };
        if !is_plain(&caller.name) || !is_plain(&caller.tenant) {
            let reason = "name and tenant are 1 to 128 visible ASCII characters";
            return Err(wrong(format!("caller {:?}: {reason}", caller.name)));
        }
        let identity = Identity {
            name: caller.name,
            tenant: caller.tenant,
            scopes: caller.scopes,
        };
        if let Some(other) = callers.insert(shown, Arc::new(identity.clone())) {
            return Err(wrong(format!(
                "callers {:?} and {:?} show the same",
                other.name, identity.name
            )));
        }
    }
    Ok(callers)
}

/// A new API key, and what the file of callers has of it.
pub fn new_api_key() -> (String, Digest) {
    let mut bytes = [0; 32];
    OsRng.fill_bytes(&mut bytes);
    let key = format!("{PREFIX}{}", hex::encode(bytes));
    let digest = Digest::of(key.as_bytes());
    (key, digest)
}
