package page

import (
	"strings"
	"testing"
	"time"

	"tacet/cmd/internal/dashboard/people"
)

// Notices that don't arrive are said on each page, to managers. Programs of every role learn it too,
// without a name.
func TestNoticeTroubleShows(t *testing.T) {
	f := morning(t)
	f.notices = []Recipient{
		{Name: "kim@practice.example", Waiting: 3, Failing: f.now.Add(-time.Hour), Trouble: "dial failed", Advice: "check the server"},
		{Name: "phone", Refused: 1, Trouble: "no such topic", Advice: "correct the address"},
		{Name: "well", Waiting: 1},
	}
	s := serve(t, &Page{Source: f, Desk: f, Gate: people.NewGate(newBook(t, roles)), Location: time.UTC})
	for name, account := range roles {
		v := visit(t, s.URL)
		v.signIn(name)
		for path, said := range map[string][]string{
			"/": {"Notices don’t reach kim@practice.example.</strong> Since 08:30. Dial failed. Check the server. 3 notices wait.",
				"1 notice was refused to phone for good.</strong> No such topic. Correct the address."},
			"/metrics": {`tacet_notices_waiting{recipient="kim@practice.example"} 3`, `tacet_notices_refused{recipient="phone"} 1`},
		} {
			_, text := v.get(path)
			for _, want := range said {
				if strings.Contains(text, want) != (account == "manager") {
					t.Errorf("%s at %s, with %q: %v\n%s", name, path, want, account != "manager", text)
				}
			}
			if account != "manager" && (strings.Contains(text, "kim@") || strings.Contains(text, "dial")) {
				t.Errorf("%s learns at %s whom notices don't reach:\n%s", name, path, text)
			}
			if want := "tacet_notice_recipients_failing 1\n"; path == "/metrics" && !strings.Contains(text, want) {
				t.Errorf("%s lacks %s:\n%s", name, want, text)
			}
		}
	}
}
