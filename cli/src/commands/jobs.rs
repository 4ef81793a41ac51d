//! `popw jobs ..`: a client of the proving service.

use crate::failure::{Code, Failure};
use crate::files::{read_bytes, write};
use crate::screen::show;
use popw_service::id::Digest;
use popw_service::proto::prover_client::ProverClient;
use popw_service::proto::upload_witness_request::{Header, Part};
use popw_service::proto::{self, Circuit, Job, JobState};
use popw_service::remote::{Address, Connection, connect};
use std::path::PathBuf;
use tonic::Status;

/// Bytes of an upload's message.
const CHUNK: usize = 1 << 18;

/// A service and what to ask of it.
#[derive(clap::Args)]
pub struct Args {
    /// The service
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:7420",
        global = true
    )]
    service: String,
    /// File with the API key
    #[arg(long, value_name = "FILE", global = true)]
    api_key: Option<PathBuf>,
    /// The authority of the service's certificate, PEM
    #[arg(long, value_name = "FILE", global = true)]
    authority: Option<PathBuf>,
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
    Ls,
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
}

/// Asks the service.
///
/// # Errors
/// `Refused` if a job ends without a proof, `Input` if the service refuses, `Internal` if it does not answer.
pub fn run(args: &Args) -> Result<(), Failure> {
    let text = |path: &Option<PathBuf>| path.as_deref().map(crate::files::read_text).transpose();
    let address = Address {
        url: args.service.clone(),
        api_key: text(&args.api_key)?.map(|key| key.trim().to_owned()),
        authority: text(&args.authority)?,
        certificate: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().map_err(Failure::internal)?;
    runtime.block_on(async {
        let client = ProverClient::new(connect(&address).map_err(Failure::input)?);
        ask(client, &args.command).await
    })
}

async fn ask(mut client: ProverClient<Connection>, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Circuits => {
            for circuit in circuits(&mut client).await? {
                let name = circuit.key.unwrap_or_default();
                let grade = if circuit.dev { ", grade dev" } else { "" };
                show(format_args!(
                    "{}: circuit {}, verifying key {}, domain {}{grade}",
                    circuit.name, name.circuit_id, name.verifying_key_hash, circuit.domain
                ))?;
            }
            Ok(())
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
            let key = choose(circuits(&mut client).await?, key.as_deref())?;
            let sha256 = Digest::of(&bytes).to_string();
            upload(&mut client, &sha256, &bytes).await?;
            let work = proto::AssignmentWork {
                witness_sha256: sha256.clone(),
            };
            let submit = proto::SubmitJobRequest {
                request_id: request.clone().unwrap_or(sha256),
                key: Some(key),
                work: Some(proto::Work {
                    work: Some(proto::work::Work::Assignment(work)),
                }),
                priority: *priority,
                ..proto::SubmitJobRequest::default()
            };
            let submitted = client.submit_job(submit).await.map_err(refused)?.into_inner();
            let id = submitted.job.unwrap_or_default().id;
            let job = watch(&mut client, &id).await?;
            if job.state() != JobState::Succeeded {
                let why = job
                    .failure
                    .map_or_else(String::new, |failure| format!(": {}", failure.message));
                let state = word(job.state);
                return Err(Failure::refused(format!("job {id} is {state}{why}")));
            }
            let answer = client
                .get_proof(proto::GetProofRequest { id })
                .await
                .map_err(refused)?;
            let proven = answer.into_inner().proof.unwrap_or_default();
            write(proof, proven.proof_json)?;
            write(public, proven.public_json)
        }
        Command::Ls => {
            let mut page_token = String::new();
            loop {
                let list = proto::ListJobsRequest {
                    page_token,
                    ..proto::ListJobsRequest::default()
                };
                let page = client.list_jobs(list).await.map_err(refused)?.into_inner();
                page.jobs.iter().try_for_each(|job| show(line(job)))?;
                if page.next_page_token.is_empty() {
                    return Ok(());
                }
                page_token = page.next_page_token;
            }
        }
        Command::Get { id } => {
            let answer = client
                .get_job(proto::GetJobRequest { id: id.clone() })
                .await
                .map_err(refused)?;
            show(line(&answer.into_inner().job.unwrap_or_default()))
        }
        Command::Watch { id } => watch(&mut client, id).await.map(drop),
        Command::Cancel { id } => {
            let cancel = proto::CancelJobRequest { id: id.clone() };
            let answer = client.cancel_job(cancel).await.map_err(refused)?;
            show(line(&answer.into_inner().job.unwrap_or_default()))
        }
    }
}

async fn circuits(client: &mut ProverClient<Connection>) -> Result<Vec<Circuit>, Failure> {
    let answer = client.list_circuits(proto::ListCircuitsRequest {}).await;
    Ok(answer.map_err(refused)?.into_inner().circuits)
}

/// The key of this hash, or the only one.
fn choose(circuits: Vec<Circuit>, hash: Option<&str>) -> Result<proto::KeyName, Failure> {
    let mut names = circuits.into_iter().filter_map(|circuit| circuit.key);
    let found = match hash {
        Some(hash) => names.find(|name| name.verifying_key_hash == hash),
        None => names.next().filter(|_| names.next().is_none()),
    };
    found.ok_or_else(|| {
        Failure::input(
            "the service does not have this key, or several: name one of `popw jobs circuits` with --key",
        )
    })
}

async fn upload(client: &mut ProverClient<Connection>, sha256: &str, bytes: &[u8]) -> Result<(), Failure> {
    let header = Header {
        sha256: sha256.to_owned(),
        bytes: bytes.len() as u64,
    };
    let chunks: Vec<Part> = bytes
        .chunks(CHUNK)
        .map(|chunk| Part::Chunk(chunk.to_vec()))
        .collect();
    let parts = std::iter::once(Part::Header(header)).chain(chunks);
    let parts = parts.map(|part| proto::UploadWitnessRequest { part: Some(part) });
    client
        .upload_witness(tokio_stream::iter(parts))
        .await
        .map(drop)
        .map_err(refused)
}

/// Shows what becomes of a job, and returns it at its end.
async fn watch(client: &mut ProverClient<Connection>, id: &str) -> Result<Job, Failure> {
    let watch = proto::WatchJobRequest {
        id: id.to_owned(),
        after_revision: 0,
    };
    let mut views = client.watch_job(watch).await.map_err(refused)?.into_inner();
    let mut last = None;
    while let Some(view) = views.message().await.map_err(refused)? {
        let job = view.job.unwrap_or_default();
        show(line(&job))?;
        last = Some(job);
    }
    last.ok_or_else(|| Failure::internal(format!("the service says nothing of job {id}")))
}

/// The state's name.
fn word(state: i32) -> String {
    let name = JobState::try_from(state).unwrap_or_default().as_str_name();
    name.trim_start_matches("JOB_STATE_").to_lowercase()
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

/// A service that does not answer is no fault of the input.
fn refused(status: Status) -> Failure {
    let code = match status.code() {
        tonic::Code::Unavailable | tonic::Code::Internal | tonic::Code::Unknown => Code::Internal,
        _ => Code::Input,
    };
    Failure {
        code,
        message: format!("the service: {}", status.message()),
    }
}
