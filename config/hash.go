package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"slices"
)

// Hash is a short name for what the file says: the same for two files that differ only in remarks, in order or in writing
// out a default. It tells of changed recipients even where the file that names them is the same.
func (c *Config) Hash() string { return shortHash(c) }

// Hash is a short name for the recipients, in whatever order they are named.
func (e Encrypt) Hash() string {
	sorted := slices.Sorted(slices.Values(e.Recipients))
	return shortHash(sorted)
}

func shortHash(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic("config: " + err.Error()) // texts, numbers and lists of them: json takes them all
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}

// Changed names the sections, as the file writes them, in which two configs differ.
func Changed(before, after *Config) []string {
	names := map[string]string{"Buttons": "button", "StatusLight": "status_light", "Stores": "store", "MQTT": "mqtt",
		"Room": "room", "Unit": "unit", "Consent": "consent", "Light": "light", "Door": "door", "Audio": "audio",
		"Encrypt": "encrypt", "Spool": "spool"}
	var changed []string
	a, b := reflect.ValueOf(*before), reflect.ValueOf(*after)
	for i := range a.NumField() {
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			changed = append(changed, names[a.Type().Field(i).Name])
		}
	}
	return changed
}
