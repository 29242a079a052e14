package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The power cuts: a unit whose disk and drive forget what is not flushed. Its spool releases a
// recording as soon as the drive is reported to hold it, so that a false report would cost a
// recording.
const (
	cutsKind  = "ext4"
	cutsStore = "on-" + cutsKind
	// seenFile lists the recordings and how far each had got. It is outside the unit.
	seenFile = "/share/seen"
)

// cuts prepares the unit for the power cuts.
func cuts(r *room) {
	r.check("a unit and a drive, both with a volatile write cache", func() error {
		stores := fmt.Sprintf("[[store]]\nname = \"%s\"\nkind = \"drive\"\nlabel = \"T%s\"\n", cutsStore,
			strings.ToUpper(cutsKind))
		return steps(
			setting{parties: 2, codec: "wav", stores: stores}.write,
			r.start,
			plugVolatile,
			func() error {
				point, _ := mounted(cutsKind)
				return mark(point, cutsStore, configFile)
			},
			r.storesWell,
			func() error { _, err := run("sync"); return err },
			func() error { return os.WriteFile(seenFile, nil, 0o600) },
		)
	})
}

func plugVolatile() error {
	if err := please(fmt.Sprintf("plug %s own-%s.img volatile\n", cutsKind, cutsKind)); err != nil {
		return err
	}
	_, err := until("the drive is mounted", inserted, func() bool { _, ok := mounted(cutsKind); return ok })
	return err
}

// cutting sometimes makes a whole recording, which may reach the drive, and then records until the
// power is cut.
func cutting(r *room) {
	err := func() error {
		if rand.IntN(2) == 0 {
			if err := r.recordWhole(time.Duration(2+rand.IntN(4)) * time.Second); err != nil {
				return err
			}
			pause(time.Duration(rand.IntN(6)) * time.Second) // copied by the time of the cut, or not
		}
		c, err := r.consult(patient, clinician)
		if err != nil {
			return err
		}
		file, err := lastFile()
		if err != nil {
			return err
		}
		after := time.Duration(1+rand.IntN(25)) * time.Second
		for start := time.Now(); ; {
			if err := remember(file, "interrupted", c.from, c.at()); err != nil {
				return err
			}
			if time.Since(start) > after {
				fmt.Println("cut")
				after = time.Hour
			}
			pause(100 * time.Millisecond)
		}
	}()
	fmt.Printf("not ok - record until the power is cut\n# %v\n", err)
	r.explain(time.Now().Add(-time.Minute))
}

// recordWhole makes a recording that ends normally. The spool may release it at once.
func (r *room) recordWhole(length time.Duration) error {
	c, err := r.consult(patient, clinician)
	if err != nil {
		return err
	}
	defer c.stop()
	file, err := lastFile()
	if err != nil {
		return err
	}
	pause(length)
	if _, err := r.withdraw(c.speech, patient); err != nil {
		return err
	}
	return remember(file, "whole", 0, 0)
}

// remembered is what the rig knows of a recording.
type remembered struct {
	File     string
	State    string
	From, At int64
}

func memories() (list []remembered, err error) {
	data, err := os.ReadFile(seenFile)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(data)) {
		var m remembered
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// remember notes a recording, or how far it has got.
func remember(file, state string, from, at int64) error {
	list, err := memories()
	if err != nil {
		return err
	}
	m := remembered{filepath.Base(file), state, from, at}
	if i := slices.IndexFunc(list, func(o remembered) bool { return o.File == m.File }); i >= 0 {
		list[i] = m
	} else {
		list = append(list, m)
	}
	var out strings.Builder
	for _, m := range list {
		line, _ := json.Marshal(m)
		fmt.Fprintf(&out, "%s\n", line)
	}
	if err := os.WriteFile(seenFile+".new", []byte(out.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(seenFile+".new", seenFile)
}

// afterwards checks what a power cut has left.
func afterwards(r *room) {
	r.check("a power cut while recording: closed as interrupted, no more than a segment, a sync and 0.1 s lost; no "+
		"copy reported that is missing",
		func() error {
			if err := idle(); err != nil {
				return err
			}
			// Before the drive is plugged in and could receive them: the copies that the unit
			// reports.
			claimed, err := claimedCopies()
			if err != nil {
				return err
			}
			if err := plugVolatile(); err != nil {
				return err
			}
			list, err := memories()
			if err != nil {
				return err
			}
			if err := steps(func() error { return r.everywhere(list, claimed) }, r.storesWell); err != nil {
				return err
			}
			return r.lastOne(list[len(list)-1])
		})
}

// claimedCopies returns the recordings of which the ledger says that a store holds them.
func claimedCopies() (map[string]bool, error) {
	held := map[string]bool{}
	data, err := os.ReadFile("/var/lib/tacet/ledger")
	if err != nil {
		return nil, err
	}
	list, err := memories()
	for _, m := range list {
		id := strings.TrimSuffix(m.File[strings.LastIndexByte(m.File, '_')+1:], ".tacet")
		for line := range strings.Lines(string(data)) {
			if strings.Contains(line, `"copied"`) && strings.Contains(line, id) {
				held[m.File] = true
			}
		}
	}
	return held, err
}

// everywhere checks that each recording is in the spool or on the drive, whole or properly closed;
// and on the drive if the ledger said so right after the start.
func (r *room) everywhere(list []remembered, claimed map[string]bool) error {
	point, _ := mounted(cutsKind)
	var missing error
	_, err := until("", patience, func() bool {
		missing = nil
		inSpool, onDrive := states(spool), states(point)
		for _, m := range list {
			state := onDrive[m.File]
			if state == "" && !claimed[m.File] {
				state = inSpool[m.File]
			}
			if state != "interrupted" && state != "whole" {
				missing = errors.Join(missing, fmt.Errorf("%s, claimed to be on the drive: %v; there it is %q, and in the spool %q",
					m.File, claimed[m.File], onDrive[m.File], inSpool[m.File]))
			}
		}
		return missing == nil
	})
	if err != nil {
		return missing
	}
	r.note("%d recordings are there; the ledger had claimed copies of %d", len(list), len(claimed))
	return nil
}

// states maps the recordings in a folder to their states.
func states(dir string) map[string]string {
	found := map[string]string{}
	out, err := run("tacet", "ls", "-json", dir)
	var list []recorded
	if err != nil || json.Unmarshal([]byte(out), &list) != nil {
		return found // a recording may have been released meanwhile; the caller tries again
	}
	for _, rec := range list {
		found[filepath.Base(rec.File)] = rec.State
	}
	return found
}

// lastOne checks, on the drive, that the recording that was cut off is closed and nearly complete.
func (r *room) lastOne(m remembered) error {
	point, _ := mounted(cutsKind)
	var rec recorded
	_, err := until("the copy of "+m.File, time.Minute, func() bool {
		var err error
		rec, err = listed(filepath.Join(point, m.File))
		return err == nil && rec.State == m.State
	})
	if err != nil || rec.Reason != "interrupted" {
		return fmt.Errorf("%s is %q because of %q: %w", m.File, rec.State, rec.Reason, err)
	}
	samples, err := rec.listen()
	if err != nil {
		return err
	}
	return errors.Join(r.whole(samples, &speech{}, m.From, m.At+2*rate), r.littleLost(samples, m.At))
}
