package consent

import (
	"testing"
	"time"
)

// TestRules has a line for each rule of the package comment. m is a momentary button, l a latching
// one; see script for the words.
func TestRules(t *testing.T) {
	tests := []struct{ name, buttons, script string }{
		{"one party: press to record, press to end", "m",
			`p0 100ms r0 =idle 29ms =idle > 1ms =starting >on,prepare lit > prepared >open opened =starting > samples =starting > keepable =starting >begin begun =recording >
			10s p0 =stopping >cut,withdrawn,close r0 closed >off dark =stopping ended =idle >`},
		{"two parties: both must give", "mm",
			`give0 =waiting >pulse 5s give1 =starting >on,prepare record >open,begin`},
		{"three parties: the pulse starts once", "mmm",
			`give2 =waiting >pulse give0 =waiting > give1 =starting >on,prepare record`},
		{"latching: on gives after the debounce time, off withdraws at once", "l",
			`p0 =idle 29ms =idle 1ms =starting >on,prepare record >open,begin 1m r0 =stopping >cut,withdrawn,close answers =idle`},
		{"mixed: latching and momentary", "lm",
			`give0 =waiting give1 =starting record r0 =stopping answers =idle`},

		// A press that gives.
		{"49 ms is too short", "m", `p0 49ms r0 1s =idle >`},
		{"50 ms is enough", "m", `p0 50ms r0 30ms =starting`},
		{"5 s is enough", "m", `p0 5s r0 30ms =starting`},
		{"longer than 5 s is too long", "m", `p0 5001ms r0 1s =idle >`},
		{"bounces are one press", "m",
			`p0 2ms r0 3ms p0 100ms r0 1ms p0 1ms r0 29ms =idle 1ms =starting`},
		{"the length runs to the first release edge: a lingering bounce makes no press of a touch", "m",
			`p0 5ms r0 25ms p0 25ms r0 1s =idle >`},
		{"a chattering line gives nothing", "m",
			`p0 10ms r0 10ms p0 10ms r0 10ms p0 10ms r0 10ms p0 10ms r0 10ms p0 10ms r0 1s =idle >`},
		{"a press of unknown age gives nothing", "m", `p0? 100ms r0 1s =idle >`},
		{"a release of unknown age gives nothing", "m", `p0 100ms r0? 1s =idle >`},
		{"one bounce of unknown age gives nothing", "m", `p0 100ms r0 1ms p0? 1ms r0 1s =idle >`},
		{"a missed release gives nothing", "m", `p0 100ms p0 100ms r0 1s =idle >`},
		{"a missed press gives nothing", "m", `r0 100ms r0 1s =idle >`},
		{"a release that arrives 250 ms late gives", "m", `p0 350ms r0@-250ms 30ms =starting`},
		{"a release that arrives later gives nothing", "m", `p0 351ms r0@-251ms 1s =idle >`},
		{"a press that arrives later gives nothing", "m", `300ms p0@-251ms 100ms r0 1s =idle >`},
		{"the length of a press does not depend on its arrival", "m",
			`p0 240ms r0@-191ms 1s =idle > p0 240ms r0@-190ms 30ms =starting`},
		{"press, release and press again, all late, and a release in time", "m",
			`1s p0@-900ms r0@-800ms p0@-500ms 200ms r0 1s =idle > give0 =starting`},
		{"so where only the first is late", "m", `1s p0@-300ms r0@-240ms p0@-200ms 200ms r0 1s =idle > give0 =starting`},
		{"a press that began before a doubted edge arrived gives nothing", "m",
			`p0? 1s r0?@-100ms p0@-50ms 200ms r0 1s =idle > give0 =starting`},
		{"press, release and press again, all arriving at once", "m",
			`1s p0@-220ms r0@-120ms p0@-20ms =stopping >on,prepare,cut,off 200ms r0 dark prepared ended =idle`},
		{"doubt about an edge after the release: the give that is due is void, and no light says otherwise", "m",
			`p0 100ms r0 29ms- p0? 100ms r0 1s =idle >`},
		{"so it is where it was due before", "m", `p0 100ms r0 200ms- p0? 100ms r0 1s =idle >`},
		{"so does a missed edge", "m", `p0 100ms r0 200ms- r0 1s =idle >`},
		{"latching: so does it", "l", `p0 100ms- r0? 1s =idle >`},
		{"a press that starts in doubt and continues without", "m", `p0? 1ms r0 1ms p0 100ms r0 1s =idle >`},
		{"a press after doubt is judged on its own", "m", `p0 10ms r0? 30ms p0 100ms r0 30ms =starting`},
		{"a press after all that gives", "m", `p0? 100ms r0 1s r0 1s p0 100ms p0 r0 1s give0 =starting`},
		{"a line is still from its latest edge, whichever arrived last", "m",
			`p0? 100ms r0? r0@-25ms 10ms p0 100ms r0 1s =idle >`},
		{"an unknown button is nobody's", "m", `p7 100ms r7 1s =idle >`},
		{"latching: bouncing on", "l", `p0 1ms r0 1ms p0 29ms =idle 1ms =starting`},
		{"latching: touched and off again", "l", `p0 20ms r0 1s =idle >`},
		{"latching: on of unknown age gives nothing", "l", `p0? 1s =idle r0 1s p0 1s =starting`},

		// Withdrawal: at the first edge, of any party.
		{"waiting: a second press by the one who gave", "mm", `give0 >pulse 1s p0 =idle >off r0 3s give0 =waiting`},
		{"waiting: a press by the one who hasn't given does not withdraw", "mm", `give0 p1 =waiting 6s r1 1s =waiting`},
		{"waiting: unknown age withdraws", "mm", `give0 1s p0? =idle`},
		{"waiting: a release without its press withdraws", "mm", `give0 1s r0 =idle`},
		{"waiting: a doubted release withdraws what its button gave", "mm", `give0 1s r0? =idle >pulse,off`},
		{"waiting: a late edge withdraws", "mm", `give0 1s p0@-300ms =idle >pulse,off`},
		{"waiting: doubt of one who hasn't given gives nothing and withdraws nothing", "mm",
			`give0 1s p1? 100ms r1 1s =waiting p1 100ms r1? 1s =waiting >pulse give1 =starting`},
		{"waiting: doubt of one who gave counts before the other's give that is due with it", "mm",
			`give0 p1 100ms r1 200ms- p0? =idle >pulse,off 5s =idle`},
		{"waiting: the other's doubt takes its own give that is due", "mm",
			`give0 p1 100ms r1 200ms- p1? 1s =waiting >pulse`},
		{"waiting: latching off withdraws", "lm", `give0 =waiting 1s r0 =idle >pulse,off`},
		{"starting: before the light", "m",
			`give0 p0 =stopping >on,prepare,cut,off lit =stopping dark prepared >discard =idle`},
		{"starting: before the head", "m",
			`give0 lit p0 =stopping >on,prepare,cut,off dark =stopping prepared =idle >discard`},
		{"starting: the head fails after the withdrawal", "m", `give0 lit p0 dark =stopping ; prepared! =idle >`},
		{"starting: while the microphone opens", "m",
			`give0 lit prepared ; p0 =stopping >cut,discard opened >close closed >off dark =idle`},
		{"starting: the microphone fails to open after the withdrawal", "m",
			`give0 lit prepared ; p0 opened! =stopping >cut,discard,off dark =idle >`},
		{"starting: before the first samples nothing is on any disk, and nothing gets there", "m",
			`give0 lit prepared opened ; p0 =stopping >cut,discard,close`},
		{"starting: nor before the first that may be kept", "m",
			`give0 lit prepared opened samples ; p0 =stopping >cut,discard,close closed dark =idle`},
		{"starting: while the head is written, a recording of no samples ends", "m",
			`give0 lit prepared opened samples keepable ; p0 =stopping >cut,close closed dark =stopping begun >off,withdrawn ended =idle`},
		{"starting: while the head is written, and then is not", "m",
			`give0 lit prepared opened samples keepable p0 closed dark ; begun! =idle >discard`},
		{"recording: by the other party", "mm", `give0 give1 record ; p1 =stopping >cut,withdrawn,close`},
		{"recording: by a third", "mml", `give0 give1 give2 record ; r2 =stopping >cut,withdrawn,close`},
		{"recording: unknown age withdraws, and says so", "m", `give0 record ; p0? =stopping >cut?,withdrawn,close`},
		{"recording: a late edge withdraws, with its time", "m",
			`give0 record 1m ; p0@-2s =stopping >cut,withdrawn,close`},
		{"recording: a release without its press withdraws", "m", `give0 record ; r0 =stopping >cut,withdrawn,close`},
		{"recording: latching, on again says that off was missed", "l", `give0 record ; p0 =stopping >cut,withdrawn,close`},
		{"recording: latching, a bounce to off withdraws for good", "l",
			`give0 record r0 1ms p0 =stopping answers =idle 10s =idle`},
		{"a double press: the second withdraws, though no Tick came between", "m",
			`p0 100ms r0 100ms- p0 =stopping >on,prepare,cut,off`},
		{"a late edge withdraws", "mm", `give0 give1 p0@-20ms =stopping`},

		// Clearing and dead time.
		{"all must give again after a withdrawal in waiting", "mm", `give0 1s p0 r0 3s give1 =waiting give0 =starting`},
		{"a press under way is void when consent is cleared", "mm", `give0 p1 100ms p0 =idle r1 5s =idle`},
		{"two people press stop at once", "mm",
			`give0 give1 record 1s p0 50ms p1 100ms r0 r1 answers 1s =idle ; give0 give1 5s =idle >`},
		{"dead time: 3 s from the withdrawal", "m",
			`give0 record p0 r0 answers 2999ms =idle ; p0 100ms r0 5s =idle > give0 =starting`},
		{"dead time: over at 3 s", "m", `give0 record p0 10ms r0 answers 2990ms give0 =starting`},
		{"dead time: each press edge restarts it", "m",
			`give0 record p0 100ms r0 answers ; 2s p0 10ms r0 2800ms p0 100ms r0 2800ms p0 100ms r0 1s =idle > 2s give0 =starting`},
		{"dead time: a press while stopping restarts it", "m",
			`give0 record p0 100ms r0 5s p0 100ms r0 answers =idle ; 2s give0 =idle > 3s give0 =starting`},
		{"dead time: a press held over its end gives nothing", "m",
			`give0 record p0 answers ; 4s r0 1s =idle > give0 =starting`},
		{"dead time: a release does not restart it", "m", `give0 record p0 answers 2900ms r0 100ms give0 =starting`},
		{"dead time: nor does one while stopping", "m", `give0 record p0 2900ms r0 answers 100ms give0 =starting`},
		{"dead time: a press in it that arrives while waiting", "mm",
			`give0 1s p0 r0 3s give0 =waiting p1@-131ms 10ms r1 1s =waiting p1 100ms r1 30ms =starting`},
		{"dead time: after a lapse in waiting", "mm", `give0 30s =idle 1s give0 =idle 3s give0 =waiting`},
		{"latching: still on after an end gives nothing", "lm",
			`give0 give1 record p1 r1 answers 10s =idle ; give1 =waiting 1m =idle r0 100ms p0 1s =waiting`},
		{"latching: may be seen off in the dead time", "l", `give0 record r0 answers 3s p0 30ms =starting`},
		{"latching: on in the dead time gives nothing, then or later", "l",
			`give0 record r0 1s p0 answers 1m =idle r0 30ms p0 30ms =starting`},
		{"latching: off must be seen for the debounce time", "l",
			`give0 record door answers 5s r0 29ms p0 1s =idle r0 30ms p0 30ms =starting`},

		// Lapses.
		{"waiting: 30 s", "mm", `give0 ; 29999ms =waiting > 1ms =idle >off`},
		{"waiting: at 30 s it lapses, although a give is due at that moment", "mm", `give0 29870ms p1 100ms r1 30ms =idle`},
		{"waiting: 30 s from the last give", "mmm", `give0 20s give1 20s =waiting give2 =starting`},
		{"waiting: not ready", "mm", `give0 ; ready! =fault >off`},
		{"waiting: a fault", "mm", `give0 ; fault =idle >off`},
		{"waiting: the door", "mm", `give0 ; door =idle >off`},
		{"waiting: stop", "mm", `give0 ; stop =idle >off`},
		{"recording: quiet", "m", `give0 record ; 4m sound 299999ms =recording > 1ms =stopping >cut,lapsed,close`},
		{"recording: quiet from the beginning", "m", `give0 record 299999ms =recording 1ms =stopping`},
		{"recording: the door", "m", `give0 record ; door =stopping >cut,lapsed,close`},
		{"recording: a fault does not flash", "m", `give0 record ; fault =stopping >cut,fault,close answers =idle >off`},
		{"recording: the light is lost", "m", `give0 record ; lit! =stopping >cut,fault,close`},
		{"recording: not ready alone ends nothing", "m", `give0 record ; ready! =recording > 1m p0 answers =fault`},
		{"recording: the machine was suspended", "m", `give0 record ; slept =stopping >cut,lapsed,close`},
		{"waiting: the machine was suspended", "mm", `give0 ; slept =idle >off`},
		{"a suspend voids a press under way", "m", `p0 50ms slept 50ms r0 1s =idle >`},
		{"recording: stop", "m", `give0 record ; stop =stopping >cut,stopped,close answers =idle >off`},
		{"starting: the door", "m", `give0 ; door =stopping >cut,off`},
		{"starting: stop", "m", `give0 lit prepared ; stop =stopping >cut,discard`},
		{"the door voids a press under way", "m", `p0 50ms door 50ms r0 1s =idle >`},
		{"a fault voids a press under way", "m", `p0 50ms fault 50ms r0 1s =idle >`},

		// A start that fails flashes the light, once it is dark.
		{"no light", "m", `give0 ; lit! =stopping >cut,off dark =stopping >flash prepared =idle >discard`},
		{"no head", "m", `give0 ; prepared! >cut,off lit dark =idle >flash`},
		{"no microphone", "m", `give0 lit prepared ; opened! >cut,discard,off dark =idle >flash`},
		{"no samples within 1 s", "m",
			`give0 lit prepared opened ; 999ms =starting > 1ms =stopping >cut,discard,close closed >off dark =idle >flash`},
		{"no microphone within 10 s", "m",
			`give0 lit ; 9999ms =starting > 1ms =stopping >cut,off dark =stopping >flash prepared >discard =idle`},
		{"no light within 10 s", "m", `give0 prepared ; 10s =stopping >cut,discard,off dark =idle >flash`},
		{"samples just in time", "m", `give0 lit prepared opened 999ms samples 4s keepable begun =recording`},
		{"none that may be kept within 5 s", "m",
			`give0 lit prepared opened samples ; 4999ms samples =starting > 1ms =stopping >cut,discard,close`},
		{"no head on disk within 5 s", "m",
			`give0 lit prepared opened samples 2s keepable ; 4999ms keepable =starting > 1ms =stopping >cut,close closed dark >off,flash begun >fault ended =idle`},
		{"the head can't be written", "m",
			`give0 lit prepared opened samples keepable ; begun! =stopping >cut,discard,close closed dark =idle >off,flash`},
		{"samples before the answer to OpenMic", "m",
			`give0 lit prepared samples =starting opened 4999ms =starting keepable begun =recording`},
		{"a fault while starting", "m", `give0 lit prepared opened ; fault >cut,discard,close closed dark >off,flash`},
		{"a withdrawal while starting is no refusal", "m", `give0 lit p0 ; dark prepared =idle >discard`},
		{"no flash after Stop", "m", `give0 lit! stop ; dark prepared >discard`},
		{"the first dark is the answer to the first LightOff", "mm",
			`give0 p0 r0 3s give0 give1 p1 ; dark =stopping lit > dark =stopping prepared =idle`},
		{"the light goes off before it was seen lit: nothing is waited for but the dark", "m",
			`give0 p0 dark prepared =idle`},

		// Not ready.
		{"not ready: a press is refused at once, once", "m", `ready! =fault > p0 >flash 1ms r0 1ms p0 100ms r0 1s =fault >`},
		{"not ready: unknown age is not refused", "m", `ready! p0? =fault >`},
		{"not ready: nor for a late press", "m", `ready! 1s p0@-251ms =fault >`},
		{"not ready: no flash in the dead time", "m",
			`give0 record ready! p0 answers ; 1s r0 p0 10ms r0 2s p0 10ms r0 > 3s p0 >flash`},
		{"not ready: a press held until ready gives nothing", "m", `ready! p0 ; 50ms ready 50ms r0 1s =idle >`},
		{"ready, not ready, ready under one press gives nothing", "m", `p0 50ms ready! ready 50ms r0 1s =idle >`},
		{"ready again", "m", `ready! 1s ready give0 =starting`},
		{"latching: on while not ready gives nothing later", "l",
			`ready! p0 >flash ready 1m =idle > r0 30ms p0 30ms =starting`},

		// Stop.
		{"stop while idle: no start ever after", "m", `stop give0 =idle ready! p0 r0 ready 10s give0 =idle >`},
		{"stop under a press", "m", `p0 100ms stop r0 1s =idle >`},
		{"stop while the microphone opens", "m", `give0 lit prepared stop opened closed dark =idle 10s give0 =idle`},

		// An edge that arrives after the end, from before its cut.
		{"stopping: an earlier edge cuts earlier", "mm", `give0 give1 record 5m ; p0@-5ms >cut 1ms p1@-2ms >`},
		{"stopping: so does the door", "m", `give0 record 5m ; door@-5ms >cut 1ms door >`},
		{"stopping: a later one does not", "mm", `give0 give1 record p0 ; 1ms p1 r0 >`},
		{"stopping: one of unknown age may be earlier", "mm", `give0 give1 record p0 ; 1ms p1? >cut?`},
		{"stopping: once the file is closed there is nothing to cut", "mm", `give0 give1 record p0 ended ; p1? >`},

		// Promise 3, and unrequested answers.
		{"unrequested answers", "m", `lit prepared opened samples keepable begun slept sound closed dark ended tick lit! prepared! opened! =idle >`},
		{"answers to nothing while recording", "m",
			`give0 record ; lit prepared opened closed dark ended samples keepable begun begun! =recording >`},
		{"a microphone is opened once", "m", `give0 lit prepared ; lit prepared lit =starting >`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			newScript(t, settings(test.buttons)).run(test.script)
		})
	}
}

