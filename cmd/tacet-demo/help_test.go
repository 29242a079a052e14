package main

import (
	"testing"

	"tacet/cmd/internal/cli/clitest"
)

func TestHelpFitsATerminal(t *testing.T) { clitest.Help(t, "tacet-demo", commands, run) }
