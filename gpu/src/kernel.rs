//! [`Kernel`]: a compiled shader; [`Batch`]: kernels in a row, submitted together.
//!
//! Depends on: [`crate::device`]. Where to go next: [`crate::ntt`] and [`crate::msm`] run kernels.

use crate::device::{Gpu, IMMEDIATE_BYTES};
use crate::error::GpuError;
use crate::lock;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use wgpu::{
    BindGroupDescriptor, BindGroupEntry, BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingType,
    Buffer, BufferBindingType, ComputePipelineDescriptor, PipelineCompilationOptions,
    PipelineLayoutDescriptor, ShaderModuleDescriptor, ShaderSource, ShaderStages,
};

/// Groups of a dispatch lie in rows of so many; every adapter allows 65,535.
const GROUPS_PER_ROW: u32 = 1 << 15;

/// How a kernel uses a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// A compiled shader. Its text declares `var<immediate> given: Given;`, its buffers as bindings 0.. of group 0, `override GROUP: u32;` and an entry `main`
/// whose first line may be `let t = thread(group, groups, local);`.
pub(crate) struct Kernel {
    label: &'static str,
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    group: u32,
    compilation: Duration,
}

/// What every shader begins with: the number of a thread in a dispatch of rows of groups.
const PRELUDE: &str = "
override GROUP: u32 = 64u;
fn thread(group: vec3<u32>, groups: vec3<u32>, local: u32) -> u32 { return (group.y * groups.x + group.x) * GROUP + local; }
";

impl Kernel {
    /// Compiles a shader for groups of `group` threads.
    pub(crate) fn new(
        gpu: &Gpu,
        label: &'static str,
        source: &str,
        access: &[Access],
        group: u32,
    ) -> Result<Self, GpuError> {
        gpu.check()?;
        let started = Instant::now();
        let device = &gpu.0.device;
        let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let text = format!("{PRELUDE}\n{source}");
        let descriptor = ShaderModuleDescriptor {
            label: Some(label),
            source: ShaderSource::Wgsl(text.into()),
        };
        // SAFETY: kernels index their buffers only below the counts that the host gives them with buffers of that size, and their loops end: the bounds stand
        // beside the loops. Every test runs them as they are here.
        let module = unsafe {
            device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
        };
        let entries: Vec<_> = access
            .iter()
            .zip(0..)
            .map(|(access, binding)| BindGroupLayoutEntry {
                binding,
                visibility: ShaderStages::COMPUTE,
                ty: BindingType::Buffer {
                    ty: BufferBindingType::Storage {
                        read_only: *access == Access::Read,
                    },
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            })
            .collect();
        let layout = device.create_bind_group_layout(&BindGroupLayoutDescriptor {
            label: Some(label),
            entries: &entries,
        });
        let pipeline_layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
            label: Some(label),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: IMMEDIATE_BYTES,
        });
        let pipeline = device.create_compute_pipeline(&ComputePipelineDescriptor {
            label: Some(label),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: PipelineCompilationOptions {
                constants: &[("GROUP", f64::from(group))],
                zero_initialize_workgroup_memory: false,
            },
            cache: gpu.0.cache.as_ref(),
        });
        match pollster::block_on(scope.pop()) {
            Some(error) => Err(GpuError::Driver {
                reason: format!("{label}: {error}"),
            }),
            None => Ok(Self {
                label,
                pipeline,
                layout,
                group,
                compilation: started.elapsed(),
            }),
        }
    }
}

impl Kernel {
    /// Its name and how long its compilation took.
    pub(crate) fn compilation(&self) -> (&'static str, Duration) {
        (self.label, self.compilation)
    }
}

