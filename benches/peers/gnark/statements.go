package main

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"
)

// constraints of a statement: a little less than a power of two, so that the domain is exactly that.
func constraints(log2 int) int {
	return 1<<log2 - 64
}

// chainCircuit is x' = x(x+1), again and again. Every wire is a full-size value.
type chainCircuit struct {
	Last  frontend.Variable `gnark:",public"`
	First frontend.Variable
	steps int
}

func (c *chainCircuit) Define(api frontend.API) error {
	x := c.First
	for range c.steps {
		x = api.Mul(x, api.Add(x, 1))
	}
	api.AssertIsEqual(x, c.Last)
	return nil
}

// chain is the statement and its assignment.
func chain(log2 int) (circuit, assignment frontend.Circuit, err error) {
	var one, x, next fr.Element
	one.SetOne()
	if _, err = x.SetRandom(); err != nil {
		return nil, nil, err
	}
	first := x
	steps := constraints(log2)
	for range steps {
		next.Add(&x, &one)
		x.Mul(&x, &next)
	}
	return &chainCircuit{steps: steps}, &chainCircuit{Last: x, First: first}, nil
}

// bitsPerStep bits are checked before each step; of 64 constraints 48 check a bit.
const bitsPerStep = 3

// bitsCircuit is x' = x (x + 1 + b0 + 2 b1 + 4 b2) with three fresh bits a step: most wires are small, as in real circuits.
type bitsCircuit struct {
	Last  frontend.Variable `gnark:",public"`
	First frontend.Variable
	Bits  []frontend.Variable
}

func (c *bitsCircuit) Define(api frontend.API) error {
	x := c.First
	for at := 0; at < len(c.Bits); at += bitsPerStep {
		b0, b1, b2 := c.Bits[at], c.Bits[at+1], c.Bits[at+2]
		api.AssertIsBoolean(b0)
		api.AssertIsBoolean(b1)
		api.AssertIsBoolean(b2)
		x = api.Mul(x, api.Add(x, 1, b0, api.Mul(b1, 2), api.Mul(b2, 4)))
	}
	api.AssertIsEqual(x, c.Last)
	return nil
}

func bits(log2 int) (circuit, assignment frontend.Circuit, err error) {
	count := constraints(log2) / 64 * 48
	values := make([]frontend.Variable, count)
	var random, x, factor, term fr.Element
	if _, err = x.SetRandom(); err != nil {
		return nil, nil, err
	}
	first := x
	for at := 0; at < count; at += bitsPerStep {
		if _, err = random.SetRandom(); err != nil {
			return nil, nil, err
		}
		three := random.Bits()[0] & 7
		for bit := range bitsPerStep {
			values[at+bit] = three >> bit & 1
		}
		factor.Add(&x, term.SetUint64(1+three))
		x.Mul(&x, &factor)
	}
	circuit = &bitsCircuit{Bits: make([]frontend.Variable, count)}
	return circuit, &bitsCircuit{Last: x, First: first, Bits: values}, nil
}

func statement(name string, log2 int) (circuit, assignment frontend.Circuit, err error) {
	switch name {
	case "chain":
		return chain(log2)
	case "bits":
		return bits(log2)
	}
	return nil, nil, fmt.Errorf("unknown statement %q; there are chain and bits", name)
}
