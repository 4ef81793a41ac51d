//! [`Sqlite`]: jobs in one file beside the service.
//!
//! One thread writes. It takes all the changes that wait, each within a savepoint, and commits them together: one `fsync` for all, and nobody is answered before it. Another thread
//! reads, from what is committed. A lock on a file beside the database keeps a second service out.
//!
//! Depends on: rusqlite with SQLite built in. Where to go next: [`super::columns`].

use super::columns::{Columns, integer, job, natural, number, state};
use super::{
    Counts, Limits, Offer, Query, SWEEP_MAX, Store, StoreError, Submitted, Swept, room, same_or_refused,
};
use crate::failpoint;
use crate::id::{Digest, JobId};
use crate::job::{Change, Job, Millis, State};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Params, params, params_from_iter};
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use tokio::sync::oneshot;
use tonic::async_trait;

/// The version of the tables, in SQLite's `user_version`.
const VERSION: i64 = 1;

/// The most changes of one commit.
const GROUP_MAX: usize = 256;

const SCHEMA: &str = "
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY, tenant TEXT NOT NULL, request TEXT NOT NULL, state INTEGER NOT NULL, key TEXT NOT NULL, file TEXT NOT NULL,
        priority INTEGER NOT NULL, deadline INTEGER NOT NULL, memory INTEGER NOT NULL, submitted INTEGER NOT NULL, wakes INTEGER NOT NULL,
        body TEXT NOT NULL, UNIQUE (tenant, request)
    ) WITHOUT ROWID;
    CREATE INDEX jobs_by_state ON jobs (state, tenant);
    CREATE INDEX jobs_by_wakes ON jobs (wakes);
    CREATE INDEX jobs_by_file ON jobs (file);
    CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    PRAGMA user_version = 1;
";

/// A store in a file.
pub struct Sqlite {
    writer: Thread,
    reader: Thread,
    /// Locked while the store is open.
    _lock: File,
}

impl Sqlite {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// If another service has it, it is of a later version, damaged, or the disk refuses.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let unusable =
            |error: &dyn std::fmt::Display| StoreError::Unavailable(format!("{}: {error}", path.display()));
        let lock = File::create(path.with_extension("lock")).map_err(|error| unusable(&error))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => unusable(&"another service has it open"),
            TryLockError::Error(error) => unusable(&error),
        })?;
        let writer = Connection::open(path).map_err(|error| unusable(&error))?;
        prepare(&writer).map_err(|error| unusable(&error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(path, flags).map_err(|error| unusable(&error))?;
        Ok(Self {
            writer: Thread::start("popw-store-write", writer, write_group)
                .map_err(|error| unusable(&error))?,
            reader: Thread::start("popw-store-read", reader, read_group).map_err(|error| unusable(&error))?,
            _lock: lock,
        })
    }
}

/// Sets the database up, or checks that it is ours.
fn prepare(connection: &Connection) -> Result<(), String> {
    let text = |error: rusqlite::Error| error.to_string();
    // WAL with FULL: a commit is on disk when it returns.
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(text)?;
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(text)?;
    let check: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(text)?;
    if check != "ok" {
        return Err(format!("the database is damaged: {check}"));
    }
    match connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(text)?
    {
        0_i64 => {
            let schema = format!("BEGIN; {SCHEMA} COMMIT;");
            connection.execute_batch(&schema).map_err(text)
        }
        VERSION => Ok(()),
        other => Err(format!(
            "the database has version {other}, this program knows {VERSION}"
        )),
    }
}

/// A call that a thread carries out, or cannot for a reason, and its answer, which is sent when the group of calls is committed or not.
type Call = Box<dyn FnOnce(Result<&Connection, &str>) -> Answer + Send>;

struct Answer {
    is_ok: bool,
    send: Box<dyn FnOnce(Result<(), String>) + Send>,
}

/// A thread that owns a connection.
struct Thread(mpsc::Sender<Call>);

