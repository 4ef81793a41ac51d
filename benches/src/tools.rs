//! Builds the children that are not this program, and says why one is absent.
//!
//! The rivals in Rust are built for this very CPU, with their assembly, thin link-time optimisation and one code generation
//! unit: at their best. Ours is the product's build, which must run on every CPU and chooses its instructions at run time. The flags
//! would reach our code too, so the rivals have a target folder of their own.
//!
//! Depends on: cargo; go; node. Where to go next: `peers` and `kernels`, which start what is built here.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where things are.
pub(crate) struct Tools {
    /// The workspace's root.
    pub(crate) root: PathBuf,
    /// This program.
    pub(crate) own: PathBuf,
    /// Statements, keys and built children.
    pub(crate) cache: PathBuf,
    /// Threads of every child.
    pub(crate) threads: u32,
}

impl Tools {
    /// Finds its way from this program's place in the target folder.
    pub(crate) fn new(cache: Option<PathBuf>, threads: u32) -> std::io::Result<Self> {
        let own = env::current_exe()?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        let cache = cache.unwrap_or_else(|| target(&own).join("peers"));
        std::fs::create_dir_all(&cache)?;
        Ok(Self {
            root,
            own,
            cache: cache.canonicalize()?,
            threads,
        })
    }

    /// A child of this program.
    pub(crate) fn ours(&self) -> Command {
        self.child(&self.own)
    }

    /// arkworks and halo2curves.
    pub(crate) fn rivals(&self) -> Result<PathBuf, String> {
        let target = target(&self.own).join("native");
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args([
                "build",
                "--release",
                "--package",
                "popw-benches",
                "--bin",
                "rivals",
            ])
            .args(["--features", "rivals", "--target-dir"])
            .arg(&target)
            .current_dir(&self.root)
            .env("RUSTFLAGS", "-C target-cpu=native")
            .env("CARGO_PROFILE_RELEASE_LTO", "thin")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
            .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "false");
        build("the rivals in Rust", &mut cargo)?;
        Ok(target.join("release").join("rivals"))
    }

    /// gnark.
    pub(crate) fn gnark(&self) -> Result<PathBuf, String> {
        let program = self.cache.join("gnark");
        let mut go = Command::new("go");
        go.args(["build", "-buildvcs=false", "-o"])
            .arg(&program)
            .arg(".")
            .current_dir(self.root.join("benches/peers/gnark"));
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("bmi2") {
            go.env("GOAMD64", "v3");
        }
        build("gnark", &mut go)?;
        Ok(program)
    }

    /// snarkjs's script. The package is the contracts' own, pinned in their lock file.
    pub(crate) fn snarkjs(&self) -> Result<PathBuf, String> {
        self.snarkjs_cli()
            .map(|_| self.root.join("benches/peers/snarkjs/prove.cjs"))
    }

    /// snarkjs's own command line.
    pub(crate) fn snarkjs_cli(&self) -> Result<PathBuf, String> {
        let cli = self
            .root
            .join("verifier/contracts/node_modules/snarkjs/build/cli.cjs");
        match cli.is_file() {
            true => Ok(cli),
            false => Err("not measured: snarkjs is not installed (cargo xtask setup)".to_owned()),
        }
    }

    /// A program as a child: so many threads, and on a larger machine so many processors.
    pub(crate) fn child(&self, program: &Path) -> Command {
        let threads = self.threads.to_string();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut command = if (self.threads as usize) < cores {
            let mut command = Command::new("taskset");
            let last = self.threads - 1;
            command.arg("--cpu-list").arg(format!("0-{last}")).arg(program);
            command
        } else {
            Command::new(program)
        };
        command
            .env("RAYON_NUM_THREADS", &threads)
            .env("GOMAXPROCS", threads);
        command
    }
}

/// The target folder that a program in `TARGET/release` belongs to.
fn target(program: &Path) -> PathBuf {
    let folder = program.parent().and_then(Path::parent);
    folder.map_or_else(|| PathBuf::from("target"), Path::to_path_buf)
}

fn build(what: &str, command: &mut Command) -> Result<(), String> {
    eprintln!("building {what}");
    match command.stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("not measured: building {what} failed ({status})")),
        Err(error) => Err(format!(
            "not measured: {} cannot be started: {error}",
            command.get_program().display()
        )),
    }
}
