package cmd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// mayRead are the functions that open a file by its name without package textfile, and what they
// read: nothing that a person writes with an editor.
var mayRead = map[string]string{
	"config/textfile/textfile.go load":   "what is then decoded",
	"config/config.go readBytes":         "what is then decoded: by readFile, or where the lines are counted",
	"daemon/spool/lock.go Lock":          "a folder, to lock it",
	"daemon/spool/lock.go holder":        "the kernel's list of locks",
	"daemon/store/local/device.go":       "what the kernel says of a drive",
	"cmd/tacetd/status.go":               "what the daemon wrote",
	"cmd/tacet/open.go readIdentities":   "an identity, which may be encrypted: recording decodes it",
	"cmd/tacet/keygen.go syncFolder":     "a folder, to sync it",
	"cmd/tacet/signing.go unlock":        "a key, which may be encrypted: recording decodes it",
	"cmd/tacetd/kept.go readKept":        "what the service has kept",
	"cmd/tacetd/confirm.go write":        "a folder, to sync it",
	"cmd/tacet-demo/office.go":           "what the demo wrote",
	"daemon/store/local/notes.go notes":  "what systemd/tacet-drive wrote",
	"daemon/store/local/mark/uuid.go":    "what the kernel says of a drive",
	"cmd/tacet/verify.go openFile":       "a recording",
	"cmd/tacet-demo/setup.go identities": "an identity, which may be encrypted: recording decodes it",
	"cmd/tacet-demo/setup.go keys":       "the key that the unit wrote",
}

// TestOneReaderForWhatPeopleWrite: passwords, keys, certificates, lists of hosts and the
// configuration are read by package textfile, which knows what editors on Windows make of them.
func TestOneReaderForWhatPeopleWrite(t *testing.T) {
	used := map[string]bool{}
	for _, dir := range []string{"config", "daemon", "cmd/tacet", "cmd/tacetd", "cmd/tacet-demo", "cmd/internal"} {
		err := filepath.WalkDir(filepath.Join("..", dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				strings.HasSuffix(filepath.Dir(path), "test") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			name := strings.TrimPrefix(filepath.ToSlash(path), "../")
			for _, decl := range file.Decls {
				ast.Inspect(decl, func(n ast.Node) bool {
					s, ok := n.(*ast.SelectorExpr)
					if !ok {
						return true
					}
					x, ok := s.X.(*ast.Ident)
					if !ok || x.Name != "os" || s.Sel.Name != "Open" && s.Sel.Name != "ReadFile" {
						return true
					}
					where := name + " " + nameOf(decl)
					for _, known := range []string{where, name} {
						if mayRead[known] != "" {
							used[known] = true
							return true
						}
					}
					t.Errorf("%s opens a file with os.%s: what people write is read with package textfile", where, s.Sel.Name)
					return true
				})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for where := range mayRead {
		if !used[where] {
			t.Errorf("%s opens nothing any more: take it from the list", where)
		}
	}
}
