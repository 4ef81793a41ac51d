// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @dev A beacon of rounds every seven seconds, whose signature of a round is its number as 128 bytes.
contract MockBeacon {
    error SignatureInvalid(uint64 round);

    uint32 public constant period = 7;

    function roundAt(uint64 time) external pure returns (uint64) {
        return (time + 6) / 7;
    }

    function timeOf(uint64 round) external pure returns (uint64) {
        return round * 7;
    }

    function randomness(uint64 round, bytes calldata signature) external pure returns (bytes32) {
        if (keccak256(signature) != keccak256(signatureOf(round))) revert SignatureInvalid(round);
        return keccak256(abi.encode("randomness", round));
    }

    function signatureOf(uint64 round) public pure returns (bytes memory) {
        return bytes.concat(new bytes(96), bytes32(uint256(round)));
    }
}
