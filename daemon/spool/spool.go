//go:build unix

// Package spool keeps the recordings on the unit's own disk, where each is written first.
//
//	lock, err := spool.Lock(path)             // one daemon per spool; says what is wrong with the folder
//	s, err := spool.Open(durable.OS(root))
//	found, err := s.Recover(unit, boot)       // closes what an interruption left open
//	f, err := s.Create(name)                  // the name is on disk when it returns
//	err = f.Append(segment)                   // one write and one sync: on disk when it returns
//	err = f.Close()
//
// Whatever Append returned nil for survives a power cut, a full disk and a killed process. After an
// error nothing more is written to that file. Recover makes a complete one of it, in a new file, in
// this process or the next. Disk space is reserved before a recording grows into it
// ([durable.Reserver]), up to 1 MiB ahead; closing the file gives the rest back.
//
// The folder must exist and is never made: if a disk isn't mounted there is nothing to write on. The
// spool knows its own files by name, leaves all others alone, and never follows them:
//
//	NAME.tacet           a recording; read-only once it is finished and safe on the disk
//	NAME.tacet.damaged   the old bytes of a recording that could only be kept up to some damage
//	….tmp                a file that an interruption left half made; removed at the next start
//
// Errors are of type [*Error]: they tell a missing folder from a full, a failing or a read-only
// disk, and say what to do.
package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"
	"sync"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/recording"
)

// Spool is an open spool. Any goroutine may use it, but only one may call Recover and Due.
type Spool struct {
	fs durable.FS

	mu   sync.Mutex
	live map[string]*File // open for writing; guarded by mu

	failed map[string]*failure // by recording name; only for Recover and Due
}

// Open opens the spool in a folder. The caller must hold its Lock.
func Open(fsys durable.FS) (*Spool, error) {
	s := &Spool{fs: fsys, live: map[string]*File{}, failed: map[string]*failure{}}
	if _, err := s.fs.Stat("."); err != nil {
		return nil, s.fault("open", err)
	}
	return s, nil
}

// Entry is a recording in the spool.
type Entry struct {
	Name string
	ID   string
	// Size is the number of bytes that are safe to read and to copy.
	Size int64
	// Live: it is being written.
	Live bool
	// Finished: it has its end, and all of it is on disk.
	Finished bool
}

// List returns the recordings in the order of their names, which is that of their starts by the
// unit's clock. With durable.ErrTooMany it returns some of them.
func (s *Spool) List() ([]Entry, error) {
	names, err := s.fs.ReadDir(".")
	if err != nil && !errors.Is(err, durable.ErrTooMany) {
		return nil, s.fault("list", err)
	}
	var list []Entry
	for _, n := range names {
		id, ok := idOf(n.Name())
		if !ok || !n.Type().IsRegular() {
			continue
		}
		info, err := s.fs.Stat(n.Name())
		if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			continue
		}
		if err != nil {
			return nil, s.fault("list", err)
		}
		e := Entry{Name: n.Name(), ID: id, Size: info.Size(), Finished: durable.Frozen(info)}
		if f := s.writing(e.Name); f != nil {
			e.Size, e.Live = f.Synced(), true
		}
		list = append(list, e)
	}
	return list, err
}

// Read opens a recording to copy it. If it is live, use only its synced bytes. If it was removed the
// error is fs.ErrNotExist, here and in the methods below.
func (s *Spool) Read(name string) (durable.File, error) {
	if _, ok := idOf(name); !ok {
		return nil, fmt.Errorf("read %q in the spool: not the name of a recording", name)
	}
	f, err := s.fs.Open(name)
	if err != nil {
		return nil, s.without(name, err)
	}
	return f, nil
}

// Synced returns the number of bytes of a recording that are safe to copy, and whether it is live.
func (s *Spool) Synced(name string) (size int64, live bool, err error) {
	if f := s.writing(name); f != nil {
		return f.Synced(), true, nil
	}
	info, err := s.fs.Stat(name)
	if err != nil {
		return 0, false, s.without(name, err)
	}
	return info.Size(), false, nil
}

// Remove removes a recording that is safe elsewhere. A .damaged file beside it stays.
func (s *Spool) Remove(name string) error {
	if _, ok := idOf(name); !ok {
		return fmt.Errorf("remove %q from the spool: not the name of a recording", name)
	}
	if s.writing(name) != nil {
		return fmt.Errorf("remove %s from the spool: it is being written", name)
	}
	if err := s.fs.Remove(name); err != nil {
		return s.without(name, err)
	}
	if err := s.fs.SyncDir("."); err != nil {
		return s.fault("remove "+name+" from", err)
	}
	return nil
}

// without returns the error of an operation on one recording. A missing recording is no fault of the
// spool.
func (s *Spool) without(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s in the spool: %w", name, fs.ErrNotExist)
	}
	return s.fault("use "+name+" in", err)
}

// Space returns the free space and the size of the disk in bytes, or math.MaxInt64 for a disk that
// can't tell. Such a disk is full when it refuses a write.
func (s *Spool) Space() (free, total int64, err error) {
	if free, total, err = s.fs.Space(); errors.Is(err, errors.ErrUnsupported) {
		return math.MaxInt64, math.MaxInt64, nil
	} else if err != nil {
		return 0, 0, s.fault("measure", err)
	}
	return free, total, nil
}

// Left returns how much longer a recording can be written.
func (s *Spool) Left(bytesPerSecond int64) (time.Duration, error) {
	free, _, err := s.Space()
	if err != nil || bytesPerSecond <= 0 {
		return 0, err
	}
	return Lasts(free, bytesPerSecond), nil
}

// Lasts returns how long free bytes last, a few centuries at most.
func Lasts(free, bytesPerSecond int64) time.Duration {
	const longest = int64(1<<63-1) / int64(time.Second)
	return time.Duration(min(free/bytesPerSecond, longest)) * time.Second
}

// Check reports whether recordings can be written, without writing. It is cheap, but hangs if the
// disk does.
func (s *Spool) Check() error {
	if _, err := s.fs.Stat("."); err != nil {
		return s.fault("look at", err)
	}
	if err := s.fs.Writable(); err != nil {
		return s.fault("write to", err)
	}
	_, _, err := s.Space()
	return err
}

// Probe writes, syncs, reads and removes a file, which finds what Check can't.
func (s *Spool) Probe() error {
	const name = "probe" + durable.TempSuffix
	const text = "the spool can be written\n"
	_ = s.fs.Remove(name) // left by an interruption
	f, err := s.fs.Create(name)
	if err != nil {
		return s.fault("write to", err)
	}
	read := make([]byte, len(text))
	_, err = io.WriteString(f, text)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		_, err = f.ReadAt(read, 0)
	}
	if err == nil && string(read) != text {
		err = errors.New("it does not read as it was written")
	}
	err = errors.Join(err, f.Close(), s.fs.Remove(name), s.fs.SyncDir("."))
	if err != nil {
		return s.fault("try", err)
	}
	return nil
}

// writing returns the file that is open for writing under name, or nil.
func (s *Spool) writing(name string) *File {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live[name]
}

// idOf returns the ID in a recording's name. Other names are not the spool's.
func idOf(name string) (id string, ok bool) {
	_, _, id, err := recording.ParseName(name)
	return id, err == nil
}

// isLeftover reports whether name is that of a half-made file.
func isLeftover(name string) bool {
	name, temp := strings.CutSuffix(name, durable.TempSuffix)
	_, ours := idOf(strings.TrimSuffix(name, damagedSuffix))
	return temp && (ours || name == "probe")
}
