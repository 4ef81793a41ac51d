//! probe
use popw_gpu::*;
use std::time::Instant;
fn main() {
    for a in adapters() {
        println!(
            "{:?} int64 {} sub {} ts {} cache {} bind {} buf {}",
            a.info,
            a.int64,
            a.subgroups,
            a.timestamps,
            a.pipeline_cache,
            a.limits.max_storage_buffer_binding_size,
            a.limits.max_buffer_size
        );
    }
    let logs: Vec<u32> = std::env::args().skip(1).filter_map(|x| x.parse().ok()).collect();
    let started = Instant::now();
    let gpu = match Gpu::open(&GpuOptions {
        cache: Some("/tmp/popw-gpu-cache".into()),
        ..Default::default()
    }) {
        Ok(g) => g,
        Err(e) => {
            println!("{e}");
            return;
        }
    };
    println!("open {:?} {:?}", started.elapsed(), gpu.info());
    for p in [
        rates::Product::Base,
        rates::Product::Square,
        rates::Product::Scalar,
    ] {
        for threads in [1u32 << 14, 1 << 17, 1 << 20] {
            match rates::products(
                &gpu,
                p,
                if logs.iter().all(|l| *l < 16) {
                    1 << 12
                } else {
                    threads
                },
            ) {
                Ok((r, c)) => println!("{p:?} {threads} {:.2} G/s compile {c:?}", r / 1e9),
                Err(e) => println!("{e}"),
            }
        }
    }
    let _ = gpu.save_cache();
    for log in &logs {
        match rates::sum(&gpu, false, *log, 5) {
            Ok(r) => show("G1", *log, &r),
            Err(e) => println!("{e}"),
        }
        let _ = gpu.save_cache();
    }
    if std::env::var("G2").is_ok() {
        for log in &logs {
            match rates::sum(&gpu, true, *log, 3) {
                Ok(r) => show("G2", *log, &r),
                Err(e) => println!("{e}"),
            }
            let _ = gpu.save_cache();
        }
    }
}
fn show(name: &str, log: u32, r: &rates::SumReport) {
    println!(
        "{name} 2^{log}: {:?} correct {} compile {:?}",
        r.time, r.correct, r.compilations
    );
    let mut v: Vec<(&str, f64, u32)> = vec![];
    for (l, d) in &r.kernels {
        match v.iter_mut().find(|e| e.0 == *l) {
            Some(e) => {
                e.1 += d.as_secs_f64() * 1e3;
                e.2 += 1
            }
            None => v.push((l, d.as_secs_f64() * 1e3, 1)),
        }
    }
    println!("   {v:?}");
}
