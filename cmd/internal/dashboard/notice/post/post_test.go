package post

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tacet/cmd/internal/dashboard/history"
	"tacet/cmd/internal/dashboard/notice"
	"tacet/cmd/internal/dashboard/notice/send"
	"tacet/daemon/health"
)

// memory is a store that survives an Office. It counts what is done with it, and can stop the world
// before or after the n-th change.
type memory struct {
	mu      sync.Mutex
	records map[string]map[string][]byte
	kill    *killer
}

// killer ends a run at its n-th step.
type killer struct {
	mu   sync.Mutex
	left int // steps until the end; negative: never
	end  context.CancelFunc
	dead bool
}

var errDead = errors.New("killed")

func (k *killer) isDead() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dead
}

// step reports whether the step still happens.
func (k *killer) step() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.left == 0 && !k.dead {
		k.dead = true
		k.end()
	}
	k.left--
	return !k.dead
}

type memoryTx struct {
	changes []func(map[string]map[string][]byte)
}

func (t *memoryTx) Put(kind, key string, value []byte) error {
	t.changes = append(t.changes, func(r map[string]map[string][]byte) {
		if r[kind] == nil {
			r[kind] = map[string][]byte{}
		}
		r[kind][key] = value
	})
	return nil
}

func (t *memoryTx) Delete(kind, key string) error {
	t.changes = append(t.changes, func(r map[string]map[string][]byte) { delete(r[kind], key) })
	return nil
}

func (m *memory) count(kind string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.records[kind])
}

func (m *memory) Update(ctx context.Context, f func(Tx) error) error {
	if !m.kill.step() {
		return errDead
	}
	tx := &memoryTx{}
	if err := f(tx); err != nil {
		return err
	}
	m.mu.Lock()
	for _, change := range tx.changes {
		change(m.records)
	}
	m.mu.Unlock()
	if !m.kill.step() {
		return errDead
	}
	return nil
}

func (m *memory) List(_ context.Context, kind, after string, limit int) (all []history.Record, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(m.records[kind])) {
		if key > after && len(all) < limit {
			all = append(all, history.Record{Key: key, Value: m.records[kind][key]})
		}
	}
	return all, nil
}

func (m *memory) Get(_ context.Context, kind, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.records[kind][key], nil
}

// inbox is a recipient.
type inbox struct {
	mu   sync.Mutex
	got  []notice.Message
	fail func(notice.Message) error
	kill *killer
}

func (i *inbox) Send(_ context.Context, m notice.Message) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.kill.step() {
		return errDead
	}
	if i.fail != nil {
		if err := i.fail(m); err != nil {
			return err
		}
	}
	i.got = append(i.got, m)
	if !i.kill.step() {
		return errDead
	}
	return nil
}

func (i *inbox) subjects() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var all []string
	for _, m := range i.got {
		all = append(all, m.Subject)
	}
	return strings.Join(all, "\n")
}

func (i *inbox) setFail(f func(notice.Message) error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fail = f
}

// world is an office with two recipients.
type world struct {
	t           *testing.T
	store       *memory
	mail, phone *inbox
	o           Options
	kill        *killer
	office      *Office
	stop        context.CancelFunc
	ended       chan error
}

func newWorld(t *testing.T, change func(*Options)) *world {
	w := &world{t: t, kill: &killer{left: -1}, store: &memory{records: map[string]map[string][]byte{}},
		mail: &inbox{}, phone: &inbox{}}
	w.o = Options{
		Store: w.store,
		Rules: []notice.Rule{{
			Name: "all", To: []string{"manager", "phone"}, Severity: health.Attention, Grace: time.Minute,
			Clear: time.Minute, Cooldown: 5 * time.Minute, PerHour: 60,
		}},
		Channels: []send.Channel{
			{Name: "manager#1", To: "manager", Shown: "manager", Sender: w.mail},
			{Name: "phone", To: "phone", Shown: "phone", Sender: w.phone},
		},
	}
	if change != nil {
		change(&w.o)
	}
	return w
}

