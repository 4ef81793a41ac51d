//! The contracts of a network, run in process from plan to paid reward, against an independent computation of everything that
//! they compute; and their gas, pinned in `verifier/contracts/gas.csv`. What each function refuses is tested by forge
//! (`verifier/contracts/test/`), the verifier in `cli/tests/verifier/`.
//!
//! The proofs are of a circuit that proves any seven values, so these tests see what the *contract* refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../../verifier/tests/common/mod.rs"]
mod common;
mod gas;

use alloy_primitives::{Address, B256, U256, address, keccak256};
use alloy_sol_types::{SolCall, SolConstructor, SolEvent};
use ark_bn254::{Bn254, Fr};
use ark_ff::{Field, PrimeField};
use ark_groth16::ProvingKey;
use common::{alias, key, prove, random_inputs};
use gas::pin;
use popw::beacon::{Network, TestKey};
use popw::contracts::{
    DrandBeacon, EmergencyStop, Groth16Verifier7 as V,
    Groth16Verifier7::Groth16Verifier7Errors as VerifierError, Refusal, Rewards as S,
    Rewards::RewardsErrors as E, TestToken, VerifierRouter,
};
use popw::evm::{Evm, EvmError, Execution};
use popw_verifier::{
    ProofWords, Word,
    solidity::{Contract, Grade, calldata, contract_bytecode, creation_bytecode, selector},
    words::{inputs_from_be_bytes, inputs_to_be_bytes, proof_to_words},
};

const CHAIN: u64 = 31337;
const DEPLOYER: Address = address!("00000000000000000000000000000000000d0001");
const STRANGER: Address = address!("00000000000000000000000000000000000a0002");
const GUARDIAN: Address = address!("00000000000000000000000000000000000b0003");
const TIMELOCK: Address = address!("00000000000000000000000000000000000c0004");
/// The most that a claim may cost in an epoch with claims, for a payee with tokens.
const CLAIM_GAS_MAX: u64 = 66_000;
const BUDGET: u64 = 3_000_000_000;
const EPOCH: u64 = 20_000;
const EPOCH_SECONDS: u64 = 86_400;
const PHASE: u64 = 600;
/// What distinguishes a claim root from what stands for a zone before it is settled.
const SETTLED: B256 = B256::new([
    0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]);
/// The two statements that the one key of these tests stands for.
const UPTIME_CIRCUIT: [u8; 32] = [1; 32];
const VOTE_CIRCUIT: [u8; 32] = [2; 32];

/// An epoch, computed here from `docs/protocol.md` with nothing of the product.
#[derive(Clone, Debug)]
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

/// Root and the path of leaf `index` in a tree of sorted pairs over a power of two of leaves.
fn tree(leaves: &[B256], mut index: usize) -> (B256, Vec<B256>) {
    let (mut level, mut path) = (leaves.to_vec(), Vec::new());
    while level.len() > 1 {
        path.push(level[index ^ 1]);
        index /= 2;
        level = level.chunks(2).map(|pair| hash_pair(pair[0], pair[1])).collect();
    }
    (level[0], path)
}

impl Epoch {
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

    /// The seven inputs of a statement whose data is a polynomial's coefficients, written as `data`.
    fn statement(
        &self,
        selector: [u8; 4],
        zone: u64,
        out_commit: Word,
        data: &[u8],
        coefficients: &[Fr],
    ) -> Vec<Word> {
        let mut inputs = vec![
            word(self.tag()),
            word(self.registry),
            word(self.parameters),
            uint(zone),
            out_commit,
        ];
        let head = [&[left(selector)], &inputs[..], &[keccak256(data).0]].concat();
        let z = reduce(hash_words(&head));
        let powers = (0u64..).map(|power| z.pow([power]));
        let y: Fr = coefficients
            .iter()
            .zip(powers)
            .map(|(coefficient, power)| *coefficient * power)
            .sum();
        inputs.extend([word(z), word(y)]);
        inputs
    }

    fn inputs(&self, zone: &Zone) -> Vec<Word> {
        let rows = zone
            .rows
            .iter()
            .flat_map(|(payee, score)| [Fr::from_be_bytes_mod_order(payee.as_slice()), Fr::from(*score)]);
        let digests = zone
            .digests
            .iter()
            .map(|digest| Fr::from_be_bytes_mod_order(digest));
        let coefficients: Vec<Fr> = rows.chain(digests).collect();
        self.statement(
            self.selector,
            zone.number,
            zone.out_commit,
            &zone.data(),
            &coefficients,
        )
    }

