//! Calls and transactions to popw's contracts, typed, through a node.
//!
//! [`Reader`] asks; [`Sender`] also signs and sends, and waits until the transaction is in a block. A contract's refusal is
//! found before anything is sent, by the node's estimate of the gas, and read by [`Refusal`]. Depends on [`super::rpc`] and
//! [`super::account`].

use super::account::{Account, AccountArgs, Transaction};
use super::deployment::Deployment;
use super::history::History;
use super::rpc::{Call, Receipt, Rpc, RpcError};
use crate::contracts::Refusal;
use crate::failure::Failure;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The most gas of one transaction since Osaka (EIP-7825).
pub const TRANSACTION_GAS_MAX: u64 = crate::evm::TRANSACTION_GAS_MAX;

const DEFAULT_NODE: &str = "http://127.0.0.1:8545";
/// How long a transaction may take to come into a block.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(300);
const RECEIPT_POLL: Duration = Duration::from_millis(100);

/// Where the contracts are, and through which node they are reached.
#[derive(clap::Args)]
pub struct ChainArgs {
    /// The deployment's file, as `chain deploy` writes it
    chain: PathBuf,
    #[command(flatten)]
    node: NodeArgs,
}

/// A node.
#[derive(clap::Args)]
pub struct NodeArgs {
    /// The node's JSON-RPC address; if absent, POPW_RPC, else http://127.0.0.1:8545
    #[arg(long, value_name = "URL")]
    rpc: Option<String>,
}

impl NodeArgs {
    /// The node.
    pub fn open(&self) -> Rpc {
        let url = self.rpc.clone().or_else(|| std::env::var("POPW_RPC").ok());
        Rpc::new(url.as_deref().unwrap_or(DEFAULT_NODE))
    }
}

impl ChainArgs {
    /// Reads the deployment and asks the node if it is on the same chain.
    ///
    /// # Errors
    /// `Input` if the file cannot be used or the chain is another one, `Internal` if the node does not answer.
    pub fn open(&self) -> Result<Reader, Failure> {
        let deployment = Deployment::read(&self.chain)?;
        let rpc = self.node.open();
        let chain_id = rpc.chain_id().map_err(unanswered)?;
        if chain_id != deployment.chain_id {
            return Err(Failure::input(format!(
                "{}: chain_id: expected that of the node, {chain_id}, got {}",
                self.chain.display(),
                deployment.chain_id
            )));
        }
        Ok(Reader { rpc, deployment })
    }

    /// The same, with the account that signs.
    ///
    /// # Errors
    /// As [`Self::open`], and `Input` if there is no account.
    pub fn open_to_send(&self, account: &AccountArgs) -> Result<Sender, Failure> {
        let account = account.open()?;
        let Reader { rpc, deployment } = self.open()?;
        Ok(Sender {
            wallet: Wallet {
                chain_id: deployment.chain_id,
                account,
                rpc,
            },
            deployment,
        })
    }
}

/// The contracts, to be asked.
#[derive(Debug)]
pub struct Reader {
    /// The node.
    pub rpc: Rpc,
    /// Where the contracts are.
    pub deployment: Deployment,
}

impl Reader {
    /// What `Rewards` answers.
    ///
    /// # Errors
    /// `Refused` with the contract's reason, `Internal` if the node does not answer.
    pub fn ask<C: SolCall>(&self, call: &C) -> Result<C::Return, Failure> {
        ask(&self.rpc, Address::ZERO, self.deployment.rewards, call)
    }

    /// What happened in an epoch.
    ///
    /// # Errors
    /// As [`History::read`].
    pub fn history(&self, epoch: u64) -> Result<History, Failure> {
        History::read(&self.rpc, &self.deployment, epoch)
    }
}

/// The contracts, and an account that sends them transactions.
pub struct Sender {
    wallet: Wallet,
    /// Where the contracts are.
    pub deployment: Deployment,
}

impl Sender {
    /// The account.
    pub fn address(&self) -> Address {
        self.wallet.account.address()
    }

    /// The account, to sign something else than a transaction.
    pub fn account(&self) -> &Account {
        &self.wallet.account
    }

    /// The node.
    pub fn rpc(&self) -> &Rpc {
        &self.wallet.rpc
    }

    /// What a contract answers to this account.
    ///
    /// # Errors
    /// As [`Reader::ask`].
    pub fn ask<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return, Failure> {
        ask(&self.wallet.rpc, self.address(), to, call)
    }

    /// What happened in an epoch.
    ///
    /// # Errors
    /// As [`History::read`].
    pub fn history(&self, epoch: u64) -> Result<History, Failure> {
        History::read(&self.wallet.rpc, &self.deployment, epoch)
    }

    /// Sends a transaction to `Rewards`.
    ///
    /// # Errors
    /// As [`Wallet::send`].
    pub fn send(&self, call: &impl SolCall) -> Result<Receipt, Failure> {
        self.send_to(self.deployment.rewards, U256::ZERO, call)
    }

