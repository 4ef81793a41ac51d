//! `popw demo`: the whole story on a real log.
//!
//! log -> signed records -> watchers' attestations -> claim -> proof -> verdict in Rust -> settlement and a paid reward in an EVM,
//! and three forgeries and why each is refused. [`network`] is what is synthetic, [`chain`] the EVM, [`report`] what is printed.

pub mod chain;
pub mod network;
pub mod report;

use crate::commands::circuit::CircuitName;
use crate::contracts::word;
use crate::failure::Failure;
use crate::files::{create_folder, write};
use crate::fleet_folder;
use crate::screen::{Screen, show};
use alloy_primitives::U256;
use chain::{Chain, ClaimArguments, Key, SettleArguments};
use network::{Network, SeatVote};
use popw_circuits::{Builder, R1cs, uptime as circuit, vote as vote_circuit};
use popw_claims::epoch::EpochContext;
use popw_claims::field::to_be_bytes;
use popw_claims::fleet::{
    Claim, EpochTable, Fleet, ParametersTable, write_device, write_vote, write_watcher,
};
use popw_claims::log::weather::read_weather;
use popw_claims::registry::registry_root;
use popw_claims::settlement::{ROW_BYTES, ROWS_PER_LEAF};
use popw_claims::uptime::{
    Parameters, Preset, Shape, Vote, Witness, agreed_slots, longest_outage, score, up_slots,
};
use popw_claims::vote;
use popw_keys::Zkey;
use popw_keys::wtns::write_wtns;
use popw_prover::{CircuitId, DevKey, Options, Phase, Progress, Prover, Watch, claim, export};
use popw_verifier::solidity::{self, Grade};
use popw_verifier::{Bn254, Fr, Proof, snarkjs};
use rand::rngs::OsRng;
use report::{Check, Forgery, Report, Reward, StationRow};
use std::fs::File;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The log that is played when none is named.
const BUILT_IN_LOG: &[u8] = include_bytes!("../../../testdata/weather/strasbourg_2021_h1.csv");
const BUILT_IN_NAME: &str = "testdata/weather/strasbourg_2021_h1.csv (built in)";
/// Watchers that must agree on a slot: five of eight.
const QUORUM: u32 = 5;
/// A day.
const EPOCH_SECONDS: u32 = 86_400;

