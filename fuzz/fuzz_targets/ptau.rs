//! `.ptau`: bytes are refused, or open; a file that opens in the usual order is written back byte for byte, and is refused by its
//! check or passes it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use popw_kernels::backend::detect;
use popw_kernels::{CancelToken, Control};
use popw_keys::ptau::{Effort, Ptau, PtauError, truncate};

fuzz_target!(|bytes: &[u8]| {
    let file = match Ptau::from_bytes(bytes.to_vec()) {
        Ok(file) => file,
        Err(error) => {
            assert!(error.offset <= bytes.len() as u64, "{error}");
            return;
        }
    };
    let mut out = Vec::new();
    truncate(&file, file.power(), &mut out).unwrap();
    // Sections may stand in any order.
    assert_eq!(out.len(), bytes.len());
    let again = Ptau::from_bytes(out).unwrap();
    assert_eq!(again.contributions(), file.contributions());
    assert!(again.tau_g1() == file.tau_g1() && again.beta_g2() == file.beta_g2());
    let smaller = file.power() - 1;
    assert_eq!(truncate(&file, smaller, &mut Vec::new()).is_ok(), smaller > 0);
    // The first challenge of a large ceremony is long work, and so is a beacon that was hashed often.
    let large = file.ceremony_power() > 10 && file.ceremony_power() < 28;
    let mut contributions = file.contributions().iter();
    if large || contributions.any(|one| one.iterations_log2 > Some(12)) {
        return;
    }
    let (backend, token) = (detect().unwrap(), CancelToken::new());
    match file.verify(backend.as_ref(), Effort::Usual, &Control::silent(&token)) {
        Err(PtauError::Read(error)) => assert!(error.offset <= bytes.len() as u64, "{error}"),
        Err(PtauError::Kernel(error)) => panic!("{error}"),
        Ok(_) | Err(_) => {}
    }
});
