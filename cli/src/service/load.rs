//! `popw load ..`: loads a service, and says how it answers.
//!
//! The load is open: calls begin when the plan says, whether earlier ones were answered or not, and their times count from that moment. So a service that stands still shows in every call that
//! should have been made meanwhile.
//!
//! Depends on: `popw-service`'s client. Where to go next: `docs/service.md`, what was measured with it.

use crate::failure::Failure;
use crate::files::{read_bytes, write};
use crate::screen::show;
use crate::service::client::{ServiceArgs, choose, refused, runtime};
use popw_service::client::{Client, assignment_request, is_end};
use popw_service::id::Token;
use popw_service::metrics::percentile;
use popw_service::proto::{self, JobState, KeyName};
use serde::Serialize;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Streams of a connection: less than a service allows.
const STREAMS: u32 = 1_000;

/// A service and its load.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    service: ServiceArgs,
    /// Write the report to a file too, as JSON
    #[arg(long, value_name = "FILE", global = true)]
    out: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// How often, how long.
#[derive(clap::Args)]
struct Plan {
    /// Calls a second
    #[arg(long, value_name = "N", default_value_t = 10.0, value_parser = positive)]
    rate: f64,
    /// How long calls are begun
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = positive)]
    seconds: f64,
}

fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|error| format!("{error}"))?;
    match number > 0.0 && number <= 1e6 {
        true => Ok(number),
        false => Err("expected more than 0, and 1,000,000 at most".to_owned()),
    }
}

/// What to call.
#[derive(clap::Subcommand)]
enum Command {
    /// GetJob, of one job
    Get {
        #[command(flatten)]
        plan: Plan,
        /// The job; the tenant's first if absent
        #[arg(long, value_name = "ID")]
        job: Option<String>,
    },
    /// SubmitJob, of one assignment under ever new names, and, unless --no-wait, each job's end
    Submit {
        /// The assignment, as .wtns
        witness: PathBuf,
        #[command(flatten)]
        plan: Plan,
        /// The verifying key's hash, if the service has several keys
        #[arg(long, value_name = "HEX")]
        key: Option<String>,
        /// Do not wait for the jobs' ends
        #[arg(long)]
        no_wait: bool,
    },
    /// WatchJob: streams that are held, of one job that does not end meanwhile
    Watch {
        /// The job
        #[arg(long, value_name = "ID")]
        job: String,
        /// Streams
        #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        streams: u32,
        /// How long they are held once all are open
        #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = positive)]
        seconds: f64,
    },
    /// CancelJob: assignments one after the other, each stopped while it is proven; until its worker is free again
    Cancel {
        /// The assignment, as .wtns
        witness: PathBuf,
        /// Jobs
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        jobs: u32,
        /// How long each is proven before it is stopped
        #[arg(long, value_name = "SECONDS", default_value_t = 0.5, value_parser = positive)]
        after: f64,
        /// The verifying key's hash, if the service has several keys
        #[arg(long, value_name = "HEX")]
        key: Option<String>,
    },
}

/// Milliseconds by share of the calls.
#[derive(Serialize)]
struct Latency {
    p50: f64,
    p90: f64,
    p99: f64,
    max: f64,
}

/// What one kind of call did.
#[derive(Default)]
struct Tally {
    answered: Vec<Duration>,
    refused: BTreeMap<String, Vec<Duration>>,
    /// Refused for lack of room, and not told when to come again.
    silent: u32,
}

/// A report's part.
#[derive(Serialize)]
struct Part {
    answered: usize,
    latency_ms: Option<Latency>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    refused: BTreeMap<String, RefusedPart>,
    /// Refusals for lack of room that did not say when to come again.
    without_retry_info: u32,
}

#[derive(Serialize)]
struct RefusedPart {
    count: usize,
    latency_ms: Option<Latency>,
}

type Shared = Arc<Mutex<Tally>>;

fn latency(times: &[Duration]) -> Option<Latency> {
    let mut times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    Some(Latency {
        p50: percentile(&mut times, 500)?,
        p90: percentile(&mut times, 900)?,
        p99: percentile(&mut times, 990)?,
        max: percentile(&mut times, 1_000)?,
    })
}

impl Tally {
    fn note<T>(&mut self, took: Duration, answer: &Result<T, Status>) {
        let Err(status) = answer else {
            self.answered.push(took);
            return;
        };
        let has_time = status.get_details_retry_info().is_some();
        self.silent += u32::from(status.code() == Code::ResourceExhausted && !has_time);
        let code = format!("{:?}", status.code());
        self.refused.entry(code).or_default().push(took);
    }

    fn part(&self) -> Part {
        let refused = self.refused.iter().map(|(code, times)| {
            let part = RefusedPart {
                count: times.len(),
                latency_ms: latency(times),
            };
            (code.clone(), part)
        });
        Part {
            answered: self.answered.len(),
            latency_ms: latency(&self.answered),
            refused: refused.collect(),
            without_retry_info: self.silent,
        }
    }
}

fn note<T>(tally: &Shared, began: Instant, answer: &Result<T, Status>) {
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    tally.note(began.elapsed(), answer);
}

