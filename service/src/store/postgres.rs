//! [`Postgres`]: jobs in a PostgreSQL database that several coordinators share.
//!
//! Rows are locked while they are changed; whoever looks for work skips rows that are locked. A change is told to the other coordinators with `NOTIFY`. A database that is away, or does not
//! answer within [`ANSWER`], makes every call fail as [`StoreError::Unavailable`]; when it is back, calls succeed again.
//!
//! Depends on: tokio-postgres, deadpool-postgres. Where to go next: [`super::columns`].

use super::columns::{Columns, integer, job, natural, number, state};
use super::{
    Counts, Limits, News, Offer, Query, SWEEP_MAX, Store, StoreError, Submitted, Swept, room, same_or_refused,
};
use crate::causes;
use crate::failpoint;
use crate::id::{Digest, JobId, Token};
use crate::job::{Change, Job, Millis, State};
use deadpool_postgres::{Client, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Transaction};
use std::future::{Future, poll_fn};
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Config, NoTls, Row};
use tonic::async_trait;

/// How long the database may take for an answer.
pub const ANSWER: Duration = Duration::from_secs(10);

/// Between two tries to listen.
const RETRY: Duration = Duration::from_secs(1);

/// Connections of one coordinator, beside the one that listens.
const CONNECTIONS: usize = 8;

/// News that may wait; behind them, everything may have changed.
const NEWS_MAX: usize = 1024;

/// The channel of `NOTIFY`.
const CHANNEL: &str = "popw_jobs";

/// Held by whoever makes the tables or adds a job: the limits are exact.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1886351223)";

/// Names are compared as bytes whatever the database's language.
const SCHEMA: &str = r#"
    CREATE TABLE IF NOT EXISTS popw_jobs (
        id TEXT COLLATE "C" PRIMARY KEY, tenant TEXT NOT NULL, request TEXT NOT NULL, state INTEGER NOT NULL, key TEXT NOT NULL, file TEXT NOT NULL,
        priority INTEGER NOT NULL, deadline BIGINT NOT NULL, memory BIGINT NOT NULL, submitted BIGINT NOT NULL, wakes BIGINT NOT NULL,
        body TEXT NOT NULL, UNIQUE (tenant, request)
    );
    CREATE INDEX IF NOT EXISTS popw_jobs_by_state ON popw_jobs (state, tenant);
    CREATE INDEX IF NOT EXISTS popw_jobs_by_wakes ON popw_jobs (wakes);
    CREATE INDEX IF NOT EXISTS popw_jobs_by_file ON popw_jobs (file);
    CREATE TABLE IF NOT EXISTS popw_settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    INSERT INTO popw_settings VALUES ('version', '1') ON CONFLICT DO NOTHING;
"#;

/// The version of the tables.
const VERSION: &str = "1";

