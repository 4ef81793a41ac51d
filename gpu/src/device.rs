//! [`Gpu`]: a device that kernels run on, its limits, its memory and its health.
//!
//! Depends on: wgpu. Where to go next: [`crate::kernel`] compiles and runs a kernel on it.

use crate::error::GpuError;
use crate::lock;
use crate::shader::field::Form;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use wgpu::{
    AdapterInfo, Backends, BufferDescriptor, BufferUsages, DeviceDescriptor, Features, Instance,
    InstanceDescriptor, Limits, MapMode, PollType,
};

/// Bytes of immediates that a kernel may have; every adapter allows 128.
pub(crate) const IMMEDIATE_BYTES: u32 = 64;

/// Which adapter, and how.
#[derive(Clone, Debug, Default)]
pub struct GpuOptions {
    /// The interfaces to look for adapters in. None: what the variable `WGPU_BACKEND` names (vulkan, gl, metal, dx12), else Vulkan, Metal and DX12, and GL if
    /// those have none.
    pub backends: Option<Backends>,
    /// Part of the adapter's name, in any case. None: the fastest kind of adapter there is, real cards before software.
    pub adapter: Option<String>,
    /// The kernels' form. None: wide if the adapter has integers of 64 bits.
    pub form: Option<Form>,
    /// Bytes of device memory that may be used. None: what the adapter allows in one buffer, four times.
    pub memory: Option<u64>,
    /// Folder of compiled pipelines. None: no cache on disk.
    pub cache: Option<PathBuf>,
    /// Sums and transforms of fewer scalars stay on the CPU. None: [`SCALARS_MIN`].
    pub scalars_min: Option<usize>,
    /// How the device shall fail, for tests.
    pub fail: Option<FailPoint>,
}

/// A failure on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailPoint {
    /// The device is given up when so many batches of kernels have been submitted.
    Lost(u32),
    /// After so many calls for sums, the first sum of each is wrong.
    Wrong(u32),
}

/// Below, a CPU is done before a device has been told what to do.
pub const SCALARS_MIN: usize = 1 << 14;

impl GpuOptions {
    /// What the environment says: `POPW_GPU_ADAPTER`, part of the adapter's name; `POPW_GPU_MEMORY`, in MiB; `POPW_GPU_CACHE`, the folder of compiled
    /// pipelines, which is `popw/gpu` in the user's cache folder if nothing is said; `POPW_GPU_SCALARS_MIN`. What is no number counts as not said.
    pub fn from_env() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let number = |name: &str| text(name).and_then(|value| value.parse::<u64>().ok());
        let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
        let user = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(home);
        Self {
            adapter: text("POPW_GPU_ADAPTER"),
            memory: number("POPW_GPU_MEMORY").map(|mib| mib.saturating_mul(1 << 20)),
            cache: text("POPW_GPU_CACHE")
                .map(PathBuf::from)
                .or_else(|| Some(user?.join("popw").join("gpu"))),
            scalars_min: number("POPW_GPU_SCALARS_MIN").map(|count| count as usize),
            ..Self::default()
        }
    }
}

/// A device. Clones share it.
#[derive(Clone)]
pub struct Gpu(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    pub(crate) cache: Option<wgpu::PipelineCache>,
    cache_path: Option<PathBuf>,
    info: AdapterInfo,
    form: Form,
    limits: Limits,
    features: Features,
    memory: u64,
    failure: Arc<Mutex<Option<GpuError>>>,
    /// Times of kernels since [`Gpu::profile`], if somebody asked.
    pub(crate) profile: Mutex<Option<Profile>>,
    fail: Option<FailPoint>,
    /// What the fail-point counts.
    fuse: AtomicU32,
    /// See [`Gpu::turn`].
    turn: Mutex<()>,
}

