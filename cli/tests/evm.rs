//! The settlement contract, run in process against an independent computation of everything it computes, and its gas,
//! pinned in `verifier/contracts/gas.csv`. The verifier contract has its own tests in `verifier/`.
//!
//! The proofs are of a circuit that proves any seven values, so these tests see what the *contract* refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../../verifier/tests/common/mod.rs"]
mod common;
mod gas;

use alloy_primitives::{Address, B256, FixedBytes, U256, address, keccak256};
use alloy_sol_types::{SolCall, SolConstructor, SolEvent};
use ark_bn254::{Bn254, Fr};
use ark_ff::{BigInteger, Field, PrimeField};
use ark_groth16::ProvingKey;
use common::{alias, key, prove, random_inputs};
use gas::pin;
use popw::contracts::{
    Groth16Verifier7 as V, Groth16Verifier7::Groth16Verifier7Errors as VerifierError, Refusal,
    UptimeSettlement as S, UptimeSettlement::UptimeSettlementErrors as SettlementError,
};
use popw::evm::{Evm, EvmError, create_address};
use popw_verifier::{
    ProofWords, Word,
    solidity::{Contract, Grade, calldata, contract_bytecode, creation_bytecode},
    words::{inputs_from_be_bytes, inputs_to_be_bytes, proof_to_words},
};

const CHAIN: u64 = 31337;
const DEPLOYER: Address = address!("00000000000000000000000000000000000d0001");
const STRANGER: Address = address!("00000000000000000000000000000000000a0002");

/// An epoch of `zones` zones, computed here from `docs/protocol.md` with nothing of the product.
#[derive(Clone)]
struct Epoch {
    chain: u64,
    settlement: Address,
    selector: [u8; 4],
    number: u64,
    registry: Fr,
    parameters: Fr,
    randomness: B256,
    devices: u32,
    watchers: u32,
}

/// What the caller of `settle` brings.
#[derive(Clone)]
struct Zone {
    number: u64,
    out_commit: Word,
    rows: Vec<(Address, u32)>,
    digests: Vec<Word>,
}

fn uint(value: u64) -> Word {
    U256::from(value).to_be_bytes()
}

fn word(element: Fr) -> Word {
    inputs_to_be_bytes(&[element])[0]
}

fn reduce(hash: B256) -> Fr {
    Fr::from_be_bytes_mod_order(&hash[..])
}

/// `abi.encode(bytes4)`: left-aligned.
fn left(selector: [u8; 4]) -> Word {
    let mut word = [0; 32];
    word[..4].copy_from_slice(&selector);
    word
}

fn hash_words(words: &[Word]) -> B256 {
    keccak256(words.concat())
}

fn hash_pair(a: B256, b: B256) -> B256 {
    keccak256([a.min(b), a.max(b)].concat())
}

/// Root and the path of leaf `index` in a tree of sorted pairs whose odd nodes move up.
fn tree(leaves: &[B256], mut index: usize) -> (B256, Vec<B256>) {
    let (mut level, mut path) = (leaves.to_vec(), Vec::new());
    while level.len() > 1 {
        path.extend(level.get(index ^ 1));
        index /= 2;
        level = level
            .chunks(2)
            .map(|pair| {
                if let [a, b] = pair {
                    hash_pair(*a, *b)
                } else {
                    pair[0]
                }
            })
            .collect();
    }
    (level[0], path)
}

impl Epoch {
    fn arguments(&self, verifier: Address) -> S::constructorCall {
        S::constructorCall {
            verifier,
            selector: FixedBytes(self.selector),
            epoch: self.number,
            registryRoot: U256::from_be_bytes(word(self.registry)),
            parametersHash: U256::from_be_bytes(word(self.parameters)),
            randomness: self.randomness,
            devices: self.devices,
            watchers: self.watchers,
        }
    }

    fn tag(&self) -> Fr {
        reduce(hash_words(&[
            uint(self.chain),
            self.settlement.into_word().0,
            left(self.selector),
            uint(self.number),
            word(self.registry),
            word(self.parameters),
            self.randomness.0,
        ]))
    }

