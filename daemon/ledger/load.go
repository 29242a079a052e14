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
}

// open brings the ledger to where entries can be appended.
func (l *Ledger) open() error {
	signed, fresh, err := l.savedHead()
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
		l.tree, l.first, l.bytes = f.tree, f.first, f.bytes
		// What is not under the saved head may never have reached the disk, even if it reads well: a sync may have
		// failed just before the process ended. A new file makes it sure.
		if fresh || f.size != f.bytes || l.tree.size != signed.size {
			if err := l.rewrite(); err != nil {
				return err
			}
		}
	}
	if l.head, err = l.tree.head().sign(l.origin, l.unit); err != nil {
		return err
	}
	if fresh {
		l.saved = -1
	}
	if err := l.saveHead(); err != nil {
		return err
	}
	l.broken = l.lookAside(string(b))
	l.file, err = l.fs.Append(l.name)
	return err
}

// savedHead reads the head beside the ledger. A fresh ledger has none, and no lines.
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
	if h, err = openHead(signed, l.origin, l.unit); err != nil {
		return head{}, false, breach(err.Error())
	}
	return h, false, nil
}

// read reads the ledger's file, up to limit bytes (less than 0: all), and proves it against a signed head. What is
// behind the last whole entry, and behind the head, is a tail that was never acknowledged.
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
	proved, restarted := false, false
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
			if restarted, err = f.start(leaf, signed); err != nil {
				return err
			}
			proved = restarted || f.tree.is(signed)
		}
		f.tree, f.bytes = f.tree.with(leaf), f.bytes+int64(len(line))
		if f.tree.size == signed.size && !restarted {
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

// start looks whether the first line makes the file the continuation of another, or one that was begun because of a
// ledger that did not hold, where that was interrupted before the new head could be saved.
func (f *found) start(leaf []byte, signed head) (restarted bool, err error) {
	var e Entry
	if json.Unmarshal(leaf, &e) != nil {
		return false, nil
	}
	switch e.Type {
	case continued:
		if f.tree, err = resume(e); err != nil {
			return false, breach(err.Error())
		}
		f.first = f.tree.size
	case broken:
		restarted = e.Size == signed.size && e.Root == signed.root.String()
	}
	return restarted, nil
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
