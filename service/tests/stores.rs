//! One suite for all stores: whatever is asked of an engine, it answers what the model answers.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::postgres::Server;
use common::{Folder, rounds};
use popw_service::id::{Digest, JobId, Token};
use popw_service::job::{Change, Failure, FailureClass, Job, Millis, Outcome, State, Submission, Work, file};
use popw_service::store::{Limits, Memory, News, Offer, Postgres, Query, Sqlite, Store, StoreError};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::HashSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

const LIMITS: Limits = Limits {
    queued: 12,
    tenant: 6,
};

const TENANTS: [&str; 4] = ["a", "b", "C", "ä"];

/// The engines that this machine has, each with what it stands on.
async fn engines() -> Vec<(Arc<dyn Store>, Box<dyn std::any::Any>)> {
    let folder = Folder::new();
    let sqlite = Sqlite::open(&folder.file("jobs.db")).unwrap();
    let mut engines: Vec<(Arc<dyn Store>, Box<dyn std::any::Any>)> = vec![
        (Arc::new(Memory::default()), Box::new(())),
        (Arc::new(sqlite), Box::new(folder)),
    ];
    if let Some(server) = Server::start() {
        let postgres = Postgres::connect(&server.database()).await.unwrap();
        engines.push((Arc::new(postgres), Box::new(server)));
    }
    engines
}

fn submission(tenant: &str, request: &str) -> Submission {
    Submission {
        tenant: tenant.to_owned(),
        request: request.to_owned(),
        circuit: Digest([1; 32]),
        key: Digest([2; 32]),
        work: Work::Assignment {
            witness: Digest([3; 32]),
        },
        priority: 0,
        deadline: None,
        memory: 10,
        keep: 1_000,
    }
}

fn job(number: u8, submission: Submission, now: Millis) -> Job {
    Job::new(JobId([number; 16]), submission, now)
}

fn offer(token: u8, until: Millis) -> Offer {
    Offer {
        worker: "w".to_owned(),
        keys: vec![Digest([2; 32])],
        memory: 100,
        token: Token([token; 16]),
        until,
    }
}

fn outcome(text: &str) -> Outcome {
    Outcome {
        proof: text.to_owned(),
        public: "[]".to_owned(),
        settlement: String::new(),
        proving: 7,
    }
}

/// Answers as text: errors have no equality.
fn told<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> String {
    format!("{answer:?}")
}

/// Random calls, the same for every engine: few names, so that they meet.
struct Script {
    rng: StdRng,
    now: Millis,
    ids: Vec<JobId>,
    tokens: Vec<Token>,
    /// Who got what.
    leases: Vec<(JobId, Token)>,
}

