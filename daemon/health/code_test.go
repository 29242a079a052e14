package health_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tacet/daemon/health"
)

const root = "../.."

// parse parses the Go files in a folder that keep accepts, except for tests.
func parse(t *testing.T, dir string, keep func(path string) bool) (*token.FileSet, []*ast.File) {
	t.Helper()
	set := token.NewFileSet()
	var files []*ast.File
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || !keep(path) {
			return err
		}
		f, err := parser.ParseFile(set, path, nil, 0)
		files = append(files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return set, files
}

// constants maps the names of the constants to the codes.
func constants(t *testing.T) map[string]health.Code {
	t.Helper()
	all := map[string]health.Code{}
	_, files := parse(t, ".", func(string) bool { return true })
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != len(v.Names) {
				return true
			}
			if typ, ok := v.Type.(*ast.Ident); !ok || typ.Name != "Code" {
				return true
			}
			for i, name := range v.Names {
				if text, ok := literal(v.Values[i]); ok {
					all[name.Name] = health.Code(text)
				}
			}
			return true
		})
	}
	return all
}

func literal(n ast.Node) (string, bool) {
	if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		text, err := strconv.Unquote(lit.Value)
		return text, err == nil
	}
	return "", false
}

// Every constant is declared, and every warning has one constant.
func TestCodesAreDeclared(t *testing.T) {
	names := map[health.Code]string{}
	for name, code := range constants(t) {
		if _, ok := health.Lookup(code); !ok {
			t.Errorf("%s, %q, is not declared", name, code)
		}
		if names[code] != "" {
			t.Errorf("%s and %s are both %q", name, names[code], code)
		}
		names[code] = name
	}
	for _, w := range health.Declared() {
		if names[w.Code] == "" {
			t.Errorf("%q has no constant", w.Code)
		}
	}
}

// Every warning is raised somewhere on the unit. Clearing, comparing and listing do not count.
func TestEveryCodeIsRaised(t *testing.T) {
	codes := constants(t)
	known := slices.Collect(maps.Values(codes))
	raised := map[health.Code][]string{}
	for _, dir := range []string{"audio", "hw", "daemon", "cmd/tacetd", "cmd/internal"} {
		set, files := parse(t, filepath.Join(root, dir), func(path string) bool {
			return !strings.HasPrefix(path, filepath.Join(root, "daemon/health")) && !strings.Contains(path, "test/")
		})
		for _, f := range files {
			uses(f, func(n ast.Node, code health.Code) {
				at := set.Position(n.Pos())
				raised[code] = append(raised[code], strings.TrimPrefix(at.Filename, root+"/")+":"+strconv.Itoa(at.Line))
			}, codes, known)
		}
	}
	for _, w := range health.Declared() {
		t.Logf("%-22s %s", w.Code, strings.Join(raised[w.Code], " "))
		if len(raised[w.Code]) == 0 {
			t.Errorf("%s is declared, but raised nowhere", w.Code)
		}
	}
}

// uses finds where a code is raised, as a constant or as text.
func uses(f *ast.File, found func(ast.Node, health.Code), codes map[string]health.Code, known []health.Code) {
	var above []ast.Node
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			above = above[:len(above)-1]
			return true
		}
		if raises(above, n) {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "health" && codes[sel.Sel.Name] != "" {
					found(n, codes[sel.Sel.Name])
				}
			}
			if text, ok := literal(n); ok && slices.Contains(known, health.Code(text)) {
				found(n, health.Code(text))
			}
		}
		above = append(above, n)
		return true
	})
}

// raises reports whether a use does more than clear, compare or list a code.
func raises(above []ast.Node, n ast.Node) bool {
	if len(above) == 0 {
		return true
	}
	switch up := above[len(above)-1].(type) {
	case *ast.CaseClause:
		return !isOneOf(up.List, n)
	case *ast.BinaryExpr:
		return up.Op != token.EQL && up.Op != token.NEQ
	case *ast.CompositeLit:
		_, list := up.Type.(*ast.ArrayType)
		return !list
	case *ast.CallExpr:
		sel, ok := up.Fun.(*ast.SelectorExpr)
		return !ok || sel.Sel.Name != "Clear" && sel.Sel.Name != "ClearFor"
	}
	return true
}

func isOneOf(list []ast.Expr, n ast.Node) bool {
	e, ok := n.(ast.Expr)
	return ok && slices.Contains(list, e)
}

// An error of the daemon's packages names its warning by the constant. The hardware packages don't
// import health and use text, which must be a declared code.
func TestErrorsNameCodes(t *testing.T) {
	for _, dir := range []string{"audio", "hw", "daemon"} {
		set, files := parse(t, filepath.Join(root, dir), func(string) bool { return true })
		for _, f := range files {
			if dir != "daemon" {
				ast.Inspect(f, func(n ast.Node) bool {
					if text, ok := literal(n); ok && strings.HasPrefix(text, "mic-") {
						if _, ok := health.Lookup(health.Code(text)); !ok {
							t.Errorf("%v: %q is not declared", set.Position(n.Pos()), text)
						}
					}
					return true
				})
				continue
			}
			if f.Name.Name == "daemon" { // it passes on what the hardware returns
				continue
			}
			for _, d := range f.Decls {
				m, ok := d.(*ast.FuncDecl)
				if !ok || m.Recv == nil || m.Name.Name != "Code" || m.Type.Results == nil {
					continue
				}
				if typ, ok := m.Type.Results.List[0].Type.(*ast.Ident); ok && typ.Name == "string" {
					t.Errorf("%v: Code returns a string, not a health.Code", set.Position(m.Pos()))
				}
			}
		}
	}
}
