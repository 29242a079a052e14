//go:build unix

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"tacet/daemon/health"
)

// putWhole brings a finished recording into a bucket, reads it back and compares it. beside says
// why it does not have the recording's own name there.
func putWhole(ctx context.Context, b Bucket, from *original, size int64, name string,
	progress func()) (beside string, err error) {
	for n := 1; n <= maxBeside; n++ {
		as := Beside(name, n)
		progress()
		err := b.Put(ctx, as, from.watched(progress), size)
		there := errors.Is(err, fs.ErrExist)
		if err != nil && !there {
			return "", fmt.Errorf("put the copy %s: %w", as, err)
		}
		err = proveObject(ctx, b, from, size, as, progress)
		if there && errors.Is(err, errDiffers) {
			beside = fmt.Sprintf("the object %s is something else", as)
			continue
		}
		if errors.Is(err, errDiffers) {
			err = &Trouble{health.StoreMismatch, fmt.Errorf("%s: %w", as, err)}
		}
		return beside, err
	}
	return "", fmt.Errorf("put the copy %s: %d other objects have its name: move them elsewhere", name, maxBeside)
}

// proveObject compares an object with the recording, byte by byte.
func proveObject(ctx context.Context, b Bucket, from *original, size int64, as string, progress func()) error {
	object, length, err := b.Get(ctx, as)
	if err != nil {
		return fmt.Errorf("read the copy %s back: %w", as, err)
	}
	defer object.Close()
	if length != size && length >= 0 {
		return errDiffers
	}
	for at := int64(0); at < size; {
		progress()
		n, err := agree(object, from, at, size)
		if err != nil {
			return err
		}
		at += n
	}
	return nil
}

// watched is the recording for a reader elsewhere, which tells of each read that something goes on.
func (o *original) watched(progress func()) watchedOriginal { return watchedOriginal{o, progress} }

type watchedOriginal struct {
	*original
	progress func()
}

// ReadAt keeps io.ReaderAt's promises as far as the spool's file does.
func (w watchedOriginal) ReadAt(b []byte, at int64) (int, error) {
	w.progress()
	n, err := w.file.ReadAt(b, at)
	return n, err
}
