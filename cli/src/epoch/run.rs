//! `popw epoch run FLEET_DIR --out DIR`: every zone of an epoch, proven.
//!
//! With `--service URL`, the workers of a service prove the zones.
//!
//! ingest -> key -> for each zone: votes, claim, witness, proof, files, a line in `state.jsonl` -> an audit of all files, which
//! also writes what is made of all zones together. A run that is killed at any moment and started again ends with the same
//! files, but for the proofs' blinding; a recorded zone is not proven again.

use crate::commands::Compute;
use crate::commands::circuit::CircuitName;
use crate::epoch::fan::{Fan, FanArgs};
use crate::epoch::outputs::{ClaimsFile, Outputs, attestations_json, public_json, rejected_line};
use crate::epoch::state::{Header, State, ZoneDone};
use crate::epoch::summary::{Summary, peak_memory};
use crate::epoch::totals::{Rejections, Totals};
use crate::failure::{Failure, in_file};
use crate::files::{Streamed, read_bytes, read_text, write};
use crate::fleet_folder::{self, settlement_json};
use crate::screen::{Screen, show};
use popw_claims::field::to_decimal;
use popw_claims::fleet::{Attestations, Claim, Fleet};
use popw_claims::settlement::attestations_hash;
use popw_prover::dev_key::is_dev;
use popw_prover::{CircuitId, DevKey, Phase, Progress, Prover, Watch, claim, export};
use popw_service::proto;
use popw_verifier::{Bn254, Proof, Verifier, snarkjs, solidity};
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A fleet, where the results go, and the key.
#[derive(clap::Args)]
pub struct Args {
    /// Folder with params.toml, epoch.toml, registry.jsonl, watchers.jsonl and attestations.jsonl or .bin
    fleet: PathBuf,
    /// Folder for proofs, settlement data, claims and the report; if a run was at work there, this one goes on
    #[arg(long)]
    out: PathBuf,
    /// The proving key of the epoch's circuit; without it a dev key, made when first needed and cached
    #[arg(long, value_name = "KEY")]
    key: Option<PathBuf>,
    #[command(flatten)]
    fan: FanArgs,
    #[command(flatten)]
    compute: Compute,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// What all zones share.
struct Epoch {
    fleet: Fleet,
    attestations: Attestations<File>,
    attestations_hash: [u8; 32],
    engine: Engine,
}

/// Who proves.
enum Engine {
    /// This process.
    Here(Box<Prover>),
    /// A service's workers.
    Service(Box<Fan>),
}

impl Engine {
    fn verifier(&self) -> &Verifier {
        match self {
            Self::Here(prover) => prover.verifier(),
            Self::Service(fan) => fan.verifier(),
        }
    }

