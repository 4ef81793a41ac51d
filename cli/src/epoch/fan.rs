//! `popw epoch run --service URL`: the zones of an epoch, proven by a service's workers.
//!
//! The fleet's files are uploaded once; each zone is a job whose name follows from the epoch, the key and the attestations, so that a run that is started again finds the jobs of the
//! one before, whatever became of either side. What comes back is believed as little as a file on disk: the run compares it with its own claim.
//!
//! Depends on: [`popw_service::client`]. Where to go next: [`super::run`], which calls it.

use crate::epoch::state::Header;
use crate::failure::Failure;
use crate::files::read_bytes;
use crate::fleet_folder::{NETWORK_FILES, attestations_file};
use crate::service::client::{Credentials, refused, runtime};
use popw_claims::fleet::{Encoding, Fleet};
use popw_prover::CircuitId;
use popw_service::client::{Client, claim_request, is_end};
use popw_service::id::Digest;
use popw_service::proto::fleet::Attestations::{AttestationsBin, AttestationsJsonl};
use popw_service::proto::{self, JobState, KeyName, Proof};
use popw_service::remote::connect;
use popw_verifier::{Verifier, snarkjs, solidity};
use prost_reflect::prost::Message;
use sha2::Digest as _;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Zones that are submitted and not proven at most: enough for many workers, few enough not to fill a queue.
const WINDOW: usize = 256;

/// Where the service is.
#[derive(clap::Args)]
pub struct FanArgs {
    /// A service whose workers prove the zones; without it this process does
    #[arg(long, value_name = "URL", conflicts_with = "key")]
    service: Option<String>,
    /// How long the service may be away
    #[arg(long, value_name = "SECONDS", default_value_t = 600, requires = "service")]
    patience: u64,
    #[command(flatten)]
    credentials: Credentials,
}

impl FanArgs {
    /// Connects and chooses the key, if a service is named.
    ///
    /// # Errors
    /// `Input` if it has no key of the epoch's circuit, or several and none is the one that the epoch is open for.
    pub fn connect(&self, fleet: &Fleet, circuit: &CircuitId) -> Result<Option<Fan>, Failure> {
        let Some(url) = &self.service else { return Ok(None) };
        let runtime = runtime()?;
        let address = self.credentials.address(url)?;
        let (client, circuits) = runtime.block_on(async {
            let connection = connect(&address).map_err(Failure::input)?;
            let client = Client::new(connection, Duration::from_secs(self.patience));
            let circuits = client.circuits().await.map_err(refused)?;
            Ok::<_, Failure>((client, circuits))
        })?;
        let mut keys = Vec::new();
        for offered in circuits {
            let name = offered.key.unwrap_or_default();
            if name.circuit_id == circuit.to_string() {
                let key = snarkjs::read_verifying_key(&offered.verification_key_json);
                let key = key.map_err(|error| garbled("a verifying key", error))?;
                let verifier = Verifier::new(key).map_err(|error| garbled("a verifying key", error))?;
                keys.push((name, verifier, offered.dev));
            }
        }
        // The contract takes the proofs of one key only, and the epoch says of which.
        let expected = fleet.context().selector;
        let is_expected = |verifier: &Verifier| solidity::selector(verifier.key(), &circuit.0) == expected;
        let place = keys.iter().position(|(_, verifier, _)| is_expected(verifier));
        let (key, verifier, is_dev) = match (place, keys.len()) {
            (Some(place), _) => keys.swap_remove(place),
            (None, 1) => keys.swap_remove(0),
            (None, 0) => return Err(Failure::input(format!("{url} has no key of circuit {circuit}"))),
            (None, count) => {
                return Err(Failure::input(format!(
                    "{url} has {count} keys of circuit {circuit}, and none is the one that the epoch is open for"
                )));
            }
        };
        Ok(Some(Fan {
            runtime,
            client,
            key,
            verifier,
            is_dev,
            name: url.clone(),
        }))
    }
}

