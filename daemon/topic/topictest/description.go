package topictest

import (
	"bytes"
	"encoding/json"
	"errors"
)

// Description holds every field that a unit's description for Home Assistant may have.
type Description struct {
	Device struct {
		Identifiers   []string
		Name          string
		Manufacturer  string
		Model         string
		SWVersion     string `json:"sw_version"`
		SuggestedArea string `json:"suggested_area"`
	}
	Origin struct {
		Name      string
		SWVersion string `json:"sw_version"`
	}
	StateTopic          string `json:"state_topic"`
	AvailabilityTopic   string `json:"availability_topic"`
	PayloadAvailable    string `json:"payload_available"`
	PayloadNotAvailable string `json:"payload_not_available"`
	Components          map[string]Component
}

// Component is one sensor of a Description.
type Component struct {
	Platform        string
	UniqueID        string `json:"unique_id"`
	Name            string
	QoS             int
	Icon            string
	DeviceClass     string   `json:"device_class"`
	StateClass      string   `json:"state_class"`
	Unit            string   `json:"unit_of_measurement"`
	Precision       int      `json:"suggested_display_precision"`
	Options         []string `json:"options"`
	EventTypes      []string `json:"event_types"`
	EntityCategory  string   `json:"entity_category"`
	Enabled         bool     `json:"enabled_by_default"`
	StateTopic      string   `json:"state_topic"`
	ValueTemplate   string   `json:"value_template"`
	AttributesTopic string   `json:"json_attributes_topic"`
	Attributes      string   `json:"json_attributes_template"`
}

func checkDescription(payload []byte) error {
	if _, err := compactObject(payload); err != nil {
		return err
	}
	var d Description
	strict := json.NewDecoder(bytes.NewReader(payload))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&d); err != nil {
		return err
	}
	if len(d.Components) == 0 || len(d.Device.Identifiers) != 1 {
		return errors.New("describes no device")
	}
	return CheckHomeAssistant(payload)
}