    fn zone(&self, number: u64) -> Zone {
        let rows = (0..u64::from(self.devices)).map(|i| {
            let score = u32::try_from((i * 77_777 + number) % 1_000_001).unwrap();
            // Every 13th is absent; one has a score of 0.
            if i % 13 == 5 {
                (Address::ZERO, 0)
            } else {
                (payee(number, i), if i == 3 { 0 } else { score })
            }
        });
        let digests = random_inputs(self.watchers as usize, 1000 + number);
        Zone {
            number,
            out_commit: word(random_inputs(1, 2000 + number)[0]),
            rows: rows.collect(),
            digests: inputs_to_be_bytes(&digests),
        }
    }

    fn inputs(&self, zone: &Zone) -> Vec<Word> {
        let mut inputs = vec![
            word(self.tag()),
            word(self.registry),
            word(self.parameters),
            uint(zone.number),
            zone.out_commit,
        ];
        let head = [&[left(self.selector)], &inputs[..], &[keccak256(zone.data()).0]].concat();
        let z = reduce(hash_words(&head));
        let coefficients = zone
            .rows
            .iter()
            .flat_map(|(payee, score)| [Fr::from_be_bytes_mod_order(payee.as_slice()), Fr::from(*score)]);
        let digests = zone
            .digests
            .iter()
            .map(|digest| Fr::from_be_bytes_mod_order(digest));
        let y: Fr = coefficients
            .chain(digests)
            .enumerate()
            .map(|(k, c)| c * z.pow([k as u64]))
            .sum();
        inputs.extend([word(z), word(y)]);
        inputs
    }

    fn claims_root(&self, zone: &Zone) -> B256 {
        let leaf = |(i, (payee, score)): (usize, &(Address, u32))| {
            if payee.is_zero() || *score == 0 {
                return B256::ZERO;
            }
            let index = zone.number * u64::from(self.devices) + i as u64;
            keccak256(hash_words(&[
                uint(self.number),
                uint(index),
                payee.into_word().0,
                uint(u64::from(*score)),
            ]))
        };
        tree(&zone.rows.iter().enumerate().map(leaf).collect::<Vec<_>>(), 0).0
    }
}

fn payee(zone: u64, index: u64) -> Address {
    Address::from_slice(&keccak256([zone.to_be_bytes(), index.to_be_bytes()].concat())[12..])
}

impl Zone {
    fn data(&self) -> Vec<u8> {
        let mut data = Vec::new();
        for (payee, score) in &self.rows {
            data.extend_from_slice(payee.as_slice());
            data.extend_from_slice(&score.to_be_bytes());
        }
        data.extend(self.digests.concat());
        data
    }

    fn attestation_leaf(&self) -> B256 {
        keccak256(hash_words(&[
            uint(self.number),
            keccak256(self.digests.concat()).0,
        ]))
    }
}

/// An epoch on a chain, with a verifier and the attestation root of three zones (so that a node moves up unpaired).
struct Scene {
    evm: Evm,
    key: ProvingKey<Bn254>,
    epoch: Epoch,
    zones: Vec<Zone>,
}

const FIRST_ZONE: u64 = 40;

impl Scene {
    fn deployed(devices: u32, watchers: u32) -> Self {
        let mut evm = Evm::new(CHAIN);
        let key = key(7, 1);
        let verifier = evm
            .deploy(DEPLOYER, &creation_bytecode(&key.vk, Grade::Dev).unwrap(), &[])
            .unwrap()
            .address;
        let [registry, parameters] = random_inputs(2, 9)[..] else {
            panic!()
        };
        let mut epoch = Epoch {
            chain: CHAIN,
            settlement: Address::ZERO,
            selector: [0xaa, 0xbb, 0xcc, 0xdd],
            number: 20_000,
            registry,
            parameters,
            randomness: keccak256("beacon"),
            devices,
            watchers,
        };
        epoch.settlement = deploy(&mut evm, verifier, &epoch).unwrap();
        let zones = (FIRST_ZONE..FIRST_ZONE + 3)
            .map(|number| epoch.zone(number))
            .collect();
        Self {
            evm,
            key,
            epoch,
            zones,
        }
    }

    fn new(devices: u32, watchers: u32) -> Self {
        let mut scene = Self::deployed(devices, watchers);
        scene.post(DEPLOYER, scene.attestations(0).0).unwrap();
        scene
    }

