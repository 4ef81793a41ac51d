// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title TestToken
/// @notice A token for tests and demonstrations: whoever wants some makes some. It is worth nothing.
contract TestToken is ERC20 {
    /// @notice There is no such token where tokens could be worth something: only on chain id 31337.
    error NotATestChain(uint256 chainId);

    constructor() ERC20("popw test token", "TEST") {
        if (block.chainid != 31337) revert NotATestChain(block.chainid);
    }

    /// @notice Makes tokens.
    /// @param to Who gets them.
    /// @param amount How many, in the token's smallest unit.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