/// A store in a database.
pub struct Postgres {
    pool: Pool,
    /// Which coordinator's news these are.
    origin: String,
    news: Mutex<mpsc::Receiver<News>>,
    listener: JoinHandle<()>,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Postgres {
    /// Connects to a database, by a URL (`postgres://..`) or words (`host=.. user=..`), and makes the tables if they are missing.
    ///
    /// # Errors
    /// If the text is none, the database is away, or its tables are of another version.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        // The text may hold a password: it is in no message.
        let mut config: Config = url.parse().map_err(|error| {
            StoreError::Unavailable(format!("the database's address: {}", causes(&error)))
        })?;
        config
            .options("-c synchronous_commit=on -c idle_in_transaction_session_timeout=30000")
            .application_name("popw")
            .connect_timeout(ANSWER);
        let recycling_method = RecyclingMethod::Fast;
        let manager = Manager::from_config(config.clone(), NoTls, ManagerConfig { recycling_method });
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .wait_timeout(Some(ANSWER))
            .create_timeout(Some(ANSWER))
            .recycle_timeout(Some(ANSWER))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Unavailable(causes(&error)))?;
        let origin = Token::random().to_string();
        let (sender, news) = mpsc::channel(NEWS_MAX);
        let listener = tokio::spawn(listen(config, origin.clone(), sender));
        let store = Self {
            pool,
            origin,
            news: Mutex::new(news),
            listener,
        };
        in_time(store.prepare()).await?;
        Ok(store)
    }

    async fn prepare(&self) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        transaction.batch_execute(LOCK).await?;
        transaction.batch_execute(SCHEMA).await?;
        let row = transaction
            .query_one("SELECT value FROM popw_settings WHERE name = 'version'", &[])
            .await?;
        let version: String = row.try_get(0)?;
        if version != VERSION {
            return Err(StoreError::Unavailable(format!(
                "the tables have version {version}, this program knows {VERSION}"
            )));
        }
        commit(transaction).await
    }

    async fn client(&self) -> Result<Client, StoreError> {
        self.pool
            .get()
            .await
            .map_err(|error| StoreError::Unavailable(causes(&error)))
    }

    /// Tells the other coordinators, when the transaction is committed.
    async fn tell(&self, transaction: &Transaction<'_>, id: JobId) -> Result<(), StoreError> {
        let text = format!("{} {id}", self.origin);
        let query = transaction.prepare_cached("SELECT pg_notify($1, $2)").await?;
        transaction.execute(&query, &[&CHANNEL, &text]).await?;
        Ok(())
    }

    async fn update(&self, transaction: &Transaction<'_>, job: &Job) -> Result<(), StoreError> {
        let columns = Columns::of(job)?;
        let query = "UPDATE popw_jobs SET state = $1, wakes = $2, body = $3 WHERE id = $4";
        let query = transaction.prepare_cached(query).await?;
        transaction
            .execute(
                &query,
                &[&columns.state, &columns.wakes, &columns.body, &columns.id],
            )
            .await?;
        self.tell(transaction, job.id).await
    }

    async fn try_submit(&self, new: Job, limits: Limits) -> Result<Submitted, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        transaction.batch_execute(LOCK).await?;
        let submission = &new.submission;
        let known = "SELECT body FROM popw_jobs WHERE tenant = $1 AND request = $2";
        let request: [&(dyn ToSql + Sync); 2] = [&submission.tenant, &submission.request];
        if let Some(known) = bodies(&transaction, known, &request).await?.pop() {
            return same_or_refused(known, submission);
        }
        let queued = number(State::Queued);
        let query = "SELECT count(*), count(*) FILTER (WHERE tenant = $2) FROM popw_jobs WHERE state = $1";
        let query = transaction.prepare_cached(query).await?;
        let row = transaction
            .query_one(&query, &[&queued, &submission.tenant])
            .await?;
        room(limits, natural(row.try_get(0)?)?, natural(row.try_get(1)?)?)?;
        let columns = Columns::of(&new)?;
        let query = "INSERT INTO popw_jobs VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
        let query = transaction.prepare_cached(query).await?;
        let values: [&(dyn ToSql + Sync); 12] = [
            &columns.id,
            &columns.tenant,
            &columns.request,
            &columns.state,
            &columns.key,
            &columns.file,
            &columns.priority,
            &columns.deadline,
            &columns.memory,
            &columns.submitted,
            &columns.wakes,
            &columns.body,
        ];
        transaction.execute(&query, &values).await?;
        self.tell(&transaction, new.id).await?;
        commit(transaction).await?;
        Ok(Submitted {
            job: new,
            is_new: true,
        })
    }

    async fn try_change(&self, id: JobId, change: Change, now: Millis) -> Result<Job, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let mut job = locked(&transaction, id).await?.ok_or(StoreError::Unknown(id))?;
        job.apply(change, now)?;
        self.update(&transaction, &job).await?;
        commit(transaction).await?;
        Ok(job)
    }

    async fn try_lease(&self, offer: &Offer, now: Millis) -> Result<Option<Job>, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        if is_paused(&transaction).await? {
            return Ok(None);
        }
        let keys: Vec<String> = offer.keys.iter().map(Digest::to_string).collect();
        let query = "SELECT body FROM popw_jobs AS jobs
            LEFT JOIN (SELECT tenant AS holder, count(*) AS leases FROM popw_jobs WHERE state = $1 GROUP BY tenant) AS held ON holder = jobs.tenant
            WHERE state = $2 AND memory <= $3 AND deadline > $4 AND key = ANY ($5)
            ORDER BY priority DESC, deadline, coalesce(leases, 0), submitted, id LIMIT 1
            FOR UPDATE OF jobs SKIP LOCKED";
        let values: [&(dyn ToSql + Sync); 5] = [
            &number(State::Leased),
            &number(State::Queued),
            &integer(offer.memory),
            &integer(now),
            &keys,
        ];
        let Some(mut job) = bodies(&transaction, query, &values).await?.pop() else {
            return Ok(None);
        };
        job.begin(offer.lease(), now);
        self.update(&transaction, &job).await?;
        commit(transaction).await?;
        Ok(Some(job))
    }

    async fn try_list(&self, query: &Query) -> Result<Vec<Job>, StoreError> {
        let after = query.after.map_or_else(String::new, |id| id.to_string());
        let state = query.state.map(number);
        let count = integer(query.count as u64);
        let text = "SELECT body FROM popw_jobs WHERE id > $1 AND ($2::text IS NULL OR tenant = $2) AND ($3::int IS NULL OR state = $3)
            ORDER BY id LIMIT $4";
        let client = self.client().await?;
        let text = client.prepare_cached(text).await?;
        let rows = client
            .query(&text, &[&after, &query.tenant, &state, &count])
            .await?;
        rows.iter().map(body).collect()
    }

    async fn try_sweep(&self, now: Millis) -> Result<Swept, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let query =
            "SELECT body FROM popw_jobs WHERE wakes <= $1 ORDER BY wakes, id LIMIT $2 FOR UPDATE SKIP LOCKED";
        let limit = integer(SWEEP_MAX as u64);
        let mut swept = Swept::default();
        for mut job in bodies(&transaction, query, &[&integer(now), &limit]).await? {
            if job.wake(now) {
                self.update(&transaction, &job).await?;
                swept.changed.push(job);
            } else {
                self.delete(&transaction, job.id).await?;
                swept.removed.push(job);
            }
        }
        commit(transaction).await?;
        Ok(swept)
    }

    async fn delete(&self, transaction: &Transaction<'_>, id: JobId) -> Result<(), StoreError> {
        let query = transaction
            .prepare_cached("DELETE FROM popw_jobs WHERE id = $1")
            .await?;
        transaction.execute(&query, &[&id.to_string()]).await?;
        self.tell(transaction, id).await
    }

    async fn try_remove(&self, id: JobId) -> Result<Job, StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let job = locked(&transaction, id).await?.filter(|job| job.state.is_end());
        let job = job.ok_or(StoreError::Unknown(id))?;
        self.delete(&transaction, id).await?;
        commit(transaction).await?;
        Ok(job)
    }

    async fn try_counts(&self) -> Result<Counts, StoreError> {
        let client = self.client().await?;
        let query = "SELECT state, count(*), min(submitted) FROM popw_jobs GROUP BY state";
        let query = client.prepare_cached(query).await?;
        let mut counts = Counts::default();
        for row in client.query(&query, &[]).await? {
            let state = state(i64::from(row.try_get::<_, i32>(0)?))?;
            counts.states.insert(state, natural(row.try_get(1)?)?);
            if state == State::Queued {
                counts.oldest_queued = Some(natural(row.try_get(2)?)?);
            }
        }
        Ok(counts)
    }

    async fn try_uses(&self, file: Digest) -> Result<u64, StoreError> {
        let client = self.client().await?;
        let query = client
            .prepare_cached("SELECT count(*) FROM popw_jobs WHERE file = $1")
            .await?;
        natural(client.query_one(&query, &[&file.to_string()]).await?.try_get(0)?)
    }

    async fn try_pause(&self, paused: bool) -> Result<(), StoreError> {
        let query = match paused {
            true => "INSERT INTO popw_settings VALUES ('paused', '') ON CONFLICT DO NOTHING",
            false => "DELETE FROM popw_settings WHERE name = 'paused'",
        };
        self.client().await?.execute(query, &[]).await?;
        Ok(())
    }

    async fn try_get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let client = self.client().await?;
        let query = client
            .prepare_cached("SELECT body FROM popw_jobs WHERE id = $1")
            .await?;
        let row = client.query_opt(&query, &[&id.to_string()]).await?;
        row.as_ref().map(body).transpose()
    }
}

