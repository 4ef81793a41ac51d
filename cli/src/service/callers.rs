//! `popw callers new`: an API key, and what the file of callers has of it.

use crate::failure::Failure;
use crate::screen::show;
use popw_service::auth::Scope;
use popw_service::auth::callers::new_api_key;

/// What to do.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Make an API key: it is printed once, with the lines for the file of callers on standard error
    New {
        /// The caller's name, for the log
        #[arg(long, value_name = "NAME")]
        name: String,
        /// Whose jobs the caller sees
        #[arg(long, value_name = "NAME")]
        tenant: String,
        /// What the caller may: submit (and read), read, worker, admin
        #[arg(long, value_name = "SCOPE", required = true, value_parser = Scope::of_name)]
        scope: Vec<Scope>,
    },
}

/// Runs a command.
///
/// # Errors
/// If standard output cannot be written.
pub fn run(command: &Command) -> Result<(), Failure> {
    let Command::New { name, tenant, scope } = command;
    let (key, digest) = new_api_key();
    let scopes: Vec<String> = scope.iter().map(|scope| format!("{:?}", scope.name())).collect();
    let quoted = |text: &str| toml::Value::String(text.to_owned());
    eprintln!(
        "[[caller]]\nname = {}\ntenant = {}\nscopes = [{}]\napi_key_sha256 = \"{digest}\"",
        quoted(name),
        quoted(tenant),
        scopes.join(", ")
    );
    show(key)
}
