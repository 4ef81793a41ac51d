//! What stands around a verifier finds in the exported contract what it needs: its key's hash, its grade, one proof and
//! batches, through the emergency stop and the router.

use super::{CHAIN, Claim, DEPLOYER, STRANGER, Scene};
use crate::common::{key, prove, random_inputs};
use alloy_primitives::{Address, B256, FixedBytes, U256, address, keccak256};
use alloy_sol_types::{SolCall, SolConstructor};
use popw::contracts::{EmergencyStop, Groth16Verifier7 as V, VerifierRouter};
use popw::evm::Evm;
use popw_verifier::solidity::{
    BYTECODE_INPUTS_MAX, Contract, Grade, batch_calldata, calldata, contract_bytecode, creation_bytecode,
    key_hash, selector,
};

const GUARDIAN: Address = address!("00000000000000000000000000000000000b0003");
const TIMELOCK: Address = address!("00000000000000000000000000000000000c0004");
const CIRCUIT_ID: [u8; 32] = [0x5a; 32];

#[test]
fn every_contract_says_which_key_it_has_and_of_which_grade() {
    for count in 1..=BYTECODE_INPUTS_MAX {
        let vk = key(count, 1).vk;
        for grade in [Grade::Dev, Grade::Ceremony] {
            let mut evm = Evm::new(CHAIN);
            let code = creation_bytecode(&vk, grade).unwrap();
            let contract = evm.deploy(DEPLOYER, &code, &[]).unwrap().address;
            let mut ask = |signature: &str| {
                let data = &keccak256(signature)[..4];
                evm.view(STRANGER, contract, data).unwrap().output
            };
            assert_eq!(ask("keyHash()")[..], key_hash(&vk));
            let insecure = U256::from_be_slice(&ask("INSECURE_SETUP()"));
            assert_eq!(insecure, U256::from(grade == Grade::Dev));
        }
    }
}

/// The router computes the selector that Rust computes, from the key's hash it got through the stop.
#[test]
fn the_stop_and_the_router_take_the_exported_contract() {
    let mut scene = Scene::new(key(7, 1));
    let code = creation_bytecode(&scene.key.vk, Grade::Ceremony).unwrap();
    let verifier = scene.evm.deploy(DEPLOYER, &code, &[]).unwrap().address;
    let arguments = EmergencyStop::constructorCall {
        verifier,
        guardian: GUARDIAN,
    };
    let code = contract_bytecode(Contract::EmergencyStop).unwrap();
    let stop = scene
        .evm
        .deploy(DEPLOYER, &code, &arguments.abi_encode())
        .unwrap()
        .address;
    let arguments = VerifierRouter::constructorCall {
        timelock: TIMELOCK,
        guardian: GUARDIAN,
        verifiers: vec![stop],
        circuitIds: vec![B256::from(CIRCUIT_ID)],
    };
    let code = contract_bytecode(Contract::VerifierRouter).unwrap();
    let router = scene
        .evm
        .deploy(DEPLOYER, &code, &arguments.abi_encode())
        .unwrap()
        .address;

    let call = VerifierRouter::verifierOfCall {
        selector: FixedBytes(selector(&scene.key.vk, &CIRCUIT_ID)),
    };
    let output = scene
        .evm
        .view(STRANGER, router, &call.abi_encode())
        .unwrap()
        .output;
    assert_eq!(
        VerifierRouter::verifierOfCall::abi_decode_returns(&output).unwrap(),
        stop
    );

    let inputs = vec![random_inputs(7, 2), random_inputs(7, 3)];
    let proofs: Vec<_> = inputs.iter().map(|inputs| prove(&scene.key, inputs, 4)).collect();
    let exchanged = [inputs[1].clone(), inputs[0].clone()];
    for (data, holds) in [
        (calldata(&proofs[0], &inputs[0]), true),
        (calldata(&proofs[0], &inputs[1]), false),
        (batch_calldata(&proofs, &inputs).unwrap(), true),
        (batch_calldata(&proofs, &exchanged).unwrap(), false),
    ] {
        assert_eq!(scene.evm.view(STRANGER, stop, &data).is_ok(), holds);
    }
    let claim = Claim::new(&proofs[0], &inputs[0]);
    let data = V::verifyProofCall {
        proof: claim.proof.map(U256::from_be_bytes),
        inputs: std::array::from_fn(|index| U256::from_be_bytes(claim.inputs[index])),
    };
    assert_eq!(data.abi_encode(), calldata(&proofs[0], &inputs[0]));
}
