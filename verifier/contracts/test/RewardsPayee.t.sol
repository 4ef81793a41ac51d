// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Rewards} from "../src/Rewards.sol";
import {ClaimTree, Fixture} from "./Fixture.sol";
import {VM} from "./Forge.sol";

/// @dev A payee that is a contract: it approves one digest, as ERC-1271 has it.
contract Wallet {
    bytes32 public approved;

    function approve(bytes32 digest) external {
        approved = digest;
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return digest == approved ? this.isValidSignature.selector : bytes4(0xffffffff);
    }
}

/// @dev Payees that choose another address.
contract RewardsPayeeTest is Fixture {
    uint96 private constant BUDGET = 3_000_000;
    uint256 private constant KEY = 0xA11CE;
    uint256 private constant OTHER_KEY = 0xB0B;
    address private constant NEW_PAYEE = address(0x9E);

    address private payee;
    uint256 private deadline;

    function setUp() external {
        _deploy();
        payee = VM.addr(KEY);
        deadline = block.timestamp + 100 days;
    }

    /// @dev Zones of one device each, all with the same payee.
    function _zones(address to) private pure returns (ClaimTree.Row[][] memory zones) {
        zones = _equals(3);
        for (uint256 i = 0; i < 3; ++i) zones[i][0].payee = to;
    }

    function _set(uint256 key, uint64 device, address newPayee, uint256 nonce) private {
        bytes memory signature = _sign(key, _setPayeeDigest(device, payee, newPayee, nonce, deadline));
        rewards.setPayee(device, payee, newPayee, deadline, signature);
    }

    function _invalid(uint256 nonce) private {
        VM.expectRevert(abi.encodeWithSelector(Rewards.SignatureInvalid.selector, payee, nonce));
    }

    /// @dev Claims before the change go to the payee of the rows, later ones to the new one; other devices are not touched.
    function test_laterClaimsOfTheDeviceGoToTheNewPayee() external {
        ClaimTree.Row[][] memory zones = _zones(payee);
        _settled(EPOCH, BUDGET, zones);
        _settled(EPOCH + 2, BUDGET, zones);
        _call(_claimCall(EPOCH, 1, zones));
        require(token.balanceOf(payee) == BUDGET / 3, "before the change");
        VM.expectEmit();
        emit Rewards.PayeeSet(1, payee, NEW_PAYEE);
        _set(KEY, 1, NEW_PAYEE, 0);
        require(rewards.payeeOf(1, payee) == NEW_PAYEE && rewards.payeeOf(2, payee) == payee, "one device");
        _call(_claimCall(EPOCH + 2, 1, zones));
        _call(_claimCall(EPOCH + 2, 2, zones));
        require(token.balanceOf(NEW_PAYEE) == BUDGET / 3, "after the change");
        require(token.balanceOf(payee) == 2 * (BUDGET / 3), "another device");
        require(rewards.payeeOf(1, NEW_PAYEE) == NEW_PAYEE && rewards.payeeOf(1, STRANGER) == STRANGER, "one payee");
    }

    /// @dev The change back is a change like others, by the payee of the rows: the new payee has no say.
    function test_onlyThePayeeOfTheRowsChanges() external {
        _set(KEY, 1, VM.addr(OTHER_KEY), 0);
        _invalid(1);
        _set(OTHER_KEY, 1, NEW_PAYEE, 1);
        _set(KEY, 1, payee, 1);
        require(rewards.payeeOf(1, payee) == payee, "back");
    }

    function test_signaturesAreGoodOnce() external {
        bytes memory signature = _sign(KEY, _setPayeeDigest(1, payee, NEW_PAYEE, 0, deadline));
        rewards.setPayee(1, payee, NEW_PAYEE, deadline, signature);
        require(rewards.nonces(payee) == 1, "used");
        _invalid(1);
        rewards.setPayee(1, payee, NEW_PAYEE, deadline, signature);
        require(rewards.nonces(payee) == 1, "a failure uses none");
    }

    /// @dev A signature says device, new payee, nonce and deadline; any other is refused.
    function testFuzz_signaturesAreForWhatTheySay(uint64 device, address newPayee, uint256 nonce, uint64 later) external {
        if (device == 1) device = 2;
        if (newPayee == address(0) || newPayee == NEW_PAYEE) newPayee = STRANGER;
        if (nonce == 0) nonce = 1;
        bytes memory signature = _sign(KEY, _setPayeeDigest(1, payee, NEW_PAYEE, 0, deadline));
        _invalid(0);
        rewards.setPayee(device, payee, NEW_PAYEE, deadline, signature);
        _invalid(0);
        rewards.setPayee(1, payee, newPayee, deadline, signature);
        _invalid(0);
        rewards.setPayee(1, payee, NEW_PAYEE, deadline + 1 + later, signature);
        _invalid(0);
        _set(KEY, 1, NEW_PAYEE, nonce);
        rewards.setPayee(1, payee, NEW_PAYEE, deadline, signature);
    }

    /// @dev A signature for another chain or another contract.
    function test_signaturesAreForOneContractOnOneChain() external {
        bytes memory signature = _sign(KEY, _setPayeeDigest(1, payee, NEW_PAYEE, 0, deadline));
        VM.chainId(1);
        _invalid(0);
        rewards.setPayee(1, payee, NEW_PAYEE, deadline, signature);
        VM.chainId(31337);
        Rewards first = rewards;
        _deployRewards(_terms(token));
        _invalid(0);
        rewards.setPayee(1, payee, NEW_PAYEE, deadline, signature);
        first.setPayee(1, payee, NEW_PAYEE, deadline, signature);
    }

    function testFuzz_signaturesOfOthers(uint256 key) external {
        key = key % 1_000_000 + 1;
        if (key == KEY) ++key;
        _invalid(0);
        _set(key, 1, NEW_PAYEE, 0);
        _invalid(0);
        rewards.setPayee(1, payee, NEW_PAYEE, deadline, "");
    }

    function test_signaturesAreGoodUpToTheirDeadline() external {
        VM.warp(deadline + 1);
        VM.expectRevert(abi.encodeWithSelector(Rewards.SignatureExpired.selector, deadline, deadline + 1));
        _set(KEY, 1, NEW_PAYEE, 0);
        VM.warp(deadline);
        _set(KEY, 1, NEW_PAYEE, 0);
    }

    function test_nobodyIsPaidAtZero() external {
        VM.expectRevert(abi.encodeWithSelector(Rewards.PayeeIsZero.selector));
        _set(KEY, 1, address(0), 0);
    }

    function test_contractsSignAsErc1271HasIt() external {
        Wallet wallet = new Wallet();
        payee = address(wallet);
        bytes32 digest = _setPayeeDigest(1, payee, NEW_PAYEE, 0, deadline);
        _invalid(0);
        rewards.setPayee(1, payee, NEW_PAYEE, deadline, "");
        wallet.approve(digest);
        rewards.setPayee(1, payee, NEW_PAYEE, deadline, "");
        require(rewards.payeeOf(1, payee) == NEW_PAYEE, "approved");
    }

    function test_nothingChangesWhilePaused() external {
        VM.prank(GUARDIAN);
        rewards.pause();
        VM.expectRevert(abi.encodeWithSelector(Pausable.EnforcedPause.selector));
        _set(KEY, 1, NEW_PAYEE, 0);
    }
}