impl Thread {
    fn start(
        name: &str,
        connection: Connection,
        group: fn(&Connection, Vec<Call>),
    ) -> Result<Self, std::io::Error> {
        let (sender, calls) = mpsc::channel::<Call>();
        let work = move || {
            while let Ok(first) = calls.recv() {
                let mut all = vec![first];
                all.extend(calls.try_iter().take(GROUP_MAX - 1));
                group(&connection, all);
            }
        };
        thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self(sender))
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let ended = || StoreError::Unavailable("the store's thread has ended".to_owned());
        let (sender, answer) = oneshot::channel();
        let call: Call = Box::new(move |connection| {
            let connection = connection.map_err(|reason| StoreError::Unavailable(reason.to_owned()));
            let result = connection.and_then(work);
            Answer {
                is_ok: result.is_ok(),
                send: Box::new(move |committed| {
                    let committed = committed.map_err(StoreError::Unavailable);
                    // Whoever asked may have gone.
                    let _ = sender.send(result.and_then(|value| committed.map(|()| value)));
                }),
            }
        });
        self.0.send(call).map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

/// Carries out a group of changes and commits them together.
fn write_group(connection: &Connection, calls: Vec<Call>) {
    let mut calls = calls.into_iter();
    let mut answers = Vec::with_capacity(calls.len());
    let mut run = || -> rusqlite::Result<()> {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for call in calls.by_ref() {
            connection.execute_batch("SAVEPOINT one")?;
            let answer = call(Ok(connection));
            let is_ok = answer.is_ok;
            answers.push(answer);
            if !is_ok {
                connection.execute_batch("ROLLBACK TO one")?;
            }
            connection.execute_batch("RELEASE one")?;
        }
        failpoint::hit("store.changed");
        connection.execute_batch("COMMIT")
    };
    let committed = run().map_err(|error| error.to_string());
    failpoint::hit("store.committed");
    if let Err(reason) = &committed {
        // Those whose turn did not come.
        answers.extend(calls.map(|call| call(Err(reason))));
    }
    if committed.is_err() && !connection.is_autocommit() {
        // If even this fails, the next BEGIN says so.
        let _ = connection.execute_batch("ROLLBACK");
    }
    for answer in answers {
        (answer.send)(committed.clone());
    }
}

fn read_group(connection: &Connection, calls: Vec<Call>) {
    for call in calls {
        (call(Ok(connection)).send)(Ok(()));
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

fn one(connection: &Connection, id: JobId) -> Result<Option<Job>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT body FROM jobs WHERE id = ?")?;
    let body: Option<String> = statement
        .query_row([id.to_string()], |row| row.get(0))
        .optional()?;
    body.map(|body| job(&body)).transpose()
}

fn insert(connection: &Connection, job: &Job) -> Result<(), StoreError> {
    let columns = Columns::of(job)?;
    let mut statement =
        connection.prepare_cached("INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    statement.execute(params![
        columns.id,
        columns.tenant,
        columns.request,
        columns.state,
        columns.key,
        columns.file,
        columns.priority,
        columns.deadline,
        columns.memory,
        columns.submitted,
        columns.wakes,
        columns.body
    ])?;
    Ok(())
}

/// Writes what may change of a job.
fn update(connection: &Connection, job: &Job) -> Result<(), StoreError> {
    let columns = Columns::of(job)?;
    let mut statement =
        connection.prepare_cached("UPDATE jobs SET state = ?, wakes = ?, body = ? WHERE id = ?")?;
    statement.execute(params![columns.state, columns.wakes, columns.body, columns.id])?;
    Ok(())
}

fn delete(connection: &Connection, id: JobId) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached("DELETE FROM jobs WHERE id = ?")?;
    statement.execute([id.to_string()])?;
    Ok(())
}

fn count(connection: &Connection, query: &str, values: impl Params) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(query)?;
    natural(statement.query_row(values, |row| row.get(0))?)
}

fn paused(connection: &Connection) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM settings WHERE name = 'paused'")?;
    Ok(statement.exists([])?)
}

fn bodies(
    connection: &Connection,
    query: &str,
    values: &[rusqlite::types::Value],
) -> Result<Vec<Job>, StoreError> {
    let mut statement = connection.prepare_cached(query)?;
    let rows = statement.query_map(params_from_iter(values), |row| row.get::<_, String>(0))?;
    rows.map(|body| job(&body?)).collect()
}

