//! Whole zones of claim U1: what claiming, computing the witness and proving take, and the witness's share of it.
//!
//! Rounds go over all shapes, so that a slow minute of the machine falls on all of them.
//!
//! Depends on: `popw_circuits::uptime::subject` for honest zones, `popw_prover`. Where to go next: `docs/circuits/uptime.md`.

use crate::ZonesArgs;
use crate::error::Error;
use crate::machine::Machine;
use popw_benches::child::milliseconds;
use popw_circuits::uptime::SizeClass;
use popw_circuits::uptime::subject::{Case, parameter_sets};
use popw_claims::uptime::Shape;
use popw_prover::{DevKey, Options, Prover, Watch, claim, export};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Serialize;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// A day of four resolutions, in zones of several sizes, from 2^18 to 2^22: devices, slots, whether with the outage rule.
const SHAPES: [(usize, usize, bool); 6] = [
    (16, 288, true),
    (256, 24, false),
    (16, 1_440, false),
    (256, 144, false),
    (256, 288, false),
    (4_096, 24, false),
];

/// A shape, ready.
struct Zone {
    class: SizeClass,
    case: Case,
    prover: Prover,
    samples: Vec<[Duration; 3]>,
}

/// A line of the results: medians of all rounds.
#[derive(Serialize)]
struct Row {
    shape: String,
    constraints: usize,
    log2_domain: u32,
    /// Verifying the attestations and applying the rule natively.
    claim_ms: f64,
    /// The assignment of the circuit, ready to be proven.
    witness_ms: f64,
    /// The proof, its own verification included.
    prove_ms: f64,
    witness_share: f64,
    devices_per_second: f64,
    rounds: usize,
}

#[derive(Serialize)]
struct Results {
    machine: Machine,
    threads: usize,
    backend: &'static str,
    results: Vec<Row>,
}

/// Runs the command.
///
/// # Errors
/// If a key or proof cannot be made or the results cannot be written.
pub(crate) fn run(args: &ZonesArgs) -> Result<(), Error> {
    let options = Options {
        threads: Some(args.threads as usize),
        ..Options::default()
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads as usize)
        .build()
        .map_err(failed("the threads"))?;
    let mut zones = SHAPES
        .into_iter()
        .map(|(devices, slots, outage_rule)| Shape {
            outage_rule,
            ..Shape::new(devices, 8, slots)
        })
        .map(|shape| Zone::prepare(shape, &options))
        .collect::<Result<Vec<_>, _>>()?;
    // The first round warms up.
    for round in 0..=args.rounds {
        for zone in &mut zones {
            let sample = pool.install(|| zone.measure())?;
            if round > 0 {
                zone.samples.push(sample);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let results = Results {
        machine: Machine::look(&root),
        threads: args.threads as usize,
        backend: zones.first().map_or("", |zone| zone.prover.backend().name()),
        results: zones.iter().map(Zone::row).collect(),
    };
    let table = table(&results.results);
    println!("{table}");
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&results).map_err(failed("the results"))?;
        fs::write(path, json).map_err(Error::io(format!("write {}", path.display())))?;
        let path = path.with_extension("md");
        fs::write(&path, table).map_err(Error::io(format!("write {}", path.display())))?;
    }
    Ok(())
}

fn failed<E: ToString>(what: impl Into<String>) -> impl FnOnce(E) -> Error {
    let what = what.into();
    |error| Error::Prepare {
        what,
        reason: error.to_string(),
    }
}

impl Zone {
    fn prepare(shape: Shape, options: &Options) -> Result<Self, Error> {
        eprintln!("uptime {shape}");
        let r1cs =
            export::r1cs_file(&popw_circuits::uptime::structure(&shape)).map_err(failed("the circuit"))?;
        let mut random = StdRng::seed_from_u64(1);
        let (key, _) =
            DevKey::cached(&r1cs, &mut random, options, &Watch::silent()).map_err(failed("a dev key"))?;
        let prover = Prover::open(&key, options).map_err(failed("the key"))?;
        let parameters = parameter_sets(&shape).swap_remove(0);
        Ok(Self {
            class: SizeClass::of(shape),
            case: Case::honest(shape, parameters, 1),
            prover,
            samples: Vec::new(),
        })
    }

    fn measure(&self) -> Result<[Duration; 3], Error> {
        let (shape, witness) = (&self.case.shape, &self.case.witness);
        let start = Instant::now();
        let outcome = witness.evaluate(shape).map_err(failed("a claim"))?;
        let claimed = start.elapsed();
        let statement = outcome.statement_at(self.case.z);
        let start = Instant::now();
        let assignment = claim::assignment(shape, witness, &statement).map_err(failed("a witness"))?;
        let assignment = self.prover.assignment(&assignment);
        let computed = start.elapsed();
        let start = Instant::now();
        let proof = self
            .prover
            .prove(&assignment, &mut StdRng::from_entropy(), &Watch::silent());
        proof.map_err(failed("a proof"))?;
        Ok([claimed, computed, start.elapsed()])
    }

    fn row(&self) -> Row {
        let median = |phase: usize| {
            let mut samples: Vec<f64> = self
                .samples
                .iter()
                .map(|sample| milliseconds(sample[phase]))
                .collect();
            samples.sort_by(f64::total_cmp);
            samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let [claim_ms, witness_ms, prove_ms] = [0, 1, 2].map(median);
        let devices = f64::from(u32::try_from(self.case.shape.devices).unwrap_or(u32::MAX));
        Row {
            shape: self.case.shape.to_string(),
            constraints: self.class.constraints,
            log2_domain: self.class.power,
            claim_ms,
            witness_ms,
            prove_ms,
            witness_share: witness_ms / prove_ms,
            devices_per_second: 1e3 * devices / (claim_ms + witness_ms + prove_ms),
            rounds: self.samples.len(),
        }
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = "| shape | constraints | domain | claim, ms | witness, ms | proof, ms | witness / proof | devices a second |\n\
        |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for row in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | 2^{} | {:.1} | {:.1} | {:.1} | {:.1} % | {:.1} |",
            row.shape,
            row.constraints,
            row.log2_domain,
            row.claim_ms,
            row.witness_ms,
            row.prove_ms,
            100.0 * row.witness_share,
            row.devices_per_second
        );
    }
    text
}