    /// The claim leaves of a zone.
    fn claim_leaves(&self, zone: &Zone) -> Vec<B256> {
        let first = zone.number * u64::from(self.devices);
        let data = zone.data();
        let rows = &data[..24 * zone.rows.len()];
        (first..)
            .step_by(8)
            .zip(rows.chunks(24 * 8))
            .map(|(first, rows)| {
                let label = [self.number.to_be_bytes(), first.to_be_bytes()].concat();
                keccak256([&label, rows].concat())
            })
            .collect()
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

    fn scores(&self) -> u64 {
        self.rows.iter().map(|(_, score)| u64::from(*score)).sum()
    }
}

/// A network on a chain, and an epoch of three zones in it.
struct Scene {
    evm: Evm,
    key: ProvingKey<Bn254>,
    epoch: Epoch,
    zones: Vec<Zone>,
    verifier: Address,
    stop: Address,
    router: Address,
    token: Address,
    vote_selector: [u8; 4],
}

/// The beacon's key; a round comes with the first second of every epoch.
fn beacon() -> (TestKey, Network) {
    let key = TestKey::from_seed(b"settlement");
    let network = key.network(EPOCH_SECONDS, 30);
    (key, network)
}

impl Scene {
    /// All contracts, a day before the epoch.
    fn deployed(chain: u64, devices: u32, watchers: u32) -> Self {
        let mut evm = Evm::new(chain);
        evm.set_time((EPOCH - 1) * EPOCH_SECONDS);
        let key = key(7, 1);
        let mut put = |code: &[u8], arguments: &[u8]| evm.deploy(DEPLOYER, code, arguments).unwrap().address;
        let code = |contract| contract_bytecode(contract).unwrap();
        // On another chain than the tests' own a dev key's verifier would be refused.
        let grade = if chain == CHAIN {
            Grade::Dev
        } else {
            Grade::Ceremony
        };
        let verifier = put(&creation_bytecode(&key.vk, grade).unwrap(), &[]);
        let guarded = EmergencyStop::constructorCall {
            verifier,
            guardian: GUARDIAN,
        };
        let stop = put(&code(Contract::EmergencyStop), &guarded.abi_encode());
        let known = VerifierRouter::constructorCall {
            timelock: TIMELOCK,
            guardian: GUARDIAN,
            verifiers: vec![stop, stop],
            circuitIds: vec![UPTIME_CIRCUIT.into(), VOTE_CIRCUIT.into()],
        };
        let router = put(&code(Contract::VerifierRouter), &known.abi_encode());
        let (_, network) = beacon();
        let drand = DrandBeacon::constructorCall {
            publicKey: network.encoded_key().to_vec().into(),
            genesis: network.genesis,
            period: network.period,
        };
        let beacon = put(&code(Contract::DrandBeacon), &drand.abi_encode());
        // The test token is for the test chain only; elsewhere a contract does that answers 1 to everything, as nothing is paid.
        let token = match chain {
            CHAIN => put(&code(Contract::TestToken), &[]),
            _ => put(&hex::decode("6760015f5260205ff35f5260086018f3").unwrap(), &[]),
        };
        let [registry, parameters] = random_inputs(2, 9)[..] else {
            panic!()
        };
        let epoch = Epoch {
            chain,
            settlement: Address::ZERO,
            selector: selector(&key.vk, &UPTIME_CIRCUIT),
            number: EPOCH,
            registry,
            parameters,
            randomness: B256::ZERO,
            devices,
            watchers,
        };
        let mut scene = Self {
            zones: (0..3).map(|number| epoch.zone(number)).collect(),
            vote_selector: selector(&key.vk, &VOTE_CIRCUIT),
            evm,
            key,
            epoch,
            verifier,
            stop,
            router,
            token,
        };
        scene.epoch.settlement = scene.deploy_rewards(beacon);
        scene
    }

    fn deploy_rewards(&mut self, beacon: Address) -> Address {
        let phase = u32::try_from(PHASE).unwrap();
        let arguments = S::constructorCall {
            setup: S::Setup {
                router: self.router,
                beacon,
                demandBond: U256::from(1u64),
                epochSeconds: EPOCH_SECONDS.try_into().unwrap(),
                attestSeconds: phase,
                replaceSeconds: phase,
                demandSeconds: phase,
                answerSeconds: phase,
                settleSeconds: phase,
            },
            terms: S::Terms {
                token: self.token,
                claimSeconds: phase,
                windowSeconds: phase,
                epochMax: U256::from(BUDGET).to(),
                deviceMax: U256::from(BUDGET).to(),
                windowMax: U256::from(4 * BUDGET).to(),
            },
            roles: S::Roles {
                operator: DEPLOYER,
                guardian: GUARDIAN,
                timelock: TIMELOCK,
            },
        };
        let code = contract_bytecode(Contract::Rewards).unwrap();
        let deployment = self.evm.deploy(DEPLOYER, &code, &arguments.abi_encode()).unwrap();
        pin("deploy_rewards", 1, deployment.gas_used);
        deployment.address
    }

