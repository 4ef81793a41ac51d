// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Rewards} from "../src/Rewards.sol";
import {TestToken} from "../src/TestToken.sol";
import {VM} from "./Forge.sol";
import {ClaimTree, Fixture} from "./Fixture.sol";

/// @dev Claims, pauses, sweeps, demands and withdraws at random, as anybody, over three closed epochs and one in dispute; remembers what was paid.
contract RewardsHandler is Fixture {
    uint256 public constant CLOSED = 3;
    uint256 public constant ZONES = 2;
    uint16 public constant DEVICES = 16;
    uint64 private constant DISPUTED = EPOCH + 15;
    uint96 public constant BUDGET = 3e14 + 7;
    uint256 private constant ACCOUNTS = 3;

    mapping(uint256 closed => uint256) public paid;
    mapping(uint256 closed => bool) public swept;
    mapping(uint256 closed => mapping(uint64 device => uint256)) public claims;
    /// @dev True if something was not paid that was due.
    bool public dueRefused;
    /// @dev True if a token moved while nothing should.
    bool public movedWhilePaused;
    /// @dev True if somebody paused, went on or swept without the role.
    bool public strangerActed;
    bytes[2] private standing;
    uint256[2] private demanded;

    constructor() payable {
        VM.chainId(31337);
        _deploy();
        for (uint256 which = 0; which < CLOSED; ++which) _settled(epochOf(which), BUDGET, _zones());
        _open(DISPUTED, DEVICES, uint32(ZONES), BUDGET);
        _draw(DISPUTED);
        uint256 end = uint256(DISPUTED + 1) * EPOCH_SECONDS;
        VM.warp(end + 1);
        bytes memory digests = abi.encode(1, 2, 3, 4, 5, 6);
        VM.prank(OPERATOR);
        rewards.attest(DISPUTED, 0, digests, 0);
        (standing[0], standing[1]) = (abi.encode(1, 2, 3), abi.encode(4, 5, 6));
        VM.warp(end + 2 * PHASE_SECONDS + 1);
    }

    function contracts() external view returns (Rewards, TestToken) {
        return (rewards, token);
    }

    /// @dev Far enough from each other that each can be opened after the one before was settled.
    function epochOf(uint256 which) public pure returns (uint64) {
        return EPOCH + 5 * uint64(which);
    }

    function claim(uint256 which, uint64 device) external {
        which %= CLOSED;
        device %= uint64(ZONES * DEVICES);
        (uint256 before, bool paused) = (token.balanceOf(address(rewards)), rewards.paused());
        // Every row has a score, and no share is above the budget.
        bool due = !paused && !swept[which] && claims[which][device] == 0 && rewards.windowLeft() >= BUDGET;
        (bool success,) = address(rewards).call(_claimCall(epochOf(which), device, _zones()));
        uint256 moved = before - token.balanceOf(address(rewards));
        if (moved != 0 && paused) movedWhilePaused = true;
        if (!success) {
            if (due) dueRefused = true;
            return;
        }
        paid[which] += moved;
        ++claims[which][device];
    }

    /// @dev Seldom, or few claims would be seen.
    function pause(uint8 caller) external {
        if (caller < 192) return;
        VM.prank(_caller(caller));
        try rewards.pause() {
            if (_caller(caller) != GUARDIAN) strangerActed = true;
        } catch {}
    }

    function unpause(uint8 caller) external {
        VM.prank(_caller(caller));
        try rewards.unpause() {
            if (_caller(caller) != TIMELOCK) strangerActed = true;
        } catch {}
    }

    function sweep(uint256 which, uint8 caller) external {
        which %= CLOSED;
        (uint256 before, bool paused) = (token.balanceOf(address(rewards)), rewards.paused());
        VM.prank(_caller(caller));
        try rewards.sweep(epochOf(which), address(0x5E)) {
            if (_caller(caller) != TIMELOCK) strangerActed = true;
            swept[which] = true;
        } catch {}
        if (token.balanceOf(address(rewards)) != before && paused) movedWhilePaused = true;
    }

    /// @dev Mostly some hours, so that windows refill; seldom weeks, so that claims end.
    function pass(uint256 time) external {
        VM.warp(block.timestamp + (time % 8 == 0 ? time % 20 days : time % 10 hours));
    }

    function demand(uint8 zone, uint8 seat, uint8 account) external {
        (zone, seat) = (zone % uint8(ZONES), seat % 3);
        address demander = _account(account);
        payable(demander).transfer(BOND);
        VM.prank(demander);
        try rewards.demand{value: BOND}(DISPUTED, zone, standing[zone], demanded[zone], seat) {
            demanded[zone] |= 1 << seat;
        } catch {}
    }

    function voidSeats(uint8 zone) external {
        zone %= uint8(ZONES);
        try rewards.voidSeats(DISPUTED, zone, standing[zone], demanded[zone]) {
            uint256[3] memory digests = abi.decode(standing[zone], (uint256[3]));
            for (uint256 seat = 0; seat < 3; ++seat) {
                if (demanded[zone] >> seat & 1 != 0) digests[seat] = 0;
            }
            (standing[zone], demanded[zone]) = (abi.encode(digests), 0);
        } catch {}
    }

    function withdraw(uint8 account) external {
        VM.prank(_account(account));
        try rewards.withdraw() {} catch {}
    }

    /// @dev What the bonds of open demands and the credits of all accounts are together.
    function bonds() external view returns (uint256 sum) {
        for (uint256 zone = 0; zone < ZONES; ++zone) {
            for (uint256 seat = 0; seat < 3; ++seat) sum += (demanded[zone] >> seat & 1) * BOND;
        }
        for (uint8 account = 0; account < ACCOUNTS; ++account) sum += rewards.credits(_account(account));
    }

    /// @dev The budgets that are not paid and not swept.
    function owed() external view returns (uint256 sum) {
        sum = BUDGET; // of the epoch in dispute
        for (uint256 which = 0; which < CLOSED; ++which) {
            if (!swept[which]) sum += BUDGET - paid[which];
        }
    }

    function _zones() private pure returns (ClaimTree.Row[][] memory zones) {
        zones = new ClaimTree.Row[][](ZONES);
        for (uint256 zone = 0; zone < ZONES; ++zone) zones[zone] = _zone(DEVICES);
    }

    function _caller(uint8 caller) private view returns (address) {
        return [TIMELOCK, GUARDIAN, OPERATOR, address(this)][caller % 4];
    }

    function _account(uint8 account) private pure returns (address) {
        return address(uint160(0xACC0 + account % ACCOUNTS));
    }
}

