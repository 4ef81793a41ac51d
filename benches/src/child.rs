//! A measured process: it prepares once, says so in a line of JSON, and then answers each line on standard input with a line
//! of JSON. Because all peers stay alive, rounds can interleave them; because each is a process of its own, so are its
//! memory and its processor time, which the orchestrator reads from outside.
//!
//! ```text
//! (start)   {"ready":true, "versions":{..}, "note":"..", "open_ms":..}   or {"failed":".."}
//! run       {"wall_ms":..}                                               or {"failed":".."}
//! check     {"verified":true} or {"proof":{..}, "public":[..]}           or {"failed":".."}
//! ```
//!
//! Depends on: `popw_verifier` for snarkjs's JSON. Where to go next: `round` of `popw-benches`, the other end.

use popw_verifier::{Bn254, Fr, Proof, snarkjs};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::time::Duration;

/// The request to do the work once.
pub const RUN: &str = "run";
/// The request to check the last result.
pub const CHECK: &str = "check";

/// A line of a child. Which fields are there is in the module's table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The preparation is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Versions of what is measured, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
    /// What a reader of the figure must know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Milliseconds to open the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_ms: Option<f64>,
    /// Milliseconds that the work took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<f64>,
    /// The child found its own result right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// snarkjs's `proof.json`, for the orchestrator to verify.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Value>,
    /// snarkjs's `public.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<Value>,
    /// Why there is no result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

impl Reply {
    /// A refusal.
    pub fn failed(reason: impl ToString) -> Self {
        Self {
            failed: Some(reason.to_string()),
            ..Self::default()
        }
    }

    /// A proof for the orchestrator to verify.
    pub fn proof(proof: &Proof<Bn254>, public: &[Fr]) -> Self {
        let texts = snarkjs::write_proof(proof).and_then(|proof| Ok((proof, snarkjs::write_public(public)?)));
        let json = |text: &str| serde_json::from_str(text).map_err(|error| error.to_string());
        let values = texts
            .map_err(|error| error.to_string())
            .and_then(|(proof, public)| Ok((json(&proof)?, json(&public)?)));
        match values {
            Ok((proof, public)) => Self {
                proof: Some(proof),
                public: Some(public),
                ..Self::default()
            },
            Err(reason) => Self::failed(reason),
        }
    }

    /// A result that the child itself found right, or wrong.
    pub fn verdict(right: bool) -> Self {
        match right {
            true => Self {
                verified: Some(true),
                ..Self::default()
            },
            false => Self::failed("the result is wrong"),
        }
    }
}

/// What a child measures.
pub trait Work {
    /// Does the work once and says how long it took; what it makes ready for one run is not part of that.
    ///
    /// # Errors
    /// A sentence why there is no result.
    fn run(&mut self) -> Result<Duration, String>;

    /// Checks the last result, or hands it out for checking.
    fn check(&mut self) -> Reply;
}

/// Work that was prepared, and what the first line says of it.
pub struct Prepared {
    /// The work.
    pub work: Box<dyn Work>,
    /// What a reader of the figure must know.
    pub note: Option<String>,
    /// Milliseconds to open the key, if a key was opened.
    pub open_ms: Option<f64>,
}

/// Answers lines until standard input ends.
///
/// # Errors
/// If a line cannot be read or written.
pub fn serve(
    prepared: Result<Prepared, String>,
    input: impl BufRead,
    mut output: impl Write,
) -> std::io::Result<()> {
    let mut say = |reply: &Reply| -> std::io::Result<()> {
        serde_json::to_writer(&mut output, reply)?;
        output.write_all(b"\n")?;
        output.flush()
    };
    let mut work = match prepared {
        Err(reason) => return say(&Reply::failed(reason)),
        Ok(prepared) => {
            say(&Reply {
                ready: Some(true),
                note: prepared.note,
                open_ms: prepared.open_ms,
                ..Reply::default()
            })?;
            prepared.work
        }
    };
    for line in input.lines() {
        say(&match line?.as_str() {
            RUN => match work.run() {
                Ok(time) => Reply {
                    wall_ms: Some(milliseconds(time)),
                    ..Reply::default()
                },
                Err(reason) => Reply::failed(reason),
            },
            CHECK => work.check(),
            other => Reply::failed(format!("unknown request {other:?}")),
        })?;
    }
    Ok(())
}

/// A time in milliseconds, to the microsecond.
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails shall stop")]

    use super::{Prepared, Reply, Work, serve};
    use std::time::Duration;

    struct Doubler(u64);

    impl Work for Doubler {
        fn run(&mut self) -> Result<Duration, String> {
            self.0 *= 2;
            match self.0 {
                8 => Err("tired".to_owned()),
                _ => Ok(Duration::from_millis(self.0)),
            }
        }

        fn check(&mut self) -> Reply {
            Reply::verdict(self.0 == 4)
        }
    }

    #[test]
    fn a_child_answers_line_by_line() {
        let prepared = Prepared {
            work: Box::new(Doubler(1)),
            note: Some("n".to_owned()),
            open_ms: None,
        };
        let mut output = Vec::new();
        serve(
            Ok(prepared),
            &b"run\ncheck\nrun\ncheck\nrun\nwalk\n"[..],
            &mut output,
        )
        .unwrap();
        assert_eq!(
            String::from_utf8(output).unwrap(),
            concat!(
                "{\"ready\":true,\"note\":\"n\"}\n",
                "{\"wall_ms\":2.0}\n",
                "{\"failed\":\"the result is wrong\"}\n",
                "{\"wall_ms\":4.0}\n",
                "{\"verified\":true}\n",
                "{\"failed\":\"tired\"}\n",
                "{\"failed\":\"unknown request \\\"walk\\\"\"}\n",
            )
        );
    }

    #[test]
    fn a_failed_preparation_ends_the_child() {
        let mut output = Vec::new();
        serve(Err("no key".to_owned()), &b"run\n"[..], &mut output).unwrap();
        assert_eq!(output, b"{\"failed\":\"no key\"}\n");
    }
}
