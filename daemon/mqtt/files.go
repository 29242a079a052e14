package mqtt

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tacet/config/textfile"
	"tacet/daemon/durable"
)

// Bounds of the credential files, in bytes. A list of authorities is the longest; MQTT allows no
// longer password.
const (
	maxCredential = 1 << 20
	maxPassword   = 65535
)

// CredentialFiles are the paths of the files with the credentials; empty: there is none.
type CredentialFiles struct{ Password, CA, Cert, Key string }

// Read reads them. It may block for as long as the disk does.
func (f CredentialFiles) Read() (Credentials, error) {
	var c Credentials
	var failed []error
	if f.Password != "" {
		password, err := textfile.Value(f.Password, maxPassword)
		c.Password, failed = password, append(failed, err)
	}
	for _, file := range []struct {
		path string
		to   *[]byte
	}{{f.CA, &c.CA}, {f.Cert, &c.Cert}, {f.Key, &c.Key}} {
		if file.path == "" {
			continue
		}
		text, err := textfile.Read(file.path, maxCredential)
		*file.to, failed = text, append(failed, err)
	}
	return c, errors.Join(failed...)
}

const (
	descriptionName = "homeassistant.json"
	maxDescription  = 64 << 10 // bytes
	// loadTime bounds how long New waits for a disk: without the file the unit is described all the
	// same.
	loadTime = 2 * time.Second
)

// DescriptionFile is a DescriptionStore in a file in the unit's state folder.
type DescriptionFile struct {
	Folder func() (durable.FS, error)
	Log    *slog.Logger
}

// Load reads the file. It waits for a disk that does not answer, but not forever.
func (f DescriptionFile) Load() ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		folder, err := f.Folder()
		if err != nil {
			done <- result{nil, err}
			return
		}
		data, err := durable.ReadFile(folder, descriptionName, maxDescription)
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-time.After(loadTime):
		return nil, fmt.Errorf("read %s: the disk does not answer", descriptionName)
	}
}

// Save writes the file.
func (f DescriptionFile) Save(data []byte) error {
	folder, err := f.Folder()
	if err == nil {
		err = durable.WriteFile(folder, descriptionName, data)
	}
	if err != nil {
		f.Log.Warn("save what Home Assistant was told", "err", err)
	}
	return err
}
