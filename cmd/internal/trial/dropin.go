package trial

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tacet/cmd/internal/rootfile"
	"tacet/daemon/update"
)

// dropInHead starts the drop-in's first line. The version that has failed follows, then why.
const dropInHead = "# tacetd update-check: failed: "

// dropIn is what makes systemd start the previous version. It is also the record that a version has
// failed: it is written first, in one step, so a power cut leaves either the trial or the verdict.
type dropIn struct {
	path  string
	files Files
}

// write makes the service start the program at previous.
func (d dropIn) write(failed update.Failed, previous string) error {
	dir := filepath.Dir(d.path)
	if err := os.Mkdir(dir, 0o755); err == nil {
		if err := rootfile.SyncFolder(filepath.Dir(dir)); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	text := fmt.Sprintf(dropInHead+`%s %s
# The unit went back to the version before. The next version removes this file.
[Service]
ExecStart=
ExecStart=%[3]s
ExecStopPost=
ExecStopPost=-%[3]s lights-out
`, failed.Version, strings.ReplaceAll(failed.Why, "\n", " "), previous)
	return d.files.Write(d.path, []byte(text))
}

// read returns the version that has failed; nil: there is no drop-in.
func (d dropIn) read() (*update.Failed, error) {
	data, err := os.ReadFile(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is none
	}
	if err != nil {
		return nil, err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	version, why, _ := strings.Cut(strings.TrimPrefix(line, dropInHead), " ")
	return &update.Failed{Version: version, Why: why}, nil
}

func (d dropIn) remove() error { return d.files.Remove(d.path) }
