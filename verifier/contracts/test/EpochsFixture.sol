// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {DrandBeacon} from "../src/DrandBeacon.sol";
import {EmergencyStop} from "../src/EmergencyStop.sol";
import {Epochs} from "../src/Epochs.sol";
import {IProofVerifier} from "../src/IProofVerifier.sol";
import {Rewards} from "../src/Rewards.sol";
import {TestToken} from "../src/TestToken.sol";
import {VerifierRouter} from "../src/VerifierRouter.sol";
import {EpochsReference} from "./EpochsReference.sol";
import {VM} from "./Forge.sol";
import {MockBeacon} from "./MockBeacon.sol";

/// @dev A verifier that accepts exactly one question: the proofs and inputs whose hash was set.
contract ExpectingVerifier is IProofVerifier {
    error OtherInputs(bytes32 expected, bytes32 got);

    bytes32 public immutable keyHash;
    bool public constant INSECURE_SETUP = false;
    bytes32 public expected;

    constructor(bytes32 keyHash_) {
        keyHash = keyHash_;
    }

    function expect(bytes32 hash) external {
        expected = hash;
    }

    function verifyProof(uint256[8] calldata proof, uint256[7] calldata inputs) external view {
        _require(keccak256(abi.encode(proof, inputs)));
    }

    function verifyBatch(uint256[8][] calldata proofs, uint256[7][] calldata inputs) external view {
        _require(keccak256(abi.encode(proofs, inputs)));
    }

    function _require(bytes32 got) private view {
        if (got != expected) revert OtherInputs(expected, got);
    }
}

