// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @dev A token with the faults that its tests choose.
contract MockToken is ERC20 {
    /// @dev Kept back from every transferFrom.
    uint256 public fee;
    /// @dev True: transfers do nothing and answer false.
    bool public refuses;
    /// @dev Called before every transfer, if there is a target; `success` is how the last call ended.
    address public target;
    bytes public call;
    bool public success;

    constructor() ERC20("mock", "MOCK") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setFee(uint256 fee_) external {
        fee = fee_;
    }

    function setRefuses(bool refuses_) external {
        refuses = refuses_;
    }

    function setCall(address target_, bytes calldata call_) external {
        (target, call) = (target_, call_);
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (refuses) return false;
        if (target != address(0)) (success,) = target.call(call);
        return super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        return super.transferFrom(from, to, amount - fee);
    }
}