// start opens and runs the office until it is stopped or killed.
func (w *world) start() {
	w.t.Helper()
	w.store.kill, w.mail.kill, w.phone.kill = w.kill, w.kill, w.kill
	var ctx context.Context
	ctx, w.stop = context.WithCancel(w.t.Context())
	w.kill.end = w.stop
	office, err := Open(ctx, w.o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.office, w.ended = office, make(chan error, 1)
	go func() { w.ended <- office.Run(ctx) }()
}

func (w *world) end() {
	w.t.Helper()
	w.stop()
	if err := <-w.ended; err != nil && !errors.Is(err, errDead) {
		w.t.Fatal(err)
	}
	time.Sleep(2 * farewell) // the timers of deliver
}

func sight(n int, codes ...notice.Code) notice.Sight {
	subject := notice.Subject{Site: "high-street", Room: fmt.Sprint("room-", n)}
	s := notice.Sight{Subject: subject, Name: fmt.Sprint("Room ", n)}
	for _, c := range codes {
		s.Faults = append(s.Faults, notice.Fault{Code: c, Severity: health.Fault, Since: time.Now()})
	}
	return s
}

func TestMailServerAwayForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.mail.fail = func(notice.Message) error { return errors.New("no mail server") }
		w.start()
		for n := range 24 {
			w.office.See(sight(n, notice.Silent))
			time.Sleep(time.Hour)
			if n == 12 { // and a restart of the computer
				w.end()
				w.start()
				for m := range n + 1 {
					w.office.See(sight(m, notice.Silent))
				}
			}
		}
		if w.mail.subjects() != "" {
			t.Errorf("mail arrived: %s", w.mail.subjects())
		}
		status := w.office.Status()
		if status[0].Waiting != 24 || status[0].Failing.IsZero() || status[0].Trouble == "" || status[1].Waiting != 0 {
			t.Errorf("%+v", status)
		}
		w.mail.setFail(nil)
		time.Sleep(longest)
		if got, want := w.mail.subjects(), w.phone.subjects(); got != want || strings.Count(want, "\n") != 23 {
			t.Errorf("mail:\n%s\nphone:\n%s", got, want)
		}
		if status := w.office.Status(); status[0].Waiting != 0 || !status[0].Failing.IsZero() {
			t.Errorf("%+v", status)
		}
		w.end()
		if n := w.store.count(outboxKind); n > 0 {
			t.Errorf("%d letters are left", n)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.Queue = 3 })
		w.mail.fail = func(notice.Message) error { return errors.New("no mail server") }
		w.start()
		for n := range 20 {
			w.office.See(sight(n, notice.Silent))
			time.Sleep(10 * time.Minute)
			if n == 10 {
				w.end()
				w.start()
				for m := range n + 1 {
					w.office.See(sight(m, notice.Silent))
				}
			}
		}
		if n := w.store.count(outboxKind); n != 4 {
			t.Errorf("%d letters wait", n)
		}
		w.mail.setFail(nil)
		time.Sleep(longest)
		if got := w.mail.subjects(); strings.Count(got, "\n") != 3 || !strings.HasSuffix(got, "\n17 notices were left out") {
			t.Errorf("mail:\n%s", got)
		}
		w.office.See(sight(99, notice.Silent))
		time.Sleep(10 * time.Minute)
		if got := w.mail.subjects(); !strings.HasSuffix(got, "Room 99 (high-street): not heard from") {
			t.Errorf("mail:\n%s", got)
		}
		w.end()
	})
}

// A message that is refused for good does not hold up the next one.
func TestRefusedMessageIsSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		tries := 0
		w.mail.fail = func(m notice.Message) error {
			if strings.HasPrefix(m.Subject, "Room 0") {
				tries++
				return fmt.Errorf("550: %w", send.ErrRefused)
			}
			return nil
		}
		w.start()
		w.office.See(sight(0, notice.Silent))
		time.Sleep(61 * time.Second)
		w.end() // the tries are remembered
		w.start()
		w.office.See(sight(0, notice.Silent), sight(1, notice.Silent))
		time.Sleep(time.Hour)
		if got := w.mail.subjects(); tries != refusals || !strings.HasPrefix(got, "Room 1") {
			t.Errorf("%d tries; mail: %s", tries, got)
		}
		if s := w.office.Status()[0]; s.Aside != 1 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
		w.end()
	})
}

