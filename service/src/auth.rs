//! Who calls, and what they may: [`Authenticator`] looks at every call before its service does.
//!
//! A caller shows an API key (`authorization: Bearer popw_..`) or a client certificate. A file lists both by their SHA-256, with a tenant and scopes; keys are 256 random bits, so that
//! their hash gives nothing away. The file is read again when it changes. Without a file everybody is the tenant `default` and may do everything: the service then binds to loopback only.
//!
//! ```toml
//! [[caller]]
//! name = "gateway-7"
//! tenant = "acme"
//! scopes = ["submit", "read"]
//! api_key_sha256 = ".."      # or certificate_sha256, of the DER form
//! ```
//!
//! Depends on: [`crate::id`]. Where to go next: [`crate::grpc`], whose services ask for scopes.

use crate::grpc::status::status;
use crate::id::Digest;
use crate::lock;
use rand::RngCore;
use rand::rngs::OsRng;
use serde::Deserialize;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use tonic::metadata::MetadataMap;
use tonic::service::Interceptor;
use tonic::{Code, Request, Status};

/// What every API key begins with, so that scanners find it where it should not be.
const PREFIX: &str = "popw_";

/// Between two looks at the file of callers.
const LOOK: Duration = Duration::from_secs(1);

/// The tenant where nobody has to say who they are.
pub const DEFAULT_TENANT: &str = "default";

/// A call's worth of credit is kept for so many seconds.
const BURST: f64 = 2.0;

/// What a caller may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Submit and cancel the tenant's jobs; includes reading.
    Submit,
    /// See the tenant's jobs.
    Read,
    /// Be a worker: sees the inputs of all tenants' jobs.
    Worker,
    /// Administer the service.
    Admin,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// For the log.
    pub name: String,
    /// Whose jobs.
    pub tenant: String,
    scopes: Vec<Scope>,
}

impl Identity {
    /// May they?
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || scope == Scope::Read && self.scopes.contains(&Scope::Submit)
    }
}

/// Why the file of callers cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct CallersError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
}

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
type Callers = HashMap<Digest, Arc<Identity>>;

fn read(path: &Path) -> Result<Callers, CallersError> {
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
        let is_plain =
            |text: &str| (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
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

/// See the module. Clones share it.
#[derive(Clone)]
pub struct Authenticator(Arc<Inner>);

struct Inner {
    callers: Option<(PathBuf, Mutex<Known>)>,
    /// Who everybody is without a file.
    everybody: Arc<Identity>,
    calls_per_second: f64,
    credit: Mutex<HashMap<String, (f64, Instant)>>,
}

struct Known {
    callers: Callers,
    modified: Option<SystemTime>,
    looked: Instant,
}

impl Authenticator {
    /// With a file of callers or without, and so many calls a second for each tenant.
    ///
    /// # Errors
    /// If the file cannot be used.
    pub fn new(callers: Option<&Path>, calls_per_second: u32) -> Result<Self, CallersError> {
        let callers = callers.map(|path| {
            let modified = fs::metadata(path).and_then(|data| data.modified()).ok();
            let known = Known {
                callers: read(path)?,
                modified,
                looked: Instant::now(),
            };
            Ok((path.to_owned(), Mutex::new(known)))
        });
        Ok(Self(Arc::new(Inner {
            callers: callers.transpose()?,
            everybody: Arc::new(Identity {
                name: "anybody".to_owned(),
                tenant: DEFAULT_TENANT.to_owned(),
                scopes: vec![Scope::Submit, Scope::Read, Scope::Worker, Scope::Admin],
            }),
            calls_per_second: f64::from(calls_per_second),
            credit: Mutex::default(),
        })))
    }

    /// Must callers show something?
    pub fn is_closed(&self) -> bool {
        self.0.callers.is_some()
    }

    /// Who shows this?
    fn find(&self, shown: &[u8]) -> Option<Arc<Identity>> {
        let (path, known) = self.0.callers.as_ref()?;
        let mut known = lock(known);
        if known.looked.elapsed() >= LOOK {
            known.looked = Instant::now();
            let modified = fs::metadata(path).and_then(|data| data.modified()).ok();
            if modified != known.modified {
                match read(path) {
                    Ok(callers) => known.callers = callers,
                    // Whoever was known stays known until the file can be read.
                    Err(error) => {
                        tracing::error!(%error, "the file of callers has changed and cannot be used")
                    }
                }
                known.modified = modified;
            }
        }
        known.callers.get(&Digest::of(shown)).cloned()
    }

    /// Who has this API key?
    pub fn of_key(&self, key: &str) -> Option<Arc<Identity>> {
        match self.0.callers {
            None => Some(self.0.everybody.clone()),
            Some(_) => self.find(key.as_bytes()),
        }
    }

    fn identify(&self, metadata: &MetadataMap, certificate: Option<&[u8]>) -> Result<Arc<Identity>, Status> {
        let refused = |message| status(Code::Unauthenticated, "UNAUTHENTICATED", message, None);
        if !self.is_closed() {
            return Ok(self.0.everybody.clone());
        }
        let Some(value) = metadata.get("authorization") else {
            let known = certificate.and_then(|certificate| self.find(certificate));
            return known
                .ok_or_else(|| refused("the call has no API key: set authorization to \"Bearer popw_..\""));
        };
        let key = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        key.and_then(|key| self.find(key.as_bytes()))
            .ok_or_else(|| refused("the API key is not known"))
    }

    /// Takes a call's worth of the tenant's credit, or says when there will be some.
    fn charge(&self, tenant: &str) -> Result<(), Duration> {
        let (rate, now) = (self.0.calls_per_second, Instant::now());
        let mut credits = lock(&self.0.credit);
        let (credit, when) = credits.entry(tenant.to_owned()).or_insert((rate * BURST, now));
        *credit = (*credit + now.duration_since(*when).as_secs_f64() * rate).min(rate * BURST);
        *when = now;
        if *credit < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - *credit) / rate));
        }
        *credit -= 1.0;
        Ok(())
    }
}

