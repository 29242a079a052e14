package main

import (
	"os"
	"testing"

	"tacet/daemon/recording"
)

// asDemo makes the test program be tacet-demo, so that tests run the whole of it as processes of
// their own.
const asDemo = "TACET_DEMO_TEST_MAIN"

func TestMain(m *testing.M) {
	recording.ChildMain()
	if os.Getenv(asDemo) != "" {
		main()
	}
	os.Exit(m.Run())
}
