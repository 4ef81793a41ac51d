// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Epochs} from "../src/Epochs.sol";
import {Rewards} from "../src/Rewards.sol";
import {ClaimTree, Fixture} from "./Fixture.sol";
import {VM} from "./Forge.sol";

/// @dev Pauses, sweeps, and terms with which nothing could ever be paid.
contract RewardsEndTest is Fixture {
    uint96 private constant BUDGET = 3_000_000;
    address private constant TREASURY = address(0x7EA);

    uint256 private closed;

    function setUp() external {
        _deploy();
    }

    /// @dev Three devices with equal shares, closed now.
    function _close() private returns (ClaimTree.Row[][] memory made) {
        made = _equals(3);
        _settled(EPOCH, BUDGET, made);
        closed = block.timestamp;
    }

    function _sweep(address to) private {
        VM.prank(TIMELOCK);
        rewards.sweep(EPOCH, to);
    }

    function _paused() private {
        VM.expectRevert(abi.encodeWithSelector(Pausable.EnforcedPause.selector));
    }

    // ---------------------------------------------------------------------------------------------------------------- pauses

    /// @dev Nothing is paid or swept; settlement of another epoch goes on.
    function test_pausesStopMoneyAndNothingElse() external {
        ClaimTree.Row[][] memory made = _close();
        VM.warp(closed + CLAIM_SECONDS + 1);
        VM.prank(GUARDIAN);
        rewards.pause();
        _refuses(_claimCall(EPOCH, 0, made), abi.encodeWithSelector(Pausable.EnforcedPause.selector));
        VM.prank(TIMELOCK);
        _paused();
        rewards.sweep(EPOCH, TREASURY);
        uint64 next = uint64(block.timestamp / EPOCH_SECONDS) + 2;
        _settled(next, BUDGET, made);
        VM.prank(TIMELOCK);
        rewards.unpause();
        _call(_claimCall(EPOCH, 0, made));
        _call(_claimCall(next, 0, made));
    }

    function testFuzz_onlyTheGuardianPausesAndOnlyTheTimelockEndsIt(address caller) external {
        bytes32 guardian = rewards.GUARDIAN_ROLE();
        bytes32 timelock = rewards.TIMELOCK_ROLE();
        if (caller == GUARDIAN || caller == TIMELOCK) caller = STRANGER;
        address[3] memory notGuardians = [caller, TIMELOCK, OPERATOR];
        for (uint256 i = 0; i < 3; ++i) {
            _expectDenied(notGuardians[i], guardian);
            VM.prank(notGuardians[i]);
            rewards.pause();
        }
        VM.prank(GUARDIAN);
        rewards.pause();
        address[3] memory notTimelocks = [caller, GUARDIAN, OPERATOR];
        for (uint256 i = 0; i < 3; ++i) {
            _expectDenied(notTimelocks[i], timelock);
            VM.prank(notTimelocks[i]);
            rewards.unpause();
        }
        require(rewards.paused(), "still paused");
    }

    // ---------------------------------------------------------------------------------------------------------------- sweeps

    /// @dev What nobody claimed, and only that; then no claims, and no second sweep.
    function testFuzz_sweepsTakeWhatIsLeft(uint8 claimed) external {
        ClaimTree.Row[][] memory made = _close();
        claimed %= 4;
        for (uint64 device = 0; device < claimed; ++device) _call(_claimCall(EPOCH, device, made));
        uint256 left = BUDGET - claimed * (BUDGET / 3);
        VM.warp(closed + CLAIM_SECONDS + 1);
        VM.expectEmit();
        emit Rewards.Swept(EPOCH, TREASURY, left);
        _sweep(TREASURY);
        require(token.balanceOf(TREASURY) == left && token.balanceOf(address(rewards)) == 0, "what is left");
        bytes memory swept = abi.encodeWithSelector(Rewards.EpochSwept.selector, EPOCH);
        _refuses(_claimCall(EPOCH, 2, made), swept);
        VM.expectRevert(swept);
        _sweep(TREASURY);
    }

    function test_claimsArePossibleUpToTheLastSecond() external {
        ClaimTree.Row[][] memory made = _close();
        VM.warp(closed + CLAIM_SECONDS);
        uint256 end = closed + CLAIM_SECONDS;
        VM.expectRevert(abi.encodeWithSelector(Rewards.ClaimsNotOver.selector, end, end));
        _sweep(TREASURY);
        _call(_claimCall(EPOCH, 0, made));
        VM.warp(end + 1);
        _call(_claimCall(EPOCH, 1, made));
        _sweep(TREASURY);
    }

    /// @dev Pauses before the close and after it, of any length: claims stay possible for as long as they were promised.
    function testFuzz_pausedTimeDoesNotCount(uint32 before, uint32 first, uint32 second) external {
        VM.prank(GUARDIAN);
        rewards.pause();
        VM.warp(block.timestamp + before % 8 days);
        VM.prank(TIMELOCK);
        rewards.unpause();
        _close();
        uint256 pauses = uint256(first) + second;
        uint32[2] memory lengths = [first, second];
        for (uint256 i = 0; i < 2; ++i) {
            VM.prank(GUARDIAN);
            rewards.pause();
            uint40 clock = rewards.claimClock();
            VM.warp(block.timestamp + lengths[i]);
            require(rewards.claimClock() == clock, "the clock stands");
            VM.prank(TIMELOCK);
            rewards.unpause();
            require(rewards.claimClock() == clock, "and goes on from there");
        }
        VM.warp(closed + pauses + CLAIM_SECONDS);
        uint256 clockEnd = rewards.claimClock();
        VM.expectRevert(abi.encodeWithSelector(Rewards.ClaimsNotOver.selector, clockEnd, clockEnd));
        _sweep(TREASURY);
        VM.warp(block.timestamp + 1);
        _sweep(TREASURY);
    }

    function testFuzz_onlyTheTimelockSweeps(address caller) external {
        _close();
        VM.warp(closed + CLAIM_SECONDS + 1);
        bytes32 timelock = rewards.TIMELOCK_ROLE();
        if (caller == TIMELOCK) caller = STRANGER;
        address[3] memory others = [caller, GUARDIAN, OPERATOR];
        for (uint256 i = 0; i < 3; ++i) {
            _expectDenied(others[i], timelock);
            VM.prank(others[i]);
            rewards.sweep(EPOCH, others[i]);
        }
    }

    function test_sweepsOfEpochsThatAreNotClosed() external {
        bytes memory notClosed = abi.encodeWithSelector(Rewards.EpochNotClosed.selector, EPOCH);
        VM.expectRevert(notClosed);
        _sweep(TREASURY);
        _open(EPOCH, 1, 3, BUDGET);
        VM.warp(block.timestamp + 1000 days);
        VM.expectRevert(notClosed);
        _sweep(TREASURY);
    }

    function test_nothingIsSweptToZero() external {
        _close();
        VM.warp(closed + CLAIM_SECONDS + 1);
        VM.expectRevert(abi.encodeWithSelector(Rewards.PayeeIsZero.selector));
        _sweep(address(0));
    }

    // ----------------------------------------------------------------------------------------------------------------- terms

    function _refusedTerms(Rewards.Terms memory terms, bytes memory reason) private {
        Epochs.Setup memory setup = _setup();
        VM.expectRevert(reason);
        new Rewards(setup, terms, _roles());
    }

    function test_termsThatCouldNeverPay() external {
        bytes memory invalid = abi.encodeWithSelector(Rewards.TermsInvalid.selector);
        Rewards.Terms memory terms = _terms(token);
        terms.claimSeconds = 0;
        _refusedTerms(terms, invalid);
        terms = _terms(token);
        terms.windowSeconds = 0;
        _refusedTerms(terms, invalid);
        terms = _terms(token);
        terms.epochMax = 0;
        _refusedTerms(terms, invalid);
        terms = _terms(token);
        terms.deviceMax = 0;
        _refusedTerms(terms, invalid);
        terms = _terms(token);
        (terms.deviceMax, terms.windowMax) = (5, 9);
        _refusedTerms(terms, invalid);
        terms.windowMax = 10;
        _deployRewards(terms);
        require(rewards.deviceMax() == 5 && rewards.windowMax() == 10, "half of a window is the most");
    }

    function testFuzz_tokensWithoutCode(uint160 address_) external {
        address none = address(address_ | uint160(1) << 159);
        if (none.code.length != 0) return;
        _refusedTerms(_terms(IERC20(none)), abi.encodeWithSelector(Epochs.WithoutCode.selector, none));
    }
}
