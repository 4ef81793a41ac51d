//! A station stands once: no session key and no hardware key is registered at two indices
//! (`docs/protocol.md` section 2).
//!
//! Used by [`super::DeviceRegistry::new`], and by whoever takes registrations one by one.

use std::collections::BTreeMap;

use super::Device;
use crate::field::Fr;

/// An applicant that is refused: one of its keys stands in the registry already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("device {index}: its `{field}` stands at index {first} already")]
pub struct RepeatedKey {
    /// Name of the field, as in [`Device`]: `session_key` (its x coordinate, of which the prime-order subgroup
    /// has one point) or `hardware_key_hash`.
    pub field: &'static str,
    /// Registry index at which the key stands.
    pub first: u64,
    /// Registry index that is refused.
    pub index: u64,
}

/// Takes applicants in their order and returns those that are refused because a key of theirs stands at an
/// index that was taken before. A key of a refused applicant does not stand.
pub fn repeated_keys<'a>(applicants: impl IntoIterator<Item = (u64, &'a Device)>) -> Vec<RepeatedKey> {
    let mut index_of_session: BTreeMap<Fr, u64> = BTreeMap::new();
    let mut index_of_hardware: BTreeMap<Fr, u64> = BTreeMap::new();
    let mut refused = Vec::new();
    for (index, device) in applicants {
        let (session, hardware) = (device.session_key.x, device.hardware_key_hash);
        let standing = [
            ("session_key", index_of_session.get(&session)),
            ("hardware_key_hash", index_of_hardware.get(&hardware)),
        ];
        let repeated = standing
            .into_iter()
            .find_map(|(field, first)| first.map(|&first| RepeatedKey { field, first, index }));
        if let Some(repeated) = repeated {
            refused.push(repeated);
        } else {
            index_of_session.insert(session, index);
            index_of_hardware.insert(hardware, index);
        }
    }
    refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::example_device;

    fn refused(applicants: &[(u64, Device)]) -> Vec<RepeatedKey> {
        repeated_keys(applicants.iter().map(|(index, device)| (*index, device)))
    }

    #[test]
    fn a_key_stands_once() {
        let [first, second] = [1, 2].map(example_device);
        assert_eq!(refused(&[(0, first.clone()), (1, second.clone())]), []);
        let repeated = |field| {
            vec![RepeatedKey {
                field,
                first: 9,
                index: 4,
            }]
        };

        let mut other = second.clone();
        other.session_key = first.session_key;
        assert_eq!(
            refused(&[(9, first.clone()), (4, other)]),
            repeated("session_key")
        );
        let mut other = second;
        other.hardware_key_hash = first.hardware_key_hash;
        assert_eq!(refused(&[(9, first), (4, other)]), repeated("hardware_key_hash"));
    }

    #[test]
    fn a_key_of_a_refused_applicant_does_not_stand() {
        let [first, mut second, mut third] = [1, 2, 3].map(example_device);
        second.hardware_key_hash = first.hardware_key_hash;
        third.session_key = second.session_key;
        let applicants = [(0, first.clone()), (1, second), (2, third), (3, first)];
        let indices = refused(&applicants)
            .iter()
            .map(|repeated| repeated.index)
            .collect::<Vec<_>>();
        assert_eq!(indices, [1, 3]);
    }
}
