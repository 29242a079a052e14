//go:build linux

package audiotest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tacet/systemd/needs"
)

// A Pulse is a private PulseAudio, the ALSA PCM "room". Its only source is a pipe that a [speaker]
// fills in real time; its mixer has the same name. It needs no sound card, desktop or particular
// user, writes into one temporary folder, and ends with the test.
type Pulse struct {
	*speaker
	dir string
	cmd *exec.Cmd
	// keep records all the time, so that the pipe never holds sound from before a test opened its
	// microphone.
	keep *exec.Cmd
	done chan struct{} // closed when the server has ended
	once sync.Once
}

// Device is the ALSA name of the microphone in the room.
const Device = "room"

// startup is the most time for the server to start.
const startup = 20 * time.Second

// NewPulse starts the server with one channel at 48 kHz. It needs PulseAudio.
func NewPulse(tb testing.TB) *Pulse {
	tb.Helper()
	needs.Program(tb, "pulseaudio", "pulseaudio")
	needs.Program(tb, "parec", "pulseaudio-utils")
	dir, err := os.MkdirTemp("", "room") // a short path: a socket's name has at most 107 bytes
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	p := &Pulse{dir: dir, done: make(chan struct{})}
	if err := p.start(); err != nil {
		tb.Fatalf("start pulseaudio: %v", err)
	}
	tb.Cleanup(p.Kill)
	if p.speaker, err = newSpeaker(filepath.Join(dir, "pipe"), p.done); err != nil {
		tb.Fatalf("speak into the room: %v", err)
	}
	return p
}

func (p *Pulse) socket() string { return filepath.Join(p.dir, "s") }

func (p *Pulse) start() error {
	// The system's ALSA configuration comes first: it has what any PCM type needs.
	conf := fmt.Sprintf("</usr/share/alsa/alsa.conf>\npcm.%s { type pulse server \"unix:%s\" device \"%[1]s\" }\n"+
		"ctl.%[1]s { type pulse server \"unix:%[2]s\" source \"%[1]s\" }\n", Device, p.socket())
	if err := os.WriteFile(filepath.Join(p.dir, "asoundrc"), []byte(conf), 0o600); err != nil {
		return err
	}
	p.cmd = exec.Command("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
		"--disable-shm=yes", "--realtime=no", "--high-priority=no", "--log-level=info", "--log-target=stderr",
		"-L", fmt.Sprintf("module-pipe-source source_name=%s file=%s format=s16le rate=%d channels=1", Device,
			filepath.Join(p.dir, "pipe"), Rate),
		"-L", "module-native-protocol-unix auth-anonymous=1 socket="+p.socket())
	p.cmd.Env = append(os.Environ(), p.Env()...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log, err := p.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	ready := make(chan string, 1)
	go func() {
		defer close(p.done)
		ready <- untilReady(log)
		_, _ = io.Copy(io.Discard, log)
		_ = p.cmd.Wait()
	}()
	select {
	case said := <-ready:
		if said != "" {
			return fmt.Errorf("it ended with the log:\n%s", said)
		}
		return p.listen()
	case <-time.After(startup):
		p.Kill()
		return fmt.Errorf("not ready after %v", startup)
	}
}

// listen keeps the source awake.
func (p *Pulse) listen() error {
	p.keep = exec.Command("parec", "--device="+Device, "--raw", "--latency-msec=500")
	p.keep.Env = append(os.Environ(), p.Env()...)
	p.keep.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return p.keep.Start()
}

// untilReady reads the server's log until the server is ready. If the log ends first, it returns
// the log.
func untilReady(log io.Reader) string {
	var said strings.Builder
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Daemon startup complete") {
			return ""
		}
		if said.Len() < 8192 {
			fmt.Fprintln(&said, lines.Text())
		}
	}
	return said.String() + "(end)"
}

// Env is the environment in which a child finds the room.
func (p *Pulse) Env() []string {
	return []string{
		"ALSA_CONFIG_PATH=" + filepath.Join(p.dir, "asoundrc"),
		"PULSE_SERVER=unix:" + p.socket(),
		"PULSE_RUNTIME_PATH=" + p.dir, "PULSE_STATE_PATH=" + p.dir, "XDG_RUNTIME_DIR=" + p.dir, "HOME=" + p.dir,
		"DBUS_SESSION_BUS_ADDRESS=disabled:", "DBUS_SYSTEM_BUS_ADDRESS=disabled:",
	}
}

// Setenv makes this process find the room during the test.
func (p *Pulse) Setenv(t testing.TB) {
	t.Helper()
	for _, e := range p.Env() {
		name, value, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, "DBUS") && name != "HOME" {
			t.Setenv(name, value)
		}
	}
}

// Freeze makes the server hang: it answers nothing and closes no connection.
func (p *Pulse) Freeze() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw resumes a frozen server.
func (p *Pulse) Thaw() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Kill kills the server and waits for its end.
func (p *Pulse) Kill() {
	p.once.Do(func() {
		_ = p.cmd.Process.Kill()
		if p.keep != nil {
			_ = p.keep.Process.Kill()
			_ = p.keep.Wait()
		}
	})
	<-p.done
}
