//! `gpu-check`: on a machine with a GPU, correctness first, then rates of kernels and whole proofs, as JSON with the fraction of the arithmetic limit that each
//! reaches. It needs a driver and nothing else: carry the program there.
//!
//! The limit counts products of two words of 32 bits with a result of 64, of which the device is taken to do `--products` a second (the default is an H200:
//! 132 multiprocessors x 1.98 GHz x 32). docs/gpu.md says what is counted.
//!
//! Depends on: `popw_gpu` for the kernels, `popw_prover` for proofs. Where to go next: `xtask gpu-check`, which builds and runs it.

#![forbid(unsafe_code)]

use ark_std::rand::SeedableRng;
use ark_std::rand::rngs::StdRng;
use clap::Parser;
use popw_benches::statement::{Kind, Statement};
use popw_gpu::{GpuOptions, Wgpu, adapters, rates};
use popw_kernels::{Backend, backend};
use popw_prover::{DevKey, Options, Prover, TableFile, Watch};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Checks a GPU and measures it.
#[derive(Parser)]
struct Args {
    /// Where the JSON goes.
    #[arg(long, default_value = "gpu-check.json")]
    out: PathBuf,
    /// A folder for keys and compiled pipelines; a fresh one has cold compile times.
    #[arg(long, default_value = "gpu-check-work")]
    work: PathBuf,
    /// Sizes of sums and transforms, as logarithms.
    #[arg(long, value_delimiter = ',', default_value = "16,18,20,22")]
    kernels: Vec<u32>,
    /// Sizes of proofs, as logarithms of the domain.
    #[arg(long, value_delimiter = ',', default_value = "18,20,22")]
    proofs: Vec<u32>,
    /// Runs of each measurement; the median counts for proofs, the best for kernels.
    #[arg(long, default_value_t = 5)]
    runs: u32,
    /// Wide products a second that the device is taken to do.
    #[arg(long, default_value_t = 8.36e12)]
    products: f64,
    /// No CPU for comparison.
    #[arg(long)]
    no_cpu: bool,
}

/// Wide products of a multiplication, an addition of a base and of two sums, in the wide form: see docs/gpu.md.
const PRODUCT: f64 = 166.5;
const BASE_ADDITION: f64 = 1507.5;
const ADDITION: f64 = 2173.5;

/// A sum in the second group takes so many of one in the first.
const SECOND_GROUP: f64 = 8.69 / 3.30;

fn sum_products(log_size: u32) -> f64 {
    let points = f64::from(log_size).exp2();
    let cost = |bits: f64| {
        let windows = (255.0 / bits).ceil();
        windows * (points * BASE_ADDITION + (bits - 1.0).exp2() * 2.0 * ADDITION)
    };
    (8..=22)
        .map(|bits| cost(f64::from(bits)))
        .fold(f64::INFINITY, f64::min)
}