/// Buffers that work borrows and leaves, by name: a driver takes milliseconds to make a large one.
#[derive(Default)]
pub(crate) struct Arena(HashMap<&'static str, Buffer>);

impl Arena {
    /// A buffer of at least `bytes`; what it holds is left from its last use.
    pub(crate) fn get(&mut self, gpu: &Gpu, label: &'static str, bytes: u64) -> Result<Buffer, GpuError> {
        if let Some(buffer) = self.0.get(label).filter(|buffer| buffer.size() >= bytes) {
            return Ok(buffer.clone());
        }
        // The old one goes first: both may not fit.
        self.0.remove(label);
        let buffer = gpu.buffer(label, bytes)?;
        self.0.insert(label, buffer.clone());
        Ok(buffer)
    }

    /// The same, for work that goes on when the arena serves others: until [`Self::put`] it is the caller's alone.
    pub(crate) fn take(&mut self, gpu: &Gpu, label: &'static str, bytes: u64) -> Result<Buffer, GpuError> {
        match self.0.remove(label).filter(|buffer| buffer.size() >= bytes) {
            Some(buffer) => Ok(buffer),
            None => gpu.buffer(label, bytes),
        }
    }

    /// Gives back what was taken.
    pub(crate) fn put(&mut self, label: &'static str, buffer: Buffer) {
        self.0.insert(label, buffer);
    }

    /// Overwrites all buffers, after what was recorded before.
    pub(crate) fn erase(&self, batch: &mut Batch<'_>) {
        for buffer in self.0.values() {
            batch.clear(buffer, buffer.size());
        }
    }

    /// Gives all memory back.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Kernels in a row. Each sees what those before it wrote.
pub(crate) struct Batch<'a> {
    gpu: &'a Gpu,
    encoder: wgpu::CommandEncoder,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(gpu: &'a Gpu) -> Self {
        Self {
            gpu,
            encoder: gpu.0.device.create_command_encoder(&Default::default()),
        }
    }

    /// At least `threads` threads of a kernel; a kernel lets those go that are too many. `given` is what its immediates hold, padded with zeros.
    pub(crate) fn run(&mut self, kernel: &Kernel, buffers: &[&Buffer], given: &[u32], threads: u64) {
        let groups = threads.div_ceil(u64::from(kernel.group));
        if groups == 0 {
            return;
        }
        let columns = groups.min(u64::from(GROUPS_PER_ROW));
        let rows = groups.div_ceil(columns);
        let entries: Vec<_> = buffers
            .iter()
            .zip(0..)
            .map(|(buffer, binding)| BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        let group = self.gpu.0.device.create_bind_group(&BindGroupDescriptor {
            label: Some(kernel.label),
            layout: &kernel.layout,
            entries: &entries,
        });
        let mut immediates = [0u32; IMMEDIATE_BYTES as usize / 4];
        immediates
            .iter_mut()
            .zip(given)
            .for_each(|(to, from)| *to = *from);
        let mut pass = self.encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some(kernel.label),
            timestamp_writes: None,
        });
        pass.set_pipeline(&kernel.pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.set_immediates(0, bytemuck::cast_slice(&immediates));
        pass.dispatch_workgroups(columns as u32, rows as u32, 1);
        drop(pass);
        self.measure(kernel.label);
    }

    /// If somebody profiles: runs what was recorded and keeps its time.
    fn measure(&mut self, label: &'static str) {
        let mut profile = lock(&self.gpu.0.profile);
        let Some(profile) = profile.as_mut() else { return };
        let fresh = self.gpu.0.device.create_command_encoder(&Default::default());
        let encoder = std::mem::replace(&mut self.encoder, fresh);
        // What came before, uploads among it, is not this kernel's.
        let commands = encoder.finish();
        let _ = self.gpu.wait();
        let started = Instant::now();
        self.gpu.0.queue.submit([commands]);
        let _ = self.gpu.wait();
        profile.push((label, started.elapsed()));
    }

    /// Zeros the first `bytes` of a buffer.
    pub(crate) fn clear(&mut self, buffer: &Buffer, bytes: u64) {
        self.encoder.clear_buffer(buffer, 0, Some(bytes));
    }

    /// Copies the first `bytes` of a buffer.
    pub(crate) fn copy(&mut self, from: &Buffer, to: &Buffer, offset: u64, bytes: u64) {
        self.encoder.copy_buffer_to_buffer(from, 0, to, offset, bytes);
    }

    /// Hands the kernels to the device.
    pub(crate) fn submit(self) -> Result<(), GpuError> {
        self.gpu.burn();
        self.gpu.check()?;
        self.gpu.0.queue.submit([self.encoder.finish()]);
        self.gpu.check()
    }
}
