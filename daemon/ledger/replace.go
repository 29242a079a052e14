package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"tacet/daemon/durable"
)

// repair makes the ledger writable again after a failure: the acknowledged lines are read,
// verified, and written to a new file.
func (l *Ledger) repair() error {
	f, err := l.read(l.tree.head(), l.bytes)
	if err != nil {
		return fmt.Errorf("read it again after a failure: %w", err)
	}
	switch {
	case f.bytes == l.bytes && f.tree.is(l.tree.head()):
	case f.first > 0 && f.first == l.tree.size && f.tree.size == f.first+1:
		// The file had just been started, and only the sync of the folder failed.
		head, err := f.tree.head().sign(l.origin, l.unit)
		if err != nil {
			return err
		}
		l.setState(f.tree, f.first, f.bytes, head)
	default:
		return errors.New("read it again after a failure: it no longer holds what was written")
	}
	if err := l.rewrite(); err != nil {
		return err
	}
	l.file, err = l.fs.Append(l.name)
	return err
}

// rewrite replaces the ledger's file by a synced copy of its first l.bytes.
func (l *Ledger) rewrite() error { return l.copyTo(l.name, l.bytes) }

// copyTo copies the first n bytes of the ledger to a file, completely or not at all.
func (l *Ledger) copyTo(name string, n int64) error {
	temp := l.name + durable.TempSuffix
	if err := l.fs.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	to, err := l.fs.Create(temp)
	if err != nil {
		return err
	}
	if n > 0 {
		err = l.copyLines(to, n)
	}
	if err == nil {
		err = to.Sync()
	}
	return durable.Replace(l.fs, to, err, temp, name)
}

func (l *Ledger) copyLines(to io.Writer, n int64) error {
	from, err := l.fs.Open(l.name)
	if err != nil {
		return err
	}
	defer from.Close()
	_, err = io.CopyN(to, from, n)
	return err
}

// restart puts a broken ledger aside, and starts a new one, of another origin, that says so.
func (l *Ledger) restart(signed head, why string) error {
	l.origin = l.newOrigin()
	kept, err := l.putAside()
	if err != nil {
		return fmt.Errorf("put it aside, since %s: %w", why, err)
	}
	e := Entry{Type: broken, Time: time.Now(), Why: why, Kept: kept}
	if signed != (head{}) {
		e.Size, e.Root = signed.size, signed.root.String()
	}
	return l.startFile(tree{}, e)
}

// startFile replaces the ledger's file by one with a single entry, the next leaf of t.
func (l *Ledger) startFile(t tree, e Entry) error {
	line, err := e.line()
	if err != nil {
		return err
	}
	first := t.size
	t = t.with(line)
	head, err := t.head().sign(l.origin, l.unit)
	if err != nil {
		return err
	}
	if l.file != nil {
		l.drop()
	}
	if err := durable.WriteFile(l.fs, l.name, append(line, '\n')); err != nil {
		return err
	}
	l.setState(t, first, int64(len(line))+1, head)
	l.saved = -1
	return nil
}

// putAside copies the ledger to NAME.broken.N and returns that name. If nothing was left of the
// ledger the copy is empty. The first copies are kept for good; once all names are taken, the last
// one is used again.
func (l *Ledger) putAside() (string, error) {
	size := int64(0)
	info, err := l.fs.Stat(l.name)
	if err == nil {
		size = min(info.Size(), 4*maxFile)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	kept := l.aside(maxAside)
	for i := 1; i <= maxAside; i++ {
		if _, err := l.fs.Stat(l.aside(i)); errors.Is(err, fs.ErrNotExist) {
			kept = l.aside(i)
			break
		}
		if same, err := l.same(l.aside(i), size); err != nil {
			return "", err
		} else if same { // put aside by a try that failed later
			return l.aside(i), l.fs.SyncDir(".")
		}
	}
	return kept, l.copyTo(kept, size)
}

// same reports whether the file name holds exactly the first n bytes of the ledger.
func (l *Ledger) same(name string, n int64) (bool, error) {
	info, err := l.fs.Stat(name)
	if err != nil || info.Size() != n || n == 0 {
		return n == 0 && err == nil && info.Size() == 0, err
	}
	a, err := l.fs.Open(name)
	if err != nil {
		return false, err
	}
	defer a.Close()
	b, err := l.fs.Open(l.name)
	if err != nil {
		return false, err
	}
	defer b.Close()
	var bufs [2][32 << 10]byte
	for at := int64(0); at < n; {
		part := min(n-at, int64(len(bufs[0])))
		for i, f := range []io.ReaderAt{a, b} {
			if got, err := f.ReadAt(bufs[i][:part], at); int64(got) < part {
				return false, err
			}
		}
		if !bytes.Equal(bufs[0][:part], bufs[1][:part]) {
			return false, nil
		}
		at += part
	}
	return true, nil
}

func (l *Ledger) aside(i int) string { return fmt.Sprintf("%s.broken.%d", l.name, i) }

// findAside returns the error for Broken, or nil.
func (l *Ledger) findAside(why string) error {
	var kept []string
	for i := 1; i <= maxAside; i++ {
		if _, err := l.fs.Stat(l.aside(i)); err == nil {
			kept = append(kept, l.aside(i))
		}
	}
	if why == "" && len(kept) == 0 {
		return nil
	}
	return &BrokenError{why, kept}
}

// continueInNew keeps the full file as a part, and continues in a new one whose first entry holds
// the tree's edge. The head is saved first, because the new file, which knows nothing of earlier
// trees, is verified against it.
func (l *Ledger) continueInNew() error {
	if err := l.saveHead(); err != nil {
		return err
	}
	if err := l.copyTo(l.part(l.first), l.bytes); err != nil {
		return err
	}
	e := Entry{Type: continued, Time: time.Now(), Size: l.tree.size, Root: l.tree.root().String()}
	for _, h := range l.tree.edge {
		e.Edge = append(e.Edge, h.String())
	}
	if err := l.startFile(l.tree, e); err != nil {
		return err
	}
	file, err := l.fs.Append(l.name)
	if err != nil {
		return err
	}
	l.file = file
	l.forgetOldest()
	return nil
}

// forgetOldest removes the oldest parts beyond maxParts. It ignores errors, since the next call
// tries again.
func (l *Ledger) forgetOldest() {
	parts, _ := l.parts()
	for len(parts) > maxParts {
		_ = l.fs.Remove(parts[0])
		parts = parts[1:]
	}
}
