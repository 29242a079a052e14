package bench_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tacet/cmd/internal/dashboard/brokertest"
	"tacet/cmd/internal/fleet"
	"tacet/cmd/tacet-demo/demotest"
	"tacet/daemon/topic"
)

// practice is many rooms at a broker, and the dashboard that shows them.
type practice struct {
	b       *testing.B
	rooms   []topic.Names
	seq     []uint64
	clients []*brokertest.Client
	cmd     *exec.Cmd
	page    string
}

// BenchmarkDashboard shows how the dashboard does with 1,000 and 10,000 rooms: the retained state
// of all, then 100 changes a second.
func BenchmarkDashboard(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				benchDashboard(b, n)
			}
		})
	}
}

func benchDashboard(b *testing.B, n int) {
	what := func(text string) string { return fmt.Sprintf("dashboard, %d rooms: %s", n, text) }
	m := brokertest.New(b, "allow_anonymous true", "max_queued_messages 200000", "max_inflight_messages 1000")
	p := &practice{b: b, seq: make([]uint64, n)}
	list := &fleet.Fleet{}
	for i := range n {
		id := topic.Names{Site: fmt.Sprintf("site-%03d", i/25), Room: fmt.Sprintf("room-%d", i%25+1)}
		p.rooms = append(p.rooms, id)
		if i%25 == 0 {
			list.Sites = append(list.Sites, fleet.Site{ID: id.Site})
		}
		s := &list.Sites[len(list.Sites)-1]
		s.Rooms = append(s.Rooms, fleet.Room{ID: id.Room, Name: fmt.Sprintf("Consulting room %d", i%25+1)})
	}
	for range 8 {
		p.clients = append(p.clients, m.Client())
	}
	p.all(func(c *brokertest.Client, i int) {
		c.Publish(p.rooms[i].State(), p.state(i, topic.Idle), true)
		c.Publish(p.rooms[i].Availability(), topic.Online, true)
	})
	began := time.Now()
	p.start(m, list)
	shown := p.until(func(rooms map[string]string) bool {
		for _, state := range rooms {
			if state == "never" {
				return false
			}
		}
		return len(rooms) == n
	})
	measured(what("from the start until all rooms are shown"), shown.Sub(began).Seconds(), 0, "s")
	measured(what("– CPU"), cpu(b, p.cmd.Process.Pid).Seconds(), 0, "s")
	measured(what("first view"), p.view("/"), 1000, "ms")
	measured(what("/api/rooms"), p.view("/api/rooms"), 0, "ms")
	lag, load := p.change(duration(b))
	measured(what("100 changes a second: from a publish to the page, median"), lag[len(lag)/2], 0, "ms")
	measured(what("– worst of "+fmt.Sprint(len(lag))), lag[len(lag)-1], 1000, "ms")
	measured(what("– CPU"), load, 0, "% of a core")
	measured(what("– first view"), p.view("/"), 1000, "ms")
	measured(what("resident memory"), memory(b, p.cmd.Process.Pid, "status", "VmRSS"), 0, "MiB")
	measured(what("most that it took"), memory(b, p.cmd.Process.Pid, "status", "VmHWM"), 0, "MiB")
	states := map[string]int{}
	for _, state := range p.states() {
		states[state]++
	}
	b.Logf("%d rooms: %v", n, states)
	p.cmd.Process.Signal(os.Interrupt)
	p.cmd.Wait()
}

func (p *practice) state(i int, phase topic.Phase) string {
	p.seq[i]++
	free := 80.0
	text, err := topic.State{Boot: "b1", Seq: p.seq[i], Time: time.Now(), Since: time.Now(), Version: "1.0",
		Clock: topic.ClockSynced, Phase: phase, Mic: topic.MicOK, Light: topic.LightProved, SpoolFreeH: &free,
		Config: strings.Repeat("a", 32), Recipients: strings.Repeat("b", 32),
		Stores: map[string]topic.Store{"nas": topic.StoreOK, "drive": topic.StoreOK}}.MarshalJSON()
	must(p.b, err)
	return string(text)
}

