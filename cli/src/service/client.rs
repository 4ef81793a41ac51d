//! A connection to a service, as command lines name it, and what it answers as people and programs read it.

use crate::failure::{Code, Failure};
use crate::files::read_text;
use crate::screen::show;
use popw_service::client::Client;
use popw_service::proto::admin_client::AdminClient;
use popw_service::proto::{Circuit, DESCRIPTORS, KeyName};
use popw_service::remote::{Address, Connection, connect};
use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use std::path::PathBuf;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tonic::Status;

/// What the caller shows.
#[derive(clap::Args)]
pub struct Credentials {
    /// File with the API key; if absent, the file that POPW_API_KEY names
    #[arg(long, value_name = "FILE", global = true)]
    api_key: Option<PathBuf>,
    /// The authority of the service's certificate, PEM
    #[arg(long, value_name = "FILE", global = true)]
    authority: Option<PathBuf>,
    /// The caller's certificate, PEM
    #[arg(long, value_name = "FILE", global = true, requires = "certificate_key")]
    certificate: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, value_name = "FILE", global = true, requires = "certificate")]
    certificate_key: Option<PathBuf>,
}

impl Credentials {
    /// A service's address, with what the caller shows there.
    ///
    /// # Errors
    /// `Input` if a file cannot be read.
    pub fn address(&self, url: &str) -> Result<Address, Failure> {
        let text = |path: &Option<PathBuf>| path.as_deref().map(read_text).transpose();
        let named = || std::env::var_os("POPW_API_KEY").map(PathBuf::from);
        let api_key = text(&self.api_key.clone().or_else(named))?;
        Ok(Address {
            url: url.to_owned(),
            api_key: api_key.map(|key| key.trim().to_owned()),
            authority: text(&self.authority)?,
            certificate: text(&self.certificate)?.zip(text(&self.certificate_key)?),
        })
    }
}

/// A service.
#[derive(clap::Args)]
pub struct ServiceArgs {
    /// The service
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:7420",
        global = true
    )]
    service: String,
    /// How long a call is made again that nobody answers or that finds the queue full
    #[arg(long, value_name = "SECONDS", default_value_t = 60, global = true)]
    patience: u64,
    #[command(flatten)]
    credentials: Credentials,
}

impl ServiceArgs {
    /// Connects. To be called within a runtime.
    ///
    /// # Errors
    /// `Input` if the address or a file cannot be used.
    pub fn client(&self) -> Result<Client, Failure> {
        Ok(Client::new(
            self.connection()?,
            Duration::from_secs(self.patience),
        ))
    }

    /// Connects as an administrator. To be called within a runtime.
    ///
    /// # Errors
    /// `Input` if the address or a file cannot be used.
    pub fn admin(&self) -> Result<AdminClient<Connection>, Failure> {
        Ok(AdminClient::new(self.connection()?))
    }

    fn connection(&self) -> Result<Connection, Failure> {
        connect(&self.credentials.address(&self.service)?).map_err(Failure::input)
    }
}

/// A runtime for one command.
///
/// # Errors
/// If the system gives none.
pub fn runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::internal)
}

/// A service's refusal. One that does not answer is no fault of the input.
pub fn refused(status: Status) -> Failure {
    let code = match status.code() {
        tonic::Code::Unavailable | tonic::Code::Internal | tonic::Code::Unknown => Code::Internal,
        _ => Code::Input,
    };
    Failure {
        code,
        message: format!("the service: {}", status.message()),
    }
}

/// The key of this hash, or the only one.
///
/// # Errors
/// `Input` if there is none.
pub fn choose(circuits: Vec<Circuit>, hash: Option<&str>) -> Result<KeyName, Failure> {
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

/// Prints a message of the protocol as JSON, by protobuf's rules, on one line.
///
/// # Errors
/// If standard output cannot be written.
pub fn show_json(name: &str, message: &impl Message) -> Result<(), Failure> {
    let read = || -> Result<String, Box<dyn std::error::Error>> {
        let pool = DescriptorPool::decode(DESCRIPTORS)?;
        let full = format!("popw.v1.{name}");
        let descriptor = pool.get_message_by_name(&full).ok_or(full)?;
        let message = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())?;
        Ok(serde_json::to_string(&message)?)
    };
    show(read().map_err(Failure::internal)?)
}