    /// Sends calldata to `Rewards`.
    ///
    /// # Errors
    /// As [`Wallet::send`].
    pub fn send_data(&self, data: Bytes) -> Result<Receipt, Failure> {
        self.wallet.send(Some(self.deployment.rewards), U256::ZERO, data)
    }

    /// Sends a transaction to a contract, with wei.
    ///
    /// # Errors
    /// As [`Wallet::send`].
    pub fn send_to(&self, to: Address, value: U256, call: &impl SolCall) -> Result<Receipt, Failure> {
        self.wallet.send(Some(to), value, call.abi_encode().into())
    }
}

/// An account at a node.
pub struct Wallet {
    /// The node.
    pub rpc: Rpc,
    /// The chain.
    pub chain_id: u64,
    /// Who signs.
    pub account: Account,
}

impl Wallet {
    /// An account at a node whose chain is asked for.
    ///
    /// # Errors
    /// `Input` if there is no account, `Internal` if the node does not answer.
    pub fn open(node: &NodeArgs, account: &AccountArgs) -> Result<Self, Failure> {
        let (account, rpc) = (account.open()?, node.open());
        let chain_id = rpc.chain_id().map_err(unanswered)?;
        Ok(Self {
            rpc,
            chain_id,
            account,
        })
    }

    /// Signs and sends a transaction and waits until it is in a block.
    ///
    /// # Errors
    /// `Refused` with the contract's reason; nothing is sent then, unless the state changed meanwhile. `Internal` if the node
    /// fails, or the transaction is in no block after five minutes.
    pub fn send(&self, to: Option<Address>, value: U256, data: Bytes) -> Result<Receipt, Failure> {
        let call = Call {
            from: self.account.address(),
            to,
            value,
            data,
        };
        let estimate = self.rpc.estimate_gas(&call).map_err(refused)?;
        let base_fee = self.rpc.latest_block().map_err(unanswered)?.base_fee;
        let priority_fee = self.rpc.priority_fee().map_err(unanswered)?;
        let transaction = Transaction {
            chain_id: self.chain_id,
            nonce: self.rpc.nonce(self.account.address()).map_err(unanswered)?,
            priority_fee,
            // Enough for six full blocks in a row.
            fee_max: base_fee.saturating_mul(2).saturating_add(priority_fee),
            gas_limit: estimate
                .saturating_add(estimate / 5)
                .min(TRANSACTION_GAS_MAX.max(estimate)),
            to: to.map_or(TxKind::Create, TxKind::Call),
            value,
            data: call.data.clone(),
        };
        let signed = self.account.sign_transaction(&transaction)?;
        let hash = self.rpc.send(&signed).map_err(refused)?;
        let start = Instant::now();
        let receipt = loop {
            match self.rpc.receipt(hash).map_err(unanswered)? {
                Some(receipt) => break receipt,
                None if start.elapsed() > RECEIPT_TIMEOUT => {
                    return Err(Failure::internal(format!(
                        "transaction {hash} is in no block after {} s; it may still come into one",
                        RECEIPT_TIMEOUT.as_secs()
                    )));
                }
                None => sleep(RECEIPT_POLL),
            }
        };
        if receipt.succeeded {
            return Ok(receipt);
        }
        // The state changed after the estimate. The reason is that of the same call now.
        match self.rpc.call(&call) {
            Err(error) => Err(refused(error)),
            Ok(_) => Err(Failure::refused(format!("transaction {hash} was refused"))),
        }
    }

    /// Deploys a contract; its address.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn deploy(
        &self,
        creation_bytecode: &[u8],
        constructor_args: &[u8],
    ) -> Result<(Address, Receipt), Failure> {
        let data = [creation_bytecode, constructor_args].concat();
        let receipt = self.send(None, U256::ZERO, data.into())?;
        let address = receipt.contract.ok_or_else(|| {
            Failure::internal(format!("transaction {} made no contract", receipt.transaction))
        })?;
        Ok((address, receipt))
    }
}

/// What a contract answers to a typed question.
///
/// # Errors
/// `Refused` with the contract's reason, `Internal` if the node does not answer or there is no such contract.
pub fn ask<C: SolCall>(rpc: &Rpc, from: Address, to: Address, call: &C) -> Result<C::Return, Failure> {
    let output = rpc
        .call(&Call {
            from,
            to: Some(to),
            value: U256::ZERO,
            data: call.abi_encode().into(),
        })
        .map_err(refused)?;
    C::abi_decode_returns(&output)
        .map_err(|error| Failure::internal(format!("{to}: {}: {error}", C::SIGNATURE)))
}

/// A contract's refusal in its own words, or the node's failure.
pub fn refused(error: RpcError) -> Failure {
    match error {
        RpcError::Refused {
            output: Some(output), ..
        } => Failure::refused(format!("refused by the contract: {}", Refusal::decode(&output))),
        error => unanswered(error),
    }
}

/// The node's failure.
pub fn unanswered(error: RpcError) -> Failure {
    Failure::internal(error)
}
