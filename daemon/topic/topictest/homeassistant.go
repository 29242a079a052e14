package topictest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// CheckHomeAssistant checks a device discovery payload against the rules of Home Assistant's MQTT
// integration as of 2026, in our own words:
//
//   - It has a device, an origin with a name, and components; other keys at the root are defaults of
//     all components. Keys may be abbreviated, and "~" may stand for a topic's start or end.
//   - A device has identifiers or connections.
//   - A component has a platform. If it has any other key, it is an entity and has a unique_id;
//     otherwise it is being removed.
//   - object_id is gone; default_entity_id has the platform before its dot.
//   - A device class, a state class and a unit go together as the tables below say.
//
// It knows the platforms that a unit may use, and those of the documentation's examples.
func CheckHomeAssistant(payload []byte) error {
	var root map[string]any
	if err := json.Unmarshal(payload, &root); err != nil {
		return err
	}
	root = long(root, abbreviations)
	if _, has := root["object_id"]; has {
		return errors.New("object_id is no longer accepted")
	}
	if err := checkDevice(root["device"]); err != nil {
		return fmt.Errorf("device: %w", err)
	}
	if err := checkOrigin(root["origin"]); err != nil {
		return fmt.Errorf("origin: %w", err)
	}
	components, ok := root["components"].(map[string]any)
	if !ok || len(components) == 0 {
		return errors.New("there are no components")
	}
	defaults := maps.Clone(root)
	for _, key := range []string{"device", "origin", "components", "~"} {
		delete(defaults, key)
	}
	for key := range defaults {
		if !slices.Contains(shared, key) {
			return fmt.Errorf("%s can't be a default of all components", key)
		}
	}
	base, _ := root["~"].(string)
	ids := map[any]bool{}
	for key, c := range components {
		own, ok := c.(map[string]any)
		if !ok {
			return fmt.Errorf("component %s is no object", key)
		}
		own = long(own, abbreviations)
		if err := checkComponent(own, defaults, base); err != nil {
			return fmt.Errorf("component %s: %w", key, err)
		}
		if id := own["unique_id"]; id != nil && ids[id] {
			return fmt.Errorf("component %s: the unique_id %v is taken", key, id)
		} else if id != nil {
			ids[id] = true
		}
	}
	return nil
}

// abbreviations are short keys. Only those that a unit or an example may need are here.
var abbreviations = map[string]string{
	"dev": "device", "o": "origin", "cmps": "components", "p": "platform", "uniq_id": "unique_id",
	"stat_t": "state_topic", "cmd_t": "command_topic", "avty_t": "availability_topic", "avty": "availability",
	"pl_avail": "payload_available", "pl_not_avail": "payload_not_available", "val_tpl": "value_template",
	"dev_cla": "device_class", "stat_cla": "state_class", "unit_of_meas": "unit_of_measurement", "ic": "icon",
	"ent_cat": "entity_category", "en": "enabled_by_default", "evt_typ": "event_types", "ops": "options",
	"json_attr_t": "json_attributes_topic", "json_attr_tpl": "json_attributes_template", "t": "topic",
	"pl": "payload", "atype": "automation_type", "stype": "subtype", "def_ent_id": "default_entity_id",
	"e": "encoding", "sug_dsp_prc": "suggested_display_precision", "exp_aft": "expire_after", "obj_id": "object_id",
	"pl_on": "payload_on", "pl_off": "payload_off",
}

var deviceAbbreviations = map[string]string{
	"ids": "identifiers", "cns": "connections", "mf": "manufacturer", "mdl": "model", "mdl_id": "model_id",
	"hw": "hw_version", "sw": "sw_version", "sa": "suggested_area", "sn": "serial_number", "cu": "configuration_url",
}

var originAbbreviations = map[string]string{"sw": "sw_version", "url": "support_url"}

// long spells out abbreviated keys.
func long(m map[string]any, short map[string]string) map[string]any {
	all := map[string]any{}
	for key, value := range m {
		if full, is := short[key]; is {
			key = full
		}
		all[key] = value
	}
	return all
}

// shared are the keys that the root may have for all components.
var shared = []string{"state_topic", "command_topic", "availability_topic", "availability", "availability_mode",
	"availability_template", "payload_available", "payload_not_available", "qos", "encoding"}

func checkDevice(value any) error {
	d, ok := value.(map[string]any)
	if !ok {
		return errors.New("is missing")
	}
	d = long(d, deviceAbbreviations)
	if d["identifiers"] == nil && d["connections"] == nil {
		return errors.New("has neither identifiers nor connections")
	}
	for key, v := range d {
		s, isText := v.(string)
		switch key {
		case "identifiers":
			if list, isList := v.([]any); !isText && (!isList || !allText(list)) || isText && s == "" {
				return errors.New("identifiers is neither a text nor a list of texts")
			}
		case "connections":
			list, isList := v.([]any)
			if !isList || slices.ContainsFunc(list, func(pair any) bool {
				p, is := pair.([]any)
				return !is || len(p) != 2 || !allText(p)
			}) {
				return errors.New("connections is no list of pairs")
			}
		case "name", "manufacturer", "model", "model_id", "hw_version", "sw_version", "serial_number", "via_device",
			"suggested_area":
			if !isText {
				return fmt.Errorf("%s is no text", key)
			}
		case "configuration_url":
			u, err := url.Parse(s)
			if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "homeassistant"}, u.Scheme) {
				return errors.New("configuration_url is no address")
			}
		default:
			return fmt.Errorf("%s is unknown", key)
		}
	}
	return nil
}

func allText(list []any) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(v any) bool { s, is := v.(string); return !is || s == "" })
}

func checkOrigin(value any) error {
	o, ok := value.(map[string]any)
	if !ok {
		return errors.New("is missing")
	}
	o = long(o, originAbbreviations)
	for key, v := range o {
		s, isText := v.(string)
		if !isText || s == "" || !slices.Contains([]string{"name", "sw_version", "support_url"}, key) {
			return fmt.Errorf("%s can't be %v", key, v)
		}
	}
	if o["name"] == nil {
		return errors.New("has no name")
	}
	return nil
}

var (
	topicForm = regexp.MustCompile(`^[^+#\x00]+$`)
	iconForm  = regexp.MustCompile(`^[a-z0-9-]+:[a-z0-9-]+$`)
)

// resolve puts the base in the place of "~" at either end of a topic.
func resolve(topic, base string) string {
	if rest, ok := strings.CutPrefix(topic, "~"); ok {
		topic = base + rest
	}
	if rest, ok := strings.CutSuffix(topic, "~"); ok {
		topic = rest + base
	}
	return topic
}