/// Begins calls as planned, and returns when all are answered.
async fn open<F: Future<Output = ()> + Send + 'static>(plan: &Plan, call: impl Fn(u64, Instant) -> F) {
    let start = Instant::now();
    let mut calls = JoinSet::new();
    let mut number = 0;
    loop {
        let offset = number as f64 / plan.rate;
        if offset >= plan.seconds {
            break;
        }
        let planned = start + Duration::from_secs_f64(offset);
        sleep_until(planned).await;
        calls.spawn(call(number, planned));
        while calls.try_join_next().is_some() {}
        number += 1;
    }
    while calls.join_next().await.is_some() {}
}

/// Loads a service.
///
/// # Errors
/// `Input` if the service refuses what the load needs first.
pub fn run(args: &Args) -> Result<(), Failure> {
    let parts = runtime()?.block_on(async {
        let client = args.service.client()?;
        match &args.command {
            Command::Get { plan, job } => get(&client, plan, job.clone()).await,
            Command::Submit {
                witness,
                plan,
                key,
                no_wait,
            } => {
                let work = Work::upload(&client, witness, key.as_deref()).await?;
                submit(&client, plan, work, *no_wait).await
            }
            Command::Watch {
                job,
                streams,
                seconds,
            } => watch(&args.service, job, *streams, Duration::from_secs_f64(*seconds)).await,
            Command::Cancel {
                witness,
                jobs,
                after,
                key,
            } => {
                let work = Work::upload(&client, witness, key.as_deref()).await?;
                cancel(&client, &work, *jobs, Duration::from_secs_f64(*after)).await
            }
        }
    })?;
    let json = serde_json::to_string(&parts).map_err(Failure::internal)?;
    if let Some(out) = &args.out {
        write(out, format!("{json}\n"))?;
    }
    match args.json {
        true => show(json),
        false => parts.iter().try_for_each(|(name, part)| show_part(name, part)),
    }
}

type Parts = BTreeMap<&'static str, Part>;

fn show_part(name: &str, part: &Part) -> Result<(), Failure> {
    let times = |latency: &Option<Latency>| {
        latency.as_ref().map_or_else(String::new, |latency| {
            let Latency { p50, p90, p99, max } = latency;
            format!("; 50 % within {p50:.1} ms, 90 % {p90:.1}, 99 % {p99:.1}, all {max:.1}")
        })
    };
    show(format_args!(
        "{name}: {} answered{}",
        part.answered,
        times(&part.latency_ms)
    ))?;
    for (code, refused) in &part.refused {
        show(format_args!(
            "  {code}: {} refused{}",
            refused.count,
            times(&refused.latency_ms)
        ))?;
    }
    match part.without_retry_info {
        0 => Ok(()),
        count => show(format_args!("  {count} of them did not say when to come again")),
    }
}

fn part(tally: &Shared) -> Part {
    tally.lock().unwrap_or_else(PoisonError::into_inner).part()
}

async fn get(client: &Client, plan: &Plan, job: Option<String>) -> Result<Parts, Failure> {
    let id = match job {
        Some(job) => job,
        None => {
            let list = proto::ListJobsRequest {
                page_size: 1,
                ..proto::ListJobsRequest::default()
            };
            let page = client
                .prover()
                .list_jobs(list)
                .await
                .map_err(refused)?
                .into_inner();
            let first = page.jobs.into_iter().next();
            first
                .ok_or_else(|| Failure::input("the tenant has no job to ask for"))?
                .id
        }
    };
    let tally = Shared::default();
    open(plan, |_, began| {
        let (mut prover, tally, id) = (client.prover(), tally.clone(), id.clone());
        async move {
            let answer = prover.get_job(proto::GetJobRequest { id }).await;
            note(&tally, began, &answer);
        }
    })
    .await;
    Ok(Parts::from([("GetJob", part(&tally))]))
}

/// An assignment that was uploaded, with names for jobs.
struct Work {
    key: KeyName,
    witness: popw_service::id::Digest,
    run: String,
}

impl Work {
    async fn upload(client: &Client, witness: &Path, key: Option<&str>) -> Result<Self, Failure> {
        let bytes = read_bytes(witness)?;
        let circuits = client.circuits().await.map_err(refused)?;
        Ok(Self {
            key: choose(circuits, key)?,
            witness: client.upload(&bytes).await.map_err(refused)?,
            run: Token::random().to_string(),
        })
    }

    fn request(&self, number: u64) -> proto::SubmitJobRequest {
        let name = format!("load-{}-{number}", self.run);
        assignment_request(name, self.key.clone(), self.witness)
    }
}

