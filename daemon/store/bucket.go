//go:build unix

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"tacet/daemon/health"
)

// putObject copies a finished recording into a bucket, reads it back and compares it. beside says
// why the object doesn't have the recording's own name.
func putObject(ctx context.Context, b Bucket, from *source, size int64, name string,
	progress func()) (beside string, err error) {
	for n := 1; n <= maxNames; n++ {
		as := Beside(name, n)
		progress()
		err := b.Put(ctx, as, from.withProgress(progress), size)
		there := errors.Is(err, fs.ErrExist)
		if err != nil && !there {
			return "", fmt.Errorf("put the copy %s: %w", as, err)
		}
		err = compareObject(ctx, b, from, size, as, progress)
		if there && errors.Is(err, errDiffers) {
			beside = fmt.Sprintf("the object %s is something else", as)
			continue
		}
		if errors.Is(err, errDiffers) {
			err = &Trouble{health.StoreMismatch, fmt.Errorf("%s: %w", as, err)}
		}
		return beside, err
	}
	return "", fmt.Errorf("put the copy %s: %d other objects have its name: move them elsewhere", name, maxNames)
}

// compareObject compares an object with the recording, byte by byte.
func compareObject(ctx context.Context, b Bucket, from *source, size int64, as string, progress func()) error {
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
		n, err := compareChunk(object, from, at, size)
		if err != nil {
			return err
		}
		at += n
	}
	return nil
}

// withProgress returns the recording for a reader; progress is called at each read.
func (o *source) withProgress(progress func()) progressSource { return progressSource{o, progress} }

type progressSource struct {
	*source
	progress func()
}

// ReadAt returns the file's own errors, so that io.EOF keeps its meaning.
func (w progressSource) ReadAt(b []byte, at int64) (int, error) {
	w.progress()
	n, err := w.file.ReadAt(b, at)
	return n, err
}
