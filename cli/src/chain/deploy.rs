//! `popw chain deploy`: verifiers, stops, timelock, router, beacon and `Rewards`, from a file that says how the network works.

use super::account::AccountArgs;
use super::beacon::Beacon;
use super::client::{NodeArgs, Wallet, ask};
use super::deployment::{Deployment, Verifier};
use crate::commands::circuit::CircuitName;
use crate::commands::export::{grade, read_key};
use crate::contracts::{
    DrandBeacon, EmergencyStop, Rewards, TEST_CHAIN_ID, TestToken, TimelockController, VerifierRouter,
};
use crate::failure::{Failure, in_file};
use crate::files::read_text;
use crate::screen::{Screen, show};
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolCall, SolConstructor, SolEvent};
use popw_prover::{CircuitId, DevKey, Options, Watch, export};
use popw_verifier::solidity::{Contract, Grade, contract_bytecode, creation_bytecode};
use popw_verifier::{Bn254, VerifyingKey};
use rand::rngs::OsRng;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What to deploy, and what becomes of it.
#[derive(clap::Args)]
pub struct Args {
    /// The network's rules: verifiers, token, beacon, phases, limits, roles (see docs/onchain.md)
    network: PathBuf,
    /// Where the addresses go: chain.json for the other commands
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    account: AccountArgs,
}

/// `network.toml`. Amounts are decimal strings in the token's smallest unit, the bond in wei; lengths are seconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkFile {
    token: Token,
    beacon: Beacon,
    phases: Phases,
    limits: Limits,
    roles: Roles,
    verifiers: Vec<VerifierEntry>,
}

