package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"tacet/config/textfile"
)

// UnitKey is a unit's verifier key, with the site and room in it.
type UnitKey struct {
	Key        string
	Site, Room string
	// Published: the key came over MQTT, where others can publish one too. A person has to compare
	// it.
	Published bool
}

const maxKeyFile = 64 << 10 // bytes

// ReadKey reads a unit's key from one of these: the file that the first start leaves on the card,
// the output of "tacetd status -key", or the unit's state as published over MQTT.
func ReadKey(r io.Reader) (UnitKey, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxKeyFile+1))
	if err == nil && len(data) > maxKeyFile {
		err = fmt.Errorf("is longer than %d bytes", maxKeyFile)
	}
	if err != nil {
		return UnitKey{}, err
	}
	if data, _, err = textfile.Decode(data); err != nil {
		return UnitKey{}, err
	}
	if data = bytes.TrimSpace(data); bytes.HasPrefix(data, []byte("{")) {
		var state struct {
			V       int    `json:"v"`
			UnitKey string `json:"unit_key"`
		}
		if json.Unmarshal(data, &state) != nil || state.UnitKey == "" {
			return UnitKey{}, errors.New("is not a unit's state: it has no unit_key")
		}
		key, err := parseKey(state.UnitKey)
		key.Published = true
		return key, err
	}
	var keys []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			keys = append(keys, line)
		}
	}
	if len(keys) != 1 {
		return UnitKey{}, fmt.Errorf("has %d lines instead of one with a unit's key", len(keys))
	}
	return parseKey(keys[0])
}

func parseKey(key string) (UnitKey, error) {
	site, room, err := Place(key)
	return UnitKey{Key: key, Site: site, Room: room}, err
}

// KeyFile returns the content of a file for ReadKey.
func KeyFile(name string) ([]byte, error) { return textfile.Bytes(name, maxKeyFile) }
