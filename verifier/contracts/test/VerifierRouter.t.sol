// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {EmergencyStop} from "../src/EmergencyStop.sol";
import {IProofVerifier} from "../src/IProofVerifier.sol";
import {VerifierRouter} from "../src/VerifierRouter.sol";
import {VM} from "./Forge.sol";
import {MockVerifier} from "./MockVerifier.sol";

/// @dev Answers nothing but its key.
contract SilentVerifier {
    bytes32 public constant keyHash = keccak256("silent");
}

/// @dev Answers everything with zeros of a length.
contract ZerosVerifier {
    uint256 private immutable LENGTH;

    constructor(uint256 length) {
        LENGTH = length;
    }

    fallback(bytes calldata) external returns (bytes memory) {
        return new bytes(LENGTH);
    }
}

/// @dev Adds and removes at random, as anybody, among eight selectors, and remembers what each meant first. A verifier is new each time.
contract RouterHandler {
    address private constant TIMELOCK = address(0x71);
    address private constant GUARDIAN = address(0x6A);
    uint256 public constant SELECTORS = 8;

    VerifierRouter public immutable router;
    mapping(uint256 which => IProofVerifier) public first;
    mapping(uint256 which => bool) public removed;
    uint256 public changes;
    bool public strangerChanged;

    constructor() {
        router = new VerifierRouter(TIMELOCK, GUARDIAN, new IProofVerifier[](0), new bytes32[](0));
    }

    function add(uint8 which, uint8 caller, bool guarded) external {
        which %= uint8(SELECTORS);
        IProofVerifier verifier = new MockVerifier(_keyHash(which), false);
        if (guarded) verifier = new EmergencyStop(verifier, GUARDIAN);
        VM.prank(_caller(caller));
        try router.add(verifier, _circuit(which)) {
            if (address(first[which]) == address(0)) first[which] = verifier;
            if (_caller(caller) != TIMELOCK) strangerChanged = true;
            ++changes;
        } catch {}
    }

    function remove(uint8 which, uint8 caller) external {
        which %= uint8(SELECTORS);
        VM.prank(_caller(caller));
        try router.remove(selectorOf(which)) {
            removed[which] = true;
            if (_caller(caller) != TIMELOCK && _caller(caller) != GUARDIAN) strangerChanged = true;
            ++changes;
        } catch {}
    }

    function selectorOf(uint256 which) public pure returns (bytes4) {
        return bytes4(keccak256(abi.encode(_keyHash(which), _circuit(which))));
    }

    /// @dev Four keys, of two circuits each.
    function _keyHash(uint256 which) private pure returns (bytes32) {
        return bytes32(1 + which / 2);
    }

    function _circuit(uint256 which) private pure returns (bytes32) {
        return bytes32(which % 2);
    }

    function _caller(uint8 caller) private view returns (address) {
        return [TIMELOCK, GUARDIAN, address(this)][caller % 3];
    }
}

