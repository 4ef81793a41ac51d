//! The verifier contract, run in process, against the Rust verifier: on honest proofs, on forgeries by name, on batches, on
//! mutations (against snarkjs too), and what it costs, pinned in `verifier/contracts/gas.csv`.
//!
//! [`Scene`] is a key, its contract, the Rust verifier and honest claims. The proofs are of a circuit that proves any
//! values, so these tests see what the *contract* refuses. Next: `single`, `forgery`, `batch`, `differential`, `interface`,
//! `cost`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod batch;
#[path = "../../../verifier/tests/common/mod.rs"]
mod common;
mod cost;
mod differential;
mod forgery;
#[path = "../gas/mod.rs"]
mod gas;
mod interface;
mod single;

use alloy_primitives::{Address, U256, address, keccak256};
use ark_bn254::{Bn254, Fr};
use ark_groth16::{Proof, ProvingKey};
use common::{prove, random_inputs};
use popw::contracts::{
    Groth16Verifier7 as V, Groth16Verifier7::Groth16Verifier7Errors as VerifierError, Refusal,
};
use popw::evm::{Evm, EvmError};
use popw_verifier::{
    ProofWords, Verifier, VerifyError, Word, WordError,
    solidity::{Grade, creation_bytecode},
    words::{inputs_to_be_bytes, proof_to_words},
};

const CHAIN: u64 = 31337;
const DEPLOYER: Address = address!("00000000000000000000000000000000000d0001");
const STRANGER: Address = address!("00000000000000000000000000000000000a0002");

/// A proof and the inputs it is for, as the contract gets them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Claim {
    proof: ProofWords,
    inputs: Vec<Word>,
}

impl Claim {
    fn new(proof: &Proof<Bn254>, inputs: &[Fr]) -> Self {
        Self {
            proof: proof_to_words(proof),
            inputs: inputs_to_be_bytes(inputs),
        }
    }
}

/// A key, its contract, and the Rust verifier of the same key.
struct Scene {
    evm: Evm,
    contract: Address,
    key: ProvingKey<Bn254>,
    verifier: Verifier,
}

impl Scene {
    fn new(key: ProvingKey<Bn254>) -> Self {
        let code = creation_bytecode(&key.vk, Grade::Dev).unwrap();
        let verifier = Verifier::new(key.vk.clone()).unwrap();
        Self::with_code(key, verifier, &code)
    }

    /// With a contract that need not be the key's.
    fn with_code(key: ProvingKey<Bn254>, verifier: Verifier, code: &[u8]) -> Self {
        let mut evm = Evm::new(CHAIN);
        let contract = evm.deploy(DEPLOYER, code, &[]).unwrap().address;
        Self {
            evm,
            contract,
            key,
            verifier,
        }
    }

    fn input_count(&self) -> usize {
        self.key.vk.gamma_abc_g1.len() - 1
    }

    /// An honest claim.
    fn claim(&self, seed: u64) -> Claim {
        let inputs = random_inputs(self.input_count(), seed);
        Claim::new(&prove(&self.key, &inputs, seed + 1), &inputs)
    }

    fn claims(&self, seeds: std::ops::Range<u64>) -> Vec<Claim> {
        seeds.map(|seed| self.claim(seed)).collect()
    }

    /// The verdict on one claim, if both entries of the contract and the Rust verifier agree on it; gas of the reverting
    /// entry.
    fn verdict(&mut self, claim: &Claim) -> Result<u64, VerifyError> {
        let native = self.verifier.verify_words(&claim.inputs, &claim.proof);
        let expected = native.clone().map_err(|error| match error {
            VerifyError::Words(WordError::InputNotInField { index }) => {
                VerifierError::InputNotInField(V::InputNotInField {
                    index: U256::from(index),
                })
            }
            _ => VerifierError::ProofInvalid(V::ProofInvalid {}),
        });
        let entries = ["verifyProof", "isValidProof"].map(|function| self.single_data(function, claim));
        let gas = self.agreed(&entries, expected);
        native.map(|()| gas)
    }

