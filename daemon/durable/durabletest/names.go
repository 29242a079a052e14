package durabletest

import (
	"io/fs"
	"path"
	"slices"

	"tacet/daemon/durable"
)

// A change to names that is not durable yet: to now names n, and from, if any, was removed.
type change struct {
	from, to string
	n        *node // nil: removed
	lost     bool  // a sync of the folder failed since: the next one writes nothing and returns nil
}

func (d *Disk) Create(name string) (durable.File, error) {
	var f durable.File
	err := d.do("create", name, func() error {
		switch {
		case d.names[name] != nil || d.dirs[name]:
			return fs.ErrExist
		case d.readOnly:
			return errReadOnly
		case d.free() <= 0:
			return errFull
		case !d.dirs[path.Dir(name)]:
			return fs.ErrNotExist
		}
		n := newNode(0)
		d.change(change{to: name, n: n})
		f = d.open(name, n, true)
		return nil
	})
	if err != nil {
		if f != nil { // made, but reported as failed: nobody can close it
			d.mu.Lock()
			d.handles--
			d.mu.Unlock()
		}
		return nil, err
	}
	return f, nil
}

func (d *Disk) Append(name string) (durable.File, error) { return d.existing("append", name, true) }

func (d *Disk) Open(name string) (durable.File, error) { return d.existing("open", name, false) }

func (d *Disk) existing(op, name string, write bool) (durable.File, error) {
	var n *node
	err := d.do(op, name, func() error {
		n = d.names[name]
		switch {
		case n == nil && !d.dirs[name]:
			return fs.ErrNotExist
		case n == nil || n.kind != 0:
			return durable.ErrNotRegular
		case write && n.frozen:
			return fs.ErrPermission
		case write && d.readOnly:
			return errReadOnly
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open(name, n, write), nil
}

func (d *Disk) Rename(from, to string) error {
	return d.do("rename", from, func() error {
		n := d.names[from]
		switch {
		case !fs.ValidPath(to) || d.dirs[to]:
			return fs.ErrInvalid
		case n == nil || !d.dirs[path.Dir(to)]:
			return fs.ErrNotExist
		case d.readOnly:
			return errReadOnly
		}
		if unsynced := n.unsynced(); unsynced > 0 {
			d.violate("%s renamed to %s with %d blocks not synced", from, to, unsynced)
		}
		d.change(change{from: from, to: to, n: n})
		return nil
	})
}

func (d *Disk) Remove(name string) error {
	return d.do("remove", name, func() error {
		switch {
		case d.names[name] == nil:
			return fs.ErrNotExist
		case d.readOnly:
			return errReadOnly
		}
		d.change(change{to: name})
		return nil
	})
}

func (d *Disk) Stat(name string) (fs.FileInfo, error) {
	var info fs.FileInfo
	err := d.do("stat", name, func() (err error) {
		info, err = d.stat(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return info, nil
}

func (d *Disk) ReadDir(name string) ([]fs.DirEntry, error) {
	var entries []fs.DirEntry
	err := d.do("readdir", name, func() error {
		if !d.dirs[name] {
			return fs.ErrNotExist
		}
		for _, in := range d.all() {
			if in != "." && path.Dir(in) == name {
				info, err := d.stat(in)
				if err != nil {
					return err
				}
				entries = append(entries, fs.FileInfoToDirEntry(info))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

func (d *Disk) SyncDir(name string) error {
	if err := d.wait(); err != nil {
		return &fs.PathError{Op: "syncdir", Path: name, Err: err}
	}
	synced, left := false, drop()
	err := d.do("syncdir", name, func() error {
		synced = true
		if left {
			return nil
		}
		return d.syncDir(name)
	})
	if err != nil && !synced {
		d.mu.Lock()
		defer d.mu.Unlock()
		for i, c := range d.pending {
			d.pending[i].lost = c.lost || path.Dir(c.to) == name
		}
	}
	return err
}

// syncDir writes the folder if anything in it changed since the last try. Then it writes all of it,
// even what that try lost.
func (d *Disk) syncDir(name string) error {
	in := func(c change) bool { return path.Dir(c.to) == name }
	changed := slices.ContainsFunc(d.pending, func(c change) bool { return in(c) && !c.lost })
	switch {
	case !d.dirs[name]:
		return fs.ErrNotExist
	case !changed:
		return nil
	case d.readOnly:
		return errReadOnly
	}
	d.pending = slices.DeleteFunc(d.pending, func(c change) bool {
		if in(c) {
			c.apply(d.platter)
		}
		return in(c)
	})
	return nil
}

func (d *Disk) Freeze(name string) error {
	return d.do("freeze", name, func() error {
		n := d.names[name]
		switch {
		case n == nil:
			return fs.ErrNotExist
		case d.readOnly:
			return errReadOnly
		}
		n.frozen, n.dirty[frozen] = true, true
		return nil
	})
}

// change makes a change to names that is visible at once, but may not survive a power cut.
func (d *Disk) change(c change) {
	c.apply(d.names)
	d.pending = append(d.pending, c)
}

func (c change) apply(names map[string]*node) {
	if c.from != "" {
		delete(names, c.from)
	}
	if c.n == nil {
		delete(names, c.to)
		return
	}
	names[c.to] = c.n
}
