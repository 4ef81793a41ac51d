// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {EmergencyStop} from "../src/EmergencyStop.sol";
import {IProofVerifier} from "../src/IProofVerifier.sol";
import {VM} from "./Forge.sol";
import {MockVerifier} from "./MockVerifier.sol";

/// @dev The rules of the stop over a mock; cli/tests/verifier/interface.rs has it in front of an exported verifier.
contract EmergencyStopTest {
    address private constant GUARDIAN = address(0xA11CE);

    MockVerifier private verifier;
    EmergencyStop private stop;

    function setUp() external {
        verifier = new MockVerifier(keccak256("key"), true);
        stop = new EmergencyStop(verifier, GUARDIAN);
    }

    function test_needsAVerifierAndAGuardian() external {
        VM.expectRevert(abi.encodeWithSelector(EmergencyStop.VerifierWithoutCode.selector, address(1)));
        new EmergencyStop(IProofVerifier(address(1)), GUARDIAN);
        VM.expectRevert(abi.encodeWithSelector(EmergencyStop.GuardianIsZero.selector));
        new EmergencyStop(verifier, address(0));
    }

    function test_answersForItsVerifier() external view {
        require(stop.keyHash() == verifier.keyHash() && stop.INSECURE_SETUP(), "the verifier's own answers");
        require(address(stop.verifier()) == address(verifier) && stop.guardian() == GUARDIAN && !stop.stopped(), "as it was made");
    }

    function testFuzz_verifiesWhatItsVerifierVerifies(uint256[8] calldata proof, uint256[7] calldata inputs) external {
        bool valid = proof[0] == 1;
        if (!valid) VM.expectRevert(abi.encodeWithSelector(MockVerifier.ProofInvalid.selector));
        stop.verifyProof(proof, inputs);
        uint256[8] memory good = proof;
        good[0] = 1;
        stop.verifyProof(good, inputs);
    }

    function testFuzz_verifiesBatches(uint8 count, uint8 wrong) external {
        uint256[8][] memory proofs = new uint256[8][](count % 8);
        for (uint256 i = 0; i < proofs.length; ++i) proofs[i][0] = i == wrong ? 2 : 1;
        if (wrong < proofs.length) VM.expectRevert(abi.encodeWithSelector(MockVerifier.ProofInvalid.selector));
        stop.verifyBatch(proofs, new uint256[7][](proofs.length));
        VM.expectRevert(abi.encodeWithSelector(MockVerifier.BatchLengths.selector, proofs.length, 9));
        stop.verifyBatch(proofs, new uint256[7][](9));
    }

    function test_theGuardianStopsForEver() external {
        VM.expectEmit();
        emit EmergencyStop.EmergencyStopped(GUARDIAN, false);
        VM.prank(GUARDIAN);
        stop.stop();
        _isStopped();
    }

    function testFuzz_nobodyElseStops(address caller) external {
        VM.assume(caller != GUARDIAN);
        VM.expectRevert(abi.encodeWithSelector(EmergencyStop.NotGuardian.selector, caller));
        VM.prank(caller);
        stop.stop();
        require(!stop.stopped(), "stopped by a stranger");
    }

    function testFuzz_aCanaryStopsForEver(address caller, uint256[8] memory proof, uint256[7] memory inputs) external {
        (proof[0], inputs[0]) = (1, 0);
        VM.expectEmit();
        emit EmergencyStop.EmergencyStopped(caller, true);
        VM.prank(caller);
        stop.stopByCanary(proof, inputs);
        _isStopped();
    }

    function testFuzz_aProofWithATagIsNoCanary(uint256[8] memory proof, uint256[7] memory inputs) external {
        VM.assume(inputs[0] != 0);
        proof[0] = 1;
        VM.expectRevert(abi.encodeWithSelector(EmergencyStop.NotCanary.selector, inputs[0]));
        stop.stopByCanary(proof, inputs);
        require(!stop.stopped(), "stopped by a proof of something true");
    }

    function testFuzz_anInvalidProofIsNoCanary(uint256[8] memory proof, uint256[7] memory inputs) external {
        VM.assume(proof[0] != 1);
        inputs[0] = 0;
        VM.expectRevert(abi.encodeWithSelector(MockVerifier.ProofInvalid.selector));
        stop.stopByCanary(proof, inputs);
        require(!stop.stopped(), "stopped by an invalid proof");
    }

    function _isStopped() private {
        uint256[8] memory proof;
        uint256[7] memory inputs;
        proof[0] = 1;
        bytes memory stopped = abi.encodeWithSelector(EmergencyStop.Stopped.selector);
        require(stop.stopped(), "not stopped");
        VM.expectRevert(stopped);
        stop.verifyProof(proof, inputs);
        VM.expectRevert(stopped);
        stop.verifyBatch(new uint256[8][](0), new uint256[7][](0));
        VM.expectRevert(stopped);
        VM.prank(GUARDIAN);
        stop.stop();
        VM.expectRevert(stopped);
        stop.stopByCanary(proof, inputs);
    }
}