// The office is killed at each step in turn: before and after each commit, before and after each
// message is taken. No message is lost, and at most one is doubled, with the same ID.
func TestKilledAtEachStep(t *testing.T) {
	for step := 0; ; step++ {
		died := false
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			w.kill.left = step
			play := func() {
				w.start()
				w.office.See(sight(0, notice.Silent))
				time.Sleep(10 * time.Minute)
				w.office.See(sight(0), sight(1, notice.Silent))
				time.Sleep(10 * time.Minute)
				died = died || w.kill.isDead()
				w.end()
			}
			play()
			w.kill = &killer{left: -1}
			play()
			w.start()
			w.office.See(sight(0), sight(1))
			time.Sleep(time.Hour)
			w.end()
			doubled := 0
			for _, box := range []*inbox{w.mail, w.phone} {
				ids := map[string]string{}
				open := map[string]int{}
				for _, m := range box.got {
					if old := ids[m.ID]; old != "" {
						doubled++
						if old != m.Text {
							t.Errorf("killed at step %d: another text with the same ID: %s", step, m.Text)
						}
						continue
					}
					ids[m.ID] = m.Text
					switch m.Kind {
					case notice.Alert:
						open[m.Thread]++
					case notice.Resolved:
						open[m.Thread]--
					}
				}
				for thread, n := range open {
					if n != 0 {
						t.Errorf("killed at step %d: %s has %d more starts than ends", step, thread, n)
					}
				}
				if !strings.Contains(box.subjects(), "Room 0") || !strings.Contains(box.subjects(), "Room 1") {
					t.Errorf("killed at step %d: lost; there are\n%s", step, box.subjects())
				}
			}
			if doubled > 1 {
				t.Errorf("killed at step %d: %d messages were doubled", step, doubled)
			}
			if n := w.store.count(outboxKind); n > 0 {
				t.Errorf("killed at step %d: %d letters are left", step, n)
			}
		})
		if !died {
			t.Logf("%d steps", step)
			if step < 20 {
				t.Errorf("there were only %d steps", step)
			}
			return
		}
	}
}

func TestSnoozeIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.start()
		room := sight(0).Subject
		w.office.Snooze(Snooze{Subject: room, Until: time.Now().Add(2 * time.Hour)})
		time.Sleep(2 * pace)
		w.end()
		w.start()
		if s := w.office.Snoozes(); len(s) != 1 || s[0].Subject != room {
			t.Errorf("%+v", s)
		}
		w.office.See(sight(0, notice.Silent))
		time.Sleep(time.Hour)
		if got := w.mail.subjects(); got != "" {
			t.Error(got)
		}
		time.Sleep(time.Hour)
		if got := w.mail.subjects(); got == "" {
			t.Error("nothing was said after the snooze")
		}
		w.end()
	})
}

func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pings atomic.Int64
		var sick atomic.Bool
		w := newWorld(t, func(o *Options) {
			o.Ping = &Ping{Every: 5 * time.Minute,
				Well: func() error {
					if sick.Load() {
						return errors.New("the disk is full")
					}
					return nil
				},
				Send: func(context.Context) error { pings.Add(1); return nil }}
		})
		expect := func(what string, want int64) {
			t.Helper()
			before := pings.Load()
			time.Sleep(time.Hour)
			synctest.Wait()
			if n := pings.Load() - before; n < want-1 || n > want+1 {
				t.Errorf("%s: %d pings in an hour, want %d", what, n, want)
			}
		}
		w.start()
		expect("well", 12)
		sick.Store(true)
		expect("sick", 0)
		sick.Store(false)
		expect("well again", 12)
		// What can't be said by mail is said by the missing sign of life.
		w.mail.setFail(func(notice.Message) error { return errors.New("no mail server") })
		w.office.See(sight(0, notice.Silent))
		time.Sleep(2 * time.Hour)
		expect("no mail for two hours", 0)
		w.mail.setFail(nil)
		time.Sleep(longest)
		expect("mail again", 12)
		w.end()
	})
}

// Letters for somebody who is not configured any more are removed.
func TestRecipientRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.mail.fail = func(notice.Message) error { return errors.New("no mail server") }
		w.start()
		w.office.See(sight(0, notice.Silent))
		time.Sleep(time.Hour)
		w.end()
		w.o.Channels = w.o.Channels[1:]
		w.start()
		w.end()
		if n := w.store.count(outboxKind); n > 0 {
			t.Errorf("%d letters are left", n)
		}
	})
}

func TestTestNotice(t *testing.T) {
	w := newWorld(t, nil)
	w.mail.kill, w.phone.kill = w.kill, w.kill
	w.phone.fail = func(notice.Message) error { return errors.New("no network") }
	results := Test(t.Context(), w.o.Channels, "", time.Now())
	if len(results) != 2 || results[0].Err != nil || results[1].Err == nil || len(w.mail.got) != 1 ||
		w.mail.got[0].Kind != notice.Test {
		t.Errorf("%+v %+v", results, w.mail.got)
	}
}
