package demotest

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
)

// live is the part of the page's events that tests look at.
type live struct {
	Warnings []struct{ Code string }
	Stores   []Store
}

// Store is how a place for copies stands, as the page says.
type Store struct {
	Name, State string
	Pending     int
}

// live takes the first of the page's events: all that it shows now.
func (d *Demo) live() (l live) {
	d.t.Helper()
	answer, err := http.Get(d.url + "/live")
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if err := json.Unmarshal([]byte(data), &l); err != nil {
				d.t.Fatal(err)
			}
			return l
		}
	}
	d.t.Fatalf("the page says nothing: %v", lines.Err())
	return l
}
