//! `DrandBeacon.sol` beside its native twin, `popw::beacon`: real rounds of drand's quicknet and rounds of a network of
//! our own, in an EVM in this process.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod gas;

use alloy_primitives::{Address, Bytes};
use alloy_sol_types::{SolCall, SolConstructor};
use gas::pin;
use popw::beacon::{BeaconError, Network, Signature, TestKey};
use popw::contracts::{DrandBeacon as B, DrandBeacon::DrandBeaconErrors as BeaconRefusal, Refusal};
use popw::evm::{Evm, EvmError, Execution};
use popw_verifier::solidity::{Contract, contract_bytecode};
use rand_chacha::{ChaCha20Rng, rand_core::RngCore, rand_core::SeedableRng};

const USER: Address = Address::repeat_byte(0x0b);
/// Round 1000 of quicknet.
const ROUND: u64 = 1000;
const SIGNATURE: &str =
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";
const RANDOMNESS: &str = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd";

struct Chain {
    evm: Evm,
    beacon: Address,
}

fn try_deploy(evm: &mut Evm, key: &[u8], genesis: u64, period: u32) -> Result<Address, EvmError> {
    let arguments = B::constructorCall {
        publicKey: Bytes::copy_from_slice(key),
        genesis,
        period,
    };
    let bytecode = contract_bytecode(Contract::DrandBeacon).unwrap();
    let deployed = evm.deploy(USER, &bytecode, &arguments.abi_encode())?;
    Ok(deployed.address)
}

impl Chain {
    fn new(network: &Network) -> Self {
        let mut evm = Evm::new(31_337);
        let key = network.encoded_key();
        let beacon = try_deploy(&mut evm, &key, network.genesis, network.period).unwrap();
        Self { evm, beacon }
    }

    fn call<C: SolCall>(&mut self, call: &C) -> Result<Execution, EvmError> {
        self.evm.view(USER, self.beacon, &call.abi_encode())
    }

    fn randomness(&mut self, round: u64, signature: &[u8]) -> Result<[u8; 32], BeaconRefusal> {
        let call = B::randomnessCall {
            round,
            signature: Bytes::copy_from_slice(signature),
        };
        match self.call(&call) {
            Ok(execution) => Ok(B::randomnessCall::abi_decode_returns(&execution.output)
                .unwrap()
                .0),
            Err(error) => Err(refusal(error)),
        }
    }

    fn round_at(&mut self, time: u64) -> u64 {
        let answer = self.call(&B::roundAtCall { time }).unwrap().output;
        B::roundAtCall::abi_decode_returns(&answer).unwrap()
    }

    fn time_of(&mut self, round: u64) -> u64 {
        let answer = self.call(&B::timeOfCall { round }).unwrap().output;
        B::timeOfCall::abi_decode_returns(&answer).unwrap()
    }
}

fn refusal(error: EvmError) -> BeaconRefusal {
    match error {
        EvmError::Reverted {
            reason: Refusal::Beacon(reason),
            ..
        } => reason,
        other => panic!("{other}"),
    }
}

fn invalid(round: u64) -> BeaconRefusal {
    BeaconRefusal::SignatureInvalid(B::SignatureInvalid { round })
}

fn published() -> Signature {
    let mut bytes = [0; 48];
    hex::decode_to_slice(SIGNATURE, &mut bytes).unwrap();
    Signature::from_compressed(&bytes).unwrap()
}

#[test]
fn a_round_of_quicknet_verifies_natively_and_on_chain() {
    let network = Network::quicknet().unwrap();
    let signature = published();
    let randomness = network.randomness(ROUND, &signature).unwrap();
    assert_eq!(hex::encode(randomness), RANDOMNESS);
    assert_eq!(hex::encode(signature.compressed()), SIGNATURE);
    let mut chain = Chain::new(&network);
    assert_eq!(chain.randomness(ROUND, &signature.encoded()), Ok(randomness));
    for other in [1, ROUND - 1, ROUND + 1, u64::MAX] {
        assert_eq!(
            network.randomness(other, &signature),
            Err(BeaconError::Signature { round: other })
        );
        assert_eq!(chain.randomness(other, &signature.encoded()), Err(invalid(other)));
    }
    let call = B::randomnessCall {
        round: ROUND,
        signature: Bytes::copy_from_slice(&signature.encoded()),
    };
    pin("beacon_randomness", 1, chain.call(&call).unwrap().gas_used);
}

#[test]
fn contract_and_native_code_agree_on_any_round() {
    let key = TestKey::from_seed(b"contract and native code");
    let network = key.network(1_700_000_000, 30);
    let mut chain = Chain::new(&network);
    let mut random = ChaCha20Rng::seed_from_u64(6);
    let mut larger = [0; 2];
    let mut rounds = vec![1, 2, u64::MAX];
    rounds.extend((0..21).map(|_| random.next_u64() | 1));
    for round in rounds {
        let signature = key.sign(round).unwrap();
        larger[usize::from(signature.compressed()[0] >> 5 & 1)] += 1;
        let randomness = network.randomness(round, &signature).unwrap();
        assert_eq!(
            chain.randomness(round, &signature.encoded()),
            Ok(randomness),
            "{round}"
        );
        let again = Signature::from_compressed(&signature.compressed()).unwrap();
        assert_eq!(again, signature);
    }
    // The randomness hashes a sign bit: both values of it were seen.
    assert!(larger.iter().all(|count| *count > 0), "{larger:?}");
}

