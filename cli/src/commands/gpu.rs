//! `popw gpu info|selftest|bench`.

use crate::failure::Failure;
use crate::screen::show;
use popw_gpu::rates::{self, Product};
use popw_gpu::{AdapterReport, DeviceType, Gpu, GpuError, GpuOptions, Wgpu, adapters};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What to do with GPUs. The variables POPW_GPU_ADAPTER (part of a name), POPW_GPU_MEMORY (MiB), POPW_GPU_CACHE (a folder) and WGPU_BACKEND (vulkan, gl, metal,
/// dx12) choose, here and for `--backend wgpu`.
#[derive(clap::Subcommand)]
pub enum Command {
    /// List the adapters, their limits and features, and which one `wgpu` would use
    Info {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Compile all kernels and compare sums, transforms and a quotient with the CPU's
    Selftest {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Measure the kernels: products a second, transforms, sums; all results are compared with the CPU's
    Bench {
        /// Sizes of transforms and sums, as logarithms
        #[arg(long, value_name = "LOG", value_delimiter = ',', default_value = "12,14", value_parser = clap::value_parser!(u32).range(4..=24))]
        sizes: Vec<u32>,
        /// Runs of each measurement; the best counts
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
        runs: u32,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// If there is no adapter that can be used (an input's failure), or a result differs from the CPU's (the verdict is no).
pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Info { json } => info(*json),
        Command::Selftest { json } => self_test(*json),
        Command::Bench { sizes, runs, json } => bench(sizes, *runs, *json),
    }
}

fn no_device(error: GpuError) -> Failure {
    match error {
        GpuError::NoAdapter { .. } | GpuError::Unsupported { .. } => Failure::input(error),
        error => Failure::internal(error),
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn info(as_json: bool) -> Result<(), Failure> {
    let all = adapters();
    let chosen = Gpu::open(&GpuOptions::from_env());
    if as_json {
        let list: Vec<Value> = all.iter().map(adapter_json).collect();
        let chosen = match &chosen {
            Ok(gpu) => json!({
                "name": gpu.info().name, "interface": gpu.info().backend.to_str(),
                "form": format!("{:?}", gpu.form()).to_lowercase(), "memory_bytes": gpu.memory(),
            }),
            Err(error) => json!({"error": error.to_string()}),
        };
        return show(json!({"adapters": list, "chosen": chosen}));
    }
    for adapter in &all {
        let (info, limits) = (&adapter.info, &adapter.limits);
        let yes = |has: bool| if has { "yes" } else { "no" };
        show(format!(
            "{} ({:?}, {})\n  driver      {} {}\n  buffer      {} MiB at most, {} MiB in a binding\n  group       {} threads at most, {} KiB shared\n  \
             integers of 64 bits {}, subgroups {}, timestamps {}, pipeline cache {}",
            info.name,
            info.device_type,
            info.backend.to_str(),
            info.driver,
            info.driver_info,
            limits.max_buffer_size >> 20,
            limits.max_storage_buffer_binding_size >> 20,
            limits.max_compute_invocations_per_workgroup,
            limits.max_compute_workgroup_storage_size >> 10,
            yes(adapter.int64),
            yes(adapter.subgroups),
            yes(adapter.timestamps),
            yes(adapter.pipeline_cache),
        ))?;
    }
    match chosen {
        Ok(gpu) => show(format!(
            "`--backend wgpu` uses {} through {}, with kernels of the {} form and {} MiB",
            gpu.info().name,
            gpu.info().backend.to_str(),
            format!("{:?}", gpu.form()).to_lowercase(),
            gpu.memory() >> 20,
        )),
        Err(error) => Err(no_device(error)),
    }
}

fn adapter_json(adapter: &AdapterReport) -> Value {
    let (info, limits) = (&adapter.info, &adapter.limits);
    json!({
        "name": info.name, "kind": format!("{:?}", info.device_type), "interface": info.backend.to_str(),
        "vendor": info.vendor, "driver": info.driver, "driver_info": info.driver_info,
        "buffer_bytes": limits.max_buffer_size, "binding_bytes": limits.max_storage_buffer_binding_size,
        "group_threads": limits.max_compute_invocations_per_workgroup, "group_bytes": limits.max_compute_workgroup_storage_size,
        "int64": adapter.int64, "subgroups": adapter.subgroups, "timestamps": adapter.timestamps,
        "pipeline_cache": adapter.pipeline_cache,
    })
}

fn self_test(as_json: bool) -> Result<(), Failure> {
    let failure: Arc<Mutex<Option<GpuError>>> = Arc::default();
    let kept = failure.clone();
    let warn = Arc::new(move |error: &GpuError| {
        *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
    });
    let started = Instant::now();
    let wgpu = Wgpu::with_warnings(&GpuOptions::from_env(), warn).map_err(no_device)?;
    let time = started.elapsed();
    let failure = failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (name, kernels) = (&wgpu.gpu().info().name, wgpu.compilations());
    match as_json {
        true => show(json!({
            "adapter": name, "passed": failure.is_none(), "failure": failure.as_ref().map(ToString::to_string),
            "ms": milliseconds(time), "kernels": compilations(&kernels),
        }))?,
        false => {
            for (kernel, time) in &kernels {
                show(format!("{kernel:<12} compiled in {:9.1} ms", milliseconds(*time)))?;
            }
            if failure.is_none() {
                show(format!(
                    "{name}: sums, transforms and quotient are the CPU's; {:.1} ms in all",
                    milliseconds(time)
                ))?;
            }
        }
    }
    match failure {
        None => Ok(()),
        Some(error) => Err(Failure::refused(format!("{name}: {error}"))),
    }
}

fn compilations(kernels: &[(&'static str, Duration)]) -> Value {
    let list = kernels.iter();
    list.map(|(name, time)| json!({"kernel": name, "ms": milliseconds(*time)}))
        .collect()
}

fn bench(sizes: &[u32], runs: u32, as_json: bool) -> Result<(), Failure> {
    let gpu = Gpu::open(&GpuOptions::from_env()).map_err(no_device)?;
    let mut figures = Vec::new();
    let mut correct = true;
    let mut note = |kernel: &str, log_size: Option<u32>, unit: &str, value: f64, right: bool| {
        correct &= right;
        figures.push(
            json!({"kernel": kernel, "log_size": log_size, "unit": unit, "value": value, "correct": right}),
        );
        let size = log_size.map_or_else(String::new, |log_size| format!(" of 2^{log_size}"));
        let wrong = if right { "" } else { "   WRONG" };
        match as_json {
            true => Ok(()),
            false => show(format!(
                "{:<24} {value:12.3} {unit}{wrong}",
                format!("{kernel}{size}")
            )),
        }
    };
    if !as_json {
        show(format!(
            "{} through {}",
            gpu.info().name,
            gpu.info().backend.to_str()
        ))?;
    }
    // A software GPU would take minutes for what keeps a card busy for a moment.
    let threads = if gpu.info().device_type == DeviceType::Cpu {
        1 << 12
    } else {
        1 << 20
    };
    for (name, product) in [
        ("product in Fq", Product::Base),
        ("square in Fq", Product::Square),
        ("product in Fr", Product::Scalar),
    ] {
        let (rate, _) = rates::products(&gpu, product, threads).map_err(no_device)?;
        note(name, None, "M/s", rate / 1e6, true)?;
    }
    for log_size in sizes {
        let transform = rates::transform(&gpu, *log_size, runs).map_err(no_device)?;
        note(
            "transform",
            Some(*log_size),
            "ms",
            milliseconds(transform.time),
            transform.correct,
        )?;
        for (name, second) in [("sum in G1", false), ("sum in G2", true)] {
            let sum = rates::sum(&gpu, second, *log_size, runs).map_err(no_device)?;
            note(name, Some(*log_size), "ms", milliseconds(sum.time), sum.correct)?;
        }
    }
    if as_json {
        show(
            json!({"adapter": gpu.info().name, "interface": gpu.info().backend.to_str(), "figures": figures}),
        )?;
    }
    match correct {
        true => Ok(()),
        false => Err(Failure::refused("a result differs from the CPU's")),
    }
}
