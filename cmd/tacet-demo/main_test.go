package main

import (
	"os"
	"testing"

	"tacet/daemon/recording"
)

// asDemo makes the test program act as tacet-demo, so that tests run it in processes of their own.
const asDemo = "TACET_DEMO_TEST_MAIN"

func TestMain(m *testing.M) {
	recording.ChildMain()
	if os.Getenv(asDemo) != "" {
		main()
	}
	os.Exit(m.Run())
}