    /// The epoch is open and drawn.
    fn drawn(devices: u32, watchers: u32) -> Self {
        let mut scene = Self::deployed(CHAIN, devices, watchers);
        scene.open_and_draw();
        scene
    }

    fn open_and_draw(&mut self) {
        let budget = U256::from(BUDGET);
        let rewards = self.epoch.settlement;
        if self.epoch.chain == CHAIN {
            let (to, amount) = (DEPLOYER, budget);
            self.to(self.token, DEPLOYER, &TestToken::mintCall { to, amount })
                .unwrap();
            let approve = TestToken::approveCall {
                spender: rewards,
                amount,
            };
            self.to(self.token, DEPLOYER, &approve).unwrap();
        }
        self.evm.set_time((EPOCH - 1) * EPOCH_SECONDS);
        let plan = S::Plan {
            uptimeSelector: self.epoch.selector.into(),
            voteSelector: self.vote_selector.into(),
            devices: self.epoch.devices.try_into().unwrap(),
            watchers: self.epoch.watchers.try_into().unwrap(),
            zones: 3,
            registryRoot: U256::from_be_bytes(word(self.epoch.registry)),
            parametersHash: U256::from_be_bytes(word(self.epoch.parameters)),
            budget: match self.epoch.chain {
                CHAIN => budget.to(),
                _ => U256::ZERO.to(),
            },
        };
        self.send(&S::openCall { epoch: EPOCH, plan }).unwrap();
        let (key, network) = beacon();
        self.evm.set_time(EPOCH * EPOCH_SECONDS);
        let round = network.round_at(EPOCH * EPOCH_SECONDS);
        let signature = key.sign(round).unwrap();
        self.epoch.randomness = network.randomness(round, &signature).unwrap().into();
        self.send(&S::drawCall {
            epoch: EPOCH,
            signature: signature.encoded().to_vec().into(),
        })
        .unwrap();
    }

    /// Drawn, attested, and in the phase of settlement.
    fn new(devices: u32, watchers: u32) -> Self {
        let mut scene = Self::drawn(devices, watchers);
        scene.attest();
        scene.go_to(4);
        scene
    }

    /// The first second of a phase after the epoch: 0 attest, 1 replace, 2 demand, 3 answer, 4 settle, 5 what follows.
    fn go_to(&mut self, phase: u64) {
        self.evm.set_time((EPOCH + 1) * EPOCH_SECONDS + phase * PHASE + 1);
    }

    fn attest(&mut self) -> u64 {
        self.go_to(0);
        let digests: Vec<u8> = self.zones.iter().flat_map(|zone| zone.digests.concat()).collect();
        self.send(&S::attestCall {
            epoch: EPOCH,
            firstZone: 0,
            digests: digests.into(),
            bitmapsHash: keccak256("bitmaps"),
        })
        .unwrap()
        .gas_used
    }

    fn to(&mut self, to: Address, from: Address, call: &impl SolCall) -> Result<Execution, EvmError> {
        self.evm.call(from, to, &call.abi_encode())
    }

    /// To the epochs, by the operator.
    fn send(&mut self, call: &impl SolCall) -> Result<Execution, EvmError> {
        self.to(self.epoch.settlement, DEPLOYER, call)
    }

    /// To the epochs, by anyone.
    fn tell(&mut self, call: &impl SolCall) -> Result<Execution, EvmError> {
        self.to(self.epoch.settlement, STRANGER, call)
    }

    fn ask<C: SolCall>(&mut self, call: &C) -> C::Return {
        let output = self
            .evm
            .view(STRANGER, self.epoch.settlement, &call.abi_encode())
            .unwrap()
            .output;
        C::abi_decode_returns(&output).unwrap()
    }

    fn balance(&mut self, account: Address) -> U256 {
        let call = TestToken::balanceOfCall { account };
        let output = self
            .evm
            .view(STRANGER, self.token, &call.abi_encode())
            .unwrap()
            .output;
        TestToken::balanceOfCall::abi_decode_returns(&output).unwrap()
    }

    /// A proof of any seven values.
    fn prove(&self, inputs: &[Word], seed: u64) -> [U256; 8] {
        let inputs = inputs_from_be_bytes(inputs).unwrap();
        let words: ProofWords = proof_to_words(&prove(&self.key, &inputs, seed));
        words.map(U256::from_be_bytes)
    }

