package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tacet/cmd/internal/cli/clitest"
	"tacet/daemon/recording"
)

// The scripts in testdata run the program itself. No GPIO line is needed.
func TestMain(m *testing.M) {
	recording.ChildMain()
	testscript.Main(m, map[string]func(){"tacetd": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": clitest.Exits},
	})
}
