package recording_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/sys/unix"

	"tacet/daemon/memory/memorytest"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
	"tacet/systemd/needs"
)

const origin = "tacet/high-street/room-3/7q4k9mz2ha"

// openKey decrypts a key.age and returns its text.
func openKey(t testing.TB, key recording.Key, o recordingtest.Office) string {
	t.Helper()
	r, err := age.Decrypt(bytes.NewReader(key.Age), o.Identity)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestNewKey(t *testing.T) {
	for name, hybrid := range map[string]bool{"hybrid": recordingtest.Hybrid, "classic": recordingtest.Classic} {
		t.Run(name, func(t *testing.T) {
			a, b := recordingtest.NewOffice(t, hybrid), recordingtest.NewOffice(t, hybrid)
			key, err := recording.NewKey(t.Context(), []string{a.Recipient, b.Recipient}, origin)
			if err != nil {
				t.Fatal(err)
			}
			text := openKey(t, key, a)
			if text != openKey(t, key, b) {
				t.Error("the two recipients find different keys")
			}
			lines := strings.Split(text, "\n")
			if len(lines) != 5 || !strings.HasPrefix(lines[0], "# created: ") || lines[4] != "" {
				t.Fatalf("key.age is not what age-keygen writes:\n%s", text)
			}
			if want := "# public key: " + key.Recipient.String(); lines[1] != want {
				t.Errorf("second line is %q, not %q", lines[1], want)
			}
			if want := "# " + origin; lines[2] != want {
				t.Errorf("third line is %q, not %q", lines[2], want)
			}
			id, err := age.ParseX25519Identity(lines[3])
			if err != nil {
				t.Fatal(err)
			}
			if id.Recipient().String() != key.Recipient.String() {
				t.Error("the halves don't belong together")
			}
		})
	}
}

func TestNewKeyRefuses(t *testing.T) {
	hybrid, classic := recordingtest.NewOffice(t, recordingtest.Hybrid), recordingtest.NewOffice(t, recordingtest.Classic)
	for name, c := range map[string]struct {
		recipients []string
		comment    string
		want       string
	}{
		"no recipient": {nil, origin, "no recipients"},
		"mixed":        {[]string{hybrid.Recipient, classic.Recipient}, origin, "can't be mixed"},
		"a plugin's": {[]string{"age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t"}, origin,
			"is not an age recipient"},
		"an SSH key": {[]string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN"},
			origin, "is not an age recipient"},
		"an identity":      {[]string{classic.Secret}, origin, "the secret half of a key"},
		"no recording":     {[]string{classic.Recipient}, "x", "tacet/SITE/ROOM/ID"},
		"a second comment": {[]string{classic.Recipient}, origin + "\nAGE-SECRET-KEY-1", "tacet/SITE/ROOM/ID"},
		"too many": {strings.Split(strings.Repeat(classic.Recipient+" ", 101), " ")[:101], origin,
			"at most 100"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := recording.NewKey(t.Context(), c.recipients, c.comment)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want … %s …", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), classic.Secret[20:]) {
				t.Errorf("the message shows an identity: %v", err)
			}
		})
	}
}

func TestNewKeyStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := recordingtest.NewOffice(t, recordingtest.Classic)
	if _, err := recording.NewKey(ctx, []string{o.Recipient}, origin); err == nil {
		t.Error("a key was made after the context had ended")
	}
}

// TestKeyIsNotShown: fmt, slog and JSON show neither half of a Key, nor a Sealer that holds one.
func TestKeyIsNotShown(t *testing.T) {
	o := recordingtest.NewOffice(t, recordingtest.Classic)
	key, err := recording.NewKey(t.Context(), []string{o.Recipient}, origin)
	if err != nil {
		t.Fatal(err)
	}
	u := recordingtest.NewUnit(t, "high-street", "room-3")
	spec := recordingtest.Spec{Unit: u, For: []string{o.Recipient}, ID: "7q4k9mz2ha", Started: recordingtest.Started,
		Audio: recording.Audio{Codec: "wav", Rate: 8000, Channels: 1}}
	sealer, err := recording.NewSealer(spec.Head(), key, u.Signer)
	if err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	for _, v := range []any{key, &key, sealer, *sealer, struct{ K recording.Key }{key}, []any{&key, sealer}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&shown, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&shown, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&shown, nil)).Info("x", "v", v)
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		shown.Write(b)
	}
	public := key.Recipient.String()
	raw := bech32Bytes(t, public)
	for what, secret := range map[string]string{
		"the public half":            public,
		"the public half in hex":     hex.EncodeToString(raw),
		"the public half in numbers": strings.Trim(fmt.Sprint(raw[:8]), "[]"),
		"key.age":                    "age-encryption.org",
		"key.age in base64":          base64.StdEncoding.EncodeToString(key.Age[:30]),
	} {
		if strings.Contains(shown.String(), secret) {
			t.Errorf("%s is shown:\n%.400s", what, shown.String())
		}
	}
}

