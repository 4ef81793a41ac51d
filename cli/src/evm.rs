//! A small Ethereum in this process: deploy popw's contracts, send transactions, read why one was refused.
//!
//! [`Evm`] runs revm under the rules of the Osaka fork on a state in memory that lasts from one transaction to the
//! next. Gas is counted and costs nothing, so accounts need no balance. No network, no Node.
//!
//! Depends on revm; interfaces come from [`crate::contracts`], bytecode from [`popw_verifier::solidity`].

use crate::contracts::Refusal;
use alloy_primitives::{Address, Bytes, Log, TxKind, U256};
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

/// The most gas of one transaction since Osaka (EIP-7825); every transaction here may use it.
pub const TRANSACTION_GAS_MAX: u64 = TX_GAS_LIMIT_CAP;

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

    /// Sets the time of the next transactions' block, Unix seconds.
    pub fn set_time(&mut self, time: u64) {
        self.inner.ctx.block.timestamp = U256::from(time);
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
        self.commit(transaction)
    }

    /// Sends a transaction with wei, which are made for it.
    ///
    /// # Errors
    /// Why it did not happen.
    pub fn pay(
        &mut self,
        from: Address,
        to: Address,
        wei: u64,
        calldata: &[u8],
    ) -> Result<Execution, EvmError> {
        let database = &mut self.inner.ctx.journaled_state.database;
        let mut account = database.basic_ref(from).ok().flatten().unwrap_or_default();
        account.balance += U256::from(wei);
        database.insert_account_info(from, account);
        let transaction = TxEnv {
            value: U256::from(wei),
            ..self.transaction(from, TxKind::Call(to), Bytes::copy_from_slice(calldata))
        };
        self.commit(transaction)
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

    fn commit(&mut self, transaction: TxEnv) -> Result<Execution, EvmError> {
        let (output, gas_used, logs) = happened(self.inner.transact_commit(transaction))?;
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