    /// The call that settles a zone, with a proof that the circuit would give for it in this epoch.
    fn settle_call(&self, zone: &Zone) -> S::settleCall {
        S::settleCall {
            epoch: EPOCH,
            zone: zone.number,
            outCommit: U256::from_be_bytes(zone.out_commit),
            data: zone.data().into(),
            proof: self.prove(&self.epoch.inputs(zone), 7),
        }
    }

    /// What the contract answers if zone 0 is settled with a proof of its data, after a change of the call.
    fn changed(&mut self, change: impl FnOnce(&mut S::settleCall)) -> Refusal {
        let mut call = self.settle_call(&self.zones[0].clone());
        change(&mut call);
        refusal(self.tell(&call))
    }

    /// A vote for a zone's seat with a proof that its watcher signed it.
    fn vote(&self, zone: u64, seat: u64, digest: Word) -> (Word, Vec<u8>, [U256; 8]) {
        let mut words = vec![uint(seat), digest];
        words.extend(inputs_to_be_bytes(&random_inputs(20, 77)));
        let coefficients: Vec<Fr> = words
            .iter()
            .map(|word| Fr::from_be_bytes_mod_order(word))
            .collect();
        let out_commit = word(random_inputs(1, 78)[0]);
        let data = words.concat();
        let inputs = self
            .epoch
            .statement(self.vote_selector, zone, out_commit, &data, &coefficients);
        (out_commit, data, self.prove(&inputs, 9))
    }
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

fn not_standing(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Rewards(E::NotStanding(_)))
}

#[test]
fn an_epoch_from_plan_to_paid_rewards() {
    for (devices, watchers) in [(1, 1), (16, 3), (256, 8)] {
        let mut scene = Scene::new(devices, watchers);
        let stored = scene.ask(&S::epochsCall { epoch: EPOCH });
        assert_eq!(stored.epochTag, U256::from_be_bytes(word(scene.epoch.tag())));
        let zones = scene.zones.clone();
        // The last zone alone, the others in a batch.
        let call = scene.settle_call(&zones[2]);
        let mut logs = scene.tell(&call).unwrap().logs;
        let settlements = zones[..2]
            .iter()
            .map(|zone| {
                let S::settleCall {
                    zone,
                    outCommit,
                    data,
                    proof,
                    ..
                } = scene.settle_call(zone);
                S::Settlement {
                    zone,
                    outCommit,
                    data,
                    proof,
                }
            })
            .collect();
        let batch = S::settleBatchCall {
            epoch: EPOCH,
            settlements,
        };
        logs.extend(scene.tell(&batch).unwrap().logs);
        for (log, zone) in logs.iter().zip([&zones[2], &zones[0], &zones[1]]) {
            let expected = S::ZoneSettled {
                epoch: EPOCH,
                zone: zone.number,
                claimsRoot: tree(&scene.epoch.claim_leaves(zone), 0).0 | SETTLED,
                scores: U256::from(zone.scores()),
            };
            assert_eq!(S::ZoneSettled::decode_log(log).unwrap().data, expected);
        }
        assert_eq!(logs.len(), 3);

        // Not again: neither the same proof nor another one.
        let again = Refusal::Rewards(E::ZoneAlreadySettled(S::ZoneAlreadySettled { zone: 2 }));
        assert_eq!(refusal(scene.tell(&call)), again);
        let other = scene.prove(&scene.epoch.inputs(&zones[2]), 8);
        assert_ne!(other, call.proof);
        assert_eq!(
            refusal(scene.tell(&S::settleCall { proof: other, ..call })),
            again
        );

        scene.tell(&S::closeCall { epoch: EPOCH }).unwrap();
        let total: u64 = zones.iter().map(Zone::scores).sum();
        let mut paid = U256::ZERO;
        for zone in &zones {
            let leaves = scene.epoch.claim_leaves(zone);
            let data = zone.data();
            for (at, (payee, score)) in zone.rows.iter().enumerate() {
                let rows = data[..24 * zone.rows.len()].chunks(192).nth(at / 8).unwrap();
                let call = S::claimCall {
                    epoch: EPOCH,
                    device: zone.number * u64::from(devices) + at as u64,
                    rows: rows.to_vec().into(),
                    path: tree(&leaves, at / 8).1,
                };
                let share = U256::from(BUDGET) * U256::from(*score) / U256::from(total);
                let outcome = scene.tell(&call);
                if payee.is_zero() || share.is_zero() {
                    let nothing = S::NothingToClaim {
                        epoch: EPOCH,
                        device: call.device,
                    };
                    assert_eq!(refusal(outcome), Refusal::Rewards(E::NothingToClaim(nothing)));
                    continue;
                }
                outcome.unwrap();
                assert_eq!(scene.balance(*payee), share);
                paid += share;
                let claimed = S::AlreadyClaimed {
                    epoch: EPOCH,
                    device: call.device,
                };
                assert_eq!(
                    refusal(scene.tell(&call)),
                    Refusal::Rewards(E::AlreadyClaimed(claimed))
                );
                if at % 16 == 0 {
                    // Somebody else's place, rows or path.
                    let next = S::claimCall {
                        device: call.device ^ 8,
                        ..call.clone()
                    };
                    let mut rows = call.rows.to_vec();
                    rows[23] ^= 1;
                    let mut payee = call.rows.to_vec();
                    payee[0] ^= 1;
                    for changed in [
                        next,
                        S::claimCall {
                            rows: rows.into(),
                            ..call.clone()
                        },
                        S::claimCall {
                            rows: payee.into(),
                            ..call.clone()
                        },
                        S::claimCall {
                            path: [&call.path[..], &[B256::ZERO]].concat(),
                            ..call.clone()
                        },
                    ] {
                        let refused = refusal(scene.tell(&changed));
                        assert!(
                            matches!(refused, Refusal::Rewards(E::NotInClaimTree(_))),
                            "{refused:?}"
                        );
                    }
                }
            }
        }
        let stored = scene.ask(&S::potsCall { epoch: EPOCH });
        assert_eq!(U256::from(stored.paid), paid);
        assert_eq!(scene.balance(scene.epoch.settlement), U256::from(BUDGET) - paid);
    }
}

/// An unsettled zone counts as if all its scores were the largest, so leaving one out gains nobody anything.
#[test]
fn an_unsettled_zone_gains_nobody_anything() {
    let mut scene = Scene::new(16, 3);
    let zones = scene.zones.clone();
    for zone in &zones[..2] {
        scene.tell(&scene.settle_call(zone)).unwrap();
    }
    let early = refusal(scene.tell(&S::closeCall { epoch: EPOCH }));
    assert!(matches!(early, Refusal::Rewards(E::TooEarly(_))), "{early:?}");
    scene.go_to(5);
    let late = refusal(scene.tell(&scene.settle_call(&zones[2])));
    assert!(matches!(late, Refusal::Rewards(E::TooLate(_))), "{late:?}");
    scene.tell(&S::closeCall { epoch: EPOCH }).unwrap();
    let settled: u64 = zones[..2].iter().map(Zone::scores).sum();
    let stored = scene.ask(&S::potsCall { epoch: EPOCH });
    assert_eq!(U256::from(stored.total), U256::from(settled + 16 * 1_000_000));
}

#[test]
fn a_batch_is_settled_whole_or_not_at_all() {
    let mut scene = Scene::new(16, 3);
    let mut settlements: Vec<S::Settlement> = scene
        .zones
        .iter()
        .map(|zone| {
            let call = scene.settle_call(zone);
            S::Settlement {
                zone: call.zone,
                outCommit: call.outCommit,
                data: call.data,
                proof: call.proof,
            }
        })
        .collect();
    let batch = |settlements: &[S::Settlement]| S::settleBatchCall {
        epoch: EPOCH,
        settlements: settlements.to_vec(),
    };
    let honest = settlements.clone();
    // Two proofs in each other's places: each is true, and none is its zone's.
    (settlements[0].proof, settlements[1].proof) = (honest[1].proof, honest[0].proof);
    assert_eq!(refusal(scene.tell(&batch(&settlements))), proof_invalid());
    // One zone twice.
    let twice = [honest[0].clone(), honest[0].clone()];
    let again = Refusal::Rewards(E::ZoneAlreadySettled(S::ZoneAlreadySettled { zone: 0 }));
    assert_eq!(refusal(scene.tell(&batch(&twice))), again);
    let empty = refusal(scene.tell(&batch(&[])));
    assert_eq!(
        empty,
        Refusal::Verifier(VerifierError::BatchEmpty(V::BatchEmpty {}))
    );
    let stored = scene.ask(&S::epochsCall { epoch: EPOCH });
    assert_eq!(stored.head.settledZones, 0);
    scene.tell(&batch(&honest)).unwrap();
}

#[test]
fn data_of_another_length_is_refused() {
    let mut scene = Scene::new(16, 3);
    let length = 24 * 16 + 32 * 3;
    let error = |got: usize| {
        let (expected, got) = (U256::from(length), U256::from(got));
        Refusal::Rewards(E::DataLength(S::DataLength { expected, got }))
    };
    let data = scene.zones[0].data();
    assert_eq!(data.len(), length);
    let dropped = [&data[..24], &data[48..]].concat();
    for (changed, got) in [
        (dropped, length - 24),
        (data[..length - 1].to_vec(), length - 1),
        ([&data[..], &[0]].concat(), length + 1),
        (Vec::new(), 0),
    ] {
        assert_eq!(scene.changed(|call| call.data = changed.into()), error(got));
    }
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
    assert_eq!(scene.changed(|call| call.proof.swap(0, 6)), proof_invalid());
}

#[test]
fn digests_that_do_not_stand_are_refused() {
    let mut scene = Scene::new(16, 3);
    // Even with a proof of the other digests.
    let mut zone = scene.zones[0].clone();
    zone.digests[1] = word(Fr::from(5_u64));
    let call = scene.settle_call(&zone);
    assert!(not_standing(&refusal(scene.tell(&call))));
    let mut swapped = scene.zones[0].clone();
    swapped.digests.swap(0, 1);
    assert!(not_standing(
        &scene.changed(|call| call.data = swapped.data().into())
    ));
    assert!(not_standing(&scene.changed(|call| call.zone += 1)));
    let unknown = scene.changed(|call| call.zone = 3);
    assert!(
        matches!(unknown, Refusal::Rewards(E::ZoneUnknown(_))),
        "{unknown:?}"
    );
    let unknown = scene.changed(|call| call.zone = u64::MAX);
    assert!(
        matches!(unknown, Refusal::Rewards(E::ZoneUnknown(_))),
        "{unknown:?}"
    );
}

#[test]
fn a_proof_of_one_zone_does_not_settle_another() {
    let mut scene = Scene::drawn(16, 3);
    // The same data, attested for both zones: only the zone's number differs.
    scene.zones[1] = Zone {
        number: 1,
        ..scene.zones[0].clone()
    };
    scene.attest();
    scene.go_to(4);
    let own = scene.settle_call(&scene.zones[0]);
    let other = S::settleCall {
        zone: 1,
        ..own.clone()
    };
    assert_eq!(refusal(scene.tell(&other)), proof_invalid());
    scene.tell(&own).unwrap();
}

#[test]
fn values_outside_the_field_are_refused() {
    let mut scene = Scene::new(16, 3);
    let out_commit = U256::from_be_bytes(alias::<Fr>(&scene.zones[0].out_commit, 1).unwrap());
    let error = V::InputNotInField { index: U256::from(4) };
    assert_eq!(
        scene.changed(|call| call.outCommit = out_commit),
        Refusal::Verifier(VerifierError::InputNotInField(error))
    );
    // A digest that is no field element is not even attested.
    let mut scene = Scene::drawn(16, 3);
    scene.go_to(0);
    for seat in 0..3 {
        let mut digests = scene.zones[0].digests.clone();
        digests[seat] = alias::<Fr>(&digests[seat], 1).unwrap();
        let call = S::attestCall {
            epoch: EPOCH,
            firstZone: 0,
            digests: digests.concat().into(),
            bitmapsHash: B256::ZERO,
        };
        let error = S::WordNotInField {
            index: U256::from(seat),
            word: U256::from_be_bytes(digests[seat]),
        };
        assert_eq!(
            refusal(scene.send(&call)),
            Refusal::Rewards(E::WordNotInField(error))
        );
    }
}

/// The proof holds for the data with these scores, and yet.
#[test]
fn scores_above_a_million_are_refused_even_if_proven() {
    for (place, score, fits) in [
        (7, 1_000_000, true),
        (0, 1_000_001, false),
        (7, 1_000_001, false),
        (15, u32::MAX, false),
    ] {
        let mut scene = Scene::drawn(16, 3);
        scene.zones[0].rows[place].1 = score;
        scene.attest();
        scene.go_to(4);
        let call = scene.settle_call(&scene.zones[0]);
        let outcome = scene.tell(&call);
        if fits {
            outcome.unwrap();
        } else {
            let refused = refusal(outcome);
            assert!(
                matches!(refused, Refusal::Rewards(E::ScoreTooLarge(_))),
                "{refused:?}"
            );
        }
    }
}

#[test]
fn a_proof_of_another_chain_contract_selector_epoch_or_rule_is_refused() {
    let mut scene = Scene::new(16, 3);
    let zone = scene.zones[0].clone();
    let here = scene.epoch.clone();
    type Change = fn(&mut Epoch);
    let changes: [(&str, Change); 7] = [
        ("chain", |epoch| epoch.chain = 1),
        ("contract", |epoch| epoch.settlement = STRANGER),
        ("selector", |epoch| epoch.selector = [1, 2, 3, 4]),
        ("epoch", |epoch| epoch.number += 1),
        ("registry", |epoch| epoch.registry = Fr::from(1_u64)),
        ("rule", |epoch| epoch.parameters = Fr::from(1_u64)),
        ("randomness", |epoch| epoch.randomness = keccak256("another")),
    ];
    for (what, change) in changes {
        let mut there = here.clone();
        change(&mut there);
        let proof = scene.prove(&there.inputs(&zone), 7);
        assert_eq!(
            scene.changed(|call| call.proof = proof),
            proof_invalid(),
            "{what}"
        );
    }
}

/// The other way round: a proof for the contract of this chain, sent to the same contract elsewhere.
#[test]
fn a_proof_is_not_taken_elsewhere() {
    let mut scene = Scene::new(16, 3);
    let call = scene.settle_call(&scene.zones[0]);
    // A second contract with the same arguments on the same chain.
    let home = scene.epoch.settlement;
    let beacon = scene.ask(&S::beaconCall {});
    scene.epoch.settlement = scene.deploy_rewards(beacon);
    scene.open_and_draw();
    scene.attest();
    scene.go_to(4);
    assert_eq!(refusal(scene.tell(&call)), proof_invalid());
    scene.epoch.settlement = home;
    scene.tell(&call).unwrap();

    // The same epoch on another chain.
    let mut elsewhere = Scene::deployed(1, 16, 3);
    elsewhere.open_and_draw();
    elsewhere.attest();
    elsewhere.go_to(4);
    assert_eq!(refusal(elsewhere.tell(&call)), proof_invalid());
    let call = elsewhere.settle_call(&elsewhere.zones[0]);
    elsewhere.tell(&call).unwrap();
}

/// A digest of the operator's is replaced by the watcher's; another one is demanded and answered, a third demanded and voided.
#[test]
fn watchers_recourse_changes_what_can_be_settled() {
    let mut scene = Scene::drawn(16, 3);
    let honest = scene.zones[0].clone();
    let mut posted = honest.clone();
    posted.digests[0] = uint(0);
    posted.digests[2] = uint(4);
    scene.zones[0] = posted.clone();
    scene.attest();

    scene.go_to(1);
    let (out_commit, vote, proof) = scene.vote(0, 0, honest.digests[0]);
    let replace = S::replaceCall {
        epoch: EPOCH,
        zone: 0,
        standing: posted.digests.concat().into(),
        outCommit: U256::from_be_bytes(out_commit),
        vote: vote.clone().into(),
        proof,
    };
    // Neither another zone, nor another digest, nor a proof of the other statement.
    let other_zone = S::replaceCall {
        zone: 1,
        standing: scene.zones[1].digests.concat().into(),
        ..replace.clone()
    };
    assert_eq!(refusal(scene.tell(&other_zone)), proof_invalid());
    let mut changed = vote.clone();
    changed[63] ^= 1;
    let other_digest = S::replaceCall {
        vote: changed.into(),
        ..replace.clone()
    };
    assert_eq!(refusal(scene.tell(&other_digest)), proof_invalid());
    let uptime = scene.epoch.statement(
        scene.epoch.selector,
        0,
        out_commit,
        &vote,
        &vote
            .chunks(32)
            .map(Fr::from_be_bytes_mod_order)
            .collect::<Vec<_>>(),
    );
    let other_statement = S::replaceCall {
        proof: scene.prove(&uptime, 9),
        ..replace.clone()
    };
    assert_eq!(refusal(scene.tell(&other_statement)), proof_invalid());
    scene.tell(&replace).unwrap();
    posted.digests[0] = honest.digests[0];

    scene.go_to(2);
    let rewards = scene.epoch.settlement;
    let demand = |scene: &mut Scene, seat: u64, mask: u64| {
        let call = S::demandCall {
            epoch: EPOCH,
            zone: 0,
            standing: posted.digests.concat().into(),
            mask: U256::from(mask),
            seat: U256::from(seat),
        };
        scene.evm.pay(STRANGER, rewards, 1, &call.abi_encode()).unwrap();
    };
    demand(&mut scene, 1, 0);
    demand(&mut scene, 2, 0b010);
    let (out_commit, vote, proof) = scene.vote(0, 1, honest.digests[1]);
    let answer = S::answerCall {
        epoch: EPOCH,
        zone: 0,
        standing: posted.digests.concat().into(),
        mask: U256::from(0b110),
        outCommit: U256::from_be_bytes(out_commit),
        vote: vote.into(),
        proof,
    };
    scene.send(&answer).unwrap();
    assert_eq!(scene.ask(&S::creditsCall { account: DEPLOYER }), U256::from(1));

    // The third stays unanswered: nothing is settled before it is void, and then without it.
    scene.go_to(4);
    let call = scene.settle_call(&posted);
    assert!(not_standing(&refusal(scene.tell(&call))));
    let void = S::voidSeatsCall {
        epoch: EPOCH,
        zone: 0,
        standing: posted.digests.concat().into(),
        mask: U256::from(0b100),
    };
    scene.tell(&void).unwrap();
    assert!(not_standing(&refusal(scene.tell(&call))));
    posted.digests[2] = uint(0);
    let call = scene.settle_call(&posted);
    scene.tell(&call).unwrap();
    assert_eq!(scene.ask(&S::creditsCall { account: STRANGER }), U256::from(1));
}

#[test]
fn a_stopped_or_removed_verifier_settles_nothing() {
    let mut scene = Scene::new(16, 3);
    let call = scene.settle_call(&scene.zones[0]);
    scene
        .to(scene.stop, GUARDIAN, &EmergencyStop::stopCall {})
        .unwrap();
    let stopped = refusal(scene.tell(&call));
    assert!(matches!(stopped, Refusal::Stop(_)), "{stopped:?}");

    let mut scene = Scene::new(16, 3);
    let selector = scene.epoch.selector.into();
    let remove = VerifierRouter::removeCall { selector };
    scene.to(scene.router, GUARDIAN, &remove).unwrap();
    let removed = refusal(scene.tell(&call));
    let error = VerifierRouter::SelectorRemoved { selector };
    assert_eq!(
        removed,
        Refusal::Router(VerifierRouter::VerifierRouterErrors::SelectorRemoved(error))
    );
}

/// A zone in which nobody is absent. Of a device's gas 372 is calldata; the rest is its part of the fingerprint and of the
/// claim tree.
#[test]
fn settling_and_claiming_cost_no_more_than_they_should() {
    for devices in [16, 256, 4096] {
        let mut scene = Scene::drawn(devices, 8);
        for zone in &mut scene.zones {
            for (i, row) in (0..).zip(&mut zone.rows) {
                *row = (payee(0, i), 999_999 - u32::try_from(i).unwrap());
            }
        }
        let attest = scene.attest();
        scene.go_to(4);
        // The second zone of the epoch, so that its slot is not new.
        scene.tell(&scene.settle_call(&scene.zones[0])).unwrap();
        let zone = scene.zones[1].clone();
        let call = scene.settle_call(&zone);
        let gas = scene.tell(&call).unwrap().gas_used;
        pin("settle", devices as usize, gas);
        if devices == 256 {
            pin("attest_three_zones", 8, attest);
            // Beyond the proof: more than a transaction that verifies the same inputs.
            let inputs = inputs_from_be_bytes(&scene.epoch.inputs(&zone)).unwrap();
            let data = calldata(&prove(&scene.key, &inputs, 7), &inputs);
            let alone = scene.evm.view(STRANGER, scene.verifier, &data).unwrap().gas_used;
            let each = (gas - alone) / 256;
            pin("settle_per_device_beyond_the_proof", 256, each);
            assert!(each <= 800, "{each} gas a device beyond the proof");
        }
        if devices != 4096 {
            scene.tell(&scene.settle_call(&scene.zones[2])).unwrap();
            scene.tell(&S::closeCall { epoch: EPOCH }).unwrap();
            // Two claims of one payee: the second finds bitmap word, window and balance there.
            let leaves = scene.epoch.claim_leaves(&zone);
            let data = zone.data();
            for place in [0, 1] {
                let call = S::claimCall {
                    epoch: EPOCH,
                    device: u64::from(devices) + place,
                    rows: data[..192].to_vec().into(),
                    path: tree(&leaves, 0).1,
                };
                let gas = scene.tell(&call).unwrap().gas_used;
                let name = ["claim_first_of_an_epoch", "claim_new_payee_warm_epoch"][usize::from(place != 0)];
                pin(name, devices as usize, gas);
            }
            scene.zones.clear();
            // The same payees have tokens by now, as in every epoch but their first.
            let mint = TestToken::mintCall {
                to: payee(0, 2),
                amount: U256::from(1),
            };
            scene.to(scene.token, STRANGER, &mint).unwrap();
            let call = S::claimCall {
                epoch: EPOCH,
                device: u64::from(devices) + 2,
                rows: data[..192].to_vec().into(),
                path: tree(&leaves, 0).1,
            };
            let gas = scene.tell(&call).unwrap().gas_used;
            pin("claim", devices as usize, gas);
            assert!(gas <= CLAIM_GAS_MAX, "{gas} gas for a claim");
        }
    }
}
