// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Rewards} from "../src/Rewards.sol";
import {ClaimTree, Fixture} from "./Fixture.sol";
import {VM} from "./Forge.sol";
import {MockToken} from "./MockToken.sol";

/// @dev Who gets how much, and when a claim is refused. Payees that are changed are in RewardsPayee.t.sol, pauses and sweeps in RewardsEnd.t.sol.
contract RewardsTest is Fixture {
    uint96 private constant BUDGET = 3_000_000;

    function setUp() external {
        _deploy();
    }

    // --------------------------------------------------------------------------------------------------------- what is paid

    /// @dev Any size, budget, scores and device; one zone of three is not settled and keeps its share.
    function testFuzz_paysTheFloorOfTheShare(uint8 size, uint96 budget, uint256 seed, uint64 device) external {
        uint256 devices = [1, 16, 256][size % 3];
        budget = uint96(budget % (EPOCH_MAX / 2));
        ClaimTree.Row[][] memory zones = new ClaimTree.Row[][](2);
        uint256 total = devices * 1_000_000;
        for (uint256 z = 0; z < 2; ++z) {
            zones[z] = new ClaimTree.Row[](devices);
            for (uint256 i = 0; i < devices; ++i) {
                uint256 random = uint256(keccak256(abi.encode(seed, z, i)));
                zones[z][i] = ClaimTree.Row(address(uint160(random | 1)), uint32((random >> 160) % 1_000_001));
                total += zones[z][i].score;
            }
        }
        _open(EPOCH, uint16(devices), 3, budget);
        _toSettlement(EPOCH);
        for (uint64 z = 0; z < 2; ++z) {
            _settle(EPOCH, z, zones[z]);
            bytes32 root = ClaimTree.root(ClaimTree.leaves(EPOCH, z, zones[z]));
            require(rewards.claimsRootOf(EPOCH, z) == root, "the claim tree's root");
        }
        VM.warp(block.timestamp + SETTLE_SECONDS);
        rewards.close(EPOCH);

        device = uint64(device % (2 * devices));
        ClaimTree.Row memory row = zones[device / devices][device % devices];
        uint256 amount = uint256(budget) * row.score / total;
        bytes memory call = _claimCall(EPOCH, device, zones);
        if (amount == 0) {
            _refuses(call, abi.encodeWithSelector(Rewards.NothingToClaim.selector, EPOCH, device));
            return;
        }
        VM.expectEmit();
        emit Rewards.Claimed(EPOCH, device, row.payee, amount);
        _call(call);
        (uint96 potBudget, uint96 paid, uint48 potTotal, uint16 potDevices) = rewards.pots(EPOCH);
        require(token.balanceOf(row.payee) == amount && paid == amount, "the floor of the share");
        require(potBudget == budget && potTotal == total && potDevices == devices, "the pot");
        require(rewards.isClaimed(EPOCH, device), "marked");
        _refuses(call, abi.encodeWithSelector(Rewards.AlreadyClaimed.selector, EPOCH, device));
    }

    /// @dev All of a zone, and no more than the budget; what is left is less than a unit a device.
    function test_everyDeviceOfAZoneIsPaidOnce() external {
        ClaimTree.Row[][] memory zones = _one(_zone(16));
        _settled(EPOCH, BUDGET, zones);
        for (uint64 device = 0; device < 16; ++device) _call(_claimCall(EPOCH, device, zones));
        (, uint96 paid,,) = rewards.pots(EPOCH);
        require(paid <= BUDGET && paid > BUDGET - 16, "all but the rounding");
        require(token.balanceOf(address(rewards)) == BUDGET - paid, "the rounding stays");
        for (uint64 device = 0; device < 16; ++device) {
            _refuses(_claimCall(EPOCH, device, zones), abi.encodeWithSelector(Rewards.AlreadyClaimed.selector, EPOCH, device));
        }
    }

    function test_whoeverCallsThePayeeIsPaid() external {
        ClaimTree.Row[][] memory zones = _one(_zone(16));
        _settled(EPOCH, BUDGET, zones);
        VM.prank(STRANGER);
        _call(_claimCall(EPOCH, 3, zones));
        require(token.balanceOf(STRANGER) == 0 && token.balanceOf(address(0xDE003)) != 0, "not the caller");
    }

    /// @dev Devices 255, 256 and 511 are at the ends of two words.
    function test_wordsOfTheBitmapDoNotTouch() external {
        ClaimTree.Row[][] memory zones = new ClaimTree.Row[][](3);
        for (uint256 z = 0; z < 3; ++z) zones[z] = _zone(256);
        _settled(EPOCH, BUDGET, zones);
        uint64[4] memory claimed = [uint64(0), 255, 256, 511];
        for (uint256 i = 0; i < 4; ++i) {
            _call(_claimCall(EPOCH, claimed[i], zones));
            for (uint64 device = 0; device < 768; ++device) {
                bool expected = false;
                for (uint256 j = 0; j <= i; ++j) expected = expected || device == claimed[j];
                require(rewards.isClaimed(EPOCH, device) == expected, "a bit a device");
            }
        }
        _call(_claimCall(EPOCH, 512, zones));
        _call(_claimCall(EPOCH, 254, zones));
        require(!rewards.isClaimed(EPOCH + 1, 255), "another epoch");
    }

    // ------------------------------------------------------------------------------------------------------------- refusals

    function test_claimsBeginWithTheClose() external {
        ClaimTree.Row[][] memory zones = _one(_zone(16));
        bytes memory call = _claimCall(EPOCH, 0, zones);
        bytes memory notClosed = abi.encodeWithSelector(Rewards.EpochNotClosed.selector, EPOCH);
        _refuses(call, notClosed);
        _open(EPOCH, 16, 1, BUDGET);
        _refuses(call, notClosed);
        _toSettlement(EPOCH);
        _settle(EPOCH, 0, zones[0]);
        _refuses(call, notClosed);
        rewards.close(EPOCH);
        _call(call);
    }

    function testFuzz_rowsOfAnotherLength(uint16 length, bool single) external {
        uint256 expected = single ? 24 : 192;
        if (length == expected) ++length;
        _settled(EPOCH, BUDGET, _one(_zone(single ? 1 : 16)));
        VM.expectRevert(abi.encodeWithSelector(Rewards.RowsLength.selector, expected, length));
        rewards.claim(EPOCH, 0, new bytes(length), new bytes32[](0));
    }

    /// @dev Any single wrong byte of the rows, any wrong sibling, and a path that is too short or too long.
    function testFuzz_onlyTheLeafsOwnRowsAndPath(uint8 where, uint8 change, uint64 device) external {
        ClaimTree.Row[] memory zone = _zone(256);
        _settled(EPOCH, BUDGET, _one(zone));
        device %= 256;
        if (change == 0) change = 1;
        bytes32[] memory level = ClaimTree.leaves(EPOCH, 0, zone);
        bytes memory rows = ClaimTree.leafRows(zone, device);
        bytes32[] memory path = ClaimTree.path(level, device / 8);

        bytes memory altered = bytes.concat(rows);
        altered[where % 192] ^= bytes1(change);
        _notInTree(device, altered, path);
        path[where % 5] ^= bytes32(uint256(change) << where % 248);
        _notInTree(device, rows, path);
        path = ClaimTree.path(level, device / 8);
        bytes32[] memory shorter = new bytes32[](4);
        bytes32[] memory longer = new bytes32[](6);
        for (uint256 i = 0; i < 5; ++i) {
            if (i < 4) shorter[i] = path[i];
            longer[i] = path[i];
        }
        _notInTree(device, rows, shorter);
        _notInTree(device, rows, longer);
        rewards.claim(EPOCH, device, rows, path);
    }

    /// @dev Rows are good for the devices of their own leaf only, in their own epoch.
    function testFuzz_rowsOfAnotherLeafOrEpoch(uint64 device, uint64 other) external {
        ClaimTree.Row[] memory zone = _zone(16);
        _settled(EPOCH, BUDGET, _one(zone));
        _settled(EPOCH + 2, BUDGET, _one(zone));
        device %= 16;
        other %= 64; // zones 1 to 3 do not exist
        bytes32[] memory path = ClaimTree.path(ClaimTree.leaves(EPOCH, 0, zone), device / 8);
        if (other / 8 != device / 8) _notInTree(other, ClaimTree.leafRows(zone, device), path);
        path = ClaimTree.path(ClaimTree.leaves(EPOCH + 2, 0, zone), device / 8);
        _notInTree(device, ClaimTree.leafRows(zone, device), path);
    }

    /// @dev What stands for a zone before it is settled is no root, whatever the rows; its highest bit is 0.
    function test_zonesThatAreNotSettledPayNothing() external {
        ClaimTree.Row[] memory zone = _zone(16);
        _open(EPOCH, 16, 2, BUDGET);
        _draw(EPOCH);
        VM.warp(uint256(EPOCH + 1) * EPOCH_SECONDS + 1);
        bytes memory digests = abi.encode(1, 2, 3);
        VM.prank(OPERATOR);
        rewards.attest(EPOCH, 1, digests, 0);
        VM.warp(uint256(EPOCH + 1) * EPOCH_SECONDS + 4 * PHASE_SECONDS + 1);
        _settle(EPOCH, 0, zone);
        VM.warp(block.timestamp + SETTLE_SECONDS);
        rewards.close(EPOCH);
        require(rewards.wordOf(EPOCH, 1) == keccak256(digests) & ~bytes32(uint256(1) << 255), "digests stand");
        _notInTree(16, ClaimTree.leafRows(zone, 0), ClaimTree.path(ClaimTree.leaves(EPOCH, 1, zone), 0));
        _notInTree(32, ClaimTree.leafRows(zone, 0), ClaimTree.path(ClaimTree.leaves(EPOCH, 2, zone), 0));
    }

    /// @dev No payee; no score; a share below one unit of the token.
    function test_rowsWithNothingToClaim() external {
        ClaimTree.Row[] memory zone = _zone(16);
        zone[0].payee = address(0);
        zone[1].score = 0;
        zone[2].score = 1;
        _settled(EPOCH, BUDGET, _one(zone));
        for (uint64 device = 0; device < 3; ++device) {
            _refuses(_claimCall(EPOCH, device, _one(zone)), abi.encodeWithSelector(Rewards.NothingToClaim.selector, EPOCH, device));
        }
        _call(_claimCall(EPOCH, 3, _one(zone)));
    }

    function test_epochsInWhichNobodyScored() external {
        ClaimTree.Row[][] memory zones = _singles(new uint32[](2));
        _settled(EPOCH, BUDGET, zones);
        _refuses(_claimCall(EPOCH, 1, zones), abi.encodeWithSelector(Rewards.NothingToClaim.selector, EPOCH, 1));
    }

    function test_epochsWithoutBudget() external {
        ClaimTree.Row[][] memory zones = _equals(2);
        _settled(EPOCH, 0, zones);
        _refuses(_claimCall(EPOCH, 1, zones), abi.encodeWithSelector(Rewards.NothingToClaim.selector, EPOCH, 1));
    }

    // --------------------------------------------------------------------------------------------------------------- limits

    /// @dev Honest sums never reach the limit, so the test writes what is paid into the pot's slot.
    function test_anEpochPaysNoMoreThanItsBudget() external {
        ClaimTree.Row[][] memory zones = _equals(3);
        _settled(EPOCH, BUDGET, zones);
        bytes32 slot = _potSlot();
        uint256 pot = uint256(VM.load(address(rewards), slot));
        uint256 amount = BUDGET / 3;
        VM.store(address(rewards), slot, bytes32(pot | (BUDGET - amount + 1) << 96));
        _refuses(_claimCall(EPOCH, 0, zones), abi.encodeWithSelector(Rewards.EpochLimit.selector, amount - 1, amount));
        VM.store(address(rewards), slot, bytes32(pot | (BUDGET - amount) << 96));
        _call(_claimCall(EPOCH, 0, zones));
        _refuses(_claimCall(EPOCH, 1, zones), abi.encodeWithSelector(Rewards.EpochLimit.selector, 0, amount));
    }

    function test_aDeviceGetsNoMoreThanItsMost() external {
        ClaimTree.Row[][] memory zones = _equals(1);
        _settled(EPOCH, DEVICE_MAX + 1, zones);
        _refuses(_claimCall(EPOCH, 0, zones), abi.encodeWithSelector(Rewards.DeviceLimit.selector, DEVICE_MAX, DEVICE_MAX + 1));
        _settled(EPOCH + 2, DEVICE_MAX, zones);
        _call(_claimCall(EPOCH + 2, 0, zones));
        require(token.balanceOf(address(0xDE000)) == DEVICE_MAX, "its most");
    }

    /// @dev Four shares of a quarter of the window's most: two now, then one in half a window.
    function test_theWindowRefills() external {
        ClaimTree.Row[][] memory zones = _equals(4);
        uint256 share = WINDOW_MAX / 4;
        _settled(EPOCH, WINDOW_MAX, zones);
        require(rewards.windowLeft() == 2 * share, "full");
        _call(_claimCall(EPOCH, 0, zones));
        _call(_claimCall(EPOCH, 1, zones));
        _refuses(_claimCall(EPOCH, 2, zones), abi.encodeWithSelector(Rewards.WindowLimit.selector, 0, share));
        VM.warp(block.timestamp + WINDOW_SECONDS / 2 - 1);
        uint256 left = WINDOW_MAX / 2 * (WINDOW_SECONDS / 2 - 1) / WINDOW_SECONDS;
        require(rewards.windowLeft() == left, "a second before");
        _refuses(_claimCall(EPOCH, 2, zones), abi.encodeWithSelector(Rewards.WindowLimit.selector, left, share));
        VM.warp(block.timestamp + 1);
        _call(_claimCall(EPOCH, 2, zones));
        _refuses(_claimCall(EPOCH, 3, zones), abi.encodeWithSelector(Rewards.WindowLimit.selector, 0, share));
        VM.warp(block.timestamp + 10 * WINDOW_SECONDS);
        require(rewards.windowLeft() == 2 * share, "not more than full");
        _call(_claimCall(EPOCH, 3, zones));
    }

    /// @dev Shares of two, two and one fifth, of which three fifths are one unit more than the window pays at once.
    function test_theWindowHoldsToTheUnit() external {
        uint96 fifth = (WINDOW_MAX / 2 + 1) / 3;
        require(3 * fifth == WINDOW_MAX / 2 + 1, "the test's own figures");
        uint32[] memory scores = new uint32[](3);
        (scores[0], scores[1], scores[2]) = (2, 2, 1);
        ClaimTree.Row[][] memory zones = _singles(scores);
        _settled(EPOCH, 5 * fifth, zones);
        _call(_claimCall(EPOCH, 0, zones));
        _refuses(_claimCall(EPOCH, 2, zones), abi.encodeWithSelector(Rewards.WindowLimit.selector, fifth - 1, fifth));
    }

    /// @dev Claims of random sizes at random times: whichever window one looks at, it paid no more than its most. Both ends of a window belong to it.
    function testFuzz_noWindowPaysMoreThanItsMost(uint256 seed) external {
        uint256 count = 24;
        Rewards.Terms memory terms = _terms(token);
        (terms.windowSeconds, terms.deviceMax, terms.windowMax) = (1000, 50_000, 100_001);
        _deployRewards(terms);
        uint32[] memory scores = new uint32[](count);
        for (uint256 i = 0; i < count; ++i) scores[i] = uint32(uint256(keccak256(abi.encode(seed, i))) % 1_000_000 + 1);
        ClaimTree.Row[][] memory zones = _singles(scores);
        _settled(EPOCH, 500_000, zones);

        uint256[] memory times = new uint256[](count);
        uint256[] memory amounts = new uint256[](count);
        for (uint64 i = 0; i < count; ++i) {
            VM.warp(block.timestamp + uint256(keccak256(abi.encode(seed, "time", i))) % 300);
            (bool paid,) = address(rewards).call(_claimCall(EPOCH, i, zones));
            if (paid) (times[i], amounts[i]) = (block.timestamp, token.balanceOf(address(uint160(0xDE000 + i))));
        }
        require(amounts[0] != 0 || amounts[1] != 0, "nothing was paid");
        for (uint256 first = 0; first < count; ++first) {
            uint256 sum = 0;
            for (uint256 i = first; i < count && times[i] <= times[first] + terms.windowSeconds; ++i) sum += amounts[i];
            require(times[first] == 0 || sum <= terms.windowMax, "a window paid more than its most");
        }
    }

    // ------------------------------------------------------------------------------------------------- budgets and the token

    function testFuzz_budgetsAreLimited(uint96 budget) external {
        if (budget > EPOCH_MAX) VM.expectRevert(abi.encodeWithSelector(Rewards.BudgetTooLarge.selector, EPOCH_MAX, budget));
        _open(EPOCH, 16, 1, budget);
        bool opened = budget <= EPOCH_MAX;
        require(token.balanceOf(address(rewards)) == (opened ? budget : 0), "the budget is here");
        _open(EPOCH + 1, 16, 1, EPOCH_MAX);
        VM.expectRevert(abi.encodeWithSelector(Rewards.BudgetTooLarge.selector, EPOCH_MAX, EPOCH_MAX + 1));
        _open(EPOCH + 2, 16, 1, EPOCH_MAX + 1);
    }

    function testFuzz_tokensThatKeepAFeeAreRefused(uint96 fee) external {
        fee = uint96(fee % BUDGET) + 1;
        MockToken mock = _deployMock();
        mock.setFee(fee);
        VM.expectRevert(abi.encodeWithSelector(Rewards.BudgetNotReceived.selector, BUDGET, BUDGET - fee));
        _open(EPOCH, 16, 1, BUDGET);
        mock.setFee(0);
        _open(EPOCH, 16, 1, BUDGET);
    }

    /// @dev A payment that fails is not made later by itself: the claim failed with it, and can be made again.
    function test_claimsFailWithTheirPayment() external {
        MockToken mock = _deployMock();
        ClaimTree.Row[][] memory zones = _equals(2);
        _settled(EPOCH, BUDGET, zones);
        mock.setRefuses(true);
        bytes memory call = _claimCall(EPOCH, 0, zones);
        _refuses(call, abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(mock)));
        (, uint96 paid,,) = rewards.pots(EPOCH);
        require(paid == 0 && !rewards.isClaimed(EPOCH, 0) && rewards.windowLeft() == WINDOW_MAX / 2, "as before");
        mock.setRefuses(false);
        _call(call);
        require(mock.balanceOf(address(0xDE000)) == BUDGET / 2, "paid");
    }

    /// @dev A token that calls back in the middle of a payment gets nothing twice, and what it may claim is counted as ever.
    function testFuzz_tokensThatReenterGainNothing(uint64 device) external {
        device %= 4;
        MockToken mock = _deployMock();
        ClaimTree.Row[][] memory zones = _equals(4);
        _settled(EPOCH, BUDGET, zones);
        bytes memory call = _claimCall(EPOCH, device, zones);
        mock.setCall(address(rewards), call);
        _call(call);
        require(!mock.success() && mock.balanceOf(address(uint160(0xDE000 + device))) == BUDGET / 4, "once");
        uint64 other = (device + 1) % 4;
        uint64 third = (device + 2) % 4;
        mock.setCall(address(rewards), _claimCall(EPOCH, other, zones));
        _call(_claimCall(EPOCH, third, zones));
        (, uint96 paid,,) = rewards.pots(EPOCH);
        require(paid == 3 * (BUDGET / 4) && rewards.windowLeft() == WINDOW_MAX / 2 - paid, "counted");
        require(mock.balanceOf(address(rewards)) == BUDGET - paid, "three payments");
        _refuses(_claimCall(EPOCH, other, zones), abi.encodeWithSelector(Rewards.AlreadyClaimed.selector, EPOCH, other));
    }

    // --------------------------------------------------------------------------------------------------------------- parts

    function _deployMock() private returns (MockToken mock) {
        mock = new MockToken();
        mock.mint(OPERATOR, 1e24);
        _deployRewards(_terms(mock));
    }

    /// @dev Where the pot of EPOCH is kept: the slot that holds its budget, the total of three equal scores and the size 1.
    function _potSlot() private view returns (bytes32) {
        uint256 pot = BUDGET | uint256(3_000_000) << 192 | uint256(1) << 240;
        for (uint256 base = 0; base < 32; ++base) {
            bytes32 slot = keccak256(abi.encode(EPOCH, base));
            if (VM.load(address(rewards), slot) == bytes32(pot)) return slot;
        }
        revert("no pot");
    }

    /// @dev The claim is refused with the word that is kept and the root that rows and path lead to.
    function _notInTree(uint64 device, bytes memory rows, bytes32[] memory path) private {
        (,,, uint16 devices) = rewards.pots(EPOCH);
        bytes32 got = keccak256(abi.encodePacked(EPOCH, device / 8 * 8, rows));
        for (uint256 i = 0; i < path.length; ++i) {
            got = got < path[i] ? keccak256(abi.encode(got, path[i])) : keccak256(abi.encode(path[i], got));
        }
        bytes32 expected = rewards.wordOf(EPOCH, device / devices);
        VM.expectRevert(
            abi.encodeWithSelector(
                Rewards.NotInClaimTree.selector, device, expected, got | bytes32(uint256(1) << 255)
            )
        );
        rewards.claim(EPOCH, device, rows, path);
    }
}
