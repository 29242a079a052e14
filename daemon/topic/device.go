package topic

import (
	"encoding/json"
	"fmt"
)

// Device describes the unit to Home Assistant, which creates the sensors from it. The payload is
// the "device discovery payload" of Home Assistant's MQTT integration (2024.12 and later):
// https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
//
// It has one component for each thing that somebody may want to see or be notified of. None takes a
// command.
type Device struct {
	Names
	RoomName string   // for people; the room's ID if empty
	Version  string   // of the software
	Stores   []string // names, one sensor each
	Notes    []string // codes of alerts that need no action
	// Gone maps the keys of components that have been removed to their platforms. Home Assistant
	// removes a component that is described by its platform alone; the next description leaves it
	// out. See Components.
	Gone map[string]string
}

type wireDevice struct {
	Device struct {
		Identifiers   []string `json:"identifiers"`
		Name          string   `json:"name"`
		Manufacturer  string   `json:"manufacturer"`
		Model         string   `json:"model"`
		SWVersion     string   `json:"sw_version,omitempty"`
		SuggestedArea string   `json:"suggested_area"`
	} `json:"device"`
	Origin struct {
		Name      string `json:"name"`
		SWVersion string `json:"sw_version,omitempty"`
	} `json:"origin"`
	// The defaults of all components.
	StateTopic          string               `json:"state_topic"`
	AvailabilityTopic   string               `json:"availability_topic"`
	PayloadAvailable    string               `json:"payload_available"`
	PayloadNotAvailable string               `json:"payload_not_available"`
	Components          map[string]component `json:"components"`
}

// component is one sensor, in Home Assistant's terms.
type component struct {
	Platform        string   `json:"platform"`
	UniqueID        string   `json:"unique_id,omitempty"`
	Name            string   `json:"name,omitempty"`
	QoS             *int     `json:"qos,omitempty"` // Home Assistant before 2026.6 ignores the one at the root
	Icon            string   `json:"icon,omitempty"`
	DeviceClass     string   `json:"device_class,omitempty"`
	StateClass      string   `json:"state_class,omitempty"`
	Unit            string   `json:"unit_of_measurement,omitempty"`
	Precision       *int     `json:"suggested_display_precision,omitempty"`
	Options         []string `json:"options,omitempty"`
	EventTypes      []string `json:"event_types,omitempty"`
	EntityCategory  string   `json:"entity_category,omitempty"`
	Enabled         *bool    `json:"enabled_by_default,omitempty"`
	StateTopic      string   `json:"state_topic,omitempty"`
	ValueTemplate   string   `json:"value_template,omitempty"`
	AttributesTopic string   `json:"json_attributes_topic,omitempty"`
	Attributes      string   `json:"json_attributes_template,omitempty"`
}

// MarshalJSON returns one line of JSON.
func (d Device) MarshalJSON() ([]byte, error) {
	var w wireDevice
	name := d.RoomName
	if name == "" {
		name = d.Room
	}
	w.Device.Identifiers = []string{d.deviceID()}
	w.Device.Name = "Tacet " + name
	w.Device.Manufacturer = "Tacet"
	w.Device.Model = "wall unit"
	w.Device.SWVersion = d.Version
	w.Device.SuggestedArea = name
	w.Origin.Name = "tacetd"
	w.Origin.SWVersion = d.Version
	w.StateTopic = d.State()
	w.AvailabilityTopic = d.Availability()
	w.PayloadAvailable, w.PayloadNotAvailable = Online, Offline
	w.Components = map[string]component{}
	for key, platform := range d.Gone {
		w.Components[key] = component{Platform: platform}
	}
	qos := 1
	for key, c := range d.components() {
		c.UniqueID, c.QoS = d.deviceID()+"_"+key, &qos
		w.Components[key] = c
	}
	return compact(w)
}

// Platforms are those of the components that a unit has, or has had in an earlier version.
func Platforms() []string { return []string{"binary_sensor", "event", "sensor"} }

// Components maps the keys of all components to their platforms, which are needed to remove one
// later.
func (d Device) Components() map[string]string {
	all := map[string]string{}
	for key, c := range d.components() {
		all[key] = c.Platform
	}
	return all
}

