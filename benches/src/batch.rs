//! Batches of proofs: one equation for all, beside one verification each by us and by ark-groth16.
//!
//! Keys have seven public inputs, as every claim has. Their secrets are kept, so that a proof costs two multiplications
//! instead of a circuit: to a verifier it is a proof like any other.
//!
//! Depends on: `popw_verifier`, `ark_groth16`. Where to go next: `popw_verifier::batch`.

use crate::BatchArgs;
use crate::error::Error;
use crate::machine::Machine;
use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, UniformRand};
use ark_groth16::{Groth16, PreparedVerifyingKey, Proof, VerifyingKey, prepare_verifying_key};
use popw_benches::child::milliseconds;
use popw_verifier::{Entry, Verifier};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rayon::ThreadPool;
use serde::Serialize;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// Proofs in a batch.
const SIZES: [usize; 4] = [1, 10, 100, 1_000];
/// Public inputs.
const INPUTS: usize = 7;

/// Who verifies.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Method {
    /// One equation, all threads.
    Batch,
    /// One equation, one thread.
    BatchOneThread,
    /// One after another by us.
    Single,
    /// One after another by ark-groth16, with a prepared key. It checks no points.
    ArkGroth16,
}

impl Method {
    const ALL: [Self; 4] = [Self::Batch, Self::BatchOneThread, Self::Single, Self::ArkGroth16];

    fn title(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::BatchOneThread => "batch, one thread",
            Self::Single => "single",
            Self::ArkGroth16 => "ark-groth16 single",
        }
    }
}

/// Keys, proofs and threads, ready.
struct Bench {
    verifier: Verifier,
    prepared: PreparedVerifyingKey<Bn254>,
    proofs: Vec<(Vec<Fr>, Proof<Bn254>)>,
    pool: ThreadPool,
    one: ThreadPool,
}

/// A line of the results.
#[derive(Serialize)]
struct Row {
    proofs: usize,
    method: Method,
    /// For all proofs, in order of time.
    wall_ms_samples: Vec<f64>,
    wall_ms_median: f64,
    wall_ms_min: f64,
    wall_ms_max: f64,
    proofs_per_second: f64,
    times_faster_than_ark_groth16: f64,
}

#[derive(Serialize)]
struct Results {
    machine: Machine,
    threads: u32,
    inputs: usize,
    results: Vec<Row>,
}

/// Runs the command.
///
/// # Errors
/// If a proof does not verify or the results cannot be written.
pub(crate) fn run(args: &BatchArgs) -> Result<(), Error> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let machine = Machine::look(&root);
    let bench = Bench::prepare(args.threads as usize)?;
    let cases: Vec<_> = SIZES
        .into_iter()
        .flat_map(|size| Method::ALL.map(|method| (size, method)))
        .collect();
    let mut samples = vec![Vec::new(); cases.len()];
    // The first round warms up.
    for round in 0..=args.rounds {
        for ((size, method), samples) in cases.iter().zip(&mut samples) {
            let sample = bench.measure(*size, *method)?;
            if round > 0 {
                samples.push(sample);
            }
        }
    }
    let results = Results {
        machine,
        threads: args.threads,
        inputs: INPUTS,
        results: rows(&cases, samples),
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

fn failed<E: ToString>(what: &str) -> impl FnOnce(E) -> Error {
    |error| Error::Prepare {
        what: what.to_owned(),
        reason: error.to_string(),
    }
}

impl Bench {
    fn prepare(threads: usize) -> Result<Self, Error> {
        let pool = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.map_err(failed("the threads"))
        };
        let mut random = StdRng::seed_from_u64(1);
        let secrets = Secrets::draw(&mut random);
        let key = secrets.key();
        let most = SIZES.into_iter().max().unwrap_or(0);
        Ok(Self {
            prepared: prepare_verifying_key(&key),
            verifier: Verifier::new(key).map_err(failed("a key"))?,
            proofs: (0..most).map(|_| secrets.prove(&mut random)).collect(),
            pool: pool(threads)?,
            one: pool(1)?,
        })
    }

    /// Milliseconds for so many proofs.
    fn measure(&self, size: usize, method: Method) -> Result<f64, Error> {
        let proofs = self.proofs.get(..size).unwrap_or(&self.proofs);
        let entries: Vec<_> = proofs
            .iter()
            .map(|(inputs, proof)| Entry { inputs, proof })
            .collect();
        let start = Instant::now();
        let right = match method {
            Method::Batch => self.pool.install(|| self.verifier.verify_batch(&entries).is_ok()),
            Method::BatchOneThread => self.one.install(|| self.verifier.verify_batch(&entries).is_ok()),
            Method::Single => proofs
                .iter()
                .all(|(inputs, proof)| self.verifier.verify(inputs, proof).is_ok()),
            Method::ArkGroth16 => proofs.iter().all(|(inputs, proof)| {
                Groth16::<Bn254>::verify_proof(&self.prepared, proof, inputs).unwrap_or(false)
            }),
        };
        let time = milliseconds(start.elapsed());
        match right {
            true => Ok(time),
            false => Err(failed(method.title())(format!(
                "a proof out of {size} was refused"
            ))),
        }
    }
}

