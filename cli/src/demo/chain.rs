//! The demo's chain: an EVM in this process with the verifier and the settlement contract.

use crate::contracts::UptimeSettlement;
use crate::evm::{Deployment, Evm, EvmError, create_address};
use crate::failure::Failure;
use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256};
use alloy_sol_types::{SolCall, SolConstructor};
use popw_claims::epoch::EpochContext;
use popw_claims::field::{Fr, to_be_bytes};
use popw_claims::fleet::Claim;
use popw_claims::uptime::Shape;
use popw_verifier::solidity::{Contract, Grade, contract_bytecode, creation_bytecode};
use popw_verifier::words::proof_to_words;
use popw_verifier::{Bn254, Proof, VerifyingKey};

/// The chain id of local test networks, the only one on which dev keys may be used.
pub const CHAIN_ID: u64 = 31_337;
/// The account that deploys, posts and settles.
const OPERATOR: Address = Address::repeat_byte(0x0a);

/// The two contracts on their chain.
pub struct Chain {
    evm: Evm,
    /// The verifier of the key.
    pub verifier: Deployment,
    /// The settlement contract of the epoch.
    pub settlement: Deployment,
}

/// A settled zone, as the contract's event and storage say.
pub struct Settled {
    /// Gas of the whole transaction.
    pub gas_used: u64,
    /// Root of the claim tree that the contract built.
    pub claims_root: [u8; 32],
    /// Sum of the scores.
    pub total_score: u64,
}

/// Arguments of `settle`, as words, so that a forger can put anything into them.
#[derive(Clone)]
pub struct SettleArguments {
    /// The zone.
    pub zone: u64,
    /// The circuit's commitment, perhaps not below r.
    pub out_commit: U256,
    /// Payees, scores, digests.
    pub data: Vec<u8>,
    /// From the zone's leaf to the attestation root.
    pub path: Vec<[u8; 32]>,
    /// The proof's words.
    pub proof: [U256; 8],
}

impl SettleArguments {
    /// The honest arguments of a claim and its proof.
    pub fn new(claim: &Claim, path: Vec<[u8; 32]>, proof: &Proof<Bn254>) -> Self {
        Self {
            zone: claim.statement.zone,
            out_commit: word(&claim.statement.out_commit),
            data: claim.settlement_data.clone(),
            path,
            proof: proof_to_words(proof).map(U256::from_be_bytes),
        }
    }
}

/// A field element as the EVM sees it.
pub fn word(element: &Fr) -> U256 {
    U256::from_be_bytes(to_be_bytes(element))
}

impl Chain {
    /// The settlement contract's address, which goes into the epoch tag, is known before anything is deployed.
    pub fn settlement_address() -> [u8; 20] {
        create_address(OPERATOR, 1).into_array()
    }

    /// Deploys the verifier of a dev key, then the settlement contract of the epoch.
    ///
    /// # Errors
    /// If a contract cannot be deployed, or computes another epoch tag than the native code.
    pub fn deploy(key: &VerifyingKey<Bn254>, shape: &Shape, context: &EpochContext) -> Result<Self, Failure> {
        let mut evm = Evm::new(context.chain_id);
        let bytecode = creation_bytecode(key, Grade::Dev).map_err(Failure::internal)?;
        let verifier = evm.deploy(OPERATOR, &bytecode, &[]).map_err(Failure::internal)?;
        let arguments = UptimeSettlement::constructorCall {
            verifier: verifier.address,
            selector: FixedBytes(context.selector),
            epoch: context.epoch,
            registryRoot: word(&context.registry_root),
            parametersHash: word(&context.parameters_hash),
            randomness: B256::from(context.randomness),
            devices: u32::try_from(shape.devices).map_err(Failure::internal)?,
            watchers: u32::try_from(shape.watchers).map_err(Failure::internal)?,
        };
        let bytecode = contract_bytecode(Contract::UptimeSettlement).map_err(Failure::internal)?;
        let settlement = evm
            .deploy(OPERATOR, &bytecode, &arguments.abi_encode())
            .map_err(Failure::internal)?;
        Ok(Self {
            evm,
            verifier,
            settlement,
        })
    }

    /// The epoch tag that the contract computed from its chain id, its address and its arguments.
    ///
    /// # Errors
    /// If the contract does not answer.
    pub fn epoch_tag(&mut self) -> Result<U256, Failure> {
        let answer = self
            .view(&UptimeSettlement::epochTagCall {}.abi_encode())
            .map_err(Failure::internal)?;
        UptimeSettlement::epochTagCall::abi_decode_returns(&answer).map_err(Failure::internal)
    }

    /// Posts the attestation root; the gas.
    ///
    /// # Errors
    /// If the contract refuses.
    pub fn post_attestations(&mut self, root: [u8; 32]) -> Result<u64, EvmError> {
        let call = UptimeSettlement::postAttestationsCall { root: root.into() };
        Ok(self
            .evm
            .call(OPERATOR, self.settlement.address, &call.abi_encode())?
            .gas_used)
    }

    /// Settles a zone.
    ///
    /// # Errors
    /// Why the contract refused.
    pub fn settle(&mut self, arguments: &SettleArguments) -> Result<Settled, EvmError> {
        let calldata = settle_calldata(arguments);
        let gas_used = self
            .evm
            .call(OPERATOR, self.settlement.address, &calldata)?
            .gas_used;
        let zone = UptimeSettlement::zonesCall { zone: arguments.zone }.abi_encode();
        let answer = self.view(&zone)?;
        let stored = UptimeSettlement::zonesCall::abi_decode_returns(&answer)
            .map_err(|error| EvmError::Invalid(error.to_string()))?;
        Ok(Settled {
            gas_used,
            claims_root: stored.claimsRoot.0,
            total_score: stored.totalScore,
        })
    }

    /// What the contract says to a settlement, without settling: for forgeries.
    ///
    /// # Errors
    /// Why the contract refuses.
    pub fn try_settle(&mut self, arguments: &SettleArguments) -> Result<(), EvmError> {
        self.view(&settle_calldata(arguments)).map(|_| ())
    }

    fn view(&mut self, calldata: &[u8]) -> Result<Bytes, EvmError> {
        Ok(self.evm.view(OPERATOR, self.settlement.address, calldata)?.output)
    }
}

fn settle_calldata(arguments: &SettleArguments) -> Vec<u8> {
    let SettleArguments {
        zone,
        out_commit,
        data,
        path,
        proof,
    } = arguments.clone();
    let path = path.into_iter().map(B256::from).collect();
    UptimeSettlement::settleCall {
        zone,
        outCommit: out_commit,
        data: data.into(),
        path,
        proof,
    }
    .abi_encode()
}
