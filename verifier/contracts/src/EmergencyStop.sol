// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {IProofVerifier} from "./IProofVerifier.sol";

/// @title EmergencyStop
/// @notice A verifier that can be stopped for ever: by its guardian, or by anyone who proves that the circuit is broken.
/// @dev Every popw circuit asserts that the epoch tag, its first public input, is not zero, so a proof for the tag 0 is a canary: it cannot exist unless
/// circuit, key or verifier is broken, and whoever holds one stops everything behind this contract. There is no way back; a repaired verifier is added to the
/// router under its own selector.
contract EmergencyStop is IProofVerifier {
    /// @notice There is no contract at the verifier's address.
    error VerifierWithoutCode(address verifier);

    /// @notice The guardian must be someone.
    error GuardianIsZero();

    /// @notice Only the guardian may do this.
    error NotGuardian(address caller);

    /// @notice The canary's first public input must be 0.
    error NotCanary(uint256 epochTag);

    /// @notice The verifier was stopped: nothing is verified any more.
    error Stopped();

    /// @notice The verifier was stopped.
    /// @param by Who did it.
    /// @param canary True if by a proof of the impossible, false if by the guardian.
    event EmergencyStopped(address indexed by, bool canary);

    /// @notice The verifier behind.
    IProofVerifier public immutable verifier;

    /// @notice Who may stop without a proof.
    address public immutable guardian;

    /// @notice True from the stop on, for ever.
    bool public stopped;

    /// @param verifier_ The verifier behind.
    /// @param guardian_ Who may stop without a proof.
    constructor(IProofVerifier verifier_, address guardian_) {
        if (address(verifier_).code.length == 0) revert VerifierWithoutCode(address(verifier_));
        if (guardian_ == address(0)) revert GuardianIsZero();
        verifier = verifier_;
        guardian = guardian_;
    }

    /// @notice Stops the verifier for ever. Only the guardian.
    function stop() external {
        if (msg.sender != guardian) revert NotGuardian(msg.sender);
        _stop(false);
    }

    /// @notice Stops the verifier for ever. Anyone who has a proof for the epoch tag 0.
    /// @param proof A proof that should not exist.
    /// @param inputs Its public inputs; the first is 0.
    function stopByCanary(uint256[8] calldata proof, uint256[7] calldata inputs) external {
        if (inputs[0] != 0) revert NotCanary(inputs[0]);
        verifier.verifyProof(proof, inputs);
        _stop(true);
    }

    /// @inheritdoc IProofVerifier
    /// @dev Also reverts when stopped.
    function verifyProof(uint256[8] calldata, uint256[7] calldata) external view {
        _forward();
    }

    /// @inheritdoc IProofVerifier
    /// @dev Also reverts when stopped.
    function verifyBatch(uint256[8][] calldata, uint256[7][] calldata) external view {
        _forward();
    }

    /// @inheritdoc IProofVerifier
    function keyHash() external view returns (bytes32) {
        return verifier.keyHash();
    }

    /// @inheritdoc IProofVerifier
    function INSECURE_SETUP() external view returns (bool) {
        return verifier.INSECURE_SETUP();
    }

    function _stop(bool canary) private {
        if (stopped) revert Stopped();
        stopped = true;
        emit EmergencyStopped(msg.sender, canary);
    }

    /// @dev Calls the verifier with the calldata as it is, and reverts with the verifier's reason.
    function _forward() private view {
        if (stopped) revert Stopped();
        Address.functionStaticCall(address(verifier), msg.data);
    }
}
