package main

import (
	"fmt"
	"strings"
)

const head = `Tacet
Copyright 2026 The Tacet authors

Licensed under the Apache License, version 2.0: see the file LICENSE, and on Debian
/usr/share/common-licenses/Apache-2.0.

Linked into its programs is the work of others. Each part stands below with its licence.
`

// copyrightText has every part with its licence. Parts with the same text share it.
func copyrightText(parts []part) string {
	var b strings.Builder
	b.WriteString(head)
	var order []string
	of := map[string][]string{}
	for _, p := range parts {
		var words []string
		for _, t := range p.texts {
			words = append(words, t.words)
		}
		all := strings.Join(words, "\n\n")
		if of[all] == nil {
			order = append(order, all)
		}
		of[all] = append(of[all], p.name+" "+p.version)
	}
	for _, words := range order {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("-", 80), strings.Join(of[words], "\n"), words)
	}
	return b.String()
}