// all does something for each room, with all clients.
func (p *practice) all(do func(c *brokertest.Client, i int)) {
	var wg sync.WaitGroup
	for k, c := range p.clients {
		wg.Go(func() {
			for i := k; i < len(p.rooms); i += len(p.clients) {
				do(c, i)
			}
		})
	}
	wg.Wait()
}

func (p *practice) start(m *brokertest.Mosquitto, list *fleet.Fleet) {
	dir := p.b.TempDir()
	must(p.b, list.Write(filepath.Join(dir, fleet.File)))
	p.cmd = exec.Command(demotest.Program("tacet"), "dashboard", "-broker", m.URL(), "-fleet",
		filepath.Join(dir, fleet.File), "-dir", filepath.Join(dir, "history"), "-listen", "127.0.0.1:0")
	errs, err := p.cmd.StderrPipe()
	must(p.b, err)
	must(p.b, p.cmd.Start())
	p.b.Cleanup(func() { p.cmd.Process.Kill() })
	lines := bufio.NewScanner(errs)
	for p.page == "" && lines.Scan() {
		if _, at, ok := strings.Cut(lines.Text(), "http://"); ok {
			p.page = "http://" + strings.TrimRight(at, "/")
		}
	}
	go io.Copy(io.Discard, errs)
}

// view returns how long it takes to load an address, in ms.
func (p *practice) view(path string) float64 {
	began := time.Now()
	p.get(path, io.Discard)
	return float64(time.Since(began).Microseconds()) / 1000
}

func (p *practice) get(path string, to io.Writer) {
	r, err := http.Get(p.page + path)
	must(p.b, err)
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		p.b.Fatalf("%s: %s", path, r.Status)
	}
	_, err = io.Copy(to, r.Body)
	must(p.b, err)
}

func (p *practice) states() map[string]string {
	var rooms []struct{ Site, Room, State string }
	var text strings.Builder
	p.get("/api/rooms", &text)
	must(p.b, json.Unmarshal([]byte(text.String()), &rooms))
	all := map[string]string{}
	for _, r := range rooms {
		all[r.Site+"/"+r.Room] = r.State
	}
	return all
}

func (p *practice) until(ok func(map[string]string) bool) time.Time {
	for !ok(p.states()) {
		wait(50 * time.Millisecond)
	}
	return time.Now()
}

// change changes 100 rooms a second, and with each a heartbeat of two others comes. Once a second
// it changes a room that a tab looks at, and measures how long that takes to arrive there. lag is
// sorted, in ms.
func (p *practice) change(length time.Duration) (lag []float64, load float64) {
	probe := len(p.rooms) - 1
	id := p.rooms[probe]
	seen := make(chan string, 100)
	go func() {
		r, err := http.Get(p.page + "/live?at=" + url.QueryEscape("/?q="+id.Site+"/"+id.Room))
		if err != nil {
			return
		}
		defer r.Body.Close()
		lines := bufio.NewScanner(r.Body)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			for _, state := range []string{"ready", "recording"} {
				if strings.Contains(lines.Text(), `data-state=\"`+state+`\"`) {
					seen <- state
				}
			}
		}
	}()
	pid, end := p.cmd.Process.Pid, time.Now().Add(length)
	before, began := cpu(p.b, pid), time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	phases := []topic.Phase{topic.Recording, topic.Idle}
	for n := 0; time.Now().Before(end); n++ {
		<-tick.C
		c := p.clients[0]
		if n%100 == 50 {
			at := time.Now()
			c.Publish(id.State(), p.state(probe, phases[n/100%2]), true)
			want := []string{"recording", "ready"}[n/100%2]
			for got := ""; got != want; {
				select {
				case got = <-seen:
				case <-time.After(30 * time.Second):
					p.b.Fatal("a change does not arrive at the page")
				}
			}
			lag = append(lag, float64(time.Since(at).Microseconds())/1000)
			continue
		}
		i := n % probe
		c.Publish(p.rooms[i].State(), p.state(i, phases[n/probe%2]), true)
		for k := range 2 {
			c.Publish(p.rooms[(2*n+k)%probe].Heartbeat(), string(topic.Heartbeat(time.Now())), false)
		}
	}
	load = 100 * (cpu(p.b, pid) - before).Seconds() / time.Since(began).Seconds()
	slices.Sort(lag)
	return lag, load
}