/// Passes on what other coordinators tell, for as long as somebody wants to know.
async fn listen(config: Config, origin: String, news: mpsc::Sender<News>) {
    while !news.is_closed() {
        // Without a line, or with a broken one, nobody knows what was missed.
        let _ = listen_once(&config, &origin, &news).await;
        tokio::time::sleep(RETRY).await;
    }
}

async fn listen_once(
    config: &Config,
    origin: &str,
    news: &mpsc::Sender<News>,
) -> Result<(), tokio_postgres::Error> {
    let (client, mut connection) = config.connect(NoTls).await?;
    let messages = async {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            let AsyncMessage::Notification(notice) = message? else {
                continue;
            };
            let told = match notice.payload().split_once(' ') {
                Some((from, _)) if from == origin => continue,
                Some((_, id)) => id.parse().map_or(News::Anything, News::Job),
                None => News::Anything,
            };
            if news.send(told).await.is_err() {
                break;
            }
        }
        Ok(())
    };
    let begin = async {
        client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
        // Whoever has gone is noticed by the next message.
        let _ = news.send(News::Anything).await;
        std::future::pending().await
    };
    tokio::select! {
        ended = messages => ended,
        failed = begin => failed,
    }
}

/// The answer, or that there was none in time. What an unanswered call did is not known.
async fn in_time<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match tokio::time::timeout(ANSWER, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(StoreError::Unavailable(format!(
            "the database did not answer within {} s",
            ANSWER.as_secs()
        ))),
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Unavailable(causes(&error))
    }
}

