package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
)

// Hash identifies what the file says. It ignores comments, order, and defaults that are written
// out. It includes the recipients themselves, not only the name of their file. It is published, so
// nobody may find another configuration with the same hash: it is the first 128 bits of SHA-256, in
// hexadecimal.
func (c *Config) Hash() string {
	data, err := json.Marshal(c)
	if err != nil {
		panic("config: " + err.Error()) // it consists of strings, numbers and lists
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// Changed returns the sections, as the file names them, in which two configs differ.
func Changed(before, after *Config) []string {
	names := map[string]string{"Buttons": "button", "StatusLight": "status_light", "Stores": "store", "MQTT": "mqtt",
		"Room": "room", "Unit": "unit", "Consent": "consent", "Light": "light", "Door": "door", "Buzzer": "buzzer",
		"Audio":   "audio",
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
