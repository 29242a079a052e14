//go:build unix

package store

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"tacet/daemon/health"
)

// A Prober is a medium that tries itself: one in which not every user may remove what was written.
type Prober interface {
	// Probe tries to write, and leaves nothing behind.
	Probe(ctx context.Context) error
}

// probeName is the file of a try; recordings have other names.
const probeName = ".tacet-probe"

// Probe reaches a place, tries to write there as a follower does, reads back and removes what it wrote, and says what it reached.
// An error is a [*Trouble] where its cause is known. A place that Open refuses, as a drive without our mark, is not written to.
func Probe(ctx context.Context, k Kind) (where string, err error) {
	m, err := k.Open(ctx)
	if err != nil {
		return "", err
	}
	defer m.Close()
	defer context.AfterFunc(ctx, m.Abort)()
	switch m := m.(type) {
	case Folder:
		err = probe(m)
	case Prober:
		err = m.Probe(ctx)
	}
	if err != nil {
		if t := m.Check(err); t != nil {
			err = t
		}
	}
	return m.ID(), err
}

func probe(m Folder) error {
	const text = "Tacet tries to write here\n"
	fsys := m.FS()
	if err := fsys.Remove(probeName); err != nil && !errors.Is(err, fs.ErrNotExist) { // left by an interruption
		return err
	}
	f, err := fsys.Create(probeName)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = readsBack(m, text)
	}
	return errors.Join(err, fsys.Remove(probeName), fsys.SyncDir("."))
}

func readsBack(m Folder, text string) error {
	back, err := m.ReadBack(probeName)
	if err != nil {
		return err
	}
	defer back.Close()
	got, err := io.ReadAll(io.LimitReader(back, int64(len(text))+1))
	if err == nil && string(got) != text {
		err = &Trouble{health.StoreMismatch, errors.New("what was written does not read back as it was")}
	}
	return err
}
