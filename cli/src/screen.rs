//! What people see: results on standard output; while work is under way a spinner on standard error, and the time of each phase.

use crate::failure::Failure;
use indicatif::{ProgressBar, ProgressStyle};
use popw_kernels::{CancelToken, Control};
use popw_prover::{Phase, Progress};
use std::fmt::Display;
use std::io::{ErrorKind, Write, stdout};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Prints a result and a line end to standard output. A reader that has gone away (`popw ... | head`) is no failure.
///
/// # Errors
/// If standard output cannot be written.
pub fn show(text: impl Display) -> Result<(), Failure> {
    match writeln!(stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::internal(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Shows phases and measures them. Results go to standard output, progress to standard error.
pub struct Screen {
    spinner: ProgressBar,
    times: Mutex<Times>,
}

#[derive(Default)]
struct Times {
    current: Option<(&'static str, Instant)>,
    done: Vec<(&'static str, Duration)>,
}

impl Screen {
    /// A screen; silent when standard error is no terminal, or when `quiet`.
    pub fn new(quiet: bool) -> Self {
        let spinner = if quiet {
            ProgressBar::hidden()
        } else {
            ProgressBar::new_spinner()
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}{msg} {elapsed}") {
            spinner.set_style(style);
        }
        spinner.enable_steady_tick(Duration::from_millis(100));
        Self {
            spinner,
            times: Mutex::default(),
        }
    }

    /// `label` begins; the phase before has ended.
    pub fn begin(&self, label: &'static str) {
        self.spinner.set_message(label);
        self.change(Some(label));
    }

    /// Shown before the label until the next note: which of many pieces is at work.
    pub fn note(&self, note: impl Display) {
        self.spinner.set_prefix(format!("{note}: "));
    }

    /// Does the work of a phase, and shows how far it is.
    pub fn work<T>(&self, label: &'static str, work: impl FnOnce(&Control<'_>) -> T) -> T {
        self.begin(label);
        let (cancel, total) = (CancelToken::new(), Mutex::new(0.0_f64));
        let add = |part: f64| {
            let mut done = total.lock().unwrap_or_else(PoisonError::into_inner);
            *done = (*done + part).min(1.0);
            self.spinner
                .set_message(format!("{label} {:3.0} %", *done * 100.0));
        };
        work(&Control::new(&cancel, &add))
    }

    /// All phases so far, in order, with their times; phases of one name are added up.
    pub fn finish(&self) -> Vec<(&'static str, Duration)> {
        self.change(None);
        self.spinner.finish_and_clear();
        std::mem::take(&mut self.times.lock().unwrap_or_else(PoisonError::into_inner).done)
    }

    fn change(&self, next: Option<&'static str>) {
        let now = Instant::now();
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = std::mem::replace(&mut times.current, next.map(|label| (label, now)));
        let Some((label, since)) = ended else { return };
        let took = now.duration_since(since);
        match times.done.iter_mut().find(|(done, _)| *done == label) {
            Some((_, total)) => *total += took,
            None => times.done.push((label, took)),
        }
    }
}

impl Progress for Screen {
    fn phase(&self, phase: Phase) {
        self.begin(phase.label());
    }

    fn advance(&self, phase: Phase, done: f64) {
        self.spinner
            .set_message(format!("{} {:3.0} %", phase.label(), done * 100.0));
    }
}