fn garbled(what: &str, error: impl std::fmt::Display) -> Failure {
    Failure::internal(format!("the service: {what} cannot be read: {error}"))
}

/// A service that proves zones.
pub struct Fan {
    runtime: Runtime,
    client: Client,
    key: KeyName,
    verifier: Verifier,
    is_dev: bool,
    name: String,
}

impl Fan {
    /// Of the service's key.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Can whoever made the service's key forge proofs?
    pub fn is_dev(&self) -> bool {
        self.is_dev
    }

    /// Its address.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Has the zones proven, and hands over each as it comes. A zone that fails does not stop the others.
    ///
    /// # Errors
    /// `Refused` if zones could not be proven, the service's, or what `take` returns.
    pub fn prove(
        &self,
        folder: &Path,
        header: &Header,
        zones: &[u64],
        mut take: impl FnMut(u64, Proof) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if zones.is_empty() {
            return Ok(());
        }
        let header = serde_json::to_vec(header).map_err(Failure::internal)?;
        let run = hex::encode(&sha2::Sha256::digest(header)[..16]);
        let fleet = fleet_message(folder)?.encode_to_vec();
        self.runtime.block_on(async {
            let fleet_digest = self.client.upload(&fleet).await.map_err(refused)?;
            drop(fleet);
            let mut open = zones.iter().copied();
            let (mut under_way, mut failed) = (JoinSet::new(), Vec::new());
            loop {
                while under_way.len() < WINDOW
                    && let Some(zone) = open.next()
                {
                    let job = prove_zone(
                        self.client.clone(),
                        run.clone(),
                        self.key.clone(),
                        fleet_digest,
                        zone,
                    );
                    under_way.spawn(async move { (zone, job.await) });
                }
                let Some(ended) = under_way.join_next().await else {
                    break;
                };
                let (zone, proof) = ended.map_err(Failure::internal)?;
                match proof {
                    Ok(proof) => take(zone, proof)?,
                    Err(failure) => failed.push((zone, failure)),
                }
            }
            match failed.first() {
                None => Ok(()),
                Some((zone, first)) => Err(Failure {
                    code: first.code,
                    message: format!(
                        "{} of {} zones were not proven, the first is zone {zone}: {}",
                        failed.len(),
                        zones.len(),
                        first.message
                    ),
                }),
            }
        })
    }
}

/// Submits a zone, or finds its job, and waits for its proof.
async fn prove_zone(
    client: Client,
    run: String,
    key: KeyName,
    fleet: Digest,
    zone: u64,
) -> Result<Proof, Failure> {
    // A job that had failed before this run began is of another try.
    for attempt in 1_u64.. {
        let request = claim_request(format!("{run}-{zone}-{attempt}"), key.clone(), fleet, zone);
        let (job, known) = client.submit(&request).await.map_err(refused)?;
        let has_proof = job.state() == JobState::Succeeded;
        if known && is_end(job.state()) && !has_proof {
            continue;
        }
        let job = client.end(&job.id, |_| {}).await.map_err(refused)?;
        if job.state() == JobState::Succeeded {
            return client.proof(&job.id).await.map_err(refused);
        }
        let why = job.failure.clone().unwrap_or_default().message;
        let state = job.state().as_str_name();
        return Err(Failure::refused(format!("job {} is {state}: {why}", job.id)));
    }
    Err(Failure::internal("there were too many tries"))
}

/// The files of a fleet, as one message.
fn fleet_message(folder: &Path) -> Result<proto::Fleet, Failure> {
    let [params, epoch, registry, watchers] = NETWORK_FILES.map(|name| read_bytes(&folder.join(name)));
    let (path, encoding) = attestations_file(folder)?;
    let attestations = read_bytes(&path)?;
    Ok(proto::Fleet {
        params: params?,
        epoch: epoch?,
        registry: registry?,
        watchers: watchers?,
        attestations: Some(match encoding {
            Encoding::JsonLines => AttestationsJsonl(attestations),
            Encoding::Binary => AttestationsBin(attestations),
        }),
    })
}
