//! What popw's contracts can be asked, and what they say when they refuse.
//!
//! The interfaces are those of the sources in `verifier/contracts/src/`, where they are documented. [`Refusal`] reads the
//! output of a reverted call. Depends on alloy's ABI types; [`crate::evm`] makes the calls.

use alloy_primitives::{Bytes, U256};
use alloy_sol_types::{ContractError, SolInterface, sol};
use popw_claims::field::{Fr, to_be_bytes};
use std::fmt;

pub use interfaces::{
    DrandBeacon, EmergencyStop, Groth16Verifier7, Rewards, TestToken, TimelockController, VerifierRouter,
};

#[allow(
    missing_docs,
    clippy::all,
    reason = "generated; documented in the Solidity sources"
)]
mod interfaces {
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

        #[sol(all_derives)]
        contract Rewards {
            struct Setup {
                address router;
                address beacon;
                uint256 demandBond;
                uint32 epochSeconds;
                uint32 attestSeconds;
                uint32 replaceSeconds;
                uint32 demandSeconds;
                uint32 answerSeconds;
                uint32 settleSeconds;
            }
            struct Terms {
                address token;
                uint32 claimSeconds;
                uint32 windowSeconds;
                uint96 epochMax;
                uint96 deviceMax;
                uint96 windowMax;
            }
            struct Roles {
                address operator;
                address guardian;
                address timelock;
            }
            struct Plan {
                bytes4 uptimeSelector;
                bytes4 voteSelector;
                uint16 devices;
                uint8 watchers;
                uint32 zones;
                uint256 registryRoot;
                uint256 parametersHash;
                uint96 budget;
            }
            struct Head {
                bytes4 uptimeSelector;
                bytes4 voteSelector;
                uint16 devices;
                uint8 watchers;
                uint32 zones;
                uint32 settledZones;
                uint48 scores;
                uint40 closedAt;
            }
            struct Settlement {
                uint64 zone;
                uint256 outCommit;
                bytes data;
                uint256[8] proof;
            }

            event EpochOpened(uint64 indexed epoch, Plan plan, uint64 round);
            event RandomnessDrawn(uint64 indexed epoch, uint64 round, bytes32 randomness, uint256 epochTag);
            event Attested(uint64 indexed epoch, uint64 indexed firstZone, bytes32 bitmapsHash, bytes digests);
            event SeatReplaced(uint64 indexed epoch, uint64 indexed zone, uint256 seat, uint256 digest);
            event SeatDemanded(uint64 indexed epoch, uint64 indexed zone, uint256 seat, address demander);
            event SeatAnswered(uint64 indexed epoch, uint64 indexed zone, uint256 seat, address answerer);
            event SeatsVoided(uint64 indexed epoch, uint64 indexed zone, uint256 mask);
            event ZoneSettled(uint64 indexed epoch, uint64 indexed zone, bytes32 claimsRoot, uint256 scores);
            event EpochClosed(uint64 indexed epoch, uint256 total, uint256 settledZones);
            event Withdrawn(address indexed to, uint256 amount);
            event Claimed(uint64 indexed epoch, uint64 indexed device, address indexed payee, uint256 amount);
            event PayeeSet(uint64 indexed device, address indexed payee, address newPayee);
            event Swept(uint64 indexed epoch, address indexed to, uint256 amount);

            error WithoutCode(address account);
            error RoleIsZero(bytes32 role);
            error SetupIsZero();
            error EpochOutOfRange(uint64 epoch);
            error EpochAlreadyOpen(uint64 epoch);
            error EpochNotOpen(uint64 epoch);
            error RoundTooSoon(uint64 round, uint256 emitted, uint256 earliest);
            error UnknownZoneSize(uint256 devices);
            error WatchersOutOfRange(uint256 watchers);
            error ZonesOutOfRange(uint256 zones, uint256 limit);
            error NotInField(uint256 value);
            error SelectorsEqual(bytes4 selector);
            error NotDrawn(uint64 epoch);
            error AlreadyDrawn(uint64 epoch, uint256 epochTag);
            error EpochTagIsZero(uint64 epoch);
            error TooEarly(uint64 epoch, uint256 begin, uint256 time);
            error TooLate(uint64 epoch, uint256 deadline, uint256 time);
            error ZoneUnknown(uint256 zone, uint256 zones);
            error DataLength(uint256 expected, uint256 got);
            error WordNotInField(uint256 index, uint256 word);
            error ZoneAlreadyAttested(uint64 zone);
            error NotStanding(uint64 zone, bytes32 expected, bytes32 got);
            error SeatUnknown(uint256 seat, uint256 watchers);
            error SeatIsEmpty(uint256 seat);
            error SeatAlreadyDemanded(uint256 seat);
            error SeatNotDemanded(uint256 seat);
            error NothingDemanded(uint64 zone);
            error BondWrong(uint256 expected, uint256 got);
            error VoteLength(uint256 least, uint256 got);
            error OtherDigest(uint256 seat, uint256 expected, uint256 got);
            error ZoneAlreadySettled(uint64 zone);
            error ScoreTooLarge(uint64 zone, uint256 limit);
            error EpochAlreadyClosed(uint64 epoch);
            error NothingToWithdraw(address account);
            error TermsInvalid();
            error BudgetTooLarge(uint256 limit, uint256 got);
            error BudgetNotReceived(uint256 expected, uint256 got);
            error EpochNotClosed(uint64 epoch);
            error EpochSwept(uint64 epoch);
            error RowsLength(uint256 expected, uint256 got);
            error NotInClaimTree(uint64 device, bytes32 expected, bytes32 got);
            error NothingToClaim(uint64 epoch, uint64 device);
            error AlreadyClaimed(uint64 epoch, uint64 device);
            error EpochLimit(uint256 left, uint256 amount);
            error DeviceLimit(uint256 limit, uint256 amount);
            error WindowLimit(uint256 left, uint256 amount);
            error PayeeIsZero();
            error SignatureExpired(uint256 deadline, uint256 time);
            error SignatureInvalid(address payee, uint256 nonce);
            error ClaimsNotOver(uint256 deadline, uint256 clock);
            error AccessControlUnauthorizedAccount(address account, bytes32 neededRole);
            error EnforcedPause();
            error ExpectedPause();
            error SafeERC20FailedOperation(address token);

            constructor(Setup setup, Terms terms, Roles roles);
            function open(uint64 epoch, Plan calldata plan) external;
            function draw(uint64 epoch, bytes calldata signature) external;
            function attest(uint64 epoch, uint64 firstZone, bytes calldata digests, bytes32 bitmapsHash) external;
            function replace(
                uint64 epoch,
                uint64 zone,
                bytes calldata standing,
                uint256 outCommit,
                bytes calldata vote,
                uint256[8] calldata proof
            ) external;
            function demand(uint64 epoch, uint64 zone, bytes calldata standing, uint256 mask, uint256 seat) external payable;
            function answer(
                uint64 epoch,
                uint64 zone,
                bytes calldata standing,
                uint256 mask,
                uint256 outCommit,
                bytes calldata vote,
                uint256[8] calldata proof
            ) external;
            function voidSeats(uint64 epoch, uint64 zone, bytes calldata standing, uint256 mask) external;
            function withdraw() external;
            function settle(
                uint64 epoch,
                uint64 zone,
                uint256 outCommit,
                bytes calldata data,
                uint256[8] calldata proof
            ) external;
            function settleBatch(uint64 epoch, Settlement[] calldata settlements) external;
            function close(uint64 epoch) external;
            function claim(uint64 epoch, uint64 device, bytes calldata rows, bytes32[] calldata path) external;
            function setPayee(
                uint64 device,
                address payee,
                address newPayee,
                uint256 deadline,
                bytes calldata signature
            ) external;
            function pause() external;
            function unpause() external;
            function sweep(uint64 epoch, address to) external;

            function router() external view returns (address);
            function beacon() external view returns (address);
            function token() external view returns (address);
            function demandBond() external view returns (uint256);
            function epochSeconds() external view returns (uint256);
            function epochs(uint64 epoch)
                external
                view
                returns (Head memory head, uint256 registryRoot, uint256 parametersHash, uint256 epochTag);
            function pots(uint64 epoch)
                external
                view
                returns (uint96 budget, uint96 paid, uint48 total, uint16 devices);
            function deadlines(uint64 epoch)
                external
                view
                returns (
                    uint256 end,
                    uint256 attestBy,
                    uint256 replaceBy,
                    uint256 demandBy,
                    uint256 answerBy,
                    uint256 settleBy
                );
            function wordOf(uint64 epoch, uint64 zone) external view returns (bytes32);
            function claimsRootOf(uint64 epoch, uint64 zone) external view returns (bytes32);
            function demanderOf(uint64 epoch, uint64 zone, uint256 seat) external view returns (address);
            function credits(address account) external view returns (uint256);
            function isClaimed(uint64 epoch, uint64 device) external view returns (bool);
            function payeeOf(uint64 device, address payee) external view returns (address);
            function nonces(address owner) external view returns (uint256);
            function paused() external view returns (bool);
            function windowLeft() external view returns (uint256);
        }

