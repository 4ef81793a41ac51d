// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IProofVerifier} from "../src/IProofVerifier.sol";

/// @dev A verifier that accepts exactly the proofs whose first word is `VALID`, for any inputs.
contract MockVerifier is IProofVerifier {
    error ProofInvalid();
    error BatchLengths(uint256 proofs, uint256 inputs);

    uint256 internal constant VALID = 1;

    bytes32 public immutable keyHash;
    bool public immutable INSECURE_SETUP;

    constructor(bytes32 keyHash_, bool insecure) {
        keyHash = keyHash_;
        INSECURE_SETUP = insecure;
    }

    function verifyProof(uint256[8] calldata proof, uint256[7] calldata) external pure {
        if (proof[0] != VALID) revert ProofInvalid();
    }

    function verifyBatch(uint256[8][] calldata proofs, uint256[7][] calldata inputs) external pure {
        if (proofs.length != inputs.length) revert BatchLengths(proofs.length, inputs.length);
        for (uint256 i = 0; i < proofs.length; ++i) {
            if (proofs[i][0] != VALID) revert ProofInvalid();
        }
    }
}
