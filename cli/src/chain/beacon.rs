//! The drand network of a deployment, by name or, for tests, by seed.

use crate::beacon::{G1_COMPRESSED, Network, Signature, TestKey};
use crate::failure::Failure;
use serde::{Deserialize, Serialize};

/// Which network's randomness counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "network", rename_all = "lowercase", deny_unknown_fields)]
pub enum Beacon {
    /// drand's quicknet.
    Quicknet,
    /// A network of our own: whoever has the seed knows all randomness in advance. Only on chain id 31337.
    Test {
        /// The key follows from it.
        seed: String,
        /// When round 1 is emitted, Unix seconds.
        genesis: u64,
        /// From one round to the next, seconds.
        period: u32,
    },
}

impl Beacon {
    /// The network.
    ///
    /// # Errors
    /// None in a build that passes its tests.
    pub fn network(&self) -> Result<Network, Failure> {
        match self {
            Self::Quicknet => Network::quicknet().map_err(Failure::internal),
            Self::Test {
                seed,
                genesis,
                period,
            } => Ok(TestKey::from_seed(seed.as_bytes()).network(*genesis, *period)),
        }
    }

    /// The signature of a round: as it was published, or made here if the network is a test's.
    ///
    /// # Errors
    /// `Input` if it is needed and absent, or is no signature.
    pub fn signature(&self, round: u64, published: Option<&str>) -> Result<Signature, Failure> {
        match (self, published) {
            (_, Some(text)) => {
                let mut bytes = [0; G1_COMPRESSED];
                hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes)
                    .map_err(|error| Failure::input(format!("--signature: {error}")))?;
                Signature::from_compressed(&bytes)
                    .map_err(|error| Failure::input(format!("--signature: {error}")))
            }
            (Self::Test { seed, .. }, None) => TestKey::from_seed(seed.as_bytes())
                .sign(round)
                .map_err(Failure::internal),
            (Self::Quicknet, None) => Err(Failure::input(format!(
                "--signature: expected quicknet's signature of round {round}, which its relays publish"
            ))),
        }
    }
}
