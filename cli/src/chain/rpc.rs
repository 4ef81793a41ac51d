//! JSON-RPC to an Ethereum node: the dozen methods that popw needs.
//!
//! Numbers travel as hexadecimal "quantities" and bytes as hexadecimal "data" (Ethereum JSON-RPC specification). Depends on
//! ureq. Next: [`super::account`] signs transactions, [`super::client`] sends them.

use alloy_primitives::{Address, B256, Bytes, U256};
use serde_json::{Value, json};
use std::cell::Cell;
use std::time::Duration;
use thiserror::Error;

/// A node that says nothing for so long is given up.
const TIMEOUT: Duration = Duration::from_secs(60);
/// An answer may be so long, in bytes.
const ANSWER_BYTES_MAX: u64 = 256 << 20;
/// Logs are asked for in ranges of so many blocks: public nodes refuse longer ones.
const LOG_BLOCKS: u64 = 10_000;

/// Why a node gave no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RpcError {
    /// The node cannot be reached, or does not speak HTTP and JSON.
    #[error("{url}: {method}: {reason}")]
    Transport {
        /// The node.
        url: String,
        /// What was asked.
        method: String,
        /// What happened.
        reason: String,
    },
    /// The node refuses.
    #[error("{url}: {method}: the node answers {code}: {message}")]
    Refused {
        /// The node.
        url: String,
        /// What was asked.
        method: String,
        /// Its error code.
        code: i64,
        /// Its words.
        message: String,
        /// What a contract returned when it reverted.
        output: Option<Bytes>,
    },
    /// The node answers something else than what was asked for.
    #[error("{url}: {method}: expected {expected}, got {got}")]
    Answer {
        /// The node.
        url: String,
        /// What was asked.
        method: String,
        /// What should have come.
        expected: &'static str,
        /// What came, shortened.
        got: String,
    },
}

/// A block's header, in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its number.
    pub number: u64,
    /// Unix seconds.
    pub timestamp: u64,
    /// What a unit of gas costs at least, wei.
    pub base_fee: u128,
}

/// A transaction that is in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The transaction.
    pub transaction: B256,
    /// False if a contract refused.
    pub succeeded: bool,
    /// Gas of the whole transaction.
    pub gas_used: u64,
    /// The block.
    pub block: u64,
    /// The contract that was made.
    pub contract: Option<Address>,
    /// Events.
    pub logs: Vec<Log>,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The contract.
    pub address: Address,
    /// Signature and indexed fields.
    pub topics: Vec<B256>,
    /// The other fields.
    pub data: Bytes,
    /// The transaction.
    pub transaction: B256,
    /// Its block.
    pub block: u64,
}

/// A call, as `eth_call` and `eth_estimateGas` take it.
#[derive(Clone, Debug)]
pub struct Call {
    /// The caller.
    pub from: Address,
    /// The contract; none for a deployment.
    pub to: Option<Address>,
    /// Wei.
    pub value: U256,
    /// Calldata or creation bytecode.
    pub data: Bytes,
}

impl Call {
    fn json(&self) -> Value {
        let mut call = json!({
            "from": self.from.to_string(),
            "value": quantity(self.value),
            "data": self.data.to_string(),
        });
        if let Some(to) = self.to {
            call["to"] = json!(to.to_string());
        }
        call
    }
}

/// A node.
#[derive(Debug)]
pub struct Rpc {
    url: String,
    agent: ureq::Agent,
    last_id: Cell<u64>,
}