/// @dev Whatever happens, and in what order: no epoch pays more than its budget, nobody is paid twice, and every token and every bond is somebody's.
contract RewardsInvariantTest {
    RewardsHandler private handler;
    Rewards private rewards;
    TestToken private token;

    function setUp() external {
        handler = new RewardsHandler{value: 1_000_000 ether}();
        (rewards, token) = handler.contracts();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev One for all, because each would play sequences of its own.
    function invariant_theMoneyIsWhereItShouldBe() external view {
        _noEpochPaysMoreThanItsBudget();
        _nobodyIsPaidTwice();
        _whatIsDueIsPaid();
        _pausedMeansPaused();
        _strangersNeitherPauseNorSweep();
        _everyTokenIsOwed();
        _everyBondIsSomebodys();
    }

    function _noEpochPaysMoreThanItsBudget() private view {
        for (uint256 which = 0; which < handler.CLOSED(); ++which) {
            (uint96 budget, uint96 paid,,) = rewards.pots(handler.epochOf(which));
            require(budget == handler.BUDGET() && paid <= budget && paid == handler.paid(which), "what it paid");
        }
    }

    function _nobodyIsPaidTwice() private view {
        for (uint256 which = 0; which < handler.CLOSED(); ++which) {
            for (uint64 device = 0; device < handler.ZONES() * handler.DEVICES(); ++device) {
                uint256 claims = handler.claims(which, device);
                require(claims <= 1, "once");
                require(rewards.isClaimed(handler.epochOf(which), device) == (claims == 1), "the bit of the bitmap");
            }
        }
    }

    function _whatIsDueIsPaid() private view {
        require(!handler.dueRefused(), "a claim that was due was refused");
    }

    function _pausedMeansPaused() private view {
        require(!handler.movedWhilePaused(), "a token moved");
    }

    function _strangersNeitherPauseNorSweep() private view {
        require(!handler.strangerActed(), "without the role");
    }

    function _everyTokenIsOwed() private view {
        require(token.balanceOf(address(rewards)) == handler.owed(), "the budgets that are not paid and not swept");
    }

    function _everyBondIsSomebodys() private view {
        require(address(rewards).balance == handler.bonds(), "open demands and credits");
    }
}
