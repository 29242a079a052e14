package page

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tacet/cmd/internal/dashboard/people"
	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/topic"
)

func body(t testing.TB, r *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// visitor is a browser without scripts.
type visitor struct {
	t    testing.TB
	c    *http.Client
	base string
}

func visit(t testing.TB, base string) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, &http.Client{Jar: jar, Timeout: time.Minute}, base}
}

func (v *visitor) get(path string) (int, string) {
	v.t.Helper()
	r := get(v.t, v.c, v.base+path) //nolint:bodyclose // get closes it
	return r.StatusCode, body(v.t, r)
}

func (v *visitor) post(path string, fields ...string) (int, string) {
	v.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", v.base)
	answer, err := v.c.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode, body(v.t, answer)
}

func (v *visitor) signIn(name string) {
	v.t.Helper()
	if code, text := v.post("/sign-in", "name", name, "password", secret); code != 200 || strings.Contains(text, `type="password"`) {
		v.t.Fatalf("%s can't sign in: %d\n%s", name, code, text)
	}
}

var tokenField = regexp.MustCompile(`name="token" value="([0-9a-f]{64})"`)

func (v *visitor) token(path string) string {
	v.t.Helper()
	_, text := v.get(path)
	m := tokenField.FindStringSubmatch(text)
	if m == nil {
		v.t.Fatalf("%s has no token:\n%s", path, text)
	}
	return m[1]
}

var roles = map[string]string{"kim": "manager", "sam": "site:high-street", "lee": "viewer"}

