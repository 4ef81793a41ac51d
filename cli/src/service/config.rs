//! Files of options: `popw serve --config FILE`, `popw worker --config FILE`, and `popw config print`, which writes one with everything that may stand in it.
//!
//! A file's keys are the names of the options; what the command line says counts more. So there is one list of options, with one text for each: the grammar.
//!
//! Depends on: clap's grammar. Where to go next: [`super::serve`], whose options these are.

use crate::failure::Failure;
use crate::files::read_text;
use crate::screen::show;
use clap::{Arg, ArgAction, Command as Grammar, ValueEnum};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Where the name of the file is.
const OPTION: &str = "config";

/// What to do with files of options.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Write a file with all options, their meanings and what they are if nobody says
    Print {
        /// Whose
        #[arg(value_enum, default_value_t = Of::Serve)]
        of: Of,
    },
}

/// A command that has a file of options.
#[derive(Clone, Copy, ValueEnum)]
pub enum Of {
    /// `popw serve`
    Serve,
    /// `popw worker`
    Worker,
}

impl Of {
    fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Worker => "worker",
        }
    }
}

/// Does it.
///
/// # Errors
/// If standard output cannot be written.
pub fn run(command: &Command, grammar: &Grammar) -> Result<(), Failure> {
    let Command::Print { of } = command;
    show(print(*of, grammar).trim_end())
}

/// The options of a command that may stand in its file.
fn options(of: &Grammar) -> impl Iterator<Item = (&str, &Arg)> {
    let named = of
        .get_arguments()
        .filter_map(|option| Some((option.get_long()?, option)));
    named.filter(|(name, _)| ![OPTION, "help", "version"].contains(name))
}

fn print(of: Of, grammar: &Grammar) -> String {
    let mut text = format!(
        "# Options of `popw {name}`, for `popw {name} --config FILE`. The command line counts more.\n",
        name = of.name()
    );
    let Some(command) = grammar.find_subcommand(of.name()) else {
        return text;
    };
    for (name, option) in options(command) {
        let help = option.get_help().map(ToString::to_string).unwrap_or_default();
        text += &format!("\n# {help}\n");
        let default = option.get_default_values().first();
        let value = match (default, option.get_action()) {
            (_, ArgAction::SetTrue) => "false".to_owned(),
            (Some(default), _) => literal(&default.to_string_lossy()),
            (None, ArgAction::Append) => "[]".to_owned(),
            (None, _) => {
                let kind = option.get_value_names().and_then(|names| names.first());
                literal(kind.map_or("", |kind| kind.as_str()))
            }
        };
        text += &format!("# {name} = {value}\n");
    }
    text
}

/// A value as TOML: a number as one.
fn literal(text: &str) -> String {
    match text.parse::<u64>() {
        Ok(_) => text.to_owned(),
        Err(_) => Value::String(text.to_owned()).to_string(),
    }
}

/// The command line with the options of the file that it names, which stand before its own.
///
/// # Errors
/// `Input` if the file cannot be used: the file, the key and the reason are named.
pub fn expand(line: Vec<OsString>, grammar: &Grammar) -> Result<Vec<OsString>, Failure> {
    // What is wrong with the line is said when it is parsed for good.
    let Ok(seen) = grammar.clone().ignore_errors(true).try_get_matches_from(&line) else {
        return Ok(line);
    };
    let Some((command, seen)) = seen.subcommand() else {
        return Ok(line);
    };
    let named = seen.try_get_one::<PathBuf>(OPTION).ok().flatten();
    let (Some(path), Some(grammar)) = (named, grammar.find_subcommand(command)) else {
        return Ok(line);
    };
    let mut expanded = line;
    let place = expanded
        .iter()
        .position(|word| word == command)
        .map_or(expanded.len(), |place| place + 1);
    let words = read(path, grammar)?;
    expanded.splice(place..place, words.into_iter().map(OsString::from));
    Ok(expanded)
}

