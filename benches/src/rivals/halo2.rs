//! halo2curves: `msm_best` and `best_fft`, what halo2 itself calls. It has no Groth16.
//!
//! Depends on: halo2curves; arkworks for the inputs. Where to go next: `ark`.

use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, PrimeField};
use halo2curves::CurveAffine;
use halo2curves::bn256;
use halo2curves::ff::{Field, PrimeField as _};
use halo2curves::fft::best_fft;
use halo2curves::msm::msm_best;
use popw_benches::child::{Prepared, Reply, Work};
use popw_benches::kernel::{self, Kernel, Msm};
use std::time::{Duration, Instant};

pub(crate) fn kernel(kernel: Kernel, log2: u32) -> Result<Prepared, String> {
    let (work, note): (Box<dyn Work>, _) = match kernel {
        Kernel::MsmG1 => (Box::new(msm_g1(1 << log2)?), None),
        Kernel::MsmG2 => (Box::new(msm_g2(1 << log2)?), None),
        Kernel::Ntt => (Box::new(NttWork::new(log2)?), Some("natural order")),
        Kernel::AdditionsG1 | Kernel::Quotient => return Err("halo2curves has no such kernel".to_owned()),
    };
    Ok(Prepared {
        work,
        note: note.map(str::to_owned),
        open_ms: None,
    })
}

struct MsmWork<C: CurveAffine> {
    scalars: Vec<C::Scalar>,
    bases: Vec<C>,
    expected: C,
    result: C::Curve,
}

fn scalar(value: &ark_bn254::Fr) -> Result<bn256::Fr, String> {
    field(&value.into_bigint().to_bytes_le(), bn256::Fr::from_repr)
}

fn fq(value: &ark_bn254::Fq) -> Result<bn256::Fq, String> {
    field(&value.into_bigint().to_bytes_le(), bn256::Fq::from_repr)
}

/// The same element from its canonical little-endian bytes.
fn field<F, R: Default + AsMut<[u8]>, C: Into<Option<F>>>(
    bytes: &[u8],
    read: impl Fn(R) -> C,
) -> Result<F, String> {
    let mut repr = R::default();
    repr.as_mut().copy_from_slice(bytes);
    read(repr).into().ok_or_else(|| "not a field element".to_owned())
}

fn msm_g1(size: usize) -> Result<MsmWork<bn256::G1Affine>, String> {
    let point = |point: &ark_bn254::G1Affine| {
        let (x, y) = point.xy().ok_or("a base at infinity")?;
        let (x, y) = (fq(&x)?, fq(&y)?);
        Ok(bn256::G1Affine { x, y })
    };
    MsmWork::new(Msm::<ark_bn254::G1Projective>::new(size), point)
}

fn msm_g2(size: usize) -> Result<MsmWork<bn256::G2Affine>, String> {
    let fq2 = |value: &ark_bn254::Fq2| Ok::<_, String>(bn256::Fq2::new(fq(&value.c0)?, fq(&value.c1)?));
    let point = |point: &ark_bn254::G2Affine| {
        let (x, y) = point.xy().ok_or("a base at infinity")?;
        let (x, y) = (fq2(&x)?, fq2(&y)?);
        Ok(bn256::G2Affine { x, y })
    };
    MsmWork::new(Msm::<ark_bn254::G2Projective>::new(size), point)
}

impl<C: CurveAffine<ScalarExt = bn256::Fr>> MsmWork<C> {
    fn new<G: CurveGroup<ScalarField = ark_bn254::Fr>>(
        msm: Msm<G>,
        point: impl Fn(&G::Affine) -> Result<C, String>,
    ) -> Result<Self, String> {
        Ok(Self {
            scalars: msm.scalars.iter().map(scalar).collect::<Result<_, _>>()?,
            bases: msm.bases.iter().map(&point).collect::<Result<_, _>>()?,
            expected: point(&msm.sum.into_affine())?,
            result: C::identity().into(),
        })
    }
}

impl<C: CurveAffine> Work for MsmWork<C> {
    fn run(&mut self) -> Result<Duration, String> {
        let start = Instant::now();
        self.result = msm_best(&self.scalars, &self.bases);
        Ok(start.elapsed())
    }

    fn check(&mut self) -> Reply {
        Reply::verdict(C::from(self.result) == self.expected)
    }
}

struct NttWork {
    root: bn256::Fr,
    log2: u32,
    input: Vec<bn256::Fr>,
    values: Vec<bn256::Fr>,
}

impl NttWork {
    fn new(log2: u32) -> Result<Self, String> {
        let input = kernel::vector::<ark_bn254::Fr>(1 << log2)
            .iter()
            .map(scalar)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            root: (log2..bn256::Fr::S).fold(bn256::Fr::ROOT_OF_UNITY, |root, _| root.square()),
            log2,
            values: input.clone(),
            input,
        })
    }
}

impl Work for NttWork {
    fn run(&mut self) -> Result<Duration, String> {
        self.values.copy_from_slice(&self.input);
        let start = Instant::now();
        best_fft(&mut self.values, self.root, self.log2);
        Ok(start.elapsed())
    }

    fn check(&mut self) -> Reply {
        let zero = bn256::Fr::ZERO;
        let expected = self
            .input
            .iter()
            .rfold(zero, |value, next| value * self.root + next);
        Reply::verdict(self.values.get(1) == Some(&expected))
    }
}
