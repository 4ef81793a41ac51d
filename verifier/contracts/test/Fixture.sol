// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {DrandBeacon} from "../src/DrandBeacon.sol";
import {Epochs} from "../src/Epochs.sol";
import {IProofVerifier} from "../src/IProofVerifier.sol";
import {Rewards} from "../src/Rewards.sol";
import {TestToken} from "../src/TestToken.sol";
import {VerifierRouter} from "../src/VerifierRouter.sol";
import {VM} from "./Forge.sol";
import {MockBeacon} from "./MockBeacon.sol";
import {MockVerifier} from "./MockVerifier.sol";

/// @dev The claim tree as docs/protocol.md defines it, in plain Solidity: what `Epochs` and `Rewards` are compared with.
library ClaimTree {
    /// @dev One row a device.
    struct Row {
        address payee;
        uint32 score;
    }

    function pack(Row[] memory rows) internal pure returns (bytes memory packed) {
        return pack(rows, 0, rows.length);
    }

    function pack(Row[] memory rows, uint256 begin, uint256 count) internal pure returns (bytes memory packed) {
        for (uint256 i = begin; i < begin + count; ++i) {
            packed = bytes.concat(packed, bytes20(rows[i].payee), bytes4(rows[i].score));
        }
    }

    /// @dev Rows of the leaf that holds a zone's device number `place`.
    function leafRows(Row[] memory zone, uint256 place) internal pure returns (bytes memory) {
        uint256 chunk = chunkOf(zone);
        return pack(zone, place / chunk * chunk, chunk);
    }

    function chunkOf(Row[] memory zone) internal pure returns (uint256) {
        return zone.length < 8 ? zone.length : 8;
    }

    function leaves(uint64 epoch, uint64 zoneNumber, Row[] memory zone) internal pure returns (bytes32[] memory level) {
        uint256 chunk = chunkOf(zone);
        level = new bytes32[](zone.length / chunk);
        for (uint256 i = 0; i < level.length; ++i) {
            uint64 first = uint64(zoneNumber * zone.length + i * chunk);
            level[i] = keccak256(abi.encodePacked(epoch, first, pack(zone, i * chunk, chunk)));
        }
    }

    function root(bytes32[] memory level) internal pure returns (bytes32) {
        while (level.length > 1) level = _above(level);
        return level[0] | bytes32(uint256(1) << 255);
    }

    /// @dev The siblings of leaf number `place`, from the leaf to the root.
    function path(bytes32[] memory level, uint256 place) internal pure returns (bytes32[] memory siblings) {
        uint256 depth = 0;
        while (level.length >> depth > 1) ++depth;
        siblings = new bytes32[](depth);
        for (uint256 i = 0; i < depth; ++i) {
            siblings[i] = level[place ^ 1];
            (level, place) = (_above(level), place / 2);
        }
    }

    function _above(bytes32[] memory level) private pure returns (bytes32[] memory above) {
        above = new bytes32[](level.length / 2);
        for (uint256 i = 0; i < above.length; ++i) {
            (bytes32 a, bytes32 b) = (level[2 * i], level[2 * i + 1]);
            above[i] = a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
        }
    }
}

