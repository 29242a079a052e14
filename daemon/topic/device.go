package topic

import (
	"encoding/json"
	"fmt"
)

// Device describes the unit to Home Assistant, which then makes its sensors by itself. The payload
// is the "device discovery payload" of Home Assistant's MQTT integration (2024.12 and later):
// https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
//
// There is one component for each thing that somebody may want to see or to be told about; none
// takes a command.
type Device struct {
	Names
	RoomName string   // as people call it; the room's ID if empty
	Version  string   // the software's
	Stores   []string // names, one sensor each
	Notes    []string // codes of alerts that need nobody
	// Gone are components that were described before and are no more, by their keys, with their
	// platforms. Home Assistant removes what is described by its platform alone; after that it is
	// left out. See Components.
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
	// What follows holds for every component that doesn't say otherwise.
	StateTopic          string               `json:"state_topic"`
	AvailabilityTopic   string               `json:"availability_topic"`
	PayloadAvailable    string               `json:"payload_available"`
	PayloadNotAvailable string               `json:"payload_not_available"`
	Components          map[string]component `json:"components"`
}

// component is one sensor, in Home Assistant's words.
type component struct {
	Platform        string   `json:"platform"`
	UniqueID        string   `json:"unique_id,omitempty"`
	Name            string   `json:"name,omitempty"`
	QoS             *int     `json:"qos,omitempty"` // that of the root counts only since Home Assistant 2026.6
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

// MarshalJSON writes one line of JSON.
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

// Components are the platforms of what the description holds, by key: what has to be remembered to
// take one away later.
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

// problem says whether there is an alert that needs somebody.
func (d Device) problem() string {
	notes := ""
	for _, code := range d.Notes {
		notes += ", '" + code + "'"
	}
	return "{{ 'ON' if value_json.alerts.split(',') | reject('in', [''" + notes + "]) | list else 'OFF' }}"
}

// choice is a sensor that says one of a few words.
func choice(name, key, icon string, words []string) component {
	return component{Platform: "sensor", Name: name, Icon: icon, DeviceClass: "enum", Options: words,
		ValueTemplate: stateField(key)}
}

func (c component) in(category string) component {
	c.EntityCategory = category
	return c
}

// stateField is the template that takes one field out of the state. A field that is null or missing
// makes "None", which Home Assistant shows as unknown.
func stateField(key string) string {
	return fmt.Sprintf("{{ value_json['%s'] | default(none) }}", key)
}

// checkDevice insists on the declared fields of the description; their values are made here and
// nowhere else.
func checkDevice(payload []byte) error {
	if _, err := object(payload); err != nil {
		return err
	}
	var w wireDevice
	if err := strict(payload, &w); err != nil {
		return err
	}
	if len(w.Components) == 0 || len(w.Device.Identifiers) != 1 {
		return fmt.Errorf("describes no device")
	}
	return nil
}

var _ json.Marshaler = Device{}
