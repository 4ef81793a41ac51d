//! [`Fast`]: the generic kernels as a [`Backend`], for one instruction set.

use crate::backend::{Backend, KernelError, Rows, Scalar, Sums, Transform};
use crate::bases::{Bases, G1, G2, Lists};
use crate::control::Control;
use crate::field::Arch;
use crate::{msm, ntt};
use ark_bn254::{Fr, G1Affine, G2Affine};

/// The kernels of an instruction set.
pub(crate) struct Fast<A>(pub(crate) A);

impl<A: Arch> Backend for Fast<A> {
    fn name(&self) -> &'static str {
        A::NAME
    }

    fn msm(
        &self,
        scalars: &[Scalar],
        g1: &[Bases<'_, G1>],
        g2: &[Bases<'_, G2>],
        control: &Control<'_>,
    ) -> Result<Sums, KernelError> {
        msm::msm(self.0, scalars, g1, g2, control)
    }

    fn ntt(&self, values: &mut [Fr], transform: Transform, control: &Control<'_>) -> Result<(), KernelError> {
        ntt::transform(self.0, values, transform, control)
    }

    fn quotient(
        &self,
        size: usize,
        rows: &Rows<'_>,
        control: &Control<'_>,
    ) -> Result<Vec<Scalar>, KernelError> {
        ntt::quotient(self.0, size, rows, control)
    }

    fn fixed_base_g1(
        &self,
        base: G1Affine,
        scalars: &[Scalar],
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError> {
        msm::fixed_base::<G1, A, A::Fq>(self.0, base, scalars, control)
    }

    fn fixed_base_g2(
        &self,
        base: G2Affine,
        scalars: &[Scalar],
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError> {
        msm::fixed_base::<G2, A, A::Fq2>(self.0, base, scalars, control)
    }

    fn scale_g1(
        &self,
        points: &[u8],
        scalar: &Scalar,
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError> {
        msm::scale::<G1, A, A::Fq>(self.0, points, scalar, control)
    }

    fn scale_g2(
        &self,
        points: &[u8],
        scalar: &Scalar,
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError> {
        msm::scale::<G2, A, A::Fq2>(self.0, points, scalar, control)
    }

    fn sums_g1(&self, lists: Lists<'_, G1>, control: &Control<'_>) -> Result<Vec<u8>, KernelError> {
        msm::sums::<G1, A, A::Fq>(self.0, lists, control)
    }

    fn sums_g2(&self, lists: Lists<'_, G2>, control: &Control<'_>) -> Result<Vec<u8>, KernelError> {
        msm::sums::<G2, A, A::Fq2>(self.0, lists, control)
    }

    fn multiply(&self, left: &mut [Fr], right: &[Fr]) {
        ntt::multiply(self.0, left, right);
    }

    fn canonical(&self, values: &[Fr]) -> Vec<Scalar> {
        ntt::canonical(self.0, values)
    }
}
