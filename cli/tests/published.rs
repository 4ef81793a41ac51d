//! The keys in `keys/published`: each is made again from its transcript, and its folder says nothing that was not verified.
//!
//! A key whose phase 1 is not in `testdata` needs the corpus, in the folder that POPW_CORPUS names or beside the repository in
//! `shared/corpus`. A bare clone has none: the tests say SKIPPED then, or fail if POPW_REQUIRE_CORPUS is set.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails shall stop and say where"
)]

use ark_bn254::Fr;
use popw::commands::circuit::CircuitName;
use popw_circuits::uptime::subject::{Case, parameter_sets};
use popw_claims::poseidon;
use popw_kernels::backend::detect;
use popw_kernels::{CancelToken, Control};
use popw_keys::ceremony::manifest::Words;
use popw_keys::ceremony::{Manifest, SealPolicy, rebuild, seal, verify, write_transcript};
use popw_keys::hash::sha256;
use popw_keys::ptau::Ptau;
use popw_keys::{R1csFile, Zkey, read_wtns};
use popw_prover::{Options, Prover, Watch, claim, export};
use popw_verifier::{Bn254, Proof, Verifier, snarkjs};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A published key, made again.
struct Published {
    /// Its folder, from `keys/published`: `circuit/version`.
    name: String,
    folder: PathBuf,
    manifest: Manifest,
    r1cs: Vec<u8>,
    ptau: Ptau,
    key: Vec<u8>,
}

/// Those whose phase 1 is here.
static PUBLISHED: LazyLock<Vec<Published>> = LazyLock::new(|| {
    folders()
        .iter()
        .filter_map(|folder| Published::read(folder))
        .collect()
});

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn folders() -> Vec<PathBuf> {
    let circuits = children(&workspace("keys/published"));
    circuits.iter().flat_map(|circuit| children(circuit)).collect()
}

/// A phase 1 by its published name, if it is here.
fn phase1(name: &str) -> Option<Ptau> {
    let corpus = std::env::var_os("POPW_CORPUS").map_or(workspace("../shared/corpus"), PathBuf::from);
    let file = format!("{name}.ptau");
    let places = [workspace("testdata/interop/ptau"), corpus.join("keys")].map(|folder| folder.join(&file));
    if let Some(path) = places.iter().find(|path| path.is_file()) {
        return Some(Ptau::open(path).unwrap());
    }
    let message = format!("SKIPPED (corpus): {} is not there", places[1].display());
    assert!(std::env::var_os("POPW_REQUIRE_CORPUS").is_none(), "{message}");
    println!("{message}");
    None
}

