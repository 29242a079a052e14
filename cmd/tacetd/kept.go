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

// keptRecipients is the file, in the service's own folder, of the last recipients that the office's
// signature held for.
const keptRecipients = "recipients.signed"

// loadUnit reads the configuration as the unit does: where the office hasn't signed the recipients,
// the last that it had signed count.
func loadUnit(path, state string) (*config.Config, []config.Problem, error) {
	return config.LoadUnit(path, readKept(state))
}

// readKept is what was kept; nil where it can't be read: then only what lies there counts.
func readKept(state string) []byte {
	f, err := os.Open(filepath.Join(state, keptRecipients))
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

// keep keeps recipients that are good, if they are others than those that were kept.
func keep(cfg *config.Config, state string) error {
	if cfg.Office == nil {
		return nil
	}
	good := cfg.Office.Kept()
	if good == nil || bytes.Equal(good, readKept(state)) {
		return nil
	}
	root, err := os.OpenRoot(state)
	if err == nil {
		defer root.Close()
		err = durable.WriteFile(durable.OS(root), keptRecipients, good)
	}
	if err != nil {
		return fmt.Errorf("keep the recipients that the office has signed: %w", err)
	}
	return nil
}