    fn attestations(&self, index: usize) -> (B256, Vec<B256>) {
        tree(
            &self.zones.iter().map(Zone::attestation_leaf).collect::<Vec<_>>(),
            index,
        )
    }

    fn post(&mut self, from: Address, root: B256) -> Result<u64, EvmError> {
        let call = S::postAttestationsCall { root }.abi_encode();
        self.evm
            .call(from, self.epoch.settlement, &call)
            .map(|execution| execution.gas_used)
    }

    /// A proof that the circuit would give for this zone in this epoch.
    fn proof(&self, zone: &Zone) -> ProofWords {
        let inputs = inputs_from_be_bytes(&self.epoch.inputs(zone)).unwrap();
        proof_to_words(&prove(&self.key, &inputs, 7))
    }

    fn settle_call(&self, index: usize, zone: &Zone, proof: &ProofWords) -> S::settleCall {
        S::settleCall {
            zone: zone.number,
            outCommit: U256::from_be_bytes(zone.out_commit),
            data: zone.data().into(),
            path: self.attestations(index).1,
            proof: proof.map(U256::from_be_bytes),
        }
    }

    fn send(&mut self, call: &S::settleCall) -> Result<popw::evm::Execution, EvmError> {
        self.evm.call(STRANGER, self.epoch.settlement, &call.abi_encode())
    }

    /// What the contract answers if zone 0 is settled with a proof of its data, after a change of the call.
    fn changed(&mut self, change: impl FnOnce(&mut S::settleCall)) -> Refusal {
        let zone = self.zones[0].clone();
        let mut call = self.settle_call(0, &zone, &self.proof(&zone));
        change(&mut call);
        refusal(self.send(&call))
    }
}

