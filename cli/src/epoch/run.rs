//! `popw epoch run FLEET_DIR --out DIR`: every zone of an epoch, proven.
//!
//! ingest -> key -> for each zone: votes, claim, witness, proof, files, a line in `state.jsonl` -> an audit of all files, which
//! also writes what is made of all zones together. A run that is killed at any moment and started again ends with the same
//! files, but for the proofs' blinding; a recorded zone is not proven again.

use crate::commands::Compute;
use crate::commands::circuit::CircuitName;
use crate::epoch::outputs::{
    ClaimsFile, Outputs, attestation_tree, attestations_json, public_json, rejected_line, settlement,
};
use crate::epoch::state::{Header, State, ZoneDone};
use crate::failure::{Failure, in_file};
use crate::files::{Streamed, read_bytes, read_text, write};
use crate::fleet_folder;
use crate::report::uptime::{DeviceUptime, FileLine, Rejection, SeatCount, Tally, UptimeReport, html};
use crate::screen::{Screen, show};
use popw_claims::field::to_decimal;
use popw_claims::fleet::{Attestations, Claim, Fleet, Reason};
use popw_claims::settlement::KeccakTree;
use popw_claims::uptime::{Preset, agreed_slots};
use popw_prover::dev_key::is_dev;
use popw_prover::{CircuitId, DevKey, Phase, Progress, Prover, Watch, export, uptime};
use popw_verifier::snarkjs;
use rand::rngs::OsRng;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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
    compute: Compute,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// What all zones share.
struct Epoch {
    fleet: Fleet,
    attestations: Attestations<File>,
    tree: KeccakTree,
    prover: Prover,
}

/// Votes that did not count: how many of each reason, and the numbers of the first.
type Rejections = BTreeMap<Reason, (u64, Vec<u64>)>;
/// Numbers that are kept of each reason.
const EXAMPLES_MAX: usize = 5;

/// Proves what is not proven yet, then audits everything.
///
/// # Errors
/// `Input` if a file cannot be used, `Refused` if a file of the folder is not what the claim says.
pub fn run(args: &Args) -> Result<(), Failure> {
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
    let mut rejections = Rejections::new();
    let mut rejected = Streamed::create(&outputs.rejected())?;
    let mut unwritten = None;
    let attestations = fleet_folder::ingest(&args.fleet, &fleet, |rejection| {
        if let Err(failure) = rejected.print(rejected_line(&rejection)) {
            unwritten.get_or_insert(failure);
        }
        let (count, examples) = rejections.entry(rejection.reason).or_default();
        *count += 1;
        if examples.len() < EXAMPLES_MAX {
            examples.push(rejection.number);
        }
    })?;
    unwritten.map_or(Ok(()), Err)?;
    rejected.finish()?;
    let digests: Vec<_> = (0..=last_zone).map(|zone| attestations.digests(zone)).collect();
    let tree = attestation_tree(&digests)?;
    write(&outputs.attestations(), attestations_json(&tree.root(), &digests))?;

    let (prover, circuit_id) = open_key(args, &fleet, &screen)?;
    let verification_key =
        snarkjs::write_verifying_key(prover.verifier().key()).map_err(Failure::internal)?;
    write(&outputs.verification_key(), &verification_key)?;
    let header = Header {
        epoch_tag: to_decimal(&fleet.epoch_tag()),
        circuit: CircuitName(*fleet.shape()).to_string(),
        circuit_id: circuit_id.to_string(),
        verifying_key: hex::encode(Sha256::digest(&verification_key)),
        attestation_root: hex::encode(tree.root()),
    };
    let mut state = State::open(&outputs.state(), &header)?;
    let mut epoch = Epoch {
        fleet,
        attestations,
        tree,
        prover,
    };

    let open: Vec<u64> = zones
        .iter()
        .copied()
        .filter(|zone| state.zone(*zone).is_none())
        .collect();
    let start = Instant::now();
    for (number, zone) in open.iter().enumerate() {
        screen.note(format!("zone {zone}, {} of {}", number + 1, open.len()));
        epoch.prove(*zone, &outputs, &mut state, &screen)?;
    }
    let proving = start.elapsed();
    screen.begin("auditing the files");
    let totals = epoch.audit(&zones, &outputs, &state)?;
    write(&outputs.report(), epoch.report(args, &rejections, &totals))?;
    let times = screen.finish();
    summary(
        args,
        &epoch,
        &rejections,
        &totals,
        (zones.len(), &open),
        proving,
        &times,
    )
}

