// Command gnark measures gnark's Groth16 prover, or one kernel of gnark-crypto, for popw's peers benchmark.
//
//	gnark prove  STATEMENT LOG2_SIZE CACHE_FOLDER   STATEMENT: chain, bits
//	gnark kernel KERNEL LOG2_SIZE                   KERNEL: msm-g1, msm-g2, ntt, ntt-natural
//
// It prepares everything once, prints a line of JSON, and then obeys lines on standard input, one line of JSON for each:
// "run" does the work once and says how long that took, "check" checks the last result. The orchestrator in
// benches/src/round.rs runs the rounds and measures memory and processor time from outside.
//
// Threads are GOMAXPROCS. Where to go next: statements.go for what is proven, kernels.go for the kernels.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/consensys/gnark/logger"
)

// work is what a run of this program measures.
type work struct {
	// run does the work once. What it needs anew each time is made in prepare, outside the measured time.
	run     func() error
	prepare func()
	// check tells whether the last result is right.
	check func() error
	// note says what a reader of the figure must know.
	note string
}

type ready struct {
	Ready    bool              `json:"ready"`
	Versions map[string]string `json:"versions"`
	Note     string            `json:"note,omitempty"`
}

type answer struct {
	WallMs   float64 `json:"wall_ms,omitempty"`
	Verified bool    `json:"verified,omitempty"`
	Failed   string  `json:"failed,omitempty"`
}

func main() {
	logger.Disable()
	out := json.NewEncoder(os.Stdout)
	work, err := prepare(os.Args[1:])
	if err != nil {
		_ = out.Encode(answer{Failed: err.Error()})
		os.Exit(1)
	}
	// What the preparation left behind shall not count.
	debug.FreeOSMemory()
	_ = out.Encode(ready{Ready: true, Versions: versions(), Note: work.note})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var reply answer
		switch lines.Text() {
		case "run":
			reply = measure(work)
		case "check":
			reply = verdict(work.check())
		default:
			reply = answer{Failed: fmt.Sprintf("unknown request %q", lines.Text())}
		}
		if out.Encode(reply) != nil {
			return
		}
	}
}

func measure(work *work) answer {
	if work.prepare != nil {
		work.prepare()
	}
	start := time.Now()
	err := work.run()
	elapsed := time.Since(start)
	if err != nil {
		return answer{Failed: err.Error()}
	}
	return answer{WallMs: float64(elapsed.Microseconds()) / 1e3}
}

func verdict(err error) answer {
	if err != nil {
		return answer{Failed: err.Error()}
	}
	return answer{Verified: true}
}

func prepare(args []string) (*work, error) {
	if len(args) < 3 {
		return nil, errors.New("usage: gnark prove STATEMENT LOG2_SIZE CACHE_FOLDER | gnark kernel KERNEL LOG2_SIZE")
	}
	log2, err := strconv.Atoi(args[2])
	if err != nil || log2 < 7 || log2 > 24 {
		return nil, fmt.Errorf("the size must be the logarithm of a power of two from 7 to 24, got %q", args[2])
	}
	switch {
	case args[0] == "prove" && len(args) == 4:
		return prover(args[1], log2, args[3])
	case args[0] == "kernel":
		return kernel(args[1], log2)
	}
	return nil, fmt.Errorf("unknown command %q", strings.Join(args, " "))
}

// versions of what is measured, as the build recorded them.
func versions() map[string]string {
	found := map[string]string{"go": runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			switch module.Path {
			case "github.com/consensys/gnark":
				found["gnark"] = module.Version
			case "github.com/consensys/gnark-crypto":
				found["gnark-crypto"] = module.Version
			}
		}
	}
	return found
}
