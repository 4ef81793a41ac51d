//! Cancelling long work and watching it.

use crate::backend::KernelError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Asks work to stop. Clones share one state; once cancelled, a token stays so.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that nobody has cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for a stop. Kernels look at the token after at most a few milliseconds of work.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Has a stop been asked for?
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a kernel tells and asks its caller while it works.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    cancel: &'a CancelToken,
    work: &'a (dyn Fn(f64) + Sync),
}

impl<'a> Control<'a> {
    /// `work` is told, from any thread, which part of the call's work has been done since the last time: the parts of one
    /// call add up to about 1.
    pub fn new(cancel: &'a CancelToken, work: &'a (dyn Fn(f64) + Sync)) -> Self {
        Self { cancel, work }
    }

    /// Watches for cancellation only.
    pub fn silent(cancel: &'a CancelToken) -> Self {
        Self {
            cancel,
            work: &|_| {},
        }
    }

    /// The same token, for a call within the call: its work is not told.
    #[must_use]
    pub fn within(&self) -> Self {
        Self::silent(self.cancel)
    }

    /// The token that stops the work.
    pub fn cancel_token(&self) -> &'a CancelToken {
        self.cancel
    }

    /// To be called between pieces of work of at most a few milliseconds.
    ///
    /// # Errors
    /// [`KernelError::Cancelled`] if a stop was asked for.
    pub fn check(&self) -> Result<(), KernelError> {
        match self.cancel.is_cancelled() {
            true => Err(KernelError::Cancelled),
            false => Ok(()),
        }
    }

    /// Tells that a part of the call's work is done.
    pub fn advance(&self, part: f64) {
        (self.work)(part);
    }
}