/// Opens the key of the epoch's circuit.
fn open_key(args: &Args, fleet: &Fleet, screen: &Screen) -> Result<(Prover, CircuitId), Failure> {
    let shape = fleet.shape();
    screen.begin("building the circuit");
    let r1cs = export::r1cs_file(&popw_circuits::uptime::structure(shape)).map_err(Failure::internal)?;
    let circuit_id = CircuitId::of(&r1cs);
    let options = args.compute.options()?;
    let path = match &args.key {
        Some(path) => path.clone(),
        None => {
            DevKey::cached(&r1cs, &mut OsRng, &options, &Watch::new(screen))
                .map_err(Failure::internal)?
                .0
        }
    };
    drop(r1cs);
    screen.phase(Phase::Key);
    let prover = Prover::open(&path, &options).map_err(Failure::input)?;
    if args.json {
        return Ok((prover, circuit_id));
    }
    if is_dev(prover.key()) {
        eprintln!(
            "warning: {}: grade dev, whoever made this key can forge proofs",
            path.display()
        );
    }
    let selector = export::selector(circuit_id, prover.verifier().key());
    if selector != fleet.context().selector {
        eprintln!(
            "warning: the epoch is open for the verifier 0x{}, this key's is 0x{}: its contract will not take these proofs",
            hex::encode(fleet.context().selector),
            hex::encode(selector)
        );
    }
    Ok((prover, circuit_id))
}

impl Epoch {
    fn claim(&mut self, zone: u64) -> Result<Claim, Failure> {
        let votes = self.attestations.votes(zone).map_err(Failure::input)?;
        self.fleet.claim(zone, &votes).map_err(Failure::input)
    }

    /// From a zone's leaf to the attestation root.
    fn path(&self, zone: u64) -> Result<Vec<[u8; 32]>, Failure> {
        let place = usize::try_from(zone).map_err(Failure::internal)?;
        self.tree.path(place).map_err(Failure::internal)
    }

    /// Proves a zone, writes its files and records it.
    fn prove(
        &mut self,
        zone: u64,
        outputs: &Outputs,
        state: &mut State,
        screen: &Screen,
    ) -> Result<(), Failure> {
        screen.begin("claiming");
        let claim = self.claim(zone)?;
        screen.phase(Phase::Witness);
        let shape = self.fleet.shape();
        let assignment =
            uptime::assignment(shape, &claim.witness, &claim.statement).map_err(Failure::internal)?;
        let assignment = self.prover.assignment(&assignment);
        let proof = self
            .prover
            .prove(&assignment, &mut OsRng, &Watch::new(screen))
            .map_err(|error| Failure::internal(uptime::explained(error, shape, &assignment)))?;
        screen.begin("writing files");
        outputs.write_zone(&claim, &self.path(zone)?, &proof)?;
        state.record(done(&claim))
    }

