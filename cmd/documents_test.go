package cmd_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"tacet/systemd/needs"
)

// maxREADME is two screens, in bytes.
const maxREADME = 6 << 10

// documents returns the text of each Markdown file, by its path from the top of the tree.
func documents(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, path := range files(t) {
		if strings.HasSuffix(path, ".md") {
			found[path] = readFile(t, path)
		}
	}
	if len(found) < 8 {
		t.Fatalf("only %d documents: this test looks in the wrong place", len(found))
	}
	return found
}

// files are the paths of all files, from the top of the tree.
func files(t *testing.T) []string {
	t.Helper()
	var list []string
	err := fs.WalkDir(os.DirFS(".."), ".", func(path string, d fs.DirEntry, err error) error {
		if path == ".git" || path == "bin" {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		list = append(list, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func exists(path string) bool {
	_, err := os.Stat(filepath.Join("..", path))
	return err == nil
}

func TestREADMEIsShort(t *testing.T) {
	if n := len(readFile(t, "README.md")); n > maxREADME {
		t.Errorf("README.md has %d bytes, more than %d: move something to where its reader looks", n, maxREADME)
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	named   = regexp.MustCompile(`<a name="([^"]+)">`)
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
)

// anchors are what a link into a document may name after "#", as GitHub makes them.
func anchors(text string) []string {
	var list []string
	for _, m := range named.FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	drop := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		list = append(list, strings.ReplaceAll(strings.ToLower(drop.ReplaceAllString(m[1], "")), " ", "-"))
	}
	return list
}

func TestLinksLeadSomewhere(t *testing.T) {
	all := documents(t)
	for name, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			target, anchor, _ := strings.Cut(m[1], "#")
			to := name
			if target != "" {
				to = filepath.Join(filepath.Dir(name), target)
			}
			if !exists(to) {
				t.Errorf("%s links to %s, which is not there", name, m[1])
			} else if anchor != "" && !slices.Contains(anchors(all[to]), anchor) {
				t.Errorf("%s links to %s, which has no such section", name, m[1])
			}
		}
	}
}

var (
	span = regexp.MustCompile("`([^`\n]+)`|(?m:^ {4}(.+)$)") // inline code, or a line of an indented block
	path = regexp.MustCompile(`(?:^|[\s'"=(])((?:\./)?(?:\.ci|audio|cmd|config|daemon|hw|systemd)/[\w./-]*)`)
	base = regexp.MustCompile(`^[\w.-]+\.(?:go|md|sh|rules|service|toml)$`)
)

// TestNamedFilesAreThere: where a document writes a path or the name of a file as code, it exists.
func TestNamedFilesAreThere(t *testing.T) {
	var bases []string
	for _, f := range files(t) {
		bases = append(bases, filepath.Base(f))
	}
	// On the unit, in the office, and on the card as Raspberry Pi Imager writes it.
	elsewhere := []string{"tacet.toml", "fleet.toml", "mine.toml", "firstrun.sh", "rpi-preseed.toml"}
	for name, text := range documents(t) {
		for _, m := range span.FindAllStringSubmatch(text, -1) {
			code := m[1] + m[2]
			for _, p := range path.FindAllStringSubmatch(code, -1) {
				if !exists(p[1]) && !exists(filepath.Join(filepath.Dir(name), p[1])) {
					t.Errorf("%s names %s, which is not there", name, p[1])
				}
			}
			if base.MatchString(code) && !slices.Contains(bases, code) && !slices.Contains(elsewhere, code) {
				t.Errorf("%s names %s, and no file is called so", name, code)
			}
		}
	}
}

var (
	runs     = regexp.MustCompile(`(\./[\w./-]+) -run '?([\w|\\]+)`)
	runFirst = regexp.MustCompile(`-run '?([\w|\\]+)'? (\./[\w./-]+)`)
	testName = regexp.MustCompile(`\bTest[A-Z]\w+`)
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
)

// TestNamedTestsAreThere: each -run of a document has tests in its package, for each alternative.
func TestNamedTestsAreThere(t *testing.T) {
	tests := map[string][]string{} // by folder
	var all []string
	for _, f := range files(t) {
		if !strings.HasSuffix(f, "_test.go") {
			continue
		}
		for _, m := range testFunc.FindAllStringSubmatch(readFile(t, f), -1) {
			tests[filepath.Dir(f)] = append(tests[filepath.Dir(f)], m[1])
			all = append(all, m[1])
		}
	}
	for name, text := range documents(t) {
		check := func(pkg, pattern string) {
			for one := range strings.SplitSeq(strings.ReplaceAll(pattern, `\`, ""), "|") {
				if !slices.ContainsFunc(tests[filepath.Clean(pkg)], regexp.MustCompile(one).MatchString) {
					t.Errorf("%s names the test %s of %s, and there is none", name, one, pkg)
				}
			}
		}
		text = strings.ReplaceAll(text, "\n", " ")
		for _, m := range runs.FindAllStringSubmatch(text, -1) {
			check(m[1], m[2])
		}
		for _, m := range runFirst.FindAllStringSubmatch(text, -1) {
			check(m[2], m[1])
		}
		for _, m := range testName.FindAllString(text, -1) {
			if !slices.Contains(all, m) {
				t.Errorf("%s names %s, and there is no such test", name, m)
			}
		}
	}
}

func TestFuzzTargetsHaveSeeds(t *testing.T) {
	fuzz := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)
	for _, f := range files(t) {
		if !strings.HasSuffix(f, "_test.go") {
			continue
		}
		for _, m := range fuzz.FindAllStringSubmatch(readFile(t, f), -1) {
			if dir := filepath.Join(filepath.Dir(f), "testdata/fuzz", m[1]); !exists(dir) {
				t.Errorf("%s has no seeds: run .ci/fuzz 1m %s, and put some of what \"go env GOCACHE\" then holds into %s", m[1], m[1], dir)
			}
		}
	}
}

// What people must know before they rely on something stays where they read it. The words may change;
// these parts of them may not be missing.
func TestDocumentsSayTheLimits(t *testing.T) {
	for _, c := range []struct {
		file, about string
		words       []string
	}{
		{"cmd/tacet/README.md", "which Apple systems play Ogg Opus", []string{"Safari", "iOS 18.4", "macOS 15.4"}},
		{"cmd/tacet/README.md", "the endings of keys", []string{"`office.key`", "`practice.pub`", "`office.vkey`", "`room-3.vkey`"}},
		{"cmd/tacet/README.md", "an age that is too old", []string{"age 1.3", "Debian", "1.1.1", "unknown identity type"}},
		{"daemon/recording/readme.txt", "an age that is too old", []string{"Debian 12", "unknown identity type"}},
		{"systemd/README.md", "what no office protects against", []string{"root on the unit", "full clone"}},
		{"config/example.toml", "what no office protects against", []string{"root on the unit", "full clone"}},
		{"config/office/office.go", "what no signature protects against", []string{"root on the unit", "full clone"}},
	} {
		text := strings.Join(strings.Fields(strings.ReplaceAll(readFile(t, c.file), "\n// ", "\n")), " ")
		text = strings.ReplaceAll(text, " # ", " ")
		for _, word := range c.words {
			if !strings.Contains(text, word) {
				t.Errorf("%s no longer says %s: it lacks %q", c.file, c.about, word)
			}
		}
	}
}

// TestHelpNamesEveryTarget also holds the documents to the targets that there are.
func TestHelpNamesEveryTarget(t *testing.T) {
	makefile := readFile(t, "Makefile")
	_, phony, _ := strings.Cut(makefile, "\n.PHONY:")
	phony, _, _ = strings.Cut(phony, "\n")
	targets := strings.Fields(phony)
	if len(targets) < 10 {
		t.Fatalf("the Makefile has only the targets %q", targets)
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z][a-z-]*):`).FindAllStringSubmatch(makefile, -1) {
		if !slices.Contains(targets, m[1]) {
			t.Errorf(".PHONY lacks %s", m[1])
		}
	}
	for _, target := range targets {
		if !regexp.MustCompile(`(?m)^` + target + `:.* ## \S`).MatchString(makefile) {
			t.Errorf("make help doesn't name %s: its line lacks \"## what it is for\"", target)
		}
	}
	for name, text := range documents(t) {
		for _, m := range regexp.MustCompile("(?:`|\n    |`[A-Z_]+=\\S+ |\n    [A-Z_]+=\\S+ )make ([a-z][a-z-]+)").FindAllStringSubmatch(text, -1) {
			if !slices.Contains(targets, m[1]) {
				t.Errorf("%s names make %s, and there is no such target", name, m[1])
			}
		}
	}
}

// TestVersionOfATree runs systemd/version.sh on small trees.
func TestVersionOfATree(t *testing.T) {
	needs.Program(t, "git", "git")
	const stable = "tacet (1.2.3) stable; urgency=medium\n"
	for what, c := range map[string]struct{ changelog, script, want string }{
		"no git, unreleased": {"tacet (1.2.3) UNRELEASED; urgency=medium\n", "", `1\.2\.3~git`},
		"no git, released":   {stable, "", `1\.2\.3`},
		"a tag":              {stable, "git tag v1.2.3", `1\.2\.3`},
		"no tag":             {stable, "true", `1\.2\.3~git\d{14}\.[0-9a-f]{12}`},
		"another tag":        {stable, "git tag v1.2.2", `1\.2\.3~git\d{14}\.[0-9a-f]{12}`},
		"changed":            {stable, "git tag v1.2.3; echo >>systemd/changelog", `1\.2\.3~git\d{14}\.[0-9a-f]{12}\.dirty`},
		"tagged too early":   {"tacet (1.2.3) UNRELEASED; x\n", "git tag v1.2.3", `1\.2\.3~git\d{14}\.[0-9a-f]{12}`},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			err := errors.Join(os.Mkdir(filepath.Join(dir, "systemd"), 0o700),
				os.WriteFile(filepath.Join(dir, "systemd/changelog"), []byte(c.changelog), 0o600),
				os.WriteFile(filepath.Join(dir, "systemd/version.sh"), []byte(readFile(t, "systemd/version.sh")), 0o700))
			if err != nil {
				t.Fatal(err)
			}
			script := "systemd/version.sh"
			if c.script != "" {
				script = "git init -q; git add .; git -c user.name=a -c user.email=a@b commit -qm x; " + c.script + "; " + script
			}
			cmd := exec.Command("sh", "-c", script)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "GIT_CONFIG_GLOBAL=/dev/null")
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil || !regexp.MustCompile(`^`+c.want+"\n$").Match(out) {
				t.Errorf("%q (%v), want %s", out, err, c.want)
			}
		})
	}
}

// Debian's tools show a changelog as it is, in 80 columns, and lintian refuses a longer line.
func TestChangelogFitsATerminal(t *testing.T) {
	text, err := os.ReadFile("../systemd/changelog")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		if n := utf8.RuneCountInString(line); n > 80 {
			t.Errorf("line %d has %d columns", i+1, n)
		}
	}
}