fn read(path: &Path, grammar: &Grammar) -> Result<Vec<String>, Failure> {
    let wrong = |reason: String| Failure::input(format!("{}: {reason}", path.display()));
    let table: Table = read_text(path)?
        .parse()
        .map_err(|error: toml::de::Error| wrong(error.to_string()))?;
    let mut words = Vec::new();
    for (name, value) in &table {
        let Some((_, option)) = options(grammar).find(|(known, _)| known == name) else {
            return Err(wrong(format!(
                "{name}: `popw {}` has no such option",
                grammar.get_name()
            )));
        };
        let is_flag = matches!(option.get_action(), ArgAction::SetTrue);
        let is_list = matches!(option.get_action(), ArgAction::Append);
        match value {
            Value::Boolean(given) if is_flag => words.extend(given.then(|| format!("--{name}"))),
            _ if is_flag => return Err(wrong(format!("{name}: expected true or false"))),
            Value::Array(values) if is_list => {
                for value in values {
                    words.push(word(name, value).map_err(wrong)?);
                }
            }
            _ if is_list => return Err(wrong(format!("{name}: expected a list"))),
            value => words.push(word(name, value).map_err(wrong)?),
        }
    }
    Ok(words)
}

fn word(name: &str, value: &Value) -> Result<String, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        _ => return Err(format!("{name}: expected a text or a number")),
    };
    Ok(format!("--{name}={text}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::Cli;
    use clap::{CommandFactory, Parser};
    use std::fs;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn what_is_printed_is_the_grammar_and_can_be_read() {
        let grammar = Cli::command();
        for of in [Of::Serve, Of::Worker] {
            let text = print(of, &grammar);
            let command = grammar.find_subcommand(of.name()).unwrap();
            for (name, option) in options(command) {
                assert!(text.contains(&format!("\n# {name} = ")), "{name}");
                assert!(option.get_help().is_some(), "{name} is not explained");
            }
            // With the options that have a value if nobody says.
            let defaults: String = text
                .lines()
                .filter_map(|line| line.strip_prefix("# "))
                .filter(|line| {
                    let of = |(name, option): (&str, &Arg)| {
                        line.starts_with(&format!("{name} = ")) && !option.get_default_values().is_empty()
                    };
                    options(command).any(of)
                })
                .map(|line| format!("{line}\n"))
                .collect();
            assert!(defaults.lines().count() >= 3, "{defaults}");
            let path =
                std::env::temp_dir().join(format!("popw-config-{}-{}.toml", of.name(), std::process::id()));
            fs::write(&path, defaults).unwrap();
            let file = path.to_str().unwrap();
            let line = words(&["popw", of.name(), "--config", file, "--service", "http://h:1"]);
            let line = match of {
                Of::Serve => line[..4].to_vec(),
                Of::Worker => line,
            };
            let expanded = expand(line, &grammar).unwrap();
            assert!(expanded.len() > 6, "{expanded:?}");
            Cli::try_parse_from(expanded).unwrap();
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn the_line_counts_more_and_mistakes_are_named() {
        let grammar = Cli::command();
        let path = std::env::temp_dir().join(format!("popw-config-{}.toml", std::process::id()));
        let file = path.to_str().unwrap();
        let with = |text: &str, line: &[&str]| {
            fs::write(&path, text).unwrap();
            expand(
                words(&[&["popw", "serve", "--config", file], line].concat()),
                &grammar,
            )
        };
        let expanded = with(
            "calls = 5\nplaintext = true\ndev = [\"uptime:N=1,W=3,S=24\"]\n",
            &["--calls", "7"],
        );
        let expanded = expanded.unwrap();
        assert!(expanded.iter().any(|word| word == "--plaintext"));
        let seen = grammar.clone().try_get_matches_from(&expanded).unwrap();
        let (_, seen) = seen.subcommand().unwrap();
        assert_eq!(seen.get_one::<u32>("calls"), Some(&7));
        for (text, mistake) in [
            ("call = 5", "call: `popw serve` has no such option"),
            ("plaintext = 1", "plaintext: expected true or false"),
            ("dev = \"x\"", "dev: expected a list"),
            ("calls = [1]", "calls: expected a text or a number"),
            ("calls", "TOML"),
            ("config = \"other\"", "no such option"),
        ] {
            let message = with(text, &[]).err().unwrap().message;
            assert!(message.contains(mistake) && message.contains(file), "{message}");
        }
        fs::remove_file(&path).unwrap();
        assert!(with_missing(&grammar).message.contains("nowhere.toml"));
    }

    fn with_missing(grammar: &Grammar) -> Failure {
        expand(words(&["popw", "serve", "--config", "nowhere.toml"]), grammar)
            .err()
            .unwrap()
    }
}
