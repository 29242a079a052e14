package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
)

// Hash stands for what the file says: the same for two files that differ only in remarks, in order
// or in writing out a default. It tells of changed recipients even where the file that names them
// is the same. It is published, and nobody may find another configuration of the same hash: it is
// the first 128 bits of SHA-256, in hexadecimal.
func (c *Config) Hash() string {
	data, err := json.Marshal(c)
	if err != nil {
		panic("config: " + err.Error()) // texts, numbers and lists of them: json takes them all
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// Changed names the sections, as the file writes them, in which two configs differ.
func Changed(before, after *Config) []string {
	names := map[string]string{"Buttons": "button", "StatusLight": "status_light", "Stores": "store", "MQTT": "mqtt",
		"Room": "room", "Unit": "unit", "Consent": "consent", "Light": "light", "Door": "door", "Audio": "audio",
		"Encrypt": "encrypt", "Office": "office", "Spool": "spool",
		"Card": "card"}
	var changed []string
	a, b := reflect.ValueOf(*before), reflect.ValueOf(*after)
	for i := range a.NumField() {
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			changed = append(changed, names[a.Type().Field(i).Name])
		}
	}
	return changed
}
