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

// walkSource calls found for every selector, such as os.Open, in the non-test code below the
// folders. where is the file and the function that the selector is in, as in "cmd/tacet/open.go
// open".
func walkSource(t *testing.T, dirs []string, found func(where, selector string)) {
	t.Helper()
	files := 0
	for _, dir := range dirs {
		err := filepath.WalkDir(filepath.Join("..", dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				strings.HasSuffix(filepath.Dir(path), "test") {
				return err
			}
			files++
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			for _, decl := range file.Decls {
				where := strings.TrimPrefix(filepath.ToSlash(path), "../") + " " + functionName(decl)
				ast.Inspect(decl, func(n ast.Node) bool {
					if s, ok := n.(*ast.SelectorExpr); ok {
						found(where, receiverName(s.X)+"."+s.Sel.Name)
					}
					return true
				})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 30 {
		t.Errorf("only %d files were read", files)
	}
}

// functionName returns the name of a declared function or, for a variable, of the last field in it
// that contains a function.
func functionName(d ast.Decl) string {
	if f, ok := d.(*ast.FuncDecl); ok {
		return f.Name.Name
	}
	name := ""
	ast.Inspect(d, func(n ast.Node) bool {
		if kv, ok := n.(*ast.KeyValueExpr); ok {
			if _, function := kv.Value.(*ast.FuncLit); function {
				name = kv.Key.(*ast.Ident).Name
			}
		}
		return true
	})
	return name
}

func receiverName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	}
	return ""
}

// mayWrite are the functions that use standard output or standard error directly, and why.
var mayWrite = map[string]string{
	"cmd/tacet/open.go open":              "the sound",
	"cmd/tacet/dashboard.go dashboardRun": "the log, whose handler quotes what is not printable",
	"cmd/tacet/open_clip.go openClip":     "the sound",
	"cmd/tacetd/doctor_wire.go wire":      "rows, which package wire cleans",
	"cmd/tacetd/doctor_sandbox.go run":    "the doctor in the sandbox, which prints with package cli",
	"cmd/tacetd/run.go Run":               "the log, whose handler quotes what is not printable",
	"cmd/tacet-demo/demo.go serve":        "the log",
	"cmd/tacet-demo/unit.go unitMain":     "the log",
	"cmd/tacet-demo/power/power.go start": "the unit's log",
}

// The programs print text only with package cli, which lets only printable characters through.
func TestOneWayToPrint(t *testing.T) {
	direct := map[string]bool{"env.Stdout": true, "env.Stderr": true, "os.Stdout": true, "os.Stderr": true,
		"fmt.Print": true, "fmt.Printf": true, "fmt.Println": true,
		"log.Print": true, "log.Printf": true, "log.Println": true}
	used := map[string]bool{}
	dirs := []string{"cmd/tacet", "cmd/tacetd", "cmd/tacet-demo", "cmd/internal/library", "cmd/internal/stores"}
	walkSource(t, dirs, func(where, selector string) {
		if !direct[selector] {
			return
		}
		used[where] = true
		if mayWrite[where] == "" {
			t.Errorf("%s uses %s: print with env.Printf, PrintJSON, Note, Warn or an error", where, selector)
		}
	})
	for where := range mayWrite {
		if !used[where] {
			t.Errorf("%s does not print any more: remove it from the list", where)
		}
	}
}

// mayRead are the files and functions that open a file by its name without package textfile, and
// what they read: nothing that a person writes with an editor.
var mayRead = map[string]string{
	"config/textfile/textfile.go load":           "the text that it decodes",
	"config/config.go readBytes":                 "text that readFile decodes, or whose lines are counted",
	"daemon/spool/lock.go Lock":                  "a folder, to lock it",
	"daemon/spool/lock.go holder":                "the kernel's list of locks",
	"daemon/store/local/mounts/watch_linux.go":   "the kernel's mount table",
	"daemon/store/local/device.go":               "what the kernel says of a drive",
	"cmd/internal/diagnosis/host/host.go read":   "what the kernel says",
	"cmd/tacet/open.go readIdentities":           "an identity, which may be encrypted: recording decodes it",
	"cmd/tacet/keygen.go syncFolder":             "a folder, to sync it",
	"cmd/tacet/signing_key.go decryptKey":        "a key, which may be encrypted: recording decodes it",
	"cmd/tacetd/signed_recipients.go readSigned": "what the service has kept",
	"cmd/internal/rootfile/rootfile.go":          "a folder, to sync it",
	"cmd/internal/trial/dropin.go read":          "what update-check wrote",
	"cmd/internal/trial/runner.go proven":        "what update-check wrote",
	"cmd/internal/trial/systemd.go":              "what the kernel and the daemon say, and a program",
	"daemon/update/update.go read":               "what the package and update-check wrote",
	"cmd/tacet-demo/office.go":                   "what the demo wrote",
	"daemon/store/local/notes.go notes":          "what systemd/tacet-drive wrote",
	"daemon/store/local/mark/uuid.go":            "what the kernel says of a drive",
	"cmd/tacet/verify.go openFile":               "a recording",
	"cmd/tacet/copy_folder.go page":              "the sound that it wrote",
	"cmd/tacet-demo/setup.go identities":         "an identity, which may be encrypted: recording decodes it",
	"cmd/tacet-demo/setup.go keys":               "the key that the unit wrote",
}

// Passwords, keys, certificates, lists of hosts and the configuration are read with package
// textfile, which understands what editors on Windows write.
func TestOneReaderForWhatPeopleWrite(t *testing.T) {
	used := map[string]bool{}
	walkSource(t, []string{"config", "daemon", "cmd"}, func(where, selector string) {
		if selector != "os.Open" && selector != "os.ReadFile" {
			return
		}
		file, _, _ := strings.Cut(where, " ")
		for _, known := range []string{where, file} {
			if mayRead[known] != "" {
				used[known] = true
				return
			}
		}
		t.Errorf("%s uses %s: read what people write with package textfile", where, selector)
	})
	for where := range mayRead {
		if !used[where] {
			t.Errorf("%s does not open a file any more: remove it from the list", where)
		}
	}
}