/// Names of kernels that ran and how long each took.
pub type Profile = Vec<(&'static str, Duration)>;

/// What [`adapters`] knows of an adapter.
#[derive(Clone, Debug)]
pub struct AdapterReport {
    /// Name, vendor, driver, kind.
    pub info: AdapterInfo,
    /// What a buffer, a binding, a group may be.
    pub limits: Limits,
    /// Has it integers of 64 bits?
    pub int64: bool,
    /// Has it subgroups?
    pub subgroups: bool,
    /// Can it tell the time?
    pub timestamps: bool,
    /// Can compiled pipelines be kept?
    pub pipeline_cache: bool,
}

fn instance() -> Instance {
    Instance::new(InstanceDescriptor::new_without_display_handle_from_env())
}

fn all_adapters(backends: Backends) -> Vec<wgpu::Adapter> {
    pollster::block_on(instance().enumerate_adapters(backends))
}

/// The adapters of this machine; the variable `WGPU_BACKEND` (vulkan, gl, metal, dx12) narrows them.
pub fn adapters() -> Vec<AdapterReport> {
    let report = |adapter: &wgpu::Adapter| {
        let features = adapter.features();
        AdapterReport {
            info: adapter.get_info(),
            limits: adapter.limits(),
            int64: features.contains(Features::SHADER_INT64),
            subgroups: features.contains(Features::SUBGROUP),
            timestamps: features.contains(Features::TIMESTAMP_QUERY),
            pipeline_cache: features.contains(Features::PIPELINE_CACHE),
        }
    };
    let backends = Backends::from_env().unwrap_or(Backends::all());
    all_adapters(backends).iter().map(report).collect()
}

/// Real cards first, then integrated ones, then software.
fn rank(adapter: &wgpu::Adapter) -> u8 {
    match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

impl Gpu {
    /// Opens the adapter that the options name.
    ///
    /// # Errors
    /// If there is none, or it lacks what kernels need.
    pub fn open(options: &GpuOptions) -> Result<Self, GpuError> {
        let named = options.backends.or_else(Backends::from_env);
        let mut adapters = all_adapters(named.unwrap_or(Backends::PRIMARY));
        if adapters.is_empty() && named.is_none() {
            adapters = all_adapters(Backends::GL);
        }
        adapters.sort_by_key(rank);
        let names: Vec<String> = adapters.iter().map(|adapter| adapter.get_info().name).collect();
        let wanted = options.adapter.as_ref().map(|name| name.to_lowercase());
        let found = adapters.into_iter().find(|adapter| {
            wanted
                .as_ref()
                .is_none_or(|name| adapter.get_info().name.to_lowercase().contains(name))
        });
        let adapter = found.ok_or_else(|| GpuError::NoAdapter {
            reason: match (&wanted, names.is_empty()) {
                (_, true) => "this machine has none that Vulkan, Metal, DX12 or GL knows".into(),
                (Some(name), _) => format!("none is called {name:?}; there are: {}", names.join(", ")),
                (None, _) => "none can be used".into(),
            },
        })?;
        Self::with_adapter(&adapter, options)
    }

    fn with_adapter(adapter: &wgpu::Adapter, options: &GpuOptions) -> Result<Self, GpuError> {
        let (info, limits, has) = (adapter.get_info(), adapter.limits(), adapter.features());
        let unsupported = |needs: String| GpuError::Unsupported {
            adapter: info.name.clone(),
            needs,
        };
        let form = options
            .form
            .unwrap_or(match has.contains(Features::SHADER_INT64) {
                true => Form::Wide,
                false => Form::Narrow,
            });
        let mut features = Features::IMMEDIATES;
        if form == Form::Wide {
            features |= Features::SHADER_INT64;
        }
        if !has.contains(features) {
            return Err(unsupported(format!("{:?}", features.difference(has))));
        }
        features |= has.intersection(Features::TIMESTAMP_QUERY | Features::PIPELINE_CACHE);
        let descriptor = DeviceDescriptor {
            label: Some("popw"),
            required_features: features,
            required_limits: limits.clone(),
            ..DeviceDescriptor::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|error| unsupported(error.to_string()))?;
        let failure = Arc::new(Mutex::new(None));
        let first = failure.clone();
        device.set_device_lost_callback(move |reason, message| {
            note(
                &first,
                GpuError::Lost {
                    reason: format!("{reason:?} {message}"),
                },
            );
        });
        let first = failure.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let reason = error.to_string();
            let error = match error {
                wgpu::Error::OutOfMemory { .. } => GpuError::Memory { needed: 0, budget: 0 },
                _ => GpuError::Driver { reason },
            };
            note(&first, error);
        }));
        let cache_path = options.cache.as_ref().and_then(|folder| {
            let name = wgpu::util::pipeline_cache_key(&info)?;
            features
                .contains(Features::PIPELINE_CACHE)
                .then(|| folder.join(name))
        });
        let cache = cache_path.as_deref().map(|path| open_cache(&device, path));
        let memory = options.memory.unwrap_or(limits.max_buffer_size.saturating_mul(4));
        Ok(Self(Arc::new(Inner {
            device,
            queue,
            cache,
            cache_path,
            info,
            form,
            limits,
            features,
            memory,
            failure,
            profile: Mutex::default(),
            fail: options.fail,
            fuse: AtomicU32::new(0),
            turn: Mutex::default(),
        })))
    }

    /// Name, vendor, driver, kind.
    pub fn info(&self) -> &AdapterInfo {
        &self.0.info
    }

    /// The kernels' form.
    pub fn form(&self) -> Form {
        self.0.form
    }

    /// What the device may do.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// What the device was opened with.
    pub fn features(&self) -> Features {
        self.0.features
    }

    /// Bytes of device memory that may be used.
    pub fn memory(&self) -> u64 {
        self.0.memory
    }

    /// Bytes that one binding may have: what the adapter allows, and a quarter of the memory at most.
    pub(crate) fn binding_bytes(&self) -> u64 {
        let limits = &self.0.limits;
        limits
            .max_storage_buffer_binding_size
            .min(limits.max_buffer_size)
            .min(self.0.memory / 4)
    }

    /// From now on every kernel runs alone and its time is kept, for [`Gpu::profiled`]. All in all this is slower.
    pub fn profile(&self) {
        *lock(&self.0.profile) = Some(Vec::new());
    }

    /// What ran since [`Gpu::profile`]; kernels run together again.
    pub fn profiled(&self) -> Profile {
        lock(&self.0.profile).take().unwrap_or_default()
    }

    /// Gives the device up, as a lost card does: what runs on it fails.
    pub fn destroy(&self) {
        self.0.device.destroy();
        note(
            &self.0.failure,
            GpuError::Lost {
                reason: "given up".into(),
            },
        );
    }

    /// To be called before each submission: the fail-point.
    pub(crate) fn burn(&self) {
        if let Some(FailPoint::Lost(after)) = self.0.fail
            && self.0.fuse.fetch_add(1, Ordering::Relaxed) == after
        {
            self.destroy();
        }
    }

    /// To be asked after each call for sums: is it to be wrong?
    pub(crate) fn is_wrong(&self) -> bool {
        matches!(self.0.fail, Some(FailPoint::Wrong(after)) if self.0.fuse.fetch_add(1, Ordering::Relaxed) >= after)
    }

    /// The first failure since the device was opened, if any. A device that failed is not used again.
    ///
    /// # Errors
    /// That failure.
    pub fn check(&self) -> Result<(), GpuError> {
        match lock(&self.0.failure).as_ref() {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Writes the compiled pipelines to disk, if the device can and a folder was named.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save_cache(&self) -> std::io::Result<()> {
        let (Some(cache), Some(path)) = (&self.0.cache, &self.0.cache_path) else {
            return Ok(());
        };
        let Some(data) = cache.get_data() else {
            return Ok(());
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // Another process may read the file: it is replaced whole.
        let part = path.with_extension(format!("part{}", std::process::id()));
        std::fs::write(&part, data)?;
        std::fs::rename(part, path)
    }

    /// An empty buffer that kernels and copies may use.
    pub(crate) fn buffer(&self, label: &str, bytes: u64) -> Result<wgpu::Buffer, GpuError> {
        if bytes > self.binding_bytes() {
            return Err(GpuError::Memory {
                needed: bytes,
                budget: self.binding_bytes(),
            });
        }
        let scope = self.0.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffer = self.0.device.create_buffer(&BufferDescriptor {
            label: Some(label),
            size: bytes.max(16).next_multiple_of(4),
            usage: BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        match pollster::block_on(scope.pop()) {
            Some(_) => Err(GpuError::Memory {
                needed: bytes,
                budget: self.memory(),
            }),
            None => Ok(buffer),
        }
    }

    /// A buffer with these contents.
    pub(crate) fn upload(&self, label: &str, bytes: &[u8]) -> Result<wgpu::Buffer, GpuError> {
        let buffer = self.buffer(label, bytes.len() as u64)?;
        self.write(&buffer, 0, bytes);
        Ok(buffer)
    }

    /// Writes to a buffer, before what is submitted next.
    pub(crate) fn write(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) {
        self.0.queue.write_buffer(buffer, offset, bytes);
    }

    /// To be held by whoever asks anything of a device that serves one thread at a time; with any other device it holds up nobody.
    ///
    /// Never around work for rayon: a worker that waits for such work takes up other work meanwhile, which may be another proof that wants its turn.
    pub(crate) fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        self.is_single_threaded().then(|| lock(&self.0.turn))
    }

    /// Does the device serve one thread at a time? GL has one context, and wgpu gives up on a thread that waits a second for it: callers take turns instead.
    pub(crate) fn is_single_threaded(&self) -> bool {
        self.0.info.backend == wgpu::Backend::Gl
    }

    /// Waits for all that was submitted and reads the first `bytes` of a buffer.
    pub(crate) fn read(&self, buffer: &wgpu::Buffer, bytes: u64) -> Result<Vec<u8>, GpuError> {
        self.check()?;
        let staging = self.0.device.create_buffer(&BufferDescriptor {
            label: Some("read"),
            size: bytes,
            usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.0.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, bytes);
        self.0.queue.submit([encoder.finish()]);
        let (sender, receiver) = std::sync::mpsc::channel();
        staging.slice(..).map_async(MapMode::Read, move |result| {
            // A receiver that is gone has failed already.
            let _ = sender.send(result);
        });
        self.wait()?;
        match receiver.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.failed(error.to_string())),
            Err(error) => return Err(self.failed(error.to_string())),
        }
        let view = staging
            .slice(..)
            .get_mapped_range()
            .map_err(|error| self.failed(error.to_string()))?;
        Ok(view.to_vec())
    }

    /// Waits for all that was submitted.
    pub(crate) fn wait(&self) -> Result<(), GpuError> {
        self.0
            .device
            .poll(PollType::wait_indefinitely())
            .map_err(|error| self.failed(error.to_string()))?;
        self.check()
    }

    /// The failure that is known, else one of this reason.
    fn failed(&self, reason: String) -> GpuError {
        self.check().err().unwrap_or(GpuError::Driver { reason })
    }
}

fn note(first: &Mutex<Option<GpuError>>, error: GpuError) {
    lock(first).get_or_insert(error);
}

fn open_cache(device: &wgpu::Device, path: &Path) -> wgpu::PipelineCache {
    let data = std::fs::read(path).ok();
    let descriptor = wgpu::PipelineCacheDescriptor {
        label: Some("popw"),
        data: data.as_deref(),
        fallback: true,
    };
    // SAFETY: the data, if any, was written by `save_cache` under the name that wgpu gives to caches of this adapter and driver; wgpu and the driver
    // check its header besides, and `fallback` starts an empty cache if they refuse it.
    unsafe { device.create_pipeline_cache(&descriptor) }
}
