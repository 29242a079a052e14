package demotest

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// Page is the page of a running tacet-demo.
type Page struct {
	URL  string
	t    testing.TB
	done <-chan struct{} // closed when tacet-demo has ended
	news chan struct{}   // receives after each change
}

// OpenPage opens the page of a tacet-demo. done must be closed when the demo has ended.
func OpenPage(t testing.TB, url string, done <-chan struct{}) *Page {
	t.Helper()
	p := &Page{URL: url, t: t, done: done, news: make(chan struct{}, 1)}
	answer, err := http.Get(url + "/live") //nolint:bodyclose // the goroutine that reads it closes it
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer answer.Body.Close()
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			select {
			case p.news <- struct{}{}:
			default:
			}
		}
	}()
	return p
}

// First returns the first event that a viewer gets, in JSON: everything that the page shows now.
func (p *Page) First() string {
	p.t.Helper()
	answer, err := http.Get(p.URL + "/live")
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			return data
		}
	}
	p.t.Fatalf("the page sends nothing: %v", lines.Err())
	return ""
}

// live is the part of an event that tests look at.
type live struct {
	Warnings []struct{ Code string }
	Stores   []Store
	Tones    int
}

// Store is a store on the page.
type Store struct {
	Name, State string
	Pending     int
}

func (p *Page) live() (l live) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.First()), &l); err != nil {
		p.t.Fatal(err)
	}
	return l
}