async fn commit(transaction: Transaction<'_>) -> Result<(), StoreError> {
    failpoint::hit("store.changed");
    transaction.commit().await?;
    failpoint::hit("store.committed");
    Ok(())
}

fn body(row: &Row) -> Result<Job, StoreError> {
    job(row.try_get(0)?)
}

async fn bodies(
    transaction: &Transaction<'_>,
    query: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Job>, StoreError> {
    let query = transaction.prepare_cached(query).await?;
    transaction
        .query(&query, values)
        .await?
        .iter()
        .map(body)
        .collect()
}

/// A job, whose row nobody else changes until the end of the transaction.
async fn locked(transaction: &Transaction<'_>, id: JobId) -> Result<Option<Job>, StoreError> {
    let query = "SELECT body FROM popw_jobs WHERE id = $1 FOR UPDATE";
    Ok(bodies(transaction, query, &[&id.to_string()]).await?.pop())
}

async fn is_paused(client: &impl deadpool_postgres::GenericClient) -> Result<bool, StoreError> {
    let query = "SELECT 1 FROM popw_settings WHERE name = 'paused'";
    let query = client.prepare_cached(query).await?;
    Ok(client.query_opt(&query, &[]).await?.is_some())
}

#[async_trait]
impl Store for Postgres {
    fn engine(&self) -> &'static str {
        "postgres"
    }

    async fn submit(&self, job: Job, limits: Limits) -> Result<Submitted, StoreError> {
        in_time(self.try_submit(job, limits)).await
    }

    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        in_time(self.try_get(id)).await
    }

    async fn change(&self, id: JobId, change: Change, now: Millis) -> Result<Job, StoreError> {
        in_time(self.try_change(id, change, now)).await
    }

    async fn lease(&self, offer: &Offer, now: Millis) -> Result<Option<Job>, StoreError> {
        in_time(self.try_lease(offer, now)).await
    }

    async fn list(&self, query: &Query) -> Result<Vec<Job>, StoreError> {
        in_time(self.try_list(query)).await
    }

    async fn sweep(&self, now: Millis) -> Result<Swept, StoreError> {
        in_time(self.try_sweep(now)).await
    }

    async fn remove(&self, id: JobId) -> Result<Job, StoreError> {
        in_time(self.try_remove(id)).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        in_time(self.try_counts()).await
    }

    async fn uses(&self, file: Digest) -> Result<u64, StoreError> {
        in_time(self.try_uses(file)).await
    }

    async fn pause(&self, paused: bool) -> Result<(), StoreError> {
        in_time(self.try_pause(paused)).await
    }

    async fn is_paused(&self) -> Result<bool, StoreError> {
        in_time(async { is_paused(&self.client().await?).await }).await
    }

    async fn news(&self) -> News {
        match self.news.lock().await.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }
}
