//! What goes wrong around a service: a worker that stands still and comes back, a database that goes away, a disk that is full, a queue that is full, ten thousand watchers.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "tests"
)]

mod common;

use common::{CIRCUIT, Service, done, popw, port, postgres, prove, rounds, skip, temporary, text, witness};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The longest that anything here may take.
const LONG: Duration = Duration::from_secs(120);

fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn jobs(url: &str, words: &[&str]) -> String {
    done(&[&["jobs", "--service", url], words].concat())
}

/// A metric of a service.
fn metric(page: &str, name: &str) -> f64 {
    let text = ureq::get(format!("{page}/metrics"))
        .call()
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("{name}: {text}")).parse().unwrap()
}

/// A load on a service, by `popw load`.
struct Load {
    child: Child,
    report: PathBuf,
}

impl Load {
    fn start(folder: &Path, url: &str, words: &[&str]) -> Self {
        let report = folder.join("load.json");
        let child = popw(
            &[
                &["load", "--service", url, "--out", report.to_str().unwrap()],
                words,
            ]
            .concat(),
        )
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
        Self { child, report }
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Its report, when it has ended.
    fn report(mut self) -> Value {
        assert!(self.child.wait().unwrap().success());
        serde_json::from_str(&fs::read_to_string(self.report).unwrap()).unwrap()
    }
}

/// A worker in a process of its own.
struct Worker(Child);

impl Worker {
    fn start(folder: &Path, url: &str, name: &str, variables: &[(&str, &str)]) -> Self {
        let data = folder.join(name);
        let child = popw(&[
            "worker",
            "--service",
            url,
            "--name",
            name,
            "--dev",
            CIRCUIT,
            "--data-dir",
        ])
        .arg(data)
        .envs(variables.iter().copied())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
        Self(child)
    }

    /// The letter by which the system names the process's state.
    #[cfg(feature = "failpoints")]
    fn state(&self) -> char {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
    }