fn with_control<T>(work: impl FnOnce(&Control<'_>) -> T) -> T {
    work(&Control::silent(&CancelToken::new()))
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

impl Published {
    fn read(folder: &Path) -> Option<Self> {
        let manifest = Manifest::read(&folder.join("manifest.toml")).unwrap();
        let ptau = phase1(&manifest.phase1.name)?;
        // A third party's circuit is a file; ours is made from its name.
        let third_party = folder.join("circuit.r1cs");
        let r1cs = match third_party.is_file() {
            true => fs::read(third_party).unwrap(),
            false => export::r1cs_file(&manifest.circuit.parse::<CircuitName>().unwrap().build()).unwrap(),
        };
        let transcript = fs::read(folder.join("ceremony.transcript")).unwrap();
        let backend = detect().unwrap();
        let key =
            with_control(|control| rebuild(&transcript, &r1cs, &ptau, backend.as_ref(), control)).unwrap();
        let root = workspace("keys/published");
        Some(Self {
            name: folder.strip_prefix(root).unwrap().to_str().unwrap().to_owned(),
            folder: folder.to_owned(),
            manifest,
            r1cs,
            ptau,
            key: key.to_bytes().unwrap(),
        })
    }

    fn key(&self) -> Zkey {
        Zkey::from_bytes(self.key.clone()).unwrap()
    }

    fn prover(&self) -> Prover {
        Prover::with_key(self.key(), &Options::default()).unwrap()
    }

    fn bytes(&self, file: &str) -> usize {
        fs::read(self.folder.join(file)).unwrap().len()
    }

    /// By the published verification key, not by the key that made the proof.
    fn verify_proof(&self, inputs: &[Fr], proof: &Proof<Bn254>) {
        let key = snarkjs::read_verifying_key(&text(&self.folder.join("verification_key.json"))).unwrap();
        let verifier = Verifier::new(key).unwrap();
        verifier.verify(inputs, proof).unwrap();
        for index in 0..inputs.len() {
            let mut other = inputs.to_vec();
            other[index] += Fr::from(1u64);
            assert!(verifier.verify(&other, proof).is_err(), "public input {index}");
        }
    }

    /// Its line of the table in `keys/published/README.md`.
    fn line(&self) -> String {
        let circuit = R1csFile::read(&self.r1cs).unwrap();
        let header = circuit.header();
        let rows = u64::from(header.constraints) + header.public() + 1;
        let Manifest {
            phase1,
            contributions,
            ..
        } = &self.manifest;
        format!(
            "| [`{name}`]({name}/README.md) | `{}` | {rows} | {} | `{}` | {} and a beacon | {} | {} |",
            self.manifest.circuit,
            self.key().header().domain_size,
            phase1.name,
            contributions.len(),
            self.key.len(),
            self.bytes("ceremony.transcript"),
            name = self.name,
        )
    }
}

/// The published key of a circuit, made again, if its phase 1 is here.
fn published(name: &str) -> Option<&'static Published> {
    assert!(
        workspace("keys/published").join(name).is_dir(),
        "keys/published/{name} is gone"
    );
    PUBLISHED.iter().find(|published| published.name == name)
}

/// The transcript verifies, and sealing it gives the manifest, byte for byte. Two texts in it only its maker could write: the
/// circuit's name, from which ours are built, and the beacon's source.
#[test]
fn manifests_say_what_the_transcripts_show() {
    assert!(!PUBLISHED.is_empty());
    let backend = detect().unwrap();
    for published in PUBLISHED.iter() {
        let (name, manifest, key) = (&published.name, &published.manifest, published.key());
        manifest.check(&key).unwrap();
        let (r1cs, ptau) = (&published.r1cs, &published.ptau);
        let verified = with_control(|control| verify(&key, r1cs, ptau, backend.as_ref(), control)).unwrap();
        let shown: Vec<_> = verified
            .contributions
            .iter()
            .map(|contribution| hex::encode(contribution.hash))
            .collect();
        let said = manifest
            .contributions
            .iter()
            .map(|contribution| &contribution.hash)
            .chain([&manifest.beacon.hash]);
        assert!(said.eq(&shown), "{name}: {shown:?}");
        let words = Words {
            circuit: &manifest.circuit,
            beacon_source: &manifest.beacon.source,
        };
        let policy = SealPolicy { contributions_min: 3 };
        let sealed =
            with_control(|control| seal(&key, r1cs, ptau, words, policy, backend.as_ref(), control)).unwrap();
        assert_eq!(
            sealed.to_text().unwrap(),
            text(&published.folder.join("manifest.toml")),
            "{name}"
        );
    }
}

/// What lies beside a manifest is what it names: the key, the verifying key, the transcript, the folder.
#[test]
fn folders_hold_what_their_manifests_name() {
    for published in PUBLISHED.iter() {
        let (name, folder, manifest) = (&published.name, &published.folder, &published.manifest);
        let verification_key = fs::read(folder.join("verification_key.json")).unwrap();
        assert_eq!(
            hex::encode(sha256(&verification_key)),
            manifest.key.verification_key_sha256,
            "{name}"
        );
        let whole = folder.join("circuit.zkey");
        if whole.is_file() {
            assert!(fs::read(whole).unwrap() == published.key, "{name}: circuit.zkey");
        }
        let mut transcript = Vec::new();
        write_transcript(&mut transcript, &published.key()).unwrap();
        let committed = fs::read(folder.join("ceremony.transcript")).unwrap();
        assert!(transcript == committed, "{name}: ceremony.transcript");
        // `uptime:N=1,W=3` lies in `uptime-N1-W3`, `epochKeyLite of ..` in `epochKeyLite`.
        let circuit = manifest.circuit.split(' ').next().unwrap();
        let circuit = circuit.replace([':', ','], "-").replace('=', "");
        assert_eq!(name.split('/').next().unwrap(), circuit);
    }
}

#[test]
fn the_table_is_that_of_the_folders() {
    let readme = text(&workspace("keys/published/README.md"));
    for published in PUBLISHED.iter() {
        let line = published.line();
        assert!(
            readme.lines().any(|found| found == line),
            "not in the table: {line}"
        );
    }
    let rows = readme.lines().filter(|line| line.starts_with("| [`")).count();
    assert_eq!(rows, folders().len(), "folders and lines of the table");
}

/// Unirep's witness, computed by its own program, proves under the key: what comes out is the epoch key of what went in.
#[test]
fn the_small_key_proves_an_epoch_key() {
    // Its phase 1 is in testdata: there is no clone without it.
    let published = published("epochKeyLite/v1").unwrap();
    let bytes = fs::read(published.folder.join("witness.wtns")).unwrap();
    let values = read_wtns(&bytes).unwrap();
    let prover = published.prover();
    let assignment = prover.assignment(&values);
    let proof = prover
        .prove(&assignment, &mut StdRng::seed_from_u64(1), &Watch::silent())
        .unwrap();
    let input: serde_json::Value = serde_json::from_str(&text(&published.folder.join("input.json"))).unwrap();
    let [secret, reveal, attester, epoch, nonce, data] = [
        "identity_secret",
        "reveal_nonce",
        "attester_id",
        "epoch",
        "nonce",
        "sig_data",
    ]
    .map(|field| input[field].as_str().unwrap().parse::<Fr>().unwrap());
    let shifted = |bits: u32| (0..bits).fold(Fr::from(1u64), |power, _| power + power);
    let control = reveal * shifted(232) + attester * shifted(72) + epoch * shifted(8) + reveal * nonce;
    let epoch_key = poseidon::hash(&[secret, attester, epoch, nonce]);
    published.verify_proof(&[control, epoch_key, data], &proof);
}

/// A day of minutes of one device, heard by three watchers, under every policy.
#[test]
fn the_uptime_key_proves_days_of_minutes() {
    let Some(published) = published("uptime-N1-W3-S1440/v1") else {
        return;
    };
    let Ok(CircuitName::Uptime(shape)) = published.manifest.circuit.parse() else {
        panic!("{}", published.manifest.circuit);
    };
    let prover = published.prover();
    for (seed, parameters) in (1..).zip(parameter_sets(&shape)) {
        let case = Case::honest(shape, parameters, seed);
        let mut rng = StdRng::seed_from_u64(seed);
        let zone = claim::prove(
            &prover,
            &shape,
            &case.witness,
            [1, 2, 3, 4],
            &mut rng,
            &Watch::silent(),
        );
        let zone = zone.unwrap();
        published.verify_proof(&zone.statement.public_inputs(), &zone.proof);
    }
}

/// One changed byte in any part of a transcript: no key comes out, or none that the manifest takes.
#[test]
fn a_changed_transcript_gives_no_key_of_the_manifest() {
    let published = published("epochKeyLite/v1").unwrap();
    let transcript = fs::read(published.folder.join("ceremony.transcript")).unwrap();
    let backend = detect().unwrap();
    let is_refused = |bytes: &[u8]| {
        let (r1cs, ptau) = (&published.r1cs, &published.ptau);
        let made = with_control(|control| rebuild(bytes, r1cs, ptau, backend.as_ref(), control));
        made.map_or(true, |key| {
            let made = Zkey::from_bytes(key.to_bytes().unwrap());
            made.map_or(true, |key| published.manifest.check(&key).is_err())
        })
    };
    assert!(!is_refused(&transcript));
    for place in (0..transcript.len()).step_by(transcript.len() / 40) {
        let mut changed = transcript.clone();
        changed[place] ^= 1;
        assert!(is_refused(&changed), "byte {place}");
    }
}