impl Interceptor for Authenticator {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let certificates = request.peer_certs();
        let certificate = certificates.as_ref().and_then(|all| all.first());
        let identity = self.identify(
            request.metadata(),
            certificate.map(|certificate| certificate.as_ref()),
        )?;
        // Workers renew often, and are ours.
        if !identity.may(Scope::Worker) {
            self.charge(&identity.tenant).map_err(|wait| {
                let message = format!("more than {} calls a second", self.0.calls_per_second);
                status(Code::ResourceExhausted, "RATE", message, Some(wait))
            })?;
        }
        request.extensions_mut().insert(identity);
        Ok(request)
    }
}

/// Who calls, if they may.
pub(crate) fn identity<T>(request: &Request<T>, scope: Scope) -> Result<&Identity, Status> {
    let identity = request.extensions().get::<Arc<Identity>>();
    let refused = || status(Code::Unauthenticated, "UNAUTHENTICATED", "nobody calls", None);
    let identity = identity.ok_or_else(refused)?;
    match identity.may(scope) {
        true => Ok(identity),
        false => {
            let message = format!("{:?} lacks the scope {scope:?}", identity.name);
            Err(status(Code::PermissionDenied, "SCOPE", message, None))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn with_key(key: &str) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        metadata.insert("authorization", format!("Bearer {key}").parse().unwrap());
        metadata
    }

    #[test]
    fn callers_are_who_the_file_says() {
        let path = std::env::temp_dir().join(format!("popw-callers-{}.toml", std::process::id()));
        let (key, digest) = new_api_key();
        let certificate = Digest::of(b"certificate");
        let text = format!(
            "[[caller]]\nname = \"a\"\ntenant = \"acme\"\nscopes = [\"submit\"]\napi_key_sha256 = \"{digest}\"\n\
             [[caller]]\nname = \"b\"\ntenant = \"other\"\nscopes = [\"read\"]\ncertificate_sha256 = \"{certificate}\"\n"
        );
        fs::write(&path, &text).unwrap();
        let callers = Authenticator::new(Some(&path), 10).unwrap();
        let a = callers.identify(&with_key(&key), None).unwrap();
        assert_eq!((a.name.as_str(), a.tenant.as_str()), ("a", "acme"));
        assert!(a.may(Scope::Submit) && a.may(Scope::Read) && !a.may(Scope::Admin) && !a.may(Scope::Worker));
        let b = callers
            .identify(&MetadataMap::new(), Some(b"certificate"))
            .unwrap();
        assert!(b.name == "b" && !b.may(Scope::Submit));
        for (metadata, certificate) in [
            (with_key("popw_00"), None),
            (with_key(&digest.to_string()), None),
            // A wrong key is not made good by a certificate.
            (with_key("popw_00"), Some(b"certificate".as_slice())),
            (MetadataMap::new(), None),
            (MetadataMap::new(), Some(b"another".as_slice())),
        ] {
            let refused = callers.identify(&metadata, certificate).unwrap_err();
            assert_eq!(refused.code(), Code::Unauthenticated);
            assert!(!refused.message().contains("popw_00"));
        }
        for (from, to) in [
            ("[\"read\"]", "[\"write\"]"),
            (
                "certificate_sha256 = ",
                "api_key_sha256 = \"00\"\ncertificate_sha256 = ",
            ),
            (certificate.to_string().as_str(), digest.to_string().as_str()),
            ("tenant = \"acme\"", "tenant = \"\""),
            ("name = \"b\"", "nam = \"b\""),
        ] {
            fs::write(&path, text.replace(from, to)).unwrap();
            let refused = Authenticator::new(Some(&path), 10).err().unwrap().to_string();
            assert!(refused.contains(path.to_str().unwrap()), "{refused}");
        }
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_tenant_has_so_many_calls() {
        let callers = Authenticator::new(None, 10).unwrap();
        for _ in 0..20 {
            callers.charge("a").unwrap();
        }
        let wait = callers.charge("a").unwrap_err();
        assert!(wait <= Duration::from_millis(100), "{wait:?}");
        callers.charge("b").unwrap();
    }
}