#[test]
fn what_is_no_signature_is_refused() {
    let key = TestKey::from_seed(b"one network");
    let network = key.network(1_000, 3);
    let mut chain = Chain::new(&network);
    let good = key.sign(7).unwrap().encoded();
    assert!(chain.randomness(7, &good).is_ok());
    let other = TestKey::from_seed(b"another network").sign(7).unwrap();
    assert_eq!(chain.randomness(7, &other.encoded()), Err(invalid(7)));
    assert_eq!(
        network.randomness(7, &other),
        Err(BeaconError::Signature { round: 7 })
    );
    let zero = BeaconRefusal::RoundIsZero(B::RoundIsZero {});
    assert_eq!(chain.randomness(0, &good), Err(zero));
    assert_eq!(key.sign(0), Err(BeaconError::RoundIsZero));
    assert_eq!(chain.randomness(7, &[0; 128]), Err(invalid(7)), "infinity");
    for length in [0, 48, 127, 129, 256] {
        let mut cut = good.to_vec();
        cut.resize(length, 0);
        let refused = BeaconRefusal::PointLength(B::PointLength {
            expected: alloy_primitives::U256::from(128),
            got: alloy_primitives::U256::from(length),
        });
        assert_eq!(chain.randomness(7, &cut), Err(refused));
    }
    // Every byte changed: off the curve, not canonical, or the padding is not zero.
    for index in 0..good.len() {
        let mut changed = good;
        changed[index] ^= 1;
        assert_eq!(chain.randomness(7, &changed), Err(invalid(7)), "byte {index}");
    }
    // x + p, the same point written otherwise, where it fits 64 bytes.
    let mut alias = good;
    let modulus = hex::decode(
        "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab",
    )
    .unwrap();
    let mut carry = 0;
    for (byte, add) in alias[16..64].iter_mut().rev().zip(modulus.iter().rev()) {
        let sum = u16::from(*byte) + u16::from(*add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    alias[15] = carry.to_le_bytes()[0];
    assert_eq!(chain.randomness(7, &alias), Err(invalid(7)), "x + p");
    // The negative is a point of G1, and no signature.
    let mut compressed = key.sign(7).unwrap().compressed();
    compressed[0] ^= 0x20;
    let negative = Signature::from_compressed(&compressed).unwrap();
    assert_eq!(chain.randomness(7, &negative.encoded()), Err(invalid(7)));
    // (0, 2) is on the curve y^2 = x^3 + 4 and of order 3.
    let mut small = [0; 128];
    small[127] = 2;
    assert_eq!(chain.randomness(7, &small), Err(invalid(7)), "off the subgroup");
    let mut small = [0; 48];
    small[0] = 0x80;
    assert!(matches!(
        Signature::from_compressed(&small),
        Err(BeaconError::NotAPoint { .. })
    ));
}

#[test]
fn keys_and_schedules_that_are_none_are_refused() {
    let evm = &mut Evm::new(31_337);
    let network = Network::quicknet().unwrap();
    let key = network.encoded_key();
    let no_key = || BeaconRefusal::PublicKeyInvalid(B::PublicKeyInvalid {});
    assert_eq!(refusal(try_deploy(evm, &[0; 256], 1, 3).unwrap_err()), no_key());
    let mut changed = key;
    changed[255] ^= 1;
    assert_eq!(refusal(try_deploy(evm, &changed, 1, 3).unwrap_err()), no_key());
    assert!(matches!(
        refusal(try_deploy(evm, &key[1..], 1, 3).unwrap_err()),
        BeaconRefusal::PointLength(_)
    ));
    for (genesis, period) in [(0, 3), (1, 0)] {
        let refused = BeaconRefusal::ScheduleInvalid(B::ScheduleInvalid { genesis, period });
        assert_eq!(
            refusal(try_deploy(evm, &key, genesis, period).unwrap_err()),
            refused
        );
    }
    assert!(matches!(
        Network::new(&[0; 96], 1, 3),
        Err(BeaconError::NotAPoint { .. })
    ));
    try_deploy(evm, &key, 1, 3).unwrap();
}

#[test]
fn rounds_and_times_are_those_of_the_native_code() {
    let network = TestKey::from_seed(b"schedule").network(1_000, 30);
    let mut chain = Chain::new(&network);
    for (time, round) in [(0, 1), (999, 1), (1_000, 1), (1_001, 2), (1_030, 2), (1_031, 3)] {
        assert_eq!(
            (chain.round_at(time), network.round_at(time)),
            (round, round),
            "{time}"
        );
    }
    for (round, time) in [(1, 1_000), (2, 1_030), (101, 4_000)] {
        assert_eq!(
            (chain.time_of(round), network.time_of(round)),
            (time, time),
            "{round}"
        );
        assert_eq!(chain.round_at(time), round);
    }
}