func TestBoot(t *testing.T) {
	tests := []struct{ name, buttons, script string }{
		{"not ready until Ready", "m", `=fault p0 >flash 100ms r0 1s =fault > ready =idle give0 =starting`},
		{"held since before gives nothing", "m", `p0? ready 100ms r0 1s =idle > give0 =starting`},
		{"held before the start, without a report", "m", `ready 100ms r0 1s =idle > give0 =starting`},
		{"held since before, a bounce of its release is no press", "m", `ready 100ms r0 1ms p0 100ms r0 1s =idle >`},
		{"latching: on since before gives nothing", "l", `p0? ready 1m =idle r0 30ms p0 30ms =starting`},
		{"latching: not reported as off", "l", `ready p0 1m =idle r0 30ms p0 30ms =starting`},
		{"latching: off since before", "l", `r0? ready 30ms p0 30ms =starting`},
		{"no buttons: nothing ever", "", `ready lit prepared opened samples 1h =idle >`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			set := settings(test.buttons)
			s := &script{t: t, m: New(set, epoch), c: newChecker(set), set: set, now: epoch}
			s.run(test.script)
		})
	}
}

// Withdrawals, gives and lapses have their party, line and time.
func TestActs(t *testing.T) {
	s := newScript(t, settings("ml"))
	start := s.now
	at := func(d time.Duration) time.Time { return start.Add(d) }
	s.run(`p0 2ms r0 3ms p0 95ms r0 30ms =waiting 870ms p1 5ms r1 5ms p1 30ms =starting`)
	gives := []Act{
		{Party: "patient", Kind: Gave, At: start, Line: "GPIO5"},
		{Party: "clinician", Kind: Gave, At: at(time.Second), Line: "GPIO6"},
	}
	s.m.Acts()[0].Party = "the caller's copy"
	sameActs(t, s.m.Acts(), gives)
	s.run(`record 960ms`)
	withdrew := Act{Party: "clinician", Kind: Withdrew, At: at(2 * time.Second), Line: "GPIO6"}
	s.out = nil
	s.run(`r1 1ms p1 r1`)
	if got, want := s.out[0], (Cut{At: at(2 * time.Second), Fresh: true}); got != want {
		t.Errorf("cut %v, want %v", got, want)
	}
	sameActs(t, s.out[1].(End).Acts, []Act{withdrew})
	sameActs(t, s.m.Acts(), append(gives, withdrew))
	s.run(`answers =idle`)
	sameActs(t, s.m.Acts(), nil)
}

