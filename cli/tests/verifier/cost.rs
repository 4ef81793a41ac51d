//! Gas of whole transactions, pinned in `verifier/contracts/gas.csv` and held below what was promised.

use super::{CHAIN, DEPLOYER, Scene};
use crate::common::key;
use crate::gas::pin;
use popw::evm::Evm;
use popw_verifier::solidity::{BYTECODE_INPUTS_MAX, Grade, creation_bytecode};

/// 207,000 + 7,000 for each public input, within 1 %.
#[test]
fn one_proof() {
    for count in 1..=BYTECODE_INPUTS_MAX {
        let mut scene = Scene::new(key(count, 1));
        let claim = scene.claim(3);
        let gas = scene.verdict(&claim).unwrap();
        let rule = 207_000 + 7_000 * count as u64;
        assert!(
            gas.abs_diff(rule) * 100 <= rule,
            "{count} inputs: {gas}, expected {rule} within 1 %"
        );
        pin("verify", count, gas);

        for grade in [Grade::Dev, Grade::Ceremony] {
            let code = creation_bytecode(&scene.key.vk, grade).unwrap();
            pin(
                &format!("deploy_verifier_{grade}"),
                count,
                Evm::new(CHAIN).deploy(DEPLOYER, &code, &[]).unwrap().gas_used,
            );
        }
    }
}

/// Batches at seven inputs: at most 58,000 for each of a hundred different proofs.
#[test]
fn a_batch() {
    let mut scene = Scene::new(key(7, 1));
    let claims = scene.claims(1000..1100);
    for size in [1, 10, 100] {
        let gas = scene.batch_verdict(&claims[..size]).unwrap();
        if size == 100 {
            assert!(gas <= 58_000 * 100, "{gas}");
        }
        pin("verify_batch_of_7_inputs", size, gas);
    }
}
