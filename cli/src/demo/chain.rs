//! The demo's chain: an EVM in this process with every contract of a network, and a beacon of our own.

use crate::beacon::TestKey;
use crate::contracts::{
    DrandBeacon, EmergencyStop, Rewards, TEST_CHAIN_ID, TestToken, TimelockController, VerifierRouter, word,
};
use crate::evm::{Evm, EvmError};
use crate::failure::Failure;
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolCall, SolConstructor};
use popw_claims::epoch::{Epoch, EpochContext};
use popw_claims::field::{Fr, to_be_bytes};
use popw_claims::fleet::Claim;
use popw_claims::uptime::Shape;
use popw_prover::CircuitId;
use popw_verifier::solidity::{Contract, Grade, contract_bytecode, creation_bytecode, selector};
use popw_verifier::words::proof_to_words;
use popw_verifier::{Bn254, Proof, VerifyingKey};

/// What the epoch pays, in the token's smallest unit.
pub const BUDGET: u64 = 1_000_000_000;
/// The account that deploys, opens, attests, settles and claims.
const OPERATOR: Address = Address::repeat_byte(0x0a);
/// The account that may stop and pause.
const GUARDIAN: Address = Address::repeat_byte(0x0b);
/// From one round of the beacon to the next, seconds.
const PERIOD: u32 = 30;
/// Every phase lasts so long.
const PHASE_SECONDS: u32 = 3_600;

/// A key to deploy.
pub struct Key<'a> {
    /// The key.
    pub key: &'a VerifyingKey<Bn254>,
    /// Its circuit.
    pub circuit_id: CircuitId,
}

impl Key<'_> {
    fn selector(&self) -> [u8; 4] {
        selector(self.key, &self.circuit_id.0)
    }
}

/// The contracts on their chain.
pub struct Chain {
    evm: Evm,
    beacon: TestKey,
    beacon_genesis: u64,
    epoch: Epoch,
    rewards: Address,
    token: Address,
    /// Gas of deploying the verifier of the claim's key.
    pub verifier_gas: u64,
    /// Gas of deploying everything else but the vote's verifier.
    pub contracts_gas: u64,
}

/// A settled zone, as the contract says.
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
    /// The proof's words.
    pub proof: [U256; 8],
}

impl SettleArguments {
    /// The honest arguments of a claim and its proof.
    pub fn new(claim: &Claim, proof: &Proof<Bn254>) -> Self {
        Self {
            zone: claim.statement.zone,
            out_commit: word(&claim.statement.out_commit),
            data: claim.settlement_data.clone(),
            proof: proof_to_words(proof).map(U256::from_be_bytes),
        }
    }
}

/// Arguments of `claim`.
pub struct ClaimArguments {
    /// The device's registry index.
    pub device: u64,
    /// The rows of its leaf.
    pub rows: Vec<u8>,
    /// From the leaf to the zone's claim root.
    pub path: Vec<[u8; 32]>,
}

