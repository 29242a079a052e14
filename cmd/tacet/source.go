package main

import (
	"errors"
	"fmt"
	"os"

	"filippo.io/age"

	"tacet/cmd/internal/cli"
	"tacet/daemon/recording"
)

// source is a recording, checked and unlocked, that a part is taken from.
type source struct {
	*os.File
	name  string
	index *recording.Index
	rep   *recording.Report
}

// openSource checks a recording and unlocks it with one of the keys. It warns if only a part of it
// is proved: nothing else can be taken.
func openSource(env *cli.Env, name string, keys []string, passphraseFile string) (*source, error) {
	f, size, err := openFile(name)
	if err != nil {
		return nil, err
	}
	s := &source{File: f, name: name}
	if err := s.open(env, size, keys, passphraseFile); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

func (s *source) open(env *cli.Env, size int64, keys []string, passphraseFile string) (err error) {
	progress := env.Progress("check "+s.name, size)
	defer progress.Done()
	s.index, s.rep, err = recording.NewIndex(interruptible{env.Ctx, s.File}, size,
		recording.Options{Progress: scaleProgress(progress, size)})
	progress.Done()
	switch {
	case errors.Is(err, recording.ErrNoPart) && !s.rep.State.Complete():
		return incomplete(s.name, s.rep)
	case err != nil:
		return fmt.Errorf("check %s: %w", s.name, err)
	case !s.rep.State.Complete():
		env.Warn("%v; what is proved of it counts as all of it: %s", incomplete(s.name, s.rep), formatLength(s.rep.Proved()))
	}
	var identities []age.Identity
	for _, key := range keys {
		more, err := readIdentities(env, key, passphraseFile)
		if err != nil {
			return err
		}
		identities = append(identities, more...)
	}
	if err := s.index.Unlock(identities); errors.Is(err, recording.ErrIdentity) {
		o := &opening{name: s.name, identities: identities, rep: s.rep}
		return o.wrongIdentity()
	} else if err != nil {
		return fmt.Errorf("open %s: %w", s.name, err)
	}
	return nil
}
