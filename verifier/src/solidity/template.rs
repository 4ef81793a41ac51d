//! The contract's text: our own template with the key filled in.

use super::Grade;
use crate::words::Word;
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

const TEMPLATE: &str = include_str!("../../contracts/src/Groth16Verifier.sol.template");

/// Fills the template. `name` is a contract name, `key` the words in the contract's order with what each is.
pub(super) fn fill(name: &str, inputs: usize, grade: Grade, key: &[(String, Word)]) -> String {
    let line =
        |(what, word): &(String, Word)| format!("        /* {what:<18} */ hex\"{}\"", hex::encode(word));
    let key: Vec<String> = key.iter().map(line).collect();
    let (insecure, provenance) = match grade {
        Grade::Dev => ("true", "the key is a dev key: NOT SECURE."),
        Grade::Ceremony => ("false", "the key is of grade `ceremony`."),
    };
    TEMPLATE
        .replace("{{NAME}}", name)
        .replace("{{INPUTS}}", &inputs.to_string())
        .replace("{{PROVENANCE}}", provenance)
        .replace("{{INSECURE}}", insecure)
        .replace("{{KEY}}", &key.join("\n"))
}
