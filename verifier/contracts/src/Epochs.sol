// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {DrandBeacon} from "./DrandBeacon.sol";
import {EmergencyStop} from "./EmergencyStop.sol";
import {VerifierRouter} from "./VerifierRouter.sol";

/// @title Epochs
/// @notice The phases of popw's uptime claim, from the plan of an epoch to its claim trees: nothing is settled but what a proof says.
///
/// An epoch e covers the seconds [e L, (e+1) L). In order: `open` freezes everything that proofs are about; `draw` brings the randomness of a beacon round that
/// follows from e; the epoch runs; `attest` posts the watchers' digests; `replace`, `demand`, `answer` and `voidSeats` are the watchers' recourse; `settle`
/// accepts the zones' scores, each with a proof; `close` adds up. A phase begins the second after the one before it ended and ends with its deadline's second.
///
/// Of a zone one word is kept. Before it is settled: 0 if no watcher attested; the keccak256 of the W digests; or, while seats are demanded, the keccak256 of the
/// digests and the mask of those seats; with the highest bit cleared. So a zone with an open demand cannot be settled, and callers bring the digests. Once it is
/// settled: the root of its claim tree, with the highest bit set.
/// @dev `Rewards` adds the money. docs/onchain.md describes roles and phases, docs/protocol.md what is hashed and proven. Proofs can be made anew from a proof
/// (they are malleable): what happens once is keyed on epoch, zone and seat, never on proof bytes.
abstract contract Epochs is AccessControl {
    /// @notice What `open` freezes.
    /// @param uptimeSelector Names the verifier of the zones' proofs.
    /// @param voteSelector Names the verifier of opened votes.
    /// @param devices Devices in a zone (N): 1, 16, 256 or 4096.
    /// @param watchers Watcher seats (W): 1 to 10.
    /// @param zones Number of zones.
    /// @param registryRoot Root of the device and watcher registries (REG).
    /// @param parametersHash Hash of the rule's parameters.
    /// @param budget What the epoch pays in all.
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

    /// @notice A zone to settle, see `settle`.
    struct Settlement {
        uint64 zone;
        uint256 outCommit;
        bytes data;
        uint256[8] proof;
    }

    /// @notice What an epoch's calls read and count; one slot.
    /// @param settledZones How many zones are settled.
    /// @param scores Sum of the scores of the settled zones.
    /// @param closedAt When the epoch was closed, on the clock of `_startClaims`; 0 before.
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

    /// @dev An epoch. It is open if it has devices, and drawn if its tag is not 0.
    struct Epoch {
        Head head;
        uint256 registryRoot;
        uint256 parametersHash;
        uint256 epochTag;
        mapping(uint64 zone => bytes32) words;
        mapping(uint64 zone => mapping(uint256 seat => address)) demander;
    }

    /// @notice How the contract works with epochs, for ever.
    /// @param router Finds a verifier by its selector.
    /// @param beacon Verifies randomness.
    /// @param demandBond What a demand costs until it is known to be justified, in wei.
    /// @param epochSeconds Length of an epoch (L).
    /// @param attestSeconds How long after the epoch digests may be posted.
    /// @param replaceSeconds How long after that they may be replaced.
    /// @param demandSeconds How long after that openings may be demanded.
    /// @param answerSeconds How long after that demands may be answered.
    /// @param settleSeconds How long after that zones may be settled.
    struct Setup {
        VerifierRouter router;
        DrandBeacon beacon;
        uint256 demandBond;
        uint32 epochSeconds;
        uint32 attestSeconds;
        uint32 replaceSeconds;
        uint32 demandSeconds;
        uint32 answerSeconds;
        uint32 settleSeconds;
    }

    /// @notice Who holds the roles at first.
    struct Roles {
        address operator;
        address guardian;
        address timelock;
    }

    /// @notice An epoch is planned: what its proofs are about is frozen, and its budget is here.
    event EpochOpened(uint64 indexed epoch, Plan plan, uint64 round);
    /// @notice An epoch's randomness is known.
    event RandomnessDrawn(uint64 indexed epoch, uint64 round, bytes32 randomness, uint256 epochTag);
    /// @notice Digests of zones from `firstZone` on: W words a zone. `bitmapsHash` names the published bitmaps.
    event Attested(uint64 indexed epoch, uint64 indexed firstZone, bytes32 bitmapsHash, bytes digests);
    /// @notice A seat's digest was replaced by another one that its watcher signed.
    event SeatReplaced(uint64 indexed epoch, uint64 indexed zone, uint256 seat, uint256 digest);
    /// @notice Somebody demands that the vote behind a seat's digest is opened.
    event SeatDemanded(uint64 indexed epoch, uint64 indexed zone, uint256 seat, address demander);
    /// @notice A demanded vote was opened: its bitmaps and signature are in the calldata.
    event SeatAnswered(uint64 indexed epoch, uint64 indexed zone, uint256 seat, address answerer);
    /// @notice Demanded seats were not opened: their digests are 0 now. Bit j of `mask` is seat j.
    event SeatsVoided(uint64 indexed epoch, uint64 indexed zone, uint256 mask);
    /// @notice A zone is settled: its claims are the leaves of `claimsRoot`, the root of its claim tree with the highest bit set.
    event ZoneSettled(uint64 indexed epoch, uint64 indexed zone, bytes32 claimsRoot, uint256 scores);
    /// @notice An epoch is closed: a score's share of the budget is score / total.
    event EpochClosed(uint64 indexed epoch, uint256 total, uint256 settledZones);
    /// @notice Ether of bonds was paid out.
    event Withdrawn(address indexed to, uint256 amount);

    /// @notice There is no contract at this address of the setup.
    error WithoutCode(address account);
    /// @notice A role must be someone's.
    error RoleIsZero(bytes32 role);
    /// @notice Lengths of time and the bond are not 0.
    error SetupIsZero();
    /// @notice The epoch's seconds do not fit.
    error EpochOutOfRange(uint64 epoch);
    /// @notice The epoch is open already.
    error EpochAlreadyOpen(uint64 epoch);
    /// @notice The epoch was not opened.
    error EpochNotOpen(uint64 epoch);
    /// @notice The epoch's round comes too soon: whoever opens could know it.
    error RoundTooSoon(uint64 round, uint256 emitted, uint256 earliest);
    /// @notice A zone holds 1, 16, 256 or 4096 devices.
    error UnknownZoneSize(uint256 devices);
    /// @notice There are 1 to 10 watcher seats.
    error WatchersOutOfRange(uint256 watchers);
    /// @notice There is at least one zone, and the sum of all scores fits.
    error ZonesOutOfRange(uint256 zones, uint256 limit);
    /// @notice A root or hash is not smaller than the field's order.
    error NotInField(uint256 value);
    /// @notice One selector for two statements: a proof of one would be taken for the other.
    error SelectorsEqual(bytes4 selector);
    /// @notice The epoch's randomness is not known yet.
    error NotDrawn(uint64 epoch);
    /// @notice The epoch's randomness is known already.
    error AlreadyDrawn(uint64 epoch, uint256 epochTag);
    /// @notice The epoch tag 0 is the canary of every circuit.
    error EpochTagIsZero(uint64 epoch);
    /// @notice The call's phase begins after the second `begin`.
    error TooEarly(uint64 epoch, uint256 begin, uint256 time);
    /// @notice The call's phase ended with the second `deadline`.
    error TooLate(uint64 epoch, uint256 deadline, uint256 time);
    /// @notice The epoch has zones 0 to `zones` - 1.
    error ZoneUnknown(uint256 zone, uint256 zones);
    /// @notice Bytes of another length than W words a zone, or than the settlement's data.
    error DataLength(uint256 expected, uint256 got);
    /// @notice Word number `index` is not smaller than the field's order.
    error WordNotInField(uint256 index, uint256 word);
    /// @notice The zone's digests are posted already.
    error ZoneAlreadyAttested(uint64 zone);
    /// @notice These digests, with these demands, do not stand for the zone.
    error NotStanding(uint64 zone, bytes32 expected, bytes32 got);
    /// @notice There are seats 0 to `watchers` - 1.
    error SeatUnknown(uint256 seat, uint256 watchers);
    /// @notice The seat has no digest: there is nothing to open.
    error SeatIsEmpty(uint256 seat);
    /// @notice The seat is demanded already.
    error SeatAlreadyDemanded(uint256 seat);
    /// @notice The seat is not demanded.
    error SeatNotDemanded(uint256 seat);
    /// @notice No seat of the zone is demanded.
    error NothingDemanded(uint64 zone);
    /// @notice A demand comes with its bond.
    error BondWrong(uint256 expected, uint256 got);
    /// @notice A vote is at least seat, digest and signature, in whole words.
    error VoteLength(uint256 least, uint256 got);
    /// @notice The opened vote is of another digest than the one that stands.
    error OtherDigest(uint256 seat, uint256 expected, uint256 got);
    /// @notice The zone is settled already.
    error ZoneAlreadySettled(uint64 zone);
    /// @notice A score of the zone is above a million parts per million.
    error ScoreTooLarge(uint64 zone, uint256 limit);
    /// @notice The epoch is closed already.
    error EpochAlreadyClosed(uint64 epoch);
    /// @notice The caller has no bonds to withdraw.
    error NothingToWithdraw(address account);

    /// @notice Opens epochs and posts digests.
    bytes32 public constant OPERATOR_ROLE = keccak256("OPERATOR_ROLE");
    /// @notice Pauses.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");
    /// @notice Administers the roles, and what `Rewards` gives it. Held by an OpenZeppelin TimelockController.
    bytes32 public constant TIMELOCK_ROLE = keccak256("TIMELOCK_ROLE");

    /// @dev Order of the scalar field of BN254.
    uint256 private constant R = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    /// @dev Scores are parts per million.
    uint256 internal constant SCORE_MAX = 1_000_000;
    /// @dev Rows of a claim leaf, in a zone of so many devices or more.
    uint256 internal constant CHUNK = 8;
    /// @dev A row: payee (20 bytes), score (4 bytes).
    uint256 internal constant ROW_BYTES = 24;
    /// @dev The highest bit of a zone's word: set if it is settled.
    bytes32 internal constant SETTLED = bytes32(uint256(1 << 255));
    /// @dev Seat, digest, and the three words of the signature.
    uint256 private constant VOTE_BYTES_MIN = 160;
    uint256 private constant WATCHERS_MAX = 10;

    /// @notice Finds a verifier by its selector.
    VerifierRouter public immutable router;
    /// @notice Verifies randomness.
    DrandBeacon public immutable beacon;
    /// @notice What a demand costs until it is known to be justified, in wei.
    uint256 public immutable demandBond;
    /// @notice Length of an epoch (L), seconds.
    uint256 public immutable epochSeconds;
    /// @notice From the epoch's end to the deadline D1 of `attest`, seconds.
    uint256 public immutable attestUntil;
    /// @notice From the epoch's end to the deadline D2 of `replace`, seconds.
    uint256 public immutable replaceUntil;
    /// @notice From the epoch's end to the deadline D2' of `demand`, seconds.
    uint256 public immutable demandUntil;
    /// @notice From the epoch's end to the deadline D3 of `answer`, seconds.
    uint256 public immutable answerUntil;
    /// @notice From the epoch's end to the deadline D4 of `settle`, seconds.
    uint256 public immutable settleUntil;

    /// @notice Head, registry root, parameters' hash and tag of an epoch.
    mapping(uint64 epoch => Epoch) public epochs;
    /// @notice Ether that an account may withdraw.
    mapping(address account => uint256) public credits;

    constructor(Setup memory setup, Roles memory roles) {
        if (address(setup.router).code.length == 0) revert WithoutCode(address(setup.router));
        if (address(setup.beacon).code.length == 0) revert WithoutCode(address(setup.beacon));
        if (
            setup.demandBond == 0 || setup.epochSeconds == 0 || setup.attestSeconds == 0 || setup.replaceSeconds == 0
                || setup.demandSeconds == 0 || setup.answerSeconds == 0 || setup.settleSeconds == 0
        ) revert SetupIsZero();
        router = setup.router;
        beacon = setup.beacon;
        demandBond = setup.demandBond;
        epochSeconds = setup.epochSeconds;
        uint256 until = setup.attestSeconds;
        attestUntil = until;
        replaceUntil = until += setup.replaceSeconds;
        demandUntil = until += setup.demandSeconds;
        answerUntil = until += setup.answerSeconds;
        settleUntil = until += setup.settleSeconds;
        _giveRole(OPERATOR_ROLE, roles.operator);
        _giveRole(GUARDIAN_ROLE, roles.guardian);
        _giveRole(TIMELOCK_ROLE, roles.timelock);
    }

    // ------------------------------------------------------------------------------------------------ plan and randomness

    /// @notice Plans an epoch: freezes what its proofs are about and takes its budget. Only the operator, and so early that the epoch's randomness is unknown:
    /// two periods of the beacon or more before its round, which is the first at or after the epoch's start.
    /// @param epoch Number of the epoch.
    /// @param plan What is frozen.
    function open(uint64 epoch, Plan calldata plan) external onlyRole(OPERATOR_ROLE) {
        Epoch storage e = epochs[epoch];
        if (e.head.devices != 0) revert EpochAlreadyOpen(epoch);
        uint256 start = epoch * epochSeconds;
        if (start > type(uint40).max) revert EpochOutOfRange(epoch);
        uint256 n = plan.devices;
        if (n != 1 && n != 16 && n != 256 && n != 4096) revert UnknownZoneSize(n);
        if (plan.watchers == 0 || plan.watchers > WATCHERS_MAX) revert WatchersOutOfRange(plan.watchers);
        uint256 limit = type(uint48).max / SCORE_MAX / n;
        if (plan.zones == 0 || plan.zones > limit) revert ZonesOutOfRange(plan.zones, limit);
        if (plan.registryRoot >= R) revert NotInField(plan.registryRoot);
        if (plan.parametersHash >= R) revert NotInField(plan.parametersHash);
        if (plan.uptimeSelector == plan.voteSelector) revert SelectorsEqual(plan.uptimeSelector);
        _requireVerifier(plan.uptimeSelector);
        _requireVerifier(plan.voteSelector);
        uint64 round = beacon.roundAt(uint64(start));
        uint256 earliest = block.timestamp + 2 * uint256(beacon.period());
        if (beacon.timeOf(round) < earliest) revert RoundTooSoon(round, beacon.timeOf(round), earliest);

        e.head = Head({
            uptimeSelector: plan.uptimeSelector,
            voteSelector: plan.voteSelector,
            devices: plan.devices,
            watchers: plan.watchers,
            zones: plan.zones,
            settledZones: 0,
            scores: 0,
            closedAt: 0
        });
        e.registryRoot = plan.registryRoot;
        e.parametersHash = plan.parametersHash;
        emit EpochOpened(epoch, plan, round);
        _takeBudget(epoch, plan.budget);
    }

    /// @notice Brings an epoch's randomness. Anyone; once.
    /// @param epoch Number of the epoch.
    /// @param signature The beacon's signature of the epoch's round.
    function draw(uint64 epoch, bytes calldata signature) external {
        Epoch storage e = epochs[epoch];
        Head memory head = e.head;
        if (head.devices == 0) revert EpochNotOpen(epoch);
        if (e.epochTag != 0) revert AlreadyDrawn(epoch, e.epochTag);
        uint64 round = beacon.roundAt(uint64(epoch * epochSeconds));
        bytes32 randomness = beacon.randomness(round, signature);
        bytes memory context = abi.encode(
            block.chainid, address(this), head.uptimeSelector, epoch, e.registryRoot, e.parametersHash, randomness
        );
        uint256 epochTag = uint256(keccak256(context)) % R;
        if (epochTag == 0) revert EpochTagIsZero(epoch);
        e.epochTag = epochTag;
        emit RandomnessDrawn(epoch, round, randomness, epochTag);
    }

    // ------------------------------------------------------------------------------------------- attestations and recourse

    /// @notice Posts the watchers' digests of zones, W words a zone, 0 for a seat without a vote. Only the operator, until D1; each zone once.
    /// @param epoch Number of the epoch.
    /// @param firstZone The zone of the first digests; those of the next zones follow.
    /// @param digests 32 W bytes a zone.
    /// @param bitmapsHash Names the published bitmaps.
    function attest(uint64 epoch, uint64 firstZone, bytes calldata digests, bytes32 bitmapsHash)
        external
        onlyRole(OPERATOR_ROLE)
    {
        (Epoch storage e, Head memory head) = _drawn(epoch);
        _within(epoch, 0, attestUntil);
        uint256 size = 32 * uint256(head.watchers);
        if (digests.length == 0 || digests.length % size != 0) revert DataLength(size, digests.length);
        uint256 end = firstZone + digests.length / size;
        if (end > head.zones) revert ZoneUnknown(end - 1, head.zones);
        _evaluate(digests, 0);
        for (uint64 zone = firstZone; zone < end; ++zone) {
            if (e.words[zone] != 0) revert ZoneAlreadyAttested(zone);
            uint256 start = (zone - firstZone) * size;
            bytes32 word = _word(digests[start:start + size], 0);
            if (word != 0) e.words[zone] = word;
        }
        emit Attested(epoch, firstZone, bitmapsHash, digests);
    }

    /// @notice Puts a digest that the seat's watcher signed in the place of whatever stands there. Anyone, after D1 and until D2.
    /// @param epoch Number of the epoch.
    /// @param zone Number of the zone.
    /// @param standing The W digests that stand.
    /// @param outCommit The circuit's commitment to the vote.
    /// @param vote Seat, digest, signature (R8.x, R8.y, S) and the bitmaps' elements, a word each.
    /// @param proof A proof that the watcher drawn for the seat signed this vote.
    function replace(
        uint64 epoch,
        uint64 zone,
        bytes calldata standing,
        uint256 outCommit,
        bytes calldata vote,
        uint256[8] calldata proof
    ) external {
        (Epoch storage e, Head memory head) = _drawn(epoch);
        _within(epoch, attestUntil, replaceUntil);
        bytes memory digests = _standing(e, head, zone, standing, 0);
        (uint256 seat, uint256 digest) = _openVote(e, head, zone, outCommit, vote, proof);
        _setDigest(digests, seat, digest);
        e.words[zone] = _word(digests, 0);
        emit SeatReplaced(epoch, zone, seat, digest);
    }

    /// @notice Demands that the vote behind a digest is opened; if it is not until D3, the digest is void. Anyone, after D2 and until D2', with the bond, which
    /// whoever opens the vote gets, and the caller gets back if nobody does. Needs a verifier of votes that is not stopped: else nobody could answer, and every
    /// digest would be void for nothing.
    /// @param epoch Number of the epoch.
    /// @param zone Number of the zone.
    /// @param standing The W digests that stand.
    /// @param mask The seats that are demanded, bit j for seat j.
    /// @param seat The seat.
    function demand(uint64 epoch, uint64 zone, bytes calldata standing, uint256 mask, uint256 seat) external payable {
        (Epoch storage e, Head memory head) = _drawn(epoch);
        _within(epoch, replaceUntil, demandUntil);
        if (msg.value != demandBond) revert BondWrong(demandBond, msg.value);
        bytes memory digests = _standing(e, head, zone, standing, mask);
        if (seat >= head.watchers) revert SeatUnknown(seat, head.watchers);
        if (mask >> seat & 1 != 0) revert SeatAlreadyDemanded(seat);
        if (_digest(digests, seat) == 0) revert SeatIsEmpty(seat);
        _requireVerifier(head.voteSelector);
        e.words[zone] = _word(digests, mask | 1 << seat);
        e.demander[zone][seat] = msg.sender;
        emit SeatDemanded(epoch, zone, seat, msg.sender);
    }

    /// @notice Opens a demanded vote, and earns the bond. Anyone, after D2 and until D3.
    /// @dev Whoever sees the call may copy it and be first. The vote is open all the same, which is what its watcher wants (docs/decisions/0019).
    /// @param epoch Number of the epoch.
    /// @param zone Number of the zone.
    /// @param standing The W digests that stand.
    /// @param mask The seats that are demanded, bit j for seat j.
    /// @param outCommit The circuit's commitment to the vote.
    /// @param vote Seat, digest, signature (R8.x, R8.y, S) and the bitmaps' elements, a word each.
    /// @param proof A proof that the watcher drawn for the seat signed this vote.
    function answer(
        uint64 epoch,
        uint64 zone,
        bytes calldata standing,
        uint256 mask,
        uint256 outCommit,
        bytes calldata vote,
        uint256[8] calldata proof
    ) external {
        (Epoch storage e, Head memory head) = _drawn(epoch);
        _within(epoch, replaceUntil, answerUntil);
        bytes memory digests = _standing(e, head, zone, standing, mask);
        (uint256 seat, uint256 digest) = _openVote(e, head, zone, outCommit, vote, proof);
        if (mask >> seat & 1 == 0) revert SeatNotDemanded(seat);
        if (digest != _digest(digests, seat)) revert OtherDigest(seat, _digest(digests, seat), digest);
        e.words[zone] = _word(digests, mask ^ 1 << seat);
        delete e.demander[zone][seat];
        credits[msg.sender] += demandBond;
        emit SeatAnswered(epoch, zone, seat, msg.sender);
    }

    /// @notice Sets the digests of the seats whose demands were not answered to 0, and gives the bonds back. Anyone, after D3; after D4 for the bonds alone.
    /// @param epoch Number of the epoch.
    /// @param zone Number of the zone.
    /// @param standing The W digests that stand.
    /// @param mask The seats that are demanded, bit j for seat j.
    function voidSeats(uint64 epoch, uint64 zone, bytes calldata standing, uint256 mask) external {
        (Epoch storage e, Head memory head) = _drawn(epoch);
        _within(epoch, answerUntil, type(uint40).max);
        if (mask == 0) revert NothingDemanded(zone);
        bytes memory digests = _standing(e, head, zone, standing, mask);
        for (uint256 seat = 0; seat < head.watchers; ++seat) {
            if (mask >> seat & 1 == 0) continue;
            _setDigest(digests, seat, 0);
            credits[e.demander[zone][seat]] += demandBond;
            delete e.demander[zone][seat];
        }
        e.words[zone] = _word(digests, 0);
        emit SeatsVoided(epoch, zone, mask);
    }

    /// @notice Pays the caller the bonds that are its own.
    function withdraw() external {
        uint256 amount = credits[msg.sender];
        if (amount == 0) revert NothingToWithdraw(msg.sender);
        credits[msg.sender] = 0;
        emit Withdrawn(msg.sender, amount);
        Address.sendValue(payable(msg.sender), amount);
    }

    // ---------------------------------------------------------------------------------------------------------- settlement

    /// @notice Settles a zone with a proof. Anyone, after D3 and until D4; each zone once.
    ///
    /// `data` is, for each device in registry order, payee (20 bytes) and score (4 bytes, parts per million), then the W digests that stand. The circuit
    /// proves y = sum of these numbers times powers of z for its own payees, scores and digests; the contract evaluates the same polynomial over `data`, and z
    /// depends on all of `data`. The claim tree's leaf is keccak256(uint64 epoch || uint64 index of its first device || rows), of eight rows (of one if N = 1),
    /// where index = zone N + place; nodes hash sorted pairs.
    /// @param epoch Number of the epoch.
    /// @param zone Number of the zone.
    /// @param outCommit The circuit's commitment to scores and digests.
    /// @param data Rows and digests, 24 N + 32 W bytes.
    /// @param proof The proof.
    function settle(uint64 epoch, uint64 zone, uint256 outCommit, bytes calldata data, uint256[8] calldata proof)
        external
    {
        (Epoch storage e, Head memory head) = _drawn(epoch);
        _within(epoch, answerUntil, settleUntil);
        uint256[7] memory inputs = _settleZone(e, head, epoch, zone, outCommit, data);
        _count(e, head);
        router.verifierOf(head.uptimeSelector).verifyProof(proof, inputs);
    }

    /// @notice Settles zones with a proof each, verified together, which costs less. All or none: a single wrong proof refuses the batch.
    /// @param epoch Number of the epoch.
    /// @param settlements The zones.
    function settleBatch(uint64 epoch, Settlement[] calldata settlements) external {
        (Epoch storage e, Head memory head) = _drawn(epoch);
        _within(epoch, answerUntil, settleUntil);
        uint256[7][] memory inputs = new uint256[7][](settlements.length);
        uint256[8][] memory proofs = new uint256[8][](settlements.length);
        for (uint256 i = 0; i < settlements.length; ++i) {
            Settlement calldata s = settlements[i];
            inputs[i] = _settleZone(e, head, epoch, s.zone, s.outCommit, s.data);
            proofs[i] = s.proof;
        }
        _count(e, head);
        router.verifierOf(head.uptimeSelector).verifyBatch(proofs, inputs);
    }

    /// @notice Closes an epoch: every zone is settled, or D4 is over. Anyone; once. A zone that is not settled keeps the share of its largest possible scores,
    /// unpaid, so nobody gains by leaving it out.
    /// @param epoch Number of the epoch.
    function close(uint64 epoch) external {
        Epoch storage e = epochs[epoch];
        Head memory head = e.head;
        if (head.devices == 0) revert EpochNotOpen(epoch);
        if (head.closedAt != 0) revert EpochAlreadyClosed(epoch);
        uint256 unsettled = head.zones - head.settledZones;
        if (unsettled != 0) _within(epoch, settleUntil, type(uint40).max);
        uint256 total = head.scores + unsettled * head.devices * SCORE_MAX; // fits 48 bits: `open` limits the zones
        e.head.closedAt = _startClaims(epoch, uint48(total), head.devices);
        emit EpochClosed(epoch, total, head.settledZones);
    }

    // --------------------------------------------------------------------------------------------------------------- views

    /// @notice An epoch's deadlines, Unix seconds: a phase begins the second after the one before it and includes its own.
    /// @param epoch Number of the epoch.
    /// @return end The epoch's end, after which `attest` begins.
    /// @return attestBy D1.
    /// @return replaceBy D2.
    /// @return demandBy D2'.
    /// @return answerBy D3.
    /// @return settleBy D4.
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
        )
    {
        end = _end(epoch);
        return (end, end + attestUntil, end + replaceUntil, end + demandUntil, end + answerUntil, end + settleUntil);
    }

    /// @notice What is kept of a zone, see above.
    function wordOf(uint64 epoch, uint64 zone) public view returns (bytes32) {
        return epochs[epoch].words[zone];
    }

    /// @notice The root of a zone's claim tree, with the highest bit set; 0 if it is not settled.
    function claimsRootOf(uint64 epoch, uint64 zone) external view returns (bytes32) {
        bytes32 word = wordOf(epoch, zone);
        return _isSettled(word) ? word : bytes32(0);
    }

    /// @notice Whose bond a demanded seat holds; 0 if it is not demanded.
    function demanderOf(uint64 epoch, uint64 zone, uint256 seat) external view returns (address) {
        return epochs[epoch].demander[zone][seat];
    }

    // ----------------------------------------------------------------------------------------------------- what Rewards adds

    /// @dev Takes the epoch's budget from the caller.
    function _takeBudget(uint64 epoch, uint96 budget) internal virtual;

    /// @dev Claims of the epoch begin; answers the time on the clock that their end is measured on.
    function _startClaims(uint64 epoch, uint48 total, uint16 devices) internal virtual returns (uint40);

    // --------------------------------------------------------------------------------------------------------------- parts

    function _giveRole(bytes32 role, address account) private {
        if (account == address(0)) revert RoleIsZero(role);
        _setRoleAdmin(role, TIMELOCK_ROLE);
        _grantRole(role, account);
    }

    /// @dev The selector has a verifier, and it was not stopped. A verifier that is no `EmergencyStop` has no such function, and cannot be stopped.
    function _requireVerifier(bytes4 selector) private view {
        address verifier = address(router.verifierOf(selector));
        (bool success, bytes memory said) = verifier.staticcall(abi.encodeCall(EmergencyStop(verifier).stopped, ()));
        if (success && said.length == 32 && bytes32(said) != 0) revert EmergencyStop.Stopped();
    }

    /// @dev An epoch that is open and has its randomness.
    function _drawn(uint64 epoch) private view returns (Epoch storage e, Head memory head) {
        e = epochs[epoch];
        head = e.head;
        if (head.devices == 0) revert EpochNotOpen(epoch);
        if (e.epochTag == 0) revert NotDrawn(epoch);
    }

    function _end(uint64 epoch) private view returns (uint256) {
        return (uint256(epoch) + 1) * epochSeconds;
    }

    /// @dev The present is after `begin` and not after `deadline`, both in seconds from the epoch's end.
    function _within(uint64 epoch, uint256 begin, uint256 deadline) private view {
        uint256 end = _end(epoch);
        if (block.timestamp <= end + begin) revert TooEarly(epoch, end + begin, block.timestamp);
        if (block.timestamp > end + deadline) revert TooLate(epoch, end + deadline, block.timestamp);
    }

    /// @dev The digests of a zone, if they stand with these demands.
    function _standing(Epoch storage e, Head memory head, uint64 zone, bytes calldata digests, uint256 mask)
        private
        view
        returns (bytes memory copy)
    {
        if (zone >= head.zones) revert ZoneUnknown(zone, head.zones);
        if (digests.length != 32 * uint256(head.watchers)) revert DataLength(32 * uint256(head.watchers), digests.length);
        copy = digests;
        bytes32 expected = e.words[zone];
        if (_isSettled(expected)) revert ZoneAlreadySettled(zone);
        bytes32 got = _word(copy, mask);
        if (got != expected) revert NotStanding(zone, expected, got);
    }

    function _isSettled(bytes32 word) private pure returns (bool) {
        return word & SETTLED != 0;
    }

    /// @dev What stands for these digests and demands.
    function _word(bytes memory digests, uint256 mask) private pure returns (bytes32 word) {
        if (mask != 0) return keccak256(abi.encodePacked(digests, mask)) & ~SETTLED;
        word = keccak256(digests);
        if (word == keccak256(new bytes(digests.length))) return 0;
        return word & ~SETTLED;
    }

    function _digest(bytes memory digests, uint256 seat) private pure returns (uint256 digest) {
        assembly ("memory-safe") {
            digest := mload(add(add(digests, 0x20), shl(5, seat)))
        }
    }

    function _setDigest(bytes memory digests, uint256 seat, uint256 digest) private pure {
        assembly ("memory-safe") {
            mstore(add(add(digests, 0x20), shl(5, seat)), digest)
        }
    }

    /// @dev Seat and digest of a vote that is proven to be its watcher's.
    function _openVote(
        Epoch storage e,
        Head memory head,
        uint64 zone,
        uint256 outCommit,
        bytes calldata vote,
        uint256[8] calldata proof
    ) private view returns (uint256 seat, uint256 digest) {
        if (vote.length < VOTE_BYTES_MIN || vote.length % 32 != 0) revert VoteLength(VOTE_BYTES_MIN, vote.length);
        (seat, digest) = abi.decode(vote, (uint256, uint256));
        if (seat >= head.watchers) revert SeatUnknown(seat, head.watchers);
        if (digest == 0) revert SeatIsEmpty(seat);
        uint256[7] memory inputs = _inputs(e, head.voteSelector, zone, outCommit, keccak256(vote));
        inputs[6] = _evaluate(vote, inputs[5]);
        router.verifierOf(head.voteSelector).verifyProof(proof, inputs);
    }

    /// @dev All public inputs of a statement but the last, y.
    function _inputs(Epoch storage e, bytes4 selector, uint64 zone, uint256 outCommit, bytes32 dataHash)
        private
        view
        returns (uint256[7] memory inputs)
    {
        inputs = [e.epochTag, e.registryRoot, e.parametersHash, zone, outCommit, 0, 0];
        bytes memory context = abi.encode(selector, inputs[0], inputs[1], inputs[2], inputs[3], outCommit, dataHash);
        inputs[5] = uint256(keccak256(context)) % R;
    }

    /// @dev The polynomial whose coefficients are the words, at z; each is smaller than R. Horner's rule: from the last word to the first, y = y z + word. Not
    /// reduced on the way: the words are below R, so y stays below 2 R < 2^256, and mulmod takes any y.
    function _evaluate(bytes calldata words, uint256 z) private pure returns (uint256 y) {
        uint256 offset = words.length;
        while (offset != 0) {
            offset -= 32;
            uint256 word;
            assembly ("memory-safe") {
                word := calldataload(add(words.offset, offset))
                y := add(mulmod(y, z, R), word)
            }
            if (word >= R) revert WordNotInField(offset / 32, word);
        }
        return y % R;
    }

    /// @dev Settles a zone but for the proof: stores its claim tree's root, counts it in `head`, and answers what has to be proven.
    function _settleZone(
        Epoch storage e,
        Head memory head,
        uint64 epoch,
        uint64 zone,
        uint256 outCommit,
        bytes calldata data
    ) private returns (uint256[7] memory inputs) {
        _checkSettlement(e, head, zone, data);
        bytes memory copy = data;
        inputs = _inputs(e, head.uptimeSelector, zone, outCommit, keccak256(copy));
        uint256 scores;
        (inputs[6], scores) = _read(copy, ROW_BYTES * head.devices, inputs[5]);
        if (scores == type(uint256).max) revert ScoreTooLarge(zone, SCORE_MAX);

        bytes32 root = _root(_claimLeaves(epoch, zone, copy, head.devices)) | SETTLED;
        e.words[zone] = root;
        ++head.settledZones;
        head.scores += uint48(scores);
        emit ZoneSettled(epoch, zone, root, scores);
    }

    /// @dev The data has its length, and its digests stand.
    function _checkSettlement(Epoch storage e, Head memory head, uint64 zone, bytes calldata data) private view {
        uint256 rows = ROW_BYTES * head.devices;
        uint256 length = rows + 32 * uint256(head.watchers);
        if (data.length != length) revert DataLength(length, data.length);
        _standing(e, head, zone, data[rows:], 0);
    }

    /// @dev Stores what `_settleZone` counted.
    function _count(Epoch storage e, Head memory head) private {
        (e.head.settledZones, e.head.scores) = (head.settledZones, head.scores);
    }

    /// @dev One pass over rows and digests, from the last to the first: the fingerprint y at z (see `_evaluate`; the digests were checked when they came to
    /// stand) and the sum of the scores, all ones if one is too large. `rows` is the length of the rows, in bytes.
    function _read(bytes memory data, uint256 rows, uint256 z) private pure returns (uint256 y, uint256 scores) {
        uint256 tooLarge; // has its highest bit set as soon as one score is above SCORE_MAX
        assembly ("memory-safe") {
            let begin := add(data, 0x20)
            let at := add(begin, mload(data))
            for { let end := add(begin, rows) } gt(at, end) {} {
                at := sub(at, 0x20)
                y := add(mulmod(y, z, R), mload(at))
            }
            // A word at a row is payee, score, and what follows. Two rows a turn, which costs a device 24 gas less than one; the odd row is that of N = 1.
            if mod(rows, 48) {
                at := sub(at, 24)
                let row := mload(at)
                scores := and(shr(64, row), 0xffffffff)
                tooLarge := sub(SCORE_MAX, scores)
                y := add(mulmod(add(mulmod(y, z, R), scores), z, R), shr(96, row))
            }
            for {} gt(at, begin) {} {
                let row := mload(sub(at, 24))
                let score := and(shr(64, row), 0xffffffff)
                tooLarge := or(tooLarge, sub(SCORE_MAX, score))
                scores := add(scores, score)
                y := add(mulmod(add(mulmod(y, z, R), score), z, R), shr(96, row))
                at := sub(at, 48)
                row := mload(at)
                score := and(shr(64, row), 0xffffffff)
                tooLarge := or(tooLarge, sub(SCORE_MAX, score))
                scores := add(scores, score)
                y := add(mulmod(add(mulmod(y, z, R), score), z, R), shr(96, row))
            }
        }
        if (tooLarge >> 255 != 0) scores = type(uint256).max;
        y %= R;
    }

    /// @dev The leaves of a zone's claim tree. A leaf is hashed where its rows are: its first 16 bytes, epoch and index of the first device, go into the word
    /// before them, which is put back.
    function _claimLeaves(uint64 epoch, uint64 zone, bytes memory data, uint256 devices)
        private
        pure
        returns (bytes32[] memory leaves)
    {
        uint256 chunk = devices < CHUNK ? devices : CHUNK;
        leaves = new bytes32[](devices / chunk);
        uint256 label = uint256(epoch) << 64 | zone * devices;
        assembly ("memory-safe") {
            let size := mul(ROW_BYTES, chunk)
            let before := data
            let end := add(add(leaves, 0x20), shl(5, mload(leaves)))
            for { let leaf := add(leaves, 0x20) } lt(leaf, end) { leaf := add(leaf, 0x20) } {
                let kept := mload(before)
                mstore(before, label)
                mstore(leaf, keccak256(add(before, 16), add(16, size)))
                mstore(before, kept)
                before := add(before, size)
                label := add(label, chunk)
            }
        }
    }

    /// @dev Root of a tree of sorted pairs, in place; the number of leaves is a power of two.
    function _root(bytes32[] memory leaves) private pure returns (bytes32 root) {
        assembly ("memory-safe") {
            let first := add(leaves, 0x20)
            for { let size := shl(5, mload(leaves)) } gt(size, 0x20) {} {
                size := shr(1, size)
                let from := first
                let to := first
                for { let end := add(first, size) } lt(to, end) { to := add(to, 0x20) } {
                    // A pair is hashed from 0x00; `swap` is where its left word goes: 0x20 if it is the larger one.
                    let left := mload(from)
                    let right := mload(add(from, 0x20))
                    let swap := shl(5, gt(left, right))
                    mstore(swap, left)
                    mstore(xor(swap, 0x20), right)
                    mstore(to, keccak256(0x00, 0x40))
                    from := add(from, 0x40)
                }
            }
            root := mload(first)
        }
    }
}