// Everybody has to sign in, except on a page that only its own computer reaches and nobody has an
// account for.
func TestSigningIn(t *testing.T) {
	f := morning(t)
	s := serve(t, &Page{Source: f, Desk: f, Gate: people.NewGate(newBook(t, roles))})
	v := visit(t, s.URL)
	for _, path := range []string{"/", "/room/high-street/room-3", "/today", "/round", "/closed", "/log"} {
		if _, text := v.get(path); !strings.Contains(text, `type="password"`) || strings.Contains(text, "Consulting") {
			t.Errorf("%s shows without signing in\n%s", path, text)
		}
	}
	for _, path := range []string{"/api/rooms", "/metrics"} {
		if code, text := v.get(path); code != 401 || strings.Contains(text, "room") {
			t.Errorf("%s answers %d: %s", path, code, text)
		}
	}
	if code, text := v.get("/live?at=/"); code != 200 || !strings.Contains(text, "event: gone") || strings.Contains(text, "tile") {
		t.Errorf("/live answers %d: %s", code, text)
	}
	if code, text := v.post("/sign-in", "name", "kim", "password", "wrong"); code != 401 || !strings.Contains(text, "wrong") {
		t.Errorf("a wrong password: %d", code)
	}
	v.signIn("kim")
	if _, text := v.get("/"); !strings.Contains(text, "Consulting room 3") {
		t.Errorf("after signing in:\n%s", text)
	}
	for _, c := range v.c.Jar.Cookies(must(url.Parse(s.URL))) {
		if c.Name != "tacet" {
			t.Errorf("cookie %s", c.Name)
		}
	}
	v.post("/sign-out", "token", v.token("/"))
	if _, text := v.get("/"); strings.Contains(text, "Consulting") {
		t.Error("the session outlives signing out")
	}
	open := serve(t, &Page{Source: f, Gate: people.NewGate(newBook(t, nil))})
	if code, text := visit(t, open.URL).get("/"); code != 200 || !strings.Contains(text, "Consulting room 3") {
		t.Errorf("without accounts: %d", code)
	}
	closed := serve(t, &Page{Source: f, Gate: people.NewGate(newBook(t, nil)), Public: true})
	if _, text := visit(t, closed.URL).get("/"); strings.Contains(text, "Consulting") {
		t.Error("a page that others reach is open after its last account is gone")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The cookie keeps to the page, and to TLS where there is TLS.
func TestCookie(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		s := serve(t, &Page{Source: morning(t), Gate: people.NewGate(newBook(t, roles)), Encrypted: encrypted})
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		v := &visitor{t, client, s.URL}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/sign-in",
			strings.NewReader(url.Values{"name": {"kim"}, "password": {secret}, "next": {"//evil.example/"}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		answer, err := v.c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		c := answer.Cookies()[0]
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure != encrypted || c.Path != "/" ||
			strings.HasPrefix(c.Name, "__Host-") != encrypted {
			t.Errorf("encrypted %v: %+v", encrypted, c)
		}
		if to := answer.Header.Get("Location"); to != "/" {
			t.Errorf("it sends the browser to %s", to)
		}
	}
}

// Another page in the same browser can neither act nor read, and a foreign name that resolves to
// this computer gets nothing.
func TestGuard(t *testing.T) {
	f := morning(t)
	s := serve(t, &Page{Source: f, Desk: f})
	token := visit(t, s.URL).token("/room/high-street/room-1")
	own := strings.TrimPrefix(s.URL, "http://")
	_, port, _ := strings.Cut(own, ":")
	for _, c := range []struct {
		method, path, host string
		header             map[string]string
		want               int
	}{
		{"GET", "/", own, nil, 200},
		{"GET", "/", "localhost:" + port, nil, 200},
		{"GET", "/", "evil.example:" + port, nil, 403},
		{"GET", "/", "127.0.0.1:1", nil, 403},
		{"GET", "/", "evil.example", nil, 403},
		{"GET", "/", own, map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate",
			"Sec-Fetch-Dest": "document"}, 200},
		{"GET", "/", own, map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors",
			"Sec-Fetch-Dest": "image"}, 403},
		{"GET", "/", own, map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate",
			"Sec-Fetch-Dest": "iframe"}, 403},
		{"GET", "/api/rooms", own, map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors",
			"Sec-Fetch-Dest": "empty"}, 403},
		{"GET", "/live?at=/", own, map[string]string{"Origin": "http://evil.example"}, 403},
		{"POST", "/room/high-street/room-1/note", own, map[string]string{"Origin": "http://evil.example"}, 403},
		{"POST", "/room/high-street/room-1/note", own, map[string]string{"Origin": "null"}, 403},
		{"POST", "/room/high-street/room-1/note", own, map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"POST", "/room/high-street/room-1/note", own, nil, 403},
		{"POST", "/room/high-street/room-1/note", own, map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		{"DELETE", "/", own, map[string]string{"Sec-Fetch-Site": "same-origin"}, 405},
	} {
		form := ""
		if c.method == "POST" {
			form = url.Values{"token": {token}, "text": {"from elsewhere"}}.Encode()
		}
		r, err := http.NewRequestWithContext(t.Context(), c.method, s.URL+c.path, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = c.host
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for k, v := range c.header {
			r.Header.Set(k, v)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != c.want {
			t.Errorf("%s %s of %s %v: %d, want %d", c.method, c.path, c.host, c.header, answer.StatusCode, c.want)
		}
		if got := answer.Header.Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'none'") ||
			!strings.Contains(got, "frame-ancestors 'none'") || strings.Contains(got, "unsafe") {
			t.Errorf("its policy is %q", got)
		}
	}
	if n := len(f.notes[roomID("high-street/room-1")]); n != 1 {
		t.Errorf("%d notes were left", n)
	}
}

// A form without its session's token does nothing.
func TestFormsNeedTheirToken(t *testing.T) {
	f := morning(t)
	s := serve(t, &Page{Source: f, Desk: f, Gate: people.NewGate(newBook(t, roles))})
	kim, sam := visit(t, s.URL), visit(t, s.URL)
	kim.signIn("kim")
	sam.signIn("sam")
	for _, token := range []string{"", "x", sam.token("/closed")} {
		if code, _ := kim.post("/room/high-street/room-1/note", "token", token, "text", "hello"); code != 403 {
			t.Errorf("with the token %.5q it answers %d", token, code)
		}
	}
	if code, _ := kim.post("/room/high-street/room-1/note", "token", kim.token("/closed"), "text", "hello"); code != 200 {
		t.Errorf("with its own it answers %d", code)
	}
}

// Notes, closed periods and snoozes: done, shown, and in the audit log under the person's name.
func TestActsAreAudited(t *testing.T) {
	f := morning(t)
	s := serve(t, &Page{Source: f, Desk: f, Gate: people.NewGate(newBook(t, roles))})
	v := visit(t, s.URL)
	v.signIn("sam")
	const room = "/room/high-street/room-1"
	token := v.token(room)
	steps := []struct {
		path   string
		fields []string
		want   int
		shows  string
	}{
		{room + "/note", []string{"text", "battery <b>ordered</b>"}, 200, "battery &lt;b&gt;ordered&lt;/b&gt;"},
		{room + "/note", []string{"text", "  "}, 400, ""},
		{room + "/note", []string{"text", strings.Repeat("x", 2000)}, 400, ""},
		{room + "/snooze", []string{"for", "4h"}, 200, "has asked for no notices until"},
		{room + "/snooze", []string{"for", "9y"}, 400, ""},
		{room + "/snooze", []string{"for", ""}, 200, ""},
		{"/closed/add", []string{"site", "high-street", "room", "room-1", "why", "painting", "until", "2026-11-25T08:00"},
			200, "Painting, until 25 Nov 08:00"},
		{"/closed/add", []string{"site", "high-street", "why", "nights", "day", "1", "day", "2", "start", "19:00", "end",
			"07:00"}, 200, "Mon Tue, 19:00 to 07:00"},
		{"/closed/add", []string{"site", "high-street", "why", "no end"}, 400, ""},
		{"/closed/add", []string{"site", "high-street", "why", "past", "until", "2026-11-01T08:00"}, 400, ""},
		{"/closed/add", []string{"site", "high-street", "why", "far", "until", "2036-11-01T08:00"}, 400, ""},
		{"/closed/add", []string{"site", "mill-lane", "why", "not mine", "until", "2026-11-25T08:00"}, 400, ""},
		{"/closed/add", []string{"site", "", "why", "everything", "until", "2026-11-25T08:00"}, 400, ""},
		{"/closed/add", []string{"site", "mill-lane", "room", "room-1", "why", "not mine", "until", "2026-11-25T08:00"},
			404, ""},
		{"/room/mill-lane/room-1/note", []string{"text", "not mine"}, 404, ""},
		{"/closed/remove", []string{"id", "1"}, 400, ""}, // a room of mill-lane
	}
	for _, step := range steps {
		code, text := v.post(step.path, append(step.fields, "token", token)...)
		if code != step.want || step.shows != "" && !strings.Contains(text, step.shows) {
			t.Errorf("%s %q: %d, want %d and %q\n%s", step.path, step.fields, code, step.want, step.shows, text)
		}
	}
	boss := visit(t, s.URL)
	boss.signIn("kim")
	_, log := boss.get("/log")
	for _, want := range []string{"sam", "noted", "snoozed", "closed", "high-street/room-1"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
	if code, _ := v.get("/log"); code != 404 {
		t.Errorf("somebody who is not a manager reads the log: %d", code)
	}
	for _, act := range f.acts[2:] {
		if act.By != "sam" {
			t.Errorf("%+v is not sam's", act)
		}
	}
}

// A person of one site learns nothing of another one, by no way.
func TestSiteRole(t *testing.T) {
	f := morning(t)
	s := serve(t, &Page{Source: f, Desk: f, Gate: people.NewGate(newBook(t, roles)), RoomMetrics: true})
	v := visit(t, s.URL)
	v.signIn("sam")
	for _, path := range []string{"/", "/?site=mill-lane", "/?q=annex", "/today", "/today?site=mill-lane", "/round",
		"/round?site=mill-lane",
		"/closed", "/api/rooms", "/api/rooms?site=mill-lane", "/metrics", "/room/mill-lane/room-1"} {
		code, text := v.get(path)
		if strings.Contains(strings.ReplaceAll(text, path, ""), "room-8") || strings.Contains(text, "Mill Lane") || strings.Contains(text, `"mill-lane`) {
			t.Errorf("%s (%d) tells of the other site:\n%s", path, code, text)
		}
	}
	if m := v.stream("/?site=mill-lane", 1); strings.Contains(m[0], "Mill Lane") || strings.Contains(m[0], "annex") {
		t.Errorf("the stream tells of the other site: %s", m[0])
	}
	if _, text := v.get("/"); !strings.Contains(text, "Consulting room 3") {
		t.Error("their own site is not shown")
	}
}

// stream reads messages of a page's stream.
func (v *visitor) stream(path string, n int) (all []string) {
	v.t.Helper()
	r := get(v.t, v.c, v.base+"/live?at="+url.QueryEscape(path))
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 1<<20)
	for len(all) < n && lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			all = append(all, data)
		}
	}
	r.Body.Close()
	if len(all) < n {
		v.t.Fatalf("the stream of %s ends after %d messages: %v", path, len(all), lines.Err())
	}
	return all
}

