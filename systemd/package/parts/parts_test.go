package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

const mit = `Copyright (c) 2016 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`

func lay(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// This test is a program with modules in it, as those are that are shipped.
func TestThePartsOfAProgram(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	opus := debianPackage{copyright: filepath.Join(lay(t, map[string]string{"copyright": "Copyright: Xiph.Org"}),
		"copyright"),
		version: "1.3.1-3", arch: "arm64"}
	parts, err := linked([]string{self, self}, opus)
	if err != nil {
		t.Fatal(err)
	}
	text := copyrightText(parts)
	for _, want := range []string{"the Go standard library go1.", "github.com/CycloneDX/cyclonedx-go v0.",
		"github.com/google/uuid v1.",
		"Redistributions in binary form must reproduce"} {
		if !strings.Contains(text, want) {
			t.Errorf("the copyright doesn't have %q", want)
		}
	}
	if strings.Count(text, "github.com/google/uuid v") != 1 {
		t.Error("a part of two programs stands there twice")
	}

	artifact := filepath.Join(lay(t, map[string]string{"tacet_1_arm64.deb": "a package"}), "tacet_1_arm64.deb")
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	first, err := bill(parts, artifact, "1")
	if err != nil {
		t.Fatal(err)
	}
	again, err := bill(parts, artifact, "1")
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("the same artifact has another bill: %v", err)
	}
	var bom cdx.BOM
	if err := json.Unmarshal(first, &bom); err != nil {
		t.Fatal(err)
	}
	if len(*bom.Components) != len(parts) || bom.Metadata.Timestamp != "2023-11-14T22:13:20Z" {
		t.Errorf("%d components at %s", len(*bom.Components), bom.Metadata.Timestamp)
	}
	for _, c := range *bom.Components {
		if c.Licenses == nil || len(*c.Licenses) == 0 || !strings.HasPrefix(c.PackageURL, "pkg:") {
			t.Errorf("%s has no licence or no address: %+v", c.Name, c)
		}
	}
}

// The Apache licence stands elsewhere; what stands around it stays.
func TestTheApacheLicenceIsLeftOut(t *testing.T) {
	apache, err := os.ReadFile("../../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	x := newText("Before.\n\n" + string(apache) + "\n\n" + mit)
	if strings.Contains(x.words, "TERMS AND CONDITIONS") || !strings.Contains(x.words, asAbove) ||
		!strings.HasPrefix(x.words, "Before.") || !strings.HasSuffix(x.words, "IN THE SOFTWARE.") {
		t.Errorf("%s", x.words)
	}
	if strings.Join(x.spdx, " ") != "Apache-2.0 MIT" {
		t.Errorf("it is taken for %q", x.spdx)
	}
}

// A part whose licence nobody knows is not shipped by mistake.
func TestAPartWithoutALicence(t *testing.T) {
	for _, files := range []map[string]string{{}, {"LICENSE": "All rights reserved."}, {"README.md": mit},
		{"testdata/LICENSE": mit},
		{"license.go": mit}} {
		if _, err := licences(lay(t, files), true); err == nil {
			t.Errorf("%v passes", files)
		}
	}
	texts, err := licences(lay(t, map[string]string{"UNLICENSE": "This is free.", "sub/LICENCE.txt": mit,
		"sub/other/COPYING": mit}), true)
	if err != nil || len(texts) != 2 {
		t.Errorf("%d texts, %v", len(texts), err)
	}
}