impl Rpc {
    /// The node at an HTTP or HTTPS address. Nothing is sent yet.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false);
        Self {
            url: url.to_owned(),
            agent: config.build().into(),
            last_id: Cell::new(0),
        }
    }

    /// EIP-155 chain id.
    ///
    /// # Errors
    /// [`RpcError`], as of every method here.
    pub fn chain_id(&self) -> Result<u64, RpcError> {
        self.number("eth_chainId", json!([]))
    }

    /// The latest block.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn latest_block(&self) -> Result<Block, RpcError> {
        self.block("latest".into())
    }

    /// A block by its number.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn block(&self, number: Value) -> Result<Block, RpcError> {
        const METHOD: &str = "eth_getBlockByNumber";
        let answer = self.request(METHOD, json!([number, false]))?;
        let field = |name| number_of(&answer[name]);
        match (field("number"), field("timestamp"), field("baseFeePerGas")) {
            (Some(number), Some(timestamp), base_fee) => Ok(Block {
                number,
                timestamp,
                base_fee: base_fee.unwrap_or(0).into(),
            }),
            _ => Err(self.unexpected(METHOD, "a block", &answer)),
        }
    }

    /// What a node suggests to pay a block's maker for a unit of gas, wei.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn priority_fee(&self) -> Result<u128, RpcError> {
        Ok(self.number("eth_maxPriorityFeePerGas", json!([]))?.into())
    }

    /// How many transactions an account has sent, those that wait included.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn nonce(&self, account: Address) -> Result<u64, RpcError> {
        self.number("eth_getTransactionCount", json!([account.to_string(), "pending"]))
    }

    /// An account's wei.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn balance(&self, account: Address) -> Result<U256, RpcError> {
        const METHOD: &str = "eth_getBalance";
        let answer = self.request(METHOD, json!([account.to_string(), "latest"]))?;
        let balance = answer.as_str().and_then(|text| text.parse().ok());
        balance.ok_or_else(|| self.unexpected(METHOD, "a quantity", &answer))
    }

    /// What a call would return in the latest block.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn call(&self, call: &Call) -> Result<Bytes, RpcError> {
        const METHOD: &str = "eth_call";
        let answer = self.request(METHOD, json!([call.json(), "latest"]))?;
        let bytes = answer.as_str().and_then(|text| text.parse().ok());
        bytes.ok_or_else(|| self.unexpected(METHOD, "bytes", &answer))
    }

    /// How much gas a transaction would use.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn estimate_gas(&self, call: &Call) -> Result<u64, RpcError> {
        self.number("eth_estimateGas", json!([call.json()]))
    }

    /// Hands in a signed transaction; its hash.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn send(&self, transaction: &[u8]) -> Result<B256, RpcError> {
        const METHOD: &str = "eth_sendRawTransaction";
        let bytes = Bytes::copy_from_slice(transaction).to_string();
        let answer = self.request(METHOD, json!([bytes]))?;
        hash_of(&answer).ok_or_else(|| self.unexpected(METHOD, "a hash", &answer))
    }

    /// The receipt of a transaction that is in a block.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn receipt(&self, transaction: B256) -> Result<Option<Receipt>, RpcError> {
        const METHOD: &str = "eth_getTransactionReceipt";
        let answer = self.request(METHOD, json!([transaction.to_string()]))?;
        if answer.is_null() {
            return Ok(None);
        }
        let read = || {
            Some(Receipt {
                transaction,
                succeeded: number_of(&answer["status"])? == 1,
                gas_used: number_of(&answer["gasUsed"])?,
                block: number_of(&answer["blockNumber"])?,
                contract: answer["contractAddress"]
                    .as_str()
                    .and_then(|text| text.parse().ok()),
                logs: answer["logs"]
                    .as_array()?
                    .iter()
                    .map(log_of)
                    .collect::<Option<_>>()?,
            })
        };
        let receipt = read();
        receipt
            .map(Some)
            .ok_or_else(|| self.unexpected(METHOD, "a receipt", &answer))
    }

    /// Events of a contract whose first topics are these (`None`: any), from a block to the latest one, in order.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn logs(
        &self,
        address: Address,
        topics: &[Option<B256>],
        from_block: u64,
    ) -> Result<Vec<Log>, RpcError> {
        const METHOD: &str = "eth_getLogs";
        let latest = self.latest_block()?.number;
        let mut logs = Vec::new();
        let mut from = from_block;
        while from <= latest {
            let to = latest.min(from.saturating_add(LOG_BLOCKS - 1));
            let filter = json!([{
                "address": address.to_string(),
                "topics": topics.iter().map(|topic| topic.map(|topic| topic.to_string())).collect::<Vec<_>>(),
                "fromBlock": quantity(U256::from(from)),
                "toBlock": quantity(U256::from(to)),
            }]);
            let answer = self.request(METHOD, filter)?;
            let found = answer
                .as_array()
                .and_then(|found| found.iter().map(log_of).collect::<Option<Vec<_>>>());
            logs.extend(found.ok_or_else(|| self.unexpected(METHOD, "events", &answer))?);
            from = to + 1;
        }
        Ok(logs)
    }

    /// Asks, and reads the answer's `result`.
    ///
    /// # Errors
    /// [`RpcError`].
    pub fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        self.last_id.set(self.last_id.get() + 1);
        let question =
            json!({ "jsonrpc": "2.0", "id": self.last_id.get(), "method": method, "params": params });
        let transport = |reason: String| RpcError::Transport {
            url: self.url.clone(),
            method: method.to_owned(),
            reason,
        };
        let mut response = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .send(question.to_string())
            .map_err(|error| transport(error.to_string()))?;
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        let text = body
            .read_to_string()
            .map_err(|error| transport(error.to_string()))?;
        let mut answer: Value = serde_json::from_str(&text).map_err(|_| {
            transport(format!(
                "HTTP status {}, and no JSON: {}",
                response.status().as_u16(),
                shortened(&text)
            ))
        })?;
        let error = &answer["error"];
        if error.is_null() {
            return Ok(answer["result"].take());
        }
        Err(RpcError::Refused {
            url: self.url.clone(),
            method: method.to_owned(),
            code: error["code"].as_i64().unwrap_or(0),
            message: shortened(error["message"].as_str().unwrap_or("no message")),
            output: revert_output(&error["data"]),
        })
    }

    fn number(&self, method: &str, params: Value) -> Result<u64, RpcError> {
        let answer = self.request(method, params)?;
        number_of(&answer).ok_or_else(|| self.unexpected(method, "a quantity below 2^64", &answer))
    }

    fn unexpected(&self, method: &str, expected: &'static str, got: &Value) -> RpcError {
        RpcError::Answer {
            url: self.url.clone(),
            method: method.to_owned(),
            expected,
            got: shortened(&got.to_string()),
        }
    }
}

/// A number as nodes want it: hexadecimal without leading zeros.
fn quantity(number: U256) -> String {
    format!("{number:#x}")
}

fn number_of(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

fn hash_of(value: &Value) -> Option<B256> {
    value.as_str()?.parse().ok()
}

fn log_of(value: &Value) -> Option<Log> {
    Some(Log {
        address: value["address"].as_str()?.parse().ok()?,
        topics: value["topics"]
            .as_array()?
            .iter()
            .map(hash_of)
            .collect::<Option<_>>()?,
        data: value["data"].as_str()?.parse().ok()?,
        transaction: hash_of(&value["transactionHash"])?,
        block: number_of(&value["blockNumber"])?,
    })
}

/// What a reverted call returned: nodes put it into `data`, or into `data.data`.
fn revert_output(data: &Value) -> Option<Bytes> {
    let text = data.as_str().or_else(|| data["data"].as_str())?;
    text.parse().ok()
}

fn shortened(text: &str) -> String {
    const CHARACTERS: usize = 200;
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}
