//! Responses to challenges: a lawful response with some bytes changed is refused, or the key that it makes has that response
//! as its challenge.
//!
//! Three bytes are the length to cut or to add, then each six are a change: four for the place, one for what is added to the
//! byte there, one for how often.
#![no_main]

use libfuzzer_sys::fuzz_target;
use popw_kernels::backend::detect;
use popw_kernels::{CancelToken, Control};
use popw_keys::Zkey;
use popw_keys::ceremony::{CeremonyError, beacon, read_response, write_challenge};
use std::sync::LazyLock;

static BEFORE: LazyLock<Zkey> = LazyLock::new(|| {
    let bytes = include_bytes!("../../testdata/interop/co-snarks/multiplier2_circuit.zkey");
    Zkey::from_bytes(bytes.to_vec()).unwrap()
});

/// What a contributor would send back.
static RESPONSE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let (backend, token) = (detect().unwrap(), CancelToken::new());
    let control = Control::silent(&token);
    // A beacon is a contribution without randomness; the format does not tell them apart.
    let made = beacon(&BEFORE, "", b"fuzz", 10, backend.as_ref(), &control).unwrap();
    challenge(&Zkey::from_bytes(made.to_bytes().unwrap()).unwrap())
});

fn challenge(key: &Zkey) -> Vec<u8> {
    let (backend, token, mut bytes) = (detect().unwrap(), CancelToken::new(), Vec::new());
    write_challenge(&mut bytes, key, backend.as_ref(), &Control::silent(&token)).unwrap();
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    let mut response = RESPONSE.clone();
    let (length, changes) = bytes.split_at(bytes.len().min(3));
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    if let [1, length @ ..] = length {
        response.resize(number(length), 0);
    }
    for change in changes.chunks_exact(6) {
        let place = number(&change[..4]) % response.len().max(1);
        for byte in response.iter_mut().skip(place).take(usize::from(change[5])) {
            *byte = byte.wrapping_add(change[4]);
        }
    }
    let (backend, token) = (detect().unwrap(), CancelToken::new());
    match read_response(&BEFORE, &response, "", backend.as_ref(), &Control::silent(&token)) {
        Ok(made) => {
            let key = Zkey::from_bytes(made.to_bytes().unwrap()).unwrap();
            assert!(challenge(&key) == response);
        }
        Err(CeremonyError::Read(error)) => assert!(error.offset <= response.len() as u64, "{error}"),
        Err(CeremonyError::Kernel(error)) => panic!("{error}"),
        Err(_) => {}
    }
});