    #[cfg(feature = "failpoints")]
    fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .arg(signal)
            .arg(self.0.id().to_string())
            .status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Also one that stands still.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A worker stands still between a proof and its report, for longer than its lease. Another proves the job; when the first wakes up, its proof changes nothing.
#[cfg(feature = "failpoints")]
#[test]
fn a_worker_that_comes_back_from_the_dead_changes_nothing() {
    let (folder, port, http) = (temporary("zombie"), port(), port());
    let (url, page) = (
        format!("http://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{http}"),
    );
    let witness = witness(&folder, 1);
    let options = ["--slots", "0", "--lease", "3", "--http", &page["http://".len()..]];
    let service = Service::with(&folder.join("data"), port, &options);
    let zombie = Worker::start(&folder, &url, "zombie", &[("POPW_STOP_AT", "worker.proven:1")]);
    let client = prove(&url, &witness, &folder, "first", "60")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait("the worker stands still", || zombie.state() == 'T');
    assert_eq!(metric(&page, "popw_leases_total"), 1.0);
    let other = Worker::start(&folder, &url, "other", &[]);
    assert!({ client }.wait().unwrap().success());
    let read = || fs::read(folder.join("first.proof.json")).unwrap();
    let proof = read();
    let id = jobs(&url, &["ls"]).split_whitespace().next().unwrap().to_owned();
    let before: Value = serde_json::from_str(&jobs(&url, &["get", &id, "--json"])).unwrap();
    assert_eq!(before["losses"], 1, "the lease ended by time");
    drop(other);
    zombie.signal("-CONT");
    // It reports, and takes the next job.
    let second = prove(&url, &witness, &folder, "second", "60")
        .stdout(Stdio::null())
        .status();
    assert!(second.unwrap().success());
    let after: Value = serde_json::from_str(&jobs(&url, &["get", &id, "--json"])).unwrap();
    assert_eq!(before, after, "what has ended stays as it ended");
    assert!(
        prove(&url, &witness, &folder, "first", "0")
            .status()
            .unwrap()
            .success()
    );
    assert!(proof == read());
    assert_eq!(metric(&page, "popw_jobs_ended_total{state=\"succeeded\"}"), 2.0);
    assert_eq!(metric(&page, "popw_jobs{state=\"leased\"}"), 0.0);
    drop(service);
}

/// The database is restarted, and its connections are cut, while workers prove: calls are refused for a while, nothing is lost.
#[test]
fn a_database_that_restarts_costs_time_only() {
    let Some(server) = postgres::Server::start() else {
        return;
    };
    let (folder, port) = (temporary("restart"), port());
    let url = format!("http://127.0.0.1:{port}");
    let database = server.database();
    let witness = witness(&folder, 1);
    let service = Service::with(
        &folder.join("data"),
        port,
        &["--database", &database, "--lease", "3"],
    );
    let names: Vec<String> = (0..12).map(|number| format!("request-{number}")).collect();
    let clients: Vec<Child> = names
        .iter()
        .enumerate()
        .map(|(number, name)| {
            match number {
                4 => {
                    server.down();
                    // Nobody is told that the store is well.
                    let away = popw(&["jobs", "ls", "--service", &url]).output().unwrap();
                    assert!(text(&away.stderr).contains("cannot be used at the moment"), "{}", text(&away.stderr));
                }
                6 => server.up(),
                9 => server.execute(
                    &database,
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
                ),
                _ => {}
            }
            prove(&url, &witness, &folder, name, "60").stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for (name, client) in names.iter().zip(clients) {
        assert!({ client }.wait().unwrap().success(), "{name}");
    }
    let list = jobs(&url, &["ls"]);
    assert_eq!(
        (list.lines().count(), list.matches("  succeeded  ").count()),
        (12, 12),
        "{list}"
    );
    drop(service);
}

/// Two processes, each coordinator and worker, share a database: every job is proven by one of them, once.
#[test]
fn two_workers_on_one_database_share_a_queue() {
    let Some(server) = postgres::Server::start() else {
        return;
    };
    let jobs_count = 20 * rounds(1);
    let (folder, database) = (temporary("two"), server.database());
    let (data, witness) = (folder.join("data"), witness(&folder, 1));
    let services: Vec<(Service, String, String)> = (0..2)
        .map(|_| {
            let (port, http) = (port(), port());
            let listen = format!("127.0.0.1:{http}");
            let service = Service::with(&data, port, &["--database", &database, "--http", &listen]);
            (
                service,
                format!("http://127.0.0.1:{port}"),
                format!("http://{listen}"),
            )
        })
        .collect();
    let count = f64::from(jobs_count);
    let seconds = (count / 100.0).to_string();
    let submit = [
        "submit",
        witness.to_str().unwrap(),
        "--rate",
        "100",
        "--seconds",
        &seconds,
    ];
    let report = Load::start(&folder, &services[0].1, &submit).report();
    assert_eq!(report["proof"]["answered"], jobs_count, "{report}");
    let both = |name: &str| {
        services
            .iter()
            .map(|(_, _, page)| metric(page, name))
            .collect::<Vec<f64>>()
    };
    let leases = both("popw_leases_total");
    assert_eq!(
        leases.iter().sum::<f64>(),
        count,
        "no job is proven twice: {leases:?}"
    );
    assert!(leases.iter().all(|leases| *leases > 0.0), "both work: {leases:?}");
    assert_eq!(both("popw_leases_lost_total"), [0.0, 0.0]);
    assert_eq!(both("popw_jobs{state=\"succeeded\"}"), [count, count]);
    println!(
        "two workers, {jobs_count} jobs: leases {leases:?}, {}",
        report["proof"]["latency_ms"]
    );
}

/// The folder is on a disk that is full: uploads are refused with their reason and when to come again, nothing that was taken is lost, and with room again the service goes on.
#[test]
fn a_full_disk_refuses_what_does_not_fit() {
    let (folder, port) = (temporary("full"), port());
    let (disk, url) = (folder.join("disk"), format!("http://127.0.0.1:{port}"));
    fs::create_dir_all(&disk).unwrap();
    let witness = witness(&folder, 1);
    // A small disk of the service's own, which goes with it.
    let script =
        "mount -t tmpfs -o size=4m tmpfs \"$0\" && head -c 1000000 /dev/zero > \"$0/other\" && exec \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .arg(&disk);
    if !{ Command::new("unshare") }
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .arg(&disk)
        .arg("true")
        .status()
        .is_ok_and(|status| status.success())
    {
        return skip("a small disk: needs user namespaces (`unshare`)");
    }
    let mut start = popw(&["serve", "--dev", CIRCUIT, "--data-dir"]);
    start
        .arg(disk.join("data"))
        .args(["--listen", &url["http://".len()..]]);
    command.arg(start.get_program()).args(start.get_args());
    command.envs(start.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let service = Service::of(command, &folder.join("service.log"));
    assert!(
        prove(&url, &witness, &folder, "first", "60")
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    );
    let proof = fs::read(folder.join("first.proof.json")).unwrap();
    let large = folder.join("large.wtns");
    fs::write(&large, vec![7; 4 << 20]).unwrap();
    let refused = prove(&url, &large, &folder, "large", "0").output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    assert!(
        text(&refused.stderr).contains("disk is full"),
        "{}",
        text(&refused.stderr)
    );
    // To the last byte, with uploads that fit no more one by one.
    let mut taken = 0;
    let is_full = (0..64_u8).any(|number| {
        let small = folder.join("small.wtns");
        fs::write(&small, vec![number; 100_000]).unwrap();
        let name = format!("small-{number}");
        let answer = prove(&url, &small, &folder, &name, "0").output().unwrap();
        let is_full =
            text(&answer.stderr).contains("disk is full") || text(&answer.stderr).contains("cannot be used");
        taken += u32::from(!is_full);
        is_full
    });
    assert!(is_full && taken > 0, "{taken} were taken");
    // What was acknowledged is there.
    assert!(
        prove(&url, &witness, &folder, "first", "0")
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    );
    assert!(proof == fs::read(folder.join("first.proof.json")).unwrap());
    // Somebody makes room: nothing has to be restarted.
    let seen = Path::new("/proc").join(service.id().to_string()).join("root");
    fs::remove_file(seen.join(disk.strip_prefix("/").unwrap()).join("other")).unwrap();
    assert!(
        prove(&url, &witness, &folder, "second", "60")
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    );
    let failed = jobs(&url, &["dlq"]);
    assert!(failed.lines().count() >= taken as usize - 1, "{failed}");
    for line in failed.lines() {
        jobs(&url, &["purge", line.split_whitespace().next().unwrap()]);
    }
    drop(service);
}

/// A queue that is full says so, and when to come again; those that it took are all proven.
#[test]
fn a_full_queue_says_when_to_come_again() {
    let (folder, port) = (temporary("overload"), port());
    let url = format!("http://127.0.0.1:{port}");
    let witness = witness(&folder, 1);
    let service = Service::with(&folder.join("data"), port, &["--queue", "5"]);
    jobs(&url, &["pause"]);
    let submit = [
        "submit",
        witness.to_str().unwrap(),
        "--rate",
        "100",
        "--seconds",
        "1",
        "--no-wait",
    ];
    let report = Load::start(&folder, &url, &submit).report();
    let submitted = &report["SubmitJob"];
    assert_eq!(submitted["answered"], 5, "{report}");
    assert_eq!(submitted["refused"]["ResourceExhausted"]["count"], 95, "{report}");
    assert_eq!(submitted["without_retry_info"], 0, "{report}");
    println!("a full queue: {}", submitted["refused"]);
    jobs(&url, &["resume"]);
    wait("all that were taken are proven", || {
        jobs(&url, &["stats"]).starts_with("0 queued, 0 leased, 5 succeeded")
    });
    drop(service);
}

/// What `popw load` measures besides: single calls, and how soon a cancelled job's worker is free.
#[test]
fn calls_and_cancelling_are_measured() {
    let (folder, port) = (temporary("load"), port());
    let url = format!("http://127.0.0.1:{port}");
    let witness = witness(&folder, 1);
    let service = Service::start(&folder.join("data"), port);
    let cancel = [
        "cancel",
        witness.to_str().unwrap(),
        "--jobs",
        "5",
        "--after",
        "0.01",
    ];
    let report = Load::start(&folder, &url, &cancel).report();
    assert_eq!(report["CancelJob"]["answered"], 5, "{report}");
    assert_eq!(report["worker free"]["answered"], 5, "{report}");
    let report = Load::start(&folder, &url, &["get", "--rate", "200", "--seconds", "0.5"]).report();
    assert_eq!(report["GetJob"]["answered"], 100, "{report}");
    // What no call is answered for is in the report too.
    let report = Load::start(
        &folder,
        &url,
        &["get", "--job", "0", "--rate", "20", "--seconds", "0.5"],
    )
    .report();
    assert_eq!(
        report["GetJob"]["refused"]["InvalidArgument"]["count"], 10,
        "{report}"
    );
    let list = jobs(&url, &["ls"]);
    assert_eq!(list.matches("  cancelled  ").count(), 10, "{list}");
    drop(service);
}

/// Thousands of streams watch a job that waits: they cost bounded memory, and all of them are told its end.
#[test]
fn watchers_cost_bounded_memory() {
    let streams = 1_000 * rounds(1);
    let (folder, port, http) = (temporary("watchers"), port(), port());
    let (url, page) = (
        format!("http://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{http}"),
    );
    let witness = witness(&folder, 1);
    let service = Service::with(&folder.join("data"), port, &["--http", &page["http://".len()..]]);
    jobs(&url, &["pause"]);
    let mut client = prove(&url, &witness, &folder, "watched", "60")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait("the job waits", || jobs(&url, &["stats"]).starts_with("1 queued"));
    let id = jobs(&url, &["ls"]).split_whitespace().next().unwrap().to_owned();
    let before = metric(&page, "process_resident_memory_bytes");
    let watch = [
        "watch",
        "--job",
        &id,
        "--streams",
        &streams.to_string(),
        "--seconds",
        "3",
    ];
    let load = Load::start(&folder, &url, &watch);
    // Those, and that of the client.
    wait("all watch", || {
        metric(&page, "popw_watchers") == f64::from(streams) + 1.0
    });
    let during = metric(&page, "process_resident_memory_bytes");
    let report = load.report();
    assert_eq!(report["WatchJob, first message"]["answered"], streams, "{report}");
    assert_eq!(report["WatchJob, held"]["answered"], streams, "{report}");
    let each = (during - before) / f64::from(streams);
    println!("{streams} streams: {each:.0} bytes of memory each, {report}");
    assert!(each < 65_536.0, "{each} bytes each");
    jobs(&url, &["resume"]);
    assert!(client.wait().unwrap().success());
    drop(service);
}

/// Under a load that it can bear, a service's memory and descriptors stay flat: for 18 s, for an hour in the soak.
#[test]
fn a_loaded_service_stays_flat() {
    let seconds = 18 * rounds(1);
    let (folder, port, http) = (temporary("soak"), port(), port());
    let (url, page) = (
        format!("http://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{http}"),
    );
    let witness = witness(&folder, 1);
    // What has ended is gone soon.
    let options = ["--http", &page["http://".len()..], "--keep", "2"];
    let service = Service::with(&folder.join("data"), port, &options);
    let submit = [
        "submit",
        witness.to_str().unwrap(),
        "--rate",
        "2",
        "--seconds",
        &seconds.to_string(),
    ];
    let mut load = Load::start(&folder, &url, &submit);
    let mut samples = Vec::new();
    while !load.has_ended() {
        let sample = ["process_resident_memory_bytes", "process_open_fds"].map(|name| metric(&page, name));
        samples.push(sample);
        std::thread::sleep(Duration::from_millis(500));
    }
    let report = load.report();
    assert_eq!(report["proof"]["answered"], 2 * seconds, "{report}");
    // The first third warms up.
    let third = samples.len() / 3;
    let most =
        |samples: &[[f64; 2]], which: usize| samples.iter().map(|sample| sample[which]).fold(0.0, f64::max);
    let [memory, descriptors] = [0, 1].map(|which| {
        (
            most(&samples[third..2 * third], which),
            most(&samples[2 * third..], which),
        )
    });
    println!(
        "{seconds} s: memory {memory:?}, descriptors {descriptors:?}, {}",
        report["proof"]["latency_ms"]
    );
    assert!(memory.1 < 1.1 * memory.0 + 1e6 * 16.0, "memory grows: {memory:?}");
    assert!(
        descriptors.1 < descriptors.0 + 8.0,
        "descriptors leak: {descriptors:?}"
    );
    wait("what has ended is removed", || {
        jobs(&url, &["stats"]).starts_with("0 queued, 0 leased, 0 succeeded")
    });
    drop(service);
}