func (d Device) components() map[string]component {
	one, off := 1, false
	const diagnostic = "diagnostic"
	all := map[string]component{
		"phase": choice("Phase", "phase", "mdi:microphone", phases),
		"recording": {Platform: "binary_sensor", Name: "Recording", Icon: "mdi:record-rec", DeviceClass: "running",
			ValueTemplate: "{{ 'ON' if value_json.phase == 'recording' else 'OFF' }}"},
		"since": {Platform: "sensor", Name: "Since", DeviceClass: "timestamp", ValueTemplate: stateField("since")},
		"problem": {Platform: "binary_sensor", Name: "Problem", DeviceClass: "problem", ValueTemplate: d.problem(),
			AttributesTopic: d.State(), Attributes: "{{ {'alerts': value_json.alerts, 'remedy': value_json.remedy} | tojson }}"},
		"alerts": {Platform: "sensor", Name: "Alerts", Icon: "mdi:alert",
			ValueTemplate: "{{ (value_json.alerts or 'none')[:255] }}", AttributesTopic: d.State(),
			Attributes: "{{ {'remedy': value_json.remedy} | tojson }}"},
		"remedy": {Platform: "sensor", Name: "What to do", Icon: "mdi:wrench",
			ValueTemplate: "{{ value_json.remedy or 'nothing' }}"},
		"spool_free_h": {Platform: "sensor", Name: "Room left", DeviceClass: "duration", StateClass: "measurement",
			Unit: "h", Precision: &one, ValueTemplate: stateField("spool_free_h")},
		"pending": {Platform: "sensor", Name: "Copies pending", Icon: "mdi:tray-full", StateClass: "measurement",
			ValueTemplate: stateField("pending")},
		"oldest_pending_h": {Platform: "sensor", Name: "Oldest pending copy", DeviceClass: "duration",
			StateClass: "measurement", Unit: "h", Precision: &one, ValueTemplate: stateField("oldest_pending_h")},
		"event": {Platform: "event", Name: "Event", Icon: "mdi:bell-ring", StateTopic: d.Event(), EventTypes: eventTypes},

		"mic":   choice("Microphone", "mic", "mdi:microphone-settings", mics).in(diagnostic),
		"light": choice("Light", "light", "mdi:led-on", lights).in(diagnostic),
		"clock": choice("Clock", "clock", "mdi:clock-check", clocks).in(diagnostic),
		"config": {Platform: "sensor", Name: "Configuration", Icon: "mdi:file-cog", EntityCategory: diagnostic,
			Enabled: &off, ValueTemplate: stateField("config")},
		"recipients": {Platform: "sensor", Name: "Recipients", Icon: "mdi:key", EntityCategory: diagnostic, Enabled: &off,
			ValueTemplate: stateField("recipients")},
		"heartbeat": {Platform: "sensor", Name: "Heartbeat", DeviceClass: "timestamp", EntityCategory: diagnostic,
			Enabled: &off, StateTopic: d.Heartbeat()},
	}
	for _, store := range d.Stores {
		key := storePrefix + store
		all[key] = choice("Store "+store, key, "mdi:content-save", storeStates)
	}
	return all
}

// problem is the template that says whether any alert needs action.
func (d Device) problem() string {
	notes := ""
	for _, code := range d.Notes {
		notes += ", '" + code + "'"
	}
	return "{{ 'ON' if value_json.alerts.split(',') | reject('in', [''" + notes + "]) | list else 'OFF' }}"
}

// choice is a sensor whose value is one of words.
func choice(name, key, icon string, words []string) component {
	return component{Platform: "sensor", Name: name, Icon: icon, DeviceClass: "enum", Options: words,
		ValueTemplate: stateField(key)}
}

func (c component) in(category string) component {
	c.EntityCategory = category
	return c
}

// stateField is the template that reads one field of the state. A null or missing field gives
// "None", which Home Assistant shows as unknown.
func stateField(key string) string {
	return fmt.Sprintf("{{ value_json['%s'] | default(none) }}", key)
}

var _ json.Marshaler = Device{}
