package main

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/fft"
)

var errWrong = errors.New("the result is wrong")

func kernel(name string, log2 int) (*work, error) {
	switch name {
	case "msm-g1", "msm-g2":
		return msm(name, 1<<log2)
	case "ntt":
		return ntt(1<<log2, false)
	case "ntt-natural":
		return ntt(1<<log2, true)
	}
	return nil, fmt.Errorf("unknown kernel %q", name)
}

// msm sums random scalars times distinct points: base i is (offset + i) times the generator, offset random, so that the sum
// is known and no two bases are equal or opposite.
func msm(name string, size int) (*work, error) {
	scalars, err := randomVector(size)
	if err != nil {
		return nil, err
	}
	var multiple, one, sum, term fr.Element
	one.SetOne()
	if _, err := multiple.SetRandom(); err != nil {
		return nil, err
	}
	multiples := make([]fr.Element, size)
	for i := range multiples {
		multiples[i] = multiple
		sum.Add(&sum, term.Mul(&multiple, &scalars[i]))
		multiple.Add(&multiple, &one)
	}
	var total big.Int
	sum.BigInt(&total)
	_, _, g1, g2 := bn254.Generators()
	config := ecc.MultiExpConfig{}
	if name == "msm-g1" {
		bases := bn254.BatchScalarMultiplicationG1(&g1, multiples)
		var result, expected bn254.G1Affine
		expected.ScalarMultiplication(&g1, &total)
		return &work{
			run: func() error {
				_, err := result.MultiExp(bases, scalars, config)
				return err
			},
			check: func() error { return unless(result.Equal(&expected)) },
		}, nil
	}
	bases := bn254.BatchScalarMultiplicationG2(&g2, multiples)
	var result, expected bn254.G2Affine
	expected.ScalarMultiplication(&g2, &total)
	return &work{
		run: func() error {
			_, err := result.MultiExp(bases, scalars, config)
			return err
		},
		check: func() error { return unless(result.Equal(&expected)) },
	}, nil
}

// ntt transforms coefficients to values. Without bit reversal the values stay in the order that the fastest form of the
// transform leaves: that is what gnark's prover uses.
func ntt(size int, natural bool) (*work, error) {
	input, err := randomVector(size)
	if err != nil {
		return nil, err
	}
	domain := fft.NewDomain(uint64(size))
	values := make([]fr.Element, size)
	note := "forward, decimation in frequency, values left in bit-reversed order"
	if natural {
		note = "the same with bit reversal: natural order on both sides"
	}
	return &work{
		prepare: func() { copy(values, input) },
		run: func() error {
			domain.FFT(values, fft.DIF)
			if natural {
				fft.BitReverse(values)
			}
			return nil
		},
		check: func() error {
			// The value at w, by Horner's rule.
			var expected fr.Element
			for i := size - 1; i >= 0; i-- {
				expected.Mul(&expected, &domain.Generator)
				expected.Add(&expected, &input[i])
			}
			place := size / 2
			if natural {
				place = 1
			}
			return unless(values[place].Equal(&expected))
		},
		note: note,
	}, nil
}

func randomVector(size int) ([]fr.Element, error) {
	values := make([]fr.Element, size)
	for i := range values {
		if _, err := values[i].SetRandom(); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func unless(right bool) error {
	if right {
		return nil
	}
	return errWrong
}
