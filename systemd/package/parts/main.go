// Command parts says what the programs are made of: each Go module and each C library that is
// linked into them, with its version and its licence.
//
//	parts -copyright FILE PROGRAM…                  the copyright file
//	parts -sbom FILE -of ARTIFACT PROGRAM…          a CycloneDX bill of materials of the artifact
//
// It reads the modules from the programs themselves, their licences from Go's module cache, and
// libopus's from the Debian package (-opus FILE, -opus-version VERSION). It fails for a part
// without a licence, so that none is shipped by mistake.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "parts: error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	fs := flag.NewFlagSet("parts", flag.ContinueOnError)
	copyright := fs.String("copyright", "", "write the copyright of all parts to `FILE`")
	sbom := fs.String("sbom", "", "write the bill of materials to `FILE`")
	of := fs.String("of", "", "the `ARTIFACT` that the bill is of")
	version := fs.String("version", "", "the artifact's `VERSION`")
	var opus debianPackage
	fs.StringVar(&opus.copyright, "opus", "/usr/share/doc/libopus-dev/copyright", "libopus's copyright `FILE`")
	fs.StringVar(&opus.version, "opus-version", "", "`VERSION` of Debian's package of libopus")
	fs.StringVar(&opus.arch, "opus-arch", "", "`ARCHITECTURE` of Debian's package of libopus")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() == 0 || (*copyright == "") == (*sbom == "") || *sbom != "" && *of == "" {
		return errors.New("usage: parts -copyright FILE PROGRAM…, or parts -sbom FILE -of ARTIFACT PROGRAM…")
	}
	parts, err := linked(fs.Args(), opus)
	if err != nil {
		return err
	}
	text := []byte(copyrightText(parts))
	out := *copyright
	if *sbom != "" {
		out = *sbom
		if text, err = bill(parts, *of, *version); err != nil {
			return err
		}
	}
	return os.WriteFile(out, text, 0o644)
}
