//! Who calls, and what they may: [`Authenticator`] looks at every call before its service does.
//!
//! A caller shows an API key or a token (`authorization: Bearer ..`) or a client certificate. API keys and certificates stand in a file of callers, with a tenant and scopes; tokens are signed by an
//! identity provider, and say both themselves. Without either everybody is the tenant `default` and may do everything: the service then binds to loopback only.
//!
//! | module | what it is for |
//! |---|---|
//! | [`callers`] | the file of callers; new API keys |
//! | [`tokens`] | JSON Web Tokens |
//! | `watched` | files that are read again when they change |
//!
//! Depends on: [`crate::id`]. Where to go next: [`crate::grpc`], whose services ask for scopes.

pub mod callers;
pub mod tokens;
mod watched;

use crate::grpc::status::status;
use crate::id::Digest;
use crate::lock;
use callers::{Callers, PREFIX};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokens::{TokenOptions, Tokens};
use tonic::metadata::MetadataMap;
use tonic::service::Interceptor;
use tonic::{Code, Request, Status};
use watched::Watched;

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

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Submit, Self::Read, Self::Worker, Self::Admin];

    /// As the file of callers has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Read => "read",
            Self::Worker => "worker",
            Self::Admin => "admin",
        }
    }

    /// The scope of a name.
    ///
    /// # Errors
    /// If there is none.
    pub fn of_name(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|scope| scope.name() == name);
        found.ok_or_else(|| format!("the scopes are {}", Self::ALL.map(Self::name).join(", ")))
    }
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

/// A name that is logged and stored: 1 to 128 visible ASCII characters.
fn is_plain(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Why a file of callers, or of those who vouch for them, cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct CallersError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
}

/// See the module. Clones share it.
#[derive(Clone)]
pub struct Authenticator(Arc<Inner>);

struct Inner {
    callers: Option<Watched<Callers>>,
    tokens: Option<Tokens>,
    /// Who everybody is where nobody has to say who they are.
    everybody: Arc<Identity>,
    calls_per_second: f64,
    credit: Mutex<HashMap<String, (f64, Instant)>>,
}

impl Authenticator {
    /// With a file of callers, an identity provider, both or neither, and so many calls a second for each tenant.
    ///
    /// # Errors
    /// If a file cannot be used.
    pub fn new(
        callers: Option<&Path>,
        tokens: Option<&TokenOptions>,
        calls_per_second: u32,
    ) -> Result<Self, CallersError> {
        let callers = callers.map(|path| Watched::open(path, callers::read));
        Ok(Self(Arc::new(Inner {
            callers: callers.transpose()?,
            tokens: tokens.map(Tokens::new).transpose()?,
            everybody: Arc::new(Identity {
                name: "anybody".to_owned(),
                tenant: DEFAULT_TENANT.to_owned(),
                scopes: Scope::ALL.to_vec(),
            }),
            calls_per_second: f64::from(calls_per_second),
            credit: Mutex::default(),
        })))
    }

    /// Must callers show something?
    pub fn is_closed(&self) -> bool {
        self.0.callers.is_some() || self.0.tokens.is_some()
    }

    /// Who shows this API key or certificate?
    fn find(&self, shown: &[u8]) -> Option<Arc<Identity>> {
        let callers = self.0.callers.as_ref()?.get();
        callers.get(&Digest::of(shown)).cloned()
    }

    /// Who bears this API key or token? Otherwise why nobody.
    ///
    /// # Errors
    /// If it is not known.
    pub fn bearer(&self, shown: &str) -> Result<Arc<Identity>, &'static str> {
        match &self.0.tokens {
            _ if !self.is_closed() => Ok(self.0.everybody.clone()),
            Some(tokens) if !shown.starts_with(PREFIX) => tokens.find(shown).map(Arc::new),
            _ => self.find(shown.as_bytes()).ok_or("the API key is not known"),
        }
    }

    fn identify(&self, metadata: &MetadataMap, certificate: Option<&[u8]>) -> Result<Arc<Identity>, Status> {
        let refused = |message| status(Code::Unauthenticated, "UNAUTHENTICATED", message, None);
        if !self.is_closed() {
            return Ok(self.0.everybody.clone());
        }
        let Some(value) = metadata.get("authorization") else {
            let known = certificate.and_then(|certificate| self.find(certificate));
            return known.ok_or_else(|| {
                refused("the caller does not say who they are: set authorization to \"Bearer ..\", with an API key or a token")
            });
        };
        let shown = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        let shown = shown.ok_or_else(|| refused("authorization is not \"Bearer ..\""))?;
        self.bearer(shown).map_err(refused)
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

    use super::callers::new_api_key;
    use super::*;
    use std::fs;

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
        let callers = Authenticator::new(Some(&path), None, 10).unwrap();
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
            let refused = Authenticator::new(Some(&path), None, 10)
                .err()
                .unwrap()
                .to_string();
            assert!(refused.contains(path.to_str().unwrap()), "{refused}");
        }
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_tenant_has_so_many_calls() {
        let callers = Authenticator::new(None, None, 10).unwrap();
        for _ in 0..20 {
            callers.charge("a").unwrap();
        }
        let wait = callers.charge("a").unwrap_err();
        assert!(wait <= Duration::from_millis(100), "{wait:?}");
        callers.charge("b").unwrap();
    }
}
