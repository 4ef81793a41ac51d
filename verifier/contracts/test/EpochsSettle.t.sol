// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {EmergencyStop} from "../src/EmergencyStop.sol";
import {Epochs} from "../src/Epochs.sol";
import {VerifierRouter} from "../src/VerifierRouter.sol";
import {EpochsFixture, ExpectingVerifier} from "./EpochsFixture.sol";
import {EpochsReference} from "./EpochsReference.sol";
import {VM} from "./Forge.sol";

/// @dev Settlement of zones, alone and in batches. What the contract computes in assembly is compared with EpochsReference: the mock verifier accepts nothing
/// but the inputs of the reference.
contract EpochsSettleTest is EpochsFixture {
    bytes32 private constant SETTLED = bytes32(uint256(1 << 255));

    // ----------------------------------------------------------------------------------------------------------------- settle

    function testFuzz_settleZonesOfOne(uint8 watchers, uint256 seed, uint256 outCommit) external {
        _settledAsTheReference(1, watchers, seed, outCommit);
    }

    function testFuzz_settleZonesOfSixteen(uint8 watchers, uint256 seed, uint256 outCommit) external {
        _settledAsTheReference(16, watchers, seed, outCommit);
    }

    function testFuzz_settleZonesOf256(uint8 watchers, uint256 seed, uint256 outCommit) external {
        _settledAsTheReference(256, watchers, seed, outCommit);
    }

    function test_settleZoneOf4096() external {
        _settledAsTheReference(4096, 2, 1, 2);
    }

    /// @dev All ones wherever a device can have them: the unreduced sums of the assembly are at their largest.
    function test_settleTheLargestNumbers() external {
        uint16[3] memory sizes = [1, 16, 256];
        for (uint64 i = 0; i < 3; ++i) {
            setUp();
            bytes memory digests = new bytes(320);
            for (uint256 seat = 0; seat < 10; ++seat) EpochsReference.setWord(digests, seat, R - 1);
            bytes memory rows;
            for (uint256 j = 0; j < sizes[i]; ++j) rows = abi.encodePacked(rows, type(uint160).max, uint32(1_000_000));
            _run(sizes[i], 10, 1);
            _attest(digests);
            _at(ANSWER + 1);
            _settle(0, bytes.concat(rows, digests), sizes[i]);
            require(_head().scores == uint256(sizes[i]) * 1_000_000, "the largest sum");
        }
    }

    /// @dev Of each input, of the proof and of each byte of the data: another one is another statement.
    function testFuzz_settleNeedsTheProofOfItsInputs(uint8 which, uint256 change) external {
        VM.assume(change != 0);
        bytes memory data = _settleable(16, 8, 1);
        uint256[7] memory inputs = _settleInputs(0, 7, data, 16);
        bytes32 got = keccak256(abi.encode(_proof(0), inputs));
        unchecked {
            inputs[which % 7] += change;
        }
        _expectProof(uptime, _proof(0), inputs);
        VM.expectRevert(abi.encodeWithSelector(ExpectingVerifier.OtherInputs.selector, uptime.expected(), got));
        rewards.settle(EPOCH, 0, 7, data, _proof(0));
        require(rewards.claimsRootOf(EPOCH, 0) == 0 && _head().settledZones == 0, "nothing is settled");
    }

    function testFuzz_settleRefusesOtherRows(uint16 offset, uint8 change) external {
        VM.assume(change != 0);
        bytes memory data = _settleable(16, 8, 1);
        _expectProof(uptime, _proof(0), _settleInputs(0, 7, data, 16));
        offset %= 24 * 16;
        data[offset] ^= bytes1(change);
        // A score beyond a million is refused before the proof is looked at.
        bytes memory reason = _hasScoreTooLarge(data, 16)
            ? abi.encodeWithSelector(Epochs.ScoreTooLarge.selector, 0, 1_000_000)
            : abi.encodeWithSelector(
                ExpectingVerifier.OtherInputs.selector,
                uptime.expected(),
                keccak256(abi.encode(_proof(0), _settleInputs(0, 7, data, 16)))
            );
        VM.expectRevert(reason);
        rewards.settle(EPOCH, 0, 7, data, _proof(0));
    }

    /// @dev A score too large at any place of a zone of each size is seen.
    function testFuzz_settleRefusesLargeScores(uint8 size, uint16 place, uint32 score) external {
        uint16 devices = [1, 16, 256][size % 3];
        score = score % 2 == 0 ? 1_000_001 : uint32(1_000_001 + score % (type(uint32).max - 1_000_000));
        bytes memory data = _settleable(devices, 2, 1);
        uint256 offset = 24 * uint256(place % devices) + 20;
        for (uint256 i = 0; i < 4; ++i) data[offset + i] = bytes4(score)[i];
        _expectProof(uptime, _proof(0), _settleInputs(0, 7, data, devices));
        VM.expectRevert(abi.encodeWithSelector(Epochs.ScoreTooLarge.selector, 0, 1_000_000));
        rewards.settle(EPOCH, 0, 7, data, _proof(0));
        for (uint256 i = 0; i < 4; ++i) data[offset + i] = bytes4(uint32(1_000_000))[i];
        _settle(0, data, devices);
    }

    function test_settleRefuses() external {
        bytes memory data = _settleable(16, 2, 2);
        uint256 length = 24 * 16 + 64;
        _at(ANSWER);
        _refused(0, data, abi.encodeWithSelector(Epochs.TooEarly.selector, EPOCH, END + ANSWER, END + ANSWER));
        _at(SETTLE + 1);
        _refused(0, data, abi.encodeWithSelector(Epochs.TooLate.selector, EPOCH, END + SETTLE, END + SETTLE + 1));
        _at(SETTLE);
        _refused(0, "", abi.encodeWithSelector(Epochs.DataLength.selector, length, 0));
        _refused(0, bytes.concat(data, hex"00"), abi.encodeWithSelector(Epochs.DataLength.selector, length, length + 1));
        bytes memory short = EpochsReference.slice(data, 0, length - 1);
        _refused(0, short, abi.encodeWithSelector(Epochs.DataLength.selector, length, length - 1));
        _refused(2, data, abi.encodeWithSelector(Epochs.ZoneUnknown.selector, 2, 2));
        _refused(type(uint64).max, data, abi.encodeWithSelector(Epochs.ZoneUnknown.selector, type(uint64).max, 2));
        bytes memory standing = EpochsReference.slice(data, 24 * 16, 64);
        // Zone 1 was not attested: no digests but zeros are its own.
        _refused(1, data, abi.encodeWithSelector(Epochs.NotStanding.selector, 1, 0, _word(standing)));
        bytes memory other = bytes.concat(_rows(16, 0), _digests(2, 9));
        _refused(0, other, abi.encodeWithSelector(Epochs.NotStanding.selector, 0, _word(standing), _word(_digests(2, 9))));
        bytes memory absent = bytes.concat(_rows(16, 0), new bytes(64));
        _refused(0, absent, abi.encodeWithSelector(Epochs.NotStanding.selector, 0, _word(standing), 0));
        _settle(0, data, 16);
        _refused(0, data, abi.encodeWithSelector(Epochs.ZoneAlreadySettled.selector, 0));
    }

    /// @dev What is settled, is: no call of the recourse can bring the zone back, and it cannot be attested.
    function test_aSettledZoneStays() external {
        bytes memory data = _settleable(16, 2, 2);
        bytes memory standing = EpochsReference.slice(data, 24 * 16, 64);
        _settle(0, data, 16);
        bytes32 word = rewards.wordOf(EPOCH, 0);
        VM.expectRevert(abi.encodeWithSelector(Epochs.ZoneAlreadySettled.selector, 0));
        rewards.voidSeats(EPOCH, 0, standing, 1);
        _at(1);
        VM.expectRevert(abi.encodeWithSelector(Epochs.ZoneAlreadyAttested.selector, 0));
        VM.prank(OPERATOR);
        rewards.attest(EPOCH, 0, standing, 0);
        _at(REPLACE);
        VM.expectRevert(abi.encodeWithSelector(Epochs.ZoneAlreadySettled.selector, 0));
        rewards.replace(EPOCH, 0, standing, 0, _vote(0, 1), _proof(0));
        _at(DEMAND);
        VM.expectRevert(abi.encodeWithSelector(Epochs.ZoneAlreadySettled.selector, 0));
        rewards.demand{value: BOND}(EPOCH, 0, standing, 0, 0);
        VM.expectRevert(abi.encodeWithSelector(Epochs.ZoneAlreadySettled.selector, 0));
        rewards.answer(EPOCH, 0, standing, 1, 0, _vote(0, 1), _proof(0));
        require(rewards.wordOf(EPOCH, 0) == word, "the same word");
    }

    function testFuzz_aZoneThatNobodyAttestedIsSettledWithZeros(uint256 seed) external {
        _run(16, 8, 1);
        _at(ANSWER + 1);
        bytes memory data = bytes.concat(_rows(16, seed), new bytes(256));
        _settle(0, data, 16);
        require(rewards.claimsRootOf(EPOCH, 0) == EpochsReference.claimsRoot(EPOCH, 0, data, 16) | SETTLED, "the claim root");
    }

    // ---------------------------------------------------------------------------------------------- settlement and recourse

    /// @dev Neither the digests nor the digests without the demanded seat stand while the demand is open; once it is void, the latter do.
    function testFuzz_aDemandedZoneIsNotSettledUntilItsSeatsAreVoid(uint8 seat) external {
        seat %= 8;
        bytes memory rows = _rows(16, 3);
        bytes memory standing = _digests(8, 0);
        _run(16, 8, 1);
        _attest(standing);
        _at(DEMAND);
        _demand(STRANGER, standing, 0, seat);
        bytes32 demanded = _word(standing, uint256(1) << seat);
        bytes memory voided = bytes.concat(standing);
        EpochsReference.setWord(voided, seat, 0);
        _at(ANSWER + 1);
        _refused(
            0,
            bytes.concat(rows, standing),
            abi.encodeWithSelector(Epochs.NotStanding.selector, 0, demanded, _word(standing))
        );
        _refused(
            0, bytes.concat(rows, voided), abi.encodeWithSelector(Epochs.NotStanding.selector, 0, demanded, _word(voided))
        );
        rewards.voidSeats(EPOCH, 0, standing, uint256(1) << seat);
        _refused(
            0,
            bytes.concat(rows, standing),
            abi.encodeWithSelector(Epochs.NotStanding.selector, 0, _word(voided), _word(standing))
        );
        _settle(0, bytes.concat(rows, voided), 16);
        require(rewards.claimsRootOf(EPOCH, 0) != 0, "settled");
    }

    function test_anAnsweredZoneIsSettledWithItsDigests() external {
        bytes memory standing = _digests(8, 0);
        _run(16, 8, 1);
        _attest(standing);
        _at(DEMAND);
        _demand(STRANGER, standing, 0, 7);
        bytes memory words = _vote(7, EpochsReference.number(standing, 224, 32));
        _expectProof(vote, _proof(1), _voteInputs(0, 7, words));
        rewards.answer(EPOCH, 0, standing, 128, 7, words, _proof(1));
        _at(ANSWER + 1);
        _settle(0, bytes.concat(_rows(16, 3), standing), 16);
    }

    /// @dev The guardian stops the verifier between two zones: the first stays, the second keeps its share, and the epoch closes.
    function testFuzz_aVerifierThatStopsBetweenZones(bool byTheRouter) external {
        bytes memory data = _settleable(16, 2, 2);
        _settle(0, data, 16);
        uint48 scores = _head().scores;
        VM.prank(GUARDIAN);
        if (byTheRouter) router.remove(uptimeSelector);
        else uptimeStop.stop();
        bytes memory second = bytes.concat(_rows(16, 5), new bytes(64));
        _expectProof(uptime, _proof(0), _settleInputs(1, 0, second, 16));
        _refused(
            1,
            second,
            byTheRouter
                ? abi.encodeWithSelector(VerifierRouter.SelectorRemoved.selector, uptimeSelector)
                : abi.encodeWithSelector(EmergencyStop.Stopped.selector)
        );
        require(_head().settledZones == 1 && _head().scores == scores, "the first zone alone");
        _at(SETTLE + 1);
        VM.expectEmit();
        emit Epochs.EpochClosed(EPOCH, scores + 16 * 1_000_000, 1);
        rewards.close(EPOCH);
    }

    // ------------------------------------------------------------------------------------------------------------ settleBatch

    function testFuzz_batchesSettleAsZonesDo(uint8 count, uint128 seed) external {
        count = 1 + count % 5;
        Epochs.Settlement[] memory settlements = _batch(count, seed);
        uint256 scores;
        bytes32[] memory roots = new bytes32[](count);
        for (uint64 i = 0; i < count; ++i) {
            bytes memory data = settlements[i].data;
            roots[i] = EpochsReference.claimsRoot(EPOCH, settlements[i].zone, data, 16) | SETTLED;
            scores += EpochsReference.scores(data, 16);
            VM.expectEmit();
            emit Epochs.ZoneSettled(EPOCH, settlements[i].zone, roots[i], EpochsReference.scores(data, 16));
        }
        rewards.settleBatch(EPOCH, settlements);
        for (uint64 i = 0; i < count; ++i) require(rewards.claimsRootOf(EPOCH, settlements[i].zone) == roots[i], "the claim root");
        require(_head().settledZones == count && _head().scores == scores, "counted");
    }

    /// @dev One settlement that is refused, at any place and for any reason, refuses all.
    function testFuzz_batchesAreAllOrNothing(uint8 place, uint8 flaw) external {
        Epochs.Settlement[] memory settlements = _batch(5, 1);
        Epochs.Settlement memory wrong = settlements[place % 5];
        bytes memory data = bytes.concat(wrong.data);
        bytes memory reason;
        flaw %= 5;
        if (flaw == 0) {
            wrong.outCommit ^= 1;
            reason = abi.encodeWithSelector(ExpectingVerifier.OtherInputs.selector, uptime.expected(), _question(settlements));
        } else if (flaw == 1) {
            wrong.proof[3] ^= 1;
            reason = abi.encodeWithSelector(ExpectingVerifier.OtherInputs.selector, uptime.expected(), _question(settlements));
        } else if (flaw == 2) {
            wrong.zone = 6;
            reason = abi.encodeWithSelector(Epochs.ZoneUnknown.selector, 6, 6);
        } else if (flaw == 3) {
            wrong.data[20] = 0xff;
            reason = abi.encodeWithSelector(Epochs.ScoreTooLarge.selector, wrong.zone, 1_000_000);
        } else {
            wrong.data = EpochsReference.slice(data, 0, 24);
            reason = abi.encodeWithSelector(Epochs.DataLength.selector, data.length, 24);
        }
        VM.expectRevert(reason);
        rewards.settleBatch(EPOCH, settlements);
        for (uint64 zone = 0; zone < 6; ++zone) require(rewards.claimsRootOf(EPOCH, zone) == 0, "none is settled");
        require(_head().settledZones == 0 && _head().scores == 0, "none is counted");
    }

    function test_aZoneIsInABatchOnce() external {
        Epochs.Settlement[] memory settlements = _batch(2, 1);
        settlements[1] = settlements[0];
        uptime.expect(_question(settlements));
        VM.expectRevert(abi.encodeWithSelector(Epochs.ZoneAlreadySettled.selector, settlements[0].zone));
        rewards.settleBatch(EPOCH, settlements);
    }

    /// @dev One zone settled before the batch refuses the batch: the others go again without it.
    function test_aBatchThatWasOvertaken() external {
        Epochs.Settlement[] memory settlements = _batch(2, 1);
        bytes32 question = uptime.expected();
        _settle(settlements[1].zone, settlements[1].data, 16);
        uptime.expect(question);
        VM.expectRevert(abi.encodeWithSelector(Epochs.ZoneAlreadySettled.selector, settlements[1].zone));
        rewards.settleBatch(EPOCH, settlements);
        Epochs.Settlement[] memory left = new Epochs.Settlement[](1);
        left[0] = settlements[0];
        uptime.expect(_question(left));
        rewards.settleBatch(EPOCH, left);
        require(_head().settledZones == 2, "both");
    }

    function test_batchesHaveTheDeadlinesOfZones() external {
        Epochs.Settlement[] memory settlements = _batch(2, 1);
        _at(ANSWER);
        VM.expectRevert(abi.encodeWithSelector(Epochs.TooEarly.selector, EPOCH, END + ANSWER, END + ANSWER));
        rewards.settleBatch(EPOCH, settlements);
        _at(SETTLE + 1);
        VM.expectRevert(abi.encodeWithSelector(Epochs.TooLate.selector, EPOCH, END + SETTLE, END + SETTLE + 1));
        rewards.settleBatch(EPOCH, settlements);
        _at(SETTLE);
        rewards.settleBatch(EPOCH, settlements);
    }

    /// @dev Calldata that ends before what it says is refused, wherever it is cut; nothing is read that the caller did not send.
    function testFuzz_calldataThatIsCutIsRefused(uint16 length) external {
        Epochs.Settlement[] memory settlements = _batch(2, 1);
        bytes memory call = abi.encodeCall(rewards.settleBatch, (EPOCH, settlements));
        (bool success,) = address(rewards).call(EpochsReference.slice(call, 0, 4 + length % (call.length - 4)));
        require(!success && _head().settledZones == 0, "cut");
        (success,) = address(rewards).call(call);
        require(success && _head().settledZones == 2, "whole");
    }

    // ------------------------------------------------------------------------------------------------------------------ parts

    function _settledAsTheReference(uint16 devices, uint8 watchers, uint256 seed, uint256 outCommit) private {
        watchers = [1, 2, 8, 10][watchers % 4];
        _run(devices, watchers, 3);
        bytes memory digests = _digests(2 * uint256(watchers), seed);
        _attest(digests);
        _at(ANSWER + 1);
        bytes memory data =
            bytes.concat(_rows(devices, seed), EpochsReference.slice(digests, 32 * uint256(watchers), 32 * uint256(watchers)));
        uint256 scores = EpochsReference.scores(data, devices);
        bytes32 root = EpochsReference.claimsRoot(EPOCH, 1, data, devices) | SETTLED;
        _expectProof(uptime, _proof(seed), _settleInputs(1, outCommit, data, devices));
        VM.expectEmit();
        emit Epochs.ZoneSettled(EPOCH, 1, root, scores);
        VM.prank(STRANGER);
        rewards.settle(EPOCH, 1, outCommit, data, _proof(seed));
        require(rewards.wordOf(EPOCH, 1) == root && rewards.claimsRootOf(EPOCH, 1) == root, "the claim root");
        Epochs.Head memory head = _head();
        require(head.settledZones == 1 && head.scores == scores, "counted");
        require(head.uptimeSelector == uptimeSelector && head.devices == devices && head.zones == 3 && head.closedAt == 0, "and nothing else");
    }

    /// @dev The data of zone 0, attested, in the first second of settlement.
    function _settleable(uint16 devices, uint8 watchers, uint32 zones) private returns (bytes memory) {
        _run(devices, watchers, zones);
        _attest(_digests(watchers, 0));
        _at(ANSWER + 1);
        return bytes.concat(_rows(devices, 0), _digests(watchers, 0));
    }

    /// @dev Settlements of zones 5, 4, .. of six, and the verifier waits for them.
    function _batch(uint256 count, uint128 seed) private returns (Epochs.Settlement[] memory settlements) {
        _run(16, 2, 6);
        bytes memory digests = _digests(12, seed);
        _attest(digests);
        _at(ANSWER + 1);
        settlements = new Epochs.Settlement[](count);
        for (uint256 i = 0; i < count; ++i) {
            bytes memory data = bytes.concat(_rows(16, seed + i), EpochsReference.slice(digests, 64 * (5 - i), 64));
            settlements[i] = Epochs.Settlement(uint64(5 - i), seed ^ i, data, _proof(seed + i));
        }
        uptime.expect(_question(settlements));
    }

    /// @dev What the verifier is asked for a batch, by the reference.
    function _question(Epochs.Settlement[] memory settlements) private view returns (bytes32) {
        uint256[8][] memory proofs = new uint256[8][](settlements.length);
        uint256[7][] memory inputs = new uint256[7][](settlements.length);
        for (uint256 i = 0; i < settlements.length; ++i) {
            proofs[i] = settlements[i].proof;
            inputs[i] = _settleInputs(settlements[i].zone, settlements[i].outCommit, settlements[i].data, 16);
        }
        return keccak256(abi.encode(proofs, inputs));
    }

    function _hasScoreTooLarge(bytes memory data, uint256 devices) private pure returns (bool) {
        for (uint256 i = 0; i < devices; ++i) {
            if (EpochsReference.number(data, 24 * i + 20, 4) > 1_000_000) return true;
        }
        return false;
    }

    function _head() private view returns (Epochs.Head memory head) {
        (head,,,) = rewards.epochs(EPOCH);
    }

    function _refused(uint64 zone, bytes memory data, bytes memory reason) private {
        VM.expectRevert(reason);
        rewards.settle(EPOCH, zone, 0, data, _proof(0));
    }
}