    /// The verdict on a batch, if both entries of the contract agree on it, and with the Rust verifier on every claim; gas
    /// of the reverting entry.
    fn batch_verdict(&mut self, claims: &[Claim]) -> Result<u64, VerifierError> {
        let native: Vec<_> = claims
            .iter()
            .map(|claim| self.verifier.verify_words(&claim.inputs, &claim.proof))
            .collect();
        let outside = native
            .iter()
            .enumerate()
            .find_map(|(proof, verdict)| match verdict {
                Err(VerifyError::Words(WordError::InputNotInField { index })) => {
                    Some(VerifierError::BatchInputNotInField(V::BatchInputNotInField {
                        proof: U256::from(proof),
                        index: U256::from(*index),
                    }))
                }
                _ => None,
            });
        let expected = match outside {
            Some(error) => Err(error),
            None if claims.is_empty() => Err(VerifierError::BatchEmpty(V::BatchEmpty {})),
            None if native.iter().all(Result::is_ok) => Ok(()),
            None => Err(VerifierError::ProofInvalid(V::ProofInvalid {})),
        };
        let proofs: Vec<_> = claims.iter().map(|claim| claim.proof).collect();
        let inputs: Vec<_> = claims.iter().map(|claim| claim.inputs.clone()).collect();
        let entries =
            ["verifyBatch", "isValidBatch"].map(|function| self.batch_data(function, &proofs, &inputs));
        let gas = self.agreed(&entries, expected.clone());
        expected.map(|()| gas)
    }

    /// Asserts that the reverting entry and the predicate say what is expected; gas of the first.
    fn agreed(&mut self, entries: &[Vec<u8>; 2], expected: Result<(), VerifierError>) -> u64 {
        let [reverting, predicate] = entries
            .each_ref()
            .map(|data| self.evm.view(STRANGER, self.contract, data));
        let predicate = U256::from_be_slice(&predicate.unwrap().output);
        assert_eq!(predicate, U256::from(expected.is_ok()));
        match (reverting, expected) {
            (Ok(execution), Ok(())) => {
                assert!(execution.output.is_empty());
                execution.gas_used
            }
            (
                Err(EvmError::Reverted {
                    reason: Refusal::Verifier(reason),
                    gas_used,
                }),
                Err(expected),
            ) => {
                assert_eq!(reason, expected);
                gas_used
            }
            (contract, expected) => panic!("contract {contract:?}, expected {expected:?}"),
        }
    }

    /// A claim that is refused alone, for the reason given, and at every place of a batch.
    fn refused(&mut self, claim: &Claim, expected: &VerifyError) {
        assert_eq!(self.verdict(claim).as_ref(), Err(expected));
        let honest = self.claims(70..72);
        for place in 0..=honest.len() {
            let mut batch = honest.clone();
            batch.insert(place, claim.clone());
            assert!(self.batch_verdict(&batch).is_err(), "{expected} at {place}");
        }
    }

    fn single_data(&self, function: &str, claim: &Claim) -> Vec<u8> {
        let signature = format!("{function}(uint256[8],uint256[{}])", self.input_count());
        [
            &keccak256(signature)[..4],
            claim.proof.as_flattened(),
            claim.inputs.as_flattened(),
        ]
        .concat()
    }

    /// As many rows of inputs as proofs or not.
    fn batch_data(&self, function: &str, proofs: &[ProofWords], inputs: &[Vec<Word>]) -> Vec<u8> {
        let signature = format!("{function}(uint256[8][],uint256[{}][])", self.input_count());
        let words: Vec<Word> = [
            vec![uint(64), uint(96 + 256 * proofs.len()), uint(proofs.len())],
            proofs.concat(),
        ]
        .concat()
        .into_iter()
        .chain([uint(inputs.len())])
        .chain(inputs.concat())
        .collect();
        [&keccak256(signature)[..4], words.as_flattened()].concat()
    }
}

fn uint(value: usize) -> Word {
    U256::from(value).to_be_bytes()
}

/// How many cases a test runs: its usual number times `POPW_ROUNDS`.
fn cases(usual: usize) -> usize {
    usual * std::env::var("POPW_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap())
}