// Whatever a viewer looks at is the same whether rooms record or not.
func TestViewerCantTellConsultations(t *testing.T) {
	paths := []string{"/", "/?state=ready", "/?state=recording", "/today", "/round", "/api/rooms",
		"/api/rooms?state=ready",
		"/api/rooms?state=recording", "/metrics", "/room/high-street/room-2", "/room/high-street/room-3",
		"/room/high-street/room-4"}
	looks := func(f *fake) map[string]string {
		s := serve(t, &Page{Source: f, Desk: f, Gate: people.NewGate(newBook(t, roles)), RoomMetrics: true})
		v := visit(t, s.URL)
		v.signIn("lee")
		all := map[string]string{}
		token := regexp.MustCompile(`[0-9a-f]{64}`)
		for _, path := range paths {
			code, text := v.get(path)
			if code != 200 {
				t.Fatalf("%s: %d", path, code)
			}
			all[path] = token.ReplaceAllString(text, "")
		}
		for _, path := range []string{"/", "/room/high-street/room-2", "/today"} {
			all["the stream of "+path] = token.ReplaceAllString(v.stream(path, 1)[0], "")
		}
		return all
	}
	quiet, busy := morning(t), morning(t)
	untried := func(s *topic.State) { s.Mic = topic.MicUntried }
	for _, f := range []*fake{quiet, busy} {
		f.pass(40 * time.Second)
		f.state("high-street/room-2", untried)
		f.state("high-street/room-4", untried)
		f.state("mill-lane/room-3")
	}
	consulted := func(s *topic.State) {
		oldest := 0.2
		free := *s.SpoolFreeH - 1
		s.Pending, s.OldestPendingH, s.SpoolFreeH, s.Since = 1, &oldest, &free, busy.now
	}
	// In the next minute a room records and stops in one practice, and not in the other. There it is
	// also heard for the first time in that minute, and its microphone tried.
	quiet.pass(25 * time.Second)
	busy.pass(25 * time.Second)
	busy.state("high-street/room-2", records)
	busy.happened("high-street/room-2", topic.Started, func(e *topic.Event) { e.Recording = "secret" })
	busy.state("high-street/room-4", records)
	busy.happened("high-street/room-4", topic.Started, func(e *topic.Event) { e.Recording = "secret" })
	busy.happened("high-street/room-4", topic.Ended, func(e *topic.Event) { e.Recording, e.Seconds = "secret", topic.Seconds(time.Minute) })
	busy.state("high-street/room-4", consulted)
	busy.happened("high-street/room-4", topic.Copied, func(e *topic.Event) { e.Recording, e.Store = "secret", "drive" })
	a, b := looks(quiet), looks(busy)
	for _, path := range slices.Sorted(maps.Keys(a)) {
		if a[path] != b[path] {
			t.Errorf("%s tells that a room records, or recorded:\n%s", path, difference(a[path], b[path]))
		}
		for _, word := range []string{"secret", "ordered", "painters", "Notes", "Snooze", "/note", "Close the room"} {
			if strings.Contains(b[path], word) {
				t.Errorf("%s shows a viewer %q", path, word)
			}
		}
	}
}

