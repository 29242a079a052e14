//go:build unix

// Package stores makes the stores that a configuration names, for programs that run a daemon.
//
//	maker, err := stores.New(ctx, log)
//	options.Store = maker.Kind(cfg)
package stores

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync"

	"tacet/config"
	"tacet/daemon"
	"tacet/daemon/store"
	"tacet/daemon/store/local"
	"tacet/daemon/store/local/mounts"
	"tacet/daemon/store/s3"
	"tacet/daemon/store/sftp"
	"tacet/daemon/trust"
)

// Maker makes stores. They share one watcher of the mount table.
type Maker struct {
	watcher *mounts.Watcher
	log     *slog.Logger

	mu         sync.Mutex
	subscribed map[string]<-chan struct{} // by store; a new configuration goes on with it; guarded by mu
}

// New watches the mount table until ctx ends.
func New(ctx context.Context, log *slog.Logger) (*Maker, error) {
	w, err := mounts.Watch(ctx)
	if err != nil {
		return nil, err
	}
	return &Maker{watcher: w, log: log, subscribed: map[string]<-chan struct{}{}}, nil
}

// Kind returns the function that makes a unit's stores. None of them opens if it shows the spool.
func (m *Maker) Kind(cfg *config.Config) daemon.StoreKind {
	return func(s config.Store, judge trust.Judge) store.Kind {
		return store.Apart(m.kind(cfg, s, judge), cfg.Spool.Path)
	}
}

func (m *Maker) kind(cfg *config.Config, s config.Store, judge trust.Judge) store.Kind {
	room := cfg.Room
	switch s.Kind {
	case config.Drive:
		return &local.Drive{Site: room.Site, Room: room.ID, Store: s.Name, Label: s.Label, Mounts: mounts.Read,
			Others: others(cfg, s), Changes: m.changes(s.Name), Judge: judge}
	case config.Folder:
		return &local.Folder{Path: s.Path, UnmountedOK: s.UnmountedOK, Mounts: mounts.Read,
			Others: others(cfg, s), Changes: m.changes(s.Name)}
	case config.SFTP:
		return sftpKind(s)
	case config.S3:
		return s3.Kind{
			Endpoint: s.Endpoint, Bucket: s.Bucket, Prefix: s.Prefix, Region: s.Region, AccessKeyFile: s.AccessKeyFile,
			SecretKeyFile: s.SecretKeyFile, PathStyle: s.PathStyle, CA: s.CA, Lock: s.Lock, Quirks: new(s3.Quirks),
		}
	}
	return unknown{s.Kind} // config allows no other kind
}

// unknown is a store of a kind that config knows and Kind doesn't.
type unknown struct{ kind string }

func (u unknown) Open(context.Context) (store.Medium, error) {
	return nil, fmt.Errorf("this program has no stores of kind %q", u.kind)
}

func (unknown) Changed() <-chan struct{} { return nil }

// others returns the folders that a store must not be: the spool, and the folders of other stores.
// If two stores have the same folder, only the first may use it.
func others(cfg *config.Config, s config.Store) (all []local.Other) {
	if cfg.Spool.Path != "" {
		all = append(all, local.Other{Path: cfg.Spool.Path, What: "the unit's own spool"})
	}
	for _, o := range cfg.Stores {
		if o.Name == s.Name && s.Kind == config.Folder {
			break
		}
		if o.Kind == config.Folder {
			all = append(all, local.Other{Path: o.Path, What: "store " + o.Name})
		}
	}
	return all
}

// changes returns a channel that tells a store of changes to the mount table.
func (m *Maker) changes(name string) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.subscribed[name] == nil {
		m.subscribed[name] = m.watcher.Subscribe()
	}
	return m.subscribed[name]
}

// sftpKind splits the address, which the configuration has checked.
func sftpKind(s config.Store) sftp.Kind {
	k := sftp.Kind{Key: s.Key, KnownHosts: s.KnownHosts}
	if u, err := url.Parse(s.URL); err == nil {
		port := u.Port()
		if port == "" {
			port = "22"
		}
		k.Addr, k.User, k.Path = net.JoinHostPort(u.Hostname(), port), u.User.Username(), u.Path
	}
	return k
}
