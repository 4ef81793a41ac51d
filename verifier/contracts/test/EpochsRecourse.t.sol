// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {EmergencyStop} from "../src/EmergencyStop.sol";
import {Epochs} from "../src/Epochs.sol";
import {VerifierRouter} from "../src/VerifierRouter.sol";
import {EpochsFixture, ExpectingVerifier} from "./EpochsFixture.sol";
import {EpochsReference} from "./EpochsReference.sol";
import {VM} from "./Forge.sol";

/// @dev Demands a seat, and calls back when it gets its bond.
contract Demander {
    address private immutable TARGET;
    uint256 public entered;

    constructor(address target) {
        TARGET = target;
    }

    function call(bytes calldata data) external payable {
        (bool success, bytes memory reason) = TARGET.call{value: msg.value}(data);
        if (success) return;
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }

    receive() external payable {
        (bool success, bytes memory reason) = TARGET.call(abi.encodeCall(Epochs.withdraw, ()));
        require(!success && bytes4(reason) == Epochs.NothingToWithdraw.selector, "paid a second time");
        ++entered;
    }
}

/// @dev From the digests to their last word: attest, replace, demand, answer, voidSeats, withdraw.
contract EpochsRecourseTest is EpochsFixture {
    address private constant SECOND = address(0x58);
    uint256 private constant W = 3;
    bytes32 private constant SECOND_CIRCUIT = keccak256("a second circuit");

    // ----------------------------------------------------------------------------------------------------------------- attest

    function testFuzz_attestStoresAWordAZone(uint8 watchers, uint8 first, uint8 count, uint256 seed) external {
        watchers = 1 + watchers % 10;
        count = 1 + count % 6;
        first %= 4;
        _run(1, watchers, 10);
        _at(1);
        bytes memory digests = _digests(uint256(count) * watchers, seed);
        VM.expectEmit();
        emit Epochs.Attested(EPOCH, first, bytes32(seed), digests);
        VM.prank(OPERATOR);
        rewards.attest(EPOCH, first, digests, bytes32(seed));
        for (uint64 zone = 0; zone < 10; ++zone) {
            bool posted = zone >= first && zone < first + count;
            uint256 size = 32 * uint256(watchers);
            bytes32 word = posted ? _word(EpochsReference.slice(digests, (zone - first) * size, size)) : bytes32(0);
            require(rewards.wordOf(EPOCH, zone) == word, "the zone's word");
            require(rewards.claimsRootOf(EPOCH, zone) == 0, "not settled");
        }
        VM.expectRevert(abi.encodeWithSelector(Epochs.ZoneAlreadyAttested.selector, first));
        VM.prank(OPERATOR);
        rewards.attest(EPOCH, first, digests, 0);
    }

    /// @dev Zones without votes cost no storage, and stay as nobody had attested them.
    function test_attestOfAbsentSeats() external {
        _run(1, 2, 3);
        bytes memory digests = bytes.concat(new bytes(64), new bytes(32), bytes32(R - 1), new bytes(64));
        _attest(digests);
        require(rewards.wordOf(EPOCH, 0) == 0 && rewards.wordOf(EPOCH, 2) == 0, "nobody attested");
        require(rewards.wordOf(EPOCH, 1) == _word(abi.encode(0, R - 1)), "one seat attested");
    }

    function test_attestRefuses() external {
        _run(1, 2, 3);
        _refusedAttest(0, 0, abi.encodeWithSelector(Epochs.TooEarly.selector, EPOCH, END, END));
        _at(1);
        _refusedAttest(0, 0, abi.encodeWithSelector(Epochs.DataLength.selector, 64, 0));
        _refusedAttest(0, 1, abi.encodeWithSelector(Epochs.DataLength.selector, 64, 32));
        _refusedAttest(0, 3, abi.encodeWithSelector(Epochs.DataLength.selector, 64, 96));
        _refusedAttest(0, 8, abi.encodeWithSelector(Epochs.ZoneUnknown.selector, 3, 3));
        _refusedAttest(3, 2, abi.encodeWithSelector(Epochs.ZoneUnknown.selector, 3, 3));
        _refusedAttest(type(uint64).max, 2, abi.encodeWithSelector(Epochs.ZoneUnknown.selector, type(uint64).max, 3));
        bytes memory digests = _digests(6, 0);
        for (uint256 i = 0; i < 6; ++i) {
            uint256 word = i % 2 == 0 ? R : type(uint256).max;
            bytes memory wrong = bytes.concat(digests);
            EpochsReference.setWord(wrong, i, word);
            VM.expectRevert(abi.encodeWithSelector(Epochs.WordNotInField.selector, i, word));
            VM.prank(OPERATOR);
            rewards.attest(EPOCH, 0, wrong, 0);
        }
        _at(ATTEST + 1);
        _refusedAttest(0, 2, abi.encodeWithSelector(Epochs.TooLate.selector, EPOCH, END + ATTEST, END + ATTEST + 1));
        _at(ATTEST);
        VM.prank(OPERATOR);
        rewards.attest(EPOCH, 0, digests, 0);
    }

    // ---------------------------------------------------------------------------------------------------------------- replace

    function testFuzz_replacePutsAProvenDigest(address caller, uint8 seat, uint256 digest, uint256 outCommit, bool posted) external {
        seat %= uint8(W);
        digest = 1 + digest % (R - 1);
        _run(1, uint8(W), 2);
        bytes memory standing = posted ? _digests(W, 0) : new bytes(32 * W);
        _attest(bytes.concat(_digests(W, 9), standing));
        _at(ATTEST + 1);
        bytes memory words = _vote(seat, digest);
        _expectProof(vote, _proof(1), _voteInputs(1, outCommit, words));
        VM.expectEmit();
        emit Epochs.SeatReplaced(EPOCH, 1, seat, digest);
        VM.prank(caller);
        rewards.replace(EPOCH, 1, standing, outCommit, words, _proof(1));
        EpochsReference.setWord(standing, seat, digest);
        require(rewards.wordOf(EPOCH, 1) == _word(standing), "the new digests stand");
        require(rewards.wordOf(EPOCH, 0) == _word(_digests(W, 9)), "another zone is as it was");
        rewards.replace(EPOCH, 1, standing, outCommit, words, _proof(1));
        require(rewards.wordOf(EPOCH, 1) == _word(standing), "the same again changes nothing");
    }

    /// @dev A proof of this vote for anything else is no proof: every input is the one that the contract computes.
    function testFuzz_replaceNeedsTheProofOfItsInputs(uint8 which, uint256 change) external {
        _run(1, uint8(W), 1);
        bytes memory standing = _digests(W, 0);
        _attest(standing);
        _at(REPLACE);
        bytes memory words = _vote(1, 5);
        uint256[7] memory inputs = _voteInputs(0, 7, words);
        VM.assume(change != 0);
        unchecked {
            inputs[which % 7] += change;
        }
        bytes32 got = keccak256(abi.encode(_proof(1), _voteInputs(0, 7, words)));
        _expectProof(vote, _proof(1), inputs);
        VM.expectRevert(abi.encodeWithSelector(ExpectingVerifier.OtherInputs.selector, vote.expected(), got));
        rewards.replace(EPOCH, 0, standing, 7, words, _proof(1));
        require(rewards.wordOf(EPOCH, 0) == _word(standing), "nothing changed");
    }

    function test_replaceRefuses() external {
        _run(1, uint8(W), 1);
        bytes memory standing = _digests(W, 0);
        _attest(standing);
        _at(ATTEST);
        _refusedReplace(0, standing, _vote(0, 1), abi.encodeWithSelector(Epochs.TooEarly.selector, EPOCH, END + ATTEST, END + ATTEST));
        _at(REPLACE + 1);
        _refusedReplace(0, standing, _vote(0, 1), abi.encodeWithSelector(Epochs.TooLate.selector, EPOCH, END + REPLACE, END + REPLACE + 1));
        _at(REPLACE);
        _refusedReplace(1, standing, _vote(0, 1), abi.encodeWithSelector(Epochs.ZoneUnknown.selector, 1, 1));
        _refusedReplace(0, new bytes(95), _vote(0, 1), abi.encodeWithSelector(Epochs.DataLength.selector, 96, 95));
        _refusedReplace(0, new bytes(128), _vote(0, 1), abi.encodeWithSelector(Epochs.DataLength.selector, 96, 128));
        bytes memory other = _digests(W, 1);
        _refusedReplace(0, other, _vote(0, 1), abi.encodeWithSelector(Epochs.NotStanding.selector, 0, _word(standing), _word(other)));
        bytes memory absent = new bytes(96);
        _refusedReplace(0, absent, _vote(0, 1), abi.encodeWithSelector(Epochs.NotStanding.selector, 0, _word(standing), 0));
        _refusedVotes(standing, 0);
    }

    // ----------------------------------------------------------------------------------------------------------------- demand

    function testFuzz_demandsTakeBondsAndSeats(uint8 first, uint8 second) external {
        first %= uint8(W);
        second %= uint8(W);
        VM.assume(first != second);
        bytes memory standing = _demandable();
        payable(STRANGER).transfer(BOND);
        VM.expectEmit();
        emit Epochs.SeatDemanded(EPOCH, 0, first, STRANGER);
        VM.prank(STRANGER);
        rewards.demand{value: BOND}(EPOCH, 0, standing, 0, first);
        uint256 mask = uint256(1) << first;
        require(rewards.wordOf(EPOCH, 0) == _word(standing, mask) && rewards.demanderOf(EPOCH, 0, first) == STRANGER, "demanded");
        _demand(SECOND, standing, mask, second);
        mask |= uint256(1) << second;
        require(rewards.wordOf(EPOCH, 0) == _word(standing, mask) && rewards.demanderOf(EPOCH, 0, second) == SECOND, "both");
        require(address(rewards).balance == 2 * BOND, "two bonds");
        VM.expectRevert(abi.encodeWithSelector(Epochs.SeatAlreadyDemanded.selector, first));
        rewards.demand{value: BOND}(EPOCH, 0, standing, mask, first);
    }

    function test_demandRefuses() external {
        bytes memory standing = _digests(W, 0);
        EpochsReference.setWord(standing, 2, 0);
        _run(1, uint8(W), 2);
        _attest(standing);
        _at(REPLACE);
        _refusedDemand(BOND, 0, standing, 0, 0, abi.encodeWithSelector(Epochs.TooEarly.selector, EPOCH, END + REPLACE, END + REPLACE));
        _at(DEMAND + 1);
        _refusedDemand(BOND, 0, standing, 0, 0, abi.encodeWithSelector(Epochs.TooLate.selector, EPOCH, END + DEMAND, END + DEMAND + 1));
        _at(DEMAND);
        _refusedDemand(BOND - 1, 0, standing, 0, 0, abi.encodeWithSelector(Epochs.BondWrong.selector, BOND, BOND - 1));
        _refusedDemand(BOND + 1, 0, standing, 0, 0, abi.encodeWithSelector(Epochs.BondWrong.selector, BOND, BOND + 1));
        _refusedDemand(0, 0, standing, 0, 0, abi.encodeWithSelector(Epochs.BondWrong.selector, BOND, 0));
        _refusedDemand(BOND, 2, standing, 0, 0, abi.encodeWithSelector(Epochs.ZoneUnknown.selector, 2, 2));
        _refusedDemand(BOND, 0, new bytes(64), 0, 0, abi.encodeWithSelector(Epochs.DataLength.selector, 96, 64));
        bytes32 got = _word(standing, 1);
        _refusedDemand(BOND, 0, standing, 1, 1, abi.encodeWithSelector(Epochs.NotStanding.selector, 0, _word(standing), got));
        _refusedDemand(BOND, 0, standing, 0, 3, abi.encodeWithSelector(Epochs.SeatUnknown.selector, 3, W));
        _refusedDemand(BOND, 0, standing, 0, type(uint256).max, abi.encodeWithSelector(Epochs.SeatUnknown.selector, type(uint256).max, W));
        _refusedDemand(BOND, 0, standing, 0, 2, abi.encodeWithSelector(Epochs.SeatIsEmpty.selector, 2));
        _refusedDemand(BOND, 1, new bytes(96), 0, 0, abi.encodeWithSelector(Epochs.SeatIsEmpty.selector, 0));
        _demand(STRANGER, standing, 0, 0);
        _refusedDemand(BOND, 0, standing, 0, 1, abi.encodeWithSelector(Epochs.NotStanding.selector, 0, _word(standing, 1), _word(standing)));
    }

    /// @dev Nobody could answer: a demand would void an honest vote, and its bond would come back.
    function test_noDemandWithoutAVerifierOfVotes() external {
        bytes memory standing = _demandable();
        VM.prank(GUARDIAN);
        voteStop.stop();
        _refusedDemand(BOND, 0, standing, 0, 0, abi.encodeWithSelector(EmergencyStop.Stopped.selector));
        VM.prank(GUARDIAN);
        router.remove(voteSelector);
        _refusedDemand(BOND, 0, standing, 0, 0, abi.encodeWithSelector(VerifierRouter.SelectorRemoved.selector, voteSelector));
    }

    /// @dev Of an epoch that can be opened, both verifiers work: its budget would wait for nothing.
    function test_noEpochWithAStoppedVerifier() external {
        Epochs.Plan memory plan = _plan(1, 1, 1);
        VM.prank(GUARDIAN);
        voteStop.stop();
        VM.expectRevert(abi.encodeWithSelector(EmergencyStop.Stopped.selector));
        VM.prank(OPERATOR);
        rewards.open(EPOCH, plan);
        // Another selector of a verifier that works.
        VM.prank(TIMELOCK);
        plan.voteSelector = router.add(vote, SECOND_CIRCUIT);
        VM.prank(GUARDIAN);
        uptimeStop.stop();
        VM.expectRevert(abi.encodeWithSelector(EmergencyStop.Stopped.selector));
        VM.prank(OPERATOR);
        rewards.open(EPOCH, plan);
        VM.prank(TIMELOCK);
        plan.uptimeSelector = router.add(uptime, SECOND_CIRCUIT);
        _open(plan);
    }

    // ----------------------------------------------------------------------------------------------------------------- answer

    function testFuzz_anAnswerEarnsTheBond(uint8 seat, uint256 outCommit, bool late) external {
        seat %= uint8(W);
        bytes memory standing = _demandable();
        _demand(STRANGER, standing, 0, seat);
        bytes memory words = _vote(seat, EpochsReference.number(standing, 32 * uint256(seat), 32));
        if (late) _at(ANSWER);
        _expectProof(vote, _proof(2), _voteInputs(0, outCommit, words));
        VM.expectEmit();
        emit Epochs.SeatAnswered(EPOCH, 0, seat, SECOND);
        VM.prank(SECOND);
        rewards.answer(EPOCH, 0, standing, uint256(1) << seat, outCommit, words, _proof(2));
        require(rewards.wordOf(EPOCH, 0) == _word(standing) && rewards.demanderOf(EPOCH, 0, seat) == address(0), "answered");
        require(rewards.credits(SECOND) == BOND && rewards.credits(STRANGER) == 0, "the bond is the answerer's");
        VM.expectRevert(
            abi.encodeWithSelector(
                Epochs.NotStanding.selector, 0, _word(standing), _word(standing, uint256(1) << seat)
            )
        );
        rewards.answer(EPOCH, 0, standing, uint256(1) << seat, outCommit, words, _proof(2));
        VM.expectRevert(abi.encodeWithSelector(Epochs.SeatNotDemanded.selector, seat));
        rewards.answer(EPOCH, 0, standing, 0, outCommit, words, _proof(2));
    }

    function test_answerRefuses() external {
        bytes memory standing = _demandable();
        _demand(STRANGER, standing, 0, 1);
        bytes memory words = _vote(1, EpochsReference.number(standing, 32, 32));
        _at(REPLACE);
        _refusedAnswer(standing, 2, words, abi.encodeWithSelector(Epochs.TooEarly.selector, EPOCH, END + REPLACE, END + REPLACE));
        _at(ANSWER + 1);
        _refusedAnswer(standing, 2, words, abi.encodeWithSelector(Epochs.TooLate.selector, EPOCH, END + ANSWER, END + ANSWER + 1));
        _at(ANSWER);
        _refusedAnswer(standing, 3, words, abi.encodeWithSelector(Epochs.NotStanding.selector, 0, _word(standing, 2), _word(standing, 3)));
        _refusedVotes(standing, 2);
        // The watcher's own second vote does not answer for the first.
        words = _vote(1, 5);
        uint256 digest = EpochsReference.number(standing, 32, 32);
        _expectProof(vote, _proof(0), _voteInputs(0, 0, words));
        _refusedAnswer(standing, 2, words, abi.encodeWithSelector(Epochs.OtherDigest.selector, 1, digest, 5));
        words = _vote(0, EpochsReference.number(standing, 0, 32));
        _expectProof(vote, _proof(0), _voteInputs(0, 0, words));
        _refusedAnswer(standing, 2, words, abi.encodeWithSelector(Epochs.SeatNotDemanded.selector, 0));
    }

    // -------------------------------------------------------------------------------------------------------------- voidSeats

    /// @dev Demands of two accounts, some answered: bonds go where they belong, and the contract keeps none.
    function testFuzz_unansweredSeatsAreVoid(uint8 demanded, uint8 answered, uint32 later) external {
        demanded = 1 + demanded % 7;
        bytes memory standing = _demandable();
        uint256 mask;
        for (uint256 seat = 0; seat < W; ++seat) {
            if (demanded >> seat & 1 == 0) continue;
            _demand(seat == 1 ? SECOND : STRANGER, standing, mask, seat);
            mask |= 1 << seat;
        }
        uint256 answers;
        for (uint256 seat = 0; seat < W; ++seat) {
            if ((demanded & answered) >> seat & 1 == 0) continue;
            bytes memory words = _vote(seat, EpochsReference.number(standing, 32 * seat, 32));
            _expectProof(vote, _proof(seat), _voteInputs(0, 7, words));
            rewards.answer(EPOCH, 0, standing, mask, 7, words, _proof(seat));
            mask ^= 1 << seat;
            ++answers;
        }
        VM.assume(mask != 0);
        _at(ANSWER);
        VM.expectRevert(abi.encodeWithSelector(Epochs.TooEarly.selector, EPOCH, END + ANSWER, END + ANSWER));
        rewards.voidSeats(EPOCH, 0, standing, mask);
        _at(ANSWER + 1 + uint256(later));
        VM.expectEmit();
        emit Epochs.SeatsVoided(EPOCH, 0, mask);
        rewards.voidSeats(EPOCH, 0, standing, mask);
        uint256 voided;
        for (uint256 seat = 0; seat < W; ++seat) {
            require(rewards.demanderOf(EPOCH, 0, seat) == address(0), "no demand is left");
            if (mask >> seat & 1 == 0) continue;
            EpochsReference.setWord(standing, seat, 0);
            ++voided;
        }
        require(rewards.wordOf(EPOCH, 0) == (mask == 7 ? bytes32(0) : _word(standing)), "the digests that are left");
        require(rewards.credits(SECOND) == (mask >> 1 & 1) * BOND, "the second demander's bond");
        require(rewards.credits(STRANGER) == (voided - (mask >> 1 & 1)) * BOND, "the first demander's bonds");
        require(rewards.credits(address(this)) == answers * BOND, "the answerer's bonds");
        require(address(rewards).balance == (answers + voided) * BOND, "all bonds are someone's");
        VM.expectRevert(abi.encodeWithSelector(Epochs.NothingDemanded.selector, 0));
        rewards.voidSeats(EPOCH, 0, standing, 0);
    }

    function test_voidSeatsRefuses() external {
        bytes memory standing = _demandable();
        _demand(STRANGER, standing, 0, 1);
        _at(ANSWER + 1);
        VM.expectRevert(abi.encodeWithSelector(Epochs.NothingDemanded.selector, 0));
        rewards.voidSeats(EPOCH, 0, standing, 0);
        VM.expectRevert(abi.encodeWithSelector(Epochs.NotStanding.selector, 0, _word(standing, 2), _word(standing, 3)));
        rewards.voidSeats(EPOCH, 0, standing, 3);
        VM.expectRevert(abi.encodeWithSelector(Epochs.ZoneUnknown.selector, 1, 1));
        rewards.voidSeats(EPOCH, 1, standing, 2);
        VM.expectRevert(abi.encodeWithSelector(Epochs.DataLength.selector, 96, 0));
        rewards.voidSeats(EPOCH, 0, "", 2);
        // Bits of no seat do not stand, whatever they are.
        VM.expectRevert(abi.encodeWithSelector(Epochs.NotStanding.selector, 0, _word(standing, 2), _word(standing, 2 | 1 << 255)));
        rewards.voidSeats(EPOCH, 0, standing, 2 | 1 << 255);
        rewards.voidSeats(EPOCH, 0, standing, 2);
    }

    // --------------------------------------------------------------------------------------------------------------- withdraw

    function testFuzz_nothingToWithdraw(address account) external {
        VM.expectRevert(abi.encodeWithSelector(Epochs.NothingToWithdraw.selector, account));
        VM.prank(account);
        rewards.withdraw();
    }

    /// @dev Two bonds are in the contract; who gets its own cannot come back for the other one.
    function test_withdrawPaysOnce() external {
        bytes memory standing = _demandable();
        Demander demander = new Demander(address(rewards));
        demander.call{value: BOND}(abi.encodeCall(rewards.demand, (EPOCH, 0, standing, 0, 0)));
        _demand(SECOND, standing, 1, 1);
        _at(ANSWER + 1);
        rewards.voidSeats(EPOCH, 0, standing, 3);
        VM.expectEmit();
        emit Epochs.Withdrawn(address(demander), BOND);
        demander.call(abi.encodeCall(rewards.withdraw, ()));
        require(demander.entered() == 1 && address(demander).balance == BOND, "once");
        require(rewards.credits(address(demander)) == 0 && rewards.credits(SECOND) == BOND, "the other bond is there");
        VM.expectRevert(abi.encodeWithSelector(Epochs.NothingToWithdraw.selector, address(demander)));
        demander.call(abi.encodeCall(rewards.withdraw, ()));
        VM.prank(SECOND);
        rewards.withdraw();
        require(SECOND.balance == BOND && address(rewards).balance == 0, "all are paid");
    }

    // ------------------------------------------------------------------------------------------------------------------ parts

    /// @dev An attested zone in the first second in which its seats can be demanded.
    function _demandable() private returns (bytes memory standing) {
        standing = _digests(W, 0);
        _run(1, uint8(W), 1);
        _attest(standing);
        _at(REPLACE + 1);
    }

    /// @dev Votes that neither `replace` (mask 0) nor `answer` looks at twice, at a time when it would.
    function _refusedVotes(bytes memory standing, uint256 mask) private {
        bytes memory short = new bytes(128);
        bytes memory broken = bytes.concat(_vote(0, 1), hex"00");
        _refusedVote(standing, mask, "", abi.encodeWithSelector(Epochs.VoteLength.selector, 160, 0));
        _refusedVote(standing, mask, short, abi.encodeWithSelector(Epochs.VoteLength.selector, 160, 128));
        _refusedVote(standing, mask, broken, abi.encodeWithSelector(Epochs.VoteLength.selector, 160, 225));
        _refusedVote(standing, mask, _vote(W, 1), abi.encodeWithSelector(Epochs.SeatUnknown.selector, W, W));
        _refusedVote(standing, mask, _vote(type(uint256).max, 1), abi.encodeWithSelector(Epochs.SeatUnknown.selector, type(uint256).max, W));
        _refusedVote(standing, mask, _vote(1, 0), abi.encodeWithSelector(Epochs.SeatIsEmpty.selector, 1));
        for (uint256 i = 1; i < 7; ++i) {
            bytes memory words = _vote(1, 5);
            EpochsReference.setWord(words, i, R + i);
            _refusedVote(standing, mask, words, abi.encodeWithSelector(Epochs.WordNotInField.selector, i, R + i));
        }
        bytes32 got = keccak256(abi.encode(_proof(0), _voteInputs(0, 0, _vote(1, 5))));
        _refusedVote(standing, mask, _vote(1, 5), abi.encodeWithSelector(ExpectingVerifier.OtherInputs.selector, vote.expected(), got));
        // The verifier of zones has no say in votes.
        VM.prank(GUARDIAN);
        router.remove(uptimeSelector);
        _refusedVote(standing, mask, _vote(1, 5), abi.encodeWithSelector(ExpectingVerifier.OtherInputs.selector, vote.expected(), got));
    }

    function _refusedVote(bytes memory standing, uint256 mask, bytes memory words, bytes memory reason) private {
        if (mask == 0) _refusedReplace(0, standing, words, reason);
        else _refusedAnswer(standing, mask, words, reason);
    }

    function _refusedAttest(uint64 zone, uint256 words, bytes memory reason) private {
        bytes memory digests = _digests(words, 0);
        VM.expectRevert(reason);
        VM.prank(OPERATOR);
        rewards.attest(EPOCH, zone, digests, 0);
    }

    function _refusedReplace(uint64 zone, bytes memory standing, bytes memory words, bytes memory reason) private {
        VM.expectRevert(reason);
        rewards.replace(EPOCH, zone, standing, 0, words, _proof(0));
    }

    function _refusedDemand(uint256 bond, uint64 zone, bytes memory standing, uint256 mask, uint256 seat, bytes memory reason) private {
        VM.expectRevert(reason);
        rewards.demand{value: bond}(EPOCH, zone, standing, mask, seat);
    }

    function _refusedAnswer(bytes memory standing, uint256 mask, bytes memory words, bytes memory reason) private {
        VM.expectRevert(reason);
        rewards.answer(EPOCH, 0, standing, mask, 0, words, _proof(0));
    }
}
