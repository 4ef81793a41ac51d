//! A small Ethereum in this process: deploy popw's contracts, send transactions, read why one was refused.
//!
//! [`Evm`] runs revm under the rules of the Osaka fork on a state in memory that lasts from one transaction to the
//! next. Gas is counted and costs nothing, so accounts need no balance. The contracts' interfaces
//! ([`Groth16Verifier7`], [`UptimeSettlement`]) are declared here; their bytecode comes from
//! [`popw_verifier::solidity`]. No network, no Node.

use alloy_primitives::{Address, Bytes, Log, TxKind};
use alloy_sol_types::{ContractError, SolInterface, sol};
use revm::{
    Context, DatabaseRef, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext, MainnetEvm,
    context::{
        TxEnv,
        result::{ExecutionResult, Output},
    },
    database::{CacheDB, EmptyDB},
    handler::MainnetContext,
    primitives::{eip7825::TX_GAS_LIMIT_CAP, hardfork::SpecId},
};
use std::fmt;
use thiserror::Error;

pub use contracts::{DrandBeacon, EmergencyStop, Groth16Verifier7, UptimeSettlement, VerifierRouter};

/// The most gas of one transaction since Osaka (EIP-7825); every transaction here may use it.
pub const TRANSACTION_GAS_MAX: u64 = TX_GAS_LIMIT_CAP;

/// Interfaces of the contracts in `verifier/contracts/`.
#[allow(
    missing_docs,
    clippy::all,
    reason = "generated; documented in the Solidity sources"
)]
mod contracts {
    use super::sol;

    sol! {
        #[sol(all_derives)]
        interface Groth16Verifier7 {
            error InputNotInField(uint256 index);
            error BatchInputNotInField(uint256 proof, uint256 index);
            error BatchLengths(uint256 proofs, uint256 inputs);
            error BatchEmpty();
            error ProofInvalid();

            function verifyProof(uint256[8] calldata proof, uint256[7] calldata inputs) external view;
            function isValidProof(uint256[8] calldata proof, uint256[7] calldata inputs) external view returns (bool);
            function verifyBatch(uint256[8][] calldata proofs, uint256[7][] calldata inputs) external view;
            function isValidBatch(uint256[8][] calldata proofs, uint256[7][] calldata inputs) external view returns (bool);
            function keyHash() external view returns (bytes32);
            function INSECURE_SETUP() external view returns (bool);
        }

        #[sol(all_derives)]
        contract UptimeSettlement {
            event ZoneSettled(uint64 indexed zone, bytes32 claimsRoot, uint64 totalScore);
            event AttestationsPosted(bytes32 root);

            error VerifierWithoutCode(address verifier);
            error UnknownZoneSize(uint32 devices);
            error WatchersOutOfRange(uint32 watchers);
            error ParameterNotInField(uint256 value);
            error NotPoster(address caller);
            error AttestationsAlreadyPosted(bytes32 root);
            error AttestationsMissing();
            error ZoneOutOfRange(uint64 zone);
            error ZoneAlreadySettled(uint64 zone);
            error DataLength(uint256 expected, uint256 got);
            error OutCommitNotInField(uint256 outCommit);
            error DigestNotInField(uint256 seat);
            error NotAttested(uint64 zone);
            error ScoreTooLarge();

            constructor(
                address verifier,
                bytes4 selector,
                uint64 epoch,
                uint256 registryRoot,
                uint256 parametersHash,
                bytes32 randomness,
                uint32 devices,
                uint32 watchers
            );
            function postAttestations(bytes32 root) external;
            function settle(
                uint64 zone,
                uint256 outCommit,
                bytes calldata data,
                bytes32[] calldata path,
                uint256[8] calldata proof
            ) external;
            function epochTag() external view returns (uint256);
            function poster() external view returns (address);
            function attestationsRoot() external view returns (bytes32);
            function zones(uint64 zone) external view returns (bytes32 claimsRoot, uint64 totalScore, bool settled);
        }

        #[sol(all_derives)]
        contract EmergencyStop {
            event EmergencyStopped(address indexed by, bool canary);

            error VerifierWithoutCode(address verifier);
            error GuardianIsZero();
            error NotGuardian(address caller);
            error NotCanary(uint256 epochTag);
            error Stopped();

            constructor(address verifier, address guardian);
            function stop() external;
            function stopByCanary(uint256[8] calldata proof, uint256[7] calldata inputs) external;
            function stopped() external view returns (bool);
        }

        #[sol(all_derives)]
        contract VerifierRouter {
            event VerifierAdded(bytes4 indexed selector, address indexed verifier, bytes32 keyHash, bytes32 circuitId);
            event VerifierRemoved(bytes4 indexed selector, address indexed verifier, address indexed by);

            error RoleIsZero(bytes32 role);
            error LengthsDiffer(uint256 verifiers, uint256 circuitIds);
            error VerifierWithoutCode(address verifier);
            error VerifierInsecure(address verifier);
            error SelectorIsZero();
            error SelectorKnown(bytes4 selector);
            error SelectorUnknown(bytes4 selector);
            error SelectorRemoved(bytes4 selector);
            error AccessControlUnauthorizedAccount(address account, bytes32 neededRole);

            constructor(address timelock, address guardian, address[] verifiers, bytes32[] circuitIds);
            function add(address verifier, bytes32 circuitId) external returns (bytes4 selector);
            function remove(bytes4 selector) external;
            function verifierOf(bytes4 selector) external view returns (address);
        }

        #[sol(all_derives)]
        contract DrandBeacon {
            error PointLength(uint256 expected, uint256 got);
            error PublicKeyInvalid();
            error ScheduleInvalid(uint64 genesis, uint32 period);
            error RoundIsZero();
            error SignatureInvalid(uint64 round);
            error PrecompileFailed(address precompile);

            constructor(bytes publicKey, uint64 genesis, uint32 period);
            function publicKey() external view returns (bytes memory);
            function roundAt(uint64 time) external view returns (uint64);
            function timeOf(uint64 round) external view returns (uint64);
            function randomness(uint64 round, bytes calldata signature) external view returns (bytes32);
        }
    }
}

