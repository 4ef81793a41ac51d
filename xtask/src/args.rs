//! The words after the command's name: flags, options with a value, and the rest.
//!
//! Depends on: `error`. Where to go next: `main`, which makes it.

use crate::error::Error;

/// What is left of the command line. Take flags and values first, then the rest.
pub(crate) struct Args(Vec<String>);

impl Args {
    /// From the words after the command's name.
    pub(crate) fn new(words: impl Iterator<Item = String>) -> Self {
        Self(words.collect())
    }

    /// Takes a flag: was it there?
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|word| word != name);
        self.0.len() < before
    }

    /// Takes an option and the word after it.
    pub(crate) fn value(&mut self, name: &str) -> Result<Option<String>, Error> {
        let Some(at) = self.0.iter().position(|word| word == name) else {
            return Ok(None);
        };
        let mut taken = self.0.drain(at..(at + 2).min(self.0.len()));
        match taken.nth(1).filter(|value| !value.starts_with('-')) {
            Some(value) => Ok(Some(value)),
            None => Err(Error::Usage(format!("{name} needs a value"))),
        }
    }

    /// What was not taken: at most `most` words, none of them a flag.
    pub(crate) fn rest(self, most: usize) -> Result<Vec<String>, Error> {
        let stray = self
            .0
            .iter()
            .enumerate()
            .find(|(at, word)| *at >= most || word.starts_with('-'));
        match stray {
            Some((_, word)) => Err(Error::Usage(format!("unexpected argument `{word}`"))),
            None => Ok(self.0),
        }
    }

    /// All that is left, for another program.
    pub(crate) fn all(self) -> Vec<String> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Args;

    fn args(words: &[&str]) -> Args {
        Args::new(words.iter().map(|word| String::from(*word)))
    }

    #[test]
    fn flags_values_and_the_rest() {
        let mut args = args(&["--package", "popw-keys", "round", "--full"]);
        assert!(args.flag("--full") && !args.flag("--full"));
        assert_eq!(
            args.value("--package").ok().flatten().as_deref(),
            Some("popw-keys")
        );
        assert!(matches!(args.value("--record"), Ok(None)));
        assert_eq!(args.rest(1).ok(), Some(vec!["round".into()]));
    }

    #[test]
    fn strays_are_refused() {
        assert!(args(&["--package"]).value("--package").is_err());
        assert!(args(&["--package", "--full"]).value("--package").is_err());
        assert!(args(&["--fast"]).rest(1).is_err());
        assert!(args(&["one", "two"]).rest(1).is_err());
        assert!(args(&["one"]).rest(0).is_err());
    }
}
