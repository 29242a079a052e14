package hw_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"tacet/hw"
)

// The effect of Init on descriptor 0 (periph/host issue 70), in a child: "closes" plays Init,
// "closed" is a start with standard input closed.
func TestStandardInputSurvivesInit(t *testing.T) {
	if how := os.Getenv("TACET_TEST_STDIN"); how != "" {
		if err := stdinChild(how); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	for _, how := range []string{"leaves", "closes", "closed", "closed, closes", "fails"} {
		t.Run(how, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestStandardInputSurvivesInit$")
			cmd.Env = append(os.Environ(), "TACET_TEST_STDIN="+how)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func stdinChild(how string) error {
	var null, now unix.Stat_t
	if err := unix.Stat(os.DevNull, &null); err != nil { // what exec gives a child without input
		return err
	}
	if how == "closed" || how == "closed, closes" {
		unix.Close(0)
	}
	failure := errors.New("init failed")
	err := hw.KeepStdin(func() error {
		if err := unix.Fstat(0, &now); err != nil {
			return fmt.Errorf("during Init: %w", err)
		}
		if how == "closes" || how == "closed, closes" {
			unix.Close(0)
		}
		if how == "fails" {
			unix.Close(0)
			return failure
		}
		return nil
	})
	if how == "fails" && !errors.Is(err, failure) || how != "fails" && err != nil {
		return fmt.Errorf("keepStdin: %w", err)
	}
	if err := unix.Fstat(0, &now); err != nil {
		return fmt.Errorf("descriptor 0 afterwards: %w", err)
	}
	if now.Rdev != null.Rdev || now.Ino != null.Ino {
		return errors.New("descriptor 0 is another file now")
	}
	fd, err := unix.Open(os.DevNull, unix.O_RDONLY, 0)
	if err != nil || fd == 0 {
		return fmt.Errorf("the next file became descriptor %d (%v)", fd, err)
	}
	return nil
}
