package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"tacet/config"
	"tacet/config/bounded"
	"tacet/daemon/durable"
)

// signedRecipients is the file, in the service's own folder, of the last recipients that carried
// the office's signature.
const signedRecipients = "recipients.signed"

// loadUnit reads the configuration as the unit does: if the office has not signed the recipients,
// the last signed ones count.
func loadUnit(path, state string) (*config.Config, []config.Problem, error) {
	return config.LoadUnit(path, readSigned(state))
}

// readSigned returns what was kept, or nil if it can't be read.
func readSigned(state string) []byte {
	f, err := os.Open(filepath.Join(state, signedRecipients))
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := bounded.ReadAll(f, config.MaxKept)
	if err != nil && !errors.Is(err, bounded.ErrTooLong) { // config refuses what is too long
		return nil
	}
	return data
}

// keepSigned keeps newly signed recipients.
func keepSigned(cfg *config.Config, state string) error {
	if cfg.Office == nil {
		return nil
	}
	good := cfg.Office.Kept()
	if good == nil || bytes.Equal(good, readSigned(state)) {
		return nil
	}
	root, err := os.OpenRoot(state)
	if err == nil {
		defer root.Close()
		err = durable.WriteFile(durable.OS(root), signedRecipients, good)
	}
	if err != nil {
		return fmt.Errorf("keep the signed recipients: %w", err)
	}
	return nil
}
