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

// mayWrite are the functions that touch standard output or standard error themselves, and why that
// is right.
var mayWrite = map[string]string{
	"tacet/open.go open":              "the sound",
	"tacetd/run.go Run":               "the log, whose handler quotes what is not printable",
	"tacet-demo/demo.go serve":        "the log",
	"tacet-demo/unit.go unitMain":     "the log",
	"tacet-demo/power/power.go start": "the unit's log",
}

// TestOneWayToPrint: the programs print text with package cli alone, which lets only printable
// characters through.
func TestOneWayToPrint(t *testing.T) {
	used := map[string]bool{}
	files := 0
	for _, dir := range []string{"tacet", "tacetd", "tacet-demo", "internal/library", "internal/stores"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				strings.Contains(path, "demotest") {
				return err
			}
			files++
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			for _, decl := range file.Decls {
				where := filepath.ToSlash(path) + " " + nameOf(decl)
				ast.Inspect(decl, func(n ast.Node) bool {
					if what := prints(n); what != "" {
						used[where] = true
						if mayWrite[where] == "" {
							t.Errorf("%s uses %s: print with env.Printf, PrintJSON, Note, Warn or an error", where, what)
						}
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
		t.Errorf("only %d files were looked at", files)
	}
	for where := range mayWrite {
		if !used[where] {
			t.Errorf("%s prints nothing by itself any more: take it from the list", where)
		}
	}
}

// nameOf is the function that is declared, or the function in the variable.
func nameOf(d ast.Decl) string {
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

// prints says how a node writes past package cli, if it does.
func prints(n ast.Node) string {
	s, ok := n.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	of := ""
	switch x := s.X.(type) {
	case *ast.Ident:
		of = x.Name
	case *ast.SelectorExpr:
		of = x.Sel.Name
	}
	switch whole := of + "." + s.Sel.Name; whole {
	case "env.Stdout", "env.Stderr", "os.Stdout", "os.Stderr", "fmt.Print", "fmt.Printf", "fmt.Println", "log.Print",
		"log.Printf", "log.Println":
		return whole
	}
	return ""
}
