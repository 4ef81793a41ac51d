// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {DrandBeacon} from "../src/DrandBeacon.sol";
import {Epochs} from "../src/Epochs.sol";
import {Rewards} from "../src/Rewards.sol";
import {VerifierRouter} from "../src/VerifierRouter.sol";
import {EpochsFixture} from "./EpochsFixture.sol";
import {EpochsReference} from "./EpochsReference.sol";
import {VM} from "./Forge.sol";
import {MockBeacon} from "./MockBeacon.sol";

/// @dev Constructor, roles, plan, randomness and close of an epoch; recourse is in EpochsRecourse.t.sol, settlement in EpochsSettle.t.sol.
contract EpochsTest is EpochsFixture {
    // -------------------------------------------------------------------------------------------------- constructor and roles

    function test_whatTheConstructorWasGiven() external view {
        require(address(rewards.router()) == address(router) && address(rewards.beacon()) == address(beacon), "contracts");
        require(rewards.demandBond() == BOND && rewards.epochSeconds() == L, "bond and length");
        require(rewards.attestUntil() == ATTEST && rewards.replaceUntil() == REPLACE && rewards.demandUntil() == DEMAND, "D1 to D2'");
        require(rewards.answerUntil() == ANSWER && rewards.settleUntil() == SETTLE, "D3 and D4");
        (uint256 end, uint256 d1, uint256 d2, uint256 d2b, uint256 d3, uint256 d4) = rewards.deadlines(EPOCH);
        require(end == END && d1 == END + ATTEST && d2 == END + REPLACE && d2b == END + DEMAND, "deadlines up to D2'");
        require(d3 == END + ANSWER && d4 == END + SETTLE, "deadlines D3 and D4");
        bytes32 timelock = rewards.TIMELOCK_ROLE();
        require(rewards.hasRole(rewards.OPERATOR_ROLE(), OPERATOR) && rewards.hasRole(rewards.GUARDIAN_ROLE(), GUARDIAN), "roles");
        require(rewards.hasRole(timelock, TIMELOCK) && !rewards.hasRole(0, TIMELOCK) && !rewards.hasRole(0, address(this)), "no administrator");
        require(rewards.getRoleAdmin(rewards.OPERATOR_ROLE()) == timelock && rewards.getRoleAdmin(timelock) == timelock, "admins");
        require(rewards.getRoleAdmin(rewards.GUARDIAN_ROLE()) == timelock, "the guardian's admin");
    }

    function test_theConstructorRefuses() external {
        for (uint256 i = 0; i < 12; ++i) {
            Epochs.Setup memory setup = _setup();
            Epochs.Roles memory roles = Epochs.Roles(OPERATOR, GUARDIAN, TIMELOCK);
            bytes memory reason = abi.encodeWithSelector(Epochs.SetupIsZero.selector);
            if (i == 0) setup.demandBond = 0;
            if (i == 1) setup.epochSeconds = 0;
            if (i == 2) setup.attestSeconds = 0;
            if (i == 3) setup.replaceSeconds = 0;
            if (i == 4) setup.demandSeconds = 0;
            if (i == 5) setup.answerSeconds = 0;
            if (i == 6) setup.settleSeconds = 0;
            if (i == 7) {
                setup.router = VerifierRouter(STRANGER);
                reason = abi.encodeWithSelector(Epochs.WithoutCode.selector, STRANGER);
            }
            if (i == 8) {
                setup.beacon = DrandBeacon(STRANGER);
                reason = abi.encodeWithSelector(Epochs.WithoutCode.selector, STRANGER);
            }
            if (i == 9) (roles.operator, reason) = (address(0), _roleIsZero("OPERATOR_ROLE"));
            if (i == 10) (roles.guardian, reason) = (address(0), _roleIsZero("GUARDIAN_ROLE"));
            if (i == 11) (roles.timelock, reason) = (address(0), _roleIsZero("TIMELOCK_ROLE"));
            Rewards.Terms memory terms = _terms();
            VM.expectRevert(reason);
            new Rewards(setup, terms, roles);
        }
    }

    function testFuzz_onlyTheOperatorOpensAndAttests(address caller) external {
        VM.assume(caller != OPERATOR);
        Epochs.Plan memory plan = _plan(1, 1, 1);
        _expectDenied(caller, keccak256("OPERATOR_ROLE"));
        VM.prank(caller);
        rewards.open(EPOCH, plan);
        _run(1, 1, 1);
        _at(1);
        _expectDenied(caller, keccak256("OPERATOR_ROLE"));
        VM.prank(caller);
        rewards.attest(EPOCH, 0, _digests(1, 0), 0);
    }

    function testFuzz_onlyTheTimelockMovesRoles(address caller, uint8 which) external {
        VM.assume(caller != TIMELOCK);
        bytes32 role = [keccak256("OPERATOR_ROLE"), keccak256("GUARDIAN_ROLE"), keccak256("TIMELOCK_ROLE")][which % 3];
        _expectDenied(caller, keccak256("TIMELOCK_ROLE"));
        VM.prank(caller);
        rewards.grantRole(role, caller);
        _expectDenied(caller, keccak256("TIMELOCK_ROLE"));
        VM.prank(caller);
        rewards.revokeRole(role, OPERATOR);
        VM.prank(TIMELOCK);
        rewards.grantRole(role, caller);
        require(rewards.hasRole(role, caller), "granted");
    }

    // ------------------------------------------------------------------------------------------------------------------- open

    function testFuzz_openFreezesThePlan(uint8 size, uint8 watchers, uint32 zones, uint256 root, uint256 parameters, uint96 budget)
        external
    {
        uint16 devices = [1, 16, 256, 4096][size % 4];
        Epochs.Plan memory plan = _plan(devices, 1 + watchers % 10, uint32(1 + zones % _zonesMax(devices)));
        (plan.registryRoot, plan.parametersHash, plan.budget) = (root % R, parameters % R, budget % (10 * BUDGET + 1));
        VM.expectEmit();
        emit Epochs.EpochOpened(EPOCH, plan, _round());
        _open(plan);
        (Epochs.Head memory head, uint256 registryRoot, uint256 parametersHash, uint256 epochTag) = rewards.epochs(EPOCH);
        require(head.uptimeSelector == uptimeSelector && head.voteSelector == voteSelector, "selectors");
        require(head.devices == devices && head.watchers == plan.watchers && head.zones == plan.zones, "sizes");
        require(head.settledZones == 0 && head.scores == 0 && head.closedAt == 0 && epochTag == 0, "nothing happened yet");
        require(registryRoot == plan.registryRoot && parametersHash == plan.parametersHash, "roots");
        require(token.balanceOf(address(rewards)) == plan.budget, "the budget is here");
        _refusedAtOpen(plan, abi.encodeWithSelector(Epochs.EpochAlreadyOpen.selector, EPOCH));
    }

    function testFuzz_openRefusesSizes(uint16 devices, uint8 watchers) external {
        if (devices != 1 && devices != 16 && devices != 256 && devices != 4096) {
            _refusedAtOpen(_plan(devices, 1, 1), abi.encodeWithSelector(Epochs.UnknownZoneSize.selector, devices));
        }
        if (watchers == 0 || watchers > 10) {
            _refusedAtOpen(_plan(16, watchers, 1), abi.encodeWithSelector(Epochs.WatchersOutOfRange.selector, watchers));
        }
    }

    function test_openRefusesSizesAtTheirBounds() external {
        uint16[7] memory sizes = [0, 2, 15, 17, 255, 257, 4095];
        for (uint256 i = 0; i < sizes.length; ++i) {
            _refusedAtOpen(_plan(sizes[i], 1, 1), abi.encodeWithSelector(Epochs.UnknownZoneSize.selector, sizes[i]));
        }
        _refusedAtOpen(_plan(1, 0, 1), abi.encodeWithSelector(Epochs.WatchersOutOfRange.selector, 0));
        _refusedAtOpen(_plan(1, 11, 1), abi.encodeWithSelector(Epochs.WatchersOutOfRange.selector, 11));
        uint16[4] memory known = [1, 16, 256, 4096];
        for (uint256 i = 0; i < known.length; ++i) {
            uint256 limit = _zonesMax(known[i]);
            require((limit + 1) * known[i] * 1_000_000 > type(uint48).max, "one zone more does not fit");
            _refusedAtOpen(_plan(known[i], 1, 0), abi.encodeWithSelector(Epochs.ZonesOutOfRange.selector, 0, limit));
            _refusedAtOpen(_plan(known[i], 1, uint32(limit + 1)), abi.encodeWithSelector(Epochs.ZonesOutOfRange.selector, limit + 1, limit));
        }
    }

    function testFuzz_openRefusesRootsOutsideTheField(uint256 value) external {
        VM.assume(value >= R);
        Epochs.Plan memory plan = _plan(1, 1, 1);
        plan.registryRoot = value;
        _refusedAtOpen(plan, abi.encodeWithSelector(Epochs.NotInField.selector, value));
        (plan.registryRoot, plan.parametersHash) = (R - 1, R);
        _refusedAtOpen(plan, abi.encodeWithSelector(Epochs.NotInField.selector, R));
        plan.parametersHash = R - 1;
        _open(plan);
    }

    function test_openRefusesSelectors() external {
        Epochs.Plan memory plan = _plan(1, 1, 1);
        plan.voteSelector = uptimeSelector;
        _refusedAtOpen(plan, abi.encodeWithSelector(Epochs.SelectorsEqual.selector, uptimeSelector));
        plan.voteSelector = 0x01020304;
        _refusedAtOpen(plan, abi.encodeWithSelector(VerifierRouter.SelectorUnknown.selector, bytes4(0x01020304)));
        (plan.voteSelector, plan.uptimeSelector) = (voteSelector, 0x01020304);
        _refusedAtOpen(plan, abi.encodeWithSelector(VerifierRouter.SelectorUnknown.selector, bytes4(0x01020304)));
        plan.uptimeSelector = uptimeSelector;
        VM.prank(GUARDIAN);
        router.remove(voteSelector);
        _refusedAtOpen(plan, abi.encodeWithSelector(VerifierRouter.SelectorRemoved.selector, voteSelector));
    }

    /// @dev Two periods of seven seconds before the round; the round comes up to six seconds after the epoch's start.
    function test_openIsTwoPeriodsBeforeTheRound() external {
        uint64 round = _round();
        uint256 emitted = uint256(round) * 7;
        require(emitted >= uint256(EPOCH) * L && emitted < uint256(EPOCH) * L + 7, "the first round at or after the start");
        VM.warp(emitted - 13);
        _refusedAtOpen(_plan(1, 1, 1), abi.encodeWithSelector(Epochs.RoundTooSoon.selector, round, emitted, emitted + 1));
        VM.warp(emitted + 1000 days);
        _refusedAtOpen(
            _plan(1, 1, 1), abi.encodeWithSelector(Epochs.RoundTooSoon.selector, round, emitted, emitted + 1000 days + 14)
        );
        VM.warp(emitted - 14);
        _open(_plan(1, 1, 1));
    }

    function testFuzz_openRefusesEpochsBeyondTheClock(uint64 epoch) external {
        uint64 last = uint64(type(uint40).max / L);
        VM.assume(epoch > last);
        Epochs.Plan memory plan = _plan(1, 1, 1);
        VM.expectRevert(abi.encodeWithSelector(Epochs.EpochOutOfRange.selector, epoch));
        VM.prank(OPERATOR);
        rewards.open(epoch, plan);
        VM.expectRevert(abi.encodeWithSelector(Epochs.EpochOutOfRange.selector, last + 1));
        VM.prank(OPERATOR);
        rewards.open(last + 1, plan);
        VM.prank(OPERATOR);
        rewards.open(last, plan);
    }

    // ------------------------------------------------------------------------------------------------------------------- draw

    function testFuzz_anyoneDrawsOnce(address caller) external {
        _open(_plan(16, 8, 3));
        bytes memory signature = beacon.signatureOf(_round());
        bytes32 randomness = keccak256(abi.encode("randomness", _round()));
        (, uint256 registryRoot, uint256 parametersHash,) = rewards.epochs(EPOCH);
        uint256 epochTag = uint256(
            keccak256(
                abi.encode(
                    block.chainid, address(rewards), uptimeSelector, uint256(EPOCH), registryRoot, parametersHash, randomness
                )
            )
        ) % R;
        VM.expectEmit();
        emit Epochs.RandomnessDrawn(EPOCH, _round(), randomness, epochTag);
        VM.prank(caller);
        rewards.draw(EPOCH, signature);
        (,,, uint256 stored) = rewards.epochs(EPOCH);
        require(stored == epochTag, "the tag");
        VM.expectRevert(abi.encodeWithSelector(Epochs.AlreadyDrawn.selector, EPOCH, epochTag));
        rewards.draw(EPOCH, signature);
    }

    function testFuzz_drawNeedsTheSignatureOfTheEpochsRound(uint64 round) external {
        VM.assume(round != _round());
        bytes memory signature = beacon.signatureOf(round);
        VM.expectRevert(abi.encodeWithSelector(Epochs.EpochNotOpen.selector, EPOCH));
        rewards.draw(EPOCH, signature);
        _open(_plan(1, 1, 1));
        VM.expectRevert(abi.encodeWithSelector(MockBeacon.SignatureInvalid.selector, _round()));
        rewards.draw(EPOCH, signature);
        _draw();
    }

    /// @dev Epochs, contracts and chains have tags of their own.
    function test_tagsDiffer() external {
        Epochs.Plan memory plan = _plan(1, 1, 1);
        _open(plan);
        VM.prank(OPERATOR);
        rewards.open(EPOCH + 1, plan);
        _draw();
        bytes memory next = beacon.signatureOf(uint64(((uint256(EPOCH) + 1) * L + 6) / 7));
        rewards.draw(EPOCH + 1, next);
        (,,, uint256 first) = rewards.epochs(EPOCH);
        (,,, uint256 second) = rewards.epochs(EPOCH + 1);
        require(first != second, "one tag for two epochs");
    }

    /// @dev Nothing that needs randomness goes on without.
    function test_nothingHappensBeforeTheDraw() external {
        bytes memory digests = _digests(1, 0);
        uint256[8] memory proof;
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory reason = abi.encodeWithSelector(i == 0 ? Epochs.EpochNotOpen.selector : Epochs.NotDrawn.selector, EPOCH);
            if (i == 1) _open(_plan(1, 1, 1));
            VM.expectRevert(reason);
            VM.prank(OPERATOR);
            rewards.attest(EPOCH, 0, digests, 0);
            VM.expectRevert(reason);
            rewards.replace(EPOCH, 0, digests, 0, digests, proof);
            VM.expectRevert(reason);
            rewards.demand{value: BOND}(EPOCH, 0, digests, 0, 0);
            VM.expectRevert(reason);
            rewards.answer(EPOCH, 0, digests, 1, 0, digests, proof);
            VM.expectRevert(reason);
            rewards.voidSeats(EPOCH, 0, digests, 1);
            VM.expectRevert(reason);
            rewards.settle(EPOCH, 0, 0, digests, proof);
            VM.expectRevert(reason);
            rewards.settleBatch(EPOCH, new Epochs.Settlement[](1));
        }
    }

    // ------------------------------------------------------------------------------------------------------------------ close

    function test_closeNeedsAnEpoch() external {
        VM.expectRevert(abi.encodeWithSelector(Epochs.EpochNotOpen.selector, EPOCH));
        rewards.close(EPOCH);
    }

    function testFuzz_closeWithZonesLeftWaitsForD4(address caller, uint32 early) external {
        _run(16, 1, 3);
        _attest(_digests(3, 0));
        _at(ANSWER + 1);
        _settle(0, bytes.concat(_rows(16, 0), EpochsReference.slice(_digests(3, 0), 0, 32)), 16);
        uint256 scores = _scores();
        uint256 time = END + early % (SETTLE + 1);
        VM.warp(time);
        VM.expectRevert(abi.encodeWithSelector(Epochs.TooEarly.selector, EPOCH, END + SETTLE, time));
        rewards.close(EPOCH);
        _at(SETTLE);
        VM.expectRevert(abi.encodeWithSelector(Epochs.TooEarly.selector, EPOCH, END + SETTLE, END + SETTLE));
        rewards.close(EPOCH);
        _at(SETTLE + 1);
        VM.expectEmit();
        emit Epochs.EpochClosed(EPOCH, scores + 2 * 16 * 1_000_000, 1);
        VM.prank(caller);
        rewards.close(EPOCH);
        VM.expectRevert(abi.encodeWithSelector(Epochs.EpochAlreadyClosed.selector, EPOCH));
        rewards.close(EPOCH);
        (Epochs.Head memory head,,,) = rewards.epochs(EPOCH);
        require(head.closedAt == END + SETTLE + 1, "closed now");
    }

    function test_closeOfASettledEpochIsAtOnce() external {
        _run(1, 1, 2);
        _at(ANSWER + 1);
        bytes memory data = bytes.concat(_rows(1, 0), new bytes(32));
        _settle(0, data, 1);
        VM.expectRevert(abi.encodeWithSelector(Epochs.TooEarly.selector, EPOCH, END + SETTLE, END + ANSWER + 1));
        rewards.close(EPOCH);
        _settle(1, data, 1);
        uint256 scores = _scores();
        VM.expectEmit();
        emit Epochs.EpochClosed(EPOCH, scores, 2);
        rewards.close(EPOCH);
        VM.expectRevert(abi.encodeWithSelector(Epochs.EpochAlreadyClosed.selector, EPOCH));
        rewards.close(EPOCH);
    }

    /// @dev The money of an epoch that stopped at any step is not lost: it can be closed, and the timelock can sweep all of its budget.
    function testFuzz_theBudgetOfAnEpochThatStoppedIsSwept(uint8 step) external {
        step %= 4;
        if (step == 0) _open(_plan(256, 8, 5));
        if (step >= 1) _run(256, 8, 5);
        bytes memory digests = _digests(40, 1);
        if (step >= 2) _attest(digests);
        if (step == 3) {
            _at(REPLACE + 1);
            _demand(STRANGER, EpochsReference.slice(digests, 0, 256), 0, 7);
            VM.prank(GUARDIAN);
            uptimeStop.stop();
        }
        _at(SETTLE + 1);
        VM.expectEmit();
        emit Epochs.EpochClosed(EPOCH, 5 * 256 * 1_000_000, 0);
        rewards.close(EPOCH);
        _at(SETTLE + 1 + 30 days);
        VM.expectRevert(
            abi.encodeWithSelector(Rewards.ClaimsNotOver.selector, END + SETTLE + 1 + 30 days, END + SETTLE + 1 + 30 days)
        );
        VM.prank(TIMELOCK);
        rewards.sweep(EPOCH, STRANGER);
        _at(SETTLE + 2 + 30 days);
        VM.prank(TIMELOCK);
        rewards.sweep(EPOCH, STRANGER);
        require(token.balanceOf(STRANGER) == BUDGET && token.balanceOf(address(rewards)) == 0, "all of the budget");
        if (step == 3) {
            rewards.voidSeats(EPOCH, 0, EpochsReference.slice(digests, 0, 256), 1 << 7);
            VM.prank(STRANGER);
            rewards.withdraw();
            require(STRANGER.balance == BOND && address(rewards).balance == 0, "and the bond");
        }
    }

    /// @dev No total overflows: the largest epoch of each size of zones closes with the sum of all its scores.
    function test_theLargestEpochCloses() external {
        uint16[4] memory known = [1, 16, 256, 4096];
        for (uint64 i = 0; i < 4; ++i) {
            uint16 devices = known[i];
            Epochs.Plan memory plan = _plan(devices, 10, uint32(_zonesMax(devices)));
            VM.warp(uint256(EPOCH) * L - 1000);
            VM.prank(OPERATOR);
            rewards.open(EPOCH + i, plan);
            _at(i * L + SETTLE + 1);
            VM.expectEmit();
            emit Epochs.EpochClosed(EPOCH + i, _zonesMax(devices) * devices * 1_000_000, 0);
            rewards.close(EPOCH + i);
        }
    }

    // ------------------------------------------------------------------------------------------------------------------ parts

    function _zonesMax(uint256 devices) private pure returns (uint256) {
        return ((1 << 48) - 1) / (devices * 1_000_000);
    }

    function _scores() private view returns (uint256) {
        (Epochs.Head memory head,,,) = rewards.epochs(EPOCH);
        return head.scores;
    }

    function _refusedAtOpen(Epochs.Plan memory plan, bytes memory reason) private {
        VM.expectRevert(reason);
        VM.prank(OPERATOR);
        rewards.open(EPOCH, plan);
    }

    function _roleIsZero(string memory role) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Epochs.RoleIsZero.selector, keccak256(bytes(role)));
    }

    function _expectDenied(address caller, bytes32 role) private {
        VM.expectRevert(abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, caller, role));
    }
}