        #[sol(all_derives)]
        contract TimelockController {
            event CallScheduled(
                bytes32 indexed id,
                uint256 indexed index,
                address target,
                uint256 value,
                bytes data,
                bytes32 predecessor,
                uint256 delay
            );

            constructor(uint256 minDelay, address[] proposers, address[] executors, address admin);
            function schedule(
                address target,
                uint256 value,
                bytes calldata data,
                bytes32 predecessor,
                bytes32 salt,
                uint256 delay
            ) external;
            function execute(
                address target,
                uint256 value,
                bytes calldata payload,
                bytes32 predecessor,
                bytes32 salt
            ) external payable;
        }

        #[sol(all_derives)]
        contract TestToken {
            event Transfer(address indexed from, address indexed to, uint256 value);

            error NotATestChain(uint256 chainId);
            error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);
            error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed);

            function mint(address to, uint256 amount) external;
            function approve(address spender, uint256 amount) external returns (bool);
            function allowance(address owner, address spender) external view returns (uint256);
            function balanceOf(address account) external view returns (uint256);
            function decimals() external view returns (uint8);
            function symbol() external view returns (string memory);
        }
    }
}

/// The chain id of local test networks, the only one on which dev keys and other toys may be used.
pub const TEST_CHAIN_ID: u64 = 31_337;

/// A field element as contracts see it.
#[must_use]
pub fn word(element: &Fr) -> U256 {
    U256::from_be_bytes(to_be_bytes(element))
}

/// What a contract said when it refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// An error of the epochs and their money.
    Rewards(Rewards::RewardsErrors),
    /// An error of the test token.
    Token(TestToken::TestTokenErrors),
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
        match ContractError::<Rewards::RewardsErrors>::abi_decode(output) {
            Ok(ContractError::CustomError(error)) => Self::Rewards(error),
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
        if let Ok(error) = TestToken::TestTokenErrors::abi_decode(output) {
            return Self::Token(error);
        }
        DrandBeacon::DrandBeaconErrors::abi_decode(output)
            .map_or_else(|_| Self::Unknown(output.clone()), Self::Beacon)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verifier(error) => f.write_str(named(&format!("{error:?}"))),
            Self::Stop(error) => f.write_str(named(&format!("{error:?}"))),
            Self::Router(error) => f.write_str(named(&format!("{error:?}"))),
            Self::Rewards(error) => f.write_str(named(&format!("{error:?}"))),
            Self::Token(error) => f.write_str(named(&format!("{error:?}"))),
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