    /// Reads every file of every zone again and compares it with the claim, and writes the files of all zones together.
    fn audit(&mut self, zones: &[u64], outputs: &Outputs, state: &State) -> Result<Totals, Failure> {
        let mut claims = ClaimsFile::create(&outputs.claims(), &self.fleet)?;
        let mut totals = Totals::new(&self.fleet, zones);
        for zone in zones {
            let claim = self.claim(*zone)?;
            let refuse = |path: &Path, what: &str| {
                Failure::refused(format!(
                    "{}: {what}; remove the line of zone {zone} from {} to prove it again",
                    path.display(),
                    outputs.state().display()
                ))
            };
            if state.zone(*zone) != Some(&done(&claim)) {
                return Err(refuse(&outputs.state(), "the record is not the claim's"));
            }
            let expected = [
                (outputs.settlement(*zone), settlement(&claim, &self.path(*zone)?)),
                (outputs.public(*zone), public_json(&claim)?),
            ];
            for (path, expected) in expected {
                if read_bytes(&path)? != expected.as_bytes() {
                    return Err(refuse(&path, "the file is not what the claim says"));
                }
            }
            let path = outputs.proof(*zone);
            let proof = snarkjs::read_proof(&read_text(&path)?).map_err(in_file(&path))?;
            self.prover
                .verifier()
                .verify(&claim.statement.public_inputs(), &proof)
                .map_err(|error| refuse(&path, &error.to_string()))?;
            claims.add(&self.fleet, &claim)?;
            totals.add(&self.fleet, &claim);
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

/// Sums over all zones.
struct Totals {
    devices: usize,
    score: u64,
    seats: Vec<SeatCount>,
    tally: Tally,
}

impl Totals {
    fn new(fleet: &Fleet, zones: &[u64]) -> Self {
        let shape = fleet.shape();
        let count = zones.last().map_or(0, |last| last + 1);
        Self {
            devices: 0,
            score: 0,
            seats: vec![SeatCount::default(); shape.watchers],
            tally: Tally::new(count, shape.slots),
        }
    }

    fn add(&mut self, fleet: &Fleet, claim: &Claim) {
        let (shape, zone) = (fleet.shape(), claim.statement.zone);
        let quorum = fleet.parameters().quorum;
        let bitmaps = || claim.witness.seats.iter().map(|seat| &seat.bitmap);
        let slots: Vec<(usize, Vec<bool>)> = (claim.witness.devices.iter().enumerate())
            .filter(|(_, device)| device.present)
            .map(|(place, _)| (place, agreed_slots(bitmaps(), place, shape.slots, quorum)))
            .collect();
        let devices = slots.iter().map(|(place, slots)| DeviceUptime {
            index: zone * shape.devices as u64 + *place as u64,
            slots,
            score: claim.outcome.scores[*place],
        });
        self.tally
            .add_zone(zone, Some(format!("settle/{zone}.json")), devices);
        self.devices += slots.len();
        self.score += done(claim).total_score;
        for (count, seat) in self.seats.iter_mut().zip(&claim.witness.seats) {
            match seat.present {
                true => count.attested += 1,
                false => count.absent += 1,
            }
        }
    }

    fn seats_absent(&self) -> u64 {
        self.seats.iter().map(|seat| seat.absent).sum()
    }
}

impl Epoch {
    /// `report.html`.
    fn report(&self, args: &Args, rejections: &Rejections, totals: &Totals) -> String {
        let (shape, parameters) = (self.fleet.shape(), self.fleet.parameters());
        let (seconds, quorum) = (parameters.epoch_seconds, parameters.quorum);
        let is_this = |preset: &Preset| {
            let published = preset.parameters(shape, seconds, quorum);
            published.with_outage_limit(parameters.outage_limit) == *parameters
        };
        let name = |path: &Path| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        let file = name(Path::new(self.attestations.name()));
        let rejections = rejections.iter().map(|(reason, (count, numbers))| Rejection {
            reason: reason.name().to_owned(),
            count: *count,
            examples: numbers
                .iter()
                .map(|line| FileLine {
                    file: file.clone(),
                    line: *line,
                })
                .collect(),
        });
        html(&UptimeReport {
            title: name(&args.fleet),
            epoch: self.fleet.epoch().number(),
            epoch_start: self.fleet.epoch().start(),
            shape: *shape,
            parameters: *parameters,
            preset: Preset::ALL
                .into_iter()
                .find(is_this)
                .map(|preset| preset.name().to_owned()),
            epoch_tag: to_decimal(&self.fleet.epoch_tag()),
            registry_root: to_decimal(&self.fleet.context().registry_root),
            params_hash: to_decimal(&self.fleet.context().parameters_hash),
            attestation_root: format!("0x{}", hex::encode(self.tree.root())),
            tally: totals.tally.clone(),
            seats: totals.seats.clone(),
            rejections: rejections.collect(),
        })
    }
}

/// Prints what was done, and how fast.
fn summary(
    args: &Args,
    epoch: &Epoch,
    rejections: &Rejections,
    totals: &Totals,
    (zones, proven): (usize, &[u64]),
    proving: Duration,
    times: &[(&'static str, Duration)],
) -> Result<(), Failure> {
    let shape = epoch.fleet.shape();
    let devices_of = |zone: &u64| {
        let first = zone * shape.devices as u64;
        (first..first + shape.devices as u64)
            .filter(|index| epoch.fleet.devices().device(*index).is_some())
            .count()
    };
    let devices_proven: usize = proven.iter().map(devices_of).sum();
    let rate = Rate {
        devices: devices_proven,
        time: proving,
    };
    let peak = peak_memory_bytes();
    if args.json {
        let counts: serde_json::Map<_, _> = (rejections.iter())
            .map(|(reason, (count, _))| (reason.name().to_owned(), json!(count)))
            .collect();
        let seconds: serde_json::Map<_, _> = (times.iter())
            .map(|(label, time)| ((*label).to_owned(), json!(time.as_secs_f64())))
            .collect();
        return show(json!({
            "devices": totals.devices,
            "zones": zones,
            "zones_proven_now": proven.len(),
            "devices_proven_now": devices_proven,
            "attestations": epoch.attestations.len(),
            "seats_absent": totals.seats_absent(),
            "rejected": counts,
            "total_score": totals.score,
            "attestation_root": hex::encode(epoch.tree.root()),
            "proving_seconds": proving.as_secs_f64(),
            "devices_per_second": rate.devices_per_second(),
            "seconds": seconds,
            "peak_memory_bytes": peak,
            "backend": epoch.prover.backend().name(),
            "threads": epoch.prover.threads(),
        }));
    }
    show(format_args!(
        "{} devices in {zones} zones of {}: total score {}",
        totals.devices,
        CircuitName(*shape),
        totals.score
    ))?;
    show(format_args!(
        "{} attestations count, {} seats are absent",
        epoch.attestations.len(),
        totals.seats_absent()
    ))?;
    for (reason, (count, _)) in rejections {
        show(format_args!("rejected, {reason}: {count}"))?;
    }
    show(format_args!(
        "proven now: {} zones, {} before; every file read again, every proof verified",
        proven.len(),
        zones - proven.len()
    ))?;
    if let Some(rate) = rate.devices_per_second() {
        show(format_args!(
            "{:.1} s for {devices_proven} devices: {rate:.0} devices a second, a million in {:.2} h ({}, {} threads)",
            proving.as_secs_f64(),
            1e6 / rate / 3600.0,
            epoch.prover.backend().name(),
            epoch.prover.threads()
        ))?;
    }
    for (label, time) in times {
        show(format_args!("{label:40} {:9.2} s", time.as_secs_f64()))?;
    }
    if let Some(peak) = peak {
        show(format_args!(
            "{:40} {:9} MiB, the mapped key included",
            "peak memory",
            peak >> 20
        ))?;
    }
    Ok(())
}

/// How fast zones were proven, from their votes to their files; keys and the audit are not in it.
struct Rate {
    devices: usize,
    time: Duration,
}

impl Rate {
    fn devices_per_second(&self) -> Option<f64> {
        let devices = f64::from(u32::try_from(self.devices).unwrap_or(u32::MAX));
        (self.devices > 0).then(|| devices / self.time.as_secs_f64())
    }
}

/// The most memory that this process had, where the system says so (Linux).
fn peak_memory_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}