// A lapse has its cause, and the time at which it was due or the door opened.
func TestLapseActs(t *testing.T) {
	for _, test := range []struct {
		cause, script string
		ago           time.Duration
	}{
		{CauseMax, `sound 58m sound 1m sound 1m`, 0},
		{CauseMax, `sound 58m sound 1m sound 2m- tick`, time.Minute},
		{CauseQuiet, `5m`, 0},
		{CauseDoor, `1m door@-7ms`, 7 * time.Millisecond},
		{CauseFault, `1m fault`, 0},
		{CauseStopped, `1m stop`, 0},
	} {
		t.Run(test.cause, func(t *testing.T) {
			s := newScript(t, Settings{Buttons: settings("m").Buttons, Max: time.Hour, Quiet: 5 * time.Minute})
			if test.cause == CauseMax {
				s.m.set.Quiet = 0
			}
			s.run(`give0 record`)
			s.out = nil
			s.run(test.script + ` =stopping`)
			want := Act{Kind: Lapsed, At: s.now.Add(-test.ago), Cause: test.cause}
			sameActs(t, s.out[1].(End).Acts, []Act{want})
			if cut := s.out[0].(Cut); !cut.At.Equal(want.At) || !cut.Fresh {
				t.Errorf("cut %v, want at %v", cut, want.At)
			}
		})
	}
}