    fn is_dev(&self) -> bool {
        match self {
            Self::Here(prover) => is_dev(prover.key()),
            Self::Service(fan) => fan.is_dev(),
        }
    }
}

/// Proves what is not proven yet, then audits everything.
///
/// # Errors
/// `Input` if a file cannot be used, `Refused` if a file of the folder is not what the claim says.
pub fn run(args: &Args) -> Result<(), Failure> {
    args.compute.limit_threads()?;
    let screen = Screen::new(args.json);
    let outputs = Outputs::create(&args.out)?;
    screen.begin("reading the registry");
    let fleet = fleet_folder::read(&args.fleet)?;
    let zones = fleet.zones();
    let Some(last_zone) = zones.last().copied() else {
        return Err(Failure::input(format!(
            "{}: the registry has no devices",
            args.fleet.display()
        )));
    };
    screen.begin("verifying the attestations");
    let mut rejections = Rejections::default();
    let mut rejected = Streamed::create(&outputs.rejected())?;
    let mut unwritten = None;
    let attestations = fleet_folder::ingest(&args.fleet, &fleet, |rejection| {
        if let Err(failure) = rejected.print(rejected_line(&rejection)) {
            unwritten.get_or_insert(failure);
        }
        rejections.add(&rejection);
    })?;
    unwritten.map_or(Ok(()), Err)?;
    let digests: Vec<_> = (0..=last_zone).map(|zone| attestations.digests(zone)).collect();
    let attestations_hash = attestations_hash(digests.iter().map(Vec::as_slice));
    let (engine, circuit_id) = open_key(args, &fleet, &screen)?;
    let verification_key =
        snarkjs::write_verifying_key(engine.verifier().key()).map_err(Failure::internal)?;
    let header = Header {
        epoch_tag: to_decimal(&fleet.epoch_tag()),
        circuit: CircuitName::Uptime(*fleet.shape()).to_string(),
        circuit_id: circuit_id.to_string(),
        verifying_key: hex::encode(Sha256::digest(&verification_key)),
        attestations: hex::encode(attestations_hash),
    };
    // From here on the folder is this run's, and no file of another is overwritten.
    let mut state = State::open(&outputs.state(), &header)?;
    write(&outputs.verification_key(), &verification_key)?;
    write(&outputs.attestations(), attestations_json(&digests))?;
    rejected.finish()?;
    let mut epoch = Epoch {
        fleet,
        attestations,
        attestations_hash,
        engine,
    };

    let open: Vec<u64> = zones
        .iter()
        .copied()
        .filter(|zone| state.zone(*zone).is_none())
        .collect();
    let start = Instant::now();
    epoch.prove(&args.fleet, &header, &open, &outputs, &mut state, &screen)?;
    let proving = start.elapsed();
    screen.begin("auditing the files");
    let totals = epoch.audit(&zones, &outputs, &state)?;
    write(
        &outputs.report(),
        totals.report(&epoch.fleet, &args.fleet, &epoch.attestations_hash, &rejections),
    )?;
    let summary = Summary {
        circuit: CircuitName::Uptime(*epoch.fleet.shape()).to_string(),
        zones: zones.len(),
        zones_proven: open.len(),
        devices_proven: totals.devices_in(&open),
        proving,
        attestations: epoch.attestations.len(),
        attestations_hash: epoch.attestations_hash,
        rejections,
        totals,
        times: screen.finish(),
        peak_memory: peak_memory(),
        engine: match &epoch.engine {
            Engine::Here(prover) => {
                format!("{}, {} threads", prover.backend().name(), prover.threads())
            }
            Engine::Service(fan) => fan.name().to_owned(),
        },
    };
    match args.json {
        true => show(summary.json()),
        false => show(&summary),
    }
}

/// Opens the key of the epoch's circuit.
fn open_key(args: &Args, fleet: &Fleet, screen: &Screen) -> Result<(Engine, CircuitId), Failure> {
    let shape = fleet.shape();
    screen.begin("building the circuit");
    let r1cs = export::r1cs_file(&popw_circuits::uptime::structure(shape)).map_err(Failure::internal)?;
    let circuit_id = CircuitId::of(&r1cs);
    let (engine, name) = match args.fan.connect(fleet, &circuit_id)? {
        Some(fan) => {
            let name = format!("the key of {}", fan.name());
            (Engine::Service(Box::new(fan)), name)
        }
        None => {
            let options = args.compute.options()?;
            let path = match &args.key {
                Some(path) => path.clone(),
                None => {
                    DevKey::cached(&r1cs, &mut OsRng, &options, &Watch::new(screen))
                        .map_err(Failure::internal)?
                        .0
                }
            };
            screen.phase(Phase::Key);
            let prover = Prover::open(&path, &options).map_err(Failure::input)?;
            (Engine::Here(Box::new(prover)), path.display().to_string())
        }
    };
    if args.json {
        return Ok((engine, circuit_id));
    }
    if engine.is_dev() {
        eprintln!("warning: {name}: grade dev, whoever made this key can forge proofs");
    }
    let selector = solidity::selector(engine.verifier().key(), &circuit_id.0);
    if selector != fleet.context().selector {
        eprintln!(
            "warning: the epoch is open for the verifier 0x{}, this key's is 0x{}: its contract will not take these proofs",
            hex::encode(fleet.context().selector),
            hex::encode(selector)
        );
    }
    Ok((engine, circuit_id))
}

/// A zone's claim.
fn claim_of(fleet: &Fleet, attestations: &mut Attestations<File>, zone: u64) -> Result<Claim, Failure> {
    let votes = attestations.votes(zone).map_err(Failure::input)?;
    fleet.claim(zone, &votes).map_err(Failure::input)
}

/// What a service handed over, if it is the proof of this claim.
fn checked(proven: &proto::Proof, claim: &Claim, verifier: &Verifier) -> Result<Proof<Bn254>, String> {
    let inputs = claim.statement.public_inputs();
    let public = snarkjs::read_public(&proven.public_json).map_err(|error| error.to_string())?;
    if public != inputs || proven.settlement_data != claim.settlement_data {
        return Err("it is of another claim than this folder's".to_owned());
    }
    let proof = snarkjs::read_proof(&proven.proof_json).map_err(|error| error.to_string())?;
    let verified = verifier.verify(&inputs, &proof);
    verified.map(|()| proof).map_err(|error| error.to_string())
}

impl Epoch {
    /// Proves zones, writes the files of each and records it.
    fn prove(
        &mut self,
        folder: &Path,
        header: &Header,
        zones: &[u64],
        outputs: &Outputs,
        state: &mut State,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let Self {
            fleet,
            attestations,
            engine,
            ..
        } = self;
        let note = |number: usize, zone: u64| {
            screen.note(format!("zone {zone}, {number} of {}", zones.len()));
        };
        match engine {
            Engine::Here(prover) => {
                let shape = fleet.shape();
                for (number, zone) in (1..).zip(zones) {
                    note(number, *zone);
                    screen.begin("claiming");
                    let claim = claim_of(fleet, attestations, *zone)?;
                    screen.phase(Phase::Witness);
                    let assignment = claim::assignment(shape, &claim.witness, &claim.statement)
                        .map_err(Failure::internal)?;
                    let assignment = prover.assignment(&assignment);
                    let proof = prover
                        .prove(&assignment, &mut OsRng, &Watch::new(screen))
                        .map_err(|error| Failure::internal(claim::explained(error, shape, &assignment)))?;
                    screen.begin("writing files");
                    outputs.write_zone(&claim, &proof)?;
                    state.record(done(&claim))?;
                }
                Ok(())
            }
            Engine::Service(fan) => {
                screen.begin("proving by the service");
                let mut number = 0;
                fan.prove(folder, header, zones, |zone, proven| {
                    number += 1;
                    note(number, zone);
                    let claim = claim_of(fleet, attestations, zone)?;
                    let proof = checked(&proven, &claim, fan.verifier()).map_err(|reason| {
                        Failure::refused(format!("the service's proof of zone {zone}: {reason}"))
                    })?;
                    outputs.write_zone(&claim, &proof)?;
                    state.record(done(&claim))
                })
            }
        }
    }