/// @dev Whatever is added and removed, and in what order: a selector never changes its verifier, and a tombstone stays.
contract VerifierRouterInvariantTest {
    RouterHandler private handler;

    function setUp() external {
        VM.chainId(1);
        handler = new RouterHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_aSelectorNeverChangesItsVerifier() external view {
        for (uint256 which = 0; which < handler.SELECTORS(); ++which) {
            (bool success, bytes memory answer) = _ask(which);
            if (handler.removed(which) || address(handler.first(which)) == address(0)) require(!success, "no verifier any more, or none yet");
            else require(success && abi.decode(answer, (address)) == address(handler.first(which)), "its first verifier");
        }
    }

    function invariant_aTombstoneStays() external view {
        for (uint256 which = 0; which < handler.SELECTORS(); ++which) {
            if (!handler.removed(which)) continue;
            (, bytes memory answer) = _ask(which);
            bytes memory expected = abi.encodeWithSelector(VerifierRouter.SelectorRemoved.selector, handler.selectorOf(which));
            require(keccak256(answer) == keccak256(expected), "removed for ever");
        }
    }

    function invariant_strangersChangeNothing() external view {
        require(!handler.strangerChanged(), "changed without the role");
    }

    /// @dev Else the sequence of calls would have proven nothing.
    function afterInvariant() external view {
        require(handler.changes() != 0, "nothing was added");
    }

    function _ask(uint256 which) private view returns (bool, bytes memory) {
        return address(handler.router()).staticcall(abi.encodeCall(VerifierRouter.verifierOf, (handler.selectorOf(which))));
    }
}

contract VerifierRouterTest {
    address private constant TIMELOCK = address(0x71);
    address private constant GUARDIAN = address(0x6A);
    bytes32 private constant CIRCUIT = keccak256("circuit");

    VerifierRouter private router;
    MockVerifier private verifier;
    bytes4 private selector;

    function setUp() external {
        VM.chainId(1);
        verifier = new MockVerifier(keccak256("key"), false);
        router = _router(verifier, CIRCUIT);
        selector = bytes4(keccak256(abi.encode(keccak256("key"), CIRCUIT)));
    }

    function test_theFirstVerifiersAreThere() external view {
        require(address(router.verifierOf(selector)) == address(verifier), "the verifier of the constructor");
        require(router.hasRole(router.TIMELOCK_ROLE(), TIMELOCK), "timelock");
        require(router.hasRole(router.GUARDIAN_ROLE(), GUARDIAN), "guardian");
        require(!router.hasRole(0, TIMELOCK) && !router.hasRole(0, address(this)), "nobody is administrator");
    }

    function test_theConstructorRefuses() external {
        (IProofVerifier[] memory verifiers, bytes32[] memory ids) = (new IProofVerifier[](2), new bytes32[](1));
        VM.expectRevert(abi.encodeWithSelector(VerifierRouter.LengthsDiffer.selector, 2, 1));
        new VerifierRouter(TIMELOCK, GUARDIAN, verifiers, ids);
        VM.expectRevert(abi.encodeWithSelector(VerifierRouter.RoleIsZero.selector, keccak256("TIMELOCK_ROLE")));
        new VerifierRouter(address(0), GUARDIAN, verifiers, ids);
        VM.expectRevert(abi.encodeWithSelector(VerifierRouter.RoleIsZero.selector, keccak256("GUARDIAN_ROLE")));
        new VerifierRouter(TIMELOCK, address(0), verifiers, ids);
        ids = new bytes32[](2);
        (verifiers[0], verifiers[1]) = (verifier, verifier);
        VM.expectRevert(
            abi.encodeWithSelector(
                VerifierRouter.SelectorKnown.selector, bytes4(keccak256(abi.encode(keccak256("key"), bytes32(0))))
            )
        );
        new VerifierRouter(TIMELOCK, GUARDIAN, verifiers, ids);
    }

    function testFuzz_oneKeyUnderTwoCircuitsIsTwoSelectors(bytes32 circuit) external {
        VM.assume(circuit != CIRCUIT);
        bytes4 expected = bytes4(keccak256(abi.encode(keccak256("key"), circuit)));
        VM.expectEmit();
        emit VerifierRouter.VerifierAdded(expected, address(verifier), keccak256("key"), circuit);
        bytes4 second = _add(verifier, circuit);
        require(second == expected && second != selector, "two selectors");
        require(address(router.verifierOf(second)) == address(verifier) && address(router.verifierOf(selector)) == address(verifier), "one verifier");
    }

    function testFuzz_onlyTheTimelockAdds(address caller) external {
        if (caller == TIMELOCK) caller = GUARDIAN;
        _expectDenied(caller, router.TIMELOCK_ROLE());
        VM.prank(caller);
        router.add(verifier, 0);
        _expectDenied(GUARDIAN, router.TIMELOCK_ROLE());
        VM.prank(GUARDIAN);
        router.add(verifier, 0);
    }

    function testFuzz_onlyGuardianAndTimelockRemove(address caller) external {
        VM.assume(caller != TIMELOCK && caller != GUARDIAN);
        _expectDenied(caller, router.GUARDIAN_ROLE());
        VM.prank(caller);
        router.remove(selector);
        require(address(router.verifierOf(selector)) == address(verifier), "still there");
    }

    function testFuzz_aRemovedSelectorNeverComesBack(bool byGuardian) external {
        address by = byGuardian ? GUARDIAN : TIMELOCK;
        VM.expectEmit();
        emit VerifierRouter.VerifierRemoved(selector, address(verifier), by);
        VM.prank(by);
        router.remove(selector);
        bytes memory removed = abi.encodeWithSelector(VerifierRouter.SelectorRemoved.selector, selector);
        VM.expectRevert(removed);
        router.verifierOf(selector);
        VM.expectRevert(removed);
        VM.prank(TIMELOCK);
        router.add(verifier, CIRCUIT);
        MockVerifier repaired = new MockVerifier(keccak256("key"), false);
        VM.expectRevert(removed);
        VM.prank(TIMELOCK);
        router.add(repaired, CIRCUIT);
        VM.expectRevert(removed);
        VM.prank(by);
        router.remove(selector);
    }

    function testFuzz_unknownSelectors(bytes4 other) external {
        VM.assume(other != selector);
        bytes memory unknown = abi.encodeWithSelector(VerifierRouter.SelectorUnknown.selector, other);
        VM.expectRevert(unknown);
        router.verifierOf(other);
        VM.expectRevert(unknown);
        VM.prank(GUARDIAN);
        router.remove(other);
    }

    function test_aKnownSelectorIsNotReplaced() external {
        MockVerifier other = new MockVerifier(keccak256("key"), false);
        VM.expectRevert(abi.encodeWithSelector(VerifierRouter.SelectorKnown.selector, selector));
        VM.prank(TIMELOCK);
        router.add(other, CIRCUIT);
    }

    function test_addressesWithoutCodeAreRefused() external {
        VM.expectRevert(abi.encodeWithSelector(VerifierRouter.VerifierWithoutCode.selector, address(0x123)));
        VM.prank(TIMELOCK);
        router.add(IProofVerifier(address(0x123)), CIRCUIT);
    }

    function testFuzz_insecureVerifiersAreForDevelopmentChains(uint64 chain, bool behindAStop) external {
        VM.assume(chain != 31337 && chain != 0);
        IProofVerifier insecure = new MockVerifier(keccak256("dev"), true);
        if (behindAStop) insecure = new EmergencyStop(insecure, GUARDIAN);
        IProofVerifier silent = IProofVerifier(address(new SilentVerifier()));
        IProofVerifier brief = IProofVerifier(address(new ZerosVerifier(31)));
        VM.chainId(chain);
        _refusedAsInsecure(insecure);
        _refusedAsInsecure(silent);
        _refusedAsInsecure(brief);
        _add(new MockVerifier(keccak256("ceremony"), false), CIRCUIT);
        VM.chainId(31337);
        require(address(router.verifierOf(_add(insecure, CIRCUIT))) == address(insecure), "a dev key on a development chain");
        require(address(router.verifierOf(_add(silent, CIRCUIT))) == address(silent), "a verifier that does not say");
    }

    function test_theTimelockMovesTheRoles() external {
        bytes32 role = router.GUARDIAN_ROLE();
        _expectDenied(GUARDIAN, router.TIMELOCK_ROLE());
        VM.prank(GUARDIAN);
        router.grantRole(role, address(this));
        VM.startPrank(TIMELOCK);
        router.revokeRole(role, GUARDIAN);
        router.grantRole(role, address(this));
        VM.stopPrank();
        router.remove(selector);
    }

    /// @dev With OpenZeppelin's timelock in the role, an addition is announced and waits.
    function test_additionsWaitInTheTimelock() external {
        address[] memory who = new address[](1);
        who[0] = address(this);
        TimelockController timelock = new TimelockController(2 days, who, who, address(0));
        router = new VerifierRouter(address(timelock), GUARDIAN, new IProofVerifier[](0), new bytes32[](0));
        bytes memory call = abi.encodeCall(router.add, (verifier, CIRCUIT));
        timelock.schedule(address(router), 0, call, 0, 0, 2 days);
        bytes32 id = timelock.hashOperation(address(router), 0, call, 0, 0);
        VM.warp(block.timestamp + 2 days - 1);
        VM.expectRevert(
            abi.encodeWithSelector(
                TimelockController.TimelockUnexpectedOperationState.selector,
                id,
                bytes32(uint256(1) << uint8(TimelockController.OperationState.Ready))
            )
        );
        timelock.execute(address(router), 0, call, 0, 0);
        VM.warp(block.timestamp + 1);
        timelock.execute(address(router), 0, call, 0, 0);
        require(address(router.verifierOf(selector)) == address(verifier), "added");
    }

    function _router(IProofVerifier first, bytes32 circuit) private returns (VerifierRouter) {
        (IProofVerifier[] memory verifiers, bytes32[] memory ids) = (new IProofVerifier[](1), new bytes32[](1));
        (verifiers[0], ids[0]) = (first, circuit);
        return new VerifierRouter(TIMELOCK, GUARDIAN, verifiers, ids);
    }

    function _add(IProofVerifier added, bytes32 circuit) private returns (bytes4) {
        VM.prank(TIMELOCK);
        return router.add(added, circuit);
    }

    function _refusedAsInsecure(IProofVerifier refused) private {
        VM.expectRevert(abi.encodeWithSelector(VerifierRouter.VerifierInsecure.selector, address(refused)));
        VM.prank(TIMELOCK);
        router.add(refused, CIRCUIT);
    }

    function _expectDenied(address caller, bytes32 role) private {
        VM.expectRevert(abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, caller, role));
    }
}