/// Why a transaction did not happen. The state is as before, but for the sender's nonce if it was executed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EvmError {
    /// Not a valid transaction: it was not executed.
    #[error("the transaction is not valid: {0}")]
    Invalid(String),
    /// A contract refused.
    #[error("refused by the contract ({gas_used} gas used): {reason}")]
    Reverted {
        /// What the contract said.
        reason: Refusal,
        /// Gas of the whole transaction.
        gas_used: u64,
    },
    /// Execution ended without a word: out of gas (also by a precompile that failed), an invalid instruction, and so
    /// on.
    #[error("execution halted ({gas_used} gas used): {reason}")]
    Halted {
        /// revm's name of the reason.
        reason: String,
        /// Gas of the whole transaction.
        gas_used: u64,
    },
}

/// What a contract said when it refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// An error of the settlement contract.
    Settlement(UptimeSettlement::UptimeSettlementErrors),
    /// An error of a verifier contract, perhaps through the settlement.
    Verifier(Groth16Verifier7::Groth16Verifier7Errors),
    /// An error of an emergency stop.
    Stop(EmergencyStop::EmergencyStopErrors),
    /// An error of the router.
    Router(VerifierRouter::VerifierRouterErrors),
    /// An error of the beacon.
    Beacon(DrandBeacon::DrandBeaconErrors),
    /// `require` with a message, or a panic of the compiler's own checks.
    Message(String),
    /// No reason, as for calldata that is too short.
    Empty,
    /// Something else.
    Unknown(Bytes),
}

impl Refusal {
    /// Reads the output of a reverted call.
    #[must_use]
    pub fn decode(output: &Bytes) -> Self {
        if output.is_empty() {
            return Self::Empty;
        }
        if let Ok(error) = Groth16Verifier7::Groth16Verifier7Errors::abi_decode(output) {
            return Self::Verifier(error);
        }
        match ContractError::<UptimeSettlement::UptimeSettlementErrors>::abi_decode(output) {
            Ok(ContractError::CustomError(error)) => Self::Settlement(error),
            Ok(ContractError::Revert(revert)) => Self::Message(revert.reason),
            Ok(ContractError::Panic(panic)) => Self::Message(panic.to_string()),
            Err(_) => Self::of_what_stands_around(output),
        }
    }

    fn of_what_stands_around(output: &Bytes) -> Self {
        if let Ok(error) = EmergencyStop::EmergencyStopErrors::abi_decode(output) {
            return Self::Stop(error);
        }
        if let Ok(error) = VerifierRouter::VerifierRouterErrors::abi_decode(output) {
            return Self::Router(error);
        }
        DrandBeacon::DrandBeaconErrors::abi_decode(output)
            .map_or_else(|_| Self::Unknown(output.clone()), Self::Beacon)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settlement(error) => f.write_str(named(&format!("{error:?}"))),
            Self::Verifier(error) => f.write_str(named(&format!("{error:?}"))),
            Self::Stop(error) => f.write_str(named(&format!("{error:?}"))),
            Self::Router(error) => f.write_str(named(&format!("{error:?}"))),
            Self::Beacon(error) => f.write_str(named(&format!("{error:?}"))),
            Self::Message(message) => f.write_str(message),
            Self::Empty => f.write_str("no reason given"),
            Self::Unknown(output) => write!(f, "unknown reason {output}"),
        }
    }
}

/// The error behind the variant that holds it: `DataLength { .. }` of `DataLength(DataLength { .. })`.
fn named(debug: &str) -> &str {
    let inner = debug
        .split_once('(')
        .and_then(|(_, inner)| inner.strip_suffix(')'));
    inner.unwrap_or(debug)
}

