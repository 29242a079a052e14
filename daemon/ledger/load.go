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

// breach says why lines are not what was signed. All other errors are the disk's.
type breach string

func (b breach) Error() string { return string(b) }

// found is a file of the ledger, as it was read.
type found struct {
	tree  tree
	first int64 // the number of its first leaf
	bytes int64 // of the whole lines that are entries
	size  int64 // of the file

	// restarted says why the ledger before this one did not hold, where this one was begun and its
	// head not saved yet.
	restarted string
}

// open brings the ledger to where entries can be appended.
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
	var f found
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
		if f.restarted != "" { // a restart that was interrupted: no head of it was saved, so nobody has seen one
			b, l.saved, l.origin = breach(f.restarted), -1, l.newOrigin()
		}
		l.tree, l.first, l.bytes = f.tree, f.first, f.bytes
		// What is not under the saved head may never have reached the disk, even if it reads well:
		// a sync may have failed just before the process ended. A new file makes it sure.
		if fresh || f.size != f.bytes || l.tree.size != signed.size {
			if err := l.rewrite(); err != nil {
				return err
			}
		}
	}
	signedNow, err := l.tree.head().sign(l.origin, l.unit)
	if err != nil {
		return err
	}
	l.become(l.tree, l.first, l.bytes, signedNow)
	if fresh {
		l.saved = -1
	}
	if err := l.saveHead(); err != nil {
		return err
	}
	l.broken = l.lookAside(string(b))
	if l.file, err = l.fs.Append(l.name); err != nil {
		return err
	}
	return l.sayMissing()
}

// savedHead reads the head beside the ledger, and from it the ledger's origin. A fresh ledger has
// no head, and no lines.
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

// read reads the ledger's file, up to limit bytes (less than 0: all), and proves it against a
// signed head. What is after the last whole entry, and after the head, is a tail that was never
// acknowledged.
func (l *Ledger) read(signed head, limit int64) (found, error) {
	file, err := l.fs.Open(l.name)
	if errors.Is(err, fs.ErrNotExist) {
		if signed.size > 0 {
			return found{}, breach("it is missing")
		}
		return found{}, nil
	}
	if err != nil {
		return found{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return found{}, err
	}
	f := found{size: info.Size()}
	if f.size > 4*maxFile {
		return found{}, breach(fmt.Sprintf("it has %d bytes, more than any ledger", f.size))
	}
	if limit >= 0 {
		f.size = min(f.size, limit)
	}
	err = f.prove(bufio.NewReaderSize(io.NewSectionReader(file, 0, f.size), maxLine+1), signed)
	return f, err
}

// prove reads lines, and stops at the tail.
func (f *found) prove(lines *bufio.Reader, signed head) error {
	proved := false
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return err
		}
		leaf := bytes.TrimSuffix(line, []byte("\n"))
		if err != nil || !isEntry(leaf) {
			if err := onlyRubbish(lines, err); err != nil {
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
				return breach("its first entry is that of a restart, and its head is older")
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

// start looks whether the first line makes the file the continuation of another, or one that was
// begun because of a ledger that did not hold, where that was interrupted before the new head could
// be saved.
func (f *found) start(leaf []byte, signed head) (err error) {
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

// onlyRubbish fails if an entry follows what is none: then that is not the torn end of a write.
func onlyRubbish(lines *bufio.Reader, err error) error {
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