#[async_trait]
impl Store for Sqlite {
    fn engine(&self) -> &'static str {
        "sqlite"
    }

    async fn submit(&self, new: Job, limits: Limits) -> Result<Submitted, StoreError> {
        let work = move |connection: &Connection| {
            let submission = &new.submission;
            let mut known =
                connection.prepare_cached("SELECT body FROM jobs WHERE tenant = ? AND request = ?")?;
            let known: Option<String> = known
                .query_row([&submission.tenant, &submission.request], |row| row.get(0))
                .optional()?;
            if let Some(body) = known {
                return same_or_refused(job(&body)?, submission);
            }
            let waits = "SELECT count(*) FROM jobs WHERE state = ?";
            let of_tenant = "SELECT count(*) FROM jobs WHERE state = ? AND tenant = ?";
            let queued = number(State::Queued);
            room(
                limits,
                count(connection, waits, [queued])?,
                count(connection, of_tenant, params![queued, submission.tenant])?,
            )?;
            insert(connection, &new)?;
            Ok(Submitted {
                job: new,
                is_new: true,
            })
        };
        self.writer.call(work).await
    }

    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.reader.call(move |connection| one(connection, id)).await
    }

    async fn change(&self, id: JobId, change: Change, now: Millis) -> Result<Job, StoreError> {
        let work = move |connection: &Connection| {
            let mut job = one(connection, id)?.ok_or(StoreError::Unknown(id))?;
            job.apply(change, now)?;
            update(connection, &job)?;
            Ok(job)
        };
        self.writer.call(work).await
    }

    async fn lease(&self, offer: &Offer, now: Millis) -> Result<Option<Job>, StoreError> {
        let offer = offer.clone();
        let work = move |connection: &Connection| {
            if paused(connection)? || offer.keys.is_empty() {
                return Ok(None);
            }
            let places = vec!["?"; offer.keys.len()].join(", ");
            let query = format!(
                "SELECT body FROM jobs
                 LEFT JOIN (SELECT tenant AS holder, count(*) AS leases FROM jobs WHERE state = ? GROUP BY tenant) ON holder = tenant
                 WHERE state = ? AND memory <= ? AND deadline > ? AND key IN ({places})
                 ORDER BY priority DESC, deadline, coalesce(leases, 0), submitted, id LIMIT 1"
            );
            let mut values: Vec<rusqlite::types::Value> = vec![
                number(State::Leased).into(),
                number(State::Queued).into(),
                integer(offer.memory).into(),
                integer(now).into(),
            ];
            values.extend(offer.keys.iter().map(|key| key.to_string().into()));
            let Some(mut job) = bodies(connection, &query, &values)?.pop() else {
                return Ok(None);
            };
            job.begin(offer.lease(), now);
            update(connection, &job)?;
            Ok(Some(job))
        };
        self.writer.call(work).await
    }

    async fn list(&self, query: &Query) -> Result<Vec<Job>, StoreError> {
        let query = query.clone();
        let work = move |connection: &Connection| {
            let mut text = "SELECT body FROM jobs WHERE id > ?".to_owned();
            let after = query.after.map_or_else(String::new, |id| id.to_string());
            let mut values: Vec<rusqlite::types::Value> = vec![after.into()];
            if let Some(tenant) = query.tenant {
                text.push_str(" AND tenant = ?");
                values.push(tenant.into());
            }
            if let Some(state) = query.state {
                text.push_str(" AND state = ?");
                values.push(number(state).into());
            }
            text.push_str(" ORDER BY id LIMIT ?");
            values.push(integer(query.count as u64).into());
            bodies(connection, &text, &values)
        };
        self.reader.call(work).await
    }

    async fn sweep(&self, now: Millis) -> Result<Swept, StoreError> {
        let limit = integer(SWEEP_MAX as u64);
        let due = move |connection: &Connection| {
            let query = "SELECT body FROM jobs WHERE wakes <= ? ORDER BY wakes, id LIMIT ?";
            bodies(connection, query, &[integer(now).into(), limit.into()])
        };
        // Most sweeps find nothing, and a reader does not wait for the disk.
        if self.reader.call(due).await?.is_empty() {
            return Ok(Swept::default());
        }
        let work = move |connection: &Connection| {
            let mut swept = Swept::default();
            for mut job in due(connection)? {
                if job.wake(now) {
                    update(connection, &job)?;
                    swept.changed.push(job);
                } else {
                    delete(connection, job.id)?;
                    swept.removed.push(job);
                }
            }
            Ok(swept)
        };
        self.writer.call(work).await
    }

    async fn remove(&self, id: JobId) -> Result<Job, StoreError> {
        let work = move |connection: &Connection| {
            let job = one(connection, id)?.filter(|job| job.state.is_end());
            let job = job.ok_or(StoreError::Unknown(id))?;
            delete(connection, id)?;
            Ok(job)
        };
        self.writer.call(work).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        let work = |connection: &Connection| {
            let mut counts = Counts::default();
            let mut statement = connection
                .prepare_cached("SELECT state, count(*), min(submitted) FROM jobs GROUP BY state")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let state = state(row.get(0)?)?;
                counts.states.insert(state, natural(row.get(1)?)?);
                if state == State::Queued {
                    counts.oldest_queued = Some(natural(row.get(2)?)?);
                }
            }
            Ok(counts)
        };
        self.reader.call(work).await
    }

    async fn uses(&self, file: Digest) -> Result<u64, StoreError> {
        let work = move |connection: &Connection| {
            let query = "SELECT count(*) FROM jobs WHERE file = ?";
            count(connection, query, [file.to_string()])
        };
        self.reader.call(work).await
    }

    async fn pause(&self, paused: bool) -> Result<(), StoreError> {
        let work = move |connection: &Connection| {
            let query = match paused {
                true => "INSERT OR REPLACE INTO settings VALUES ('paused', '')",
                false => "DELETE FROM settings WHERE name = 'paused'",
            };
            connection.execute(query, [])?;
            Ok(())
        };
        self.writer.call(work).await
    }

    async fn is_paused(&self) -> Result<bool, StoreError> {
        self.reader.call(paused).await
    }
}
