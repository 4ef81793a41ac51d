//! `popw jobs ..`: a client of the proving service, for tenants and for whoever runs it.

use crate::failure::Failure;
use crate::files::{read_bytes, write};
use crate::screen::show;
use crate::service::client::{ServiceArgs, choose, refused, runtime, show_json};
use popw_service::client::{Client, assignment_request};
use popw_service::proto::admin_client::AdminClient;
use popw_service::proto::{self, Circuit, Job, JobState};
use popw_service::remote::Connection;
use std::path::PathBuf;

/// A service and what to ask of it.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    service: ServiceArgs,
    /// Print the service's messages as JSON, one a line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// What to ask.
#[derive(clap::Subcommand)]
enum Command {
    /// The keys that the service proves with
    Circuits,
    /// Have an assignment proven and wait; the proof is what `popw prove` would write
    Prove {
        /// The assignment, as .wtns
        witness: PathBuf,
        /// Where proof.json goes
        proof: PathBuf,
        /// Where public.json goes
        public: PathBuf,
        /// The verifying key's hash, if the service has several keys
        #[arg(long, value_name = "HEX")]
        key: Option<String>,
        /// A name for the request: the same again is the same job; the witness's hash if absent
        #[arg(long, value_name = "NAME")]
        request: Option<String>,
        /// 0 to 9; larger comes first
        #[arg(long, value_name = "N", default_value_t = 0)]
        priority: u32,
    },
    /// One line for each job, oldest first
    Ls {
        /// Only those in this state
        #[arg(long, value_name = "STATE", value_parser = state_of_name)]
        state: Option<JobState>,
    },
    /// A job
    Get {
        /// Its name
        id: String,
    },
    /// A job and what becomes of it, until its end
    Watch {
        /// Its name
        id: String,
    },
    /// Stop a job
    Cancel {
        /// Its name
        id: String,
    },
    /// The failed jobs of all tenants, oldest first (an administrator's, as all that follow)
    #[command(visible_alias = "dlq")]
    DeadLetters,
    /// Take a failed job back into the queue
    Requeue {
        /// Its name
        id: String,
    },
    /// Remove a failed job and its files
    Purge {
        /// Its name
        id: String,
    },
    /// One line for each worker
    Workers,
    /// Let a worker in quarantine work again
    Release {
        /// Its name
        worker: String,
    },
    /// Add a proving key from the folder keys/ of the service's data
    LoadKey {
        /// The name of the .zkey file
        file: String,
    },
    /// Take a proving key away; refused while a job needs it
    UnloadKey {
        /// The verifying key's hash
        key: String,
    },
    /// Hand out no more jobs; those that workers have go on
    Pause,
    /// Hand out jobs again
    Resume,
    /// How many jobs there are in each state
    Stats,
}

/// Asks the service.
///
/// # Errors
/// `Refused` if a job ends without a proof, `Input` if the service refuses, `Internal` if it does not answer.
pub fn run(args: &Args) -> Result<(), Failure> {
    runtime()?.block_on(async {
        let asked = Asked {
            client: args.service.client()?,
            admin: args.service.admin()?,
            json: args.json,
        };
        asked.run(&args.command).await
    })
}

struct Asked {
    client: Client,
    admin: AdminClient<Connection>,
    json: bool,
}

