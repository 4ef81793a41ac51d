// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IProofVerifier} from "./IProofVerifier.sol";

/// @title VerifierRouter
/// @notice Which verifier a selector means. A selector never means a second one.
/// @dev A selector is the first four bytes of keccak256(abi.encode(keyHash, circuitId)), so it follows from what is verified. The first verifiers are given at
/// construction; later ones are added by the timelock, so that everyone sees them coming; the guardian removes at once. A removed selector is a tombstone.
/// There is no administrator: the timelock alone grants and revokes both roles. Verifiers belong behind an EmergencyStop each.
contract VerifierRouter is AccessControl {
    /// @notice Adds, removes, and administers the roles. Held by an OpenZeppelin TimelockController.
    bytes32 public constant TIMELOCK_ROLE = keccak256("TIMELOCK_ROLE");

    /// @notice Removes.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");

    /// @dev Chain id of development chains, where keys made on one machine may be used.
    uint256 private constant DEVELOPMENT_CHAIN = 31337;

    /// @notice A role must be someone's.
    error RoleIsZero(bytes32 role);

    /// @notice As many circuit ids as verifiers are needed.
    error LengthsDiffer(uint256 verifiers, uint256 circuitIds);

    /// @notice There is no contract at the verifier's address.
    error VerifierWithoutCode(address verifier);

    /// @notice The verifier's key was made on one machine, or it does not say: only for development chains.
    error VerifierInsecure(address verifier);

    /// @notice The selector 0 stands for none.
    error SelectorIsZero();

    /// @notice The selector has a verifier already.
    error SelectorKnown(bytes4 selector);

    /// @notice The selector has no verifier and never had one.
    error SelectorUnknown(bytes4 selector);

    /// @notice The selector's verifier was removed, for ever.
    error SelectorRemoved(bytes4 selector);

    /// @notice A verifier was added.
    event VerifierAdded(bytes4 indexed selector, address indexed verifier, bytes32 keyHash, bytes32 circuitId);

    /// @notice A verifier was removed, for ever.
    event VerifierRemoved(bytes4 indexed selector, address indexed verifier, address indexed by);

    /// @dev What a selector means; one slot.
    struct Entry {
        IProofVerifier verifier;
        bool removed;
    }

    mapping(bytes4 selector => Entry) private _entries;

    /// @param timelock Who adds later verifiers.
    /// @param guardian Who may remove.
    /// @param verifiers The first verifiers.
    /// @param circuitIds The id of the circuit of each.
    constructor(address timelock, address guardian, IProofVerifier[] memory verifiers, bytes32[] memory circuitIds) {
        if (timelock == address(0)) revert RoleIsZero(TIMELOCK_ROLE);
        if (guardian == address(0)) revert RoleIsZero(GUARDIAN_ROLE);
        if (verifiers.length != circuitIds.length) revert LengthsDiffer(verifiers.length, circuitIds.length);
        _setRoleAdmin(TIMELOCK_ROLE, TIMELOCK_ROLE);
        _setRoleAdmin(GUARDIAN_ROLE, TIMELOCK_ROLE);
        _grantRole(TIMELOCK_ROLE, timelock);
        _grantRole(GUARDIAN_ROLE, guardian);
        for (uint256 i = 0; i < verifiers.length; ++i) {
            _add(verifiers[i], circuitIds[i]);
        }
    }

    /// @notice Adds a verifier. Only the timelock.
    /// @param verifier The verifier, or the EmergencyStop in front of it.
    /// @param circuitId The id of the circuit whose proofs it verifies.
    /// @return selector What it is found by.
    function add(IProofVerifier verifier, bytes32 circuitId)
        external
        onlyRole(TIMELOCK_ROLE)
        returns (bytes4 selector)
    {
        return _add(verifier, circuitId);
    }

    /// @notice Removes a verifier, at once and for ever. Only the guardian or the timelock.
    /// @param selector Its selector.
    function remove(bytes4 selector) external {
        if (!hasRole(TIMELOCK_ROLE, msg.sender)) _checkRole(GUARDIAN_ROLE);
        IProofVerifier verifier = verifierOf(selector);
        _entries[selector].removed = true;
        emit VerifierRemoved(selector, address(verifier), msg.sender);
    }

    /// @notice The verifier of a selector. Reverts if there is none, or none any more.
    /// @param selector The selector.
    function verifierOf(bytes4 selector) public view returns (IProofVerifier) {
        Entry memory entry = _entries[selector];
        if (address(entry.verifier) == address(0)) revert SelectorUnknown(selector);
        if (entry.removed) revert SelectorRemoved(selector);
        return entry.verifier;
    }

    function _add(IProofVerifier verifier, bytes32 circuitId) private returns (bytes4 selector) {
        if (address(verifier).code.length == 0) revert VerifierWithoutCode(address(verifier));
        if (block.chainid != DEVELOPMENT_CHAIN && !_saysSecure(verifier)) revert VerifierInsecure(address(verifier));
        bytes32 keyHash = verifier.keyHash();
        selector = bytes4(keccak256(abi.encode(keyHash, circuitId)));
        if (selector == 0) revert SelectorIsZero();
        Entry memory entry = _entries[selector];
        if (entry.removed) revert SelectorRemoved(selector);
        if (address(entry.verifier) != address(0)) revert SelectorKnown(selector);
        _entries[selector].verifier = verifier;
        emit VerifierAdded(selector, address(verifier), keyHash, circuitId);
    }

    function _saysSecure(IProofVerifier verifier) private view returns (bool) {
        (bool success, bytes memory answer) = address(verifier).staticcall(abi.encodeCall(verifier.INSECURE_SETUP, ()));
        return success && answer.length == 32 && bytes32(answer) == 0;
    }
}
