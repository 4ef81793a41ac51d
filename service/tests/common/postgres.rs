//! A real PostgreSQL of the test's own, in a folder that goes with it. It refuses to run as root: then its processes are the user postgres's.
#![allow(dead_code, clippy::unwrap_used)]

use super::{Folder, skip};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Where Debian puts the programs.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// A server.
pub(crate) struct Server {
    folder: Folder,
    port: u16,
    databases: AtomicU32,
}

impl Server {
    /// Starts one, or says that there is none.
    pub(crate) fn start() -> Option<Self> {
        if !Path::new(PROGRAMS).join("postgres").is_file() {
            skip(&format!(
                "{PROGRAMS}/postgres is not there: install postgresql-15"
            ));
            return None;
        }
        let folder = Folder::new();
        if is_root() {
            // The folder must be the server's user's.
            let owned = Command::new("chown").arg("postgres").arg(&folder.0).status();
            assert!(owned.unwrap().success());
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let server = Self {
            folder,
            port,
            databases: AtomicU32::new(0),
        };
        let data = server.data();
        server.run(
            "initdb",
            &[
                "-D",
                text(&data),
                "-U",
                "popw",
                "-A",
                "trust",
                "--no-sync",
                "-E",
                "UTF8",
            ],
        );
        server.up();
        Some(server)
    }

    /// A new, empty database, as a URL.
    pub(crate) fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let port = self.port.to_string();
        self.run("createdb", &["-h", "127.0.0.1", "-p", &port, "-U", "popw", &name]);
        format!("postgres://popw@127.0.0.1:{port}/{name}")
    }

    /// Starts it.
    pub(crate) fn up(&self) {
        let options = format!("-h 127.0.0.1 -p {} -k '' -c fsync=off", self.port);
        let log = self.folder.file("log");
        self.run(
            "pg_ctl",
            &[
                "-D",
                text(&self.data()),
                "-l",
                text(&log),
                "-o",
                &options,
                "-w",
                "start",
            ],
        );
    }

    /// Stops it as a crash would.
    pub(crate) fn down(&self) {
        self.run(
            "pg_ctl",
            &["-D", text(&self.data()), "-m", "immediate", "-w", "stop"],
        );
    }

    /// Runs a statement.
    pub(crate) fn execute(&self, url: &str, statement: &str) {
        self.run("psql", &["-q", "-d", url, "-c", statement]);
    }

    fn data(&self) -> PathBuf {
        self.folder.file("data")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let program = Path::new(PROGRAMS).join(program);
        let mut command = match is_root() {
            true => Command::new("runuser"),
            false => Command::new(&program),
        };
        if is_root() {
            command.args(["-u", "postgres", "--"]).arg(&program);
        }
        // The server must not hold the test's output open.
        let ran = command
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        assert!(ran.unwrap().success(), "{} {arguments:?}", program.display());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.data();
        let stop = ["-D", text(&data), "-m", "immediate", "-w", "stop"];
        // It may be down already.
        let _ = std::panic::catch_unwind(|| self.run("pg_ctl", &stop));
    }
}

fn is_root() -> bool {
    let user = Command::new("id").arg("-u").output().unwrap();
    user.stdout == b"0\n"
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