impl Asked {
    async fn run(mut self, command: &Command) -> Result<(), Failure> {
        let mut prover = self.client.prover();
        match command {
            Command::Circuits => {
                let circuits = self.client.circuits().await.map_err(refused)?;
                circuits.iter().try_for_each(|circuit| self.show_circuit(circuit))
            }
            Command::Prove {
                witness,
                proof,
                public,
                key,
                request,
                priority,
            } => {
                let bytes = read_bytes(witness)?;
                let circuits = self.client.circuits().await.map_err(refused)?;
                let key = choose(circuits, key.as_deref())?;
                let digest = self.client.upload(&bytes).await.map_err(refused)?;
                let request_id = request.clone().unwrap_or_else(|| digest.to_string());
                let submit = proto::SubmitJobRequest {
                    priority: *priority,
                    ..assignment_request(request_id, key, digest)
                };
                let (job, _) = self.client.submit(&submit).await.map_err(refused)?;
                let job = self.watch(&job.id).await?;
                let id = job.id;
                if job.state != i32::from(JobState::Succeeded) {
                    let why = job
                        .failure
                        .map_or_else(String::new, |failure| format!(": {}", failure.message));
                    let state = word(job.state);
                    return Err(Failure::refused(format!("job {id} is {state}{why}")));
                }
                let proven = self.client.proof(&id).await.map_err(refused)?;
                write(proof, proven.proof_json)?;
                write(public, proven.public_json)
            }
            Command::Ls { state } => {
                let mut page_token = String::new();
                loop {
                    let list = proto::ListJobsRequest {
                        page_token,
                        state: state.unwrap_or_default().into(),
                        ..proto::ListJobsRequest::default()
                    };
                    let page = prover.list_jobs(list).await.map_err(refused)?.into_inner();
                    page.jobs.iter().try_for_each(|job| self.show(job))?;
                    if page.next_page_token.is_empty() {
                        return Ok(());
                    }
                    page_token = page.next_page_token;
                }
            }
            Command::Get { id } => {
                let get = proto::GetJobRequest { id: id.clone() };
                let answer = prover.get_job(get).await.map_err(refused)?;
                self.show(&answer.into_inner().job.unwrap_or_default())
            }
            Command::Watch { id } => self.watch(id).await.map(drop),
            Command::Cancel { id } => {
                let cancel = proto::CancelJobRequest { id: id.clone() };
                let answer = prover.cancel_job(cancel).await.map_err(refused)?;
                self.show(&answer.into_inner().job.unwrap_or_default())
            }
            Command::DeadLetters => {
                let mut page_token = String::new();
                loop {
                    let list = proto::ListDeadLettersRequest {
                        page_size: 0,
                        page_token,
                    };
                    let page = self.admin.list_dead_letters(list).await.map_err(refused)?;
                    let page = page.into_inner();
                    page.jobs.iter().try_for_each(|job| self.show(job))?;
                    if page.next_page_token.is_empty() {
                        return Ok(());
                    }
                    page_token = page.next_page_token;
                }
            }
            Command::Requeue { id } => {
                let requeue = proto::RequeueRequest { id: id.clone() };
                let answer = self.admin.requeue(requeue).await.map_err(refused)?;
                self.show(&answer.into_inner().job.unwrap_or_default())
            }
            Command::Purge { id } => {
                let purge = proto::PurgeDeadLetterRequest { id: id.clone() };
                self.admin
                    .purge_dead_letter(purge)
                    .await
                    .map(drop)
                    .map_err(refused)
            }
            Command::Workers => {
                let list = self.admin.list_workers(proto::ListWorkersRequest {}).await;
                let workers = list.map_err(refused)?.into_inner().workers;
                workers.iter().try_for_each(|worker| self.show_worker(worker))
            }
            Command::Release { worker } => {
                let release = proto::ReleaseWorkerRequest {
                    worker: worker.clone(),
                };
                self.admin
                    .release_worker(release)
                    .await
                    .map(drop)
                    .map_err(refused)
            }
            Command::LoadKey { file } => {
                let load = proto::LoadKeyRequest { file: file.clone() };
                let answer = self.admin.load_key(load).await.map_err(refused)?;
                self.show_circuit(&answer.into_inner().circuit.unwrap_or_default())
            }
            Command::UnloadKey { key } => {
                let circuits = self.client.circuits().await.map_err(refused)?;
                let key = Some(choose(circuits, Some(key))?);
                let unload = proto::UnloadKeyRequest { key };
                self.admin.unload_key(unload).await.map(drop).map_err(refused)
            }
            Command::Pause | Command::Resume => {
                let pause = proto::PauseQueueRequest {
                    paused: matches!(command, Command::Pause),
                };
                self.admin.pause_queue(pause).await.map(drop).map_err(refused)
            }
            Command::Stats => {
                let stats = self.admin.get_stats(proto::GetStatsRequest {}).await;
                let stats = stats.map_err(refused)?.into_inner();
                if self.json {
                    return show_json("GetStatsResponse", &stats);
                }
                let paused = if stats.paused { ", paused" } else { "" };
                show(format_args!(
                    "{} queued, {} leased, {} succeeded, {} failed, {} cancelled, {} expired; {}{paused}",
                    stats.queued,
                    stats.leased,
                    stats.succeeded,
                    stats.failed,
                    stats.cancelled,
                    stats.expired,
                    stats.store
                ))
            }
        }
    }

    /// Shows what becomes of a job, and returns it at its end.
    async fn watch(&self, id: &str) -> Result<Job, Failure> {
        let mut shown = Ok(());
        let end = self.client.end(id, |job| {
            if shown.is_ok() {
                shown = self.show(job);
            }
        });
        let job = end.await.map_err(refused)?;
        shown.map(|()| job)
    }

    fn show(&self, job: &Job) -> Result<(), Failure> {
        match self.json {
            true => show_json("Job", job),
            false => show(line(job)),
        }
    }

    fn show_circuit(&self, circuit: &Circuit) -> Result<(), Failure> {
        if self.json {
            return show_json("Circuit", circuit);
        }
        let name = circuit.key.clone().unwrap_or_default();
        let grade = if circuit.dev { ", grade dev" } else { "" };
        show(format_args!(
            "{}: circuit {}, verifying key {}, domain {}{grade}",
            circuit.name, name.circuit_id, name.verifying_key_hash, circuit.domain
        ))
    }

    fn show_worker(&self, worker: &proto::WorkerState) -> Result<(), Failure> {
        if self.json {
            return show_json("WorkerState", worker);
        }
        show(format_args!(
            "{}  {}, {} threads, {} MiB  {} proofs, {} jobs{}",
            worker.worker,
            worker.backend,
            worker.threads,
            worker.memory_bytes >> 20,
            worker.proofs,
            worker.jobs.len(),
            if worker.quarantined { "  in quarantine" } else { "" }
        ))
    }
}

/// What stands before a state's name in the protocol.
const STATE: &str = "JOB_STATE_";

/// The state's name.
fn word(state: i32) -> String {
    let name = JobState::try_from(state).unwrap_or_default().as_str_name();
    name.trim_start_matches(STATE).to_lowercase()
}

fn state_of_name(name: &str) -> Result<JobState, String> {
    let state = JobState::from_str_name(&format!("{STATE}{}", name.to_uppercase()));
    state.ok_or_else(|| "the states are queued, leased, succeeded, failed, cancelled and expired".to_owned())
}

fn line(job: &Job) -> String {
    let mut line = format!("{}  {:9}  {}", job.id, word(job.state), job.request_id);
    if let Some(progress) = &job.progress {
        let seconds = progress.remaining.unwrap_or_default().seconds;
        line += &format!("  {:.0} %, {seconds} s left", 100.0 * progress.done);
    }
    if let Some(failure) = &job.failure {
        line += &format!("  {}", failure.message);
    }
    line
}
