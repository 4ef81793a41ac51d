// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @dev Section 5 of docs/protocol.md once more, as it stands there and without assembly tricks: what the contract computes is compared with this.
library EpochsReference {
    uint256 private constant R = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;

    /// @dev z.
    function challenge(
        bytes4 selector,
        uint256 epochTag,
        uint256 registryRoot,
        uint256 parametersHash,
        uint256 zone,
        uint256 outCommit,
        bytes32 dataHash
    ) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(selector, epochTag, registryRoot, parametersHash, zone, outCommit, dataHash))) % R;
    }

    /// @dev y = sum_i (payee_i z^(2i) + score_i z^(2i+1)) + sum_m digest_m z^(2N+m).
    function uptimeFingerprint(bytes memory data, uint256 devices, uint256 z) internal pure returns (uint256 y) {
        uint256 power = 1;
        for (uint256 i = 0; i < devices; ++i) {
            y = addmod(y, mulmod(number(data, 24 * i, 20), power, R), R);
            power = mulmod(power, z, R);
            y = addmod(y, mulmod(number(data, 24 * i + 20, 4), power, R), R);
            power = mulmod(power, z, R);
        }
        uint256 digests = (data.length - 24 * devices) / 32;
        y = addmod(y, mulmod(polynomial(data, 24 * devices, digests, z), power, R), R);
    }

    /// @dev sum_i word_i z^i over so many words of `data` from `offset` on.
    function polynomial(bytes memory data, uint256 offset, uint256 count, uint256 z) internal pure returns (uint256 y) {
        uint256 power = 1;
        for (uint256 i = 0; i < count; ++i) {
            y = addmod(y, mulmod(number(data, offset + 32 * i, 32), power, R), R);
            power = mulmod(power, z, R);
        }
    }

    function scores(bytes memory data, uint256 devices) internal pure returns (uint256 sum) {
        for (uint256 i = 0; i < devices; ++i) sum += number(data, 24 * i + 20, 4);
    }

    /// @dev Root of the claim tree, without the bit that says that the zone is settled.
    function claimsRoot(uint64 epoch, uint64 zone, bytes memory data, uint256 devices) internal pure returns (bytes32) {
        uint256 chunk = devices < 8 ? devices : 8;
        bytes32[] memory nodes = new bytes32[](devices / chunk);
        for (uint256 i = 0; i < nodes.length; ++i) {
            uint64 first = uint64(zone * devices + chunk * i);
            nodes[i] = keccak256(abi.encodePacked(epoch, first, slice(data, 24 * chunk * i, 24 * chunk)));
        }
        while (nodes.length > 1) {
            bytes32[] memory above = new bytes32[](nodes.length / 2);
            for (uint256 i = 0; i < above.length; ++i) above[i] = parent(nodes[2 * i], nodes[2 * i + 1]);
            nodes = above;
        }
        return nodes[0];
    }

    function parent(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(bytes.concat(a, b)) : keccak256(bytes.concat(b, a));
    }

    /// @dev The big-endian number in `length` bytes.
    function number(bytes memory data, uint256 offset, uint256 length) internal pure returns (uint256 value) {
        for (uint256 i = 0; i < length; ++i) value = value << 8 | uint8(data[offset + i]);
    }

    function slice(bytes memory data, uint256 offset, uint256 length) internal pure returns (bytes memory part) {
        part = new bytes(length);
        for (uint256 i = 0; i < length; ++i) part[i] = data[offset + i];
    }

    function setWord(bytes memory data, uint256 index, uint256 word) internal pure {
        for (uint256 i = 0; i < 32; ++i) data[32 * index + i] = bytes32(word)[i];
    }
}