fn transform_products(log_size: u32) -> f64 {
    f64::from(log_size) * f64::from(log_size - 1).exp2() * PRODUCT
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn compilations(list: &[(&'static str, Duration)]) -> Value {
    list.iter()
        .map(|(name, time)| json!({"kernel": name, "ms": milliseconds(*time)}))
        .collect()
}

/// Kernel by kernel: how often and how long in all.
fn profile(list: &[(&'static str, Duration)]) -> Value {
    let mut kernels: Vec<(&str, u32, f64)> = Vec::new();
    for (name, time) in list {
        match kernels.iter_mut().find(|(known, ..)| known == name) {
            Some((_, runs, sum)) => (*runs, *sum) = (*runs + 1, *sum + milliseconds(*time)),
            None => kernels.push((name, 1, milliseconds(*time))),
        }
    }
    kernels
        .iter()
        .map(|(name, runs, ms)| json!({"kernel": name, "runs": runs, "ms": ms}))
        .collect()
}

struct Check {
    args: Args,
    report: serde_json::Map<String, Value>,
    correct: bool,
}

impl Check {
    /// Keeps a figure, tells it, and writes all so far: a machine that goes away leaves what it did.
    fn note(&mut self, name: &str, value: Value) -> Result<(), String> {
        println!("{name}: {value}");
        match self.report.entry(name).or_insert_with(|| json!([])) {
            Value::Array(list) => list.push(value),
            other => *other = value,
        }
        let text = serde_json::to_string_pretty(&self.report).map_err(|error| error.to_string())?;
        std::fs::write(&self.args.out, text).map_err(|error| format!("{}: {error}", self.args.out.display()))
    }

    fn fraction(&self, products: f64, time: Duration) -> Value {
        json!({
            "ms": milliseconds(time),
            "limit_ms": products / self.args.products * 1e3,
            "fraction": products / self.args.products / time.as_secs_f64(),
        })
    }

    fn run(&mut self) -> Result<(), String> {
        for adapter in adapters() {
            let info = &adapter.info;
            self.note("adapters", json!({
                "name": info.name, "backend": format!("{:?}", info.backend), "driver": format!("{} {}", info.driver, info.driver_info),
                "int64": adapter.int64, "binding_bytes": adapter.limits.max_storage_buffer_binding_size,
                "buffer_bytes": adapter.limits.max_buffer_size,
            }))?;
        }
        std::fs::create_dir_all(&self.args.work)
            .map_err(|error| format!("{}: {error}", self.args.work.display()))?;
        let options = GpuOptions {
            cache: Some(self.args.work.join("pipelines")),
            scalars_min: Some(0),
            ..GpuOptions::from_env()
        };
        let mut opened = None;
        for name in ["cold", "warm"] {
            let started = Instant::now();
            let wgpu = Wgpu::open(&options).map_err(|error| error.to_string())?;
            self.note(
                "opens",
                json!({
                    "pipelines": name, "ms": milliseconds(started.elapsed()), "self_test": wgpu.is_in_use(),
                    "adapter": wgpu.gpu().info().name, "kernels": compilations(&wgpu.compilations()),
                }),
            )?;
            self.correct &= wgpu.is_in_use();
            opened = Some(wgpu);
        }
        let wgpu = opened.ok_or("no device")?;
        self.kernels(wgpu.gpu())?;
        for log_size in self.args.proofs.clone() {
            for kind in [Kind::Chain, Kind::Bits] {
                self.proofs(&wgpu, kind, log_size)?;
            }
        }
        Ok(())
    }

    fn kernels(&mut self, gpu: &popw_gpu::Gpu) -> Result<(), String> {
        let failed = |error: popw_gpu::GpuError| error.to_string();
        for (name, product) in [
            ("Fq product", rates::Product::Base),
            ("Fq square", rates::Product::Square),
            ("Fr product", rates::Product::Scalar),
        ] {
            let threads = if gpu.info().device_type == popw_gpu::DeviceType::Cpu {
                1 << 12
            } else {
                1 << 20
            };
            let (rate, _) = rates::products(gpu, product, threads).map_err(failed)?;
            self.note(
                "rates",
                json!({"kernel": name, "per_second": rate, "fraction": rate * PRODUCT / self.args.products}),
            )?;
        }
        for log_size in self.args.kernels.clone() {
            let report = rates::transform(gpu, log_size, self.args.runs).map_err(failed)?;
            self.correct &= report.correct;
            let figure = self.fraction(transform_products(log_size), report.time);
            self.note(
                "transforms",
                json!({"log_size": log_size, "correct": report.correct, "time": figure}),
            )?;
            for second in [false, true] {
                let report = rates::sum(gpu, second, log_size, self.args.runs).map_err(failed)?;
                self.correct &= report.correct;
                let products = sum_products(log_size) * if second { SECOND_GROUP } else { 1.0 };
                self.note("sums", json!({
                    "group": if second { "G2" } else { "G1" }, "log_size": log_size, "correct": report.correct,
                    "time": self.fraction(products, report.time), "kernels": profile(&report.kernels),
                }))?;
            }
        }
        Ok(())
    }

    fn proofs(&mut self, wgpu: &Arc<Wgpu>, kind: Kind, log_size: u32) -> Result<(), String> {
        let statement = Statement::new(kind, log_size)?;
        let path = self.args.work.join(format!("{}-{log_size}.zkey", kind.name()));
        make_key(&statement, log_size, &path)?;
        let prover = |backend: Arc<dyn Backend>| {
            let options = Options {
                backend: Some(backend),
                tables: TableFile::None,
                ..Options::default()
            };
            Prover::open(&path, &options).map_err(|error| error.to_string())
        };
        let device = prover(wgpu.clone())?;
        let assignment = device.assignment(statement.witness());
        let mut random = StdRng::from_entropy();
        let mut times = |prover: &Prover, runs: u32| -> Result<Vec<Duration>, String> {
            (0..runs)
                .map(|_| {
                    let started = Instant::now();
                    prover
                        .prove(&assignment, &mut random, &Watch::silent())
                        .map_err(|error| error.to_string())?;
                    Ok(started.elapsed())
                })
                .collect()
        };
        // The first two bring the key to the device and learn the CPU's share.
        let first = times(&device, 2)?;
        let mut on_device = times(&device, self.args.runs)?;
        on_device.sort();
        let median = on_device[on_device.len() / 2];
        wgpu.gpu().profile();
        times(&device, 1)?;
        let kernels = profile(&wgpu.gpu().profiled());
        let products = 4.0 * sum_products(log_size)
            + SECOND_GROUP * sum_products(log_size)
            + 7.0 * transform_products(log_size);
        let mut figure = json!({
            "statement": kind.name(), "log_size": log_size, "device": wgpu.is_in_use(), "first_ms": milliseconds(first[0]),
            "time": self.fraction(products, median), "fastest_ms": milliseconds(on_device[0]),
            "slowest_ms": milliseconds(on_device[on_device.len() - 1]), "kernels": kernels, "kept_bytes": wgpu.kept_bytes(),
        });
        self.correct &= wgpu.is_in_use();
        if !self.args.no_cpu {
            let cpu = prover(backend::fastest())?;
            let mut on_cpu = times(&cpu, 3)?;
            on_cpu.sort();
            figure["cpu_ms"] = json!(milliseconds(on_cpu[1]));
            figure["cpu_threads"] = json!(cpu.threads());
            figure["times_faster"] = json!(on_cpu[1].as_secs_f64() / median.as_secs_f64());
        }
        self.note("proofs", figure)?;
        // Keys of the largest size take gigabytes.
        std::fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// A key that anybody can make again: it is for timing only.
fn make_key(statement: &Statement, log_size: u32, path: &Path) -> Result<(), String> {
    let mut circuit = Vec::new();
    statement
        .write_r1cs(&mut circuit)
        .map_err(|error| error.to_string())?;
    let mut random = StdRng::seed_from_u64(u64::from(log_size));
    let key = DevKey::generate(&circuit, &mut random, &Options::default(), &Watch::silent())
        .map_err(|error| error.to_string())?;
    key.save(path).map(|_| ()).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    let mut check = Check {
        args: Args::parse(),
        report: serde_json::Map::new(),
        correct: true,
    };
    let result = check.run();
    match (&result, check.correct) {
        (Ok(()), true) => ExitCode::SUCCESS,
        (Ok(()), false) => {
            eprintln!("error: a result differs from the CPU's");
            ExitCode::FAILURE
        }
        (Err(error), _) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
