package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/uuid"
)

// bill is the bill of materials of an artifact. It is the same for the same artifact at the same
// SOURCE_DATE_EPOCH.
func bill(parts []part, artifact, version string) ([]byte, error) {
	b, err := os.ReadFile(artifact)
	if err != nil {
		return nil, err
	}
	epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("SOURCE_DATE_EPOCH must say when it was made: %w", err)
	}
	sum := sha256.Sum256(b)
	whole := cdx.Component{
		BOMRef: "tacet", Type: cdx.ComponentTypeApplication, Name: filepath.Base(artifact), Version: version,
		Hashes:   &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
		Licenses: &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}},
	}
	bom := cdx.NewBOM()
	bom.SerialNumber = uuid.NewSHA1(uuid.NameSpaceOID, sum[:]).URN()
	bom.Metadata = &cdx.Metadata{Timestamp: time.Unix(epoch, 0).UTC().Format(time.RFC3339), Component: &whole}
	var components []cdx.Component
	var refs []string
	for _, p := range parts {
		components = append(components, component(p))
		refs = append(refs, p.purl)
	}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: "tacet", Dependencies: &refs}}
	var out bytes.Buffer
	if err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func component(p part) cdx.Component {
	c := cdx.Component{BOMRef: p.purl, Type: cdx.ComponentTypeLibrary, Name: p.name, Version: p.version,
		PackageURL: p.purl, Scope: cdx.ScopeRequired}
	if p.sha256 != "" {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: p.sha256}}
	}
	var ids []string
	for _, t := range p.texts {
		for _, id := range t.spdx {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	var licences cdx.Licenses
	if len(ids) == 1 && ids[0] == "Unlicense OR MIT-0" { // an expression stands alone
		licences = cdx.Licenses{{Expression: ids[0]}}
	} else {
		for _, id := range ids {
			licences = append(licences, cdx.LicenseChoice{License: &cdx.License{ID: id}})
		}
	}
	c.Licenses = &licences
	return c
}
