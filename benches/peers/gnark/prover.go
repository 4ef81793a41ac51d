package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
)

// prover measures groth16.Prove. That includes solving the circuit, which gnark does not offer apart.
func prover(name string, log2 int, cache string) (*work, error) {
	circuit, assignment, err := statement(name, log2)
	if err != nil {
		return nil, err
	}
	field := ecc.BN254.ScalarField()
	system, err := frontend.Compile(field, r1cs.NewBuilder, circuit, frontend.WithCapacity(1<<log2))
	if err != nil {
		return nil, err
	}
	if got, most := system.GetNbConstraints(), 1<<log2; got > most || got <= most/2 {
		return nil, fmt.Errorf("the statement has %d constraints, which do not fill a domain of %d", got, most)
	}
	witness, err := frontend.NewWitness(assignment, field)
	if err != nil {
		return nil, err
	}
	public, err := witness.Public()
	if err != nil {
		return nil, err
	}
	provingKey, verifyingKey, err := keys(system, filepath.Join(cache, fmt.Sprintf("gnark-%s-%d", name, log2)))
	if err != nil {
		return nil, err
	}
	var proof groth16.Proof
	return &work{
		run: func() error {
			proof, err = groth16.Prove(system, provingKey, witness)
			return err
		},
		check: func() error {
			if proof == nil {
				return errors.New("there is no proof yet")
			}
			return groth16.Verify(proof, verifyingKey, public)
		},
		note: "solves the circuit within the time; its own key of the same statement, from its own Setup",
	}, nil
}

// keys are read from the cache, or made and stored there. A file that cannot be read is made again.
func keys(system constraint.ConstraintSystem, stem string) (groth16.ProvingKey, groth16.VerifyingKey, error) {
	// A key of another version of gnark is another key.
	stem += "-" + versions()["gnark"]
	provingFile, verifyingFile := stem+".pk", stem+".vk"
	provingKey, verifyingKey := groth16.NewProvingKey(ecc.BN254), groth16.NewVerifyingKey(ecc.BN254)
	readVerifying := func(in io.Reader) error {
		_, err := verifyingKey.UnsafeReadFrom(in)
		return err
	}
	if read(provingFile, provingKey.ReadDump) == nil && read(verifyingFile, readVerifying) == nil {
		return provingKey, verifyingKey, nil
	}
	provingKey, verifyingKey, err := groth16.Setup(system)
	if err != nil {
		return nil, nil, err
	}
	writeVerifying := func(out io.Writer) error {
		_, err := verifyingKey.WriteRawTo(out)
		return err
	}
	if err := write(provingFile, provingKey.WriteDump); err != nil {
		return nil, nil, err
	}
	return provingKey, verifyingKey, write(verifyingFile, writeVerifying)
}

func read(path string, parse func(io.Reader) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return parse(bufio.NewReaderSize(file, 1<<20))
}

// write makes a whole file or none.
func write(path string, fill func(io.Writer) error) error {
	file, err := os.Create(path + ".partial")
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(file, 1<<20)
	if err := errors.Join(fill(out), out.Flush(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
