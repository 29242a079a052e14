package trust

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
	"tacet/daemon/ledger"
	"tacet/daemon/recording/recordingtest"
	"tacet/daemon/store/local/mark"
)

// Trust is entered again before its entries are so old that the ledger drops them.
func TestTrustIsRenewed(t *testing.T) {
	defer func(before int) { renewAfter = before }(renewAfter)
	renewAfter = 6
	unit, disk := recordingtest.NewUnit(t, "high-street", "room-3"), durabletest.NewDisk(1)
	for start := range 8 {
		l, err := ledger.Open(disk, "ledger", "tacet/high-street/room-3/ledger", unit.Signer, start == 0)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := l.Append(ledger.Entry{Type: ledger.Boot, Time: time.Now(), Boot: "boot"}); err != nil {
				t.Fatal(err)
			}
		}
		trust, err := Open(Settings{Ledger: l, Recipients: []string{"age1office"}, FirstStart: start == 0, Now: time.Now,
			Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if trouble := trust.Judge("drive")(mark.Mark{ID: "ABC"}, "1234-ABCD", "/media/stick"); trouble != nil {
			t.Errorf("at start %d the drive is rejected: %v", start, trouble)
		}
		if n := len(trust.Now().Recipients); n != 1 {
			t.Errorf("at start %d %d recipients are trusted", start, n)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	data, err := durable.ReadFile(disk, "ledger", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{ledger.Drive, ledger.Recipients} {
		var by []string
		for line := range bytes.Lines(data) {
			var e ledger.Entry
			if json.Unmarshal(line, &e) == nil && e.Type == kind {
				by = append(by, e.By)
			}
		}
		if len(by) < 2 || len(by) > 5 || by[0] != ledger.FirstUse || by[1] != ledger.Renewed {
			t.Errorf("%s was entered by %q", kind, by)
		}
	}
}
