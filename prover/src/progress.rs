//! Watching long work and stopping it: [`Watch`] carries a [`CancelToken`] and a [`Progress`] into every call that takes
//! noticeable time.

use popw_kernels::{CancelToken, Control, KernelError};
use std::sync::{Mutex, PoisonError};

/// A part of the work that takes noticeable time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A development key is being made.
    Setup,
    /// Tables of multiples of a key's points are being made.
    Tables,
    /// A key is being opened, or its hash computed.
    Key,
    /// The assignment is being computed or read.
    Witness,
    /// The constraints are being evaluated, the quotient computed and its points summed: the key's H.
    Quotient,
    /// The witness's points are being summed: the key's A, B and C.
    WitnessSums,
    /// The proof is being verified before it leaves.
    SelfVerification,
}

impl Phase {
    /// What to show to people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Setup => "making a dev key (once; cached)",
            Self::Tables => "making tables of multiples",
            Self::Key => "opening the key",
            Self::Witness => "computing the witness",
            Self::Quotient => "proving: quotient and its sum",
            Self::WitnessSums => "proving: sums over the witness",
            Self::SelfVerification => "verifying the proof",
        }
    }
}

/// Is told how the work goes. Calls come from any thread of the prover.
pub trait Progress: Sync {
    /// `phase` begins; the one before has ended.
    fn phase(&self, phase: Phase);

    /// `done` of the work of `phase` is done, from 0 to 1; never less than before.
    fn advance(&self, phase: Phase, done: f64) {
        let _ = (phase, done);
    }
}

/// Tells nobody.
pub struct Silent;

impl Progress for Silent {
    fn phase(&self, _: Phase) {}
}

/// How a caller watches work and stops it.
#[derive(Clone)]
pub struct Watch<'a> {
    cancel: CancelToken,
    progress: &'a dyn Progress,
}

impl<'a> Watch<'a> {
    /// Tells `progress`; nobody can cancel.
    pub fn new(progress: &'a dyn Progress) -> Self {
        Self {
            cancel: CancelToken::new(),
            progress,
        }
    }

    /// Tells nobody, and nobody can cancel.
    pub fn silent() -> Watch<'static> {
        Watch::new(&Silent)
    }

    /// The same, stopped by `token`: the work ends with an error within about 50 ms.
    #[must_use]
    pub fn with_cancel(self, token: CancelToken) -> Self {
        Self {
            cancel: token,
            ..self
        }
    }

    /// The token that stops the work.
    pub fn cancel_token(&self) -> &CancelToken {
        &self.cancel
    }

    /// `phase` begins.
    pub fn phase(&self, phase: Phase) {
        self.progress.phase(phase);
    }

    /// Begins `phase` and does its work. The parts that the work tells its control add up to what progress is told.
    pub(crate) fn during<T, E: From<KernelError>>(
        &self,
        phase: Phase,
        work: impl FnOnce(&Control<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.phase(phase);
        let total = Mutex::new(0.0_f64);
        let add = |part: f64| {
            let mut done = total.lock().unwrap_or_else(PoisonError::into_inner);
            *done = (*done + part).min(1.0);
            // Told under the lock, so that the numbers never go back.
            self.progress.advance(phase, *done);
        };
        let control = Control::new(&self.cancel, &add);
        control.check()?;
        let result = work(&control)?;
        // A kernel may have left early because of the token: then what it returns is not to be used.
        control.check()?;
        Ok(result)
    }
}
