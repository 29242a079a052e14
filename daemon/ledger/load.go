package ledger

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"tacet/daemon/durable"
)

const headSuffix = ".head"

// breach says why the lines are not what was signed. Any other error is the disk's.
type breach string

func (b breach) Error() string { return string(b) }

// loaded is a file of the ledger as it was read.
type loaded struct {
	tree  tree
	first int64 // number of its first leaf
	bytes int64 // size of its complete lines
	size  int64 // of the file

	// restarted says why the ledger before was broken, if this one replaced it and its head was not
	// saved yet.
	restarted string
}

// open makes the ledger ready for Append.
func (l *Ledger) open(first bool) error {
	signed, fresh, err := l.savedHead()
	if fresh {
		if !first {
			if err := l.markMissing(); err != nil {
				return err
			}
		}
		l.origin = l.newOrigin() // nobody has seen a head of this ledger yet
	}
	var f loaded
	if err == nil {
		l.saved = signed.size
		f, err = l.read(signed, -1)
	}
	var b breach
	switch {
	case errors.As(err, &b):
		if err := l.restart(signed, string(b)); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		if f.restarted != "" { // a restart was interrupted before its head was saved, so nobody has seen one
			b, l.saved, l.origin = breach(f.restarted), -1, l.newOrigin()
		}
		l.tree, l.first, l.bytes = f.tree, f.first, f.bytes
		// Lines not under the saved head may not be on disk even if they can be read: a sync may
		// have failed just before the process ended. A new file makes sure.
		if fresh || f.size != f.bytes || l.tree.size != signed.size {
			if err := l.rewrite(); err != nil {
				return err
			}
		}
	}
	return l.ready(fresh, string(b))
}

// ready signs and saves the head of what was loaded and opens the file for appending. broken says
// why the ledger before was put aside, if it was.
func (l *Ledger) ready(fresh bool, broken string) error {
	signedNow, err := l.tree.head().sign(l.origin, l.unit)
	if err != nil {
		return err
	}
	l.setState(l.tree, l.first, l.bytes, signedNow)
	if fresh {
		l.saved = -1
	}
	if err := l.saveHead(); err != nil {
		return err
	}
	l.broken = l.findAside(broken)
	if l.file, err = l.fs.Append(l.name); err != nil {
		return err
	}
	return l.recordMissing()
}

// savedHead reads the saved head, and sets the ledger's origin from it. fresh says that there is
// neither a head nor a line.
func (l *Ledger) savedHead() (h head, fresh bool, err error) {
	signed, err := durable.ReadFile(l.fs, l.name+headSuffix, maxLine)
	if errors.Is(err, fs.ErrNotExist) {
		info, err := l.fs.Stat(l.name)
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && info.Size() == 0:
			return tree{}.head(), true, nil
		case err != nil:
			return head{}, false, err
		}
		return head{}, false, breach("its signed head is missing")
	}
	if err != nil {
		return head{}, false, err
	}
	if h, l.origin, err = openHead(signed, l.place, l.unit); err != nil {
		return head{}, false, breach(err.Error())
	}
	return h, false, nil
}

// read reads up to limit bytes of the ledger's file (all if negative), and checks them against a
// signed head. Whatever follows the last complete entry, after the head, was never acknowledged.
func (l *Ledger) read(signed head, limit int64) (loaded, error) {
	file, err := l.fs.Open(l.name)
	if errors.Is(err, fs.ErrNotExist) {
		if signed.size > 0 {
			return loaded{}, breach("it is missing")
		}
		return loaded{}, nil
	}
	if err != nil {
		return loaded{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return loaded{}, err
	}
	f := loaded{size: info.Size()}
	if f.size > 4*maxFile {
		return loaded{}, breach(fmt.Sprintf("it has %d bytes, more than any ledger", f.size))
	}
	if limit >= 0 {
		f.size = min(f.size, limit)
	}
	err = f.verify(bufio.NewReaderSize(io.NewSectionReader(file, 0, f.size), maxLine+1), signed)
	return f, err
}

// verify reads lines up to the torn end, and checks them against a signed head.
func (f *loaded) verify(lines *bufio.Reader, signed head) error {
	proved := false
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return err
		}
		leaf := bytes.TrimSuffix(line, []byte("\n"))
		if err != nil || !isEntry(leaf) {
			if err := checkTail(lines, err); err != nil {
				return err
			}
			break
		}
		if f.bytes == 0 {
			if err := f.start(leaf, signed); err != nil {
				return err
			}
			proved = f.restarted != "" || f.tree.is(signed)
		}
		f.tree, f.bytes = f.tree.with(leaf), f.bytes+int64(len(line))
		if f.restarted != "" {
			if f.tree.size > 1 { // Open saves the head before anything is appended
				return breach("its first entry is that of a restart, but its head is older")
			}
			continue
		}
		if f.tree.size == signed.size {
			if proved = f.tree.is(signed); !proved {
				return breach(fmt.Sprintf("its first %d entries are not those that were signed", signed.size))
			}
		}
	}
	if !proved && signed.size > 0 {
		return breach(fmt.Sprintf("it holds %d entries, and %d were signed", f.tree.size, signed.size))
	}
	return nil
}

// start parses the first line. It may continue another file, or replace a broken ledger; that may
// have been interrupted before the new head was saved.
func (f *loaded) start(leaf []byte, signed head) (err error) {
	var e Entry
	if json.Unmarshal(leaf, &e) != nil {
		return nil
	}
	switch e.Type {
	case continued:
		if f.tree, err = resume(e); err != nil {
			return breach(err.Error())
		}
		f.first = f.tree.size
	case broken:
		if e.Size == signed.size && e.Root == signed.root.String() {
			f.restarted = e.Why
		}
	}
	return nil
}

// checkTail fails if an entry follows the line that is none: then it is not the torn end of a
// write.
func checkTail(lines *bufio.Reader, err error) error {
	for err == nil || err == bufio.ErrBufferFull {
		var line []byte
		if line, err = lines.ReadSlice('\n'); err == nil && isEntry(line) {
			return breach("a line in its middle is damaged")
		}
	}
	if err == io.EOF {
		return nil
	}
	return err
}