// A practice of one room: what its messages move a little is no news to a viewer.
func TestViewersMetricsOfOneRoom(t *testing.T) {
	f := newFake(t, known("high-street/room-1"))
	f.state("high-street/room-1")
	f.pass(10 * time.Second)
	s := serve(t, &Page{Source: f, Desk: f, Gate: people.NewGate(newBook(t, roles)), RoomMetrics: true})
	v := visit(t, s.URL)
	v.signIn("lee")
	_, before := v.get("/metrics")
	f.state("high-street/room-1", records, func(s *topic.State) { s.Time = s.Time.Add(300 * time.Millisecond) })
	if _, after := v.get("/metrics"); after != before {
		t.Errorf("they tell that the room records:\n%s", difference(before, after))
	}
}

// A room that is heard again looks the same whether it records then or not.
func TestViewersHistory(t *testing.T) {
	viewer := people.Person{Name: "lee", Role: people.Viewer}
	for _, calm := range []practice.State{practice.Ready, practice.Recording} {
		all := entriesSeen([]practice.Entry{
			{Kind: practice.Moved, From: calm, State: practice.Silent},
			{Kind: practice.Moved, From: practice.Silent, State: calm},
			{Kind: practice.Moved, From: practice.Recording, State: practice.Hand},
			{Kind: practice.Moved, From: practice.Ready, State: practice.Recording},
			{Kind: practice.Started},
		}, viewer)
		want := []practice.Entry{
			{Kind: practice.Moved, From: practice.Ready, State: practice.Silent},
			{Kind: practice.Moved, From: practice.Silent, State: practice.Ready},
		}
		if !slices.Equal(all, want) {
			t.Errorf("%s: a viewer sees %+v", calm, all)
		}
	}
}

