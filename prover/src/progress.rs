//! Telling a caller how far long work has come.

/// A part of the work that takes noticeable time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The constraints of a circuit are being built.
    Circuit,
    /// A development key is being made.
    Setup,
    /// A key is being read.
    Key,
    /// The assignment is being computed.
    Witness,
    /// The proof is being computed.
    Proof,
    /// The proof is being verified before it leaves.
    SelfVerification,
}

impl Phase {
    /// What to show to people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Circuit => "building the circuit",
            Self::Setup => "making a dev key (once; cached)",
            Self::Key => "reading the key",
            Self::Witness => "computing the witness",
            Self::Proof => "proving",
            Self::SelfVerification => "verifying the proof",
        }
    }
}

/// Is told when a phase begins.
pub trait Progress: Sync {
    /// `phase` begins; the one before has ended.
    fn phase(&self, phase: Phase);
}

/// Tells nobody.
pub struct Silent;

impl Progress for Silent {
    fn phase(&self, _: Phase) {}
}
