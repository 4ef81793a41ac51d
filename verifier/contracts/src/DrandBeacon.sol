// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title DrandBeacon
/// @notice Randomness of one drand network, verified on chain: nobody has to be trusted to bring it, and nobody can choose it.
/// @dev For networks of the scheme bls-unchained-g1-rfc9380, as drand's `quicknet`: signatures in G1 and the public key in G2 of BLS12-381, each round signed for
/// itself. Immutable, without owner or state. Points are encoded as in EIP-2537: a coordinate is 64 bytes, big-endian, of which the first 16 are zero; G1 is x, y;
/// G2 is x.c0, x.c1, y.c0, y.c1. Needs the precompiles of EIP-2537 (the Prague fork).
contract DrandBeacon {
    /// @notice A public key has 256 bytes, a signature 128.
    error PointLength(uint256 expected, uint256 got);

    /// @notice The public key is no point of G2, or is the point at infinity.
    error PublicKeyInvalid();

    /// @notice Neither the time of the first round nor the period may be 0.
    error ScheduleInvalid(uint64 genesis, uint32 period);

    /// @notice The first round is number 1.
    error RoundIsZero();

    /// @notice The signature is not the network's for this round, or is no point of G1.
    error SignatureInvalid(uint64 round);

    /// @notice A precompile failed or answered with a wrong length: this chain does not have it.
    error PrecompileFailed(address precompile);

    /// @notice When round 1 was emitted, Unix seconds.
    uint64 public immutable genesis;

    /// @notice From one round to the next, seconds.
    uint32 public immutable period;

    // The public key, in eight words: immutables cannot be longer, and reading them costs nothing.
    bytes32 private immutable KEY_0;
    bytes32 private immutable KEY_1;
    bytes32 private immutable KEY_2;
    bytes32 private immutable KEY_3;
    bytes32 private immutable KEY_4;
    bytes32 private immutable KEY_5;
    bytes32 private immutable KEY_6;
    bytes32 private immutable KEY_7;

    uint256 private constant G1_BYTES = 128;
    uint256 private constant G2_BYTES = 256;

    address private constant MODEXP = address(0x05);
    address private constant G1_ADD = address(0x0b);
    address private constant PAIRING = address(0x0f);
    address private constant MAP_FP_TO_G1 = address(0x10);

    /// @dev The domain of the scheme's hash, and its length.
    bytes private constant DOMAIN = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_\x2b";

    /// @dev The modulus p of the base field, 64 bytes.
    bytes private constant MODULUS =
        hex"000000000000000000000000000000001a0111ea397fe69a4b1ba7b6434bacd7"
        hex"64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab";

    /// @dev (p - 1) / 2, its upper 128 and its lower 256 bits.
    uint128 private constant HALF_HIGH = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant HALF_LOW = 0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;

    /// @dev The negative of the generator of G2.
    bytes private constant MINUS_GENERATOR =
        hex"00000000000000000000000000000000024aa2b2f08f0a91260805272dc51051"
        hex"c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"
        hex"0000000000000000000000000000000013e02b6052719f607dacd3a088274f65"
        hex"596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"
        hex"000000000000000000000000000000000d1b3cc2c7027888be51d9ef691d77bc"
        hex"b679afda66c73f17f9ee3837a55024f78c71363275a75d75d86bab79f74782aa"
        hex"0000000000000000000000000000000013fa4d4a0ad8b1ce186ed5061789213d"
        hex"993923066dddaf1040bc3ff59f825c78df74f2d75467e25e0f55f8a00fa030ed";

    /// @param publicKey_ The network's public key, G2, 256 bytes.
    /// @param genesis_ When round 1 was emitted, Unix seconds.
    /// @param period_ From one round to the next, seconds.
    constructor(bytes memory publicKey_, uint64 genesis_, uint32 period_) {
        if (publicKey_.length != G2_BYTES) revert PointLength(G2_BYTES, publicKey_.length);
        if (genesis_ == 0 || period_ == 0) revert ScheduleInvalid(genesis_, period_);
        if (keccak256(publicKey_) == keccak256(new bytes(G2_BYTES))) revert PublicKeyInvalid();
        // With infinity in G1 the pairing is 1; the precompile still refuses what is not in G2.
        (bool valid, bytes memory answer) = PAIRING.staticcall(bytes.concat(new bytes(G1_BYTES), publicKey_));
        if (!valid) revert PublicKeyInvalid();
        if (answer.length != 32) revert PrecompileFailed(PAIRING);
        (KEY_0, KEY_1, KEY_2, KEY_3, KEY_4, KEY_5, KEY_6, KEY_7) =
            abi.decode(publicKey_, (bytes32, bytes32, bytes32, bytes32, bytes32, bytes32, bytes32, bytes32));
        genesis = genesis_;
        period = period_;
    }

    /// @notice The network's public key.
    /// @return G2, 256 bytes.
    function publicKey() public view returns (bytes memory) {
        return abi.encodePacked(KEY_0, KEY_1, KEY_2, KEY_3, KEY_4, KEY_5, KEY_6, KEY_7);
    }

    /// @notice The first round that is emitted at `time` or later.
    /// @param time Unix seconds.
    function roundAt(uint64 time) external view returns (uint64) {
        return time <= genesis ? 1 : (time - genesis - 1) / period + 2;
    }

    /// @notice When a round is emitted, Unix seconds.
    /// @param round The round, 1 or more.
    function timeOf(uint64 round) external view returns (uint64) {
        if (round == 0) revert RoundIsZero();
        return genesis + (round - 1) * period;
    }

    /// @notice The randomness of a round, as drand publishes it. Reverts unless the signature is the network's.
    /// @dev A signature off the curve makes the precompile burn all gas forwarded to it: never try signatures of strangers in a loop.
    /// @param round The round, 1 or more.
    /// @param signature The network's signature of the round, G1, 128 bytes.
    /// @return The SHA-256 of the signature in its compressed form.
    function randomness(uint64 round, bytes calldata signature) external view returns (bytes32) {
        if (round == 0) revert RoundIsZero();
        if (signature.length != G1_BYTES) revert PointLength(G1_BYTES, signature.length);
        bytes memory hashed = _hashToCurve(sha256(abi.encodePacked(round)));
        // e(signature, -g2) e(hashed, key) = 1. A signature at infinity would need e(hashed, key) = 1, which no key but infinity has.
        bytes memory pairs = bytes.concat(signature, MINUS_GENERATOR, hashed, publicKey());
        (bool valid, bytes memory answer) = PAIRING.staticcall(pairs);
        if (!valid) revert SignatureInvalid(round);
        if (answer.length != 32) revert PrecompileFailed(PAIRING);
        if (bytes32(answer) != bytes32(uint256(1))) revert SignatureInvalid(round);
        return sha256(_compress(signature));
    }

    /// @dev RFC 9380, BLS12381G1_XMD:SHA-256_SSWU_RO_: two field elements, each mapped to the curve, added. The precompile clears the cofactor.
    function _hashToCurve(bytes32 message) private view returns (bytes memory) {
        // expand_message_xmd to 128 bytes; the 64 zeros are a block of SHA-256.
        bytes32 first = sha256(abi.encodePacked(new bytes(64), message, uint16(128), uint8(0), DOMAIN));
        bytes32 b1 = sha256(abi.encodePacked(first, uint8(1), DOMAIN));
        bytes32 b2 = sha256(abi.encodePacked(first ^ b1, uint8(2), DOMAIN));
        bytes32 b3 = sha256(abi.encodePacked(first ^ b2, uint8(3), DOMAIN));
        bytes32 b4 = sha256(abi.encodePacked(first ^ b3, uint8(4), DOMAIN));
        return _precompile(G1_ADD, bytes.concat(_mapToCurve(b1, b2), _mapToCurve(b3, b4)), G1_BYTES);
    }

    /// @dev The point for 64 uniform bytes, reduced modulo p: a power with the exponent 1.
    function _mapToCurve(bytes32 high, bytes32 low) private view returns (bytes memory) {
        bytes memory power = abi.encodePacked(uint256(64), uint256(1), uint256(64), high, low, uint8(1), MODULUS);
        return _precompile(MAP_FP_TO_G1, _precompile(MODEXP, power, 64), G1_BYTES);
    }

    /// @dev The 48 bytes of a valid point other than infinity: x, with the bits "compressed" and "y is the larger of the two".
    function _compress(bytes calldata point) private pure returns (bytes memory) {
        uint128 high = uint128(bytes16(point[80:96]));
        uint256 low = uint256(bytes32(point[96:128]));
        bool larger = high > HALF_HIGH || (high == HALF_HIGH && low > HALF_LOW);
        uint128 flags = uint128(larger ? 0xa0 : 0x80) << 120;
        return abi.encodePacked(flags | uint128(bytes16(point[16:32])), point[32:64]);
    }

    /// @dev What a precompile answers; it must succeed and answer with `length` bytes.
    function _precompile(address precompile, bytes memory input, uint256 length) private view returns (bytes memory) {
        (bool success, bytes memory answer) = precompile.staticcall(input);
        if (!success) revert PrecompileFailed(precompile);
        if (answer.length != length) revert PrecompileFailed(precompile);
        return answer;
    }
}