impl Chain {
    /// Deploys the verifiers of two dev keys, the claim's and the vote's, and everything that stands around them, before the
    /// epoch begins.
    ///
    /// # Errors
    /// If a contract cannot be deployed.
    pub fn deploy(uptime: &Key<'_>, vote: &Key<'_>, epoch: Epoch, seed: u64) -> Result<Self, Failure> {
        let mut deployer = Deployer {
            evm: Evm::new(TEST_CHAIN_ID),
            gas: 0,
        };
        let beacon = TestKey::from_seed(format!("popw demo {seed}").as_bytes());
        // A day before the epoch, in whole periods, so that a round comes with the epoch's first second.
        let beacon_genesis = epoch.start().saturating_sub(u64::from(PERIOD) * 2_880);
        deployer.evm.set_time(beacon_genesis);

        let mut guarded = |key: &Key<'_>| -> Result<_, Failure> {
            let code = creation_bytecode(key.key, Grade::Dev).map_err(Failure::internal)?;
            let (verifier, verifier_gas) = deployer.put(&code, &[])?;
            let arguments = EmergencyStop::constructorCall {
                verifier,
                guardian: GUARDIAN,
            };
            let stop = deployer.put_contract(Contract::EmergencyStop, &arguments)?;
            Ok((stop, verifier_gas))
        };
        let (uptime_stop, verifier_gas) = guarded(uptime)?;
        let (vote_stop, vote_gas) = guarded(vote)?;
        let timelock = deployer.put_contract(
            Contract::TimelockController,
            &TimelockController::constructorCall {
                minDelay: U256::from(PHASE_SECONDS),
                proposers: vec![GUARDIAN],
                executors: vec![GUARDIAN],
                admin: Address::ZERO,
            },
        )?;
        let router = deployer.put_contract(
            Contract::VerifierRouter,
            &VerifierRouter::constructorCall {
                timelock,
                guardian: GUARDIAN,
                verifiers: vec![uptime_stop, vote_stop],
                circuitIds: [uptime, vote].map(|key| B256::from(key.circuit_id.0)).to_vec(),
            },
        )?;
        let network = beacon.network(beacon_genesis, PERIOD);
        let beacon_contract = deployer.put_contract(
            Contract::DrandBeacon,
            &DrandBeacon::constructorCall {
                publicKey: network.encoded_key().to_vec().into(),
                genesis: network.genesis,
                period: network.period,
            },
        )?;
        let token_code = contract_bytecode(Contract::TestToken).map_err(Failure::internal)?;
        let (token, _) = deployer.put(&token_code, &[])?;
        let rewards = deployer.put_contract(
            Contract::Rewards,
            &Rewards::constructorCall {
                setup: Rewards::Setup {
                    router,
                    beacon: beacon_contract,
                    demandBond: U256::from(1u64),
                    epochSeconds: epoch.seconds(),
                    attestSeconds: PHASE_SECONDS,
                    replaceSeconds: PHASE_SECONDS,
                    demandSeconds: PHASE_SECONDS,
                    answerSeconds: PHASE_SECONDS,
                    settleSeconds: PHASE_SECONDS,
                },
                terms: Rewards::Terms {
                    token,
                    claimSeconds: PHASE_SECONDS,
                    windowSeconds: PHASE_SECONDS,
                    epochMax: U256::from(BUDGET).to(),
                    deviceMax: U256::from(BUDGET).to(),
                    windowMax: U256::from(2 * BUDGET).to(),
                },
                roles: Rewards::Roles {
                    operator: OPERATOR,
                    guardian: GUARDIAN,
                    timelock,
                },
            },
        )?;
        Ok(Self {
            verifier_gas,
            contracts_gas: deployer.gas - verifier_gas - vote_gas,
            evm: deployer.evm,
            beacon,
            beacon_genesis,
            epoch,
            rewards,
            token,
        })
    }

    /// Opens the epoch with its budget, and draws its randomness when the epoch begins: what everything in it is signed under.
    ///
    /// # Errors
    /// If a contract refuses, or computes another epoch tag than the native code.
    pub fn open(
        &mut self,
        [uptime, vote]: [&Key<'_>; 2],
        shape: &Shape,
        registry_root: Fr,
        parameters_hash: Fr,
    ) -> Result<(EpochContext, U256), Failure> {
        let (budget, epoch) = (U256::from(BUDGET), self.epoch.number());
        let mint = TestToken::mintCall {
            to: OPERATOR,
            amount: budget,
        };
        self.call_at(self.token, &mint).map_err(Failure::internal)?;
        let approve = TestToken::approveCall {
            spender: self.rewards,
            amount: budget,
        };
        self.call_at(self.token, &approve).map_err(Failure::internal)?;
        let plan = Rewards::Plan {
            uptimeSelector: uptime.selector().into(),
            voteSelector: vote.selector().into(),
            devices: u16::try_from(shape.devices).map_err(Failure::internal)?,
            watchers: u8::try_from(shape.watchers).map_err(Failure::internal)?,
            zones: 1,
            registryRoot: word(&registry_root),
            parametersHash: word(&parameters_hash),
            budget: budget.to(),
        };
        self.call(&Rewards::openCall { epoch, plan })
            .map_err(Failure::internal)?;

        self.evm.set_time(self.epoch.start());
        let network = self.beacon.network(self.beacon_genesis, PERIOD);
        let round = network.round_at(self.epoch.start());
        let signature = self.beacon.sign(round).map_err(Failure::internal)?;
        self.call(&Rewards::drawCall {
            epoch,
            signature: signature.encoded().to_vec().into(),
        })
        .map_err(Failure::internal)?;
        let stored = self
            .ask(&Rewards::epochsCall { epoch })
            .map_err(Failure::internal)?;
        let context = EpochContext {
            chain_id: TEST_CHAIN_ID,
            settlement: self.rewards.into_array(),
            selector: uptime.selector(),
            epoch,
            registry_root,
            parameters_hash,
            randomness: network.randomness(round, &signature).map_err(Failure::internal)?,
        };
        Ok((context, stored.epochTag))
    }

    /// Posts the zone's digests after the epoch, and lets the phases of recourse pass; the gas.
    ///
    /// # Errors
    /// If the contract refuses.
    pub fn attest(&mut self, digests: &[Fr]) -> Result<u64, EvmError> {
        let end = self.epoch.range().end;
        self.evm.set_time(end + 1);
        let bytes: Vec<u8> = digests.iter().flat_map(to_be_bytes).collect();
        let gas = self.call(&Rewards::attestCall {
            epoch: self.epoch.number(),
            firstZone: 0,
            digests: bytes.into(),
            bitmapsHash: B256::ZERO,
        })?;
        self.evm.set_time(end + 4 * u64::from(PHASE_SECONDS) + 1);
        Ok(gas)
    }

    /// Settles a zone.
    ///
    /// # Errors
    /// Why the contract refused.
    pub fn settle(&mut self, arguments: &SettleArguments) -> Result<Settled, EvmError> {
        let epoch = self.epoch.number();
        let gas_used = self.call(&self.settle_call(arguments))?;
        let claims_root = self.ask(&Rewards::claimsRootOfCall {
            epoch,
            zone: arguments.zone,
        })?;
        let stored = self.ask(&Rewards::epochsCall { epoch })?;
        Ok(Settled {
            gas_used,
            claims_root: claims_root.0,
            total_score: stored.head.scores.to(),
        })
    }

    /// What the contract says to a settlement, without settling: for forgeries.
    ///
    /// # Errors
    /// Why the contract refuses.
    pub fn try_settle(&mut self, arguments: &SettleArguments) -> Result<(), EvmError> {
        self.ask(&self.settle_call(arguments)).map(|_| ())
    }

    /// Closes the epoch, so that claims begin.
    ///
    /// # Errors
    /// Why the contract refused.
    pub fn close(&mut self) -> Result<(), EvmError> {
        let epoch = self.epoch.number();
        self.call(&Rewards::closeCall { epoch }).map(|_| ())
    }

    /// Claims a device's reward; the gas.
    ///
    /// # Errors
    /// Why the contract refused.
    pub fn claim(&mut self, arguments: &ClaimArguments) -> Result<u64, EvmError> {
        self.call(&Rewards::claimCall {
            epoch: self.epoch.number(),
            device: arguments.device,
            rows: arguments.rows.clone().into(),
            path: arguments.path.iter().map(B256::from).collect(),
        })
    }

    /// An account's tokens.
    ///
    /// # Errors
    /// If the token does not answer.
    pub fn balance(&mut self, account: [u8; 20]) -> Result<U256, EvmError> {
        let call = TestToken::balanceOfCall {
            account: account.into(),
        };
        let output = self.evm.view(OPERATOR, self.token, &call.abi_encode())?.output;
        decoded::<TestToken::balanceOfCall>(&output)
    }

    fn settle_call(&self, arguments: &SettleArguments) -> Rewards::settleCall {
        Rewards::settleCall {
            epoch: self.epoch.number(),
            zone: arguments.zone,
            outCommit: arguments.out_commit,
            data: arguments.data.clone().into(),
            proof: arguments.proof,
        }
    }

    fn call(&mut self, call: &impl SolCall) -> Result<u64, EvmError> {
        self.call_at(self.rewards, call)
    }

    fn call_at(&mut self, to: Address, call: &impl SolCall) -> Result<u64, EvmError> {
        Ok(self.evm.call(OPERATOR, to, &call.abi_encode())?.gas_used)
    }

    fn ask<C: SolCall>(&mut self, call: &C) -> Result<C::Return, EvmError> {
        let output = self.evm.view(OPERATOR, self.rewards, &call.abi_encode())?.output;
        decoded::<C>(&output)
    }
}

fn decoded<C: SolCall>(output: &[u8]) -> Result<C::Return, EvmError> {
    C::abi_decode_returns(output).map_err(|error| EvmError::Invalid(error.to_string()))
}

/// Deploys, and adds up the gas.
struct Deployer {
    evm: Evm,
    gas: u64,
}

impl Deployer {
    fn put(&mut self, code: &[u8], arguments: &[u8]) -> Result<(Address, u64), Failure> {
        let deployment = self
            .evm
            .deploy(OPERATOR, code, arguments)
            .map_err(Failure::internal)?;
        self.gas += deployment.gas_used;
        Ok((deployment.address, deployment.gas_used))
    }

    fn put_contract(
        &mut self,
        contract: Contract,
        arguments: &impl SolConstructor,
    ) -> Result<Address, Failure> {
        let code = contract_bytecode(contract).map_err(Failure::internal)?;
        Ok(self.put(&code, &arguments.abi_encode())?.0)
    }
}
