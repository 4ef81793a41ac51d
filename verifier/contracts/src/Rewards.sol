// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Epochs} from "./Epochs.sol";

/// @title Rewards
/// @notice Pays an epoch's budget by its settled scores: floor(budget score / total) to each device's payee, once.
///
/// Whoever calls `claim`, the payee of the settled row is paid, or the address that this payee chose with `setPayee`. Limits refuse, they never pay less:
/// an epoch pays no more than its budget, a device and epoch no more than `deviceMax`, and any `windowSeconds` no more than `windowMax`. While the guardian
/// pauses, nothing is paid; settlement and recourse go on. What nobody claimed in time goes where the timelock says.
/// @dev The token must not take fees from transfers (refused at `open`) nor change balances by itself.
contract Rewards is Epochs, EIP712, Nonces, Pausable {
    using SafeERC20 for IERC20;

    /// @notice How the contract pays, for ever.
    /// @param token What is paid.
    /// @param claimSeconds How long claims are possible at least, from the epoch's close, not counting pauses.
    /// @param windowSeconds Length of the rolling window.
    /// @param epochMax Most that an epoch's budget may be.
    /// @param deviceMax Most that a device gets for an epoch.
    /// @param windowMax Most that is paid in any window.
    struct Terms {
        IERC20 token;
        uint32 claimSeconds;
        uint32 windowSeconds;
        uint96 epochMax;
        uint96 deviceMax;
        uint96 windowMax;
    }

    /// @notice The money of an epoch; one slot.
    /// @param budget What it pays in all.
    /// @param paid What it has paid.
    /// @param total A score's share of the budget is score / total.
    /// @param devices Devices in a zone while claims are possible; 0 before the close and after the sweep.
    struct Pot {
        uint96 budget;
        uint96 paid;
        uint48 total;
        uint16 devices;
    }

    /// @notice A device's reward of an epoch was paid.
    event Claimed(uint64 indexed epoch, uint64 indexed device, address indexed payee, uint256 amount);
    /// @notice Later claims of this device's rows with this payee are paid to `newPayee`.
    event PayeeSet(uint64 indexed device, address indexed payee, address newPayee);
    /// @notice An epoch's claims ended; what was left went to `to`.
    event Swept(uint64 indexed epoch, address indexed to, uint256 amount);

    /// @notice A limit or a length of time is 0, or a device's most is more than half of a window's, so that it could never be paid.
    error TermsInvalid();
    /// @notice The budget is more than an epoch may have.
    error BudgetTooLarge(uint256 limit, uint256 got);
    /// @notice The token delivered less than the budget.
    error BudgetNotReceived(uint256 expected, uint256 got);
    /// @notice Claims begin when the epoch is closed.
    error EpochNotClosed(uint64 epoch);
    /// @notice The epoch's claims ended.
    error EpochSwept(uint64 epoch);
    /// @notice The rows have another length than a leaf of this epoch.
    error RowsLength(uint256 expected, uint256 got);
    /// @notice These rows do not lead by this path to the claim root that is kept of the zone; if its highest bit is 0, the zone is not settled.
    error NotInClaimTree(uint64 device, bytes32 expected, bytes32 got);
    /// @notice The device has no payee or no score, or its share rounds to 0.
    error NothingToClaim(uint64 epoch, uint64 device);
    /// @notice The device's reward was paid already.
    error AlreadyClaimed(uint64 epoch, uint64 device);
    /// @notice The epoch's budget is used up.
    error EpochLimit(uint256 left, uint256 amount);
    /// @notice The reward is above what a device may get for an epoch.
    error DeviceLimit(uint256 limit, uint256 amount);
    /// @notice The window has less left at present: try later.
    error WindowLimit(uint256 left, uint256 amount);
    /// @notice Nobody can be paid at the address 0.
    error PayeeIsZero();
    /// @notice The signature was good until `deadline`.
    error SignatureExpired(uint256 deadline, uint256 time);
    /// @notice The signature is not the payee's for this change and nonce.
    error SignatureInvalid(address payee, uint256 nonce);
    /// @notice Claims are possible up to the second `deadline` on the clock of claims.
    error ClaimsNotOver(uint256 deadline, uint256 clock);

    bytes32 private constant SET_PAYEE_TYPE =
        keccak256("SetPayee(uint64 device,address payee,address newPayee,uint256 nonce,uint256 deadline)");

    /// @notice What is paid.
    IERC20 public immutable token;
    /// @notice How long claims are possible at least, seconds from the close, not counting pauses.
    uint256 public immutable claimSeconds;
    /// @notice Length of the rolling window, seconds.
    uint256 public immutable windowSeconds;
    /// @notice Most that an epoch's budget may be.
    uint256 public immutable epochMax;
    /// @notice Most that a device gets for an epoch.
    uint256 public immutable deviceMax;
    /// @notice Most that is paid in any window.
    uint256 public immutable windowMax;

    // These fields share the slot of Pausable's flag, so that a claim reads and writes one slot for both.
    /// @dev How much of a bucket of windowMax / 2 is used, at `_windowTime`. It refills by windowMax / 2 a window: so no window pays more than windowMax.
    uint96 private _windowUsed;
    uint40 private _windowTime;
    /// @dev Seconds of all past pauses.
    uint40 private _pausedSeconds;
    uint40 private _pausedSince;
    /// @dev True once somebody changed a payee: before, claims need not look.
    bool private _redirected;

    /// @notice The money of each epoch.
    mapping(uint64 epoch => Pot) public pots;
    mapping(uint64 epoch => mapping(uint256 word => uint256)) private _claimed;
    mapping(uint64 device => mapping(address payee => address)) private _redirects;

    /// @param setup How the contract works with epochs.
    /// @param terms How it pays.
    /// @param roles Who holds the roles at first.
    constructor(Setup memory setup, Terms memory terms, Roles memory roles) Epochs(setup, roles) EIP712("popw", "1") {
        if (address(terms.token).code.length == 0) revert WithoutCode(address(terms.token));
        if (terms.claimSeconds == 0 || terms.windowSeconds == 0 || terms.epochMax == 0 || terms.deviceMax == 0) {
            revert TermsInvalid();
        }
        if (terms.deviceMax > terms.windowMax / 2) revert TermsInvalid();
        token = terms.token;
        claimSeconds = terms.claimSeconds;
        windowSeconds = terms.windowSeconds;
        epochMax = terms.epochMax;
        deviceMax = terms.deviceMax;
        windowMax = terms.windowMax;
    }

    // -------------------------------------------------------------------------------------------------------------- claims

    /// @notice Pays a device's reward of an epoch to its payee. Anyone, from the close to the sweep; once.
    /// @param epoch Number of the epoch.
    /// @param device Index of the device in the registry.
    /// @param rows The rows of its claim leaf: eight, or one if a zone is one device.
    /// @param path Siblings from the leaf to the zone's claim root.
    function claim(uint64 epoch, uint64 device, bytes calldata rows, bytes32[] calldata path) external whenNotPaused {
        Pot storage pot = pots[epoch];
        uint256 devices = pot.devices;
        if (devices == 0) _refuseClaims(epoch);
        (address payee, uint256 score) = _row(epoch, device, devices, rows, path);
        if (payee == address(0) || score == 0) revert NothingToClaim(epoch, device);
        uint256 amount;
        uint256 paid;
        unchecked {
            amount = pot.budget * score / pot.total; // of 96 and 32 bits
            paid = pot.paid + amount;
        }
        if (amount == 0) revert NothingToClaim(epoch, device);

        mapping(uint256 => uint256) storage claimed = _claimed[epoch];
        uint256 word = claimed[device >> 8];
        uint256 bit = 1 << (device & 0xff);
        if (word & bit != 0) revert AlreadyClaimed(epoch, device);
        if (paid > pot.budget) revert EpochLimit(pot.budget - pot.paid, amount);
        if (amount > deviceMax) revert DeviceLimit(deviceMax, amount);
        payee = payeeOf(device, payee);

        pot.paid = uint96(paid);
        _spendWindow(amount);
        claimed[device >> 8] = word | bit;
        emit Claimed(epoch, device, payee, amount);
        token.safeTransfer(payee, amount);
    }

    /// @notice Where later claims of a device's rows with this payee are paid. Signed by the payee (EIP-712; ERC-1271 if it is a contract); sent by anyone.
    /// @param device Index of the device in the registry.
    /// @param payee The payee of the rows.
    /// @param newPayee Who is to be paid.
    /// @param deadline Last second at which the signature is good.
    /// @param signature The payee's signature of SetPayee with its current nonce.
    function setPayee(uint64 device, address payee, address newPayee, uint256 deadline, bytes calldata signature)
        external
        whenNotPaused
    {
        if (newPayee == address(0)) revert PayeeIsZero();
        if (block.timestamp > deadline) revert SignatureExpired(deadline, block.timestamp);
        uint256 nonce = _useNonce(payee);
        bytes32 hash = keccak256(abi.encode(SET_PAYEE_TYPE, device, payee, newPayee, nonce, deadline));
        if (!SignatureChecker.isValidSignatureNowCalldata(payee, _hashTypedDataV4(hash), signature)) {
            revert SignatureInvalid(payee, nonce);
        }
        _redirects[device][payee] = newPayee;
        _redirected = true;
        emit PayeeSet(device, payee, newPayee);
    }

    // ------------------------------------------------------------------------------------------------------- pause and sweep

    /// @notice Stops claims, changes of payees and sweeps. Only the guardian.
    function pause() external onlyRole(GUARDIAN_ROLE) {
        _pause();
        _pausedSince = uint40(block.timestamp);
    }

    /// @notice Lets them go on. Only the timelock.
    function unpause() external onlyRole(TIMELOCK_ROLE) {
        _pausedSeconds += uint40(block.timestamp) - _pausedSince;
        _unpause();
    }

    /// @notice Ends an epoch's claims and sends what is left of its budget. Only the timelock; `claimSeconds` after the close, not counting pauses.
    /// @param epoch Number of the epoch.
    /// @param to Who gets it.
    function sweep(uint64 epoch, address to) external onlyRole(TIMELOCK_ROLE) whenNotPaused {
        if (to == address(0)) revert PayeeIsZero();
        Pot memory pot = pots[epoch];
        if (pot.devices == 0) _refuseClaims(epoch);
        uint256 deadline = epochs[epoch].head.closedAt + claimSeconds;
        uint256 clock = claimClock();
        if (clock <= deadline) revert ClaimsNotOver(deadline, clock);
        pots[epoch].devices = 0;
        uint256 amount = pot.budget - pot.paid;
        emit Swept(epoch, to, amount);
        if (amount != 0) token.safeTransfer(to, amount);
    }

    // --------------------------------------------------------------------------------------------------------------- views

    /// @notice True if the device's reward of the epoch was paid.
    function isClaimed(uint64 epoch, uint64 device) external view returns (bool) {
        return _claimed[epoch][device >> 8] >> (device & 0xff) & 1 != 0;
    }

    /// @notice Who is paid for a device's rows with this payee.
    function payeeOf(uint64 device, address payee) public view returns (address) {
        if (!_redirected) return payee;
        address redirect = _redirects[device][payee];
        return redirect == address(0) ? payee : redirect;
    }

    /// @notice The clock on which the end of claims is measured: seconds, less all pauses; it stands while paused.
    function claimClock() public view returns (uint40) {
        return (paused() ? _pausedSince : uint40(block.timestamp)) - _pausedSeconds;
    }

    /// @notice What the window would pay at present.
    function windowLeft() external view returns (uint256) {
        return windowMax / 2 - _windowUsedNow();
    }

    // --------------------------------------------------------------------------------------------------------------- parts

    /// @inheritdoc Epochs
    function _takeBudget(uint64 epoch, uint96 budget) internal override {
        if (budget > epochMax) revert BudgetTooLarge(epochMax, budget);
        pots[epoch].budget = budget;
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), budget);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != budget) revert BudgetNotReceived(budget, received);
    }

    /// @inheritdoc Epochs
    function _startClaims(uint64 epoch, uint48 total, uint16 devices) internal override returns (uint40) {
        (pots[epoch].total, pots[epoch].devices) = (total, devices);
        return claimClock();
    }

    function _refuseClaims(uint64 epoch) private view {
        if (epochs[epoch].head.closedAt == 0) revert EpochNotClosed(epoch);
        revert EpochSwept(epoch);
    }

    /// @dev Payee and score of a device, if these rows are its leaf of the epoch's claim trees. Hashed and read from the calldata, as a claim's gas matters.
    function _row(uint64 epoch, uint64 device, uint256 devices, bytes calldata rows, bytes32[] calldata path)
        private
        view
        returns (address payee, uint256 score)
    {
        uint256 chunk = devices < CHUNK ? devices : CHUNK;
        if (rows.length != ROW_BYTES * chunk) revert RowsLength(ROW_BYTES * chunk, rows.length);
        uint256 place = device & (chunk - 1);
        uint256 label = uint256(epoch) << 64 | (device ^ place);
        bytes32 leaf;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, shl(128, label))
            calldatacopy(add(data, 16), rows.offset, rows.length)
            leaf := keccak256(data, add(16, rows.length))
            let row := calldataload(add(rows.offset, mul(ROW_BYTES, place)))
            payee := shr(96, row)
            score := and(shr(64, row), 0xffffffff)
        }
        bytes32 got = MerkleProof.processProofCalldata(path, leaf) | SETTLED;
        bytes32 root = wordOf(epoch, uint64(device / devices));
        if (got != root) revert NotInClaimTree(device, root, got);
    }

    /// @dev Takes from the window's bucket; `amount` is at most `deviceMax`. The refill is rounded down: less than a unit of the token a claim.
    function _spendWindow(uint256 amount) private {
        unchecked {
            uint256 most = windowMax / 2;
            uint256 used = _windowUsedNow() + amount;
            if (used > most) revert WindowLimit(most + amount - used, amount);
            (_windowUsed, _windowTime) = (uint96(used), uint40(block.timestamp));
        }
    }

    function _windowUsedNow() private view returns (uint256) {
        unchecked {
            uint256 refill = windowMax / 2 * (block.timestamp - _windowTime) / windowSeconds; // of 95 and 40 bits
            return _windowUsed > refill ? _windowUsed - refill : 0;
        }
    }
}