// difference is where two texts first differ.
func difference(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	from := max(0, i-120)
	return fmt.Sprintf("quiet: …%s\nbusy:  …%s", a[from:min(len(a), i+120)], b[from:min(len(b), i+120)])
}

// A viewer can do nothing, even by hand.
func TestViewerCantAct(t *testing.T) {
	f := morning(t)
	s := serve(t, &Page{Source: f, Desk: f, Gate: people.NewGate(newBook(t, roles))})
	v := visit(t, s.URL)
	v.signIn("lee")
	token := v.token("/")
	before := len(f.acts)
	for _, path := range []string{"/room/high-street/room-1/note", "/room/high-street/room-1/snooze", "/closed/add",
		"/closed/remove",
		"/room/high-street/room-3/note/remove"} {
		if code, _ := v.post(path, "token", token, "text", "x", "for", "1h", "id", "1", "site", "high-street", "why", "x",
			"until", "2026-11-25T08:00"); code != 403 {
			t.Errorf("%s answers %d", path, code)
		}
	}
	for _, path := range []string{"/closed", "/log"} {
		if code, _ := v.get(path); code != 404 {
			t.Errorf("%s answers %d", path, code)
		}
	}
	if len(f.acts) != before {
		t.Errorf("a viewer did %+v", f.acts[before:])
	}
}

// /api/rooms has these fields, in this order, and no others.
func TestAPIRooms(t *testing.T) {
	f := morning(t)
	s := serve(t, &Page{Source: f, Gate: people.NewGate(newBook(t, roles))})
	ask := func(name, query string) (all []map[string]any) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/rooms"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(name, secret)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text := body(t, answer)
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if len(all) > 0 && !strings.HasPrefix(text, `[{"site":"`) {
			t.Errorf("it starts with %.30s", text)
		}
		return all
	}
	all := ask("kim", "")
	want := []string{"alerts", "heard", "name", "oldest_pending_h", "pending", "remedy", "room", "since", "site",
		"spool_free_h", "state", "version"}
	for _, r := range all {
		if got := slices.Sorted(maps.Keys(r)); !slices.Equal(got, want) {
			t.Errorf("a room has the fields %v", got)
		}
	}
	if len(all) != 15 || all[0]["state"] != "hand" || all[0]["room"] != "room-3" ||
		fmt.Sprint(all[0]["alerts"]) != "[mic-missing store-behind]" ||
		all[0]["remedy"] != "Plug the microphone in." || all[0]["name"] != "Consulting room 3" ||
		all[0]["version"] != "1.4.0" {
		t.Errorf("%d rooms; the first is %v", len(all), all[0])
	}
	if got := ask("sam", "?state=recording"); len(got) != 1 || got[0]["since"] != "2026-11-23T09:18:00Z" ||
		got[0]["pending"] != 0.0 {
		t.Errorf("sam's recording rooms are %v", got)
	}
	for _, r := range ask("lee", "") {
		if r["state"] == "recording" || r["pending"] != nil || r["oldest_pending_h"] != nil || r["state"] == "ready" &&
			r["since"] != nil {
			t.Errorf("a viewer gets %v", r)
		}
	}
	if got := ask("kim", "?site=nowhere"); len(got) != 0 || got == nil {
		t.Errorf("no rooms are %v", got)
	}
}

