//! From our errors to gRPC's: a code, a message for people, a stable reason for programs, and when to come again.

use crate::job::Refusal;
use crate::queue::{Queue, QueueError};
use crate::store::StoreError;
use crate::store::blobs::BlobError;
use std::collections::HashMap;
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Whose reasons these are.
pub(crate) const DOMAIN: &str = "popw";

/// When to come again if the store or the disk failed.
const AGAIN: Duration = Duration::from_secs(5);

/// An error with its reason, and when to come again if that helps.
pub(crate) fn status(
    code: Code,
    reason: &'static str,
    message: impl Into<String>,
    retry: Option<Duration>,
) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, DOMAIN, HashMap::new());
    if retry.is_some() {
        details.set_retry_info(retry);
    }
    Status::with_error_details(code, message, details)
}

impl Queue {
    /// What a caller is told of an error. What only concerns whoever runs the service goes to the log.
    pub(crate) fn status(&self, error: QueueError) -> Status {
        let message = error.to_string();
        let plain = |code, reason| status(code, reason, message.clone(), None);
        match &error {
            QueueError::Invalid { field, reason } => {
                let mut details = ErrorDetails::new();
                details.set_error_info("INVALID_FIELD", DOMAIN, HashMap::new());
                details.add_bad_request_violation(*field, reason.clone());
                Status::with_error_details(Code::InvalidArgument, message, details)
            }
            QueueError::UnknownKey(_) => plain(Code::FailedPrecondition, "UNKNOWN_KEY"),
            QueueError::KeyInUse(_) => plain(Code::FailedPrecondition, "KEY_IN_USE"),
            QueueError::Key(_) => plain(Code::InvalidArgument, "WRONG_KEY"),
            QueueError::TooLarge { .. } => plain(Code::FailedPrecondition, "TOO_LARGE"),
            QueueError::UnknownJob(_) => plain(Code::NotFound, "UNKNOWN_JOB"),
            QueueError::NoProof(_) => plain(Code::FailedPrecondition, "NO_PROOF"),
            QueueError::UnknownWorker(_) => plain(Code::NotFound, "UNKNOWN_WORKER"),
            QueueError::Quarantined(_) => plain(Code::PermissionDenied, "QUARANTINED"),
            QueueError::WrongProof(_) => plain(Code::InvalidArgument, "WRONG_PROOF"),
            QueueError::Blob(BlobError::Hash { .. }) => plain(Code::InvalidArgument, "WRONG_HASH"),
            QueueError::Blob(BlobError::TooLarge { .. }) => plain(Code::InvalidArgument, "FILE_TOO_LARGE"),
            QueueError::Blob(BlobError::Missing) => plain(Code::FailedPrecondition, "MISSING_FILE"),
            QueueError::Blob(blob) => {
                tracing::error!(%error, "a file");
                match blob.is_full() {
                    true => status(
                        Code::ResourceExhausted,
                        "DISK_FULL",
                        "the server's disk is full",
                        Some(AGAIN),
                    ),
                    false => status(
                        Code::Unavailable,
                        "DISK_FAILED",
                        "the server's disk failed",
                        Some(AGAIN),
                    ),
                }
            }
            QueueError::Store(StoreError::Refused(Refusal::Ended(_))) => {
                plain(Code::FailedPrecondition, "JOB_ENDED")
            }
            QueueError::Store(StoreError::Refused(Refusal::LeaseEnded)) => {
                plain(Code::FailedPrecondition, "LEASE_ENDED")
            }
            QueueError::Store(StoreError::Refused(Refusal::NotFailed(_))) => {
                plain(Code::FailedPrecondition, "NOT_FAILED")
            }
            QueueError::Store(StoreError::OtherRequest { .. }) => plain(Code::AlreadyExists, "OTHER_REQUEST"),
            QueueError::Store(StoreError::Full { .. }) => status(
                Code::ResourceExhausted,
                "QUEUE_FULL",
                message,
                Some(self.retry_after()),
            ),
            QueueError::Store(StoreError::Unavailable(_)) => {
                tracing::error!(%error, "the store");
                let told = "the server's store cannot be used at the moment";
                status(Code::Unavailable, "STORE_UNAVAILABLE", told, Some(AGAIN))
            }
            QueueError::Store(_) => {
                tracing::error!(%error, "the store");
                status(
                    Code::Internal,
                    "STORE_DAMAGED",
                    "the server's store is damaged",
                    None,
                )
            }
        }
    }
}