/// A transaction that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// What the contract returned.
    pub output: Bytes,
    /// Gas of the whole transaction, as a receipt would say.
    pub gas_used: u64,
    /// Events, in order.
    pub logs: Vec<Log>,
}

/// A contract that was deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Where it is: [`create_address`] of the deployer and its nonce.
    pub address: Address,
    /// Gas of the whole transaction.
    pub gas_used: u64,
}

/// The address of the contract that `deployer` makes with its transaction number `nonce`, known before it is made.
#[must_use]
pub fn create_address(deployer: Address, nonce: u64) -> Address {
    deployer.create(nonce)
}

/// An Ethereum with one user: the caller of these functions, under any address.
#[allow(missing_debug_implementations, reason = "revm's state is not worth printing")]
pub struct Evm {
    inner: MainnetEvm<MainnetContext<CacheDB<EmptyDB>>>,
    chain_id: u64,
}

impl Evm {
    /// An empty chain.
    #[must_use]
    pub fn new(chain_id: u64) -> Self {
        let context = Context::mainnet()
            .with_db(CacheDB::new(EmptyDB::new()))
            .modify_cfg_chained(|cfg| {
                cfg.chain_id = chain_id;
                cfg.set_spec_and_mainnet_gas_params(SpecId::OSAKA);
            });
        Self {
            inner: context.build_mainnet(),
            chain_id,
        }
    }

    /// How many transactions `account` has sent.
    #[must_use]
    pub fn nonce(&self, account: Address) -> u64 {
        // The database is in memory and cannot fail; an account without an entry has sent none.
        let info = self.inner.ctx.journaled_state.database.basic_ref(account);
        info.ok().flatten().map_or(0, |account| account.nonce)
    }

    /// Deploys a contract from its creation bytecode and ABI-encoded constructor arguments.
    ///
    /// # Errors
    /// Why the deployment did not happen.
    pub fn deploy(
        &mut self,
        from: Address,
        creation_bytecode: &[u8],
        constructor_args: &[u8],
    ) -> Result<Deployment, EvmError> {
        let data = [creation_bytecode, constructor_args].concat();
        let transaction = self.transaction(from, TxKind::Create, data.into());
        match happened(self.inner.transact_commit(transaction))? {
            (Output::Create(_, Some(address)), gas_used, _) => Ok(Deployment { address, gas_used }),
            (output, ..) => Err(EvmError::Invalid(format!("no contract was made: {output:?}"))),
        }
    }

    /// Sends a transaction to a contract.
    ///
    /// # Errors
    /// Why it did not happen.
    pub fn call(&mut self, from: Address, to: Address, calldata: &[u8]) -> Result<Execution, EvmError> {
        let transaction = self.transaction(from, TxKind::Call(to), Bytes::copy_from_slice(calldata));
        let (output, gas_used, logs) = happened(self.inner.transact_commit(transaction))?;
        Ok(Execution {
            output: output.into_data(),
            gas_used,
            logs,
        })
    }

    /// Like [`Evm::call`], but nothing stays of it: neither state nor nonce.
    ///
    /// # Errors
    /// Why it would not happen.
    pub fn view(&mut self, from: Address, to: Address, calldata: &[u8]) -> Result<Execution, EvmError> {
        let transaction = self.transaction(from, TxKind::Call(to), Bytes::copy_from_slice(calldata));
        let result = self.inner.transact(transaction).map(|outcome| outcome.result);
        let (output, gas_used, logs) = happened(result)?;
        Ok(Execution {
            output: output.into_data(),
            gas_used,
            logs,
        })
    }

    fn transaction(&self, from: Address, kind: TxKind, data: Bytes) -> TxEnv {
        TxEnv {
            caller: from,
            kind,
            data,
            nonce: self.nonce(from),
            chain_id: Some(self.chain_id),
            gas_limit: TRANSACTION_GAS_MAX,
            gas_price: 0,
            ..TxEnv::default()
        }
    }
}

/// Output, gas and events of a transaction that succeeded.
fn happened<E: fmt::Display>(
    result: Result<ExecutionResult, E>,
) -> Result<(Output, u64, Vec<Log>), EvmError> {
    match result.map_err(|error| EvmError::Invalid(error.to_string()))? {
        ExecutionResult::Success {
            gas, logs, output, ..
        } => Ok((output, gas.tx_gas_used(), logs)),
        ExecutionResult::Revert { gas, output, .. } => Err(EvmError::Reverted {
            reason: Refusal::decode(&output),
            gas_used: gas.tx_gas_used(),
        }),
        ExecutionResult::Halt { reason, gas, .. } => Err(EvmError::Halted {
            reason: format!("{reason:?}"),
            gas_used: gas.tx_gas_used(),
        }),
    }
}