/// @dev The deployed contract with mocks for beacon and verifiers, and the steps of an epoch up to any phase. All lengths of phases differ, so that no deadline
/// can stand for another one.
abstract contract EpochsFixture {
    address internal constant OPERATOR = address(0x0E);
    address internal constant GUARDIAN = address(0x6A);
    address internal constant TIMELOCK = address(0x71);
    address internal constant STRANGER = address(0x57);

    uint256 internal constant R = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    uint256 internal constant BOND = 0.25 ether;
    uint256 internal constant L = 3600;
    uint256 internal constant ATTEST = 600;
    uint256 internal constant REPLACE = ATTEST + 700;
    uint256 internal constant DEMAND = REPLACE + 800;
    uint256 internal constant ANSWER = DEMAND + 900;
    uint256 internal constant SETTLE = ANSWER + 1000;
    uint96 internal constant BUDGET = 1_000_000;

    uint64 internal constant EPOCH = 500_000;
    uint256 internal constant END = (uint256(EPOCH) + 1) * L;
    bytes32 internal constant UPTIME_CIRCUIT = keccak256("uptime");
    bytes32 internal constant VOTE_CIRCUIT = keccak256("vote");

    TestToken internal token;
    MockBeacon internal beacon;
    VerifierRouter internal router;
    ExpectingVerifier internal uptime;
    ExpectingVerifier internal vote;
    EmergencyStop internal uptimeStop;
    EmergencyStop internal voteStop;
    bytes4 internal uptimeSelector;
    bytes4 internal voteSelector;
    Rewards internal rewards;

    function setUp() public virtual {
        VM.chainId(31337);
        VM.warp(uint256(EPOCH) * L - 1000);
        token = new TestToken();
        beacon = new MockBeacon();
        uptime = new ExpectingVerifier(keccak256("uptime key"));
        vote = new ExpectingVerifier(keccak256("vote key"));
        uptimeStop = new EmergencyStop(uptime, GUARDIAN);
        voteStop = new EmergencyStop(vote, GUARDIAN);
        IProofVerifier[] memory verifiers = new IProofVerifier[](2);
        bytes32[] memory ids = new bytes32[](2);
        (verifiers[0], verifiers[1], ids[0], ids[1]) = (uptimeStop, voteStop, UPTIME_CIRCUIT, VOTE_CIRCUIT);
        router = new VerifierRouter(TIMELOCK, GUARDIAN, verifiers, ids);
        uptimeSelector = bytes4(keccak256(abi.encode(keccak256("uptime key"), UPTIME_CIRCUIT)));
        voteSelector = bytes4(keccak256(abi.encode(keccak256("vote key"), VOTE_CIRCUIT)));
        rewards = new Rewards(_setup(), _terms(), Epochs.Roles(OPERATOR, GUARDIAN, TIMELOCK));
        token.mint(OPERATOR, 1e24);
        VM.prank(OPERATOR);
        token.approve(address(rewards), type(uint256).max);
    }

    function _setup() internal view returns (Epochs.Setup memory) {
        return Epochs.Setup({
            router: router,
            beacon: DrandBeacon(address(beacon)),
            demandBond: BOND,
            epochSeconds: uint32(L),
            attestSeconds: 600,
            replaceSeconds: 700,
            demandSeconds: 800,
            answerSeconds: 900,
            settleSeconds: 1000
        });
    }

    function _terms() internal view returns (Rewards.Terms memory) {
        return Rewards.Terms({
            token: token,
            claimSeconds: 30 days,
            windowSeconds: 1 days,
            epochMax: 10 * BUDGET,
            deviceMax: BUDGET,
            windowMax: 4 * BUDGET
        });
    }

    // ------------------------------------------------------------------------------------------------------ steps of an epoch

    function _plan(uint16 devices, uint8 watchers, uint32 zones) internal view returns (Epochs.Plan memory) {
        return Epochs.Plan(
            uptimeSelector, voteSelector, devices, watchers, zones, uint256(keccak256("REG")) % R, uint256(keccak256("parameters")) % R, BUDGET
        );
    }

    /// @dev Opened, in time.
    function _open(Epochs.Plan memory plan) internal {
        VM.prank(OPERATOR);
        rewards.open(EPOCH, plan);
    }

    function _draw() internal {
        rewards.draw(EPOCH, beacon.signatureOf(_round()));
    }

    /// @dev Opened, drawn, and at the last second of the epoch.
    function _run(uint16 devices, uint8 watchers, uint32 zones) internal {
        _open(_plan(devices, watchers, zones));
        VM.warp(END);
        _draw();
    }

    /// @dev The time in seconds after the epoch's end.
    function _at(uint256 time) internal {
        VM.warp(END + time);
    }

    /// @dev Posts digests of zones from 0 on, in the first second in which that is possible.
    function _attest(bytes memory digests) internal {
        _at(1);
        VM.prank(OPERATOR);
        rewards.attest(EPOCH, 0, digests, keccak256("bitmaps"));
    }

    /// @dev Demands a seat of zone 0 for an account, which gets the bond before.
    function _demand(address account, bytes memory standing, uint256 mask, uint256 seat) internal {
        payable(account).transfer(BOND);
        VM.prank(account);
        rewards.demand{value: BOND}(EPOCH, 0, standing, mask, seat);
    }

    /// @dev A proof of these inputs will be accepted, and no other.
    function _expectProof(ExpectingVerifier verifier, uint256[8] memory proof, uint256[7] memory inputs) internal {
        verifier.expect(keccak256(abi.encode(proof, inputs)));
    }

    /// @dev What settling `data` has to prove, in plain Solidity.
    function _settleInputs(uint64 zone, uint256 outCommit, bytes memory data, uint256 devices)
        internal
        view
        returns (uint256[7] memory inputs)
    {
        inputs = _inputs(uptimeSelector, zone, outCommit, data);
        inputs[6] = EpochsReference.uptimeFingerprint(data, devices, inputs[5]);
    }

    /// @dev What an opened vote has to prove, in plain Solidity.
    function _voteInputs(uint64 zone, uint256 outCommit, bytes memory words) internal view returns (uint256[7] memory inputs) {
        inputs = _inputs(voteSelector, zone, outCommit, words);
        inputs[6] = EpochsReference.polynomial(words, 0, words.length / 32, inputs[5]);
    }

    function _inputs(bytes4 selector, uint64 zone, uint256 outCommit, bytes memory data)
        private
        view
        returns (uint256[7] memory inputs)
    {
        (, uint256 registryRoot, uint256 parametersHash, uint256 epochTag) = rewards.epochs(EPOCH);
        inputs = [epochTag, registryRoot, parametersHash, zone, outCommit, 0, 0];
        inputs[5] = EpochsReference.challenge(selector, epochTag, registryRoot, parametersHash, zone, outCommit, keccak256(data));
    }

    /// @dev Settles a zone, with the proof that is expected of it.
    function _settle(uint64 zone, bytes memory data, uint256 devices) internal {
        uint256[8] memory proof = _proof(zone);
        _expectProof(uptime, proof, _settleInputs(zone, 7, data, devices));
        rewards.settle(EPOCH, zone, 7, data, proof);
    }

    // ------------------------------------------------------------------------------------------------------------ made-up data

    function _round() internal pure returns (uint64) {
        return uint64((uint256(EPOCH) * L + 6) / 7);
    }

    function _proof(uint256 seed) internal pure returns (uint256[8] memory proof) {
        for (uint256 i = 0; i < 8; ++i) proof[i] = uint256(keccak256(abi.encode("proof", seed, i)));
    }

    /// @dev Digests that are not 0, a word each.
    function _digests(uint256 count, uint256 seed) internal pure returns (bytes memory digests) {
        digests = new bytes(32 * count);
        for (uint256 i = 0; i < count; ++i) EpochsReference.setWord(digests, i, 1 + uint256(keccak256(abi.encode("digest", seed, i))) % (R - 1));
    }

    /// @dev Payee and score of so many devices; every fourth score is the largest, every eighth payee the largest.
    function _rows(uint256 devices, uint256 seed) internal pure returns (bytes memory rows) {
        rows = new bytes(24 * devices);
        for (uint256 i = 0; i < devices; ++i) {
            uint256 random = uint256(keccak256(abi.encode("row", seed, i)));
            uint160 payee = random >> 248 < 32 ? type(uint160).max : uint160(random);
            uint32 score = (random >> 240 & 0xff) < 64 ? 1_000_000 : uint32((random >> 160) % 1_000_001);
            bytes24 row = bytes24(uint192(payee) << 32 | score);
            for (uint256 j = 0; j < 24; ++j) rows[24 * i + j] = row[j];
        }
    }

    /// @dev A vote of a seat: digest, signature, and two elements of the bitmap.
    function _vote(uint256 seat, uint256 digest) internal pure returns (bytes memory) {
        return abi.encode(seat, digest, R - 1, uint256(2), uint256(3), uint256(4), R - 5);
    }

    function _word(bytes memory digests) internal pure returns (bytes32) {
        return keccak256(digests) & ~bytes32(uint256(1 << 255));
    }

    function _word(bytes memory digests, uint256 mask) internal pure returns (bytes32) {
        return keccak256(bytes.concat(digests, bytes32(mask))) & ~bytes32(uint256(1 << 255));
    }
}
