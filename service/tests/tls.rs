//! Who may connect: certificates that are right, and every way in which they are wrong; tokens of an identity provider.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use common::circuit::Squares;
use common::running::{Home, options, refused};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use popw_service::auth::callers::new_api_key;
use popw_service::auth::tokens::TokenOptions;
use popw_service::id::Digest;
use popw_service::proto::prover_client::ProverClient;
use popw_service::proto::{ListCircuitsRequest, ListJobsRequest};
use popw_service::remote::{Address, connect, reason};
use popw_service::server::{Service, ServiceOptions, StartError, Tls};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData, date_time_ymd,
};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};
use tonic::{Code, Status};

/// The name under which tests reach a service.
const HOST: &str = "localhost";

/// A certificate, its key and the certificate's DER form.
struct Shown {
    pem: String,
    key: String,
    der: Vec<u8>,
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn signs(&self, name: &str, has_expired: bool) -> Shown {
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if has_expired {
            parameters.not_before = date_time_ymd(2020, 1, 1);
            parameters.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        Shown {
            pem: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().to_vec(),
        }
    }
}

/// A service with TLS, which knows an API key and a certificate.
async fn start(
    folder: &Home,
    squares: &Squares,
    own: &Shown,
    authority: &Authority,
    known: &Shown,
) -> (Service, String) {
    let (key, digest) = new_api_key();
    let certificate = Digest::of(&known.der);
    let callers = folder.file("callers.toml");
    let caller = |name: &str, what: &str, digest: Digest| {
        format!(
            "[[caller]]\nname = \"{name}\"\ntenant = \"acme\"\nscopes = [\"read\"]\n{what}_sha256 = \"{digest}\"\n"
        )
    };
    let text = caller("key", "api_key", digest) + &caller("certificate", "certificate", certificate);
    std::fs::write(&callers, text).unwrap();
    let options = ServiceOptions {
        callers: Some(callers),
        tls: Some(Tls {
            certificate: own.pem.clone(),
            key: own.key.clone(),
            callers: Some(authority.pem()),
        }),
        ..options(folder, squares)
    };
    (Service::start(options).await.unwrap(), key)
}

async fn ask(address: &Address) -> Result<usize, Status> {
    let mut client = ProverClient::new(connect(address).unwrap());
    let answer = client.list_circuits(ListCircuitsRequest {}).await?;
    client.list_jobs(ListJobsRequest::default()).await?;
    Ok(answer.into_inner().circuits.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_right_certificates_connect() {
    let (authority, other) = (Authority::new(), Authority::new());
    let squares = Squares::new(500);
    let own = authority.signs(HOST, false);
    let known = authority.signs("gateway", false);
    let shown = |shown: &Shown| Some((shown.pem.clone(), shown.key.clone()));
    let folder = Home::new();
    let (service, key) = start(&folder, &squares, &own, &authority, &known).await;
    let port = service.address().port();
    let right = Address {
        url: format!("https://{HOST}:{port}"),
        authority: Some(authority.pem()),
        ..Address::default()
    };
    // An API key, or the certificate that the file of callers names.
    let with_key = Address {
        api_key: Some(key.clone()),
        ..right.clone()
    };
    assert_eq!(ask(&with_key).await.unwrap(), 1);
    let with_certificate = Address {
        certificate: shown(&known),
        ..right.clone()
    };
    assert_eq!(ask(&with_certificate).await.unwrap(), 1);
    // Nothing, or a certificate of the right authority that nobody named.
    let stranger = Address {
        certificate: shown(&authority.signs("gateway", false)),
        ..right.clone()
    };
    for address in [&right, &stranger] {
        refused(ask(address).await, Code::Unauthenticated, "UNAUTHENTICATED");
    }
    // Connections that never come to a call. The key is right in all of them.
    let with = |change: &dyn Fn(&mut Address)| {
        let mut address = with_key.clone();
        change(&mut address);
        address
    };
    for (what, address) in [
        (
            "no TLS",
            with(&|address| address.url = format!("http://{HOST}:{port}")),
        ),
        (
            "another authority",
            with(&|address| address.authority = Some(other.pem())),
        ),
        ("no authority", with(&|address| address.authority = None)),
        (
            "another name",
            with(&|address| address.url = format!("https://127.0.0.1:{port}")),
        ),
        (
            "a caller's certificate of another authority",
            with(&|address| address.certificate = shown(&other.signs("gateway", false))),
        ),
        (
            "a caller's certificate that has expired",
            with(&|address| address.certificate = shown(&authority.signs("gateway", true))),
        ),
    ] {
        let status = ask(&address).await.unwrap_err();
        assert_eq!(reason(&status), None, "{what}: the service answered: {status}");
    }
    service.stop(std::time::Duration::ZERO).await;
    // A service whose own certificate has expired.
    let (folder, old) = (Home::new(), authority.signs(HOST, true));
    let (service, api_key) = start(&folder, &squares, &old, &authority, &known).await;
    let address = Address {
        url: format!("https://{HOST}:{}", service.address().port()),
        api_key: Some(api_key),
        ..right
    };
    let status = ask(&address).await.unwrap_err();
    assert_eq!(reason(&status), None, "the service answered: {status}");
    service.stop(std::time::Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_certificate_is_refused_at_the_start() {
    let (folder, squares) = (Home::new(), Squares::new(500));
    let tls = Tls {
        certificate: "no certificate".to_owned(),
        key: "no key".to_owned(),
        callers: None,
    };
    let options = ServiceOptions {
        tls: Some(tls),
        ..options(&folder, &squares)
    };
    let error = Service::start(options).await.err().unwrap();
    assert!(
        matches!(
            error,
            StartError::Transport {
                what: "the certificates",
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_an_identity_provider_open_the_service_until_they_expire() {
    let (folder, squares) = (Home::new(), Squares::new(500));
    let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let x = BASE64_URL_SAFE_NO_PAD.encode(pair.der_bytes());
    let jwks = folder.file("jwks.json");
    let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "one", "x": x }] });
    std::fs::write(&jwks, set.to_string()).unwrap();
    let service = Service::start(ServiceOptions {
        tokens: Some(TokenOptions {
            keys: jwks.clone(),
            audience: "popw".to_owned(),
            issuer: None,
        }),
        ..options(&folder, &squares)
    });
    let service = service.await.unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let token = |scope: &str, expires: u64| {
        let header = Header {
            kid: Some("one".to_owned()),
            ..Header::new(Algorithm::EdDSA)
        };
        let claims = json!({ "sub": "g", "tenant": "acme", "scope": scope, "aud": "popw", "exp": expires });
        encode(&header, &claims, &EncodingKey::from_ed_der(pair.serialized_der())).unwrap()
    };
    let address = |api_key: Option<String>| Address {
        url: format!("http://{}", service.address()),
        api_key,
        ..Address::default()
    };
    assert_eq!(ask(&address(Some(token("read", now + 600)))).await.unwrap(), 1);
    let expired = ask(&address(Some(token("read", now - 600)))).await;
    assert!(
        expired.as_ref().unwrap_err().message().contains("expired"),
        "{expired:?}"
    );
    refused(expired, Code::Unauthenticated, "UNAUTHENTICATED");
    refused(
        ask(&address(Some(token("worker", now + 600)))).await,
        Code::PermissionDenied,
        "SCOPE",
    );
    refused(
        ask(&address(None)).await,
        Code::Unauthenticated,
        "UNAUTHENTICATED",
    );
    // A key that the provider has withdrawn. The file is looked at once a second.
    let right = address(Some(token("read", now + 600)));
    std::fs::write(&jwks, json!({ "keys": [] }).to_string()).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    refused(ask(&right).await, Code::Unauthenticated, "UNAUTHENTICATED");
    service.stop(std::time::Duration::ZERO).await;
}