async fn submit(client: &Client, plan: &Plan, work: Work, no_wait: bool) -> Result<Parts, Failure> {
    let (submitted, ended) = (Shared::default(), Shared::default());
    open(plan, |number, began| {
        let (client, request) = (client.clone(), work.request(number));
        let (submitted, ended) = (submitted.clone(), ended.clone());
        async move {
            let answer = client.prover().submit_job(request).await;
            note(&submitted, began, &answer);
            let Ok(answer) = answer else { return };
            if no_wait {
                return;
            }
            let id = answer.into_inner().job.unwrap_or_default().id;
            let end = client.end(&id, |_| {}).await;
            let proven = end.and_then(|job| match job.state() {
                JobState::Succeeded => Ok(()),
                state => Err(Status::aborted(state.as_str_name())),
            });
            note(&ended, began, &proven);
        }
    })
    .await;
    let mut parts = Parts::from([("SubmitJob", part(&submitted))]);
    if !no_wait {
        parts.insert("proof", part(&ended));
    }
    Ok(parts)
}

async fn watch(service: &ServiceArgs, job: &str, streams: u32, held: Duration) -> Result<Parts, Failure> {
    let (opened, kept) = (Shared::default(), Shared::default());
    let mut watched = JoinSet::new();
    let (sender, receiver) = tokio::sync::watch::channel(None::<Instant>);
    for number in 0..streams.div_ceil(STREAMS) {
        let client = service.client()?;
        for _ in 0..STREAMS.min(streams - number * STREAMS) {
            let (mut prover, id) = (client.prover(), job.to_owned());
            let (opened, kept, mut until) = (opened.clone(), kept.clone(), receiver.clone());
            watched.spawn(async move {
                let began = Instant::now();
                let request = proto::WatchJobRequest {
                    id,
                    after_revision: 0,
                };
                let first = async {
                    let mut views = prover.watch_job(request).await?.into_inner();
                    let view = views.message().await?;
                    Ok(view.map(|_| views))
                };
                let answer = first.await;
                note(&opened, began, &answer);
                let Ok(Some(mut views)) = answer else { return };
                let end = async {
                    let end = until.wait_for(Option::is_some).await.ok().and_then(|end| *end);
                    sleep_until(end.unwrap_or(began)).await;
                };
                tokio::pin!(end);
                loop {
                    tokio::select! {
                        () = &mut end => {
                            note(&kept, began, &Ok(()));
                            return;
                        }
                        view = views.message() => match view {
                            Ok(Some(view)) if view.job.as_ref().is_some_and(|job| !is_end(job.state())) => {}
                            Ok(_) => {
                                note(&kept, began, &Err::<(), _>(Status::aborted("the job ended")));
                                return;
                            }
                            Err(status) => {
                                note(&kept, began, &Err::<(), _>(status));
                                return;
                            }
                        },
                    }
                }
            });
        }
    }
    let done = |tally: &Shared| {
        let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.answered.len() + tally.refused.values().map(Vec::len).sum::<usize>()
    };
    while done(&opened) < streams as usize {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    sender.send_replace(Some(Instant::now() + held));
    while watched.join_next().await.is_some() {}
    Ok(Parts::from([
        ("WatchJob, first message", part(&opened)),
        ("WatchJob, held", part(&kept)),
    ]))
}

/// How long until a worker that was proving is free: from the call to the moment at which it has the job that waited behind.
async fn cancel(client: &Client, work: &Work, jobs: u32, after: Duration) -> Result<Parts, Failure> {
    let (cancelled, free) = (Shared::default(), Shared::default());
    let submit = async |number| {
        let (job, _) = client.submit(&work.request(number)).await.map_err(refused)?;
        let request = proto::WatchJobRequest {
            id: job.id.clone(),
            after_revision: 0,
        };
        let views = client.prover().watch_job(request).await.map_err(refused)?;
        Ok::<_, Failure>((job.id, views.into_inner()))
    };
    let stop = async |id| client.prover().cancel_job(proto::CancelJobRequest { id }).await;
    for number in 0..u64::from(jobs) {
        let (first, mut views) = submit(2 * number).await?;
        until(&mut views, |job| job.state() == JobState::Leased).await?;
        let (second, mut views) = submit(2 * number + 1).await?;
        let waits = until(&mut views, |_| true).await?.state() == JobState::Queued;
        tokio::time::sleep(after).await;
        let began = Instant::now();
        let answer = stop(first).await;
        note(&cancelled, began, &answer);
        answer.map_err(refused)?;
        let job = until(&mut views, |job| job.state() != JobState::Queued).await?;
        note(&free, began, &Ok(()));
        if !waits || job.state() != JobState::Leased {
            return Err(Failure::input(
                "the second job did not wait: the service has several slots",
            ));
        }
        stop(second).await.map_err(refused)?;
        until(&mut views, |job| is_end(job.state())).await?;
    }
    Ok(Parts::from([
        ("CancelJob", part(&cancelled)),
        ("worker free", part(&free)),
    ]))
}

/// Watches a job until it is as wanted.
async fn until(
    views: &mut tonic::Streaming<proto::WatchJobResponse>,
    wanted: impl Fn(&proto::Job) -> bool,
) -> Result<proto::Job, Failure> {
    while let Some(view) = views.message().await.map_err(refused)? {
        let job = view.job.unwrap_or_default();
        if wanted(&job) {
            return Ok(job);
        }
    }
    Err(Failure::input(
        "a job ended before it was stopped: give an assignment of a larger circuit",
    ))
}