func sameActs(t *testing.T, got, want []Act) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("acts %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("act %v, want %v", got[i], want[i])
		}
	}
}

func TestHeldSince(t *testing.T) {
	s := newScript(t, settings("ml"))
	if _, held := s.m.HeldSince(0); held {
		t.Error("held, untouched")
	}
	began := s.now
	s.run(`p0 p1 1ms r0 1ms p0 1m`)
	if at, held := s.m.HeldSince(0); !held || !at.Equal(began) {
		t.Errorf("held since %v %v, want %v", at, held, began)
	}
	if _, held := s.m.HeldSince(1); held {
		t.Error("a latching button that is on is not stuck")
	}
	s.run(`r0`)
	if _, held := s.m.HeldSince(0); held {
		t.Error("held after its release")
	}
}

func TestLapsesAt(t *testing.T) {
	s := newScript(t, settings("m"))
	s.run(`give0 record`)
	if at, ok := s.m.LapsesAt(); !ok || !at.Equal(s.now.Add(time.Hour)) {
		t.Errorf("lapses at %v %v", at, ok)
	}
	s.run(`p0`)
	if _, ok := s.m.LapsesAt(); ok {
		t.Error("lapses, though ended")
	}
}

func TestMax(t *testing.T) {
	set := settings("m")
	set.Quiet = 0 // never
	s := newScript(t, set)
	s.run(`give0 record ; 59m 59999ms =recording > 1ms =stopping >cut,lapsed,close`)
}

func TestPhaseWords(t *testing.T) {
	want := []string{"idle", "waiting", "starting", "recording", "stopping", "fault"}
	for p := Idle; p <= Faulty; p++ {
		if p.String() != want[p] {
			t.Errorf("phase %d is %q, not %q", p, p, want[p])
		}
	}
}
