package post

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/quotedprintable"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tacet/cmd/internal/dashboard/history"
	"tacet/cmd/internal/dashboard/notice"
	"tacet/cmd/internal/dashboard/notice/send"
	"tacet/cmd/internal/dashboard/notice/send/sendtest"
	"tacet/daemon/health"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("POST_CHILD"); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child is a real process with a real history. For each line that it reads, another room fails.
func child(dir string) error {
	db, err := history.Open(dir, history.Options{})
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(os.Getenv("POST_PORT"))
	if err != nil {
		return err
	}
	sender, err := send.NewMail(send.MailOptions{Host: "127.0.0.1", Port: port, Security: send.StartTLS, Roots: sendtest.Pool(ca),
		From: "tacet@practice.example", To: "manager@practice.example"})
	if err != nil {
		return err
	}
	office, err := Open(context.Background(), Options{
		Store: History(db), pace: time.Millisecond,
		Rules: []notice.Rule{{Name: "all", To: []string{"manager"}, Clear: time.Hour, Cooldown: time.Hour, PerHour: 1 << 20,
			Severity: health.Attention}},
		Channels: []send.Channel{{Name: "manager", To: "manager", Sender: sender}},
	})
	if err != nil {
		return err
	}
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			n, _ := strconv.Atoi(in.Text())
			office.See(sight(n, notice.Silent))
		}
	}()
	fmt.Println("ready")
	return office.Run(context.Background())
}

// A real process is killed at random while it stores and sends over TLS. Nothing is lost: each room
// that failed is mentioned; and each kill doubles one mail at most, with the same Message-ID.
func TestKilledAtRandom(t *testing.T) {
	kills := 8
	if os.Getenv("TACET_SOAK") != "" {
		kills = 200
	}
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("TACET_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("TACET_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	server := sendtest.New(t, sendtest.StartTLS, nil)
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), server.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	rooms := 0
	for kill := range kills {
		before := len(server.Mails())
		in, stop := startChild(t, dir, server.Address)
		for n := range rooms { // as the model shows after a start
			fmt.Fprintln(in, n)
		}
		// The kill comes after some number of mails, and a moment that is not the same each time.
		target := before + 1 + random.IntN(5)
		for len(server.Mails()) < target {
			fmt.Fprintln(in, rooms)
			rooms++
			server.Wait(t, before+1)
			before = min(len(server.Mails()), target-1)
		}
		for range random.IntN(4) {
			fmt.Fprintln(in, rooms)
			rooms++
		}
		pause := time.NewTimer(time.Duration(random.IntN(20_000)) * time.Microsecond)
		<-pause.C
		stop()
		if n := doubled(t, server.Mails()); n > kill+1 {
			t.Fatalf("%d mails were doubled in %d kills", n, kill+1)
		}
	}
	in, stop := startChild(t, dir, server.Address)
	for n := range rooms {
		fmt.Fprintln(in, n)
	}
	for mails := server.Mails(); len(missing(mails, rooms)) > 0; {
		mails = server.Wait(t, len(mails)+1)
	}
	stop()
	t.Logf("%d kills, %d rooms, %d mails, %d doubled", kills, rooms, len(server.Mails()), doubled(t, server.Mails()))
	for room, n := range mentioned(server.Mails()) {
		if n != 1 {
			t.Errorf("room %d is in %d different mails", room, n)
		}
	}
}

func startChild(t *testing.T, dir, address string) (io.Writer, func()) {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "POST_CHILD="+dir, "POST_PORT="+port)
	cmd.Stderr = os.Stderr
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
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	t.Cleanup(stop)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return in, stop
}

// doubled counts mails whose Message-ID came before, and checks that they are the same.
func doubled(t *testing.T, mails []sendtest.Mail) (n int) {
	t.Helper()
	seen := map[string]string{}
	for _, m := range mails {
		id := m.Header.Get("Message-ID")
		if old, known := seen[id]; known {
			n++
			if old != m.Body {
				t.Errorf("two mails with the same ID differ")
			}
		}
		seen[id] = m.Body
	}
	return n
}

var roomName = regexp.MustCompile(`Room (\d+) \(high-street\)`)

// mentioned counts the different mails in which each room is.
func mentioned(mails []sendtest.Mail) map[int]int {
	count, seen := map[int]int{}, map[string]bool{}
	for _, m := range mails {
		id := m.Header.Get("Message-ID")
		if seen[id] {
			continue
		}
		seen[id] = true
		body, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(m.Body)))
		if err != nil {
			continue
		}
		for _, found := range roomName.FindAllStringSubmatch(string(body), -1) {
			n, _ := strconv.Atoi(found[1])
			count[n]++
		}
	}
	return count
}

func missing(mails []sendtest.Mail, rooms int) (left []int) {
	count := mentioned(mails)
	for n := range rooms {
		if count[n] == 0 {
			left = append(left, n)
		}
	}
	return left
}
