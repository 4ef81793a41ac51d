// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title IProofVerifier
/// @notice Verifies Groth16 proofs over BN254 of statements with seven public inputs, under one verifying key that never changes.
/// @dev Implemented by the exported verifiers and by EmergencyStop, which stands in front of one. A proof is eight words in the order of EIP-197: A.x, A.y,
/// B.x imaginary, B.x real, B.y imaginary, B.y real, C.x, C.y. What the inputs mean is in docs/protocol.md, section 5; the first is the epoch tag.
interface IProofVerifier {
    /// @notice Returns if the proof holds for the inputs, reverts with the reason if it does not.
    /// @param proof The proof.
    /// @param inputs The public inputs, each smaller than the order of the scalar field.
    function verifyProof(uint256[8] calldata proof, uint256[7] calldata inputs) external view;

    /// @notice Returns if every proof holds for its inputs, reverts if one does not, or if there is none.
    /// @param proofs The proofs.
    /// @param inputs The public inputs of each, in the same order.
    function verifyBatch(uint256[8][] calldata proofs, uint256[7][] calldata inputs) external view;

    /// @notice The keccak256 of the verifying key's words as the verifier holds them.
    function keyHash() external view returns (bytes32);

    /// @notice True if the key was made on one machine, so that its maker could forge proofs.
    function INSECURE_SETUP() external view returns (bool);
}
