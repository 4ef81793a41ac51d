// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @notice What the settlement needs from a verifier: the reverting entry, for the seven public inputs of a zone.
interface IGroth16Verifier7 {
    /// @notice Returns if the proof holds for the inputs, reverts if it does not.
    function verifyProof(uint256[8] calldata proof, uint256[7] calldata inputs) external view;
}

/// @title UptimeSettlement
/// @notice Settles one epoch of popw's uptime claim, zone by zone, with a Groth16 proof each.
///
/// The proof says that the scores follow from the watchers' signed attestations by the published rule. A zone's
/// public inputs are [epochTag, registryRoot, parametersHash, zone, outCommit, z, y] (docs/protocol.md, section 5).
/// Everything that binds a proof to this epoch comes from storage; the caller brings the zone, its data and the
/// proof. Anyone may settle: the payees come from the registry, not from the caller.
///
/// `data` is, for each device of the zone in registry order, payee (20 bytes) and score (4 bytes, parts per million),
/// then one digest (32 bytes) per watcher seat. The circuit proves y = sum of the coefficients times powers of z over
/// its own payees, scores and digests; the contract evaluates the same polynomial over `data`, and z depends on all
/// of `data`.
/// @dev Uniqueness is keyed on the zone, never on proof bytes: proofs can be re-randomised.
contract UptimeSettlement {
    /// @notice A settled zone.
    /// @param claimsRoot root of its claim tree (sorted pairs, see `settle`)
    /// @param totalScore sum of its devices' scores
    /// @param settled true once settled (a zone of absent devices can have the root 0)
    struct Zone {
        bytes32 claimsRoot;
        uint64 totalScore;
        bool settled;
    }

    /// @notice Zone `zone` is settled: its claims are the leaves of `claimsRoot`.
    event ZoneSettled(uint64 indexed zone, bytes32 claimsRoot, uint64 totalScore);
    /// @notice The root of the watchers' digests is fixed for this epoch.
    event AttestationsPosted(bytes32 root);

    /// @notice The address given as the verifier has no code.
    error VerifierWithoutCode(address verifier);
    /// @notice A zone holds 1, 16, 256 or 4096 devices.
    error UnknownZoneSize(uint32 devices);
    /// @notice There are 1 to 10 watcher seats.
    error WatchersOutOfRange(uint32 watchers);
    /// @notice A constructor argument that is a public input is not smaller than the field's order.
    error ParameterNotInField(uint256 value);
    /// @notice Only the poster fixes the attestation root.
    error NotPoster(address caller);
    /// @notice The attestation root is posted once.
    error AttestationsAlreadyPosted(bytes32 root);
    /// @notice The attestation root has to be posted before a zone settles, and is not zero.
    error AttestationsMissing();
    /// @notice The zone's device indices do not fit 64 bits.
    error ZoneOutOfRange(uint64 zone);
    /// @notice The zone is settled already.
    error ZoneAlreadySettled(uint64 zone);
    /// @notice The data has another length than 24 bytes a device and 32 bytes a watcher.
    error DataLength(uint256 expected, uint256 got);
    /// @notice The commitment to the outputs is not smaller than the field's order.
    error OutCommitNotInField(uint256 outCommit);
    /// @notice The digest of watcher seat `seat` is not smaller than the field's order.
    error DigestNotInField(uint256 seat);
    /// @notice Zone and digests do not lead to the attestation root by this path.
    error NotAttested(uint64 zone);
    /// @notice A device's score is above a million parts per million.
    error ScoreTooLarge();

    /// @dev Order of the scalar field of BN254.
    uint256 private constant R = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    /// @dev Scores are parts per million.
    uint256 private constant SCORE_MAX = 1_000_000;

    /// @notice Verifier of the proofs; `selector` names its key.
    IGroth16Verifier7 public immutable verifier;
    /// @notice Four bytes that name the verifying key, part of the epoch tag and of z.
    bytes4 public immutable selector;
    /// @notice Number of the epoch.
    uint64 public immutable epoch;
    /// @notice Devices in a zone (N).
    uint32 public immutable devices;
    /// @notice Watcher seats (W).
    uint32 public immutable watchers;
    /// @notice Who posts the attestation root: the deployer.
    address public immutable poster;
    /// @notice Root of the device and watcher registries of this epoch (REG).
    uint256 public immutable registryRoot;
    /// @notice Hash of the rule's parameters.
    uint256 public immutable parametersHash;
    /// @notice The epoch's randomness.
    bytes32 public immutable randomness;
    /// @notice Binds proofs, draws and signatures to this chain, contract, key, epoch, registry, rule and randomness.
    uint256 public immutable epochTag;

    /// @notice Root over the zones' digests; 0 until posted.
    bytes32 public attestationsRoot;
    /// @notice Settled zones.
    mapping(uint64 zone => Zone) public zones;

    /// @param verifier_ verifier with seven public inputs
    /// @param selector_ names the verifier's key
    /// @param epoch_ number of the epoch
    /// @param registryRoot_ REG, a field element
    /// @param parametersHash_ params_hash, a field element
    /// @param randomness_ R_e
    /// @param devices_ devices in a zone: 1, 16, 256 or 4096
    /// @param watchers_ watcher seats: 1 to 10
    constructor(
        IGroth16Verifier7 verifier_,
        bytes4 selector_,
        uint64 epoch_,
        uint256 registryRoot_,
        uint256 parametersHash_,
        bytes32 randomness_,
        uint32 devices_,
        uint32 watchers_
    ) {
        if (address(verifier_).code.length == 0) revert VerifierWithoutCode(address(verifier_));
        if (devices_ != 1 && devices_ != 16 && devices_ != 256 && devices_ != 4096) revert UnknownZoneSize(devices_);
        if (watchers_ == 0 || watchers_ > 10) revert WatchersOutOfRange(watchers_);
        if (registryRoot_ >= R) revert ParameterNotInField(registryRoot_);
        if (parametersHash_ >= R) revert ParameterNotInField(parametersHash_);
        verifier = verifier_;
        selector = selector_;
        epoch = epoch_;
        registryRoot = registryRoot_;
        parametersHash = parametersHash_;
        randomness = randomness_;
        devices = devices_;
        watchers = watchers_;
        poster = msg.sender;
        epochTag = uint256(
            keccak256(
                abi.encode(
                    block.chainid, address(this), selector_, epoch_, registryRoot_, parametersHash_, randomness_
                )
            )
        ) % R;
    }

    /// @notice Fixes the root over the zones' digests. Once, by the poster, before any zone settles.
    function postAttestations(bytes32 root) external {
        if (msg.sender != poster) revert NotPoster(msg.sender);
        if (attestationsRoot != 0) revert AttestationsAlreadyPosted(attestationsRoot);
        if (root == 0) revert AttestationsMissing();
        attestationsRoot = root;
        emit AttestationsPosted(root);
    }

    /// @notice Settles a zone: once, by anyone who has its data and a proof.
    ///
    /// Stores the root of the zone's claim tree. Leaf i is 0 if payee or score is 0, and else
    /// keccak256(bytes.concat(keccak256(abi.encode(uint64 epoch, uint64 zone * N + i, address payee, uint32 score))));
    /// nodes hash sorted pairs.
    /// @param zone number of the zone
    /// @param outCommit the circuit's commitment to scores and digests
    /// @param data payees, scores and digests, 24 N + 32 W bytes
    /// @param path siblings from the zone's leaf to the attestation root, sorted pairs
    /// @param proof eight words in the order of EIP-197
    function settle(
        uint64 zone,
        uint256 outCommit,
        bytes calldata data,
        bytes32[] calldata path,
        uint256[8] calldata proof
    ) external {
        if (zones[zone].settled) revert ZoneAlreadySettled(zone);
        if (zone > type(uint64).max / devices - 1) revert ZoneOutOfRange(zone);
        uint256 expected = 24 * uint256(devices) + 32 * uint256(watchers);
        if (data.length != expected) revert DataLength(expected, data.length);
        if (outCommit >= R) revert OutCommitNotInField(outCommit);
        _checkDigests(zone, data[24 * uint256(devices):], path);

        uint256[7] memory inputs = [epochTag, registryRoot, parametersHash, zone, outCommit, 0, 0];
        inputs[5] = uint256(
            keccak256(
                abi.encode(selector, epochTag, registryRoot, parametersHash, uint256(zone), outCommit, keccak256(data))
            )
        ) % R;
        uint256 totalScore;
        bytes32[] memory leaves;
        (inputs[6], totalScore, leaves) = _read(zone, data, inputs[5]);
        verifier.verifyProof(proof, inputs);

        bytes32 claimsRoot = _root(leaves);
        zones[zone] = Zone({claimsRoot: claimsRoot, totalScore: uint64(totalScore), settled: true});
        emit ZoneSettled(zone, claimsRoot, uint64(totalScore)); // 4096 scores of a million fit 64 bits
    }

    /// @dev Every digest is a field element, and all of them are what was attested for this zone.
    function _checkDigests(uint64 zone, bytes calldata digests, bytes32[] calldata path) private view {
        for (uint256 seat = 0; seat < watchers; ++seat) {
            if (uint256(bytes32(digests[32 * seat:])) >= R) revert DigestNotInField(seat);
        }
        // Hashed twice: a leaf cannot be taken for a node.
        bytes32 node = keccak256(bytes.concat(keccak256(abi.encode(zone, keccak256(digests)))));
        for (uint256 i = 0; i < path.length; ++i) {
            bytes32 sibling = path[i];
            node = node < sibling
                ? keccak256(abi.encodePacked(node, sibling))
                : keccak256(abi.encodePacked(sibling, node));
        }
        bytes32 root = attestationsRoot;
        if (root == 0) revert AttestationsMissing();
        if (node != root) revert NotAttested(zone);
    }

    /// @dev Reads the data: its fingerprint at z, the sum of its scores, and the leaves of its claim tree.
    function _read(uint64 zone, bytes calldata data, uint256 z)
        private
        view
        returns (uint256 y, uint256 totalScore, bytes32[] memory leaves)
    {
        uint256 rows = 24 * uint256(devices);
        leaves = new bytes32[](devices);
        uint256[4] memory claim = [epoch, (uint256(zone) + 1) * devices, 0, 0];
        (y, totalScore) = _readRows(leaves, claim, data[:rows], z, _readDigests(data[rows:], z));
    }

    /// @dev The polynomial whose coefficients are the digests, at z. Horner's rule: from the last to the first,
    /// y = y z + coefficient. Not reduced: the digests are below R, so y stays below 2 R < 2^256, and mulmod takes
    /// any y.
    function _readDigests(bytes calldata digests, uint256 z) private pure returns (uint256 y) {
        assembly ("memory-safe") {
            for { let at := add(digests.offset, digests.length) } gt(at, digests.offset) {} {
                at := sub(at, 32)
                y := add(mulmod(y, z, R), calldataload(at))
            }
        }
    }

    /// @dev One pass over the rows, last row first: goes on with the fingerprint `y` (coefficients payee, score,
    /// payee, ..), sums the scores, and writes the claim leaf of each row. `claim` is what a leaf hashes: epoch,
    /// index (one past the zone's last to begin with), payee, score.
    function _readRows(bytes32[] memory leaves, uint256[4] memory claim, bytes calldata rows, uint256 z, uint256 y)
        private
        pure
        returns (uint256, uint256 totalScore)
    {
        uint256 tooLarge; // has its highest bit set as soon as one score is above SCORE_MAX
        assembly ("memory-safe") {
            let index := add(claim, 0x20)
            let at := add(rows.offset, rows.length)
            for { let leaf := add(leaves, shl(5, mload(leaves))) } gt(leaf, leaves) { leaf := sub(leaf, 0x20) } {
                at := sub(at, 24)
                let payee := calldataload(at) // payee, score, and what follows
                let score := and(shr(64, payee), 0xffffffff)
                payee := shr(96, payee)
                tooLarge := or(tooLarge, sub(SCORE_MAX, score))
                totalScore := add(totalScore, score)
                y := add(mulmod(add(mulmod(y, z, R), score), z, R), payee)
                mstore(index, sub(mload(index), 1))
                if mul(payee, score) {
                    mstore(add(index, 0x20), payee)
                    mstore(add(index, 0x40), score)
                    mstore(0x00, keccak256(claim, 0x80))
                    mstore(leaf, keccak256(0x00, 0x20))
                }
            }
        }
        if (tooLarge >> 255 != 0) revert ScoreTooLarge();
        return (y % R, totalScore);
    }

    /// @dev Root of a tree of sorted pairs, in place, two levels at a time: the number of leaves is a power of four.
    function _root(bytes32[] memory leaves) private pure returns (bytes32 root) {
        assembly ("memory-safe") {
            let first := add(leaves, 0x20)
            for { let size := shl(5, mload(leaves)) } gt(size, 0x20) {} {
                size := shr(2, size)
                let from := first
                let to := first
                for { let end := add(first, size) } lt(to, end) { to := add(to, 0x20) } {
                    // A pair is hashed from 0x00; `swap` is where its left word goes: 0x20 if it is the larger one.
                    let swap := shl(5, gt(mload(from), mload(add(from, 0x20))))
                    mstore(swap, mload(from))
                    mstore(xor(swap, 0x20), mload(add(from, 0x20)))
                    let left := keccak256(0x00, 0x40)
                    swap := shl(5, gt(mload(add(from, 0x40)), mload(add(from, 0x60))))
                    mstore(swap, mload(add(from, 0x40)))
                    mstore(xor(swap, 0x20), mload(add(from, 0x60)))
                    let right := keccak256(0x00, 0x40)
                    swap := shl(5, gt(left, right))
                    mstore(swap, left)
                    mstore(xor(swap, 0x20), right)
                    mstore(to, keccak256(0x00, 0x40))
                    from := add(from, 0x80)
                }
            }
            root := mload(first)
        }
    }
}
