//! `.sym`: the names of a circuit's wires, as circom writes them and snarkjs reads them.
//!
//! One line for each signal: its label, its wire (-1 if it was optimised away), the component that declares
//! it, its full name, such as `12,7,1,main.tree.node[3]`. The constant wire, label 0, has no line.
//!
//! Depends on: [`crate::error`]. Where to go next: [`crate::r1cs`], whose wire labels are these labels.

use crate::error::{Problem, WriteError};
use std::io::{BufWriter, Write};

/// A named signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// Its number among all signals, from 1.
    pub label: u64,
    /// Its wire, unless it was optimised away.
    pub wire: Option<u32>,
    /// The number of the component that declares it.
    pub component: u32,
    /// Its full name, components joined with dots, the first one `main`.
    pub name: &'a str,
}

/// Writes one line for each symbol. Lines before a refused symbol may have been written.
pub fn write_sym<'a>(
    out: impl Write,
    symbols: impl IntoIterator<Item = Symbol<'a>>,
) -> Result<(), WriteError> {
    let format = "sym";
    let mut out = BufWriter::new(out);
    for Symbol {
        label,
        wire,
        component,
        name,
    } in symbols
    {
        if name.is_empty() || name.contains(|c: char| c == ',' || c.is_control()) {
            let problem = Problem::Name {
                label,
                name: name.into(),
            };
            return Err(WriteError::Refused { format, problem });
        }
        match wire {
            Some(wire) => writeln!(out, "{label},{wire},{component},{name}"),
            None => writeln!(out, "{label},-1,{component},{name}"),
        }
        .map_err(|source| WriteError::Io { format, source })?;
    }
    out.flush().map_err(|source| WriteError::Io { format, source })
}

#[cfg(test)]
mod tests {
    use super::{Symbol, write_sym};
    use crate::error::{Problem, WriteError};

    #[test]
    fn lines_are_circoms() -> Result<(), WriteError> {
        let mut out = Vec::new();
        let symbols = [
            Symbol {
                label: 1,
                wire: Some(1),
                component: 0,
                name: "main.out",
            },
            Symbol {
                label: 2,
                wire: None,
                component: 1,
                name: "main.tree.node[3]",
            },
        ];
        write_sym(&mut out, symbols)?;
        assert_eq!(out, b"1,1,0,main.out\n2,-1,1,main.tree.node[3]\n");
        Ok(())
    }

    #[test]
    fn names_that_break_a_line_are_refused() {
        for name in ["", "main.a,b", "main.a\n9,9,9,main.b", "main.\r"] {
            let refused = write_sym(
                std::io::sink(),
                [Symbol {
                    label: 1,
                    wire: None,
                    component: 0,
                    name,
                }],
            );
            let Err(WriteError::Refused {
                problem: Problem::Name { .. },
                ..
            }) = refused
            else {
                unreachable!("{name:?} was written");
            };
        }
    }
}
