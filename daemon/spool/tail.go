//go:build unix

package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"tacet/daemon/durable"
	"tacet/daemon/recording"
)

// tailSuffix ends the name of a recording's tail: NAME.tacet.tail.
const tailSuffix = ".tail"

// KeepTails gives the spool a folder in the unit's memory (a tmpfs) for the tails of its recordings: what is sealed of each and is
// not on the disk yet. It survives a killed process, and is empty after a power cut. It is called before all else; without it
// there are no tails.
func (s *Spool) KeepTails(memory durable.FS) { s.memory = memory }

// WriteTail replaces a recording's tail, wholly or not at all. Nothing is synced: it stays in memory. One goroutine writes the
// tails of a recording.
func (s *Spool) WriteTail(name string, tail []byte) error {
	if s.memory == nil {
		return nil
	}
	if err := s.writeTail(name+tailSuffix, tail); err != nil {
		return fmt.Errorf("write the tail of %s: %w", name, err)
	}
	return nil
}

func (s *Spool) writeTail(name string, tail []byte) error {
	temp := name + durable.TempSuffix
	f, err := s.memory.Create(temp)
	if errors.Is(err, fs.ErrExist) { // one that was not finished
		if err = s.memory.Remove(temp); err == nil {
			f, err = s.memory.Create(temp)
		}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(tail)
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.memory.Rename(temp, name)
	}
	if err != nil {
		s.memory.Remove(temp) // a try: the next tail does it again
	}
	return err
}

// DropTail removes a recording's tail: all of it is on the disk.
func (s *Spool) DropTail(name string) {
	if s.memory != nil {
		s.memory.Remove(name + tailSuffix) // what is left is ignored by Recover, and removed
	}
}

// tail is what a killed process has left of a recording; nil where that is nothing, or can't be had.
func (s *Spool) tail(name string) []byte {
	if s.memory == nil {
		return nil
	}
	tail, err := durable.ReadFile(s.memory, name+tailSuffix, recording.MaxTail)
	if err != nil {
		return nil
	}
	return tail
}

// dropTails removes all tails but those of recordings that are being written, and of those in keep.
func (s *Spool) dropTails(keep map[string]bool) {
	if s.memory == nil {
		return
	}
	names, err := s.memory.ReadDir(".")
	if err != nil {
		return // they are of no use, and of no harm
	}
	for _, n := range names {
		name, tail := strings.CutSuffix(strings.TrimSuffix(n.Name(), durable.TempSuffix), tailSuffix)
		if _, ours := idOf(name); ours && tail && !keep[name] && s.writing(name) == nil {
			s.memory.Remove(n.Name())
		}
	}
}