/// What to play.
#[derive(clap::Args)]
pub struct Args {
    /// A CSV of the weather station; the built-in one (2021-02-22 to 2021-06-30) if absent
    #[arg(long)]
    log: Option<PathBuf>,
    /// The folder for the proof, the contract and the fleet's files
    #[arg(long, default_value = "popw-demo")]
    out: PathBuf,
    /// Seed of everything synthetic: keys, owners, positions, packet loss
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Records that each watcher loses, in percent
    #[arg(long, default_value_t = 2, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    loss: u8,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// The demo's circuit: sixteen stations, eight watchers, a slot every ten minutes, as the station logs.
pub fn shape() -> Shape {
    Shape::new(16, 8, 144)
}

/// Plays the whole story.
///
/// # Errors
/// `Input` if the log cannot be used, `Refused` if a check fails.
pub fn run(args: &Args) -> Result<(), Failure> {
    let screen = Screen::new(args.json);
    let report = play(args, &screen)?;
    match args.json {
        true => show(report.json())?,
        false => show(&report)?,
    }
    match report.all_passed() {
        true => Ok(()),
        false => Err(Failure::refused("a check of the demo failed")),
    }
}

fn play(args: &Args, screen: &Screen) -> Result<Report, Failure> {
    let shape = shape();
    screen.begin("reading the log");
    let log = match &args.log {
        None => read_weather(BUILT_IN_NAME, BUILT_IN_LOG),
        Some(path) => {
            let file = File::open(path)
                .map_err(|error| Failure::input(format!("{}: cannot be read: {error}", path.display())))?;
            read_weather(&path.display().to_string(), file)
        }
    }
    .map_err(Failure::input)?;
    screen.begin("registering stations and watchers");
    let network = Network::new(&log, &shape, args.seed)?;
    let parameters = Preset::Geodnet.parameters(&shape, EPOCH_SECONDS, QUORUM);

    screen.begin("building the circuit");
    let structure = circuit::structure(&shape);
    let r1cs = export::r1cs_file(&structure).map_err(Failure::internal)?;
    let constraints = structure.constraints();
    let circuit_id = CircuitId::of(&r1cs);
    let (options, watch) = (Options::default(), Watch::new(screen));
    let (key, key_is_new) = DevKey::cached(&r1cs, &mut OsRng, &options, &watch).map_err(Failure::internal)?;
    drop(r1cs);
    screen.phase(Phase::Key);
    let prover = Prover::open(&key, &options).map_err(Failure::internal)?;
    let verifying_key = prover.verifier().key().clone();

    screen.begin("building the vote's circuit");
    let vote_r1cs =
        export::r1cs_file(&vote_circuit::structure(&vote::Shape::of(&shape))).map_err(Failure::internal)?;
    let vote_circuit_id = CircuitId::of(&vote_r1cs);
    let (vote_key, _) =
        DevKey::cached(&vote_r1cs, &mut OsRng, &options, &watch).map_err(Failure::internal)?;
    drop(vote_r1cs);
    let vote_key = Zkey::open(&vote_key).map_err(Failure::internal)?;

    // The epoch opens on chain: registry, rule, key and randomness are fixed before anybody signs.
    screen.begin("opening the epoch on chain");
    let uptime_key = Key {
        key: &verifying_key,
        circuit_id,
    };
    let vote_key = Key {
        key: vote_key.verifying_key(),
        circuit_id: vote_circuit_id,
    };
    let mut chain = Chain::deploy(&uptime_key, &vote_key, network.epoch, args.seed)?;
    let (context, tag_on_chain) = chain.open(
        [&uptime_key, &vote_key],
        &shape,
        registry_root(network.devices.root(), network.watchers.root()),
        parameters.hash(&shape),
    )?;
    let epoch_tag = context.tag();
    let mut checks = vec![Check::equal(
        "contract and native code compute the same epoch tag",
        &tag_on_chain,
        &word(&epoch_tag),
    )];

    screen.begin("stations sign, watchers verify and attest");
    let records = network.records(epoch_tag);
    let seats = network.watch(&shape, epoch_tag, &records, args.loss)?;

    screen.begin("claiming");
    let folder = args.out.join("fleet");
    write_fleet(&folder, &network, &shape, &parameters, &context, &seats)?;
    // From here on the demo knows what an auditor with the files knows: delegations and attestations are verified again.
    let fleet = fleet_folder::read(&folder)?;
    let mut rejection = None;
    let mut attestations = fleet_folder::ingest(&folder, &fleet, |refused| rejection = Some(refused))?;
    if let Some(rejection) = rejection {
        return Err(Failure::internal(rejection));
    }
    let votes = attestations.votes(0).map_err(Failure::internal)?;
    let claim = fleet.claim(0, &votes).map_err(Failure::internal)?;

    screen.begin("computing the witness");
    let assignment =
        claim::assignment(&shape, &claim.witness, &claim.statement).map_err(Failure::internal)?;
    let proof = prover
        .prove(&prover.assignment(&assignment), &mut OsRng, &watch)
        .map_err(Failure::internal)?;
    let public = claim.statement.public_inputs();
    checks.push(Check::passed(
        "the proof verifies in Rust",
        prover.verifier().verify(&public, &proof),
    ));

    screen.begin("settling in the EVM");
    let attest_gas = chain.attest(&claim.outcome.digests).map_err(Failure::internal)?;
    let honest = SettleArguments::new(&claim, &proof);
    let forgeries = play_forgeries(&mut chain, &structure, &shape, &claim, &honest);
    let settled = chain.settle(&honest);
    checks.push(Check::passed(
        "the EVM settles the zone with the proof",
        settled.as_ref().map(|_| ()),
    ));
    let settled = settled.map_err(Failure::refused)?;
    let claim_tree = fleet_folder::claim_tree(&fleet, &claim)?;
    checks.push(Check::equal(
        "contract and native code build the same claim tree",
        &settled.claims_root,
        &claim_tree.claims_root(),
    ));
    let total_score: u64 = claim.outcome.scores.iter().map(|score| u64::from(*score)).sum();
    checks.push(Check::equal(
        "the contract sums the same scores",
        &settled.total_score,
        &total_score,
    ));
    checks.push(Check::passed(
        "the zone cannot be settled twice",
        match chain.settle(&honest) {
            Err(error) if error.to_string().contains("ZoneAlreadySettled") => Ok(()),
            Err(error) => Err(error.to_string()),
            Ok(_) => Err("it was".to_owned()),
        },
    ));

    let reward = claim_a_reward(&mut chain, &fleet, &claim, total_score, &mut checks)?;

    let stations = station_rows(&network, &shape, &claim);
    checks.push(Check::equal(
        "slots_up is a recount of the attestations that were written",
        &recount(&votes, &shape, stations.len()),
        &stations.iter().map(|station| station.slots_up).collect(),
    ));

    screen.begin("writing files");
    write_outputs(args, &claim, &proof, &assignment, &verifying_key, &fleet)?;
    let times = screen.finish();
    Ok(Report {
        log_name: log.name().to_owned(),
        log: log.report(),
        days: log.days().len(),
        seed: args.seed,
        loss_percent: args.loss,
        circuit: CircuitName::Uptime(shape).to_string(),
        circuit_id: circuit_id.to_string(),
        constraints,
        key_is_new,
        quorum: QUORUM,
        seats: seats
            .iter()
            .map(|seat| (seat.received, seat.lost, seat.refusals.total()))
            .collect(),
        stations,
        total_score,
        times,
        verifier_gas: chain.verifier_gas,
        contracts_gas: chain.contracts_gas,
        attest_gas,
        settle_gas: settled.gas_used,
        reward,
        checks,
        forgeries,
        out: args.out.clone(),
    })
}

/// Closes the epoch and claims the reward of the station with the best score, if any station has one.
fn claim_a_reward(
    chain: &mut Chain,
    fleet: &Fleet,
    claim: &Claim,
    total_score: u64,
    checks: &mut Vec<Check>,
) -> Result<Option<Reward>, Failure> {
    chain.close().map_err(Failure::refused)?;
    let best = (0usize..)
        .zip(&claim.outcome.scores)
        .max_by_key(|(index, score)| (**score, usize::MAX - index));
    let Some((index, score)) = best.filter(|(_, score)| **score != 0) else {
        return Ok(None);
    };
    let leaf = index / ROWS_PER_LEAF;
    let rows_of_leaf = claim.settlement_data.chunks(ROWS_PER_LEAF * ROW_BYTES).nth(leaf);
    let rows = rows_of_leaf.unwrap_or_default().to_vec();
    let row = rows.as_chunks::<ROW_BYTES>().0.get(index % ROWS_PER_LEAF);
    let payee: [u8; 20] = row.and_then(|row| row.first_chunk().copied()).unwrap_or_default();
    let arguments = ClaimArguments {
        device: index as u64,
        rows,
        path: fleet_folder::claim_tree(fleet, claim)?
            .path(leaf)
            .map_err(Failure::internal)?,
    };
    let gas_used = chain.claim(&arguments).map_err(Failure::refused)?;
    let amount = chain.balance(payee).map_err(Failure::internal)?;
    let share = u128::from(chain::BUDGET) * u128::from(*score) / u128::from(total_score);
    checks.push(Check::equal(
        "the best station's payee gets its share of the budget",
        &amount,
        &U256::from(share),
    ));
    checks.push(Check::passed(
        "the reward cannot be claimed twice",
        match chain.claim(&arguments) {
            Err(error) if error.to_string().contains("AlreadyClaimed") => Ok(()),
            Err(error) => Err(error.to_string()),
            Ok(_) => Err("it was".to_owned()),
        },
    ));
    Ok(Some(Reward {
        station: index,
        payee,
        amount,
        gas_used,
    }))
}

/// Three lies, each told to those who must refuse it. Nothing of them stays.
fn play_forgeries(
    chain: &mut Chain,
    r1cs: &R1cs<Fr>,
    shape: &Shape,
    claim: &Claim,
    honest: &SettleArguments,
) -> Vec<Forgery> {
    // The watcher's bitmap is changed after it was signed.
    let mut changed_log = claim.witness.clone();
    let seat = &mut changed_log.seats[0];
    let heard = seat.bitmap.bit(0, 0);
    seat.bitmap.set(0, 0, !heard);
    let refused_claim = refused_by_both(r1cs, shape, &changed_log, claim.statement.z);

    // The operator raises the first score in the data that the contract is given.
    let mut raised = honest.clone();
    raised.data[20..24].copy_from_slice(&1_000_000u32.to_be_bytes());
    if raised.data == honest.data {
        raised.data[20..24].copy_from_slice(&999_999u32.to_be_bytes());
    }
    let refused_score = chain.try_settle(&raised).err().map(|error| error.to_string());

    // The same commitment, spelled as x + r.
    let mut aliased = honest.clone();
    aliased.out_commit += field_order();
    let refused_alias = chain.try_settle(&aliased).err().map(|error| error.to_string());
    vec![
        Forgery {
            name: "a slot of an attestation is changed after the watcher signed it",
            refused_by: "native rule and circuit",
            reason: refused_claim,
        },
        Forgery {
            name: "the operator raises one station's score in the settlement data",
            refused_by: "EVM",
            reason: refused_score,
        },
        Forgery {
            name: "a public input x is passed as x + r",
            refused_by: "EVM",
            reason: refused_alias,
        },
    ]
}

/// Why a witness is refused, by the native rule and by the circuit behind it; `None` if either accepts it.
fn refused_by_both(r1cs: &R1cs<Fr>, shape: &Shape, witness: &Witness, z: Fr) -> Option<String> {
    let by_rule = witness.evaluate(shape).err()?;
    let mut builder = Builder::witness();
    circuit::circuit(&mut builder, shape, witness, z);
    let by_circuit = claim::first_violation(r1cs, &Zeroizing::new(builder.into_assignment()))?;
    Some(format!("{by_rule}; {by_circuit}"))
}

/// r as a word: the opposite of one, plus one.
fn field_order() -> U256 {
    U256::from_be_bytes(to_be_bytes(&-Fr::from(1u64))) + U256::from(1u64)
}

/// Writes the files of the fleet.
fn write_fleet(
    folder: &Path,
    network: &Network<'_>,
    shape: &Shape,
    parameters: &Parameters,
    context: &EpochContext,
    seats: &[SeatVote],
) -> Result<(), Failure> {
    let table = ParametersTable {
        shape: *shape,
        parameters: *parameters,
        allow_minority_quorum: false,
    }
    .to_string();
    let epoch = EpochTable {
        chain_id: context.chain_id,
        settlement: context.settlement,
        selector: context.selector,
        number: context.epoch,
        start: network.epoch.start(),
        randomness: context.randomness,
        previous_randomness: network.previous_randomness,
    }
    .to_string();
    let (mut registry, mut watchers, mut attestations) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..network.stations.len() {
        let (device, delegation) = network.registration(index);
        write_device(&mut registry, index as u64, device, Some(delegation)).map_err(Failure::internal)?;
    }
    for seat in 0..shape.watchers {
        for watcher in network.watchers.watchers(seat) {
            write_watcher(&mut watchers, seat, watcher).map_err(Failure::internal)?;
        }
    }
    for seat in seats {
        write_vote(&mut attestations, &seat.vote).map_err(Failure::internal)?;
    }
    create_folder(folder)?;
    for (name, content) in [
        ("params.toml", table.as_bytes()),
        ("epoch.toml", epoch.as_bytes()),
        ("registry.jsonl", &registry),
        ("watchers.jsonl", &watchers),
        ("attestations.jsonl", &attestations),
    ] {
        write(&folder.join(name), content)?;
    }
    Ok(())
}

fn station_rows(network: &Network<'_>, shape: &Shape, claim: &Claim) -> Vec<StationRow> {
    let other = Preset::Onocoy.parameters(shape, EPOCH_SECONDS, QUORUM);
    let bitmaps = || claim.witness.seats.iter().map(|seat| &seat.bitmap);
    (network.stations.iter().enumerate())
        .map(|(index, station)| {
            let agreed = agreed_slots(bitmaps(), index, shape.slots, QUORUM);
            StationRow {
                index,
                day: station.day,
                rows: station.rows.len(),
                slots_logged: station.slots_logged,
                slots_up: claim.outcome.up_slots[index],
                longest_outage: longest_outage(&agreed),
                score: claim.outcome.scores[index],
                other_score: score(&other, shape, up_slots(&agreed), longest_outage(&agreed)),
            }
        })
        .collect()
}

/// Slots with a quorum, counted from the attestations as they were written, without the rule's code.
fn recount(votes: &[Option<Vote>], shape: &Shape, stations: usize) -> Vec<u32> {
    (0..stations)
        .map(|device| {
            let agree = |slot: &usize| {
                let heard = votes
                    .iter()
                    .flatten()
                    .filter(|vote| vote.bitmap.bit(device, *slot))
                    .count();
                heard >= QUORUM as usize
            };
            u32::try_from((0..shape.slots).filter(agree).count()).unwrap_or(u32::MAX)
        })
        .collect()
}

fn write_outputs(
    args: &Args,
    claim: &Claim,
    proof: &Proof<Bn254>,
    assignment: &[Fr],
    verifying_key: &popw_verifier::VerifyingKey<Bn254>,
    fleet: &Fleet,
) -> Result<(), Failure> {
    let out = &args.out;
    create_folder(out)?;
    write(
        &out.join("proof.json"),
        snarkjs::write_proof(proof).map_err(Failure::internal)?,
    )?;
    let public = snarkjs::write_public(&claim.statement.public_inputs()).map_err(Failure::internal)?;
    write(&out.join("public.json"), public)?;
    let key = snarkjs::write_verifying_key(verifying_key).map_err(Failure::internal)?;
    write(&out.join("verification_key.json"), key)?;
    let contract = solidity::export(verifying_key, "Verifier", Grade::Dev).map_err(Failure::internal)?;
    write(&out.join("Verifier.sol"), contract)?;
    let mut witness = Vec::new();
    write_wtns(&mut witness, assignment).map_err(Failure::internal)?;
    write(&out.join("witness.wtns"), witness)?;
    write(
        &out.join("settle.json"),
        fleet_folder::settlement_json(claim).to_string(),
    )?;
    write(
        &out.join("claims.json"),
        fleet_folder::claims_json(fleet, claim)?.to_string(),
    )
}