fn deploy(evm: &mut Evm, verifier: Address, epoch: &Epoch) -> Result<Address, EvmError> {
    let predicted = create_address(DEPLOYER, evm.nonce(DEPLOYER));
    let deployment = evm.deploy(
        DEPLOYER,
        &contract_bytecode(Contract::UptimeSettlement).unwrap(),
        &epoch.arguments(verifier).abi_encode(),
    )?;
    assert_eq!(deployment.address, predicted);
    Ok(deployment.address)
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, EvmError>) -> Refusal {
    match outcome {
        Err(EvmError::Reverted { reason, .. }) => reason,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn proof_invalid() -> Refusal {
    Refusal::Verifier(VerifierError::ProofInvalid(V::ProofInvalid {}))
}

#[test]
fn zones_settle_once_and_their_claims_are_those_of_the_protocol() {
    for (devices, watchers) in [(1, 1), (16, 3), (256, 8)] {
        let mut scene = Scene::new(devices, watchers);
        let settlement = scene.epoch.settlement;
        let tag = scene
            .evm
            .view(STRANGER, settlement, &S::epochTagCall {}.abi_encode())
            .unwrap()
            .output;
        assert_eq!(tag[..], word(scene.epoch.tag()));
        for index in [2, 0, 1] {
            let zone = scene.zones[index].clone();
            let call = scene.settle_call(index, &zone, &scene.proof(&zone));
            let execution = scene.send(&call).unwrap();

            let total: u64 = zone.rows.iter().map(|(_, score)| u64::from(*score)).sum();
            let expected = S::ZoneSettled {
                zone: zone.number,
                claimsRoot: scene.epoch.claims_root(&zone),
                totalScore: total,
            };
            assert_eq!(execution.logs.len(), 1);
            assert_eq!(
                S::ZoneSettled::decode_log(&execution.logs[0]).unwrap().data,
                expected
            );
            let get = S::zonesCall { zone: zone.number };
            let stored = scene
                .evm
                .view(STRANGER, settlement, &get.abi_encode())
                .unwrap()
                .output;
            let stored = S::zonesCall::abi_decode_returns(&stored).unwrap();
            assert_eq!(
                (stored.claimsRoot, stored.totalScore, stored.settled),
                (expected.claimsRoot, total, true)
            );

            // Not again: neither the same proof nor another one.
            let again = SettlementError::ZoneAlreadySettled(S::ZoneAlreadySettled { zone: zone.number });
            assert_eq!(refusal(scene.send(&call)), Refusal::Settlement(again.clone()));
            let inputs = inputs_from_be_bytes(&scene.epoch.inputs(&zone)).unwrap();
            let other = proof_to_words(&prove(&scene.key, &inputs, 8));
            assert_ne!(other.map(U256::from_be_bytes), call.proof);
            let call = scene.settle_call(index, &zone, &other);
            assert_eq!(refusal(scene.send(&call)), Refusal::Settlement(again));
        }
    }
}

/// The claim tree of one absent device has the root 0; it is settled all the same.
#[test]
fn a_zone_without_claims_settles_once() {
    let mut scene = Scene::deployed(1, 1);
    scene.zones[0].rows[0] = (Address::ZERO, 0);
    scene.post(DEPLOYER, scene.attestations(0).0).unwrap();
    let zone = scene.zones[0].clone();
    let call = scene.settle_call(0, &zone, &scene.proof(&zone));
    let event = S::ZoneSettled::decode_log(&scene.send(&call).unwrap().logs[0])
        .unwrap()
        .data;
    assert_eq!((event.claimsRoot, event.totalScore), (B256::ZERO, 0));
    assert!(matches!(
        refusal(scene.send(&call)),
        Refusal::Settlement(SettlementError::ZoneAlreadySettled(_))
    ));
}

#[test]
fn data_of_another_length_is_refused() {
    let mut scene = Scene::new(16, 3);
    let length = 24 * 16 + 32 * 3;
    let error = |got: usize| {
        let (expected, got) = (U256::from(length), U256::from(got));
        Refusal::Settlement(SettlementError::DataLength(S::DataLength { expected, got }))
    };
    let data = scene.zones[0].data();
    assert_eq!(data.len(), length);
    let dropped = [&data[..24], &data[48..]].concat();
    assert_eq!(
        scene.changed(|call| call.data = dropped.into()),
        error(length - 24)
    );
    assert_eq!(
        scene.changed(|call| call.data = data[..length - 1].to_vec().into()),
        error(length - 1)
    );
    assert_eq!(
        scene.changed(|call| call.data = [&data[..], &[0]].concat().into()),
        error(length + 1)
    );
    assert_eq!(scene.changed(|call| call.data = Vec::new().into()), error(0));
}

#[test]
fn data_other_than_what_was_proven_is_refused() {
    let mut scene = Scene::new(16, 3);
    let data = scene.zones[0].data();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut data = data.clone();
        change(&mut data);
        assert_ne!(data, scene.zones[0].data());
        data
    };
    let changes = [
        ("score", with(&|data| data[24 * 2 + 23] ^= 1)),
        ("payee", with(&|data| data[24 * 2 + 19] ^= 1)),
        (
            "a score given to a device without one",
            with(&|data| data[24 * 3 + 23] = 1),
        ),
        ("device left out", with(&|data| data[24..48].fill(0))),
        (
            "two devices swapped",
            with(&|data| {
                let (first, second) = data[..48].split_at_mut(24);
                first.swap_with_slice(second);
            }),
        ),
        (
            "value moved from a payee to its score",
            with(&|data| {
                data[19] ^= 1;
                data[23] ^= 1;
            }),
        ),
    ];
    for (what, data) in changes {
        assert_eq!(
            scene.changed(|call| call.data = data.into()),
            proof_invalid(),
            "{what}"
        );
    }
    assert_eq!(
        scene.changed(|call| call.outCommit ^= U256::from(1)),
        proof_invalid()
    );
    assert_eq!(
        scene.changed(|call| call.proof.swap(0, 6)),
        Refusal::Verifier(VerifierError::ProofInvalid(V::ProofInvalid {}))
    );
}

#[test]
fn digests_that_were_not_attested_are_refused() {
    let mut scene = Scene::new(16, 3);
    let not_attested = |zone| Refusal::Settlement(SettlementError::NotAttested(S::NotAttested { zone }));
    let here = scene.zones[0].number;

    // Even with a proof of the other digests.
    let mut zone = scene.zones[0].clone();
    zone.digests[1] = word(Fr::from(5_u64));
    let call = S::settleCall {
        path: scene.attestations(0).1,
        ..scene.settle_call(0, &zone, &scene.proof(&zone))
    };
    assert_eq!(refusal(scene.send(&call)), not_attested(here));

    let mut digests_swapped = scene.zones[0].clone();
    digests_swapped.digests.swap(0, 1);
    assert_eq!(
        scene.changed(|call| call.data = digests_swapped.data().into()),
        not_attested(here)
    );

    assert_eq!(
        scene.changed(|call| call.path[0] = B256::ZERO),
        not_attested(here)
    );
    assert_eq!(scene.changed(|call| call.path.truncate(1)), not_attested(here));
    assert_eq!(scene.changed(|call| call.path.clear()), not_attested(here));
    assert_eq!(
        scene.changed(|call| call.path.push(B256::ZERO)),
        not_attested(here)
    );
    let other_path = scene.attestations(2).1;
    assert_eq!(scene.changed(|call| call.path = other_path), not_attested(here));
    assert_eq!(scene.changed(|call| call.zone += 1), not_attested(here + 1));
}

#[test]
fn a_proof_of_one_zone_does_not_settle_another() {
    let mut scene = Scene::deployed(16, 3);
    // The same data, attested for both zones: only the zone's number differs.
    scene.zones[1] = Zone {
        number: scene.zones[1].number,
        ..scene.zones[0].clone()
    };
    scene.post(DEPLOYER, scene.attestations(0).0).unwrap();
    let proof = scene.proof(&scene.zones[0]);
    let call = scene.settle_call(1, &scene.zones[1].clone(), &proof);
    assert_eq!(refusal(scene.send(&call)), proof_invalid());
    let call = scene.settle_call(0, &scene.zones[0].clone(), &proof);
    scene.send(&call).unwrap();
}

#[test]
fn values_outside_the_field_are_refused() {
    let mut scene = Scene::new(16, 3);
    let out_commit = U256::from_be_bytes(alias::<Fr>(&scene.zones[0].out_commit, 1).unwrap());
    let error = S::OutCommitNotInField {
        outCommit: out_commit,
    };
    assert_eq!(
        scene.changed(|call| call.outCommit = out_commit),
        Refusal::Settlement(SettlementError::OutCommitNotInField(error))
    );
    // An attested digest that is not a field element: even then.
    for seat in 0..3 {
        let mut scene = Scene::deployed(16, 3);
        let digest = &mut scene.zones[0].digests[seat];
        *digest = alias::<Fr>(digest, 1).unwrap();
        scene.post(DEPLOYER, scene.attestations(0).0).unwrap();
        let error = S::DigestNotInField {
            seat: U256::from(seat),
        };
        assert_eq!(
            scene.changed(|_| ()),
            Refusal::Settlement(SettlementError::DigestNotInField(error))
        );
    }
}

#[test]
fn scores_above_a_million_are_refused_even_if_proven() {
    for (score, fits) in [(1_000_000, true), (1_000_001, false), (u32::MAX, false)] {
        let mut scene = Scene::deployed(16, 3);
        scene.zones[0].rows[7].1 = score;
        scene.post(DEPLOYER, scene.attestations(0).0).unwrap();
        let zone = scene.zones[0].clone();
        let call = scene.settle_call(0, &zone, &scene.proof(&zone));
        let outcome = scene.send(&call);
        if fits {
            outcome.unwrap();
        } else {
            let error = SettlementError::ScoreTooLarge(S::ScoreTooLarge {});
            assert_eq!(refusal(outcome), Refusal::Settlement(error));
        }
    }
}

#[test]
fn zones_whose_indices_do_not_fit_are_refused() {
    let mut scene = Scene::new(16, 3);
    for zone in [u64::MAX, u64::MAX / 16] {
        let error = Refusal::Settlement(SettlementError::ZoneOutOfRange(S::ZoneOutOfRange { zone }));
        assert_eq!(scene.changed(|call| call.zone = zone), error);
    }
    let zone = u64::MAX / 16 - 1;
    let error = Refusal::Settlement(SettlementError::NotAttested(S::NotAttested { zone }));
    assert_eq!(scene.changed(|call| call.zone = zone), error);
}

#[test]
fn a_proof_of_another_chain_contract_selector_epoch_or_rule_is_refused() {
    let scene = Scene::new(16, 3);
    let zone = scene.zones[0].clone();
    let here = scene.epoch.clone();
    let others = [
        (
            "chain",
            Epoch {
                chain: 1,
                ..here.clone()
            },
        ),
        (
            "contract",
            Epoch {
                settlement: STRANGER,
                ..here.clone()
            },
        ),
        (
            "selector",
            Epoch {
                selector: [1, 2, 3, 4],
                ..here.clone()
            },
        ),
        (
            "epoch",
            Epoch {
                number: here.number + 1,
                ..here.clone()
            },
        ),
        (
            "registry",
            Epoch {
                registry: Fr::from(1_u64),
                ..here.clone()
            },
        ),
        (
            "rule",
            Epoch {
                parameters: Fr::from(1_u64),
                ..here.clone()
            },
        ),
        (
            "randomness",
            Epoch {
                randomness: keccak256("another"),
                ..here.clone()
            },
        ),
    ];
    for (what, epoch) in others {
        let there = Scene {
            evm: Evm::new(CHAIN),
            key: scene.key.clone(),
            epoch,
            zones: scene.zones.clone(),
        };
        let proof = there.proof(&zone);
        let mut here = Scene::new(16, 3);
        let call = here.settle_call(0, &zone, &proof);
        assert_eq!(refusal(here.send(&call)), proof_invalid(), "{what}");
    }
}

/// The other way round: a proof for the contract of this chain, sent where chain, address or selector differ.
#[test]
fn a_proof_is_not_taken_elsewhere() {
    let mut scene = Scene::new(16, 3);
    let zone = scene.zones[0].clone();
    let call = scene.settle_call(0, &zone, &scene.proof(&zone));
    let root = scene.attestations(0).0;
    let verifier = create_address(DEPLOYER, 0);

    // A second settlement, same arguments, on the same chain; and one with another selector.
    for selector in [scene.epoch.selector, [1, 2, 3, 4]] {
        let twin = Epoch {
            selector,
            ..scene.epoch.clone()
        };
        let home = scene.epoch.settlement;
        scene.epoch.settlement = deploy(&mut scene.evm, verifier, &twin).unwrap();
        scene.post(DEPLOYER, root).unwrap();
        assert_eq!(refusal(scene.send(&call)), proof_invalid());
        scene.epoch.settlement = home;
    }

    // The same deployments, hence the same addresses, on another chain.
    let mut evm = Evm::new(1);
    assert_eq!(
        evm.deploy(
            DEPLOYER,
            &creation_bytecode(&scene.key.vk, Grade::Dev).unwrap(),
            &[]
        )
        .unwrap()
        .address,
        verifier
    );
    assert_eq!(
        deploy(&mut evm, verifier, &scene.epoch).unwrap(),
        scene.epoch.settlement
    );
    let mut elsewhere = Scene {
        evm,
        key: scene.key.clone(),
        epoch: scene.epoch.clone(),
        zones: scene.zones.clone(),
    };
    elsewhere.post(DEPLOYER, root).unwrap();
    assert_eq!(refusal(elsewhere.send(&call)), proof_invalid());

    scene.send(&call).unwrap();
}

#[test]
fn the_attestation_root_is_posted_once_by_the_poster_and_first() {
    let mut scene = Scene::deployed(16, 3);
    let root = scene.attestations(0).0;
    let missing = Refusal::Settlement(SettlementError::AttestationsMissing(S::AttestationsMissing {}));
    assert_eq!(scene.changed(|_| ()), missing);
    assert_eq!(refusal(scene.post(DEPLOYER, B256::ZERO)), missing);
    let not_poster = SettlementError::NotPoster(S::NotPoster { caller: STRANGER });
    assert_eq!(
        refusal(scene.post(STRANGER, root)),
        Refusal::Settlement(not_poster)
    );
    scene.post(DEPLOYER, root).unwrap();
    let already = SettlementError::AttestationsAlreadyPosted(S::AttestationsAlreadyPosted { root });
    assert_eq!(
        refusal(scene.post(DEPLOYER, keccak256("other"))),
        Refusal::Settlement(already)
    );
    let zone = scene.zones[0].clone();
    let call = scene.settle_call(0, &zone, &scene.proof(&zone));
    scene.send(&call).unwrap();
}

#[test]
fn the_constructor_refuses_what_could_never_settle() {
    let mut scene = Scene::deployed(16, 3);
    let verifier = create_address(DEPLOYER, 0);
    let good = scene.epoch.clone();
    let evm = &mut scene.evm;
    let settlement = Refusal::Settlement;
    assert_eq!(
        refusal(deploy(evm, STRANGER, &good)),
        settlement(SettlementError::VerifierWithoutCode(S::VerifierWithoutCode {
            verifier: STRANGER
        }))
    );
    for devices in [0, 2, 15, 65_536] {
        let error = SettlementError::UnknownZoneSize(S::UnknownZoneSize { devices });
        assert_eq!(
            refusal(deploy(
                evm,
                verifier,
                &Epoch {
                    devices,
                    ..good.clone()
                }
            )),
            settlement(error)
        );
    }
    for watchers in [0, 11] {
        let error = SettlementError::WatchersOutOfRange(S::WatchersOutOfRange { watchers });
        assert_eq!(
            refusal(deploy(
                evm,
                verifier,
                &Epoch {
                    watchers,
                    ..good.clone()
                }
            )),
            settlement(error)
        );
    }
    let value = U256::from_be_slice(&Fr::MODULUS.to_bytes_be());
    let error = SettlementError::ParameterNotInField(S::ParameterNotInField { value });
    let arguments = good.arguments(verifier);
    for arguments in [
        S::constructorCall {
            registryRoot: value,
            ..arguments.clone()
        },
        S::constructorCall {
            parametersHash: value,
            ..arguments
        },
    ] {
        let outcome = evm.deploy(
            DEPLOYER,
            &contract_bytecode(Contract::UptimeSettlement).unwrap(),
            &arguments.abi_encode(),
        );
        assert_eq!(refusal(outcome), settlement(error.clone()));
    }
    deploy(evm, verifier, &good).unwrap();
}

/// A zone in which nobody is absent. Of a device's gas 372 is calldata; the rest is its part of the fingerprint, its claim
/// leaf and its node of the claim tree.
#[test]
fn settling_costs_no_more_than_it_should() {
    let mut gas_of = Vec::new();
    for devices in [16, 256, 4096] {
        let mut scene = Scene::deployed(devices, 8);
        for (i, row) in (0..).zip(&mut scene.zones[0].rows) {
            *row = (payee(0, i), 999_999 - u32::try_from(i).unwrap());
        }
        let posted = scene.post(DEPLOYER, scene.attestations(0).0).unwrap();
        let zone = scene.zones[0].clone();
        let proof = scene.proof(&zone);
        let call = scene.settle_call(0, &zone, &proof);
        let gas = scene.send(&call).unwrap().gas_used;
        pin("settle", devices as usize, gas);
        gas_of.push(gas);
        if devices == 256 {
            pin("post_attestations", 1, posted);
            // Beyond the proof: more than a transaction that verifies the same inputs.
            let inputs = inputs_from_be_bytes(&scene.epoch.inputs(&zone)).unwrap();
            let verifier = create_address(DEPLOYER, 0);
            let data = calldata(&prove(&scene.key, &inputs, 7), &inputs);
            let alone = scene.evm.view(STRANGER, verifier, &data).unwrap().gas_used;
            pin("settle_per_device_beyond_the_proof", 256, (gas - alone) / 256);
        }
    }
    let each = (gas_of[1] - gas_of[0]) / 240;
    pin("settle_per_further_device", 256, each);
    assert!(each <= 900, "{each} gas for each further device");
}

#[test]
fn deploying_a_settlement_costs_what_it_did() {
    let mut evm = Evm::new(CHAIN);
    let vk = key(7, 1).vk;
    let verifier = evm
        .deploy(DEPLOYER, &creation_bytecode(&vk, Grade::Dev).unwrap(), &[])
        .unwrap()
        .address;
    let arguments = Scene::deployed(16, 3).epoch.arguments(verifier);
    let deployed = evm
        .deploy(
            DEPLOYER,
            &contract_bytecode(Contract::UptimeSettlement).unwrap(),
            &arguments.abi_encode(),
        )
        .unwrap();
    pin("deploy_settlement", 1, deployed.gas_used);
}
