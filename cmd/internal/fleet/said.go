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

// Said is a unit's key, and how it came here.
type Said struct {
	Key        string
	Site, Room string
	Published  bool // over MQTT, where whoever may publish for the room can say it: a person has to compare
}

const maxSaid = 64 << 10

// Listen takes what holds a unit's key: the file that a first boot leaves on the card, what "tacetd
// status -key" prints, or the unit's state as it goes over MQTT.
func Listen(r io.Reader) (Said, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSaid+1))
	if err == nil && len(data) > maxSaid {
		err = fmt.Errorf("is longer than %d bytes", maxSaid)
	}
	if err != nil {
		return Said{}, err
	}
	if data, _, err = textfile.Decode(data); err != nil {
		return Said{}, err
	}
	if data = bytes.TrimSpace(data); bytes.HasPrefix(data, []byte("{")) {
		var state struct {
			V       int    `json:"v"`
			UnitKey string `json:"unit_key"`
		}
		if json.Unmarshal(data, &state) != nil || state.UnitKey == "" {
			return Said{}, errors.New("is no state of a unit: it holds no unit_key")
		}
		s, err := said(state.UnitKey)
		s.Published = true
		return s, err
	}
	var keys []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			keys = append(keys, line)
		}
	}
	if len(keys) != 1 {
		return Said{}, fmt.Errorf("holds %d lines, and one is wanted: a unit's key", len(keys))
	}
	return said(keys[0])
}

func said(key string) (Said, error) {
	site, room, err := Place(key)
	return Said{Key: key, Site: site, Room: room}, err
}

// Bytes reads a file for Listen.
func Bytes(name string) ([]byte, error) { return textfile.Bytes(name, maxSaid) }