/// @dev A deployment of `Rewards` behind the real router with verifiers that accept what they are told to, and the way of an epoch to its claims.
abstract contract Fixture {
    address internal constant OPERATOR = address(0x0E);
    address internal constant GUARDIAN = address(0x6A);
    address internal constant TIMELOCK = address(0x71);
    address internal constant STRANGER = address(0x57);

    uint64 internal constant EPOCH = 20_000;
    uint32 internal constant EPOCH_SECONDS = 1 days;
    uint32 internal constant PHASE_SECONDS = 1 hours;
    uint32 internal constant SETTLE_SECONDS = 20 days;
    uint32 internal constant CLAIM_SECONDS = 30 days;
    uint32 internal constant WINDOW_SECONDS = 1 days;
    uint256 internal constant BOND = 1 ether;
    uint96 internal constant EPOCH_MAX = 1e15;
    uint96 internal constant DEVICE_MAX = 5e14;
    uint96 internal constant WINDOW_MAX = 1e15;

    TestToken internal token;
    VerifierRouter internal router;
    MockBeacon internal beacon;
    Rewards internal rewards;
    bytes4 internal uptimeSelector;
    bytes4 internal voteSelector;

    /// @dev Deploys, at a time long before EPOCH.
    function _deploy() internal {
        VM.warp((EPOCH - 10) * EPOCH_SECONDS);
        MockVerifier verifier = new MockVerifier(keccak256("key"), false);
        (IProofVerifier[] memory verifiers, bytes32[] memory circuits) = (new IProofVerifier[](2), new bytes32[](2));
        (verifiers[0], verifiers[1]) = (verifier, verifier);
        (circuits[0], circuits[1]) = (keccak256("uptime"), keccak256("vote"));
        router = new VerifierRouter(TIMELOCK, GUARDIAN, verifiers, circuits);
        uptimeSelector = bytes4(keccak256(abi.encode(keccak256("key"), circuits[0])));
        voteSelector = bytes4(keccak256(abi.encode(keccak256("key"), circuits[1])));
        beacon = new MockBeacon();
        token = new TestToken();
        token.mint(OPERATOR, 1e24);
        _deployRewards(_terms(token));
    }

    /// @dev `rewards` is now a deployment with these terms, which may take what the operator has.
    function _deployRewards(Rewards.Terms memory terms) internal {
        rewards = new Rewards(_setup(), terms, _roles());
        VM.prank(OPERATOR);
        terms.token.approve(address(rewards), type(uint256).max);
    }

    function _setup() internal view returns (Epochs.Setup memory) {
        return Epochs.Setup({
            router: router,
            beacon: DrandBeacon(address(beacon)),
            demandBond: BOND,
            epochSeconds: EPOCH_SECONDS,
            attestSeconds: PHASE_SECONDS,
            replaceSeconds: PHASE_SECONDS,
            demandSeconds: PHASE_SECONDS,
            answerSeconds: PHASE_SECONDS,
            settleSeconds: SETTLE_SECONDS
        });
    }

    function _terms(IERC20 paid) internal pure returns (Rewards.Terms memory) {
        return Rewards.Terms({
            token: paid,
            claimSeconds: CLAIM_SECONDS,
            windowSeconds: WINDOW_SECONDS,
            epochMax: EPOCH_MAX,
            deviceMax: DEVICE_MAX,
            windowMax: WINDOW_MAX
        });
    }

    function _roles() internal pure returns (Epochs.Roles memory) {
        return Epochs.Roles({operator: OPERATOR, guardian: GUARDIAN, timelock: TIMELOCK});
    }

    function _plan(uint16 devices, uint32 zones, uint96 budget) internal view returns (Epochs.Plan memory) {
        return Epochs.Plan({
            uptimeSelector: uptimeSelector,
            voteSelector: voteSelector,
            devices: devices,
            watchers: 3,
            zones: zones,
            registryRoot: 1,
            parametersHash: 2,
            budget: budget
        });
    }

    function _open(uint64 epoch, uint16 devices, uint32 zones, uint96 budget) internal {
        VM.prank(OPERATOR);
        rewards.open(epoch, _plan(devices, zones, budget));
    }

    /// @dev The beacon's signature of an epoch's round, whose time has come.
    function _draw(uint64 epoch) internal {
        rewards.draw(epoch, beacon.signatureOf(beacon.roundAt(epoch * EPOCH_SECONDS)));
    }

    /// @dev Draws an open epoch and goes to the first second in which its zones may be settled.
    function _toSettlement(uint64 epoch) internal {
        _draw(epoch);
        VM.warp(uint256(epoch + 1) * EPOCH_SECONDS + 4 * PHASE_SECONDS + 1);
    }

    /// @dev Settles a zone that nobody attested, with a proof that the verifier takes.
    function _settle(uint64 epoch, uint64 zone, ClaimTree.Row[] memory rows) internal {
        rewards.settle(epoch, zone, 0, bytes.concat(ClaimTree.pack(rows), new bytes(96)), _proof());
    }

    function _proof() internal pure returns (uint256[8] memory proof) {
        proof[0] = 1;
    }

    /// @dev From the plan to the claims of an epoch with these zones.
    function _settled(uint64 epoch, uint96 budget, ClaimTree.Row[][] memory zones) internal {
        _open(epoch, uint16(zones[0].length), uint32(zones.length), budget);
        _toSettlement(epoch);
        for (uint64 zone = 0; zone < zones.length; ++zone) _settle(epoch, zone, zones[zone]);
        rewards.close(epoch);
    }

    /// @dev A zone in which device i has payee 0xDE000 + i and the score 1,000,000 - i.
    function _zone(uint256 devices) internal pure returns (ClaimTree.Row[] memory rows) {
        rows = new ClaimTree.Row[](devices);
        for (uint160 i = 0; i < devices; ++i) rows[i] = ClaimTree.Row(address(0xDE000 + i), uint32(1_000_000 - i));
    }

    /// @dev Zones of one device each: payee 0xDE000 + i, and these scores.
    function _singles(uint32[] memory scores) internal pure returns (ClaimTree.Row[][] memory zones) {
        zones = new ClaimTree.Row[][](scores.length);
        for (uint160 i = 0; i < scores.length; ++i) {
            zones[i] = new ClaimTree.Row[](1);
            zones[i][0] = ClaimTree.Row(address(0xDE000 + i), scores[i]);
        }
    }

    /// @dev So many zones of one device each, with equal scores.
    function _equals(uint256 count) internal pure returns (ClaimTree.Row[][] memory) {
        uint32[] memory scores = new uint32[](count);
        for (uint256 i = 0; i < count; ++i) scores[i] = 1_000_000;
        return _singles(scores);
    }

    function _one(ClaimTree.Row[] memory zone) internal pure returns (ClaimTree.Row[][] memory zones) {
        zones = new ClaimTree.Row[][](1);
        zones[0] = zone;
    }

    /// @dev What the payee's key signs to be paid elsewhere (EIP-712), in plain Solidity.
    function _setPayeeDigest(uint64 device, address payee, address newPayee, uint256 nonce, uint256 deadline)
        internal
        view
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("popw"),
                keccak256("1"),
                block.chainid,
                address(rewards)
            )
        );
        bytes32 message = keccak256(
            abi.encode(
                keccak256("SetPayee(uint64 device,address payee,address newPayee,uint256 nonce,uint256 deadline)"),
                device,
                payee,
                newPayee,
                nonce,
                deadline
            )
        );
        return keccak256(abi.encodePacked("\x19\x01", domain, message));
    }

    function _sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _expectDenied(address caller, bytes32 role) internal {
        VM.expectRevert(abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, caller, role));
    }

    /// @dev The call of a claim of an epoch with these zones.
    function _claimCall(uint64 epoch, uint64 device, ClaimTree.Row[][] memory zones) internal pure returns (bytes memory) {
        uint64 zone = uint64(device / zones[0].length);
        uint256 place = device % zones[0].length;
        ClaimTree.Row[] memory rows = zones[zone];
        bytes32[] memory path = ClaimTree.path(ClaimTree.leaves(epoch, zone, rows), place / ClaimTree.chunkOf(rows));
        return abi.encodeCall(Rewards.claim, (epoch, device, ClaimTree.leafRows(rows, place), path));
    }

    /// @dev Makes a call that must succeed.
    function _call(bytes memory call) internal {
        (bool success, bytes memory answer) = address(rewards).call(call);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }

    /// @dev Makes a call that must fail with this reason.
    function _refuses(bytes memory call, bytes memory reason) internal {
        VM.expectRevert(reason);
        _call(call);
    }
}