/// The ERC-20 token that is paid.
#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Token {
    /// It exists.
    Existing {
        /// Where.
        address: Address,
    },
    /// `TestToken` is deployed.
    Test {
        /// True.
        test: bool,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Phases {
    epoch: u32,
    attest: u32,
    replace: u32,
    demand: u32,
    answer: u32,
    settle: u32,
    claim: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    demand_bond: String,
    epoch_max: String,
    device_max: String,
    window_max: String,
    window_seconds: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Roles {
    operator: Address,
    guardian: Address,
    /// Who may schedule what the timelock does.
    proposers: Vec<Address>,
    /// Who may execute it when the delay is over; the address 0 stands for anyone.
    executors: Vec<Address>,
    timelock_delay: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VerifierEntry {
    circuit: String,
    /// A .zkey or verification_key.json; a dev key, made when first needed, if absent.
    key: Option<PathBuf>,
    /// The key's manifest; KEY.toml if absent.
    manifest: Option<PathBuf>,
    /// The key counts as a dev key.
    #[serde(default)]
    dev: bool,
}

/// A key to deploy, with the id of its circuit.
struct ReadyKey {
    circuit: CircuitName,
    circuit_id: CircuitId,
    key: VerifyingKey<Bn254>,
    grade: Grade,
}

/// Deploys.
///
/// # Errors
/// `Input` if the file cannot be used, `Refused` if a constructor refuses.
pub fn run(args: &Args) -> Result<(), Failure> {
    let network: NetworkFile = toml::from_str(&read_text(&args.network)?).map_err(in_file(&args.network))?;
    let limits = network.limits.amounts(&args.network)?;
    let screen = Screen::new(false);
    let folder = args.network.parent().unwrap_or(Path::new(""));
    let keys = network
        .verifiers
        .iter()
        .map(|entry| {
            entry
                .ready(folder, &screen)
                .map_err(|failure| entry.named(failure))
        })
        .collect::<Result<Vec<_>, _>>()?;
    screen.finish();
    let wallet = Wallet::open(&args.node, &args.account)?;
    if matches!(network.beacon, Beacon::Test { .. }) && wallet.chain_id != TEST_CHAIN_ID {
        return Err(Failure::refused(format!(
            "{}: beacon: a test network's randomness is known to whoever has the seed: only on chain id {}, not on {}",
            args.network.display(),
            TEST_CHAIN_ID,
            wallet.chain_id
        )));
    }
    let block = wallet.rpc.latest_block().map_err(Failure::internal)?.number;
    let deployer = Deployer { wallet };

    let mut pairs = Vec::new();
    for ready in &keys {
        let code = creation_bytecode(&ready.key, ready.grade).map_err(Failure::refused)?;
        let verifier = deployer.put(&format!("verifier of {}", ready.circuit), &code, &[])?;
        let stop = deployer.put_contract(
            Contract::EmergencyStop,
            &EmergencyStop::constructorCall {
                verifier,
                guardian: network.roles.guardian,
            },
        )?;
        pairs.push((verifier, stop));
    }
    let timelock = deployer.put_contract(
        Contract::TimelockController,
        &TimelockController::constructorCall {
            minDelay: U256::from(network.roles.timelock_delay),
            proposers: network.roles.proposers.clone(),
            executors: network.roles.executors.clone(),
            // Nobody stands above the timelock.
            admin: Address::ZERO,
        },
    )?;
    let router = deployer.put_contract(
        Contract::VerifierRouter,
        &VerifierRouter::constructorCall {
            timelock,
            guardian: network.roles.guardian,
            verifiers: pairs.iter().map(|(_, stop)| *stop).collect(),
            circuitIds: keys.iter().map(|key| B256::from(key.circuit_id.0)).collect(),
        },
    )?;
    let drand = network.beacon.network()?;
    let beacon = deployer.put_contract(
        Contract::DrandBeacon,
        &DrandBeacon::constructorCall {
            publicKey: drand.encoded_key().to_vec().into(),
            genesis: drand.genesis,
            period: drand.period,
        },
    )?;
    let token = match network.token {
        Token::Existing { address } => address,
        Token::Test { test: true } => deployer.put_test_token(network.roles.operator)?,
        Token::Test { test: false } => {
            return Err(Failure::input(format!(
                "{}: token: expected an address, or test = true",
                args.network.display()
            )));
        }
    };
    let Phases {
        epoch,
        attest,
        replace,
        demand,
        answer,
        settle,
        claim,
    } = network.phases;
    let [demand_bond, epoch_max, device_max, window_max] = limits;
    let rewards = deployer.put_contract(
        Contract::Rewards,
        &Rewards::constructorCall {
            setup: Rewards::Setup {
                router,
                beacon,
                demandBond: demand_bond,
                epochSeconds: epoch,
                attestSeconds: attest,
                replaceSeconds: replace,
                demandSeconds: demand,
                answerSeconds: answer,
                settleSeconds: settle,
            },
            terms: Rewards::Terms {
                token,
                claimSeconds: claim,
                windowSeconds: network.limits.window_seconds,
                epochMax: epoch_max.to(),
                deviceMax: device_max.to(),
                windowMax: window_max.to(),
            },
            roles: Rewards::Roles {
                operator: network.roles.operator,
                guardian: network.roles.guardian,
                timelock,
            },
        },
    )?;
    let selectors = deployer.selectors(router, block)?;
    let verifiers = (keys.iter().zip(pairs).zip(selectors))
        .map(|((key, (verifier, stop)), selector)| Verifier {
            circuit: key.circuit.to_string(),
            selector,
            verifier,
            stop,
        })
        .collect();
    Deployment {
        chain_id: deployer.wallet.chain_id,
        block,
        rewards,
        router,
        timelock,
        token,
        beacon,
        randomness: network.beacon,
        verifiers,
    }
    .write(&args.out)?;
    show(format_args!("wrote {}", args.out.display()))
}

impl Limits {
    /// Bond, and the most of an epoch, a device and a window.
    fn amounts(&self, path: &Path) -> Result<[U256; 4], Failure> {
        let fields = [
            ("demand_bond", &self.demand_bond),
            ("epoch_max", &self.epoch_max),
            ("device_max", &self.device_max),
            ("window_max", &self.window_max),
        ];
        let mut amounts = [U256::ZERO; 4];
        for (amount, (name, text)) in amounts.iter_mut().zip(fields) {
            *amount = super::amount(text)
                .map_err(|reason| Failure::input(format!("{}: limits.{name}: {reason}", path.display())))?;
        }
        Ok(amounts)
    }
}

impl VerifierEntry {
    fn named(&self, failure: Failure) -> Failure {
        Failure {
            message: format!("verifier of {}: {}", self.circuit, failure.message),
            ..failure
        }
    }

    /// Builds the circuit, whose id is needed, and reads the key.
    fn ready(&self, folder: &Path, screen: &Screen) -> Result<ReadyKey, Failure> {
        let circuit: CircuitName = self.circuit.parse().map_err(Failure::input)?;
        screen.begin("building a circuit");
        let r1cs = export::r1cs_file(&circuit.build()).map_err(Failure::internal)?;
        let (key, grade) = match &self.key {
            Some(path) => {
                let path = folder.join(path);
                let key = read_key(&path)?;
                let manifest = self.manifest.as_ref().map(|manifest| folder.join(manifest));
                let grade = grade(&path, &key, manifest.as_deref(), self.dev)?;
                (key, grade)
            }
            None => {
                let watch = Watch::new(screen);
                let (path, _) = DevKey::cached(&r1cs, &mut OsRng, &Options::default(), &watch)
                    .map_err(Failure::internal)?;
                (read_key(&path)?, Grade::Dev)
            }
        };
        Ok(ReadyKey {
            circuit,
            circuit_id: CircuitId::of(&r1cs),
            key,
            grade,
        })
    }
}

/// Deploys contracts and says so.
struct Deployer {
    wallet: Wallet,
}

impl Deployer {
    fn put(&self, name: &str, creation_bytecode: &[u8], constructor_args: &[u8]) -> Result<Address, Failure> {
        let (address, receipt) =
            self.wallet
                .deploy(creation_bytecode, constructor_args)
                .map_err(|failure| Failure {
                    message: format!("{name}: {}", failure.message),
                    ..failure
                })?;
        show(format_args!("{address}  {name}, {} gas", receipt.gas_used))?;
        Ok(address)
    }

    /// A token of which the operator has more than it can ever pay in.
    fn put_test_token(&self, operator: Address) -> Result<Address, Failure> {
        let code = contract_bytecode(Contract::TestToken).map_err(Failure::internal)?;
        let token = self.put("TestToken", &code, &[])?;
        let mint = TestToken::mintCall {
            to: operator,
            amount: U256::from(u128::MAX),
        };
        self.wallet
            .send(Some(token), U256::ZERO, mint.abi_encode().into())?;
        Ok(token)
    }

    fn put_contract(&self, contract: Contract, arguments: &impl SolConstructor) -> Result<Address, Failure> {
        let code = contract_bytecode(contract).map_err(Failure::internal)?;
        self.put(&format!("{contract:?}"), &code, &arguments.abi_encode())
    }

    /// The router's selectors, in the order of its constructor's arguments.
    fn selectors(
        &self,
        router: Address,
        block: u64,
    ) -> Result<Vec<alloy_primitives::FixedBytes<4>>, Failure> {
        let topics = [Some(VerifierRouter::VerifierAdded::SIGNATURE_HASH)];
        let logs = self
            .wallet
            .rpc
            .logs(router, &topics, block)
            .map_err(Failure::internal)?;
        logs.into_iter()
            .map(|log| {
                let event = VerifierRouter::VerifierAdded::decode_raw_log(log.topics, &log.data)
                    .map_err(Failure::internal)?;
                let call = VerifierRouter::verifierOfCall {
                    selector: event.selector,
                };
                // The router must find what it says that it added.
                let found = ask(&self.wallet.rpc, Address::ZERO, router, &call)?;
                match found == event.verifier {
                    true => Ok(event.selector),
                    false => Err(Failure::internal(format!(
                        "{router}: {} leads to {found}",
                        event.selector
                    ))),
                }
            })
            .collect()
    }
}