/// What a setup draws and forgets.
struct Secrets {
    alpha: Fr,
    beta: Fr,
    gamma: Fr,
    delta: Fr,
    /// Of the IC points.
    ic: Vec<Fr>,
}

impl Secrets {
    fn draw(random: &mut StdRng) -> Self {
        let [alpha, beta, gamma, delta] = [(); 4].map(|()| Fr::rand(random));
        let ic = (0..=INPUTS).map(|_| Fr::rand(random)).collect();
        Self {
            alpha,
            beta,
            gamma,
            delta,
            ic,
        }
    }

    fn key(&self) -> VerifyingKey<Bn254> {
        VerifyingKey {
            alpha_g1: g1(self.alpha),
            beta_g2: g2(self.beta),
            gamma_g2: g2(self.gamma),
            delta_g2: g2(self.delta),
            gamma_abc_g1: self.ic.iter().copied().map(g1).collect(),
        }
    }

    /// `c` is what the equation `a b = alpha beta + l gamma + c delta` leaves. `delta` is not 0: the key passed its check.
    fn prove(&self, random: &mut StdRng) -> (Vec<Fr>, Proof<Bn254>) {
        let [a, b] = [(); 2].map(|()| Fr::rand(random));
        let inputs: Vec<_> = (0..INPUTS).map(|_| Fr::rand(random)).collect();
        let factors = std::iter::once(Fr::ONE).chain(inputs.iter().copied());
        let l: Fr = self.ic.iter().zip(factors).map(|(ic, x)| *ic * x).sum();
        let c = (a * b - self.alpha * self.beta - l * self.gamma) / self.delta;
        let proof = Proof {
            a: g1(a),
            b: g2(b),
            c: g1(c),
        };
        (inputs, proof)
    }
}

fn g1(secret: Fr) -> G1Affine {
    (G1Affine::generator() * secret).into_affine()
}

fn g2(secret: Fr) -> G2Affine {
    (G2Affine::generator() * secret).into_affine()
}

fn rows(cases: &[(usize, Method)], samples: Vec<Vec<f64>>) -> Vec<Row> {
    let sorted = samples.into_iter().map(|mut samples| {
        samples.sort_by(f64::total_cmp);
        samples
    });
    let sorted: Vec<_> = cases.iter().copied().zip(sorted).collect();
    let at = |samples: &[f64], index: usize| samples.get(index).copied().unwrap_or(f64::NAN);
    let median = |samples: &[f64]| at(samples, samples.len() / 2);
    let of_ark = |size| {
        let found = sorted
            .iter()
            .find(|(case, _)| *case == (size, Method::ArkGroth16));
        found.map_or(f64::NAN, |(_, samples)| median(samples))
    };
    let row = |((proofs, method), samples): &((usize, Method), Vec<f64>)| Row {
        proofs: *proofs,
        method: *method,
        wall_ms_median: median(samples),
        wall_ms_min: at(samples, 0),
        wall_ms_max: at(samples, samples.len().wrapping_sub(1)),
        proofs_per_second: 1e3 * *proofs as f64 / median(samples),
        times_faster_than_ark_groth16: of_ark(*proofs) / median(samples),
        wall_ms_samples: samples.clone(),
    };
    sorted.iter().map(row).collect()
}

fn table(rows: &[Row]) -> String {
    let mut text = "| proofs | method | wall ms, median (least..most) | proofs a second | times faster than ark-groth16 |\n\
        |---|---|---|---|---|\n"
        .to_owned();
    for row in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {:.2} ({:.2}..{:.2}) | {:.0} | {:.2} |",
            row.proofs,
            row.method.title(),
            row.wall_ms_median,
            row.wall_ms_min,
            row.wall_ms_max,
            row.proofs_per_second,
            row.times_faster_than_ark_groth16,
        );
    }
    text
}