var metricLine = regexp.MustCompile(`^(# (HELP|TYPE) tacet_[a-z_]+ .+|tacet_[a-z_]+(\{[a-z]+="([^"\\\n]|\\[\\"n])*"(,[a-z]+="([^"\\\n]|\\[\\"n])*")*\})? -?[0-9.e+]+)$`)

func TestMetrics(t *testing.T) {
	f := morning(t)
	f.link(`mqtts://"x"\y`, false)
	for _, rooms := range []bool{false, true} {
		s := serve(t, &Page{Source: f, RoomMetrics: rooms})
		r := get(t, nil, s.URL+"/metrics") //nolint:bodyclose // get closes it
		text := body(t, r)
		if got := r.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
			t.Errorf("its type is %s", got)
		}
		for line := range strings.Lines(text) {
			if !metricLine.MatchString(strings.TrimSuffix(line, "\n")) {
				t.Errorf("no metric: %q", line)
			}
		}
		for _, want := range []string{
			`tacet_rooms{state="hand"} 3`, `tacet_rooms{state="recording"} 2`, `tacet_rooms{state="closed"} 1`,
			`tacet_site_rooms{site="high-street",state="hand"} 3`, `tacet_site_pending{site="high-street"} 9`,
			`tacet_site_oldest_pending_hours{site="high-street"} 26.5`, `tacet_broker_up{broker="main"} 1`, `tacet_broker_up{broker="mqtts://\"x\"\\y"} 0`,
		} {
			if !strings.Contains(text, want+"\n") {
				t.Errorf("%s is missing:\n%s", want, text)
			}
		}
		if strings.Contains(text, `room="room-3"`) != rooms {
			t.Errorf("with lines for rooms %v:\n%s", rooms, text)
		}
	}
}

// The page pages, filters and searches on the server.
func TestTenThousandRooms(t *testing.T) {
	var rooms []practice.Known
	for i := range 10_000 {
		rooms = append(rooms, practice.Known{ID: practice.RoomID{Site: fmt.Sprintf("site-%d", i/100),
			Room: fmt.Sprintf("room-%d", i%100)}})
	}
	f := newFake(t, rooms)
	f.state("site-42/room-7", alert("mic-missing"))
	v := visit(t, serve(t, &Page{Source: f}).URL)
	tiles := func(path string) (int, string) {
		t.Helper()
		_, text := v.get(path)
		if len(text) > 200<<10 {
			t.Errorf("%s has %d bytes", path, len(text))
		}
		return strings.Count(text, `<li class="tile"`), text
	}
	if n, text := tiles("/"); n != perPage || strings.Index(text, "tile/site-42/room-7") > strings.Index(text,
		"tile/site-0/room-0") || !strings.Contains(text, "1 to 60 of 10000") {
		t.Errorf("%d tiles, and the worst is not the first", n)
	}
	if n, _ := tiles("/?site=site-42"); n != perPage {
		t.Errorf("%d tiles of a site", n)
	}
	if n, text := tiles("/?site=site-42&from=60"); n != 40 || !strings.Contains(text, "61 to 100 of 100") {
		t.Errorf("%d tiles on the second page", n)
	}
	if n, _ := tiles("/?site=site-42&from=6000"); n != perPage {
		t.Errorf("%d tiles beyond the last page", n)
	}
	if n, _ := tiles("/?state=hand"); n != 1 {
		t.Errorf("%d tiles that need a hand", n)
	}
	if n, _ := tiles("/?q=" + url.QueryEscape("SITE-42/room-7")); n != 11 {
		t.Errorf("%d tiles are found", n)
	}
}
