//! Each operation of each kind of lanes against arkworks, on random elements and at the edges of the bounds.

use super::modulus::Base;
use super::quadratic::Quadratic;
use super::{Arch, Field, Mask, Task};
use ark_ec::AdditiveGroup;
use ark_ff::{Field as _, UniformRand, Zero};
use ark_std::rand::Rng;

/// Elements whose representation is at an edge.
fn edges<S: ark_ff::Field>() -> Vec<S> {
    let mut edges = vec![S::zero(), S::one(), -S::one(), S::from(2u64), -S::from(2u64)];
    let half = S::from(2u64).inverse().unwrap();
    edges.extend([half, -half, half.pow([260]), S::from(2u64).pow([255])]);
    edges
}

struct Laws<F>(std::marker::PhantomData<F>);

impl<F: Field> Task for Laws<F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut rng = ark_std::test_rng();
        let edges = edges::<F::Scalar>();
        for round in 0..200 {
            let mut pick = || match rng.gen_range(0..4) {
                0 => edges[rng.gen_range(0..edges.len())],
                _ => F::Scalar::rand(&mut rng),
            };
            let mut bytes = vec![0; 2 * F::BYTES * F::LANES];
            let scalars: Vec<[F::Scalar; 2]> = (0..F::LANES).map(|_| [pick(), pick()]).collect();
            for (point, [x, y]) in bytes.chunks_exact_mut(2 * F::BYTES).zip(&scalars) {
                for (chunk, value) in point.chunks_exact_mut(F::BYTES).zip([x, y]) {
                    for (word, element) in chunk
                        .chunks_exact_mut(32)
                        .zip(value.to_base_prime_field_elements())
                    {
                        // SAFETY: the base prime field of both coordinate fields is Fq: four words.
                        let limbs: [u64; 4] = unsafe { std::mem::transmute_copy(&element) };
                        for (bytes, limb) in word.chunks_exact_mut(8).zip(limbs) {
                            bytes.copy_from_slice(&limb.to_le_bytes());
                        }
                    }
                }
            }
            let pointers = std::array::from_fn(|lane| bytes[(lane % F::LANES) * 2 * F::BYTES..].as_ptr());
            // SAFETY: each pointer is the start of a point.
            let (x, y) = unsafe { F::load_points(&pointers) };
            let check = |what: &str, got: F, expected: &dyn Fn(F::Scalar, F::Scalar) -> F::Scalar| {
                for (lane, [x, y]) in scalars.iter().enumerate() {
                    assert_eq!(
                        got.lane(lane),
                        expected(*x, *y),
                        "{what} round {round} lane {lane}"
                    );
                }
            };
            let one = F::one();
            check("load x", x, &|x, _| x);
            check("load y", y, &|_, y| y);
            check("mul", x.mul(y), &|x, y| x * y);
            check("square", x.square(), &|x, _| x.square());
            check("sub", one.mul_loose(x.sub(y)), &|x, y| x - y);
            check("sub times sub", x.mul_loose(x.sub(y)), &|x, y| x * (x - y));
            check("sub_reduced", x.sub_reduced(y), &|x, y| x - y);
            check("sub_sum", x.mul(y).sub_sum(x, y), &|x, y| x * y - x - y);
            check("double", y.mul_loose(x.double()), &|x, y| x.double() * y);
            check("triple", x.triple(), &|x, _| x.double() + x);
            check("negate", x.negate_where(Mask::MAX), &|x, _| -x);
            check("splat", F::splat(scalars[0][0]), &|_, _| scalars[0][0]);
            let zero = F::zero_lanes(x.sub(y));
            let other = F::zero_lanes(x.loose());
            let chosen = one.mul_loose(F::select(other, y.loose(), x.loose()));
            check("select", chosen, &|x, y| if x.is_zero() { y } else { x });
            for (lane, [x, y]) in scalars.iter().enumerate() {
                assert_eq!(zero >> lane & 1 == 1, x == y);
            }
            let mut distance = 1;
            while distance < F::LANES {
                for lane in 0..F::LANES {
                    assert_eq!(x.swap_lanes(distance).lane(lane), scalars[lane ^ distance][0]);
                }
                distance *= 2;
            }
            if F::LANES > 1 {
                let copied = x.copy_lane(3, 0b1010_0001);
                for lane in 0..F::LANES {
                    let from = if 0b1010_0001 >> lane & 1 == 1 { 3 } else { lane };
                    assert_eq!(copied.lane(lane), scalars[from][0]);
                }
            }
            let mut out = vec![0; bytes.len()];
            let start = out.as_mut_ptr();
            let pointers = std::array::from_fn(|lane| start.wrapping_add((lane % F::LANES) * 2 * F::BYTES));
            // SAFETY: each pointer is the start of a point.
            unsafe { F::store_points(x, y, &pointers) };
            assert_eq!(out, bytes);
        }
    }
}

fn all_laws<A: Arch>(arch: A) {
    arch.run(Laws::<A::Fq>(std::marker::PhantomData));
    arch.run(Laws::<A::Fq2>(std::marker::PhantomData));
}

#[test]
fn portable_lanes_are_the_fields_of_arkworks() {
    all_laws(super::portable::Portable::detect());
    // The same code without the instructions that a machine may have.
    Laws::<super::portable::Lane<Base>>(std::marker::PhantomData).run();
    Laws::<Quadratic<super::portable::Lane<Base>>>(std::marker::PhantomData).run();
}

#[cfg(target_arch = "x86_64")]
#[test]
fn ifma_lanes_are_the_fields_of_arkworks() {
    match super::ifma::Avx512Ifma::detect() {
        Some(arch) => all_laws(arch),
        None => eprintln!("SKIPPED: this machine has no AVX-512 IFMA"),
    }
}