impl Script {
    fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            now: 1_000_000,
            ids: vec![JobId([0; 16])],
            tokens: vec![Token([0; 16])],
            leases: Vec::new(),
        }
    }

    fn one_of<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.rng.gen_range(0..of.len())].clone()
    }

    fn id(&mut self) -> JobId {
        let ids = self.ids.clone();
        self.one_of(&ids)
    }

    /// Mostly one of the last: older leases have ended.
    fn token(&mut self) -> Token {
        let start = self.tokens.len().saturating_sub(self.rng.gen_range(1..6));
        let tokens = self.tokens[start..].to_vec();
        self.one_of(&tokens)
    }

    fn submission(&mut self) -> Submission {
        let digest = |byte| Digest([byte; 32]);
        let number = self.rng.gen_range(0..12);
        let input = digest(self.rng.gen_range(0..3));
        let work = match self.rng.gen_bool(0.5) {
            true => Work::Assignment { witness: input },
            false => Work::Claim {
                fleet: input,
                zone: self.rng.gen_range(0..3),
            },
        };
        Submission {
            tenant: self.one_of(&TENANTS).to_owned(),
            request: format!("request {number}"),
            circuit: digest(9),
            key: digest(self.rng.gen_range(0..2)),
            work,
            priority: self.rng.gen_range(0..3),
            deadline: self
                .rng
                .gen_bool(0.3)
                .then(|| self.now + self.rng.gen_range(0..4_000)),
            memory: self.one_of(&[1, 50, 1 << 40, u64::MAX]),
            keep: self.rng.gen_range(0..5_000),
        }
    }

    /// A change of a job, mostly by somebody who has or had its lease.
    fn change(&mut self) -> (JobId, Change) {
        let last = self.leases.len().saturating_sub(4);
        let (id, token) = match self.leases.is_empty() || self.rng.gen_bool(0.3) {
            true => (self.id(), self.token()),
            false => {
                let leases = self.leases[last..].to_vec();
                self.one_of(&leases)
            }
        };
        let until = self.now + self.rng.gen_range(0..2_000);
        let class = self.one_of(&[FailureClass::Request, FailureClass::Worker]);
        let failure = Failure {
            class,
            message: "a 'quoted' reason".to_owned(),
        };
        let change = match self.rng.gen_range(0..9) {
            0 | 1 => Change::Renew { token, until },
            2 | 3 => Change::Complete {
                token,
                outcome: outcome("proof"),
            },
            4 | 5 => Change::Fail { token, failure },
            6 => Change::GiveBack { token },
            7 => Change::Cancel,
            _ => Change::Requeue,
        };
        (id, change)
    }

    /// One call to every store: all answers, which must be equal.
    async fn step(&mut self, stores: &[Arc<dyn Store>]) -> (String, Vec<String>) {
        self.now += self.rng.gen_range(0..200);
        let now = self.now;
        let mut answers = Vec::new();
        macro_rules! all {
            ($store:ident => $call:expr) => {
                for $store in stores {
                    answers.push(told($call.await));
                }
            };
        }
        let what = match self.rng.gen_range(0..20) {
            0..=5 => {
                let mut id = [0; 16];
                self.rng.fill(&mut id);
                let job = Job::new(JobId(id), self.submission(), now);
                self.ids.push(job.id);
                all!(store => store.submit(job.clone(), LIMITS));
                "submit"
            }
            6..=9 => {
                let mut token = [0; 16];
                self.rng.fill(&mut token);
                self.tokens.push(Token(token));
                let keys = [
                    vec![],
                    vec![Digest([0; 32])],
                    vec![Digest([1; 32]), Digest([0; 32])],
                ];
                let offer = Offer {
                    worker: "worker".to_owned(),
                    keys: self.one_of(&keys),
                    memory: self.one_of(&[0, 60, u64::MAX]),
                    token: Token(token),
                    until: now + self.rng.gen_range(0..1_000),
                };
                all!(store => store.lease(&offer, now));
                let leased = Query {
                    state: Some(State::Leased),
                    count: 1_000,
                    ..Query::default()
                };
                let leased = stores[0].list(&leased).await.unwrap();
                let is_new = |job: &&Job| job.lease.as_ref().unwrap().token == offer.token;
                self.leases
                    .extend(leased.iter().find(is_new).map(|job| (job.id, offer.token)));
                "lease"
            }
            10..=14 => {
                let (id, change) = self.change();
                all!(store => store.change(id, change.clone(), now));
                "change"
            }
            15 | 16 => {
                all!(store => store.sweep(now));
                "sweep"
            }
            17 => {
                let query = Query {
                    tenant: self
                        .rng
                        .gen_bool(0.5)
                        .then(|| self.one_of(&["a", "C", "ä"]).to_owned()),
                    state: self.rng.gen_bool(0.5).then(|| self.one_of(&State::ALL)),
                    after: self.rng.gen_bool(0.5).then(|| self.id()),
                    count: self.rng.gen_range(0..20),
                };
                all!(store => store.list(&query));
                "list"
            }
            18 => {
                let content = Digest([self.rng.gen_range(0..3); 32]);
                let (id, file) = (self.id(), file(self.one_of(&TENANTS), content));
                all!(store => store.get(id));
                all!(store => store.uses(file));
                all!(store => store.counts());
                all!(store => store.is_paused());
                // Four answers of each store, side by side.
                let each = stores.len();
                answers = (0..each)
                    .map(|index| answers.iter().skip(index).step_by(each).cloned().collect())
                    .collect();
                "look"
            }
            _ => match self.rng.gen_bool(0.5) {
                true => {
                    let id = self.id();
                    all!(store => store.remove(id));
                    "remove"
                }
                false => {
                    let paused = self.rng.gen_bool(0.3);
                    all!(store => store.pause(paused));
                    "pause"
                }
            },
        };
        (what.to_owned(), answers)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_engine_answers_as_the_model_does() {
    let engines = engines().await;
    let stores: Vec<_> = engines.iter().map(|(store, _)| store.clone()).collect();
    let mut seen = HashSet::new();
    for seed in 0..u64::from(rounds(3)) {
        let mut script = Script::new(seed);
        for step in 0..600 {
            let (what, answers) = script.step(&stores).await;
            for (store, answer) in stores.iter().zip(&answers) {
                assert_eq!(
                    *answer,
                    answers[0],
                    "seed {seed}, step {step}, {what}: {}",
                    store.engine()
                );
            }
            seen.insert((
                what,
                answers[0].starts_with("Ok"),
                answers[0].contains("is_new: false"),
            ));
            seen.extend(
                State::ALL
                    .map(State::name)
                    .into_iter()
                    .filter(|name| answers[0].to_lowercase().contains(name))
                    .map(|name| (name.to_owned(), true, true)),
            );
        }
        // The next script begins with nothing.
        script.now += 1 << 40;
        for store in &stores {
            store.pause(false).await.unwrap();
            for job in store
                .list(&Query {
                    count: 10_000,
                    ..Query::default()
                })
                .await
                .unwrap()
            {
                if !job.state.is_end() {
                    store.change(job.id, Change::Cancel, script.now).await.unwrap();
                }
                store.remove(job.id).await.unwrap();
            }
            assert_eq!(store.counts().await.unwrap().states.len(), 0);
        }
    }
    for what in ["submit", "lease", "change", "sweep", "list", "remove"] {
        assert!(
            seen.contains(&(what.to_owned(), true, false)),
            "no {what} succeeded"
        );
    }
    for what in ["submit", "change", "remove"] {
        assert!(
            seen.contains(&(what.to_owned(), false, false)),
            "no {what} was refused"
        );
    }
    assert!(
        seen.contains(&("submit".to_owned(), true, true)),
        "no submission was known"
    );
    for state in State::ALL {
        assert!(
            seen.contains(&(state.name().to_owned(), true, true)),
            "no job was {}",
            state.name()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_at_once_get_one_job_and_one_lease_each() {
    for (store, _ground) in engines().await {
        let limits = Limits {
            queued: 100,
            tenant: 100,
        };
        // Forty submissions of ten requests: ten jobs.
        let calls = (0..40u8).map(|number| {
            let (store, name) = (store.clone(), format!("request {}", number % 10));
            tokio::spawn(async move {
                store
                    .submit(job(number, submission("a", &name), 5), limits)
                    .await
                    .unwrap()
            })
        });
        let mut new = 0;
        for call in calls.collect::<Vec<_>>() {
            new += u32::from(call.await.unwrap().is_new);
        }
        assert_eq!(new, 10, "{}", store.engine());
        let calls = (0..20u8).map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.lease(&offer(number, 1_000), 10).await.unwrap() })
        });
        let mut leased = HashSet::new();
        for call in calls.collect::<Vec<_>>() {
            if let Some(job) = call.await.unwrap() {
                assert!(leased.insert(job.id), "{}: leased twice", store.engine());
            }
        }
        // A worker that looks while others hold rows may find nothing; it asks again.
        while let Some(job) = store.lease(&offer(99, 1_000), 10).await.unwrap() {
            assert!(leased.insert(job.id), "{}: leased twice", store.engine());
        }
        assert_eq!(leased.len(), 10, "{}", store.engine());
        // All finish every job at once: each ends once.
        let ids: Vec<JobId> = leased.into_iter().collect();
        for id in ids {
            let token = store.get(id).await.unwrap().unwrap().lease.unwrap().token;
            let calls = (0..4u8).map(|number| {
                let store = store.clone();
                let change = match number {
                    0 => Change::Cancel,
                    _ => Change::Complete {
                        token: if number == 1 {
                            token
                        } else {
                            Token([200 + number; 16])
                        },
                        outcome: outcome(&number.to_string()),
                    },
                };
                tokio::spawn(async move { store.change(id, change, 20).await.is_ok() })
            });
            let mut ends = 0;
            for call in calls.collect::<Vec<_>>() {
                ends += u32::from(call.await.unwrap());
            }
            assert_eq!(ends, 1, "{}", store.engine());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_keeps_what_was_answered_and_one_service_out() {
    let folder = Folder::new();
    let path = folder.file("jobs.db");
    let store = Sqlite::open(&path).unwrap();
    let added = store
        .submit(job(1, submission("a", "1"), 5), LIMITS)
        .await
        .unwrap()
        .job;
    store.pause(true).await.unwrap();
    let second = Sqlite::open(&path).err().unwrap().to_string();
    assert!(second.contains("another service has it open"), "{second}");
    drop(store);
    let store = loop {
        // The threads of the first let go of the file a moment later.
        match Sqlite::open(&path) {
            Ok(store) => break store,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    assert_eq!(store.get(added.id).await.unwrap(), Some(added));
    assert!(store.is_paused().await.unwrap());
    assert_eq!(
        store.lease(&offer(1, 100), 10).await.unwrap(),
        None,
        "it is paused"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_files_are_refused_not_believed() {
    let folder = Folder::new();
    let path = folder.file("jobs.db");
    let store = Sqlite::open(&path).unwrap();
    for number in 0..50 {
        let limits = Limits {
            queued: 100,
            tenant: 100,
        };
        let new = job(number, submission("a", &number.to_string()), 5);
        store.submit(new, limits).await.unwrap();
    }
    drop(store);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let whole = fs::read(&path).unwrap();
    assert!(whole.len() > 8_192);
    let mut refused = 0;
    for (cut, flip) in [
        (whole.len() / 2, false),
        (5_000, false),
        (whole.len(), true),
        (100, false),
    ] {
        let mut bytes = whole[..cut].to_vec();
        if flip {
            bytes
                .iter_mut()
                .skip(4_096)
                .step_by(7)
                .for_each(|byte| *byte ^= 0x55);
        }
        let copy = folder.file(&format!("cut{cut}.db"));
        fs::write(&copy, bytes).unwrap();
        match Sqlite::open(&copy) {
            Err(error) => {
                assert!(error.to_string().contains(copy.to_str().unwrap()), "{error}");
                refused += 1;
            }
            Ok(store) => {
                let listed = store
                    .list(&Query {
                        count: 100,
                        ..Query::default()
                    })
                    .await;
                assert!(
                    !matches!(listed, Ok(jobs) if jobs.len() == 50),
                    "half a file is not the whole"
                );
            }
        }
    }
    assert!(refused >= 2, "{refused}");
    let other = folder.file("other.db");
    fs::write(
        &other,
        b"this is no database, but a text that is longer than a header",
    )
    .unwrap();
    assert!(Sqlite::open(&other).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_away_is_used_again() {
    let Some(server) = Server::start() else { return };
    let url = server.database();
    let store = Postgres::connect(&url).await.unwrap();
    let added = store
        .submit(job(1, submission("a", "1"), 5), LIMITS)
        .await
        .unwrap()
        .job;
    // Connections that are cut.
    server.execute(
        &url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'popw'",
    );
    let again = async |store: &Postgres| {
        let mut tries = 0;
        loop {
            match store.get(added.id).await {
                Ok(found) => break found,
                Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error}"),
            }
            tries += 1;
            assert!(tries < 1_000, "it does not come back");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert_eq!(again(&store).await, Some(added.clone()));
    // A server that is down.
    server.down();
    let failed = store.submit(job(2, submission("a", "2"), 5), LIMITS).await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
    server.up();
    assert_eq!(again(&store).await, Some(added.clone()));
    assert!(
        store
            .submit(job(2, submission("a", "2"), 5), LIMITS)
            .await
            .unwrap()
            .is_new
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn coordinators_hear_of_each_other() {
    let Some(server) = Server::start() else { return };
    let url = server.database();
    let (one, other) = (
        Postgres::connect(&url).await.unwrap(),
        Postgres::connect(&url).await.unwrap(),
    );
    // Each begins with not knowing.
    assert_eq!(
        (one.news().await, other.news().await),
        (News::Anything, News::Anything)
    );
    let added = one
        .submit(job(1, submission("a", "1"), 5), LIMITS)
        .await
        .unwrap()
        .job;
    assert_eq!(other.news().await, News::Job(added.id));
    other.change(added.id, Change::Cancel, 9).await.unwrap();
    // Its own change is no news to it.
    assert_eq!(one.news().await, News::Job(added.id));
    server.execute(
        &url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'",
    );
    assert_eq!(one.news().await, News::Anything);
    assert_eq!(other.news().await, News::Anything);
}
