//! An Ethereum account: a secp256k1 key that signs transactions (EIP-1559) and typed data (EIP-712).
//!
//! Depends on k256 and alloy's RLP. Next: [`super::client`].

use crate::failure::Failure;
use crate::files::read_text;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_rlp::{Encodable, Header};
use k256::ecdsa::{SigningKey, VerifyingKey};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// EIP-2718 type of an EIP-1559 transaction.
const TRANSACTION_TYPE: u8 = 2;

/// Which account signs.
#[derive(clap::Args)]
pub struct AccountArgs {
    /// File with the account's secret key, 64 hexadecimal digits; if absent, the file that POPW_ACCOUNT names
    #[arg(long, value_name = "FILE")]
    account: Option<PathBuf>,
}

impl AccountArgs {
    /// Reads the key.
    ///
    /// # Errors
    /// `Input` if no file is named, or it holds no key.
    pub fn open(&self) -> Result<Account, Failure> {
        let path = self
            .account
            .clone()
            .or_else(|| std::env::var_os("POPW_ACCOUNT").map(PathBuf::from))
            .ok_or_else(|| {
                Failure::input("no account: --account or POPW_ACCOUNT names the file of its key")
            })?;
        Account::read(&path)
    }
}

/// A key and its address.
pub struct Account {
    key: SigningKey,
    address: Address,
}

/// A transaction that pays for its gas as EIP-1559 says.
pub struct Transaction {
    /// The chain.
    pub chain_id: u64,
    /// The account's transactions before.
    pub nonce: u64,
    /// Wei a unit of gas for the block's maker.
    pub priority_fee: u128,
    /// Wei a unit of gas at most, in all.
    pub fee_max: u128,
    /// Gas at most.
    pub gas_limit: u64,
    /// The contract, or a deployment.
    pub to: TxKind,
    /// Wei.
    pub value: U256,
    /// Calldata or creation bytecode.
    pub data: Bytes,
}

impl Account {
    /// Reads a file with a secret key: 64 hexadecimal digits, perhaps after `0x`.
    ///
    /// # Errors
    /// `Input`; the file's content is never repeated.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = Zeroizing::new(read_text(path)?);
        let not_a_key = |reason: &str| Failure::input(format!("{}: no secret key: {reason}", path.display()));
        let digits = text.trim();
        let digits = digits.strip_prefix("0x").unwrap_or(digits);
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, &mut *bytes).map_err(|_| not_a_key("expected 64 hexadecimal digits"))?;
        Self::from_bytes(&bytes).ok_or_else(|| not_a_key("not between 1 and the group's order"))
    }

    /// The account of a secret key, unless it is 0 or not below the group's order.
    #[must_use]
    pub fn from_bytes(secret: &[u8; 32]) -> Option<Self> {
        let key = SigningKey::from_bytes(secret.into()).ok()?;
        let address = address_of(key.verifying_key());
        Some(Self { key, address })
    }

    /// The last 20 bytes of the public key's keccak256.
    #[must_use]
    pub fn address(&self) -> Address {
        self.address
    }

    /// A signature of a hash as contracts take it: r, s, v, 65 bytes; v is 27 or 28.
    ///
    /// # Errors
    /// `Internal` if the library cannot sign.
    pub fn sign(&self, hash: B256) -> Result<[u8; 65], Failure> {
        let (r_s, odd) = self.sign_parts(hash)?;
        let mut bytes = [0; 65];
        bytes[..64].copy_from_slice(&r_s);
        bytes[64] = 27 + u8::from(odd);
        Ok(bytes)
    }

    /// A transaction's bytes, signed.
    ///
    /// # Errors
    /// `Internal` if the library cannot sign.
    pub fn sign_transaction(&self, transaction: &Transaction) -> Result<Vec<u8>, Failure> {
        let fields = transaction.fields();
        let (r_s, odd) = self.sign_parts(keccak256(typed(&fields)))?;
        let (r, s) = r_s.split_at(32);
        let mut signed = fields;
        odd.encode(&mut signed);
        U256::from_be_slice(r).encode(&mut signed);
        U256::from_be_slice(s).encode(&mut signed);
        Ok(typed(&signed))
    }

    fn sign_parts(&self, hash: B256) -> Result<([u8; 64], bool), Failure> {
        // RFC 6979 nonces; s in the lower half, as Ethereum wants it.
        let (signature, recovery) = self
            .key
            .sign_prehash_recoverable(hash.as_slice())
            .map_err(Failure::internal)?;
        Ok((signature.to_bytes().into(), recovery.is_y_odd()))
    }
}

impl Transaction {
    /// The fields that are signed, in order, without the list's header.
    fn fields(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.chain_id.encode(&mut out);
        self.nonce.encode(&mut out);
        self.priority_fee.encode(&mut out);
        self.fee_max.encode(&mut out);
        self.gas_limit.encode(&mut out);
        self.to.encode(&mut out);
        self.value.encode(&mut out);
        self.data.encode(&mut out);
        // No access list.
        Header {
            list: true,
            payload_length: 0,
        }
        .encode(&mut out);
        out
    }
}

/// The last 20 bytes of the keccak256 of a public key's coordinates.
fn address_of(key: &VerifyingKey) -> Address {
    let point = key.to_encoded_point(false);
    Address::from_raw_public_key(point.as_bytes().get(1..).unwrap_or_default())
}

/// The type, then the list of these fields.
fn typed(fields: &[u8]) -> Vec<u8> {
    let mut out = vec![TRANSACTION_TYPE];
    Header {
        list: true,
        payload_length: fields.len(),
    }
    .encode(&mut out);
    out.extend_from_slice(fields);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The first account of the test networks' usual mnemonic.
    const SECRET: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    fn account() -> Account {
        let mut secret = [0; 32];
        hex::decode_to_slice(SECRET, &mut secret).unwrap();
        Account::from_bytes(&secret).unwrap()
    }

    #[test]
    fn the_address_is_the_keys() {
        let expected = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        assert_eq!(account().address().to_string(), expected);
    }

    #[test]
    fn zero_and_the_order_are_no_keys() {
        assert!(Account::from_bytes(&[0; 32]).is_none());
        assert!(Account::from_bytes(&[0xff; 32]).is_none());
    }

    #[test]
    fn a_signature_leads_back_to_the_account() {
        let hash = keccak256("popw");
        let signature = account().sign(hash).unwrap();
        let recovery = k256::ecdsa::RecoveryId::from_byte(signature[64] - 27).unwrap();
        let r_s = k256::ecdsa::Signature::from_slice(&signature[..64]).unwrap();
        let key = VerifyingKey::recover_from_prehash(hash.as_slice(), &r_s, recovery).unwrap();
        assert_eq!(address_of(&key), account().address());
        assert!(r_s.normalize_s().is_none());
    }

    #[test]
    fn files_that_hold_no_key_are_refused_without_their_content() {
        let folder = std::env::temp_dir().join(format!("popw-account-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("key");
        for (text, part) in [
            ("", "64 hexadecimal digits"),
            ("secretsecret", "64 hexadecimal digits"),
            (&"00".repeat(32), "order"),
            (&"0x".repeat(32), "64 hexadecimal digits"),
        ] {
            std::fs::write(&path, text).unwrap();
            let message = Account::read(&path).err().unwrap().message;
            assert!(message.contains(part) && message.contains("key"), "{message}");
            assert!(text.is_empty() || !message.contains(text));
        }
        std::fs::write(&path, format!("0x{SECRET}\n")).unwrap();
        assert_eq!(Account::read(&path).unwrap().address(), account().address());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