// bech32Bytes decodes a bech32 string's data, without its checksum.
func bech32Bytes(t testing.TB, s string) []byte {
	t.Helper()
	const charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	s = strings.ToLower(s)
	data := s[strings.LastIndexByte(s, '1')+1 : len(s)-6]
	var out []byte
	acc, bits := 0, 0
	for _, c := range data {
		i := strings.IndexRune(charset, c)
		if i < 0 {
			t.Fatalf("%q is no bech32", s)
		}
		acc, bits = acc<<5|i, bits+5
		if bits >= 8 {
			bits -= 8
			out = append(out, byte(acc>>bits))
			acc &= 1<<bits - 1
		}
	}
	return out
}

// TestKeyLeavesNoTrace is promise 4: the private half of a recording's key was never in the memory
// of the process that asked for it. That process is a child of this one, so that this one may hold
// the secret to search for. The same search does find a key made in the process.
func TestKeyLeavesNoTrace(t *testing.T) {
	o := recordingtest.NewOffice(t, recordingtest.Classic)
	for _, c := range []struct {
		mode  string
		found bool
	}{{"child", false}, {"here", true}} {
		t.Run(c.mode, func(t *testing.T) {
			suspect := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKeyHolder$", "-test.v")
			suspect.Env = append(os.Environ(), "TACET_KEY_HOLDER="+c.mode, "TACET_KEY_FOR="+o.Recipient)
			stdin, err := suspect.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := suspect.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := suspect.Start(); err != nil {
				t.Fatal(err)
			}
			defer suspect.Wait()
			defer stdin.Close()
			var key recording.Key
			for lines := bufio.NewScanner(stdout); key.Age == nil && lines.Scan(); {
				if s, ok := strings.CutPrefix(lines.Text(), "key.age "); ok {
					if key.Age, err = hex.DecodeString(s); err != nil {
						t.Fatal(err)
					}
				}
			}
			secret := strings.Split(openKey(t, key, o), "\n")[3]
			raw := bech32Bytes(t, secret)
			got := memoryHas(t, suspect.Process.Pid, raw, []byte(secret), []byte(strings.ToLower(secret[len(secret)-40:])))
			if got != c.found {
				t.Errorf("the secret is in the process's memory: %v, want %v", got, c.found)
			}
		})
	}
}

// TestKeyHolder is the process that TestKeyLeavesNoTrace searches.
func TestKeyHolder(t *testing.T) {
	mode := needs.Variable(t, "TACET_KEY_HOLDER", "as part of TestKeyLeavesNoTrace")
	recipient := os.Getenv("TACET_KEY_FOR")
	var key recording.Key
	var err error
	if mode == "child" {
		key, err = recording.NewKey(t.Context(), []string{recipient}, origin)
	} else {
		key, err = keyMadeHere(recipient)
	}
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.GC()
	fmt.Printf("key.age %x\n", key.Age)
	io.Copy(io.Discard, os.Stdin) // until the other has looked
	runtime.KeepAlive(key)
}

func keyMadeHere(recipient string) (recording.Key, error) {
	to, err := recording.ParseRecipients([]string{recipient})
	if err != nil {
		return recording.Key{}, err
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return recording.Key{}, err
	}
	sealed, err := recording.SealIdentity(id, origin, to)
	return recording.Key{Age: sealed, Recipient: id.Recipient()}, err
}

// memoryHas searches the writable memory of a process.
func memoryHas(t testing.TB, pid int, wanted ...[]byte) bool {
	t.Helper()
	for _, area := range memorytest.Writable(t, pid) {
		for _, run := range area.Runs {
			for _, w := range wanted {
				if bytes.Contains(run, w) {
					return true
				}
			}
		}
	}
	return false
}

// TestKeyChildHidesItself: before it reads anything, the child can't be inspected by its own user,
// and leaves no core.
func TestKeyChildHidesItself(t *testing.T) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1 << 20, Max: max(before.Max, 1<<20)}); err != nil {
		t.Logf("core dumps are forbidden here already: %v", err)
	}
	child := exec.CommandContext(t.Context(), "/proc/self/exe")
	child.Args = []string{"tacet-recording-key"}
	if os.Getuid() == 0 {
		child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	err = child.Start()
	unix.Setrlimit(unix.RLIMIT_CORE, &before)
	if err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer stdin.Close()
	for deadline := time.Now().Add(30 * time.Second); !coreForbidden(t, child.Process.Pid); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the child never forbade core dumps")
		}
	}
	// In /proc an undumpable process belongs to root, whoever runs it.
	info, err := os.Stat(fmt.Sprintf("/proc/%d/environ", child.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 0 {
		t.Errorf("the child can be dumped: it is user %d's", owner)
	}
}

// TestKeyChildLocksItself: no page of the child is swapped, if memory can be locked.
func TestKeyChildLocksItself(t *testing.T) {
	needs.Root(t, "to lock memory")
	child := exec.CommandContext(t.Context(), "/proc/self/exe")
	child.Args = []string{"tacet-recording-key"}
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer stdin.Close()
	for deadline := time.Now().Add(30 * time.Second); ; runtime.Gosched() {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", child.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(status), "\nVmLck:")
		if f := strings.Fields(after); len(f) > 0 && f[0] != "0" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the child never locked its memory")
		}
	}
}

// coreForbidden reports whether a process's core limit is 0, which is the last thing that the child
// sets before it reads.
func coreForbidden(t testing.TB, pid int) bool {
	t.Helper()
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		if f := strings.Fields(line); strings.HasPrefix(line, "Max core file size") {
			return f[4] == "0" && f[5] == "0"
		}
	}
	return false
}
