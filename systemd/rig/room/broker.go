package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
)

// broker collects what the unit publishes.
type broker struct {
	sub *exec.Cmd
	mu  sync.Mutex
	all bytes.Buffer // lines of "topic payload"
}

func subscribe() (*broker, error) {
	b := &broker{sub: exec.Command("mosquitto_sub", "-t", "#", "-F", "%t %p")}
	b.sub.Stdout = b
	if err := b.sub.Start(); err != nil {
		return nil, err
	}
	_, err := until("the broker says that the unit is online", patience,
		func() bool { return b.heard("tacet/rig/room-1/availability online") })
	return b, err
}

// Write takes what mosquitto_sub prints.
func (b *broker) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *broker) lines() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

func (b *broker) heard(what string) bool { return strings.Contains(b.lines(), what) }

// heardCopy reports whether the unit has published that a store holds a recording.
func (b *broker) heardCopy(id, store string) bool {
	for line := range strings.Lines(b.lines()) {
		if strings.Contains(line, `"event_type":"copied"`) && strings.Contains(line, `"`+id+`"`) &&
			strings.Contains(line, `"`+store+`"`) {
			return true
		}
	}
	return false
}

func (b *broker) stop() {
	b.sub.Process.Kill()
	b.sub.Wait()
}

// discreet checks what was published during one recording against what may be.
func (b *broker) discreet() error {
	const unit = "tacet/rig/room-1/"
	if _, err := until("the event of the end", patience,
		func() bool { return b.heard(`"event_type":"ended"`) }); err != nil {
		return err
	}
	var errs []error
	heard := b.lines()
	at := 0
	for _, what := range []string{
		unit + "state ", `"phase":"idle"`, `"event_type":"started"`, `"event_type":"ended"`,
	} {
		i := strings.Index(heard[at:], what)
		if i < 0 {
			errs = append(errs, fmt.Errorf("not heard, or not in this order: %s", what))
			continue
		}
		at += i
	}
	for _, what := range []string{`"phase":"recording"`, "homeassistant/device/tacet_rig_room-1/config ", unit + "ledger ",
		unit + "heartbeat "} {
		if !strings.Contains(heard, what) {
			errs = append(errs, fmt.Errorf("not heard: %s", what))
		}
	}
	// Not partial consent, nor who, nor why. (A new version that waits is none of these.)
	heard = strings.ReplaceAll(heard, `"version_waiting":`, "")
	for _, what := range []string{"waiting", "starting", "stopping", "withdrawn", "patient", "clinician", "AGE-SECRET",
		"age1"} {
		if strings.Contains(heard, what) {
			errs = append(errs, fmt.Errorf("heard: %s", what))
		}
	}
	for line := range strings.Lines(heard) {
		if !strings.HasPrefix(line, unit) && !strings.HasPrefix(line, "homeassistant/device/") {
			errs = append(errs, fmt.Errorf("not one of its topics: %s", line))
		}
	}
	return errors.Join(errs...)
}
