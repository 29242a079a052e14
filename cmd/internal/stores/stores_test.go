//go:build linux

package stores

import (
	"reflect"
	"testing"

	"tacet/config"
	"tacet/daemon/store/local"
	"tacet/daemon/store/s3"
)

// No store may be the spool or the folder of another store. Of two stores with the same folder, the
// first may use it.
func TestOthers(t *testing.T) {
	cfg := &config.Config{
		Spool: config.Spool{Path: "/spool"},
		Stores: []config.Store{
			{Name: "a", Kind: config.Folder, Path: "/a"}, {Name: "stick", Kind: config.Drive},
			{Name: "b", Kind: config.Folder, Path: "/b"},
			{Name: "office", Kind: config.SFTP},
		},
	}
	spool := local.Other{Path: "/spool", What: "the unit's own spool"}
	a, b := local.Other{Path: "/a", What: "store a"}, local.Other{Path: "/b", What: "store b"}
	subscribed := map[string]<-chan struct{}{
		"a": make(chan struct{}), "b": make(chan struct{}), "stick": make(chan struct{}),
	}
	for i, want := range [][]local.Other{{spool}, {spool, a, b}, {spool, a}} {
		if got := others(cfg, cfg.Stores[i]); !reflect.DeepEqual(got, want) {
			t.Errorf("the others of %s are %v, want %v", cfg.Stores[i].Name, got, want)
		}
		kind := (&Maker{subscribed: subscribed}).kind(cfg, cfg.Stores[i], nil)
		var got []local.Other
		switch k := kind.(type) {
		case *local.Folder:
			got = k.Others
		case *local.Drive:
			got = k.Others
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s was made with the others %v, want %v", cfg.Stores[i].Name, got, want)
		}
	}
}

func TestEveryKindIsMade(t *testing.T) {
	for _, kind := range config.StoreKinds() {
		s := config.Store{Name: "a", Kind: kind}
		m := &Maker{subscribed: map[string]<-chan struct{}{"a": make(chan struct{})}}
		if k, missing := m.kind(&config.Config{}, s, nil).(unknown); missing {
			t.Errorf("Kind makes no store of kind %q", k.kind)
		}
	}
	k := (&Maker{}).Kind(&config.Config{})(config.Store{Name: "a", Kind: "tape"}, nil)
	if m, err := k.Open(t.Context()); err == nil {
		t.Errorf("a store of an unknown kind opens: %v", m)
	}
}

// What one bucket was found to lack is remembered for that bucket alone.
func TestBucketsAreJudgedApart(t *testing.T) {
	m := &Maker{}
	cfg := &config.Config{}
	var known []*s3.Quirks
	for _, name := range []string{"a", "b"} {
		s := config.Store{Name: name, Kind: config.S3, Endpoint: "https://s3.lan", Bucket: "tacet"}
		k, ok := m.kind(cfg, s, nil).(s3.Kind)
		if !ok || k.Quirks == nil {
			t.Fatalf("store %s remembers nothing: %+v", name, k)
		}
		known = append(known, k.Quirks)
	}
	if known[0] == known[1] {
		t.Error("two buckets have one memory")
	}
}
