package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A version takes every configuration that the one before took: a unit takes it by itself, at night,
// and nobody is there to edit a file. The folder holds the example of each version, which shows every
// key; .ci/CONTRIBUTING.md says when to add one.
func TestConfigurationsOfEachVersion(t *testing.T) {
	files, err := filepath.Glob("testdata/versions/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are none: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		dir, _ := folder(t)
		at := filepath.Join(dir, "tacet.toml")
		write(t, at, string(text))
		if _, _, err := Load(at); err != nil {
			t.Errorf("%s is refused:\n%v", file, err)
		}
	}
}

// Each released version has its example there.
func TestEachReleaseHasItsConfiguration(t *testing.T) {
	changelog, err := os.ReadFile("../systemd/changelog")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range regexp.MustCompile(`(?m)^tacet \(([^)]+)\) ([^;]+);`).FindAllStringSubmatch(string(changelog), -1) {
		version, distribution := entry[1], strings.TrimSpace(entry[2])
		if _, err := os.Stat("testdata/versions/" + version + ".toml"); err != nil && distribution != "UNRELEASED" {
			t.Errorf("copy example.toml to testdata/versions/%s.toml: %v", version, err)
		}
	}
}
