package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// With this variable set, the test's program is a command that asks for a passphrase.
const asksPassphrase = "TACET_TEST_ASKS_PASSPHRASE"

func TestMain(m *testing.M) {
	if os.Getenv(asksPassphrase) == "" {
		os.Exit(m.Run())
	}
	Main("tacet", func(env *Env) error {
		if os.Getenv(asksPassphrase) == "for a line" {
			line, err := env.Ask("room:\x07", "name it")
			fmt.Fprintf(env.Stdout, "got %q", line)
			return err
		}
		tries, err := env.Passphrases("pass\x07phrase", "")
		fmt.Fprintf(env.Stdout, "got %q", strings.Join(tries, ""))
		return err
	})
}

// patience is how long a command may take to ask.
const patience = time.Minute

// A passphrase is typed at the terminal, even if standard input is something else, and the terminal
// doesn't show it. An interrupt ends the command, and the terminal shows again what is typed.
func TestPrompt(t *testing.T) {
	for name, c := range map[string]struct {
		typed  string
		code   int
		stdout string
		stderr string
	}{
		"typed":       {"correct horse\n", 0, `got "correct horse"`, ""},
		"empty":       {"\n", 1, `got ""`, "tacet: error: the passphrase is empty\n"},
		"interrupted": {"corr\x03", 130, `got ""`, "tacet: error: interrupted\n"},
	} {
		t.Run(name, func(t *testing.T) {
			master, slave := pseudoTerminal(t)
			var stdout, stderr strings.Builder
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), asksPassphrase+"=1")
			cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("not this\n"), &stdout, &stderr
			cmd.ExtraFiles = []*os.File{slave}
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			shown := readUntil(t, master, "phrase: ")
			waitForEcho(t, slave, false)
			if _, err := master.WriteString(c.typed); err != nil {
				t.Fatal(err)
			}
			shown += readUntil(t, master, "\n")
			cmd.Wait()
			if cmd.ProcessState.ExitCode() != c.code || stdout.String() != c.stdout || stderr.String() != c.stderr {
				t.Errorf("exits with %d, prints %q and %q", cmd.ProcessState.ExitCode(), stdout.String(), stderr.String())
			}
			if shown != "pass\ufffdphrase: \r\n" {
				t.Errorf("the terminal shows %q", shown)
			}
			waitForEcho(t, slave, true)
		})
	}
}

// A line is typed at the terminal, which shows it. An interrupt ends the command.
func TestAsk(t *testing.T) {
	for name, c := range map[string]struct {
		typed, shown string
		code         int
		stdout       string
	}{
		"typed":       {" room-3 \n", " room-3 \r\n", 0, `got "room-3"`},
		"empty":       {"\n", "\r\n", 0, `got ""`},
		"end":         {"\x04", "", 0, `got ""`},
		"interrupted": {"room\x03", "^C", 130, `got ""`},
	} {
		t.Run(name, func(t *testing.T) {
			master, slave := pseudoTerminal(t)
			var stdout strings.Builder
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), asksPassphrase+"=for a line")
			cmd.Stdin, cmd.Stdout = strings.NewReader("not this\n"), &stdout
			cmd.ExtraFiles = []*os.File{slave}
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			readUntil(t, master, "room:\ufffd ")
			if _, err := master.WriteString(c.typed); err != nil {
				t.Fatal(err)
			}
			if c.shown != "" {
				readUntil(t, master, c.shown)
			}
			cmd.Wait()
			if cmd.ProcessState.ExitCode() != c.code || stdout.String() != c.stdout {
				t.Errorf("exits with %d, prints %q", cmd.ProcessState.ExitCode(), stdout.String())
			}
		})
	}
}

func pseudoTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	conn, err := master.SyscallConn() // Fd would disable the deadline
	if err != nil {
		t.Fatal(err)
	}
	number := 0
	control := conn.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err = errors.Join(control, err); err == nil {
		err = master.SetReadDeadline(time.Now().Add(patience))
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

// readUntil reads what the terminal shows, up to end.
func readUntil(t *testing.T, master *os.File, end string) string {
	t.Helper()
	var shown []byte
	for b := make([]byte, 1); !bytes.HasSuffix(shown, []byte(end)); {
		if _, err := master.Read(b); err != nil {
			t.Fatalf("after %q: %v", shown, err)
		}
		shown = append(shown, b[0])
	}
	return string(shown)
}

// waitForEcho waits until the terminal shows what is typed, or stops showing it. Nothing announces
// the change, so it polls.
func waitForEcho(t *testing.T, slave *os.File, want bool) {
	t.Helper()
	deadline := time.After(patience)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		state, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		if (state.Lflag&unix.ECHO != 0) == want {
			return
		}
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("the terminal's echo never becomes %v", want)
		}
	}
}
