package recording_test

import (
	"os"
	"testing"

	"tacet/daemon/recording"
)

func TestMain(m *testing.M) {
	recording.ChildMain()
	os.Exit(m.Run())
}