    /// Reads every file of every zone again and compares it with the claim, and writes the files of all zones together.
    fn audit(&mut self, zones: &[u64], outputs: &Outputs, state: &State) -> Result<Totals, Failure> {
        let mut claims = ClaimsFile::create(&outputs.claims(), &self.fleet)?;
        let mut totals = Totals::new(&self.fleet, zones);
        for zone in zones {
            let claim = claim_of(&self.fleet, &mut self.attestations, *zone)?;
            let refuse = |path: &Path, what: &str| {
                Failure::refused(format!(
                    "{}: {what}; remove the line of zone {zone} from {} to prove it again",
                    path.display(),
                    outputs.state().display()
                ))
            };
            let done = done(&claim);
            if state.zone(*zone) != Some(&done) {
                return Err(refuse(&outputs.state(), "the record is not the claim's"));
            }
            let expected = [
                (outputs.settlement(*zone), settlement_json(&claim).to_string()),
                (outputs.public(*zone), public_json(&claim)?),
            ];
            for (path, expected) in expected {
                if read_bytes(&path)? != expected.as_bytes() {
                    return Err(refuse(&path, "the file is not what the claim says"));
                }
            }
            let path = outputs.proof(*zone);
            let proof = snarkjs::read_proof(&read_text(&path)?).map_err(in_file(&path))?;
            self.engine
                .verifier()
                .verify(&claim.statement.public_inputs(), &proof)
                .map_err(|error| refuse(&path, &error.to_string()))?;
            claims.add(&self.fleet, &claim)?;
            totals.add(&self.fleet, &claim, done.total_score);
        }
        claims.finish()?;
        Ok(totals)
    }
}

/// The record of a claim.
fn done(claim: &Claim) -> ZoneDone {
    ZoneDone {
        zone: claim.statement.zone,
        total_score: claim.outcome.scores.iter().map(|score| u64::from(*score)).sum(),
        out_commit: to_decimal(&claim.statement.out_commit),
    }
}
