package memory_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"tacet/daemon/memory"
	"tacet/daemon/memory/memorytest"
)

// leaverEnv makes this program the process that TestForget looks into, and says whether it locks its memory.
const leaverEnv = "TACET_LEAVER"

const (
	seconds = 20
	second  = 96 << 10 // bytes, of a WAV recording
)

// secrets are the same in both processes.
func secrets() func() []byte {
	random := rand.NewChaCha8([32]byte{1})
	return func() []byte {
		b := make([]byte, second)
		random.Read(b)
		return b
	}
}

// leaver leaves secrets behind as a recording does: many, each dropped before the next. One it keeps.
func leaver() {
	if os.Getenv(leaverEnv) == "locked" {
		if err := memory.Lock(); err != nil {
			fmt.Println(err)
		}
	}
	next := secrets()
	kept := next()
	for range seconds - 1 {
		next()
	}
	in := bufio.NewReader(os.Stdin)
	fmt.Println("left")
	in.ReadString('\n')
	memory.Forget()
	fmt.Println("forgotten")
	io.Copy(io.Discard, in)
	runtime.KeepAlive(kept)
}

// What nothing uses any more is wiped: also where memory is locked, which the kernel does not let go of when it is asked as usual.
func TestForget(t *testing.T) {
	var all []byte
	next := secrets()
	for range seconds {
		all = append(all, next()...)
	}
	index := memorytest.NewIndex(all)
	for _, mode := range []string{"unlocked", "locked"} {
		t.Run(mode, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), leaverEnv+"="+mode, "GOGC=off")
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Wait()
			defer in.Close()
			lines := bufio.NewScanner(out)
			found := func(after string) (n int) {
				for lines.Scan() && lines.Text() != after {
					t.Log(lines.Text())
				}
				for _, a := range memorytest.Writable(t, cmd.Process.Pid) {
					n += index.FoundIn(a)
				}
				return n
			}
			before := found("left")
			fmt.Fprintln(in)
			after := found("forgotten")
			if before < seconds*second/2 || after < second {
				t.Errorf("%d bytes are found, and then %d, of which %d are kept: this test looks at the wrong place", before, after, second)
			}
			const generator = 1 << 10 // its own buffer holds what it made last
			if after > second+generator {
				t.Errorf("%d of %d bytes are left", after-second, before-second)
			}
		})
	}
}
